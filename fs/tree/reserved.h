/* reserved.h: who has had a bare name, among objects of a kind: the first who bears it keeps it,
 * whatever becomes of him or it, so that a path never leads to another object than before.
 *
 * As text a line for each: the id, a blank, the folded name; oldest first. Not thread-safe: the
 * caller guards it. Errors: -ENOMEM. */
#ifndef QXFS_TREE_RESERVED_H
#define QXFS_TREE_RESERVED_H

#include <stdbool.h>
#include <stddef.h>

#include <qxfs/base/buf.h>

/* Names that nobody bears any more: so many are remembered, the last ones. */
#define RESERVED_SPARE 10000

struct reserved;

struct reserved *reserved_new(void); /* NULL: no memory */
void reserved_free(struct reserved *r);
/* Who has had it first; NULL: nobody. */
const char *reserved_owner(const struct reserved *r, const char *key);
/* `id` bears it now. If somebody else has had it first, nothing changes. */
int reserved_bear(struct reserved *r, const char *key, const char *id);
/* Adds what was written; lines that are none are left out. What is there already stays. */
int reserved_read(struct reserved *r, const char *text, size_t len);
/* Adds what `from` has, what is there already stays; with `bearers` who bears a name there bears it
 * here. */
int reserved_add(struct reserved *r, const struct reserved *from, bool bearers);
/* Is there anything that did not come from reserved_read? */
bool reserved_has_news(const struct reserved *r);
void reserved_write(const struct reserved *r, struct buf *out);

#endif
