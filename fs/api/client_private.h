/* client_private.h: the client between its files: client.c has the calls' life, dispatch.c sends
 * what may go, answer.c decides what an attempt came to. Threads: as marked; functions on the
 * network thread only. */
#ifndef QXFS_API_CLIENT_PRIVATE_H
#define QXFS_API_CLIENT_PRIVATE_H

#include <pthread.h>

#include <qxfs/api/client.h>

#include "gate.h"
#include "shared.h"

enum state { CALL_FRESH, CALL_WAITING, CALL_FLYING, CALL_ABORTED };

struct calls {
	struct call *head, *tail;
};

struct client {
	struct http *http;
	struct secret *token;
	struct task attend; /* something was started, cancelled or ended by another thread */
	struct task tick;   /* the governor said "not before" */
	struct task others; /* another mount has begun or ended */
	client_moved_fn *on_moved;
	void *on_moved_arg;

	/* network thread only */
	struct governor *governor;
	struct shared *shared; /* NULL: this mount is alone */
	uint64_t deaths;       /* of other mounts, as told last */
	int adopting;          /* jobs that were taken, and are still counted as orphans */
	struct base_url base;
	bool moved;
	struct gate gate;
	int refusals[EP_N_];    /* 429s in a row, those that came together counted once */
	int64_t held_ms[EP_N_]; /* until when the last one holds the endpoint */

	pthread_mutex_t lock;      /* client.lock */
	struct calls fresh;        /* guarded by lock: not yet seen by the network thread */
	struct calls live;         /* guarded by lock; a call's state is the network thread's */
	int jobs_over;             /* guarded by lock */
	int jobs_taken;            /* guarded by lock */
	int share_fd;              /* guarded by lock: not yet seen by the network thread; -1 */
	client_death_fn *on_death; /* guarded by lock */
	void *on_death_arg;        /* guarded by lock */
	bool stopping;             /* guarded by lock */
	struct client_view view;   /* guarded by lock */
};

/* dispatch.c */
void client_dispatch_init(struct client *c);
void client_dispatch(struct client *c); /* sends what may go now */
void client_begin_sharing(struct client *c, int fd);
/* Each attempt builds it anew: the base may have moved. A page's address was checked when it came,
 * and is checked again, for it is where the token goes. */
int client_build_url(struct client *c, struct call *call);
/* The one door that all paths go through, whoever made them: a page that the service names, too. */
int client_check_path(struct call *call);

/* client.c */
void client_publish_view(struct client *c);
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
