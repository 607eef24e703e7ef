/* board.h: what is running and what failed, for people and status files.
 * Threads: any. Guard: board.lock, a leaf (rank 5). Everything given out is a copy. */
#ifndef QXFS_JOBS_BOARD_H
#define QXFS_JOBS_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <qxfs/base/fail.h>

#define BOARD_SUBJECT 640 /* the longest path: two components of 255 bytes, and ours */
#define BOARD_FAILURES 64 /* the oldest is forgotten beyond */

struct board;

/* Those of a kind who wait: a program of a user. */
#define BOARD_WHO 4 /* kinds told apart; the others are only counted */
struct board_who {
	char program[16]; /* as the kernel cuts it; "": unknown, or a file that is made from it */
	uid_t uid;
	int count;
};

struct board_job {
	char subject[BOARD_SUBJECT];
	const char *state;  /* a word of the job-state table */
	const char *phrase; /* the same for people */
	double percent;     /* the service's word, over all parts; -1: unknown */
	int part, parts;    /* the present one of how many; 0: it is asked for as a whole */
	uint64_t bytes;     /* downloaded */
	int64_t started_s;  /* calendar */
	int64_t expected_s; /* how long it took the last time; 0: unknown */
	int waiters;
	int n_who; /* of who */
	struct board_who who[BOARD_WHO];
};

struct board_failure {
	char subject[BOARD_SUBJECT];
	int64_t when_s;
	struct qx_fail fail;
	bool settled; /* a later try succeeded */
};

struct board *board_new(void);
void board_free(struct board *b);
/* `id` is any number that stays the same for the job. */
void board_show(struct board *b, const void *id, const struct board_job *job);
void board_bytes(struct board *b, const void *id, uint64_t bytes);
void board_remove(struct board *b, const void *id);
/* How often this path has failed since it last succeeded, this time included, as far as is kept. */
int board_failed(struct board *b, const char *subject, const struct qx_fail *fail);
void board_settled(struct board *b, const char *subject);

/* Copies; free() *ret. */
int board_jobs(struct board *b, struct board_job **ret, size_t *ret_n);
int board_failures(struct board *b, struct board_failure **ret, size_t *ret_n); /* newest first */
/* The last failure of this path, if it is not settled. */
bool board_failure_of(struct board *b, const char *subject, struct board_failure *ret);
bool board_job_of(struct board *b, const char *subject, struct board_job *ret);
int64_t board_changed_s(struct board *b); /* calendar moment of the last change of state */

#endif
