/* draft_private.h: a draft, for the files that make one.
 * Comes after <qxfs/store/cache.h> and "cache_private.h". */
#ifndef QXFS_STORE_DRAFT_PRIVATE_H
#define QXFS_STORE_DRAFT_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include <qxfs/base/hash.h>

#define STEM_LEN 16

enum { RAW, DATA, FILES };

struct draft {
	struct cache *cache;
	char *key;
	char hash[HASH_HEX_SIZE];
	char stem[STEM_LEN + 1];
	int lock_fd; /* holds KEY_MAKER */
	int fds[FILES];
	uint64_t reserved[FILES]; /* each used by one thread at a time */
	bool has_scratch;
	bool recorded; /* the record of the key is this draft's, and goes with it */
};

/* record.c: under KEY_MAKER. */
void record_drop(struct draft *d);

#endif
