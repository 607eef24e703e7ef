/* opens.c: handles, and what can be opened at once. What must wait: waits.c. */
#include "opens.h"

#include "audit.h"
#include "checks.h"
#include "inbox.h"
#include "listing.h"
#include "live.h"
#include "prefetch.h"
#include "used.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

/* --- texts ----------------------------------------------------------------------------------- */

struct text *text_new(const struct buf *from, int64_t mtime_s)
{
	struct text *text = buf_failed(from) ? NULL : malloc(sizeof(*text) + from->len + 1);
	if (!text)
		return NULL;
	atomic_init(&text->refs, 1);
	text->len = from->len;
	text->mtime_s = mtime_s;
	memcpy(text->bytes, buf_text(from), from->len + 1);
	return text;
}

void text_unref(struct text *text)
{
	if (text && atomic_fetch_sub(&text->refs, 1) == 1)
		free(text);
}

/* --- handles --------------------------------------------------------------------------------- */

struct handle *handle_new(struct tree *t, struct node *n)
{
	struct handle *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->pub.node = n->id;
	h->pub.fd = -1;
	h->pub.keep_cache = true;
	h->node = n;
	n->pins++;
	h->next = t->handles;
	if (h->next)
		h->next->previous = h;
	t->handles = h;
	return h;
}

/* Lock held. */
static void unlink_handle(struct tree *t, struct handle *h)
{
	if (h->previous)
		h->previous->next = h->next;
	else
		t->handles = h->next;
	if (h->next)
		h->next->previous = h->previous;
}

void tree_close(struct tree *t, struct tree_handle *pub)
{
	if (!pub)
		return;
	struct handle *h = (struct handle *)pub;
	if (h->drop)
		drops_release(h->drop);
	else if (h->pub.fd >= 0 && !h->live)
		close(h->pub.fd);
	spill_unref(h->live);
	listing_free(h->listing);
	text_unref(h->text);
	generation_unref(h->gen);
	pthread_mutex_lock(&t->lock);
	unlink_handle(t, h);
	if (h->pub.is_dir)
		listing_closed(h->node);
	h->node->pins--;
	node_release(t, h->node);
	pthread_mutex_unlock(&t->lock);
	free(h);
}

void close_handles(struct tree *t)
{
	while (t->handles)
		tree_close(t, &t->handles->pub);
}

int handle_of_file(struct tree *t, struct node *n, int fd, uint64_t length, struct handle **ret)
{
	if (fd < 0)
		return fd;
	pthread_mutex_lock(&t->lock);
	struct handle *h = handle_new(t, n);
	pthread_mutex_unlock(&t->lock);
	if (!h) {
		close(fd);
		return -ENOMEM;
	}
	h->pub.fd = fd;
	h->pub.length = length;
	*ret = h;
	return 0;
}

int open_data(struct tree *t, struct node *n, struct generation *gen, bool refilled,
              struct tree_handle **ret)
{
	struct handle *h;

	int r = handle_of_file(t, n, cache_open(t->config.cache, gen), gen->length, &h);
	if (r < 0)
		return r;
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
	struct handle *h = n && n->text ? handle_new(t, n) : NULL;
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

int open_link(struct tree *t, struct node *n, struct generation *gen, struct tree_handle **ret)
{
	const struct place *p = n->place; /* n is pinned: it stays */
	struct buf target = { 0 };
	int r = gen ? email_target(t, p->arg, gen, &target) : 0;

	pthread_mutex_lock(&t->lock);
	if (!gen)
		link_target(t, p->row, p->arg, &target);
	struct text *text = r == 0 ? text_new(&target, 0) : NULL;
	struct handle *h = text ? handle_new(t, n) : NULL;
	pthread_mutex_unlock(&t->lock);
	buf_done(&target);
	if (!h) {
		text_unref(text);
		return r < 0 ? r : -ENOMEM;
	}
	h->text = text;
	h->pub.bytes = text->bytes;
	h->pub.length = text->len;
	*ret = &h->pub;
	return 0;
}

int open_live(struct tree *t, struct node *n, const struct want_result *result,
              struct tree_handle **ret)
{
	pthread_mutex_lock(&t->lock);
	struct handle *h = handle_new(t, n);
	if (h) {
		if (!n->ready || n->estimate < result->live_length)
			n->estimate = result->live_length;
		n->ready = true;
		if (n->place->pending == n)
			n->place->pending = NULL;
	}
	pthread_mutex_unlock(&t->lock);
	if (!h)
		return -ENOMEM;
	h->live = spill_ref(result->live);
	h->pub.fd = spill_fd(h->live);
	h->pub.length = result->live_length;
	h->pub.keep_cache = false;
	h->pub.is_live = true;
	*ret = &h->pub;
	return 0;
}

int open_folder(struct tree *t, struct node *n, struct tree_handle **ret)
{
	struct listing *listing;
	char arg[ARG_MAX_BYTES];

	memcpy(arg, n->place->arg, strlen(n->place->arg) + 1); /* n is pinned, its place stays */
	int r = listing_new(t, n->place->row, arg, &listing);
	if (r < 0)
		return r;
	pthread_mutex_lock(&t->lock);
	struct handle *h = handle_new(t, n);
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

struct node *node_pin(struct tree *t, uint64_t id)
{
	pthread_mutex_lock(&t->lock);
	struct node *n = node_find(t, id);
	if (n)
		n->pins++;
	pthread_mutex_unlock(&t->lock);
	return n;
}

void node_unpin(struct tree *t, struct node *n)
{
	pthread_mutex_lock(&t->lock);
	n->pins--;
	node_release(t, n);
	pthread_mutex_unlock(&t->lock);
}

/* The node's generation with a reference if it can be opened now. A pending node whose place has
 * become fresh (its other name was opened, another mount published) is filled. */
static struct generation *generation_now(struct tree *t, struct node *n, bool *ret_refilled)
{
	struct generation *gen = NULL;
	pthread_mutex_lock(&t->lock);
	if (!n->ready && place_is_fresh(t, n->place))
		node_fill(n, n->place->gen);
	if (n->ready)
		gen = generation_ref(n->gen);
	*ret_refilled = n->refilled;
	pthread_mutex_unlock(&t->lock);
	return gen;
}

void lose_data(struct tree *t, struct node *n, struct generation *gen)
{
	pthread_mutex_lock(&t->lock);
	struct place *p = n->place;
	if (n->gen == gen) {
		n->ready = false;
		n->estimate = pending_estimate(t, p);
	}
	if (p->gen == gen) {
		generation_unref(p->gen);
		p->gen = NULL;
	}
	pthread_mutex_unlock(&t->lock);
}

/* What is served unchecked is served no longer than it must be. */
static void look_if_stale(struct tree *t, const struct node *n)
{
	pthread_mutex_lock(&t->lock);
	bool stale = n->place->stale;
	pthread_mutex_unlock(&t->lock);
	if (stale)
		client_look(t->config.client);
}

static int open_file_now(struct tree *t, struct node *n, struct tree_handle **ret)
{
	bool refilled;
	struct generation *gen = generation_now(t, n, &refilled);
	if (!gen)
		return -EAGAIN;
	if (client_is_refused(t->config.client)) { /* the kernel has the name from before */
		generation_unref(gen);
		return -EACCES;
	}
	/* Refused under another name, or to another mount, since the kernel has this one: is it
	 * still? */
	int r = generation_refusal(gen) ? -ENOENT : open_data(t, n, gen, refilled, ret);
	if (r == -ENOENT) {
		lose_data(t, n, gen);
		r = -EAGAIN;
	}
	generation_unref(gen);
	look_if_stale(t, n);
	return r;
}

static int open_link_now(struct tree *t, struct node *n, struct tree_handle **ret)
{
	const struct place *p = n->place; /* n is pinned: it stays */

	if (p->row->source.kind == SOURCE_NONE)
		return open_link(t, n, NULL, ret);
	struct generation *gen = email_found(t, p->row, p->arg);
	int r = gen ? open_link(t, n, gen, ret) : -EAGAIN;
	generation_unref(gen);
	if (r == -ENODATA)
		return -ENOENT;
	return r == -ENOENT ? -EAGAIN : r; /* evicted just now */
}

bool listing_is_there(struct tree *t, const struct node_row *row, const char *arg)
{
	if (row->list == LIST_NONE)
		return true;
	struct catalog *c = tree_catalog(t, row->list, list_row(row->list)->of ? arg : "");
	bool fresh = tree_list_is_fresh(t, c);
	catalog_unref(c);
	return fresh;
}

static int open_folder_now(struct tree *t, struct node *n, struct tree_handle **ret)
{
	const struct place *p = n->place; /* n is pinned: its place and their texts stay */

	/* Reading one begins to fetch it, which not everybody may: who asks is known to who waits.
	 */
	if (!listing_is_there(t, p->row, p->arg) || p->row->source.kind == SOURCE_STREAM)
		return -EAGAIN;
	pthread_mutex_lock(&t->lock);
	bool tentative = is_tentative(t, p->row, p->arg);
	pthread_mutex_unlock(&t->lock);
	if (tentative || folder_due(t, p->row, p->arg))
		return -EAGAIN;
	return open_folder(t, n, ret);
}

bool tree_is_audited(const struct tree *t)
{
	return t->audit;
}

bool tree_wants_program(const struct tree *t)
{
	return t->audit || t->prefetch;
}

void tell_audit(struct tree *t, const struct node *n, const struct tree_caller *who, int err,
                const struct tree_handle *h)
{
	const struct place *p = n->place; /* n is pinned: it stays */
	enum node_kind kind = p->row->kind;

	if (!t->audit || (kind != NODE_DATA && kind != NODE_LIVE))
		return;
	const struct audit_line line = {
		.what = "open",
		.who = who,
		.row = p->row,
		.arg = p->arg,
		.gen = h ? ((const struct handle *)h)->gen : NULL,
		.bytes = h ? h->length : 0,
		.outcome = err < 0 ? strerrorname_np(-err) : "ok",
	};
	audit_put(t->audit, &line);
}

int tree_open(struct tree *t, enum tree_verb verb, uint64_t node, int flags,
              const struct tree_caller *who, struct tree_handle **ret)
{
	struct node *n = node_pin(t, node);
	if (!n)
		return -ENOENT;

	int r;
	enum node_kind kind = n->place->row->kind; /* rows do not change */
	if (verb == TREE_OPENDIR)
		r = kind == NODE_DIR ? open_folder_now(t, n, ret) : -ENOTDIR;
	else if (verb == TREE_READLINK)
		r = kind == NODE_LINK ? open_link_now(t, n, ret) : -EINVAL;
	else if (kind == NODE_SPOOL)
		r = inbox_open(t, n, flags, who, ret);
	else if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC))
		r = -EROFS;
	else if (kind == NODE_TEXT)
		r = open_text(t, node, ret);
	else if (kind == NODE_EVENTS)
		r = open_events(t, n, ret);
	else if (kind == NODE_DATA)
		r = open_file_now(t, n, ret);
	else if (kind == NODE_LIVE)
		r = live_admit(t, n->place, who);
	else
		r = kind == NODE_DIR ? -EISDIR : -ELOOP;
	if (r == 0)
		used_note(t, n->place->row, n->place->arg);
	if (r == 0 && verb == TREE_OPEN)
		prefetch_note(t, n->place->row, n->place->arg, who);
	if (r != -EAGAIN && verb == TREE_OPEN)
		tell_audit(t, n, who, r, r == 0 ? *ret : NULL);
	node_unpin(t, n);
	return r;
}
