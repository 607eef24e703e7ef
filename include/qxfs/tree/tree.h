/* tree.h: what exists. The one door that front/ knows: nodes, names, attributes, listings, opens.
 *
 * A node id is given out by lookups and lives until as many were forgotten; it is never given
 * twice. A node of a data file serves one generation for ever; `ino` belongs to the name (DESIGN.md
 * 3).
 *
 * Threads: every function from any thread, holding no lock. Nothing here waits for the network:
 * what must wait is started by tree_wait, whose `done` comes once, from the jobs thread or from
 * inside the call itself. Errors: 0 or negative errno.
 * Guards: tree.lock (rank 1), held for memory work only; no callback under it.
 */
#ifndef QXFS_TREE_TREE_H
#define QXFS_TREE_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <qxfs/base/buf.h>

struct tree;
#define TREE_ROOT 1 /* the root's node id; never forgotten */

struct tree_caller {
	uid_t uid;
	gid_t gid;
	pid_t pid; /* a thread id, as FUSE says it; 0: unknown */
	/* of who makes, writes or closes a file in an import folder: */
	pid_t process; /* the thread's; 0: unknown */
	bool killed;   /* it is being ended by a signal */
	/* of who waits: */
	char program[16]; /* its process's name, as the kernel cuts it; "": unknown */
	bool glances;     /* opens with O_NOATIME, as if it had not been there */
	pid_t session;    /* 0: unknown */
};

struct tree_entry {
	uint64_t node;
	struct stat attr;
	double entry_ttl_s; /* how long the kernel may keep the name */
	double attr_ttl_s;  /* how long it may keep the attributes */
};

/* One more lookup of the returned node; -ENOENT, -ENOTDIR, -ENAMETOOLONG, -ENOMEM. */
int tree_lookup(struct tree *t, uint64_t parent, const char *name, struct tree_entry *ret);
void tree_forget(struct tree *t, uint64_t node, uint64_t lookups);
int tree_getattr(struct tree *t, uint64_t node, struct stat *ret, double *ret_ttl_s);
/* A name as the kernel knows it: what it may no longer believe. */
struct tree_name {
	uint64_t parent; /* the folder's node; 0: the kernel does not know it */
	char name[256];
};
#define TREE_NAMES \
	5 /* that a touch concerns, at most: the file, what it is made from, what is made from it \
	   */
/* SETATTR of the mtime by the owner of the mount or root: the freshness of the data file ends, its
 * next open is a full export. The kernel must forget the names before this is answered, else it
 * goes on with the former node. -EPERM for anybody or anything else. */
int tree_touch(struct tree *t, uint64_t node, const struct tree_caller *who,
               struct tree_name ret[TREE_NAMES]);

/* An open file or folder. Immutable once given; front/ reads it. */
struct tree_handle {
	uint64_t node;
	int fd;            /* data of a file; -1: in memory */
	const char *bytes; /* in memory, borrowed from the handle; a link's target has a NUL */
	uint64_t length;   /* exact */
	bool keep_cache;   /* the kernel's pages of this node, or its listing, are still right */
	bool attr_changed; /* the kernel may hold an old size: invalidate attributes before replying
	                    */
	bool is_live;      /* not for the kernel's pages: each open has bytes of its own */
	bool may_keep;     /* a folder: the kernel may keep what it lists for other handles */
	bool is_dir;
	bool is_spool;  /* of an import folder: closing it may wait for the disk */
	bool is_events; /* of .qxfs/events: read by tree_read_events */
};

enum tree_verb { TREE_OPEN, TREE_OPENDIR, TREE_READLINK, TREE_READDIR };

/* Opens at once what can be opened at once; a link is opened for its target. -EAGAIN: it must wait,
 * see tree_wait. `flags` as open(2): writing is -EROFS. */
int tree_open(struct tree *t, enum tree_verb verb, uint64_t node, int flags,
              const struct tree_caller *who, struct tree_handle **ret);

/* What is waited for. */
struct tree_ask {
	enum tree_verb verb;
	uint64_t node;
	/* TREE_READDIR: an entry of this open folder; it may be closed while the wait ends */
	const struct tree_handle *dir;
	size_t index;
};

/* Waiting: `done` exactly once, with a handle (0) or a negative errno: the table of DESIGN.md 5,
 * -ETIMEDOUT after open_wait, -ECANCELED after tree_cancel or tree_stop; -EAGAIN for a crawler, who
 * begins nothing, -EDQUOT after export_budget. TREE_READDIR: 0 and no
 * handle when tree_dirent knows more of the entry than -EAGAIN; -EIO after 30 s. */
typedef void tree_done_fn(void *arg, int err, struct tree_handle *handle);
void tree_wait(struct tree *t, const struct tree_ask *ask, const struct tree_caller *who,
               tree_done_fn *done, void *arg);
/* Nobody waits any more for what was started with this `arg`; the job goes on. `done` still comes
 * (with -ECANCELED, unless it was on its way). */
void tree_cancel(struct tree *t, void *arg);

void tree_close(struct tree *t, struct tree_handle *h);

/* .qxfs/events: bytes at that offset of the handle, 0 at its end. Whose oldest line was dropped
 * goes on at the oldest kept. Are there any that the handle has not read? */
size_t tree_read_events(struct tree *t, struct tree_handle *h, uint64_t at, char *out, size_t size);
bool tree_has_events(struct tree *t, const struct tree_handle *h);

/* --- import folders: from disk workers, for these wait for the local disk. Elsewhere -EPERM --- */

/* Is it a file in an import folder? Any thread. */
bool tree_is_spool(struct tree *t, uint64_t node);
/* One more lookup of ret's node, and a handle to write by. */
int tree_create(struct tree *t, uint64_t parent, const char *name, mode_t mode, int flags,
                const struct tree_caller *who, struct tree_entry *ret,
                struct tree_handle **ret_handle);
int tree_write(struct tree_handle *h, const void *bytes, size_t len, uint64_t at);
/* The verdict on what was written, for who opened it: -EINVAL, -EFBIG. */
int tree_flush(struct tree_handle *h, const struct tree_caller *who);
int tree_fsync(struct tree_handle *h);
/* NULL: as it is. */
struct tree_attr {
	const uint64_t *size;
	const mode_t *mode;
	const uid_t *uid;
	const gid_t *gid;
	const int64_t *mtime_ns;
};
int tree_set_attr(struct tree *t, uint64_t node, const struct tree_attr *set);
/* flags as renameat2(2). */
int tree_rename(struct tree *t, uint64_t parent, const char *name, uint64_t new_parent,
                const char *new_name, unsigned flags);
int tree_unlink(struct tree *t, uint64_t parent, const char *name);

/* Listing of an open folder, from a snapshot taken when it was opened. index from 0; "." and ".."
 * are not in it. -ENOENT past the last one; of a list that is still being fetched also -EAGAIN (see
 * tree_wait), or why it cannot be had. Reads a local file at most. */
#define TREE_NAME_BYTES 256
int tree_dirent(struct tree *t, const struct tree_handle *h, size_t index,
                char ret_name[TREE_NAME_BYTES], struct stat *ret_ino_and_type);
/* The same with a lookup of the entry's node (tree_forget it, or give it to the kernel). Entries of
 * a list of any length have none: node 0. */
int tree_dirent_lookup(struct tree *t, const struct tree_handle *h, size_t index,
                       char ret_name[TREE_NAME_BYTES], struct tree_entry *ret);
/* st_ino of the folder's parent, for "..". */
uint64_t tree_parent_ino(struct tree *t, const struct tree_handle *h);

/* Bytes of the cache's disk, for statfs: never the network. */
int tree_disk(struct tree *t, uint64_t *ret_total, uint64_t *ret_free, uint64_t *ret_files);

/* Control: JSON answers. `path` is relative to the root of the mount, no leading slash. */
int tree_status(struct tree *t, struct buf *out);
int tree_why(struct tree *t, const char *path, struct buf *out);
/* What a touch of this file does, by its path, also where the kernel lets nobody touch. JSON
 * {"refreshed": …, "why": …}; the kernel must forget the names before it is answered. */
int tree_refresh(struct tree *t, const char *path, struct buf *out,
                 struct tree_name ret[TREE_NAMES]);
/* Removes from this disk what is cached of a file, of an object (its folder), or of all (""); what
 * somebody has open stays. JSON {"removed": …, "open": …, "why": …}. From disk workers. */
int tree_forget_files(struct tree *t, const char *path, struct buf *out);
/* Imports, by a path of an import folder or of a file in one, also of one that was moved to done/
 * since: JSON {"reachable": bool, "submissions": [...]}. From disk workers. -ENOENT: no import
 * folder. */
enum tree_import_verb {
	TREE_IMPORT_TELL,
	TREE_IMPORT_HURRY,
	TREE_IMPORT_SEND,
	TREE_IMPORT_DISCARD
};
int tree_import(struct tree *t, enum tree_import_verb verb, const char *path, struct buf *out);
/* Does it matter who opens what (audit, prefetch)? Then `program` of a caller is wanted of every
 * open. */
bool tree_wants_program(const struct tree *t);
/* Is it to be told who opens and gives what? */
bool tree_is_audited(const struct tree *t);
/* May this caller use control and see .qxfs: the owner of the mount, or root. */
bool tree_is_owner(const struct tree *t, uid_t uid);

/* Ends every wait with -ECANCELED; later ones fail at once. */
void tree_stop(struct tree *t);

#endif
