/* seen.h: which ids have been there: hashes in a file, for there may be millions.
 * One thread at a time; disk worker. */
#ifndef QXFS_JOBS_SEEN_H
#define QXFS_JOBS_SEEN_H

#include <stdint.h>

#include <qxfs/store/spill.h>

/* Zeroed but for the cache: empty. An open hash table of 64-bit hashes; 0: free. */
struct seen {
	struct cache *cache;
	struct spill *file;
	uint64_t size, n; /* size: a power of two */
};

/* 1: it is new, and noted; 0: it was there before; or a negative errno of the disk. */
int seen_enter(struct seen *s, const char *id);
void seen_done(struct seen *s);

#endif
