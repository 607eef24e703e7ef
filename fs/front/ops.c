/* ops.c: the table of operations, and what the kernel is promised at INIT.
 *
 * What is not in the table libfuse answers with ENOSYS, and the kernel does not ask again: no
 * extended attributes (asking for each file makes `ls -l` ten times slower), no ACCESS (the kernel
 * checks permissions itself), no FLUSH, no FSYNC.
 */
#include "ops.h"

#include <errno.h>

#define MAX_BACKGROUND 64 /* read-ahead of several files; the kernel's 12 starve each other */

/* What no folder takes: EPERM. What import folders take: ops_write.c. */

static void refuse_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                         dev_t dev)
{
	(void)parent, (void)name, (void)mode, (void)dev;
	reply_err(req, -EPERM);
}

static void refuse_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)parent, (void)name, (void)mode;
	reply_err(req, -EPERM);
}

static void refuse_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	(void)target, (void)parent, (void)name;
	reply_err(req, -EPERM);
}

static void refuse_link(fuse_req_t req, fuse_ino_t node, fuse_ino_t parent, const char *name)
{
	(void)node, (void)parent, (void)name;
	reply_err(req, -EPERM);
}

static void refuse_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent, (void)name;
	reply_err(req, -EPERM);
}

static void init(void *userdata, struct fuse_conn_info *conn)
{
	static const unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC |
	                               FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_IOCTL_DIR |
	                               FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS |
	                               FUSE_CAP_SPLICE_WRITE;
	/* AUTO: `find` reads a folder before it stats, and would ask for each entry by itself.
	 * WRITEBACK: the kernel would own sizes and times. SPLICE_READ: requests are small.
	 * SPLICE_MOVE: trying to move a page costs more than copying it, twice the processor time
	 * of a read by measurement, and what is moved is gone from the cache file's pages. */
	static const unsigned unwanted = FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_WRITEBACK_CACHE |
	                                 FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_MOVE;
	(void)userdata;

	conn->want = (conn->want | (wanted & conn->capable)) & ~unwanted;
	conn->max_background = MAX_BACKGROUND;
}

const struct fuse_lowlevel_ops ops_table = {
	.init = init,
	.lookup = ops_lookup,
	.forget = ops_forget,
	.forget_multi = ops_forget_multi,
	.getattr = ops_getattr,
	.setattr = ops_setattr,
	.readlink = ops_readlink,
	.statfs = ops_statfs,
	.open = ops_open,
	.read = ops_read,
	.poll = ops_poll,
	.release = ops_release,
	.opendir = ops_opendir,
	.readdir = ops_readdir,
	.readdirplus = ops_readdirplus,
	.releasedir = ops_release,
	.ioctl = ops_ioctl,
	.create = ops_create,
	.mknod = refuse_mknod,
	.mkdir = refuse_mkdir,
	.symlink = refuse_symlink,
	.link = refuse_link,
	.unlink = ops_unlink,
	.rmdir = refuse_rmdir,
	.rename = ops_rename,
	.write = ops_write,
	.flush = ops_flush,
	.fsync = ops_fsync,
};
