/* hash.c: names for things. The length before each part is 8 bytes, big-endian: the names last on
 * disk, so they must not depend on the machine. */
#include <qxfs/base/hash.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define DIGEST_SIZE 32

static EVP_MD *sha256; /* looked up once: with EVP_sha256() OpenSSL 3 would, at every name */

static void fetch_sha256(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static void put_u64(unsigned char out[8], uint64_t n)
{
	for (int i = 7; i >= 0; i--, n >>= 8)
		out[i] = (unsigned char)n;
}

static int add_part(EVP_MD_CTX *ctx, const char *part)
{
	unsigned char prefix[8];
	size_t len = strlen(part);
	put_u64(prefix, len);
	return EVP_DigestUpdate(ctx, prefix, sizeof(prefix)) && EVP_DigestUpdate(ctx, part, len);
}

static EVP_MD_CTX *new_context(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, fetch_sha256);

	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (ctx && !(sha256 && EVP_DigestInit_ex(ctx, sha256, NULL))) {
		EVP_MD_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static void digest(unsigned char out[DIGEST_SIZE], const char *const parts[])
{
	EVP_MD_CTX *ctx = new_context();
	int ok = ctx != NULL;
	for (size_t i = 0; ok && parts[i]; i++)
		ok = add_part(ctx, parts[i]);
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL);
	EVP_MD_CTX_free(ctx);

	/* Only without any memory. A made-up name could show one file's bytes under another's name,
	 * which is worse than to end. */
	if (!ok)
		abort();
}

static void put_hex(char *out, const unsigned char *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

void hash_hex(char out[HASH_HEX_SIZE], const char *const parts[])
{
	unsigned char bytes[DIGEST_SIZE];

	digest(bytes, parts);
	put_hex(out, bytes, (HASH_HEX_SIZE - 1) / 2);
}

uint64_t hash_u64(const char *const parts[])
{
	unsigned char bytes[DIGEST_SIZE];
	uint64_t n = 0;

	digest(bytes, parts);
	for (size_t i = 0; i < sizeof(n); i++)
		n = n << 8 | bytes[i];
	return n;
}

uint64_t hash_quick(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h;
}

/* --- contents ----------------------------------------------------------------------------------
 */

struct digest {
	EVP_MD_CTX *ctx;
	bool failed;
};

struct digest *digest_new(void)
{
	struct digest *d = calloc(1, sizeof(*d));
	if (d)
		d->ctx = new_context();
	if (d && !d->ctx) {
		free(d);
		d = NULL;
	}
	return d;
}

void digest_add(struct digest *d, const void *bytes, size_t len)
{
	d->failed = !EVP_DigestUpdate(d->ctx, bytes, len) || d->failed;
}

int digest_hex(const struct digest *d, char out[DIGEST_HEX_SIZE])
{
	unsigned char bytes[DIGEST_SIZE];
	EVP_MD_CTX *copy = EVP_MD_CTX_new();

	bool good = !d->failed && copy && EVP_MD_CTX_copy_ex(copy, d->ctx) &&
	            EVP_DigestFinal_ex(copy, bytes, NULL);
	EVP_MD_CTX_free(copy);
	if (!good)
		return -ENOMEM;
	put_hex(out, bytes, DIGEST_SIZE);
	return 0;
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}
