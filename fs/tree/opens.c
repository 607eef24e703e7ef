/* opens.c: handles, and the operations that wait for one.
 *
 * What can be opened at once is (tree_open). What must wait becomes an op: it pins its node, wants
 * a job or a list, and when that is there the node is filled first and the answer given after, on
 * the jobs thread, without the lock. */
#include "house.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define STALE_S 30      /* an unreachable account is asked again after so long */
#define LIST_RETRY_S 10 /* a list that could not be refreshed is tried again after so long */
#define FOLDER_WAIT_MS 10000

struct op {
	struct op *next; /* guarded by tree.lock */
	struct tree *tree;
	enum tree_verb verb;
	struct node *node; /* pinned */
	unsigned touches;  /* of the place when the op began */
	bool posted;       /* guarded by tree.lock: jobs/ has the want */
	bool cancelled;    /* guarded by tree.lock: before that */
	tree_done_fn *done;
	void *arg;
	bool lists; /* waits for list_want, else for want */
	struct want want;
	struct list_want list_want;
	struct buf key, subject;
	char object[ARG_MAX_BYTES];
};

/* --- handles --------------------------------------------------------------------------------- */

static struct handle *handle_new(struct node *n)
{
	struct handle *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->pub.node = n->id;
	h->pub.fd = -1;
	h->pub.keep_cache = true;
	h->node = n;
	n->pins++;
	return h;
}

void tree_close(struct tree *t, struct tree_handle *pub)
{
	if (!pub)
		return;
	struct handle *h = (struct handle *)pub;
	if (h->pub.fd >= 0)
		close(h->pub.fd);
	listing_free(h->listing);
	text_unref(h->text);
	generation_unref(h->gen);
	pthread_mutex_lock(&t->lock);
	if (h->pub.is_dir)
		listing_closed(h->node);
	h->node->pins--;
	node_release(t, h->node);
	pthread_mutex_unlock(&t->lock);
	free(h);
}

/* Opens the data of a ready node that the caller has pinned. -ENOENT: it was evicted. */
static int open_data(struct tree *t, struct node *n, struct generation *gen, bool refilled,
                     struct tree_handle **ret)
{
	int fd = cache_open(t->config.cache, gen);
	if (fd < 0)
		return fd;

	pthread_mutex_lock(&t->lock);
	struct handle *h = handle_new(n);
	pthread_mutex_unlock(&t->lock);
	if (!h) {
		close(fd);
		return -ENOMEM;
	}
	h->pub.fd = fd;
	h->pub.length = gen->length;
	h->gen = generation_ref(gen);
	h->pub.keep_cache = !refilled;
	h->pub.attr_changed = refilled;
	*ret = &h->pub;
	return 0;
}

static int open_text(struct tree *t, uint64_t id, struct tree_handle **ret)
{
	pthread_mutex_lock(&t->lock);
	struct node *n = node_find(t, id);
	struct handle *h = n && n->text ? handle_new(n) : NULL;
	if (h) {
		h->text = n->text;
		atomic_fetch_add(&h->text->refs, 1);
		h->pub.bytes = h->text->bytes;
		h->pub.length = h->text->len;
	}
	pthread_mutex_unlock(&t->lock);
	if (!h)
		return -ENOMEM;
	*ret = &h->pub;
	return 0;
}

static int open_folder(struct tree *t, struct node *n, struct tree_handle **ret)
{
	struct listing *listing;
	char arg[ARG_MAX_BYTES];

	memcpy(arg, n->place->arg, strlen(n->place->arg) + 1); /* n is pinned, its place stays */
	int r = listing_new(t, n->place->row, arg, &listing);
	if (r < 0)
		return r;
	pthread_mutex_lock(&t->lock);
	struct handle *h = handle_new(n);
	if (h)
		listing_opened(n, listing, &h->pub);
	pthread_mutex_unlock(&t->lock);
	if (!h) {
		listing_free(listing);
		return -ENOMEM;
	}
	h->listing = listing;
	h->pub.is_dir = true;
	*ret = &h->pub;
	return 0;
}

/* --- at once --------------------------------------------------------------------------------- */

bool list_is_fresh(struct tree *t, const struct catalog *c)
{
	int64_t now_s = sys_wall_s();
	if (!c)
		return false;
	pthread_mutex_lock(&t->lock);
	int64_t tried_s = t->list_tried_s;
	pthread_mutex_unlock(&t->lock);
	if (now_s - tried_s < LIST_RETRY_S && now_s >= tried_s)
		return true;
	return c->list->fetched_s <= now_s + 5 && now_s - c->list->fetched_s < t->config.fresh_s;
}

static struct node *pin(struct tree *t, uint64_t id)
{
	pthread_mutex_lock(&t->lock);
	struct node *n = node_find(t, id);
	if (n)
		n->pins++;
	pthread_mutex_unlock(&t->lock);
	return n;
}

static void unpin(struct tree *t, struct node *n)
{
	pthread_mutex_lock(&t->lock);
	n->pins--;
	node_release(t, n);
	pthread_mutex_unlock(&t->lock);
}

/* Gives a node its generation. Lock held. */
static void fill(struct node *n, struct generation *gen)
{
	struct place *p = n->place;

	n->refilled = n->refilled || n->gen;
	generation_unref(n->gen);
	n->gen = generation_ref(gen);
	n->ready = true;
	if (p->pending == n)
		p->pending = NULL;
	else if (p->current && p->current->ready)
		return; /* an older node whose bytes came again: lookups have a better one */
	p->current = n;
}

/* The node's generation with a reference if it can be opened now. A pending node whose place has
 * become fresh (its other name was opened, another mount published) is filled. */
static struct generation *generation_now(struct tree *t, struct node *n, bool *ret_refilled)
{
	struct generation *gen = NULL;
	pthread_mutex_lock(&t->lock);
	if (!n->ready && place_is_fresh(t, n->place))
		fill(n, n->place->gen);
	if (n->ready)
		gen = generation_ref(n->gen);
	*ret_refilled = n->refilled;
	pthread_mutex_unlock(&t->lock);
	return gen;
}

static int open_file_now(struct tree *t, struct node *n, struct tree_handle **ret)
{
	bool refilled;
	struct generation *gen = generation_now(t, n, &refilled);
	if (!gen)
		return -EAGAIN;
	int r = open_data(t, n, gen, refilled, ret);
	if (r == -ENOENT) {
		/* Evicted, or damaged: a ready node whose data is gone is pending again. */
		pthread_mutex_lock(&t->lock);
		if (n->gen == gen)
			n->ready = false;
		struct place *p = n->place;
		if (p->gen == gen) {
			generation_unref(p->gen);
			p->gen = NULL;
		}
		pthread_mutex_unlock(&t->lock);
		r = -EAGAIN;
	}
	generation_unref(gen);
	return r;
}

static int open_folder_now(struct tree *t, struct node *n, struct tree_handle **ret)
{
	if (n->place->row->source.listed) {
		struct catalog *c = tree_catalog(t);
		bool fresh = list_is_fresh(t, c);
		catalog_unref(c);
		if (!fresh)
			return -EAGAIN;
	}
	pthread_mutex_lock(&t->lock);
	bool tentative = n->tentative;
	pthread_mutex_unlock(&t->lock);
	return tentative ? -EAGAIN : open_folder(t, n, ret);
}

int tree_open(struct tree *t, enum tree_verb verb, uint64_t node, int flags,
              const struct tree_caller *who, struct tree_handle **ret)
{
	(void)who;
	struct node *n = pin(t, node);
	if (!n)
		return -ENOENT;

	int r;
	enum node_kind kind = n->place->row->kind; /* rows do not change */
	if (verb == TREE_OPENDIR)
		r = kind == NODE_DIR ? open_folder_now(t, n, ret) : -ENOTDIR;
	else if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC))
		r = -EROFS;
	else if (kind == NODE_TEXT)
		r = open_text(t, node, ret);
	else if (kind == NODE_DATA)
		r = open_file_now(t, n, ret);
	else
		r = kind == NODE_DIR ? -EISDIR : -ELOOP;
	unpin(t, n);
	return r;
}

/* --- waiting --------------------------------------------------------------------------------- */

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
	if (!result->stale && p->touches == op->touches)
		p->expired = p->full = false;
	p->stale = result->stale;
	p->retry_s = sys_wall_s() + STALE_S;
	if (!op->node->ready)
		fill(op->node, result->gen);
	pthread_mutex_unlock(&t->lock);
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
	generation_unref(mine);
	finish(op, r == -ENOENT ? -EIO : r, handle);
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

	if (result->fail->err) {
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

	if (!list) {
		pthread_mutex_lock(&t->lock);
		t->list_tried_s = sys_wall_s();
		pthread_mutex_unlock(&t->lock);
	}
	/* The former list is better than none, but not for somebody who may not see it any more. */
	struct catalog *c = tree_catalog(t);
	if (c && err != -EACCES && err != -ECANCELED)
		err = 0;
	catalog_unref(c);
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

/* The document that settles a folder is its survey.json: what was asked is kept. */
static void want_content(struct op *op, const struct node_row *row, int64_t deadline_ms)
{
	struct tree *t = op->tree;
	struct place *p = op->node->place;
	struct want *w = &op->want;

	tree_key(t, row, op->object, &op->key);
	node_subject(row, op->object, &op->subject);
	pthread_mutex_lock(&t->lock);
	op->touches = p->touches;
	w->full = p->full;
	w->mtime_s = op->node->mtime_s ? op->node->mtime_s : sys_wall_s();
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
		want_content(op, node_row(ROW_SURVEY_JSON), now_ms + FOLDER_WAIT_MS);
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
