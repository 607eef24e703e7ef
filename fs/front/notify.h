/* notify.h: one thread that tells the kernel what it may no longer believe.
 *
 * A notification must not be sent while its sender executes a request (libfuse's
 * README.notifications), so a FUSE worker hands it over, and what has to come after it too.
 *
 * Threads: any, holding no lock; `then` runs on the notifier's thread, or, when that has been
 * stopped, within the call.
 * Guards: none of its own; the queue is the worker's.
 */
#ifndef QXFS_FRONT_NOTIFY_H
#define QXFS_FRONT_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include <qxfs/base/worker.h>

struct fuse_session;
struct notifier;

/* Embedded by its owner, who may free it in `then`. */
struct notice {
	struct task task;
	struct notifier *notifier;
	uint64_t node;    /* whose attributes; or the folder of */
	const char *name; /* the name; borrowed until `then` */
	void (*then)(struct notice *n);
};

int notifier_new(struct fuse_session *fuse, struct notifier **ret);
/* The kernel drops the attributes of `node`, never its pages (that may block behind a reader); then
 * `then` is called, also when the kernel did not know the node. */
void notify_attr(struct notifier *nr, struct notice *n, uint64_t node,
                 void (*then)(struct notice *n));
/* The kernel forgets what `name` in the folder `parent` leads to: the next use looks it up. */
void notify_name(struct notifier *nr, struct notice *n, uint64_t parent, const char *name,
                 void (*then)(struct notice *n));
/* Runs a task on that thread, for what else must be told from there. False: it has been stopped. */
bool notifier_post(struct notifier *nr, struct task *t);
/* Sends all that was handed over, then ends the thread. */
void notifier_stop(struct notifier *nr);
void notifier_free(struct notifier *nr);

#endif
