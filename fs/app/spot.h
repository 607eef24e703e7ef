/* spot.h: where a path that a person gave lies. Threads: main only. */
#ifndef QXFS_APP_SPOT_H
#define QXFS_APP_SPOT_H

#include <qxfs/base/fail.h>

#include "mounts.h"

/* The qxfs mount that a path lies in, and the rest of the path below it. */
struct spot {
	struct mounts mounts;
	char *path;
	const struct mount *mount;
	const char *below; /* "" for the root; in path */
};

/* -EINVAL, and others, with words and a remedy. spot_done() in any case. */
int find_spot(const char *given, struct spot *s, struct qx_fail *fail);
void spot_done(struct spot *s);

#endif
