/* entries.c: the operations that wait for an entry of an open folder: a READDIR whose page has not
 * come. Each is a want of its stream; the folder may be closed before that ends. */
#include "opens.h"
#include "visitors.h"

#include <errno.h>
#include <stdlib.h>

#include <qxfs/base/sys.h>

#include "listing.h"

#define PAGE_WAIT_MS 30000

struct entry_op {
	struct entry_op *next; /* guarded by tree.lock */
	struct tree *tree;
	tree_done_fn *done;
	void *done_arg;
	struct stream_want want;
};

static void unlink_op(struct tree *t, const struct entry_op *op)
{
	pthread_mutex_lock(&t->lock);
	struct entry_op **link = &t->entry_ops;
	while (*link != op)
		link = &(*link)->next;
	*link = op->next;
	if (!t->entry_ops)
		pthread_cond_broadcast(&t->no_ops);
	pthread_mutex_unlock(&t->lock);
}

static void entry_done(struct stream_want *w, int err)
{
	struct entry_op *op = container_of(w, struct entry_op, want);

	unlink_op(op->tree, op);
	/* Nobody finds it any more; what entry_cancel may have posted is taken back. */
	stream_undrop(w);
	op->done(op->done_arg, err, NULL);
	free(op);
}

void entry_wait(struct tree *t, const struct tree_ask *ask, const struct tree_caller *who,
                tree_done_fn *done, void *arg)
{
	const struct listing *l = ((const struct handle *)ask->dir)->listing;
	if (visitor_is_crawler(t->visitors, who)) {
		done(arg, -EAGAIN, NULL);
		return;
	}
	struct entry_op *op = calloc(1, sizeof(*op));
	if (!op) {
		done(arg, -ENOMEM, NULL);
		return;
	}
	op->tree = t;
	op->done = done;
	op->done_arg = arg;
	op->want = (struct stream_want){
		.stream = l->stream,
		.at = ask->index - l->n_fixed,
		.uid = who->uid,
		.deadline_ms = sys_now_ms() + PAGE_WAIT_MS,
		.done = entry_done,
	};

	/* Under the lock, so that entry_cancel finds it whole; `done` cannot end it before. */
	pthread_mutex_lock(&t->lock);
	bool stopping = t->stopping;
	if (!stopping) {
		op->next = t->entry_ops;
		t->entry_ops = op;
		stream_want(&op->want);
	}
	pthread_mutex_unlock(&t->lock);
	if (!stopping)
		return;
	free(op);
	done(arg, -ECANCELED, NULL);
}

void entry_cancel(struct tree *t, const void *arg)
{
	struct entry_op *op = t->entry_ops;
	while (op && op->done_arg != arg)
		op = op->next;
	if (op)
		stream_drop(&op->want);
}
