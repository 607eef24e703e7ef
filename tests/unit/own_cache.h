/* own_cache.h: a cache of the test's own. */
#ifndef QXFS_CHECK_OWN_CACHE_H
#define QXFS_CHECK_OWN_CACHE_H

#include <stdio.h>
#include <stdlib.h>

#include <qxfs/store/cache.h>
#include <qxfs/store/dirs.h>

#include "tree_removal.h"

static char folder[] = "/tmp/qxfs-cache-XXXXXX";
static struct dirs *dirs;
static struct cache *cache;

/* Not 0: it could not be made. */
static inline int own_cache_begin(void)
{
	struct cache_config config = { .max_bytes = 1 << 30 };
	struct qx_fail fail;
	char state_folder[64], cache_folder[64];

	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(state_folder, sizeof(state_folder), "%s/s", folder);
	(void)snprintf(cache_folder, sizeof(cache_folder), "%s/c", folder);
	return dirs_open(cache_folder, state_folder, "a", &dirs, &fail) < 0 ||
	       cache_new(dirs, &config, &cache, &fail) < 0;
}

static inline int own_cache_end(void)
{
	cache_free(cache);
	dirs_free(dirs);
	return remove_tree(folder, 0);
}

#endif
