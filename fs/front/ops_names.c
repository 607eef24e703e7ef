/* ops_names.c: names and attributes. */
#include "ops.h"

#include "notify.h"
#include "park.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#define BLOCK_SIZE 4096 /* the unit of statfs */

void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct tree *tree = front_of(req)->tree;
	struct tree_entry e;

	int err = tree_lookup(tree, parent, name, &e);
	if (err < 0) {
		reply_err(req, err);
		return;
	}
	struct fuse_entry_param reply = {
		.ino = e.node,
		.attr = e.attr,
		.attr_timeout = e.attr_ttl_s,
		.entry_timeout = e.entry_ttl_s,
	};
	if (fuse_reply_entry(req, &reply) < 0)
		tree_forget(tree, e.node, 1);
}

void ops_forget(fuse_req_t req, fuse_ino_t node, uint64_t lookups)
{
	tree_forget(front_of(req)->tree, node, lookups);
	fuse_reply_none(req);
}

void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct tree *tree = front_of(req)->tree;

	for (size_t i = 0; i < count; i++)
		tree_forget(tree, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

static void reply_attr(fuse_req_t req, fuse_ino_t node)
{
	struct stat st;
	double ttl_s;

	int err = tree_getattr(front_of(req)->tree, node, &st, &ttl_s);
	if (err < 0)
		reply_err(req, err);
	else
		(void)fuse_reply_attr(req, &st, ttl_s); /* fails only with the connection */
}

void ops_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)fi;
	reply_attr(req, node);
}

/* What a SETATTR asks for comes down to `touch`, or to nothing we allow. An access time alone is no
 * touch: backups put it back after reading, and that must not start an export. */
static int judge_setattr(int set)
{
	if (set & FUSE_SET_ATTR_SIZE)
		return -EROFS;
	if (set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		return -EPERM;
	return set & FUSE_SET_ATTR_MTIME ? 0 : -EPERM;
}

static void forget_next(struct late_names *late);

static void name_forgotten(struct notice *n)
{
	struct late_names *late = container_of(n, struct late_names, notice);

	late->forgotten++;
	forget_next(late);
}

static void forget_next(struct late_names *late)
{
	while (late->forgotten < TREE_NAMES && !late->names[late->forgotten].parent)
		late->forgotten++;
	if (late->forgotten == TREE_NAMES) {
		late->then(late);
		return;
	}
	const struct tree_name *name = &late->names[late->forgotten];
	notify_name(late->notifier, &late->notice, name->parent, name->name, name_forgotten);
}

void names_forget(struct late_names *late)
{
	late->forgotten = 0;
	forget_next(late);
}

struct late_touch {
	fuse_req_t req;
	fuse_ino_t node;
	struct late_names late;
};

static void touched(struct late_names *late)
{
	struct late_touch *t = container_of(late, struct late_touch, late);

	reply_attr(t->req, t->node);
	free(t);
}

static void touch(fuse_req_t req, fuse_ino_t node)
{
	struct front *f = front_of(req);
	struct tree_caller who = caller_of(req);
	struct late_touch *late = calloc(1, sizeof(*late));

	int err = late ? tree_touch(f->tree, node, &who, late->late.names) : -ENOMEM;
	if (err < 0) {
		free(late);
		reply_err(req, err);
		return;
	}
	late->req = req;
	late->node = node;
	late->late.notifier = f->notifier;
	late->late.then = touched;
	names_forget(&late->late);
}

void ops_setattr(fuse_req_t req, fuse_ino_t node, struct stat *attr, int set,
                 struct fuse_file_info *fi)
{
	(void)fi;

	if (tree_is_spool(front_of(req)->tree, node)) {
		write_setattr(req, node, attr, set);
		return;
	}
	int err = judge_setattr(set);
	if (err < 0)
		reply_err(req, err);
	else
		touch(req, node);
}

static void reply_target(struct tree *tree, fuse_req_t req, const struct parked *what,
                         struct tree_handle *link)
{
	(void)what;
	(void)fuse_reply_readlink(req, link->bytes); /* fails only with the connection */
	tree_close(tree, link);
}

void ops_readlink(fuse_req_t req, fuse_ino_t node)
{
	struct front *f = front_of(req);
	struct tree_caller who = caller_of(req);
	const struct parked what = { .ask = { .verb = TREE_READLINK, .node = node },
		                     .answer = reply_target };
	struct tree_handle *link;

	int err = tree_open(f->tree, TREE_READLINK, node, 0, &who, &link);
	if (err == 0)
		reply_target(f->tree, req, &what, link);
	else if (err == -EAGAIN)
		lot_park(f->lot, req, &what, &who);
	else
		reply_err(req, err);
}

void ops_statfs(fuse_req_t req, fuse_ino_t node)
{
	uint64_t total, available, files;
	(void)node;

	int err = tree_disk(front_of(req)->tree, &total, &available, &files);
	if (err < 0) {
		reply_err(req, err);
		return;
	}
	struct statvfs st = {
		.f_bsize = BLOCK_SIZE,
		.f_frsize = BLOCK_SIZE,
		.f_blocks = total / BLOCK_SIZE,
		.f_bfree = available / BLOCK_SIZE,
		.f_bavail = available / BLOCK_SIZE,
		.f_files = files,
		.f_namemax = NAME_MAX,
	};
	(void)fuse_reply_statfs(req, &st); /* fails only with the connection */
}
