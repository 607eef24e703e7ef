/* tree.c: lookups. A name is resolved against the table and the catalog, then presented: a folder
 * or a link has one node, a text a node for each version, a data file the current or the pending
 * one. */
#include "house.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

#include "contents.h"
#include "names.h"
#include "spans.h"

#define RENDER_EVERY_MS 1000

/* --- names ----------------------------------------------------------------------------------- */

/* What stands before the suffix of a row's name. */
static bool strip_suffix(const struct node_row *row, const char *name, char out[NAME_BYTES + 1])
{
	size_t n = strlen(name), m = strlen(row->suffix);
	if (n <= m || strcmp(name + n - m, row->suffix) != 0)
		return false;
	memcpy(out, name, n - m);
	out[n - m] = 0;
	return true;
}

static void say_missing(const struct tree *t, const struct node_row *child, struct qx_fail *why)
{
	if (child && row_is_hidden(t, child)) {
		fail_set(why, ENOENT, "this mount was made with a hide= that names it");
		fail_remedy(why, "Mount again without that, or ask who did.");
	} else if (child && child->flags & ROW_OPTION_API) {
		fail_set(why, ENOENT, "this mount was not made with -o api");
		fail_remedy(why, "Mount again with -o api.");
	} else {
		fail_set(why, ENOENT, "its folder has nothing of this name");
		fail_remedy(
			why,
			"`ls` shows what is there; qxfs --print-tree also what is found by name.");
	}
}

int resolve(struct tree *t, const struct node_row *dir, const char *dir_arg, const char *name,
            const struct node_row **ret_row, char arg[ARG_MAX_BYTES], struct qx_fail *why)
{
	char stem[NAME_BYTES + 1];

	if (strlen(name) > NAME_BYTES)
		return -ENAMETOOLONG;
	dir = node_inside(dir);
	const struct node_row *child = node_child(dir, name);
	pthread_mutex_lock(&t->lock);
	bool there = child && row_is_there(t, child, dir_arg);
	pthread_mutex_unlock(&t->lock);
	if (there) {
		memcpy(arg, dir_arg, strlen(dir_arg) + 1);
		*ret_row = child;
		return span_suits(child, dir_arg, why);
	}
	if (!child && dir->is_inbox)
		return inbox_resolve(t, dir, dir_arg, name, ret_row, arg, why);
	const struct node_row *pattern = node_pattern_of(dir, name);
	if (child || !pattern || !strip_suffix(pattern, name, stem)) {
		if (why)
			say_missing(t, child, why);
		return -ENOENT;
	}
	*ret_row = node_target(pattern);
	return hole_resolve(t, pattern, dir_arg, stem, arg, why);
}

/* --- presenting ------------------------------------------------------------------------------ */

static void fill_entry(struct tree *t, struct node *n, struct tree_entry *ret)
{
	n->lookups++;
	ret->node = n->id;
	node_attr(t, n, &ret->attr);
	ret->attr_ttl_s = node_attr_ttl(t, n);
	ret->entry_ttl_s = node_entry_ttl(t, n);
}

static int present_plain(struct tree *t, const struct node_row *row, const char *arg,
                         struct tree_entry *ret)
{
	pthread_mutex_lock(&t->lock);
	struct place *p = place_get(t, row, arg);
	if (p && !p->current)
		p->current = node_new(t, p);
	struct node *n = p ? p->current : NULL;
	if (n) {
		fill_entry(t, n, ret);
	} else if (p) {
		place_release(t, p);
	}
	pthread_mutex_unlock(&t->lock);
	return n ? 0 : -ENOMEM;
}

/* Nobody has the address: known, for a while, since somebody has followed the link. */
static int present_email(struct tree *t, const struct node_row *row, const char *arg,
                         struct tree_entry *ret)
{
	struct generation *gen = email_found(t, row, arg);
	bool nobody = gen && generation_is_empty_list(gen);

	generation_unref(gen);
	return nobody ? -ENOENT : present_plain(t, row, arg, ret);
}

static struct text *render_text(struct tree *t, const struct node_row *row, const char *arg)
{
	struct buf out = { 0 };
	int64_t mtime_s = row->source.text(t, arg, &out);
	struct text *text = text_new(&out, mtime_s);
	buf_done(&out);
	return text;
}

static bool same_text(const struct text *a, const struct text *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* The current version, if it is young enough. */
static bool present_rendered(struct tree *t, const struct node_row *row, const char *arg,
                             struct tree_entry *ret)
{
	pthread_mutex_lock(&t->lock);
	struct place *p = place_find(t, row, arg);
	/* What was just given is looked at the next moment. */
	bool young = p && p->current && row->block == ROW_ROOT &&
	             sys_now_ms() - p->rendered_ms < RENDER_EVERY_MS;
	if (young)
		fill_entry(t, p->current, ret);
	pthread_mutex_unlock(&t->lock);
	return young;
}

static int present_text(struct tree *t, const struct node_row *row, const char *arg,
                        struct tree_entry *ret)
{
	if (present_rendered(t, row, arg, ret))
		return 0;
	struct text *text = render_text(t, row, arg);
	if (!text)
		return -ENOMEM;

	pthread_mutex_lock(&t->lock);
	struct place *p = place_get(t, row, arg);
	struct node *n = p ? p->current : NULL;
	if (p && !(n && same_text(n->text, text))) {
		n = node_new(t, p);
		if (n) {
			p->current = n; /* the former one lives while the kernel knows it */
			n->text = text;
			text = NULL;
		}
	}
	if (n) {
		p->rendered_ms = sys_now_ms();
		fill_entry(t, n, ret);
	} else if (p) {
		place_release(t, p);
	}
	pthread_mutex_unlock(&t->lock);
	text_unref(text);
	return n ? 0 : -ENOMEM;
}

/* The generation of a place that is fresh, with a reference. */
static struct generation *fresh_generation(struct tree *t, const struct node_row *row,
                                           const char *arg)
{
	pthread_mutex_lock(&t->lock);
	struct place *p = place_find(t, row, arg);
	bool fresh = p && place_is_fresh(t, p);
	struct generation *gen = fresh ? generation_ref(p->gen) : NULL;
	pthread_mutex_unlock(&t->lock);
	return gen;
}

static struct node *ready_node(struct tree *t, struct place *p)
{
	struct node *n = p->pending;
	if (n) { /* another mount published or checked: it is not pending any more */
		node_fill(n, p->gen);
		return n;
	}
	/* A current node of an older generation: a new one takes its place. */
	n = p->current;
	if (n && n->ready && n->gen == p->gen)
		return n;
	n = node_new(t, p);
	if (!n)
		return NULL;
	n->ready = true;
	n->gen = generation_ref(p->gen);
	n->mtime_s = p->stale ? pending_mtime(t, p) : p->gen->mtime_s;
	p->current = n;
	return n;
}

static struct node *pending_node(struct tree *t, struct place *p)
{
	struct node *n = p->pending;
	if (!n) {
		n = node_new(t, p);
		if (!n)
			return NULL;
		n->mtime_s = pending_mtime(t, p);
		p->pending = n;
	}
	n->estimate = pending_estimate(t, p);
	return n;
}

static int present_data(struct tree *t, const struct node_row *row, const char *arg,
                        struct tree_entry *ret)
{
	/* Another mount may have published; a forgotten place may have a file. One look at the
	 * disk; for what is made here, one more at its base. */
	struct generation *gen = fresh_generation(t, row, arg);
	bool looked = !gen;
	int64_t until_s = span_until(row, arg, t->zone); /* before the key is made: never too late
	                                                  */
	if (looked)
		gen = content_cached(t, row, arg);
	struct base_seen base = { 0 };
	bool outdated = gen && row->source.kind == SOURCE_DERIVED &&
	                content_is_outdated(t, row, arg, gen, &base);

	pthread_mutex_lock(&t->lock);
	struct place *p = place_get(t, row, arg);
	if (p && gen && looked)
		p->until_s = until_s;
	if (p && gen && gen != p->gen) {
		struct generation *former = p->gen;
		p->gen = gen;
		gen = former;
	}
	struct node *n = NULL;
	if (p) {
		p->outdated = outdated;
		p->base = base;
		if (p->gen)
			folder_has_files(t, p);
		n = place_is_fresh(t, p) ? ready_node(t, p) : pending_node(t, p);
	}
	if (n)
		fill_entry(t, n, ret);
	else if (p)
		place_release(t, p);
	pthread_mutex_unlock(&t->lock);
	generation_unref(gen);
	return n ? 0 : -ENOMEM;
}

/* Its attributes are the journal's, read without the lock. */
static int present_spool(struct tree *t, const struct node_row *row, const char *arg,
                         struct tree_entry *ret)
{
	struct stat st;
	int r = inbox_stat(t, row, arg, &st);
	if (r == 0)
		r = present_plain(t, row, arg, ret);
	if (r == 0)
		ret->attr = st;
	return r;
}

/* A node that nobody has opened yet: live.c tells why. */
static int present_live(struct tree *t, const struct node_row *row, const char *arg,
                        struct tree_entry *ret)
{
	pthread_mutex_lock(&t->lock);
	struct place *p = place_get(t, row, arg);
	struct node *n = p ? p->pending : NULL;
	if (p && !n) {
		n = p->pending = node_new(t, p);
		if (n)
			n->mtime_s = sys_wall_s();
	}
	if (n)
		fill_entry(t, n, ret);
	else if (p)
		place_release(t, p);
	pthread_mutex_unlock(&t->lock);
	return n ? 0 : -ENOMEM;
}

int present(struct tree *t, const struct node_row *row, const char *arg, struct tree_entry *ret)
{
	memset(ret, 0, sizeof(*ret));
	switch (row->kind) {
	case NODE_TEXT:
		return present_text(t, row, arg, ret);
	case NODE_DATA:
		return present_data(t, row, arg, ret);
	case NODE_SPOOL:
		return present_spool(t, row, arg, ret);
	case NODE_LIVE:
		return present_live(t, row, arg, ret);
	case NODE_LINK:
		if (row->source.kind != SOURCE_NONE)
			return present_email(t, row, arg, ret);
		return present_plain(t, row, arg, ret);
	default:
		return present_plain(t, row, arg, ret);
	}
}

/* --- the door -------------------------------------------------------------------------------- */

/* The place of a node, copied: row and argument. */
int place_of(struct tree *t, uint64_t id, const struct node_row **row, char arg[ARG_MAX_BYTES])
{
	pthread_mutex_lock(&t->lock);
	const struct node *n = node_find(t, id);
	if (n) {
		*row = n->place->row;
		memcpy(arg, n->place->arg, strlen(n->place->arg) + 1);
	}
	pthread_mutex_unlock(&t->lock);
	return n ? 0 : -ENOENT;
}

int tree_lookup(struct tree *t, uint64_t parent, const char *name, struct tree_entry *ret)
{
	const struct node_row *dir, *row;
	char dir_arg[ARG_MAX_BYTES], arg[ARG_MAX_BYTES];

	int r = place_of(t, parent, &dir, dir_arg);
	if (r < 0)
		return r;
	if (dir->kind != NODE_DIR)
		return -ENOTDIR;
	r = resolve(t, dir, dir_arg, name, &row, arg, NULL);
	if (r < 0)
		return r;
	return present(t, row, arg, ret);
}

void tree_forget(struct tree *t, uint64_t node, uint64_t lookups)
{
	pthread_mutex_lock(&t->lock);
	struct node *n = node_find(t, node);
	if (n) {
		n->lookups -= lookups < n->lookups ? lookups : n->lookups;
		node_release(t, n);
	}
	pthread_mutex_unlock(&t->lock);
}

static int stat_spool(struct tree *t, uint64_t node, struct stat *ret)
{
	const struct node_row *row;
	char arg[ARG_MAX_BYTES];

	int r = place_of(t, node, &row, arg);
	return r < 0 ? r : inbox_stat(t, row, arg, ret);
}

int tree_getattr(struct tree *t, uint64_t node, struct stat *ret, double *ret_ttl_s)
{
	pthread_mutex_lock(&t->lock);
	const struct node *n = node_find(t, node);
	if (n) {
		node_attr(t, n, ret);
		*ret_ttl_s = node_attr_ttl(t, n);
	}
	bool spool = n && n->place->row->kind == NODE_SPOOL;
	pthread_mutex_unlock(&t->lock);
	return n ? spool ? stat_spool(t, node, ret) : 0 : -ENOENT;
}

bool tree_is_owner(const struct tree *t, uid_t uid)
{
	return uid == 0 || uid == t->config.owner;
}

/* Lock held. */
static void name_of(struct tree *t, const struct place *p, struct tree_name *ret)
{
	const struct node_row *dir = node_row(p->row->parent);
	char arg[ARG_MAX_BYTES], stem[ARG_MAX_BYTES] = "";

	/* A row with a hole of its own has the last component in its name, not in its folder's. */
	memcpy(arg, p->arg, strlen(p->arg) + 1);
	if (p->row->hole != HOLE_NONE) {
		char *last = strrchr(arg, '/');
		memcpy(stem, last ? last + 1 : arg, strlen(last ? last + 1 : arg) + 1);
		*(last ? last : arg) = 0;
	}
	const struct place *above = place_find(t, dir, arg);
	ret->parent = above && above->current ? above->current->id : 0;
	(void)snprintf(ret->name, sizeof(ret->name), "%s%s", stem,
	               stem[0] ? p->row->suffix : p->row->name);
}

/* The name in excel/ of a survey's workbook. Lock held. */
static void excel_name(struct tree *t, const char *id, struct tree_name *ret)
{
	const struct catalog *c = t->catalogs[LIST_SURVEYS];
	const struct place *above = place_find(t, node_row(ROW_EXCEL), "");
	const struct list_item *item = c ? list_find(c->list, id) : NULL;

	if (!item || !above || !above->current)
		return;
	ret->parent = above->current->id;
	(void)snprintf(ret->name, sizeof(ret->name), "%s%s", catalog_name(c, item),
	               node_row(ROW_EXCEL_FILE)->suffix);
}

/* The names under which the kernel may know the touched file, what it is made from, and what is
 * made from that in its folder: they are fresh together. Lock held. */
static void touched_names(struct tree *t, const struct place *touched, const struct place *base,
                          struct tree_name ret[TREE_NAMES])
{
	int n = 0;

	name_of(t, base, &ret[n++]);
	if (touched->row->parent != base->row->parent)
		name_of(t, touched, &ret[n++]);
	for (enum row_id i = node_row(base->row->parent)->first_child; i != ROW_ROOT;
	     i = node_row(i)->next) {
		const struct node_row *row = node_row(i);
		if (row->source.kind != SOURCE_DERIVED || node_base(row) != base->row)
			continue;
		const struct place *p = place_find(t, row, base->arg);
		if (p && n < TREE_NAMES)
			name_of(t, p, &ret[n++]);
		if (row == node_target(node_row(ROW_EXCEL_FILE)) && n < TREE_NAMES)
			excel_name(t, base->arg, &ret[n++]);
	}
}

int place_touch(struct tree *t, struct place *p, struct tree_name ret[TREE_NAMES])
{
	struct place *base = p;
	char base_arg[ARG_MAX_BYTES];

	/* What is made here is as fresh as what it is made from. */
	if (p->row->source.kind == SOURCE_DERIVED) {
		node_base_arg(p->row, p->arg, base_arg);
		base = place_get(t, node_base(p->row), base_arg);
	}
	if (!base)
		return -ENOMEM;
	p->touched_ms = base->touched_ms = sys_now_ms();
	/* One that is being filled gets what was asked for before: the next is another. */
	if (p->pending && p->pending->pins)
		p->pending = NULL;
	if (base->pending && base->pending->pins)
		base->pending = NULL;
	touched_names(t, p, base, ret);
	return 0;
}

int tree_touch(struct tree *t, uint64_t node, const struct tree_caller *who,
               struct tree_name ret[TREE_NAMES])
{
	int r = -EPERM;
	memset(ret, 0, TREE_NAMES * sizeof(*ret));
	if (!tree_is_owner(t, who->uid))
		return r;
	pthread_mutex_lock(&t->lock);
	struct node *n = node_find(t, node);
	if (!n)
		r = -ENOENT;
	else if (n->place->row->kind == NODE_DATA)
		r = place_touch(t, n->place, ret);
	pthread_mutex_unlock(&t->lock);
	return r;
}

int tree_disk(struct tree *t, uint64_t *ret_total, uint64_t *ret_free, uint64_t *ret_files)
{
	pthread_mutex_lock(&t->lock);
	const struct catalog *c = t->catalogs[LIST_SURVEYS];
	*ret_files = c ? c->list->n : 0;
	pthread_mutex_unlock(&t->lock);
	return cache_disk(t->config.cache, ret_total, ret_free);
}
