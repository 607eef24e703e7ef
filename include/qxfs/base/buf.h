/* buf.h: bytes that grow.
 *
 * A zeroed struct is an empty buffer. `data` is always followed by a NUL once something was added,
 * so text can be read as a C string. When memory runs out the buffer becomes `failed`: it keeps
 * what it has, every later addition does nothing, and the caller asks buf_failed() once at the end.
 *
 * Threads: a buffer belongs to one thread at a time.
 */
#ifndef QXFS_BASE_BUF_H
#define QXFS_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* NULL while nothing was ever added */
	size_t len;
	size_t cap;
	bool failed;
};

void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_add_str(struct buf *b, const char *text);
/* What may hold NULs as a C string: each becomes U+FFFD. */
void buf_add_text(struct buf *b, const char *text, size_t len);
/* What somebody else named, within a line or a field: control characters become '?'. */
void buf_add_plain(struct buf *b, const char *text);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; control characters escaped, bad UTF-8 replaced by U+FFFD. */
void buf_add_json(struct buf *b, const char *text);
/* ,"NAME":TEXT of an object; the name is a plain word. */
void buf_add_member(struct buf *b, const char *name, const char *text);
/* A CSV cell, quoted only where needed (RFC 4180). NULL adds nothing. */
void buf_add_csv(struct buf *b, const char *text);
/* Percent-encodes all but unreserved characters (RFC 3986). */
void buf_add_url(struct buf *b, const char *text);
void buf_clear(struct buf *b); /* empty again, memory kept */
bool buf_failed(const struct buf *b);
/* The text so far, "" when nothing was added; borrowed until the next change. */
const char *buf_text(const struct buf *b);
/* Hands the bytes to the caller (free() them), NULL if the buffer failed; the buffer is empty then.
 */
char *buf_steal(struct buf *b);
void buf_done(struct buf *b);

#endif
