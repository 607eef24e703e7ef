/* hash.c: names for things. The length before each part is 8 bytes, big-endian: the names last on
 * disk, so they must not depend on the machine. */
#include <qxfs/base/hash.h>

#include <pthread.h>
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

static void digest(unsigned char out[DIGEST_SIZE], const char *const parts[])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, fetch_sha256);

	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = ctx && sha256 && EVP_DigestInit_ex(ctx, sha256, NULL);
	for (size_t i = 0; ok && parts[i]; i++)
		ok = add_part(ctx, parts[i]);
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL);
	EVP_MD_CTX_free(ctx);

	/* Only without any memory. A made-up name could show one file's bytes under another's name,
	 * which is worse than to end. */
	if (!ok)
		abort();
}

void hash_hex(char out[HASH_HEX_SIZE], const char *const parts[])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[DIGEST_SIZE];

	digest(bytes, parts);
	for (size_t i = 0; i < (HASH_HEX_SIZE - 1) / 2; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[HASH_HEX_SIZE - 1] = '\0';
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
