/* ops_write.c: what import folders are asked for.
 *
 * Each of these waits for the local disk, an fsync among them, so it becomes an errand: its
 * arguments are copied, a disk worker does it and replies. INTERRUPT is not heeded: the local disk
 * answers soon. The kernel has one write of a file on its way at a time, so errands of a file keep
 * their order. */
#include "ops.h"

#include <qxfs/base/sys.h>
#include <qxfs/base/worker.h>
#include <qxfs/front/control.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "order.h"

struct errand {
	struct task task;
	fuse_req_t req;
	struct tree *tree;
	void (*run)(struct errand *e); /* replies */
	struct tree_caller who;
	fuse_ino_t node, new_parent;
	struct tree_handle *handle;
	int flags;
	mode_t mode;
	off_t off;
	int set;
	struct stat attr;
	char *new_name; /* in `text` */
	size_t len;
	_Alignas(8) char text[]; /* a name, two names, bytes, or a struct control */
};

static void run_errand(struct task *task)
{
	struct errand *e = container_of(task, struct errand, task);
	e->run(e);
	free(e);
}

static struct errand *errand_new(fuse_req_t req, size_t room, void (*run)(struct errand *e))
{
	struct errand *e = malloc(sizeof(*e) + room);
	if (!e) {
		reply_err(req, -ENOMEM);
		return NULL;
	}
	memset(e, 0, sizeof(*e));
	e->task.fn = run_errand;
	e->req = req;
	e->tree = front_of(req)->tree;
	e->who = caller_of(req);
	e->run = run;
	return e;
}

static void send_off(struct errand *e)
{
	pool_post(front_of(e->req)->disk, &e->task);
}

/* Read while the caller waits for us: afterwards it may be gone. */
static void look_at_caller(struct errand *e)
{
	e->who.process = caller_process(e->who.pid);
	e->who.killed = caller_is_killed(e->who.pid);
	if (tree_is_audited(e->tree))
		caller_describe(e->who.pid, e->who.program, &e->who.session);
}

static void done(const struct errand *e, int err)
{
	order_before_reply();
	reply_err(e->req, err);
}

/* --- making and opening ------------------------------------------------------------------------
 */

static void set_info(struct fuse_file_info *fi, struct tree_handle *h)
{
	fi->fh = (uint64_t)(uintptr_t)h;
	fi->keep_cache = h->keep_cache;
}

static void do_create(struct errand *e)
{
	struct fuse_file_info fi = { .flags = e->flags };
	struct tree_handle *h;
	struct tree_entry entry;

	look_at_caller(e);
	int err = tree_create(e->tree, e->node, e->text, e->mode, e->flags, &e->who, &entry, &h);
	if (err < 0) {
		done(e, err);
		return;
	}
	struct fuse_entry_param param = {
		.ino = entry.node,
		.attr = entry.attr,
		.attr_timeout = entry.attr_ttl_s,
		.entry_timeout = entry.entry_ttl_s,
	};
	set_info(&fi, h);
	order_before_reply();
	if (fuse_reply_create(e->req, &param, &fi) < 0) {
		tree_close(e->tree, h);
		tree_forget(e->tree, entry.node, 1);
	}
}

void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                struct fuse_file_info *fi)
{
	size_t n = strlen(name) + 1;
	struct errand *e = errand_new(req, n, do_create);
	if (!e)
		return;
	memcpy(e->text, name, n);
	e->node = parent;
	e->mode = mode;
	e->flags = fi->flags;
	send_off(e);
}

static void do_open(struct errand *e)
{
	struct fuse_file_info fi = { .flags = e->flags };
	struct tree_handle *h;

	look_at_caller(e);
	int err = tree_open(e->tree, TREE_OPEN, e->node, e->flags, &e->who, &h);
	if (err < 0) {
		done(e, err);
		return;
	}
	set_info(&fi, h);
	order_before_reply();
	if (fuse_reply_open(e->req, &fi) < 0)
		tree_close(e->tree, h);
}

void write_open(fuse_req_t req, fuse_ino_t node, int flags)
{
	struct errand *e = errand_new(req, 0, do_open);
	if (!e)
		return;
	e->node = node;
	e->flags = flags;
	send_off(e);
}

static void do_release(struct errand *e)
{
	tree_close(e->tree, e->handle);
	done(e, 0);
}

void write_release(fuse_req_t req, struct tree_handle *handle)
{
	struct errand *e = errand_new(req, 0, do_release);
	if (!e) {
		tree_close(front_of(req)->tree, handle); /* better late than never */
		return;
	}
	e->handle = handle;
	send_off(e);
}

/* --- bytes -------------------------------------------------------------------------------------
 */

static void do_write(struct errand *e)
{
	int err = tree_write(e->handle, e->text, e->len, (uint64_t)e->off);
	order_before_reply();
	if (err < 0)
		reply_err(e->req, err);
	else
		(void)fuse_reply_write(e->req, e->len); /* fails only with the connection */
}

void ops_write(fuse_req_t req, fuse_ino_t node, const char *bytes, size_t size, off_t off,
               struct fuse_file_info *fi)
{
	struct errand *e = errand_new(req, size, do_write);
	(void)node;
	if (!e)
		return;
	memcpy(e->text, bytes, size);
	e->len = size;
	e->off = off;
	e->handle = handle_of(fi);
	send_off(e);
}

static void do_flush(struct errand *e)
{
	look_at_caller(e);
	done(e, tree_flush(e->handle, &e->who));
}

void ops_flush(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct tree_handle *h = handle_of(fi);
	(void)node;

	if (!h->is_spool) {
		reply_err(req, 0);
		return;
	}
	struct errand *e = errand_new(req, 0, do_flush);
	if (!e)
		return;
	e->handle = h;
	send_off(e);
}

static void do_fsync(struct errand *e)
{
	done(e, tree_fsync(e->handle));
}

void ops_fsync(fuse_req_t req, fuse_ino_t node, int datasync, struct fuse_file_info *fi)
{
	struct tree_handle *h = handle_of(fi);
	(void)node, (void)datasync;

	if (!h->is_spool) {
		reply_err(req, 0);
		return;
	}
	struct errand *e = errand_new(req, 0, do_fsync);
	if (!e)
		return;
	e->handle = h;
	send_off(e);
}

/* --- attributes and names ----------------------------------------------------------------------
 */

static void do_setattr(struct errand *e)
{
	uint64_t size = (uint64_t)e->attr.st_size;
	int64_t mtime_ns = (int64_t)e->attr.st_mtim.tv_sec * 1000000000 + e->attr.st_mtim.tv_nsec;
	struct tree_attr set = {
		.size = e->set & FUSE_SET_ATTR_SIZE ? &size : NULL,
		.mode = e->set & FUSE_SET_ATTR_MODE ? &e->attr.st_mode : NULL,
		.uid = e->set & FUSE_SET_ATTR_UID ? &e->attr.st_uid : NULL,
		.gid = e->set & FUSE_SET_ATTR_GID ? &e->attr.st_gid : NULL,
		.mtime_ns = e->set & FUSE_SET_ATTR_MTIME ? &mtime_ns : NULL,
	};
	struct stat st;
	double ttl_s;

	if (e->set & FUSE_SET_ATTR_MTIME_NOW)
		mtime_ns = sys_wall_s() * 1000000000;
	int err = tree_set_attr(e->tree, e->node, &set);
	if (err == 0)
		err = tree_getattr(e->tree, e->node, &st, &ttl_s);
	order_before_reply();
	if (err < 0)
		reply_err(e->req, err);
	else
		(void)fuse_reply_attr(e->req, &st, ttl_s); /* fails only with the connection */
}

void write_setattr(fuse_req_t req, fuse_ino_t node, const struct stat *attr, int set)
{
	struct errand *e = errand_new(req, 0, do_setattr);
	if (!e)
		return;
	e->node = node;
	e->attr = *attr;
	e->set = set;
	send_off(e);
}

static void do_rename(struct errand *e)
{
	done(e, tree_rename(e->tree, e->node, e->text, e->new_parent, e->new_name,
	                    (unsigned)e->flags));
}

void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                const char *new_name, unsigned int flags)
{
	size_t n = strlen(name) + 1, m = strlen(new_name) + 1;
	struct errand *e = errand_new(req, n + m, do_rename);
	if (!e)
		return;
	memcpy(e->text, name, n);
	e->new_name = e->text + n;
	memcpy(e->new_name, new_name, m);
	e->node = parent;
	e->new_parent = new_parent;
	e->flags = (int)flags;
	send_off(e);
}

static void do_unlink(struct errand *e)
{
	done(e, tree_unlink(e->tree, e->node, e->text));
}

void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	size_t n = strlen(name) + 1;
	struct errand *e = errand_new(req, n, do_unlink);
	if (!e)
		return;
	memcpy(e->text, name, n);
	e->node = parent;
	send_off(e);
}

/* --- control -----------------------------------------------------------------------------------
 */

struct late_control {
	fuse_req_t req;
	int err;
	struct control c;
	struct late_names late;
};

static void answer_control(struct late_names *late)
{
	struct late_control *l = container_of(late, struct late_control, late);

	order_before_reply();
	if (l->err < 0)
		reply_err(l->req, l->err);
	else
		(void)fuse_reply_ioctl(l->req, 0, &l->c, sizeof(l->c)); /* fails only with the
		                                                           connection */
	free(l);
}

static void do_control(struct errand *e)
{
	struct late_control *l = calloc(1, sizeof(*l));

	if (!l) {
		reply_err(e->req, -ENOMEM);
		return;
	}
	l->req = e->req;
	memcpy(&l->c, e->text, sizeof(l->c));
	l->late.notifier = front_of(e->req)->notifier;
	l->late.then = answer_control;
	l->err = control_answer(e->tree, &l->c, l->late.names);
	names_forget(&l->late);
}

void write_control(fuse_req_t req, const struct control *c)
{
	struct errand *e = errand_new(req, sizeof(*c), do_control);
	if (!e)
		return;
	memcpy(e->text, c, sizeof(*c));
	send_off(e);
}
