/* answer.h: how an OPEN or OPENDIR that got its handle is answered.
 *
 * Threads: any, holding no lock: the reply may be the kernel's last reference, and FORGET or
 * RELEASE follow on another thread.
 */
#ifndef QXFS_FRONT_ANSWER_H
#define QXFS_FRONT_ANSWER_H

#include <fuse_lowlevel.h>

#include "notify.h"
#include <qxfs/tree/tree.h>

/* Gives the handle to the kernel, or back to the tree if the kernel no longer wants it. */
void answer_open(struct tree *tree, fuse_req_t req, struct tree_handle *handle);

/* The same for a handle with `attr_changed`: the kernel drops its attributes before it is answered,
 * else it reads the new bytes at the old size. Embedded by its owner, who fills in the first four.
 */
struct late_answer {
	struct tree *tree;
	fuse_req_t req;
	struct tree_handle *handle;
	void (*then)(struct late_answer *a); /* answered; may free it */
	struct notice notice;
};

void answer_open_late(struct late_answer *a, struct notifier *nr);

#endif
