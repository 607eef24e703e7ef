/* control.c: the ioctl by which subcommands reach the daemon. */
#include <qxfs/front/control.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/sys.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "ops.h"

static int check(const struct control *c)
{
	if (c->version != CONTROL_VERSION)
		return -EPROTONOSUPPORT;
	if (!memchr(c->path, '\0', sizeof(c->path)))
		return -ENAMETOOLONG;
	return 0;
}

static const struct {
	enum control_verb verb;
	enum tree_import_verb as;
} imports[] = {
	{ CONTROL_IMPORT, TREE_IMPORT_TELL },
	{ CONTROL_HURRY, TREE_IMPORT_HURRY },
	{ CONTROL_SEND, TREE_IMPORT_SEND },
	{ CONTROL_DISCARD, TREE_IMPORT_DISCARD },
};

static int render(struct tree *tree, const struct control *c, struct buf *out,
                  struct tree_name names[TREE_NAMES])
{
	int err = -EINVAL;

	if (c->verb == CONTROL_STATUS)
		err = tree_status(tree, out);
	else if (c->verb == CONTROL_WHY)
		err = tree_why(tree, c->path, out);
	else if (c->verb == CONTROL_FORGET)
		err = tree_forget_files(tree, c->path, out);
	else if (c->verb == CONTROL_REFRESH)
		err = tree_refresh(tree, c->path, out, names);
	else
		for (size_t i = 0; i < countof(imports); i++)
			if (imports[i].verb == c->verb)
				err = tree_import(tree, imports[i].as, c->path, out);
	return err == 0 && buf_failed(out) ? -ENOMEM : err;
}

/* The answer is rendered anew for each piece (what was to be done is done by then): one that
 * changed meanwhile reads as no JSON, and the command asks again. */
int control_answer(struct tree *tree, struct control *c, struct tree_name names[TREE_NAMES])
{
	struct buf out = { 0 };

	int err = check(c);
	if (err == 0)
		err = render(tree, c, &out, names);
	if (err == 0 && out.len > UINT32_MAX)
		err = -EFBIG;
	if (err == 0) {
		size_t from = c->offset < out.len ? c->offset : out.len;
		size_t len = out.len - from;
		c->total = (uint32_t)out.len;
		c->len = (uint32_t)(len < sizeof(c->piece) ? len : sizeof(c->piece));
		memset(c->piece, 0, sizeof(c->piece));
		memcpy(c->piece, buf_text(&out) + from, c->len);
	}
	buf_done(&out);
	return err;
}

void ops_ioctl(fuse_req_t req, fuse_ino_t node, unsigned int cmd, void *arg,
               struct fuse_file_info *fi, unsigned flags, const void *in, size_t in_size,
               size_t out_size)
{
	struct tree *tree = front_of(req)->tree;
	struct control c;
	(void)arg, (void)fi;

	/* Programs try the ioctls of terminals and of other filesystems on everything they open. */
	if (cmd != CONTROL_IOCTL || node != TREE_ROOT || !(flags & FUSE_IOCTL_DIR)) {
		reply_err(req, -ENOTTY);
		return;
	}
	if (!tree_is_owner(tree, fuse_req_ctx(req)->uid)) {
		reply_err(req, -EACCES);
		return;
	}
	if (in_size < sizeof(c) || out_size < sizeof(c)) {
		reply_err(req, -EINVAL);
		return;
	}
	memcpy(&c, in, sizeof(c));
	if (c.verb > CONTROL_WHY) {
		write_control(req, &c);
		return;
	}
	struct tree_name names[TREE_NAMES] = { 0 }; /* none: nothing is touched here */
	int err = control_answer(tree, &c, names);
	if (err < 0)
		reply_err(req, err);
	else
		(void)fuse_reply_ioctl(req, 0, &c, sizeof(c)); /* fails only with the connection */
}
