/* park.h: the lot, where a request waits for its answer or for its caller to give up.
 *
 * A parked request holds no thread and no lock of ours. Whoever gives up gives up the wait, never
 * the job. The states are drawn in park.c.
 *
 * Threads: any, holding no lock. Guards: lot.lock, a leaf (rank 5).
 */
#ifndef QXFS_FRONT_PARK_H
#define QXFS_FRONT_PARK_H

#include <fuse_lowlevel.h>

#include <qxfs/tree/tree.h>

struct lot;
struct notifier;

#define LOT_MAX 65536 /* requests that wait at once; one more is answered ENFILE */

/* Both are borrowed and outlive the lot. */
int lot_new(struct tree *tree, struct notifier *notifier, struct lot **ret);
/* What waits. */
struct parked {
	struct tree_ask ask;
	/* How it is answered when the wait is over: on the lot's own thread, which may read local
	 * files; the handle that the tree gives, if it does, is its own then. NULL: with that
	 * handle, as OPEN and OPENDIR are. */
	void (*answer)(struct tree *tree, fuse_req_t req, const struct parked *p,
	               struct tree_handle *handle);
	size_t size; /* its own; */
	off_t off;
	bool plus;
};
/* Takes the request over and has it answered, perhaps before it returns. */
void lot_park(struct lot *lot, fuse_req_t req, const struct parked *what,
              const struct tree_caller *who);
/* Answers all that is parked with EINTR, and from now on what wants to park. Returns when every
 * `done` of the tree has come. */
void lot_close(struct lot *lot);
/* Closed before, and the notifier stopped. */
void lot_free(struct lot *lot);

#endif
