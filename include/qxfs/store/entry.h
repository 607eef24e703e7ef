/* entry.h: a file in an import folder, and the table of what may become of it.
 *
 * An entry is a file in an import folder: a scratch file, or a submission in one of the states
 * below. Its id stays through moves. Its uuid names the submission (the Idempotency-Key) and is
 * another one when its bytes change.
 *
 *   WRITING ─► QUEUED ─► SENDING ─► IMPORTING ─► DONE, PARTLY    REFUSED: the verdict
 *      │         │ ▲        │            └─► FAILED              CHECKED: in check/
 *      │         ▼ │        ├─► FAILED       (next: SENDING)     SAME: it was sent before
 *      └──────► HELD        └─► UNCERTAIN ─ a person ─► QUEUED
 *
 * A QUEUED one in check/ is only judged. What is not listed any more but is still being sent is
 * `hidden`: it has no name, and vanishes when it is over.
 *
 * Threads: constant tables and plain values: any.
 */
#ifndef QXFS_STORE_ENTRY_H
#define QXFS_STORE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum entry_state {
	ENTRY_SCRATCH, /* a plain local file */
	ENTRY_WRITING, /* a submission that somebody still writes; `whole` once that may be over */
	ENTRY_QUEUED,  /* to be sent */
	ENTRY_HELD,    /* not sent until a person says so */
	ENTRY_SENDING, /* a request is out, or about to be */
	ENTRY_IMPORTING, /* the service works on it */
	ENTRY_DONE,
	ENTRY_PARTLY, /* done, with refusals */
	ENTRY_REFUSED,
	ENTRY_FAILED,
	ENTRY_UNCERTAIN, /* a request went out and no answer came */
	ENTRY_SAME,
	ENTRY_CHECKED,
	ENTRY_STATES_
};
struct entry_state_row {
	const char *word;   /* "queued": in reports, results, status */
	const char *phrase; /* for people: "waits to be sent" */
	bool busy; /* sending, importing: it may not be moved, written or opened for writing */
	bool over; /* nothing more will happen by itself (false for scratch files) */
	const char *next; /* what to do where the entry itself says nothing: a sentence */
};
/* The entry's own, or that of its state. */
struct entry;
const char *entry_next(const struct entry *e);
const struct entry_state_row *entry_state_row(enum entry_state state);
/* The tables: what may follow what by itself; what an entry may be under its new name, or when its
 * bytes change. */
bool entry_state_may(enum entry_state from, enum entry_state to);
bool entry_state_may_anew(enum entry_state from, enum entry_state to);

#define ENTRY_FOLDER 256
#define ENTRY_NAME 256
#define ENTRY_WHY 400
#define UUID_SIZE 37
#define DIGEST_HEX 65

struct entry {
	int64_t id;
	char folder[ENTRY_FOLDER]; /* "mailinglists/CG_x/import", "…/import/done", "…/check" */
	char name[ENTRY_NAME];
	enum entry_state state;
	bool whole;       /* its bytes are all there */
	bool hidden;      /* removed while it was being sent */
	bool pushed;      /* given in import/send/: never held */
	bool sent_before; /* `qxfs send` of a SAME one: sent all the same */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int64_t mtime_ns; /* as set or as written */
	uint64_t size;    /* when it was last flushed; while it is written: fstat of the spool */
	char uuid[UUID_SIZE];         /* "" for scratch files */
	char digest[DIGEST_HEX];      /* SHA-256 of the bytes at the last flush, "" before */
	int64_t created_s, changed_s; /* calendar: changed: of the state or the bytes */
	int64_t done_s;               /* 0: not over */
	char why[ENTRY_WHY];          /* why it is held, refused, failed …: a sentence */
	char next[ENTRY_WHY];         /* what to do: a sentence */
	uint64_t rows, added, updated, refused; /* of the file; by the service's word */
	uint32_t parts, parts_done;
};

enum part_state {
	PART_WAITING,
	PART_SENDING,
	PART_IMPORTING,
	PART_DONE, /* for good: it is never sent again */
	PART_FAILED,
	PART_UNCERTAIN,
	PART_STATES_
};
bool part_state_may(enum part_state from, enum part_state to);
const char *part_state_word(enum part_state state);
/* A submission is sent in parts: a span of rows, a span of bytes. */
struct part {
	uint32_t n; /* from 0 */
	enum part_state state;
	uint64_t first_row, rows; /* first_row: from 1 */
	uint64_t from, to;        /* bytes of the spool */
	char uuid[UUID_SIZE];     /* its Idempotency-Key: the same after a crash */
	char job[130];            /* the service's job id, "" before */
	uint64_t added, updated, refused;
	char request_id[64];
	char made[70]; /* the id of what it made, where the service tells one; "" */
};

#endif
