/* listing.c: READDIR and READDIRPLUS. The listing holds the catalog of its moment, so it neither
 * skips nor repeats a name whatever comes in between; it is memory work only. */
#include "listing.h"
#include "inbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

#include "contents.h"
#include "spans.h"
#include "used.h"

/* tree.lock held. */
static bool is_listed(struct tree *t, const struct listing *l, const struct node_row *row)
{
	return row->hole == HOLE_NONE && !(row->flags & ROW_UNLISTED) &&
	       row_is_there(t, row, l->arg) && span_suits(row, l->arg, NULL) == 0;
}

static int add_fixed(struct tree *t, struct listing *l)
{
	size_t n = 0;
	for (enum row_id i = l->dir->first_child; i != ROW_ROOT; i = node_row(i)->next)
		n++;
	l->fixed = calloc(n + 1, sizeof(*l->fixed));
	if (!l->fixed)
		return -ENOMEM;
	pthread_mutex_lock(&t->lock);
	for (enum row_id i = l->dir->first_child; i != ROW_ROOT; i = node_row(i)->next) {
		if (is_listed(t, l, node_row(i)))
			l->fixed[l->n_fixed++] = node_row(i);
	}
	pthread_mutex_unlock(&t->lock);
	return 0;
}

static int add_items(struct tree *t, struct listing *l)
{
	const struct node_row *pattern = node_pattern(l->dir);

	if (l->dir->list == LIST_NONE && !(pattern && hole_is_kept(pattern->hole)))
		return 0;
	l->pattern = pattern;
	if (l->dir->list == LIST_NONE)
		return used_names(t, l->dir, l->arg, &l->names, &l->n_items, &l->version);
	l->catalog = tree_catalog(t, l->dir->list, list_row(l->dir->list)->of ? l->arg : "");
	size_t n = l->catalog ? l->catalog->list->n : 0;
	l->version = l->catalog ? l->catalog->version : 0;
	l->chosen = calloc(n + 1, sizeof(*l->chosen));
	if (!l->chosen)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (hole_shows(t, l->pattern->hole, l->catalog, &l->catalog->list->items[i]))
			l->chosen[l->n_items++] = i;
	return 0;
}

/* What is too long for memory is read from its stream, entry by entry. */
static int add_stream(struct tree *t, struct listing *l)
{
	struct content c;

	if (l->dir->source.kind != SOURCE_STREAM)
		return 0;
	l->pattern = node_pattern(l->dir);
	int r = content_make(t, l->dir, l->arg, &c);
	if (r == 0)
		r = stream_open(t->jobs, &c.recipe, &l->stream);
	content_done(&c);
	return r == -EAGAIN ? -EIO : r; /* the lists have been asked for */
}

int listing_new(struct tree *t, const struct node_row *dir, const char *arg, struct listing **ret)
{
	struct listing *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->dir = dir;
	memcpy(l->arg, arg, strlen(arg) + 1);
	int r = add_fixed(t, l);
	if (r == 0 && dir->is_inbox)
		r = inbox_list(t, dir, arg, &l->inbox, &l->n_items);
	else if (r == 0)
		r = add_items(t, l);
	if (r == 0)
		r = add_stream(t, l);
	if (r < 0) {
		listing_free(l);
		return r;
	}
	l->parent_ino = row_parent_ino(t, dir, arg);
	*ret = l;
	return 0;
}

void listing_free(struct listing *l)
{
	if (!l)
		return;
	if (l->stream)
		stream_close(l->stream);
	catalog_unref(l->catalog);
	free(l->fixed);
	free(l->chosen);
	free(l->inbox);
	for (size_t i = 0; l->names && i < l->n_items; i++)
		free(l->names[i]);
	free(l->names);
	free(l);
}

/* What the kernel keeps of a folder is one for all its handles: any of them fills it, and any, also
 * one that is half-way through, goes on in it by its offset. So only handles of one version may
 * keep; while another is open none that comes does, and its coming drops what was kept. The
 * entries' lookups come with the listing and end with it: else each `stat` were a request. */
void listing_opened(struct node *n, const struct listing *l, struct tree_handle *h)
{
	int64_t now_ms = sys_now_ms();
	bool same = n->kept_version == l->version;

	/* A million names are too many to be kept, and one that fails half-way is no listing. */
	n->mixed = l->stream || (n->listings > 0 && (n->mixed || !same));
	h->may_keep = !n->mixed && !l->dir->is_inbox;
	h->keep_cache =
		h->may_keep && same && n->kept_ms && now_ms - n->kept_ms < FOLDER_TTL_S * 1000;
	if (!h->keep_cache)
		n->kept_ms = h->may_keep ? now_ms : 0;
	n->kept_version = l->version;
	n->listings++;
}

void listing_closed(struct node *n)
{
	n->listings--;
}

struct listed {
	const struct node_row *row;
	char name[TREE_NAME_BYTES];
	char arg[ARG_MAX_BYTES];
};

/* Ids and safe names fit. */
static int set_entry(const struct listing *l, const char *part, const char *name,
                     const char *suffix, struct listed *ret)
{
	ret->row = node_target(l->pattern);
	int n = snprintf(ret->name, sizeof(ret->name), "%s%s", name, suffix);
	return n < (int)sizeof(ret->name) && arg_join(l->arg, part, ret->arg) ? 0 : -EIO;
}

static int stream_entry(const struct listing *l, size_t index, struct listed *ret)
{
	char id[STREAM_ID_BYTES];

	int r = stream_read(l->stream, index, id);
	return r < 0 ? r : set_entry(l, id, id, l->pattern->suffix, ret);
}

static int inbox_entry(const struct listing *l, size_t index, struct listed *ret)
{
	const struct inbox_item *item = &l->inbox[index];

	ret->row = item->row;
	int n = snprintf(ret->name, sizeof(ret->name), "%s", item->name);
	return n < (int)sizeof(ret->name) && inbox_entry_arg(l->arg, item->id, ret->arg) == 0
	               ? 0
	               : -EIO;
}

static int item_at(const struct listing *l, size_t index, struct listed *ret)
{
	if (index >= l->n_items)
		return -ENOENT;
	if (l->inbox)
		return inbox_entry(l, index, ret);
	if (!l->catalog)
		return set_entry(l, l->names[index], l->names[index], l->pattern->suffix, ret);
	const struct list_item *item = &l->catalog->list->items[l->chosen[index]];

	return set_entry(l, hole_part(l->pattern->hole, l->catalog, item),
	                 hole_name(l->pattern->hole, l->catalog, item), l->pattern->suffix, ret);
}

static int entry_at(const struct listing *l, size_t index, struct listed *ret)
{
	if (index >= l->n_fixed && l->stream)
		return stream_entry(l, index - l->n_fixed, ret);
	if (index >= l->n_fixed)
		return item_at(l, index - l->n_fixed, ret);
	ret->row = l->fixed[index];
	(void)snprintf(ret->name, sizeof(ret->name), "%s", ret->row->name);
	memcpy(ret->arg, l->arg, strlen(l->arg) + 1);
	return 0;
}

int tree_dirent(struct tree *t, const struct tree_handle *h, size_t index,
                char ret_name[TREE_NAME_BYTES], struct stat *ret)
{
	const struct handle *handle = (const struct handle *)h;
	struct listed e;

	int r = entry_at(handle->listing, index, &e);
	if (r < 0)
		return r;
	row_attr(t, e.row, row_ino(t, e.row, e.arg), ret);
	memcpy(ret_name, e.name, sizeof(e.name));
	return 0;
}

int tree_dirent_lookup(struct tree *t, const struct tree_handle *h, size_t index,
                       char ret_name[TREE_NAME_BYTES], struct tree_entry *ret)
{
	const struct handle *handle = (const struct handle *)h;
	struct listed e;

	int r = entry_at(handle->listing, index, &e);
	if (r < 0)
		return r;
	memcpy(ret_name, e.name, sizeof(e.name));
	if (!handle->listing->stream)
		return present(t, e.row, e.arg, ret);
	memset(ret, 0, sizeof(*ret));
	row_attr(t, e.row, row_ino(t, e.row, e.arg), &ret->attr);
	return 0;
}

uint64_t tree_parent_ino(struct tree *t, const struct tree_handle *h)
{
	(void)t;
	return ((const struct handle *)h)->listing->parent_ino;
}
