/* secret.c: a credential in pages of its own, so that locking, leaving it out of core dumps and
 * wiping touch nothing else and malloc never holds a copy. */
#include <qxfs/base/secret.h>

#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <qxfs/base/buf.h>

struct secret {
	size_t map_len;
	size_t len;
	char text[];
};

struct secret *secret_new(char *text)
{
	size_t len = strlen(text);
	size_t map_len = sizeof(struct secret) + len + 1;

	struct secret *s =
		mmap(NULL, map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return NULL;

	/* Both are best effort: RLIMIT_MEMLOCK may be 0, and a secret in swap beats no mount. */
	(void)mlock(s, map_len);
	(void)madvise(s, map_len, MADV_DONTDUMP);

	s->map_len = map_len;
	s->len = len;
	memcpy(s->text, text, len + 1);
	explicit_bzero(text, len);
	return s;
}

struct secret *secret_new_basic(const char *user, const struct secret *s)
{
	struct buf plain = { 0 };
	struct secret *basic = NULL;

	buf_add_str(&plain, user);
	buf_add_str(&plain, ":");
	buf_add(&plain, s->text, s->len);
	size_t size = (plain.len + 2) / 3 * 4 + 1;
	char *code = buf_failed(&plain) || plain.len > INT_MAX / 2 ? NULL : malloc(size);
	if (code) {
		(void)EVP_EncodeBlock((unsigned char *)code, (const unsigned char *)plain.data,
		                      (int)plain.len);
		basic = secret_new(code); /* wipes it */
	}
	if (plain.data)
		explicit_bzero(plain.data, plain.cap);
	buf_done(&plain);
	secret_free_text(code);
	return basic;
}

void secret_free(struct secret *s)
{
	if (!s)
		return;
	size_t map_len = s->map_len;
	explicit_bzero(s, map_len);
	(void)munmap(s, map_len); /* cannot fail for a mapping of our own */
}

size_t secret_len(const struct secret *s)
{
	return s->len;
}

const char *secret_reveal(const struct secret *s)
{
	return s->text;
}

void secret_free_text(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}
