/* journal_private.h: what the files of the journal share. Completes <qxfs/store/journal.h>.
 *
 * Every change is one transaction between journal_begin and journal_end, under write_lock: the
 * records are read, changed in memory, and put. Spool files are made inside of it, so whoever is in
 * a transaction knows that a spool file without a row is nobody's; they are fsynced before it and
 * removed behind it.
 */
#ifndef QXFS_STORE_JOURNAL_PRIVATE_H
#define QXFS_STORE_JOURNAL_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include <qxfs/store/journal.h>

#include "sql.h"

#define JOURNAL_NAME "journal.db"
#define JOURNAL_APPLICATION 0x71786673 /* "qxfs" */
#define MOUNT_SIZE 17
#define SPOOL_NAME_SIZE 40
#define WRITE_TIMEOUT_MS 10000
#define READ_TIMEOUT_MS 1000

struct journal {
	struct dirs *dirs; /* borrowed */
	char *path;        /* of the database */
	int spool_fd;
	int mounts_fd;
	int mount_fd; /* of our file there, locked */
	char mount[MOUNT_SIZE];
	atomic_bool damaged;
	atomic_int sender_fd; /* -1: somebody else sends */

	pthread_mutex_t read_lock;  /* rank 3 */
	struct sql *reader;         /* guarded by read_lock */
	pthread_mutex_t write_lock; /* rank 4 */
	struct sql *writer;         /* guarded by write_lock */
	bool unsynced;              /* an fsync of the log failed; guarded by write_lock */
	struct news *news;          /* of this transaction; guarded by write_lock */
	struct events *events;      /* guarded by write_lock; NULL: not known yet */

	pthread_mutex_t torn_lock; /* rank 5, a leaf */
	int64_t *torn;             /* ids whose spool's fsync failed; guarded by torn_lock */
	size_t torn_n;             /* guarded by torn_lock */
};

/* All of a row. */
struct record {
	struct entry e;
	char home[ENTRY_FOLDER]; /* what it was submitted under: stays when it moves to done/ */
	char home_name[ENTRY_NAME];
	int64_t turn;           /* order of becoming whole, of new submissions before */
	bool linked;            /* its spool file was fsynced, with the folder */
	char mount[MOUNT_SIZE]; /* who writes it */
};

/* --- journal.c ------------------------------------------------------------------------------- */

/* Remembers damage; returns r. */
int journal_note(struct journal *j, int r);
/* 0: write_lock is held and a transaction open, until journal_end. */
int journal_begin(struct journal *j, bool durable);
/* Commits if r >= 0, else takes all back. Returns r, or why the commit failed. */
int journal_end(struct journal *j, int r);
/* The same for a read. */
int journal_read_begin(struct journal *j);
int journal_read_end(struct journal *j, int r);

/* --- journal_schema.c ------------------------------------------------------------------------ */

/* Makes a whole journal.db under that name if none is there. -EBADMSG: one is there in part. */
int schema_make(struct dirs *dirs, const char *path, int spool_fd);
/* Looks before anything is written. -EBADMSG, -EPROTO: of a newer version; words. */
int schema_check(struct sql *s, char *words, size_t size);
int schema_migrate(struct sql *s);

/* --- journal_record.c ------------------------------------------------------------------------ */

#define RECORD_COLUMNS \
	"folder, name, hidden, home, home_name, turn, state, whole, linked, mount, pushed, " \
	"sent_before, mode, uid, gid, mtime_ns, size, uuid, digest, created_s, changed_s, " \
	"done_s, why, next, rows, added, updated, refused, parts, parts_done"
#define RECORD_SELECT "SELECT id, " RECORD_COLUMNS " FROM entry "

/* A row of RECORD_SELECT. -EBADMSG: it cannot be one of ours. */
int record_read(const struct sql_query *q, struct record *ret);
/* The first row of a query; -ENOENT. */
int record_first(struct sql_query *q, struct record *ret);
/* These two for the writer's and the reader's connection: each has statements of its own. */
int record_get(struct sql *s, int64_t id, struct record *ret);
int record_find(struct sql *s, const char *folder, const char *name, struct record *ret);
/* Sets its id. -EEXIST. */
int record_insert(struct sql *s, struct record *r);
int record_put(struct sql *s, const struct record *r);
int record_delete(struct sql *s, int64_t id);
/* The next of the submissions' order. */
int record_take_turn(struct sql *s, struct record *r);
/* Another submission: a new uuid and turn, without what belonged to the former. */
int record_renew(struct sql *s, struct record *r);
/* State, words and times, and the news of it; a new state ends or begins what belongs to it. No
 * table is asked. */
int record_set_state(struct journal *j, struct record *r, enum entry_state state, const char *why,
                     const char *next);
/* Puts it; or deletes a hidden one that is not being sent any more: *ret_gone. */
int record_settle(struct sql *s, const struct record *r, bool *ret_gone);
/* -EINVAL, -ENAMETOOLONG. */
int record_check_name(const char *folder, const char *name);
#define PART_COLUMNS \
	"state, first_row, row_count, start, stop, uuid, job, added, updated, refused, " \
	"request_id, made"
#define PART_SELECT "SELECT n, " PART_COLUMNS " FROM part "
/* A row of PART_SELECT. */
int part_read(const struct sql_query *q, struct part *ret);
/* -EEXIST: its uuid is another's. */
int part_put(struct sql *s, int64_t id, const struct part *p);
/* 1: any of an entry's was taken, or may have been; 0: none. */
int parts_may_be_out(struct sql *s, int64_t id);
int report_put(struct sql *s, int64_t id, const struct buf *report); /* NULL: as it is */
void uuid_new(char out[UUID_SIZE]);
/* Cut at a character; NULL: "". */
void words_copy(char out[ENTRY_WHY], const char *words);

/* States of which the sender may decide; all others are a person's. */
#define SENDERS (1u << ENTRY_QUEUED | 1u << ENTRY_SENDING | 1u << ENTRY_IMPORTING)

/* --- journal_news.c -------------------------------------------------------------------------- */

/* What became of entries, told as events once it is committed. Without memory nobody is told. */
struct news;
void news_note(struct journal *j, const struct entry *e, enum entry_state state);
/* write_lock held: what is to be told now. NULL: nothing. */
struct news *news_take(struct journal *j, bool committed);
void news_tell(struct events *events, struct news *news); /* no lock held; frees */
void news_free(struct news *news);

/* --- journal_doubt.c ------------------------------------------------------------------------- */

/* Before an entry becomes another submission, or goes because of one: if its bytes may have been
 * imported, that is remembered of this name. */
int doubt_keep(struct sql *s, const struct record *r, const char *folder, const char *name);
int doubt_end(struct sql *s, const struct record *r); /* it is imported, at a person's word */
int doubt_sweep(struct sql *s, int64_t until_s);

/* --- journal_spool.c ------------------------------------------------------------------------- */

enum spool_kind { SPOOL_BYTES, SPOOL_REJECTED };
const char *spool_name(char out[SPOOL_NAME_SIZE], int64_t id, enum spool_kind kind);
/* The id in such a name; 0: it is none. */
int64_t spool_id(const char *name);
/* An empty file; what lay there was nobody's. Inside a transaction that has inserted the id. */
int spool_make(struct journal *j, int64_t id);
/* The bytes and the rejected rows. */
void spool_remove(struct journal *j, int64_t id);
void spool_remove_rejected(struct journal *j, int64_t id);
int spool_stat(const struct journal *j, int64_t id, struct stat *ret);
/* fsyncs it, and the folder unless `linked`. -EIO: it failed, now or before. */
int spool_sync(struct journal *j, int64_t id, bool linked);
/* The rejected rows, if there are any, and the folder. */
int spool_sync_rejected(struct journal *j, int64_t id);
/* Its bytes begin anew: forgets a failed fsync if nothing is left of what it met. */
void spool_begin_anew(struct journal *j, int64_t id);

/* --- journal_mounts.c ------------------------------------------------------------------------ */

/* Sets mounts_fd, mount_fd and mount. */
int mounts_join(struct journal *j);
void mounts_leave(struct journal *j);
/* Whether another mount of this name lives. */
bool mounts_is_alive(const struct journal *j, const char *mount);
/* Removes what dead mounts have left. */
void mounts_tidy(const struct journal *j);

#endif
