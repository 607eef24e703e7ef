/* cache_private.h: what the files of the cache share.
 * Comes after <qxfs/store/cache.h>, which it does not include: modules form no cycle.
 *
 *   gen/HH/HASH.facts            names one data file; HH: the first two digits of HASH
 *   gen/HH/HASH.<16 hex>.data    readers hold a shared lock on it
 *   gen/HH/HASH.lock             byte 0 (KEY_MAKER): held by a draft for its life;
 *                                byte 1 (KEY_FACTS): held while the facts change;
 *                                both (KEY_WHOLE): held while things are removed
 *   draft/<16 hex>.raw  .data    their maker holds the .raw's lock
 *   draft/HASH.job               what the key's maker waits for at the service
 *
 * Order of locks: KEY_MAKER, KEY_FACTS, data file. Only KEY_FACTS is waited for, and its holders
 * wait for nobody. Whoever removes files holds cache.lock never: disks are slow.
 */
#ifndef QXFS_STORE_CACHE_PRIVATE_H
#define QXFS_STORE_CACHE_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/hash.h>

#define GEN_PATH_SIZE 80 /* "ab/" + a name in gen/ab */

/* Which version of a facts file was read. */
struct stamp {
	ino_t inode;
	off_t size;
	struct timespec mtime;
};

struct facts {
	char *key;
	char data_name[64];
	uint64_t length;
	uint64_t crc;
	struct gen_facts gen;
};

struct cache {
	int gen_fd;
	int draft_fd;
	uint64_t max_bytes;
	uint64_t max_export;
	int64_t keep_s;

	pthread_mutex_t lock;  /* cache.lock, rank 3 */
	void *index;           /* tsearch tree of struct entry; guarded by lock */
	uint64_t bytes;        /* on the disk, in gen/, as far as we know; guarded by lock */
	uint64_t generations;  /* the same; guarded by lock */
	uint64_t reserved;     /* for our own drafts; guarded by lock */
	int64_t full_until_ms; /* nothing to evict was found: do not look before; guarded by lock */
	int64_t counted_ms;    /* when what all mounts hold was counted; guarded by lock */
	unsigned spills;       /* in memory; guarded by lock */

	pthread_mutex_t evict_lock; /* one evictor at a time; taken before cache.lock */
};

/* --- facts.c --------------------------------------------------------------------------------- */

/* Reads a facts file and looks whether its data file is long enough. -ENOENT: there is none;
 * -EBADMSG: it is damaged, or its data is; other: could not be read just now. */
int facts_load(const struct cache *c, const char *hash, struct facts *ret, struct stamp *stamp);
/* Publishes a facts file. The caller holds KEY_FACTS. */
int facts_store(const struct cache *c, const char *hash, const struct facts *f);
int facts_stamp(const struct cache *c, const char *hash, struct stamp *ret);
void facts_done(struct facts *f);

/* --- keys.c: names and locks ----------------------------------------------------------------- */

/* "ab/ab01….facts" for suffix "facts". */
const char *gen_path(char path[GEN_PATH_SIZE], const char *hash, const char *suffix);
/* "ab/NAME" */
const char *gen_path_of(char path[GEN_PATH_SIZE], const char *name);
/* "HASH.<16 hex>.data", and the hash in front of it. */
bool is_data_name(const char *name);
/* The folder gen/HH, made if need be. */
int gen_folder(const struct cache *c, const char *hash);

enum key_part { KEY_MAKER, KEY_FACTS, KEY_WHOLE };
/* Opens the key's lock file and takes a part of it: an fd, or -EBUSY. KEY_FACTS is waited for. */
int key_lock(const struct cache *c, const char *hash, enum key_part part);
/* More and less, on an fd that holds KEY_MAKER. */
int key_add_facts(int lock_fd);
void key_drop_facts(int lock_fd);
/* Lets go, and removes the lock file of a key that has no facts. */
void key_unlock(const struct cache *c, const char *hash, int lock_fd);

/* --- evict.c: what is removed ---------------------------------------------------------------- */

/* Makes a key's files consistent: damaged facts, data that no facts name and nobody reads. -EBUSY
 */
int evict_repair(struct cache *c, const char *hash);
/* Removes a generation's facts, and its data unless somebody reads it. */
void evict_damaged(struct cache *c, const char *data_name);
/* The other data files of a key whose lock the caller holds. */
void evict_others(struct cache *c, const char *data_name);
/* Looks at all that is there, repairs it, and counts. For cache_new. */
int evict_sweep(struct cache *c);
/* Before `more` bytes are written: brings the cache below its limit, if unpinned generations allow.
 */
void evict_to_limit(struct cache *c, uint64_t more);
/* The disk is full: frees at least `need` bytes if it can. */
void evict_for_disk(struct cache *c, uint64_t need);

/* --- cache.c --------------------------------------------------------------------------------- */

/* The generation that these facts tell of, with a reference: the one already known, or a new one.
 */
struct generation *cache_put(struct cache *c, const char *hash, const struct facts *f,
                             const struct stamp *stamp, bool verified);
/* Do these facts tell of these bytes? */
bool cache_same_data(const struct generation *g, const struct facts *f);
/* Out of the index, if it is still there. */
void cache_forget(struct cache *c, const char *data_name);
/* bytes += added - removed; likewise the generations */
void cache_count(struct cache *c, uint64_t added, uint64_t removed, int generations);
uint64_t stat_bytes(const struct stat *st);
/* CRC-32 of the first `length` bytes; -EBADMSG: there are not so many. */
int cache_sum(int fd, uint64_t length, uint32_t *ret);

/* --- room.c ---------------------------------------------------------------------------------- */

/* Makes sure that `upto` bytes can be written to a file on the cache's disk; *reserved: what it has
 * been promised so far, its owner's, one thread at a time. -ENOSPC, -EFBIG. */
int room_take(struct cache *c, int fd, uint64_t *reserved, uint64_t upto);
void room_give_back(struct cache *c, uint64_t *reserved);

/* --- draft.c --------------------------------------------------------------------------------- */

void draft_sweep(struct cache *c);

#endif
