/* notify.c: one thread that tells the kernel what it may no longer believe. */
#include "notify.h"

#include <qxfs/base/log.h>

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct notifier {
	struct fuse_session *fuse; /* borrowed */
	struct worker *worker;
};

int notifier_new(struct fuse_session *fuse, struct notifier **ret)
{
	struct notifier *nr = calloc(1, sizeof(*nr));
	if (!nr)
		return -ENOMEM;

	nr->fuse = fuse;
	int err = worker_new("notify", &nr->worker);
	if (err < 0) {
		free(nr);
		return err;
	}
	*ret = nr;
	return 0;
}

static void send_attr(struct task *task)
{
	struct notice *n = container_of(task, struct notice, task);

	/* The offset -1 means attributes only. */
	int err = fuse_lowlevel_notify_inval_inode(n->notifier->fuse, n->node, -1, 0);
	/* -ENOENT: the kernel does not know the node, all the better. */
	if (err < 0 && err != -ENOENT)
		log_debug("front", "attributes of node %llu were not invalidated: %d",
		          (unsigned long long)n->node, err);
	n->then(n); /* may free n */
}

/* A notifier that has ended has nothing to tell: so will the connection in a moment. */
static void hand_over(struct notice *n)
{
	if (!worker_post(n->notifier->worker, &n->task))
		n->then(n);
}

void notify_attr(struct notifier *nr, struct notice *n, uint64_t node,
                 void (*then)(struct notice *n))
{
	*n = (struct notice){ .task.fn = send_attr, .notifier = nr, .node = node, .then = then };
	hand_over(n);
}

static void send_name(struct task *task)
{
	struct notice *n = container_of(task, struct notice, task);

	int err = fuse_lowlevel_notify_inval_entry(n->notifier->fuse, n->node, n->name,
	                                           strlen(n->name));
	if (err < 0 && err != -ENOENT)
		log_debug("front", "%s in node %llu was not invalidated: %d", n->name,
		          (unsigned long long)n->node, err);
	n->then(n); /* may free n */
}

void notify_name(struct notifier *nr, struct notice *n, uint64_t parent, const char *name,
                 void (*then)(struct notice *n))
{
	*n = (struct notice){
		.task.fn = send_name, .notifier = nr, .node = parent, .name = name, .then = then
	};
	hand_over(n);
}

bool notifier_post(struct notifier *nr, struct task *t)
{
	return worker_post(nr->worker, t);
}

void notifier_stop(struct notifier *nr)
{
	worker_stop(nr->worker);
}

void notifier_free(struct notifier *nr)
{
	if (!nr)
		return;
	worker_free(nr->worker);
	free(nr);
}
