/* waits.c: the operations that wait for a handle.
 *
 * An op pins its node and takes step after step: it asks for what nobody has confirmed yet, from
 * the top, then for the list that the folder shows or for the file's content. Each step is a want
 * of jobs/ whose end starts the next, on the jobs thread, without the lock. At the end the node is
 * filled first and the answer given after. */
#include "waits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#include "checks.h"
#include "opens.h"
#include "prefetch.h"
#include "spans.h"
#include "used.h"
#include "visitors.h"

#define FOLDER_WAIT_S 10
#define LOOK_WAIT_MS 2000 /* a folder that is known is not held up longer by its files */

static void go_on(struct op *op);
static void step_over(struct op *op);
static void want_content(struct op *op);

static void undrop(struct op *op)
{
	if (op->posted && op->step == OP_WANTS_LIST)
		jobs_undrop_list(op->tree->jobs, &op->list_want);
	else if (op->posted)
		jobs_undrop(op->tree->jobs, &op->want);
}

static void finish(struct op *op, int err, struct tree_handle *handle)
{
	struct tree *t = op->tree;

	if (err == 0)
		used_note(t, op->row, op->arg);
	if (err == 0 && op->verb == TREE_OPEN)
		prefetch_note(t, op->row, op->arg, &op->who);
	if (op->node && op->verb == TREE_OPEN)
		tell_audit(t, op->node, &op->who, err, handle);
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
	undrop(op);
	long_wait_end(t, op->wait, err);
	op->done(op->done_arg, err, handle);
	content_done(&op->content);
	free(op);
}

/* The base was asked for since the touch, here or by its own open: what is made from it is as new.
 * Lock held. */
static void settle_base(struct op *op, struct place *made)
{
	struct tree *t = op->tree;

	if (op->row->source.kind != SOURCE_DERIVED)
		return;
	struct place *base = place_base(t, op->row, op->arg);
	if (base && base->touched_ms > op->want.full_since_ms)
		return;
	made->touched_ms = 0;
	if (!base)
		return;
	base->touched_ms = 0;
	place_release(t, base); /* the touch may have been all that was known of it */
}

static void fill_from(struct op *op, const struct want_result *result)
{
	struct tree *t = op->tree;
	struct place *p = op->node->place;

	pthread_mutex_lock(&t->lock);
	place_take(t, p, result->gen, op->until_s);
	if (!result->stale && p->touched_ms <= op->want.full_since_ms)
		p->touched_ms = 0;
	if (!result->stale)
		settle_base(op, p);
	p->stale = result->stale;
	p->stale_ms = sys_now_ms();
	if (!op->node->ready && op->verb == TREE_OPEN)
		node_fill(op->node, result->gen);
	pthread_mutex_unlock(&t->lock);
}

/* The job has succeeded, the open has not: people shall find the reason all the same. */
static int tell_unopened(struct op *op, int err)
{
	struct qx_fail fail;
	fail_set(&fail, err, "its file in the cache cannot be opened: %s", strerror(err));
	fail_remedy(&fail, "Open it again; if it stays so, look at the cache's disk and at "
	                   "cache_size=, which may be too small.");
	(void)board_failed(jobs_board(op->tree->jobs), op->content.recipe.subject, &fail);
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

	int r = op->verb == TREE_READLINK ? open_link(op->tree, op->node, mine, &handle)
	                                  : open_data(op->tree, op->node, mine, refilled, &handle);
	bool again = r == -ENOENT && !op->again;
	if (again)
		lose_data(op->tree, op->node, mine);
	generation_unref(mine);
	if (again) {
		/* The account says that the old bytes are current, but they are lost: a miss. */
		op->again = true;
		step_over(op);
		want_content(op);
		return;
	}
	if (r == -ENODATA) /* found: nobody */
		r = -ENOENT;
	else if (r < 0)
		r = tell_unopened(op, r == -ENOENT ? EIO : -r);
	finish(op, r, handle);
}

/* What a job has said, before the op goes on. Taking it back first: the want will be used again, or
 * tree_cancel finds the op between two of them. */
static void step_over(struct op *op)
{
	struct tree *t = op->tree;
	pthread_mutex_lock(&t->lock);
	undrop(op);
	op->posted = false;
	pthread_mutex_unlock(&t->lock);
}

static void want_done(struct want *w, const struct want_result *result)
{
	struct op *op = w->arg;

	if (op->looking && (result->fail->err || result->stale))
		folder_look_failed(op->tree, op->row, op->arg, op->due);
	if (result->fail->err && op->looking && result->fail->err != ECANCELED) {
		step_over(op);
		go_on(op); /* it is listed as it is: its files stay expired */
	} else if (result->fail->err) {
		if (result->fail->http == 404 && result->fail->err == ENOENT)
			op_remember_absent(op);
		op_remember_gave_up(op, result->fail);
		finish(op, -result->fail->err, NULL);
	} else if (op->step == OP_WANTS_DOCUMENT) {
		step_over(op);
		go_on(op);
	} else if (result->live) {
		struct tree_handle *handle = NULL;
		int r = open_live(op->tree, op->node, result, &handle);
		finish(op, r, handle);
	} else {
		fill_from(op, result);
		open_filled(op, result->gen);
	}
}

static void list_done(struct list_want *w, struct list *list, const struct qx_fail *fail)
{
	struct op *op = w->arg;
	struct tree *t = op->tree;
	int err = list ? tree_set_list(t, list) : -fail->err;

	if (!list && fail->http == 404 && w->of[0])
		tree_absent(t, w->of);
	/* The former list is better than none, but not for somebody who may not see it any more. */
	bool former_does = err != -EACCES && err != -ECANCELED;
	if (!list && former_does)
		tree_list_failed(t, w->id, w->of);
	if (!list)
		client_look(t->config.client);
	struct catalog *c = tree_catalog(t, w->id, w->of);
	if (c && former_does)
		err = 0;
	catalog_unref(c);
	step_over(op);
	if (err == 0)
		go_on(op);
	else
		finish(op, err, NULL);
}

/* Hands the want to jobs/. Under the lock, so that tree_cancel finds it either not posted or whole;
 * queueing is memory work, and `done` cannot end the op before we let go. */
static void post(struct op *op, int step)
{
	struct tree *t = op->tree;

	pthread_mutex_lock(&t->lock);
	bool go = !op->cancelled;
	op->step = step;
	op->posted = go;
	if (go && step == OP_WANTS_LIST)
		jobs_want_list(t->jobs, &op->list_want);
	else if (go)
		jobs_want(t->jobs, &op->want);
	pthread_mutex_unlock(&t->lock);
	if (!go)
		finish(op, -ECANCELED, NULL);
}

/* From when on the content must have been asked for; 0: it may be what there is. Lock held. */
static int64_t full_since(struct op *op)
{
	const struct place *base = op->node->place;
	int64_t at_ms = base->touched_ms;

	if (op->row->source.kind == SOURCE_DERIVED) {
		base = place_base(op->tree, op->row, op->arg);
		at_ms = base ? base->touched_ms : 0; /* 0: its own open has settled it */
	}
	if (!at_ms && op->row->parent == ROW_NOW && !(base && place_is_fresh(op->tree, base)))
		return WANT_RUNNING; /* a running job will do */
	return at_ms;
}

static void want_recipe(struct op *op, int step)
{
	struct tree *t = op->tree;
	struct want *w = &op->want;

	pthread_mutex_lock(&t->lock);
	w->full_since_ms = full_since(op);
	w->mtime_s = op->node->mtime_s;
	w->looking = false;
	if (step == OP_WANTS_DOCUMENT)
		w->mtime_s = shown_mtime(t, node_row(op->looked), op->of, &w->looking);
	pthread_mutex_unlock(&t->lock);
	w->recipe = op->content.recipe;
	w->deadline_ms = op->looking ? op->look_until_ms : op->deadline_ms;
	w->done = want_done;
	w->arg = op;
	post(op, step);
}

static void want_content(struct op *op)
{
	content_done(&op->content);
	op->until_s = span_until(op->row, op->arg, op->tree->zone);
	int r = content_make(op->tree, op->row, op->arg, &op->content);
	if (r == 0)
		r = op_pay(op);
	if (r == 0)
		want_recipe(op, OP_WANTS_CONTENT);
	else
		finish(op, r == -EAGAIN ? -EIO : r, NULL); /* the lists have been asked for */
}

/* A document of the folder op->of. That which settles a survey's folder is its survey.json: what
 * was asked is kept. */
static void want_document(struct op *op, enum row_id row)
{
	op->looked = row;
	content_done(&op->content);
	int r = content_make(op->tree, node_row(row), op->of, &op->content);
	if (r == 0)
		want_recipe(op, OP_WANTS_DOCUMENT);
	else
		finish(op, r, NULL);
}

/* Its exports are answered for by survey.json, its documents each by themselves; false: there is no
 * more to look at, or no more time. */
static bool look_on(struct op *op)
{
	if (!(op->due & LOOK_DOCUMENTS) || sys_now_ms() >= op->look_until_ms)
		return false;
	enum row_id after = node_row(op->looked)->parent == op->row->id ? op->looked : ROW_ROOT;
	enum row_id next = folder_next_old(op->tree, op->row, op->arg, after);
	if (next == ROW_ROOT)
		return false;
	memcpy(op->of, op->arg, strlen(op->arg) + 1);
	want_document(op, next);
	return true;
}

/* A folder that is known waits because open_folder_now found expired files in it. */
static bool must_look(struct op *op)
{
	if (!folder_looks(op->row) || op->looking || op->asked[0] || op->asked[1])
		return false;
	op->due = folder_due(op->tree, op->row, op->arg);
	return op->due != 0;
}

static void look(struct op *op)
{
	folder_begin_look(op->tree, op->row, op->arg, op->due);
	op->looking = true;
	op->look_until_ms = sys_now_ms() + LOOK_WAIT_MS;
	if (op->due & LOOK_EXPORTS) {
		(void)arg_part(op->arg, 0, op->of);
		want_document(op, ROW_SURVEY_JSON);
	} else if (!look_on(op)) {
		go_on(op);
	}
}

static void want_list(struct op *op, enum list_id id)
{
	struct list_want *w = &op->list_want;
	struct catalog *former = tree_catalog(op->tree, id, op->of);

	w->former = former;
	catalog_unref(former);
	w->id = id;
	w->of = op->of;
	w->deadline_ms = op->deadline_ms;
	w->done = list_done;
	w->arg = op;
	post(op, OP_WANTS_LIST);
}

static void settle(struct op *op, int part)
{
	enum list_id id = hole_list(hole_of_part(op->row, part));

	op->asked[part] = true;
	if (id == LIST_SURVEYS) {
		(void)arg_part(op->arg, part, op->of);
		want_document(op, ROW_SURVEY_JSON);
		return;
	}
	op->of[0] = 0;
	if (list_row(id)->of)
		(void)arg_part(op->arg, 0, op->of);
	want_list(op, id);
}

static void end_folder(struct op *op)
{
	struct tree_handle *handle = NULL;
	int r = open_folder(op->tree, op->node, &handle);
	finish(op, r, handle);
}

/* A crawler begins nothing: it gets what is there. A folder is listed as it is; one of which
 * nothing is known yet is not. */
static void answer_crawler(struct op *op)
{
	struct tree *t = op->tree;
	const struct list_row *list = op->row->list == LIST_NONE ? NULL : list_row(op->row->list);
	struct catalog *c = list ? tree_catalog(t, op->row->list, list->of ? op->arg : "") : NULL;

	pthread_mutex_lock(&t->lock);
	bool known = (!list || c) && op->row->source.kind != SOURCE_STREAM &&
	             !is_tentative(t, op->row, op->arg);
	pthread_mutex_unlock(&t->lock);
	catalog_unref(c);
	if (op->verb == TREE_OPENDIR && known)
		end_folder(op);
	else
		finish(op, -EAGAIN, NULL);
}

/* The next step; each is taken at most once. */
static void go_on(struct op *op)
{
	int part = op_next_doubt(op);

	if (part < op->row->parts) {
		settle(op, part);
	} else if (op_is_known_missing(op)) {
		op_remember_missing(op);
		finish(op, -ENOENT, NULL);
	} else if (op->verb != TREE_OPENDIR) {
		want_content(op);
	} else if (must_look(op)) {
		look(op);
	} else if (look_on(op)) {
		return; /* the next step has begun */
	} else if (!op->asked[ARG_DEPTH] && !listing_is_there(op->tree, op->row, op->arg)) {
		op->asked[ARG_DEPTH] = true;
		(void)snprintf(op->of, sizeof(op->of), "%s",
		               list_row(op->row->list)->of ? op->arg : "");
		want_list(op, op->row->list);
	} else {
		end_folder(op);
	}
}

void tree_wait(struct tree *t, const struct tree_ask *ask, const struct tree_caller *who,
               tree_done_fn *done, void *arg)
{
	if (ask->verb == TREE_READDIR) {
		entry_wait(t, ask, who, done, arg);
		return;
	}
	struct op *op = calloc(1, sizeof(*op));
	if (!op) {
		done(arg, -ENOMEM, NULL);
		return;
	}
	op->tree = t;
	op->verb = ask->verb;
	op->done = done;
	op->done_arg = arg;
	op->who = *who;
	op->want.uid = op->list_want.uid = who->uid;
	memcpy(op->want.program, who->program, sizeof(op->want.program));

	pthread_mutex_lock(&t->lock);
	struct node *n = t->stopping ? NULL : node_find(t, ask->node);
	int err = t->stopping ? -ECANCELED : n ? 0 : -ENOENT;
	if (n) {
		n->pins++;
		op->node = n;
		op->row = n->place->row;
		memcpy(op->arg, n->place->arg, strlen(n->place->arg) + 1);
		op->next = t->ops;
		t->ops = op;
	}
	pthread_mutex_unlock(&t->lock);
	if (err == 0) {
		bool folder = ask->verb == TREE_OPENDIR;
		int64_t wait_s = folder ? FOLDER_WAIT_S : t->config.open_wait_s;
		op->deadline_ms = wait_s ? sys_now_ms() + wait_s * 1000 : 0;
		if (visitor_is_crawler(t->visitors, who)) {
			answer_crawler(op);
			return;
		}
		op->wait = long_wait_begin(t, op->row, op->arg, op->verb, who);
		go_on(op);
		return;
	}
	free(op);
	done(arg, err, NULL);
}

void tree_cancel(struct tree *t, void *arg)
{
	pthread_mutex_lock(&t->lock);
	struct op *op = t->ops;
	while (op && op->done_arg != arg)
		op = op->next;
	/* Queueing a task is memory work; the op cannot go away while we hold the lock. */
	if (op)
		op->cancelled = true;
	if (op && op->posted && op->step == OP_WANTS_LIST)
		jobs_drop_list(t->jobs, &op->list_want);
	else if (op && op->posted)
		jobs_drop(t->jobs, &op->want);
	if (!op)
		entry_cancel(t, arg);
	pthread_mutex_unlock(&t->lock);
}
