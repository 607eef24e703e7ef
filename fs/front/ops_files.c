/* ops_files.c: open files and folders. */
#include "ops.h"

#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "caller.h"
#include "order.h"
#include "park.h"
#include "pollers.h"

static void free_answer(struct late_answer *a)
{
	free(a);
}

static void answer(struct front *f, fuse_req_t req, struct tree_handle *handle)
{
	if (!handle->attr_changed) {
		answer_open(f->tree, req, handle);
		return;
	}
	struct late_answer *a = malloc(sizeof(*a));
	if (!a) {
		tree_close(f->tree, handle);
		reply_err(req, -ENOMEM);
		return;
	}
	*a = (struct late_answer){
		.tree = f->tree, .req = req, .handle = handle, .then = free_answer
	};
	answer_open_late(a, f->notifier);
}

/* O_NONBLOCK in `flags` changes nothing: nginx opens with it and wants the file all the same. */
static void open_node(fuse_req_t req, enum tree_verb verb, fuse_ino_t node, int flags)
{
	struct front *f = front_of(req);
	struct tree_caller who = caller_of(req);
	struct tree_handle *handle;

	who.glances = verb == TREE_OPEN && (flags & O_NOATIME);
	if (verb == TREE_OPEN && tree_wants_program(f->tree))
		caller_describe(who.pid, who.program, &who.session);
	int err = tree_open(f->tree, verb, node, flags, &who, &handle);
	if (err == 0)
		answer(f, req, handle);
	else if (err == -EAGAIN)
		lot_park(f->lot, req, &(struct parked){ .ask = { .verb = verb, .node = node } },
		         &who);
	else
		reply_err(req, err);
}

void ops_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	if (tree_is_spool(front_of(req)->tree, node))
		write_open(req, node, fi->flags);
	else
		open_node(req, TREE_OPEN, node, fi->flags);
}

void ops_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	open_node(req, TREE_OPENDIR, node, fi->flags);
}

/* From a copy: when the kernel has taken the reply, RELEASE may free the bytes on another worker
 * before our writev(2) has returned. Nothing reads them then, but no sanitizer can know. */
static void reply_bytes(fuse_req_t req, const char *bytes, size_t size)
{
	char *copy = malloc(size);
	if (!copy) {
		reply_err(req, -ENOMEM);
		return;
	}
	memcpy(copy, bytes, size);
	order_before_reply();
	(void)fuse_reply_buf(req, copy, size); /* fails only with the connection */
	free(copy);
}

static void reply_from_fd(fuse_req_t req, int fd, uint64_t from, size_t size)
{
	struct fuse_bufvec data = FUSE_BUFVEC_INIT(size);
	data.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	data.buf[0].fd = fd;
	data.buf[0].pos = (off_t)from;
	(void)fuse_reply_data(req, &data, 0); /* replies I/O errors itself */
}

static void reply_events(fuse_req_t req, struct tree_handle *h, size_t size, off_t off)
{
	qx_auto_free char *bytes = malloc(size ? size : 1);

	if (!bytes) {
		reply_err(req, -ENOMEM);
		return;
	}
	size_t n =
		tree_read_events(front_of(req)->tree, h, off < 0 ? 0 : (uint64_t)off, bytes, size);
	order_before_reply();
	(void)fuse_reply_buf(req, bytes, n); /* fails only with the connection */
}

void ops_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct tree_handle h = *handle_of(fi);
	uint64_t from = off < 0 || (uint64_t)off > h.length ? h.length : (uint64_t)off;
	(void)node;

	if (h.is_events) {
		reply_events(req, handle_of(fi), size, off);
		return;
	}
	/* Bytes behind the length belong to a later generation of the same data file. */
	if (size > h.length - from)
		size = h.length - from;
	order_before_reply(); /* the handle is not touched any more */
	if (size == 0)
		(void)fuse_reply_buf(req, NULL, 0);
	else if (h.fd >= 0)
		reply_from_fd(req, h.fd, from, size);
	else
		reply_bytes(req, h.bytes + from, size);
}

void ops_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct tree_handle *handle = handle_of(fi);
	(void)node;

	if (handle->is_spool) {
		write_release(req, handle);
		return;
	}
	if (handle->is_events)
		pollers_leave(front_of(req)->pollers, handle);
	tree_close(front_of(req)->tree, handle);
	reply_err(req, 0);
}
