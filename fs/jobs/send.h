/* send.h: one submission on its way: what the files of the sender share.
 *
 *   PLAN ──► BODY ──► POST ──► POLL … ──► PART IS DONE ──► next part: BODY
 *    │ columns of    │ journal:   │ journal: the job's id        │ last: FINISH
 *    │ the survey    │ SENDING    │                              ▼
 *    ▼               ▼            ▼                            over
 *   REFUSED        FAILED      FAILED, UNCERTAIN; away, 401, 403: QUEUED again, tried later
 *
 * A step runs on the jobs thread; what touches the disk runs on the pool between two of them. */
#ifndef QXFS_JOBS_SEND_H
#define QXFS_JOBS_SEND_H

#include <qxfs/jobs/imports.h>

#include "drop.h"
#include "job.h"

struct sending;
typedef void send_step(struct sending *s);

#define HURRIED_MAX 64
#define RETRIES_MAX 64 /* more that wait for the account are tried a little early */

/* All of it is the jobs thread's, but for what says otherwise. */
struct imports {
	struct imports_config config;
	struct task look, look_later, back, stop;
	struct task scan; /* on the pool, then on the jobs thread */
	bool scanning, again;
	bool stale;       /* one has ended since the scan began */
	unsigned returns; /* of the account, so far */

	/* the pool's while scanning */
	bool holds;                  /* sender.lock is ours */
	bool elsewhere;              /* it is another mount's */
	int64_t sweep_ms, vanish_ms; /* the next sweep at the latest; when the next done one goes */
	struct entry *found;
	size_t n_found;
	int64_t *due_ms; /* of each */
	int scan_err;
	bool undecided; /* some of this mount's own files are not in the journal as they should be
	                 */

	struct sending *live;
	struct {
		int64_t id, at_ms;
		unsigned tries;
		bool away; /* the account could not be reached */
	} retries[RETRIES_MAX];

	pthread_mutex_t stop_lock;
	pthread_cond_t stopped;
	bool stopping;                /* written under stop_lock */
	bool idle;                    /* guarded by stop_lock: nothing is out */
	int64_t hurried[HURRIED_MAX]; /* guarded by stop_lock: ids; the oldest is forgotten */
	size_t n_hurried;             /* guarded by stop_lock: that there ever were */
};

struct sending {
	struct sending *next;
	struct imports *imports;
	struct entry entry;
	struct drop_folder folder;
	const struct import_kind *kind;
	char above[LIST_OF_BYTES]; /* the directory of a list; "" */
	char **columns;            /* of the survey, NULL at the end; NULL: unknown */

	struct part *parts;
	size_t n_parts, at;
	struct verdict verdict;
	struct import_body body;
	char key_line[64], charset_line[40];

	struct call call;
	send_step *call_then;
	struct task call_over;
	send_step *disk_fn, *disk_then;
	struct task disk_task;
	send_step *timer_then;
	struct task timer;

	int64_t began_ms;
	double percent;
	bool slot;
	/* Rows of the present part: refused at once, or for their addresses when it was over. */
	struct import_refused refused;
	uint64_t *refused_rows;
	char **refused_addresses;
	enum entry_state state; /* what the next entry in the journal says */
	char why[ENTRY_WHY], tip[ENTRY_WHY];
	int64_t again_ms; /* QUEUED again: tried after so long */
	bool away;        /* for the account could not be reached */
	unsigned returns; /* imports.returns at that time */
	bool second_form; /* of the body: the first was refused for its form */
	int64_t sent_s;   /* calendar: the present part went out, or was about to */
	unsigned looks;   /* at the list of surveys, whether one came of it */
	struct list_want list_want;
	int err;
	bool served;    /* it is what the mount serves of the target: nothing to send */
	bool bad_bytes; /* err is of what is in the file, or of reading it */
	struct qx_fail fail;
};

/* imports.c */
void send_over(struct sending *s); /* the last step: frees it, looks for more */
void imports_retry_later(struct imports *im, int64_t id, int64_t ms, bool away);
unsigned imports_tries(const struct imports *im, int64_t id);

/* send.c */
void send_begin(struct sending *s);
void send_stop(struct sending *s); /* nothing new is begun by it */
void send_disk(struct sending *s, send_step *fn, send_step *then);
void send_call(struct sending *s, enum endpoint ep, send_step *then);
void send_later(struct sending *s, int64_t ms, send_step *then);
void send_free(struct sending *s);
void send_part(struct sending *s); /* the next part, or the end */
void send_post(struct sending *s); /* the present part's body is to be sent */
void send_show(struct sending *s);
void send_forget_refused(struct sending *s);
/* Pool: the refused rows of the present part are written beside the submission, before the journal
 * says that it is over: after a crash in between they may stand there twice, but never not at all.
 */
void send_write_refused(struct sending *s);
/* A new call, with the ids of its endpoint's path. */
void send_set_path(struct sending *s);
struct import_context send_context(const struct sending *s);
/* Writes the present part's state and the entry's, and goes on. */
void send_note(struct sending *s, enum part_state part, enum entry_state state, const char *why,
               const char *tip, send_step *then);
/* What was noted is its end; see send_note. */
void send_noted_end(struct sending *s);
/* The end before anything or everything is done: state, words. */
void send_end(struct sending *s, enum entry_state state, const char *why, const char *tip);
/* The account is away or refuses: QUEUED again. */
void send_again(struct sending *s, const char *why, const char *tip, int64_t ms);

/* send_look.c: did a survey come of a request that nobody answered? */
void send_look(struct sending *s);
/* send_answers.c: what the service's answers mean */
void send_posted(struct sending *s);
void send_poll(struct sending *s);
void send_unsure(struct sending *s); /* a request went out, and nobody knows whether it arrived */

#endif
