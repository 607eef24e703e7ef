/* long_waits.h: opens that the mount's owner has waited for so long that he is to be told: by the
 * events wait-long, and then one of wait-over, wait-failed and wait-left (base/events.h).
 *
 * One for each file, however many programs wait, from the first of them to the last. Not for qxfs
 * itself, which shows what it does; what nobody waits for, and what crawlers get, never comes here.
 * Folders are bounded anyway. Beyond so many files at once the others go untold.
 *
 * Threads: any, holding no lock. Guard: long_waits.lock, a leaf (rank 5); events are told without
 * it, of each file in order. */
#ifndef QXFS_TREE_LONG_WAITS_H
#define QXFS_TREE_LONG_WAITS_H

#include "house.h"

#define LONG_WAITS_MAX 1024

struct long_wait;

/* *ret NULL: nobody is to be told. -ENOMEM */
int long_waits_new(struct tree *t, struct long_waits **ret);
/* After jobs_free: no errand comes any more. NULL is fine. */
void long_waits_free(struct long_waits *all);

/* Somebody begins to wait. NULL: that is not to be told. */
struct long_wait *long_wait_begin(struct tree *t, const struct node_row *row, const char *arg,
                                  enum tree_verb verb, const struct tree_caller *who);
/* He waits no more; err as tree_done_fn has it. NULL is fine. */
void long_wait_end(struct tree *t, struct long_wait *w, int err);

#endif
