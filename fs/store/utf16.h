/* utf16.h: UTF-16LE with a byte order mark, as the service writes TSV (API.md 3.5), becomes UTF-8
 * without one, piece by piece. What does not begin with that mark is passed on as it is. Threads:
 * one at a time. */
#ifndef QXFS_STORE_UTF16_H
#define QXFS_STORE_UTF16_H

#include <stddef.h>

struct utf16;

/* Takes bytes of the result: 0, or a negative errno that ends it. */
typedef int utf16_sink_fn(void *arg, const void *bytes, size_t len);

struct utf16 *utf16_new(utf16_sink_fn *sink, void *arg); /* NULL: no memory */
/* Any number of bytes; -EBADMSG: half a character pair, else the sink's error. */
int utf16_feed(struct utf16 *u, const void *bytes, size_t len);
/* No more will come: -EBADMSG if it ends inside a character. */
int utf16_end(struct utf16 *u);
void utf16_free(struct utf16 *u); /* NULL is fine */

#endif
