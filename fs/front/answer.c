/* answer.c: how an OPEN or OPENDIR that got its handle is answered. */
#include "answer.h"

#include <qxfs/base/worker.h>

#include <stddef.h>

#include "order.h"

void answer_open(struct tree *tree, fuse_req_t req, struct tree_handle *handle)
{
	struct fuse_file_info fi = {
		.fh = (uintptr_t)handle,
		.keep_cache = handle->keep_cache && !handle->attr_changed,
		.direct_io = handle->is_live,
		.cache_readdir = handle->may_keep,
		.noflush = !handle->is_dir,
	};

	order_before_reply();
	/* -ENOENT: interrupted meanwhile, or the connection is gone. No RELEASE will come. */
	if (fuse_reply_open(req, &fi) < 0)
		tree_close(tree, handle);
}

static void attributes_dropped(struct notice *n)
{
	struct late_answer *a = container_of(n, struct late_answer, notice);

	answer_open(a->tree, a->req, a->handle);
	a->then(a); /* may free a */
}

void answer_open_late(struct late_answer *a, struct notifier *nr)
{
	notify_attr(nr, &a->notice, a->handle->node, attributes_dropped);
}
