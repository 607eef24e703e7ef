/* pollers.h: who polls .qxfs/events, and is woken when something happens.
 *
 * The kernel asks once (POLL with a poll handle) and is answered at once; when more is there it is
 * told once, by that poll handle, and asks again. A handle has the newest poll handle only.
 *
 * Threads: any, holding no lock. The kernel is told from the notifier's thread, never from inside a
 * request. Guard: pollers.lock (rank 5), a leaf.
 */
#ifndef QXFS_FRONT_POLLERS_H
#define QXFS_FRONT_POLLERS_H

#include <stdbool.h>

#include <qxfs/base/events.h>
#include <qxfs/tree/tree.h>

#include "notify.h"

struct fuse_pollhandle;
struct pollers;

/* Both borrowed; events may be NULL: then nothing ever happens. */
int pollers_new(struct events *events, struct notifier *notifier, struct pollers **ret);
/* Takes ph. Without memory for it the poller is not woken. */
void pollers_join(struct pollers *p, const struct tree_handle *h, struct fuse_pollhandle *ph);
void pollers_leave(struct pollers *p, const struct tree_handle *h); /* it is being closed */
/* Nothing is posted to the notifier any more. Before notifier_stop. */
void pollers_stop(struct pollers *p);
void pollers_free(struct pollers *p); /* before the session goes; takes NULL */

#endif
