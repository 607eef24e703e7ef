/* client_private.h: the client between its two files: client.c has the calls' life, answer.c
 * decides what an attempt came to. Threads: as marked; functions on the network thread only. */
#ifndef QXFS_API_CLIENT_PRIVATE_H
#define QXFS_API_CLIENT_PRIVATE_H

#include <pthread.h>

#include <qxfs/api/client.h>

#include "gate.h"

enum state { CALL_FRESH, CALL_WAITING, CALL_FLYING, CALL_ABORTED };

struct calls {
	struct call *head, *tail;
};

struct client {
	struct http *http;
	struct secret *token;
	struct task attend; /* something was started, cancelled or ended by another thread */
	struct task tick;   /* the governor said "not before" */
	client_moved_fn *on_moved;
	void *on_moved_arg;

	/* network thread only */
	struct governor *governor;
	struct base_url base;
	bool moved;
	struct gate gate;
	int refusals[EP_N_];    /* 429s in a row, those that came together counted once */
	int64_t held_ms[EP_N_]; /* until when the last one holds the endpoint */

	pthread_mutex_t lock;    /* client.lock */
	struct calls fresh;      /* guarded by lock: not yet seen by the network thread */
	struct calls live;       /* guarded by lock; a call's state is the network thread's */
	int jobs_over;           /* guarded by lock */
	bool stopping;           /* guarded by lock */
	struct client_view view; /* guarded by lock */
};

/* client.c */
void client_dispatch(struct client *c); /* sends what may go now */
void client_fail_waiting(struct client *c, const struct qx_fail *fail);
/* The slots that the governor gave for this attempt, unless a job now runs in one. */
void client_release(struct client *c, const struct call *call, bool job_runs);
void client_retry(struct client *c, struct call *call, int64_t at_ms);
void client_finish(struct client *c, struct call *call); /* on_done, which may free call */

/* answer.c: on_done of a call's transfer. */
void answer_came(struct transfer *t);
/* What is said of a next page that the token may not go to. Returns -EIO. */
int client_refuse_page(struct call *call, const char *next);

#endif
