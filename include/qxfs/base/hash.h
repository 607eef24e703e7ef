/* hash.h: names for things: SHA-256 over parts, each part preceded by its length so that
 * ("ab","c") and ("a","bc") differ. Threads: any. */
#ifndef QXFS_BASE_HASH_H
#define QXFS_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_HEX_SIZE 33 /* 32 hexadecimal digits (128 bits) and a NUL */

/* parts: NULL-terminated list of C strings. */
void hash_hex(char out[HASH_HEX_SIZE], const char *const parts[]);
uint64_t hash_u64(const char *const parts[]);

/* FNV-1a: for tables in memory, and to see a change; no defence against anybody. */
uint64_t hash_quick(const void *bytes, size_t len);

/* SHA-256 of bytes that come in pieces, for identity of contents. One thread at a time. */
#define DIGEST_HEX_SIZE 65
struct digest;
struct digest *digest_new(void); /* NULL: no memory */
void digest_add(struct digest *d, const void *bytes, size_t len);
/* Of all so far; more may be added afterwards. -ENOMEM */
int digest_hex(const struct digest *d, char out[DIGEST_HEX_SIZE]);
void digest_free(struct digest *d); /* NULL is fine */

#endif
