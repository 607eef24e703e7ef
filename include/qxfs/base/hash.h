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

#endif
