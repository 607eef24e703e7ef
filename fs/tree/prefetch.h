/* prefetch.h: -o prefetch=N: the N exports that were opened last, and what is made from them, are
 * kept fresh: when the freshness of one ends, what an open would do is done for nobody.
 *
 * Not what nothing but a new export can tell about. One that fails, and one that nobody has opened
 * for a day, is left alone until it is opened again. Guard: tree.lock, but for what says otherwise.
 */
#ifndef QXFS_TREE_PREFETCH_H
#define QXFS_TREE_PREFETCH_H

#include "house.h"

/* *ret NULL: the mount keeps none fresh. -ENOMEM */
int prefetch_new(struct tree *t, struct prefetch **ret);
/* After jobs_free: no errand comes any more. NULL is fine. */
void prefetch_free(struct prefetch *p);
/* Somebody has opened it. Any thread; takes tree.lock. */
void prefetch_note(struct tree *t, const struct node_row *row, const char *arg,
                   const struct tree_caller *who);

#endif
