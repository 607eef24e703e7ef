/* strict.h: is this JSON, by the letter (RFC 8259)? Bytes come in pieces of any size; memory does
 * not grow with them. Refuses what parsers in use let through: NaN, single quotes, "1.", "-01", raw
 * control characters, unknown escapes, bad UTF-8, anything but white space after the value.
 *
 * Threads: one at a time. Errors: 0 or -EBADMSG, -ENOMEM; final once not 0.
 */
#ifndef QXFS_BASE_STRICT_H
#define QXFS_BASE_STRICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strict;

/* The value must be an object; max_depth counts objects and arrays inside each other. */
int strict_new(unsigned max_depth, struct strict **ret);
void strict_free(struct strict *s);
/* Before the first byte: the value may be what one of these brackets opens ("{["), and
 * strict_bad_at will know. Slower. */
void strict_be_exact(struct strict *s, const char *roots);
/* 0: these bytes, after those before, are the beginning of such a value. */
int strict_feed(struct strict *s, const char *bytes, size_t len);
int strict_finish(struct strict *s);
/* After -EBADMSG: which of the bytes fed, from 0, is wrong, or begins a string or word that is;
 * their number, if more were expected. The same for all pieces the bytes may come in. */
uint64_t strict_bad_at(const struct strict *s);
/* A number or a word that is not yet known to be one: its end has not come. */
bool strict_in_word(const struct strict *s);
/* Of what was fed: objects and arrays, and the commas in them. */
void strict_count(const struct strict *s, size_t *ret_opened, size_t *ret_commas);

#endif
