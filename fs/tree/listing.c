/* listing.c: READDIR and READDIRPLUS. The listing holds the catalog of its moment, so it neither
 * skips nor repeats a name whatever comes in between; it is memory work only. */
#include "listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

int listing_new(struct tree *t, const struct node_row *dir, const char *arg, struct listing **ret)
{
	struct listing *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->dir = dir;
	memcpy(l->arg, arg, strlen(arg) + 1);
	for (int i = ROW_ROOT + 1; i < ROWS_; i++) {
		const struct node_row *row = node_row((enum row_id)i);
		if (row->parent == dir->id && !row->is_pattern && !(row->flags & ROW_UNLISTED))
			l->fixed[l->n_fixed++] = row;
	}
	if (dir->source.listed) {
		l->pattern = node_pattern(dir);
		l->catalog = tree_catalog(t);
	}
	l->parent_ino = row_ino(t, node_row(dir->parent), "");
	*ret = l;
	return 0;
}

void listing_free(struct listing *l)
{
	if (!l)
		return;
	catalog_unref(l->catalog);
	free(l);
}

/* What the kernel keeps of a folder is one for all its handles: any of them fills it, and any, also
 * one that is half-way through, goes on in it by its offset. So only handles of one version may
 * keep; while another is open none that comes does, and its coming drops what was kept. The
 * entries' lookups come with the listing and end with it: else each `stat` were a request. */
void listing_opened(struct node *n, const struct listing *l, struct tree_handle *h)
{
	uint64_t version = l->catalog ? l->catalog->version : 0;
	int64_t now_ms = sys_now_ms();
	bool same = n->kept_version == version;

	n->mixed = n->listings > 0 && (n->mixed || !same);
	h->may_keep = !n->mixed;
	h->keep_cache =
		h->may_keep && same && n->kept_ms && now_ms - n->kept_ms < FOLDER_TTL_S * 1000;
	if (!h->keep_cache)
		n->kept_ms = h->may_keep ? now_ms : 0;
	n->kept_version = version;
	n->listings++;
}

void listing_closed(struct node *n)
{
	n->listings--;
}

/* Row, argument and name of the index-th entry. */
static int entry_at(const struct listing *l, size_t index, const struct node_row **row,
                    const char **arg, const char **name)
{
	if (index < l->n_fixed) {
		*row = l->fixed[index];
		*arg = l->arg;
		*name = (*row)->name;
		return 0;
	}
	index -= l->n_fixed;
	if (!l->catalog || index >= l->catalog->list->n)
		return -ENOENT;
	const struct list_item *item = &l->catalog->list->items[index];
	*row = l->pattern;
	*arg = item->id;
	*name = l->pattern->kind == NODE_LINK ? catalog_name(l->catalog, item) : item->id;
	return 0;
}

int tree_dirent(struct tree *t, const struct tree_handle *h, size_t index, const char **ret_name,
                struct stat *ret)
{
	const struct handle *handle = (const struct handle *)h;
	const struct node_row *row;
	const char *arg;

	int r = entry_at(handle->listing, index, &row, &arg, ret_name);
	if (r == 0)
		row_attr(t, row, row_ino(t, row, arg), ret);
	return r;
}

int tree_dirent_lookup(struct tree *t, const struct tree_handle *h, size_t index,
                       const char **ret_name, struct tree_entry *ret)
{
	const struct handle *handle = (const struct handle *)h;
	const struct node_row *row;
	const char *arg;

	int r = entry_at(handle->listing, index, &row, &arg, ret_name);
	return r < 0 ? r : present(t, row, arg, false, ret);
}

uint64_t tree_parent_ino(struct tree *t, const struct tree_handle *h)
{
	(void)t;
	return ((const struct handle *)h)->listing->parent_ino;
}
