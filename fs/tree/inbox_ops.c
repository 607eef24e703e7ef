/* inbox_ops.c: opening, writing, renaming, removing in import folders. What is not one refuses. */
#include "audit.h"
#include "inbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#include "listing.h"
#include "opens.h"

static struct drop_caller drop_caller(const struct tree_caller *who)
{
	return (struct drop_caller){
		.uid = who->uid, .gid = who->gid, .process = who->process, .killed = who->killed
	};
}

/* The folder that a node is. -EPERM: nothing can be made, removed or renamed there. */
static int inbox_of(struct tree *t, uint64_t node, const struct node_row **ret_row,
                    char arg[ARG_MAX_BYTES], struct drop_folder *ret)
{
	int r = place_of(t, node, ret_row, arg);
	if (r < 0)
		return r;
	if (!(*ret_row)->is_inbox)
		return -EPERM;
	if (!t->config.journal)
		return -EIO; /* damaged: STATUS.txt says so */
	return inbox_folder(*ret_row, arg, ret);
}

/* --- handles -----------------------------------------------------------------------------------
 */

static int wrap(struct tree *t, struct node *n, struct drop_handle *drop, struct tree_handle **ret)
{
	pthread_mutex_lock(&t->lock);
	struct handle *h = handle_new(t, n);
	pthread_mutex_unlock(&t->lock);
	if (!h) {
		drops_release(drop);
		return -ENOMEM;
	}
	h->drop = drop;
	h->pub.fd = drop_handle_fd(drop);
	h->pub.length = UINT64_MAX; /* whatever is there */
	h->pub.keep_cache = false;
	h->pub.is_spool = true;
	*ret = &h->pub;
	return 0;
}

static int open_rejected(struct tree *t, struct node *n, int64_t id, int flags,
                         struct tree_handle **ret)
{
	struct handle *h;

	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EPERM;
	int fd = journal_rejected(t->config.journal, id, O_RDONLY);
	int r = handle_of_file(t, n, fd, UINT64_MAX, &h);
	if (r < 0)
		return r;
	h->pub.keep_cache = false;
	*ret = &h->pub;
	return 0;
}

/* Somebody begins to write it. */
static void tell_given(struct tree *t, const struct tree_caller *who, const struct entry *e)
{
	struct buf path = { 0 };

	buf_addf(&path, "%s/%s", e->folder, e->name);
	const struct audit_line line = {
		.what = "give", .who = who, .path = buf_text(&path), .outcome = "ok"
	};
	audit_put(t->audit, &line);
	buf_done(&path);
}

int inbox_open(struct tree *t, struct node *n, int flags, const struct tree_caller *who,
               struct tree_handle **ret)
{
	const struct place *p = n->place; /* n is pinned: it stays */
	struct drop_caller caller = drop_caller(who);
	struct drop_handle *drop;
	int64_t id = inbox_entry_id(p->arg);

	if (!t->config.journal)
		return -EIO;
	if (inbox_is_rejected(p->row))
		return open_rejected(t, n, id, flags, ret);
	int r = drops_open(t->drops, id, flags, &caller, &drop);
	struct entry e;
	if (r == 0 && (flags & O_ACCMODE) != O_RDONLY && t->audit &&
	    journal_get(t->config.journal, id, &e) == 0)
		tell_given(t, who, &e);
	return r < 0 ? r : wrap(t, n, drop, ret);
}

/* --- making ------------------------------------------------------------------------------------
 */

/* The name is there already: somebody was quicker. */
static int open_existing(struct tree *t, const struct drop_folder *folder, const char *name,
                         int flags, const struct tree_caller *who, struct entry *e,
                         struct drop_handle **ret)
{
	struct drop_caller caller = drop_caller(who);

	if (flags & O_EXCL)
		return -EEXIST;
	int r = journal_find(t->config.journal, folder->folder, name, e);
	return r < 0 ? r : drops_open(t->drops, e->id, flags | O_RDWR, &caller, ret);
}

int tree_create(struct tree *t, uint64_t parent, const char *name, mode_t mode, int flags,
                const struct tree_caller *who, struct tree_entry *ret,
                struct tree_handle **ret_handle)
{
	const struct node_row *dir, *row;
	char dir_arg[ARG_MAX_BYTES], arg[ARG_MAX_BYTES];
	struct drop_caller caller = drop_caller(who);
	struct drop_handle *drop;
	struct drop_folder folder;
	struct entry e;

	int r = inbox_of(t, parent, &dir, dir_arg, &folder);
	if (r < 0)
		return r;
	r = drops_create(t->drops, &folder, name, mode, &caller, &e, &drop);
	if (r == -EEXIST)
		r = open_existing(t, &folder, name, flags, who, &e, &drop);
	if (r < 0)
		return r;
	r = inbox_entry_place(dir, dir_arg, e.id, &row, arg);
	if (r == 0)
		r = present(t, row, arg, ret);
	struct node *n = r == 0 ? node_pin(t, ret->node) : NULL;
	if (n)
		tell_given(t, who, &e);
	if (!n) {
		drops_release(drop);
		return r < 0 ? r : -ENOMEM;
	}
	r = wrap(t, n, drop, ret_handle);
	node_unpin(t, n);
	if (r < 0)
		tree_forget(t, ret->node, 1);
	return r;
}

/* --- writing -----------------------------------------------------------------------------------
 */

int tree_write(struct tree_handle *h, const void *bytes, size_t len, uint64_t at)
{
	struct handle *handle = (struct handle *)h;
	return handle->drop ? drops_write(handle->drop, bytes, len, at) : -EROFS;
}

int tree_flush(struct tree_handle *h, const struct tree_caller *who)
{
	struct handle *handle = (struct handle *)h;
	struct drop_caller caller = drop_caller(who);
	return handle->drop ? drops_flush(handle->drop, &caller) : 0;
}

int tree_fsync(struct tree_handle *h)
{
	struct handle *handle = (struct handle *)h;
	return handle->drop ? drops_fsync(handle->drop) : 0;
}

bool tree_is_spool(struct tree *t, uint64_t node)
{
	pthread_mutex_lock(&t->lock);
	const struct node *n = node_find(t, node);
	bool is = n && n->place->row->kind == NODE_SPOOL;
	pthread_mutex_unlock(&t->lock);
	return is;
}

int tree_set_attr(struct tree *t, uint64_t node, const struct tree_attr *set)
{
	const struct node_row *row;
	char arg[ARG_MAX_BYTES];

	int r = place_of(t, node, &row, arg);
	if (r < 0)
		return r;
	if (row->kind != NODE_SPOOL || inbox_is_rejected(row))
		return set->size ? -EROFS : -EPERM;
	if (!t->config.journal)
		return -EIO;
	int64_t id = inbox_entry_id(arg);
	if (set->size)
		r = drops_truncate(t->drops, id, *set->size);
	if (r == 0 && (set->mode || set->uid || set->gid || set->mtime_ns))
		r = journal_set_attr(t->config.journal, id, set->mode, set->uid, set->gid,
		                     set->mtime_ns);
	return r;
}

/* --- moving and removing ------------------------------------------------------------------------
 */

/* The entry of a name; what lies beside one (a report) cannot be moved or removed. */
static int entry_of(struct tree *t, uint64_t parent, const char *name, int64_t *ret)
{
	const struct node_row *dir, *row;
	char dir_arg[ARG_MAX_BYTES], arg[ARG_MAX_BYTES];
	struct drop_folder folder;

	int r = inbox_of(t, parent, &dir, dir_arg, &folder);
	if (r == 0)
		r = resolve(t, dir, dir_arg, name, &row, arg, NULL);
	if (r < 0)
		return r;
	*ret = inbox_entry_id(arg);
	return inbox_is_entry(row) ? 0 : -EPERM;
}

int tree_rename(struct tree *t, uint64_t parent, const char *name, uint64_t new_parent,
                const char *new_name, unsigned flags)
{
	const struct node_row *dir;
	char dir_arg[ARG_MAX_BYTES];
	struct drop_folder to;
	int64_t id;

	if (flags & ~(unsigned)RENAME_NOREPLACE)
		return -EINVAL;
	int r = entry_of(t, parent, name, &id);
	if (r == 0)
		r = inbox_of(t, new_parent, &dir, dir_arg, &to);
	return r < 0 ? r : drops_rename(t->drops, id, &to, new_name, flags & RENAME_NOREPLACE);
}

int tree_unlink(struct tree *t, uint64_t parent, const char *name)
{
	int64_t id;
	int r = entry_of(t, parent, name, &id);
	return r < 0 ? r : drops_remove(t->drops, id);
}
