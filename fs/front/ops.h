/* ops.h: the operations the kernel may ask for: unpack, ask the tree, reply.
 *
 * Each replies exactly once, or hands the request to the lot, which does. A reply may fail: the
 * connection is gone then and nobody waits for it; only what the kernel would have owned (lookups,
 * handles) is taken back. Nothing here waits for anything but memory and local files.
 *
 * Threads: the FUSE workers, holding no lock.
 */
#ifndef QXFS_FRONT_OPS_H
#define QXFS_FRONT_OPS_H

#include <fuse_lowlevel.h>

#include <qxfs/tree/tree.h>

#include "notify.h"

struct lot;
struct control;
struct pool;
struct pollers;

/* What every operation can reach; the user data of the libfuse session. Set before the mount. */
struct front {
	struct tree *tree;
	struct lot *lot;
	struct notifier *notifier;
	struct pollers *pollers; /* who polls .qxfs/events */
	struct pool *disk;       /* what waits for the local disk: import folders */
};

/* The table for fuse_session_new. */
extern const struct fuse_lowlevel_ops ops_table;

static inline struct front *front_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct tree_caller caller_of(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	return (struct tree_caller){ .uid = ctx->uid, .gid = ctx->gid, .pid = ctx->pid };
}

static inline struct tree_handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct tree_handle *)(uintptr_t)fi->fh;
}

/* For refusals and failures: `err` is 0 or a negative errno. Nobody is left to hear of a reply that
 * fails. */
static inline void reply_err(fuse_req_t req, int err)
{
	(void)fuse_reply_err(req, -err);
}

/* Something is answered when the kernel has forgotten these names. Until then it would take the
 * former node for the file, and `touch f; cat f` would show what was there before. The notifier
 * holds nobody up: what it asks for is the folder's lock, which no request that waits for long
 * holds. */
struct late_names {
	struct notifier *notifier;
	struct tree_name names[TREE_NAMES]; /* parent 0: none */
	int forgotten;
	struct notice notice;
	void (*then)(struct late_names *late); /* on the notifier's thread: answers and frees */
};

/* ops_names.c: names and attributes. */
void names_forget(struct late_names *late);
void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_forget(fuse_req_t req, fuse_ino_t node, uint64_t lookups);
void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void ops_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void ops_setattr(fuse_req_t req, fuse_ino_t node, struct stat *attr, int set,
                 struct fuse_file_info *fi);
void ops_readlink(fuse_req_t req, fuse_ino_t node);
void ops_statfs(fuse_req_t req, fuse_ino_t node);

/* ops_files.c: open files and folders. */
void ops_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void ops_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void ops_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi);
/* ops_poll.c */
void ops_poll(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi,
              struct fuse_pollhandle *ph);
void ops_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);

/* ops_write.c: import folders; elsewhere refused. Their work is handed to the disk workers. */
void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                struct fuse_file_info *fi);
void ops_write(fuse_req_t req, fuse_ino_t node, const char *bytes, size_t size, off_t off,
               struct fuse_file_info *fi);
void ops_flush(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void ops_fsync(fuse_req_t req, fuse_ino_t node, int datasync, struct fuse_file_info *fi);
void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                const char *new_name, unsigned int flags);
void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
/* The same for what ops_files.c and ops_names.c are asked of an import folder's file. */
void write_open(fuse_req_t req, fuse_ino_t node, int flags);
void write_release(fuse_req_t req, struct tree_handle *handle);
void write_control(fuse_req_t req, const struct control *c);
void write_setattr(fuse_req_t req, fuse_ino_t node, const struct stat *attr, int set);

/* ops_list.c: listings. */
void ops_readdir(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
                 struct fuse_file_info *fi);
void ops_readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
                     struct fuse_file_info *fi);

/* control.c */
int control_answer(struct tree *tree, struct control *c, struct tree_name names[TREE_NAMES]);
void ops_ioctl(fuse_req_t req, fuse_ino_t node, unsigned int cmd, void *arg,
               struct fuse_file_info *fi, unsigned flags, const void *in, size_t in_size,
               size_t out_size);

#endif
