/* tree_removal.h: a test's folder goes, with all in it. */
#ifndef QXFS_TESTS_TREE_REMOVAL_H
#define QXFS_TESTS_TREE_REMOVAL_H

#include <ftw.h>
#include <stdio.h>

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

/* As nftw: of other file systems only what is below the mount point, if `flags` has FTW_MOUNT. */
static inline int remove_tree(const char *path, int flags)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | flags);
}

#endif
