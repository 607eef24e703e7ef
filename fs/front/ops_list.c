/* ops_list.c: listings.
 *
 * The offset of an entry is its index: "." has 0, ".." has 1, the tree's entry i has i + 2; what
 * the kernel is given with an entry is the offset of the next one. The tree keeps the snapshot of
 * an open folder, so an offset means the same entry for as long as the folder is open.
 *
 * A page of entries that has not come parks the request, unless there is something to give at once.
 * While it is parked the kernel lets nobody else look into that folder.
 */
#include "ops.h"

#include <errno.h>
#include <stdlib.h>

#include "order.h"
#include "park.h"

#define DOTS 2

struct page {
	fuse_req_t req;
	struct tree *tree;
	const struct tree_handle *handle;
	bool plus; /* with attributes, and a lookup of each */
	char *bytes;
	size_t size;
	size_t used;
};

/* The bytes it takes; more than there is room for: nothing was added. */
static size_t add_plain(struct page *p, const char *name, const struct stat *st, off_t next)
{
	return fuse_add_direntry(p->req, p->bytes + p->used, p->size - p->used, name, st, next);
}

static size_t add_plus(struct page *p, const char *name, const struct tree_entry *e, off_t next)
{
	struct fuse_entry_param param = {
		.ino = e->node,
		.attr = e->attr,
		.attr_timeout = e->attr_ttl_s,
		.entry_timeout = e->entry_ttl_s,
	};
	return fuse_add_direntry_plus(p->req, p->bytes + p->used, p->size - p->used, name, &param,
	                              next);
}

/* Each adds the entry of offset `off`; *ret_len as above. Without a node the kernel looks nothing
 * up, which is how it wants the dots. */
static int add_dot(struct page *p, off_t off, size_t *ret_len)
{
	struct tree_entry e = { 0 };
	double ttl_s;

	int err = tree_getattr(p->tree, p->handle->node, &e.attr, &ttl_s);
	if (err < 0)
		return err;
	const char *name = ".";
	if (off > 0) {
		name = "..";
		e.attr.st_ino = tree_parent_ino(p->tree, p->handle);
	}
	*ret_len = p->plus ? add_plus(p, name, &e, off + 1) : add_plain(p, name, &e.attr, off + 1);
	return 0;
}

static int add_entry(struct page *p, off_t off, size_t *ret_len)
{
	char name[TREE_NAME_BYTES];
	struct stat st = { 0 };

	int err = tree_dirent(p->tree, p->handle, (size_t)off - DOTS, name, &st);
	if (err < 0)
		return err;
	*ret_len = add_plain(p, name, &st, off + 1);
	return 0;
}

static int add_entry_plus(struct page *p, off_t off, size_t *ret_len)
{
	char name[TREE_NAME_BYTES];
	struct tree_entry e;

	int err = tree_dirent_lookup(p->tree, p->handle, (size_t)off - DOTS, name, &e);
	if (err < 0)
		return err;
	*ret_len = add_plus(p, name, &e, off + 1);
	if (*ret_len > p->size - p->used && e.node) /* the kernel will never hear of this lookup */
		tree_forget(p->tree, e.node, 1);
	return 0;
}

/* Fills the page from offset `off` on; an error only if nothing could be added. */
static int fill(struct page *p, off_t off)
{
	for (;; off++) {
		size_t len = 0;
		int err = off < DOTS ? add_dot(p, off, &len)
		          : p->plus  ? add_entry_plus(p, off, &len)
		                     : add_entry(p, off, &len);
		if (err == -ENOENT && off >= DOTS)
			return 0; /* the end */
		if (err < 0)
			return p->used ? 0 : err;
		if (len > p->size - p->used)
			return 0;
		p->used += len;
	}
}

/* Answers a listing; -EAGAIN: it is not answered, the page of its first entry is not there. */
static int answer(struct tree *tree, fuse_req_t req, const struct parked *what)
{
	struct page p = {
		.req = req,
		.tree = tree,
		.handle = what->ask.dir,
		.plus = what->plus,
		.bytes = malloc(what->size),
		.size = what->size,
	};

	int err = p.bytes ? what->off < 0 ? -EINVAL : fill(&p, what->off) : -ENOMEM;
	/* Lookups in a page that is not taken are not undone: the connection is gone, and with it
	 * every other lookup that nobody will forget. */
	order_before_reply();
	if (err == 0)
		(void)fuse_reply_buf(req, p.bytes, p.used);
	else if (err != -EAGAIN)
		reply_err(req, err);
	free(p.bytes);
	return err;
}

static void answer_parked(struct tree *tree, fuse_req_t req, const struct parked *what,
                          struct tree_handle *none)
{
	(void)none;
	order_after_request();
	if (answer(tree, req, what) == -EAGAIN) /* it is there: the tree has said so */
		reply_err(req, -EIO);
}

static void list(fuse_req_t req, size_t size, off_t off, const struct fuse_file_info *fi, bool plus)
{
	struct front *f = front_of(req);
	struct tree_caller who = caller_of(req);
	struct parked what = {
		.ask = { .verb = TREE_READDIR, .dir = handle_of(fi) },
		.answer = answer_parked,
		.size = size,
		.off = off,
		.plus = plus,
	};

	if (answer(f->tree, req, &what) == -EAGAIN) {
		what.ask.index = (size_t)off - DOTS; /* the dots are always there */
		lot_park(f->lot, req, &what, &who);
	}
}

void ops_readdir(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)node;
	list(req, size, off, fi, false);
}

void ops_readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
                     struct fuse_file_info *fi)
{
	(void)node;
	list(req, size, off, fi, true);
}
