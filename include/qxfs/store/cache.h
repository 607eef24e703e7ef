/* cache.h: generations. A finished export or document is immutable: a data file, a length, facts.
 *
 * A key names account, object, row and every parameter that changes bytes (its hash is the file
 * name). Facts are one small JSON file, renamed into place after the data's fsync: only what a
 * facts file names exists. A data file may be longer than a generation: later ones were appended to
 * it, or a crash left a tail that is nobody's. The facts file's mtime is the moment the content was
 * last known to be current. A damaged or missing file is only a miss. Everything survives kill -9
 * at any point: drafts carry their maker's lock and are swept by the next cache_new when nobody
 * holds it.
 *
 * Threads: any. Guards its index with cache.lock (rank 3); never calls back.
 * A generation is refcounted and immutable but for what is marked atomic.
 */
#ifndef QXFS_STORE_CACHE_H
#define QXFS_STORE_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>
#include <qxfs/base/hash.h>
#include <qxfs/store/dirs.h>

struct cache;

#define FACTS_COUNTS 3
#define FACTS_BASE 200
#define FACTS_TOKEN 240
#define FACTS_CUTS 64
/* How much the service exports at once, as far as that was seen. */
struct facts_split {
	uint64_t part_bytes;      /* the most that one job brought; 0: not known */
	int64_t failed_s;         /* when it failed as a whole, calendar; 0: it did not */
	int n;                    /* it came in n + 1 parts; 0: as a whole */
	int64_t cuts[FACTS_CUTS]; /* between them, calendar, rising */
};
enum { OUTSIDE_RECORDED, OUTSIDE_STARTED, OUTSIDE_DATES };
struct gen_facts {
	int64_t counts[FACTS_COUNTS];   /* auditable, generated, deleted, read before the POST; -1
	                                   unknown */
	int64_t rows;                   /* responses in it; -1: not counted */
	int64_t since_s;                /* calendar: since then the same is missing of what was
	                                           counted */
	char last_modified[40];         /* the survey's lastModifiedDate then */
	int64_t exported_s;             /* the export's moment, calendar */
	int64_t mtime_s;                /* what the file shows, kept for good */
	int64_t took_ms;                /* how long its job took */
	int64_t polled_ms;              /* an export: how long the service took; 0: not known */
	int64_t outside[OUTSIDE_DATES]; /* rows outside the span that was asked for, by either date;
	                                   -1: no span, or not counted */
	char base[FACTS_BASE];          /* of a file made here: which bytes from; "" else */
	/* of an export that may be appended to */
	uint64_t questions;      /* a hash of the survey but for its counts and dates; 0 unknown */
	int64_t full_s;          /* its last full export was asked for then, calendar; 0 unknown */
	int64_t token_s;         /* the token's */
	char token[FACTS_TOKEN]; /* continues behind these bytes; "": none */
	struct facts_split split;
};
struct json;
/* Members of a JSON object: what is known of an export when it is asked for; a comma first. */
void gen_facts_add(const struct gen_facts *g, struct buf *out);
/* What gen_facts_add wrote; the rest stays. full_s is 0 when it cannot be appended to. -EBADMSG. */
int gen_facts_read(const struct json *j, struct gen_facts *ret);

struct generation {
	atomic_int refs;
	char key_hash[HASH_HEX_SIZE];
	char data_name[64];
	uint64_t length;
	uint64_t crc;              /* CRC-32 of the bytes */
	struct gen_facts facts;    /* mtime_s: as published; see mtime_s below */
	_Atomic int64_t checked_s; /* calendar: last known to be current; see generation_refusal */
	_Atomic int64_t mtime_s;   /* as shown now (cache_renew may move it) */
};

struct cache_config {
	uint64_t max_bytes;  /* cache_size=; 0: half of what its disk had free at the start */
	uint64_t max_export; /* max_export= */
	int64_t keep_s;      /* keep=: what nobody has opened for so long goes; 0: stays */
};

int cache_new(struct dirs *dirs, const struct cache_config *config, struct cache **ret,
              struct qx_fail *fail);
void cache_free(struct cache *c);
/* Removes what was not opened for keep_s, and what crashes left. Reads every name in the cache:
 * about once a day, not on a FUSE worker. */
void cache_tidy(struct cache *c);
uint64_t cache_max_export(const struct cache *c);

/* The published generation of a key (the text, not the hash), with a reference; NULL: none. Reads
 * one small local file the first time. */
struct generation *cache_find(struct cache *c, const char *key);
struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation *g); /* NULL is fine */
/* Last known to be current less than fresh_s ago, by the calendar; not if that is yet to come. */
bool generation_is_fresh(const struct generation *g, int64_t fresh_s);
/* May it be served unchecked, for the account is away? Here a check that is yet to come was made
 * just now: a clock that is behind takes nothing from people who cannot ask. */
bool generation_may_be_old(const struct generation *g, int64_t max_stale_s);
/* Was it checked at a moment that this machine's clock has not reached? */
bool generation_is_of_tomorrow(const struct generation *g);
/* The HTTP status that it was refused with when it was last asked about, 0: it was not. Its
 * checked_s, which is in 1970 then. */
int generation_refusal(const struct generation *g);
/* Which bytes it has, as text: for facts of what is made from it. */
#define GENERATION_NAME 96
void generation_name(const struct generation *g, char out[GENERATION_NAME]);

/* Opens its data for reading, pinned by a shared OFD lock until close. -ENOENT: evicted or damaged
 * (shorter than its length): forgotten then, the next cache_find misses. */
int cache_open(struct cache *c, struct generation *g);

/* Are these bytes of a file the generation's? Both are read; false also if its data is gone. */
bool cache_holds(struct cache *c, struct generation *g, int fd, uint64_t length);

/* Still current: checked now, and shown with this mtime from now on. */
int cache_renew(struct cache *c, struct generation *g, int64_t mtime_s);
/* The service refused it: nobody is served it, until it is renewed or another one published. */
int cache_refuse(struct cache *c, struct generation *g, int status);

/* Removes from the disk all generations whose key `matches`; what somebody has open stays.
 * *ret_busy: how many did. Returns how many went, or negative errno. Reads every name in the cache,
 * and the facts: not on a FUSE worker. `matches` is called with no lock held. */
int cache_remove(struct cache *c, bool (*matches)(void *arg, const char *key), void *arg,
                 size_t *ret_busy);

struct cache_view {
	uint64_t bytes, max_bytes, generations;
};
void cache_view(struct cache *c, struct cache_view *ret);
/* Free and total bytes of the cache's disk, for statfs. */
int cache_disk(struct cache *c, uint64_t *ret_total, uint64_t *ret_free);

/* --- drafts: one at a time for each key, over all mounts ------------------------------------- */

struct draft;
/* Takes the key's lock. -EBUSY: another mount makes this key now; ask again later. */
int cache_draft_new(struct cache *c, const char *key, struct draft **ret);
int draft_raw_fd(const struct draft *d);  /* the download as it comes, read-write */
int draft_data_fd(const struct draft *d); /* the bytes that will be served, read-write */
/* Makes sure that `upto` bytes can be written to one of the two: reserves space on the disk in
 * steps, and evicts unpinned generations beyond max_bytes. -ENOSPC. Any thread, one at a time for
 * each fd. */
int draft_reserve(struct draft *d, int fd, uint64_t upto);
/* A folder for whatever else is written meanwhile (0700, not reserved, not counted): its path, good
 * in this process while the draft has its files. It goes with them, and after a crash with the next
 * cache_new. */
#define DRAFT_PATH_SIZE 80
int draft_scratch(struct draft *d, char ret_path[DRAFT_PATH_SIZE]);
/* The download empty again, for a new attempt, and its data, too, or not. */
int draft_rewind(struct draft *d, bool data_too);
/* CRC-32 of the first `length` bytes of its data: for what nothing summed while it was written. */
int draft_crc(const struct draft *d, uint64_t length, uint32_t *ret);
/* cache_holds of its data. */
bool draft_equals(const struct draft *d, uint64_t length, struct generation *g);
/* fsync, rename, facts. The draft keeps only its lock then. *ret has a reference. */
int draft_publish(struct draft *d, uint64_t length, uint32_t crc, const struct gen_facts *facts,
                  struct generation **ret);
/* Publishes the generation `g` with bytes `from` to `to` of the draft's data behind it, in the same
 * data file: whoever reads `g` goes on reading it. -ESTALE: another one is published by now. On
 * failure `g` is still what it was, and the draft may make something else. */
int draft_append(struct draft *d, const struct generation *g, uint64_t from, uint64_t to,
                 const struct gen_facts *facts, struct generation **ret);
void draft_free(struct draft *d); /* removes what was not published; NULL is fine */

/* --- records: what a draft waits for at the service, for who follows it when its maker dies --- */

#define RECORD_MAX 65536
/* Notes it, in place of what was noted before. It goes with the draft. */
int draft_record(struct draft *d, const char *text, size_t len);
/* What a maker that has died noted of this key; it is the draft's now. -ENOENT: nothing. */
int draft_recall(struct draft *d, struct buf *out);
/* Its draft goes, the job goes on: the record stays for somebody else. */
void draft_keep_record(struct draft *d);
/* Each record that is there, also of drafts that live. Reads small files: not on a FUSE worker. */
void cache_records(struct cache *c, void (*fn)(void *arg, const char *text, size_t len), void *arg);

#endif
