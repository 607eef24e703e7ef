/* mounts.h: what is mounted where, from /proc/self/mountinfo; and which mount a path lies in, found
 * without opening anything below a mount of ours.
 *
 * Threads: any; a list belongs to one thread. Errors: 0 or negative errno.
 */
#ifndef QXFS_APP_MOUNTS_H
#define QXFS_APP_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

struct mount {
	char *point; /* absolute, escapes undone */
	char *type;  /* "fuse.qxfs" */
	char *source;
	int connection; /* the minor number of its device: of a FUSE mount, its name below
	                   /sys/fs/fuse/connections */
};

struct mounts {
	struct mount *list; /* in the order in which they were mounted */
	size_t n;
};

int mounts_read(struct mounts *ret);
/* The same from a text in the form of /proc/self/mountinfo; lines of another form are passed over.
 */
int mounts_parse(const char *text, struct mounts *ret);
void mounts_done(struct mounts *m); /* accepts zeroed memory */

/* The mount that `path` (absolute, normal) lies in: the longest mount point, of several on the same
 * one the last. NULL: none, not even "/". */
const struct mount *mounts_holding(const struct mounts *m, const char *path);
bool mount_is_qxfs(const struct mount *mount); /* NULL: no */
/* One of ours that no other mount covers. */
bool mounts_shows(const struct mounts *m, const struct mount *one);
/* True if `path` is `dir` or lies below it; both absolute and normal. */
bool mounts_is_below(const char *path, const char *dir);

/* Makes a path absolute and normal. Symbolic links are followed outside of qxfs mounts only;
 * inside, and for what does not exist, the path is taken as it is written. free() *ret. */
int mounts_resolve(const struct mounts *m, const char *path, char **ret);

#endif
