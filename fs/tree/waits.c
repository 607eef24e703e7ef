/* waits.c: operations that wait for the network.
 *
 * An op pins its node and wants a job or a list; when that is there the node is filled first and
 * the answer given after, on the jobs thread, without the lock. */
#include "house.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

#define STALE_MS 30000      /* an unreachable account is asked again after so long */
#define LIST_RETRY_MS 10000 /* a list that could not be refreshed is tried again after so long */
#define FOLDER_WAIT_MS 10000
#define LOOK_WAIT_MS 2000 /* a folder that is known is not held up longer by its files */

struct op {
	struct op *next; /* guarded by tree.lock */
	struct tree *tree;
	enum tree_verb verb;
	struct node *node; /* pinned */
	bool posted;       /* guarded by tree.lock: jobs/ has the want */
	bool cancelled;    /* guarded by tree.lock: before that */
	tree_done_fn *done;
	void *arg;
	bool again;   /* what filled it could not be opened: asked for once more */
	bool looking; /* a folder that is known asks what has changed in it */
	bool lists;   /* waits for list_want, else for want */
	struct want want;
	struct list_want list_want;
	struct buf key, subject;
	char object[ARG_MAX_BYTES];
};

static void start(struct op *op);

static void finish(struct op *op, int err, struct tree_handle *handle)
{
	struct tree *t = op->tree;

	pthread_mutex_lock(&t->lock);
	struct op **link = &t->ops;
	while (*link != op)
		link = &(*link)->next;
	*link = op->next;
	if (op->node) {
		op->node->pins--;
		node_release(t, op->node);
	}
	if (!t->ops)
		pthread_cond_broadcast(&t->no_ops);
	pthread_mutex_unlock(&t->lock);

	/* Nobody finds the op any more; what tree_cancel may have posted is taken back. */
	if (op->posted && op->lists)
		jobs_undrop_list(t->jobs, &op->list_want);
	else if (op->posted)
		jobs_undrop(t->jobs, &op->want);
	op->done(op->arg, err, handle);
	buf_done(&op->key);
	buf_done(&op->subject);
	free(op);
}

static void fill_from(struct op *op, const struct want_result *result)
{
	struct tree *t = op->tree;
	struct place *p = op->node->place;

	pthread_mutex_lock(&t->lock);
	if (p->gen != result->gen) {
		generation_unref(p->gen);
		p->gen = generation_ref(result->gen);
	}
	if (!result->stale && p->touched_ms == op->want.full_since_ms)
		p->touched_ms = 0;
	p->stale = result->stale;
	p->retry_ms = sys_now_ms() + STALE_MS;
	if (!op->node->ready)
		node_fill(op->node, result->gen);
	pthread_mutex_unlock(&t->lock);
}

/* The account says that the old bytes are current, but they are lost or damaged: a miss. A cancel
 * that comes from now on is seen by post(); one that came before has left nobody who waits. */
static void start_again(struct op *op)
{
	pthread_mutex_lock(&op->tree->lock);
	op->posted = false;
	pthread_mutex_unlock(&op->tree->lock);
	jobs_undrop(op->tree->jobs, &op->want);
	op->again = true;
	buf_clear(&op->key);
	buf_clear(&op->subject);
	start(op);
}

/* The job has succeeded, the open has not: people shall find the reason all the same. */
static int tell_unopened(struct op *op, int err)
{
	struct qx_fail fail;
	fail_set(&fail, err, "its file in the cache cannot be opened: %s", strerror(err));
	fail_remedy(&fail, "Open it again; if it stays so, look at the cache's disk and at "
	                   "cache_size=, which may be too small.");
	board_failed(jobs_board(op->tree->jobs), buf_text(&op->subject), &fail);
	return -err;
}

static void open_filled(struct op *op, struct generation *gen)
{
	struct tree_handle *handle = NULL;
	pthread_mutex_lock(&op->tree->lock);
	bool refilled = op->node->refilled;
	/* Another op may have filled the node with an earlier generation: that one it serves. */
	struct generation *mine = generation_ref(op->node->gen ? op->node->gen : gen);
	pthread_mutex_unlock(&op->tree->lock);

	int r = open_data(op->tree, op->node, mine, refilled, &handle);
	bool again = r == -ENOENT && !op->again;
	if (again)
		lose_data(op->tree, op->node, mine);
	generation_unref(mine);
	if (again) {
		start_again(op);
		return;
	}
	if (r < 0)
		r = tell_unopened(op, r == -ENOENT ? EIO : -r);
	finish(op, r, handle);
}

static void settle_folder(struct op *op)
{
	struct tree_handle *handle = NULL;
	pthread_mutex_lock(&op->tree->lock);
	op->node->tentative = false;
	pthread_mutex_unlock(&op->tree->lock);
	int r = open_folder(op->tree, op->node, &handle);
	finish(op, r, handle);
}

static void want_done(struct want *w, const struct want_result *result)
{
	struct op *op = w->arg;

	if (result->fail->err && op->looking && result->fail->err != ECANCELED) {
		settle_folder(op); /* as it is: its files stay expired */
	} else if (result->fail->err) {
		if (result->fail->http == 404 && result->fail->err == ENOENT && op->object[0])
			tree_absent(op->tree, op->object);
		finish(op, -result->fail->err, NULL);
	} else if (op->verb == TREE_OPENDIR) {
		settle_folder(op);
	} else {
		fill_from(op, result);
		open_filled(op, result->gen);
	}
}

static void list_done(struct list_want *w, struct list *list, const struct qx_fail *fail)
{
	struct op *op = w->arg;
	struct tree *t = op->tree;
	struct tree_handle *handle = NULL;
	int err = list ? tree_set_list(t, list) : -fail->err;

	/* The former list is better than none, but not for somebody who may not see it any more. */
	bool former_does = err != -EACCES && err != -ECANCELED;
	pthread_mutex_lock(&t->lock);
	if (!list && former_does)
		t->list_retry_ms = sys_now_ms() + LIST_RETRY_MS;
	if (t->catalog && former_does)
		err = 0;
	pthread_mutex_unlock(&t->lock);
	if (err == 0)
		err = open_folder(t, op->node, &handle);
	finish(op, err, handle);
}

/* Hands the want to jobs/. Under the lock, so that tree_cancel finds it either not posted or whole;
 * queueing is memory work, and `done` cannot end the op before we let go. */
static void post(struct op *op)
{
	struct tree *t = op->tree;

	pthread_mutex_lock(&t->lock);
	bool go = !op->cancelled;
	op->posted = go;
	if (go && op->lists)
		jobs_want_list(t->jobs, &op->list_want);
	else if (go)
		jobs_want(t->jobs, &op->want);
	pthread_mutex_unlock(&t->lock);
	if (!go)
		finish(op, -ECANCELED, NULL);
}

/* What a file shows, or would show if it were looked at now. Lock held. */
static int64_t shown_mtime(struct tree *t, const struct node_row *row, const char *arg,
                           bool *ret_unseen)
{
	struct place *p = place_get(t, row, arg);
	*ret_unseen = !(p && p->pending);
	if (!p)
		return sys_wall_s();
	int64_t mtime_s = p->pending ? p->pending->mtime_s : pending_mtime(t, p);
	place_release(t, p);
	return mtime_s;
}

/* The document that settles a folder is its survey.json: what was asked is kept. */
static void want_content(struct op *op, const struct node_row *row, int64_t deadline_ms)
{
	struct tree *t = op->tree;
	struct place *p = op->node->place;
	struct want *w = &op->want;

	tree_key(t, row, op->object, &op->key);
	node_subject(row, op->object, &op->subject);
	pthread_mutex_lock(&t->lock);
	w->full_since_ms = p->touched_ms;
	w->mtime_s = op->node->mtime_s;
	if (op->verb == TREE_OPENDIR)
		w->mtime_s = shown_mtime(t, row, op->object, &w->looking);
	pthread_mutex_unlock(&t->lock);
	if (buf_failed(&op->key) || buf_failed(&op->subject)) {
		finish(op, -ENOMEM, NULL);
		return;
	}
	w->kind = row->source.is_document ? JOB_DOCUMENT : JOB_EXPORT;
	w->key = buf_text(&op->key);
	w->subject = buf_text(&op->subject);
	w->object = op->object;
	w->export_body = row->source.export_body;
	w->ep = row->source.document;
	w->deadline_ms = deadline_ms;
	w->done = want_done;
	w->arg = op;
	post(op);
}

static void want_list(struct op *op, enum list_id id)
{
	struct list_want *w = &op->list_want;
	op->lists = true;
	w->id = id;
	w->deadline_ms = sys_now_ms() + FOLDER_WAIT_MS;
	w->done = list_done;
	w->arg = op;
	post(op);
}

static void start(struct op *op)
{
	const struct node_row *row = op->node->place->row;
	const struct tree *t = op->tree;
	int64_t now_ms = sys_now_ms();

	if (op->verb == TREE_OPENDIR && row->source.listed)
		want_list(op, row->source.list);
	else if (op->verb == TREE_OPENDIR)
		want_content(op, node_row(ROW_SURVEY_JSON),
		             now_ms + (op->looking ? LOOK_WAIT_MS : FOLDER_WAIT_MS));
	else
		want_content(op, row,
		             t->config.open_wait_s ? now_ms + t->config.open_wait_s * 1000 : 0);
}

void tree_wait(struct tree *t, enum tree_verb verb, uint64_t node, int flags,
               const struct tree_caller *who, tree_done_fn *done, void *arg)
{
	(void)flags; /* tree_open has judged them */
	struct op *op = calloc(1, sizeof(*op));
	if (!op) {
		done(arg, -ENOMEM, NULL);
		return;
	}
	op->tree = t;
	op->verb = verb;
	op->done = done;
	op->arg = arg;
	op->want.uid = op->list_want.uid = who->uid;

	pthread_mutex_lock(&t->lock);
	struct node *n = t->stopping ? NULL : node_find(t, node);
	int err = t->stopping ? -ECANCELED : n ? 0 : -ENOENT;
	if (n) {
		n->pins++;
		op->node = n;
		op->looking = verb == TREE_OPENDIR && !n->tentative;
		memcpy(op->object, n->place->arg, strlen(n->place->arg) + 1);
		op->next = t->ops;
		t->ops = op;
	}
	pthread_mutex_unlock(&t->lock);
	if (err == 0) {
		start(op);
		return;
	}
	free(op);
	done(arg, err, NULL);
}

void tree_cancel(struct tree *t, void *arg)
{
	pthread_mutex_lock(&t->lock);
	struct op *op = t->ops;
	while (op && op->arg != arg)
		op = op->next;
	/* Queueing a task is memory work; the op cannot go away while we hold the lock. */
	if (op && !op->posted)
		op->cancelled = true;
	else if (op && op->lists)
		jobs_drop_list(t->jobs, &op->list_want);
	else if (op)
		jobs_drop(t->jobs, &op->want);
	pthread_mutex_unlock(&t->lock);
}
