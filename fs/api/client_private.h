/* client_private.h: the client between its files: client.c has the calls' life, dispatch.c chooses
 * who may go, attempt.c sends them, answer.c decides what an attempt came to, away.c what comes of
 * a network that was away, mint.c has an OAuth client's bearers, token.c tells
 * that the token is refused. Threads: as marked; functions on
 * the network thread only. */
#ifndef QXFS_API_CLIENT_PRIVATE_H
#define QXFS_API_CLIENT_PRIVATE_H

#include <pthread.h>

#include <qxfs/api/client.h>

#include "gate.h"
#include "shared.h"

enum state {
	CALL_FRESH,
	CALL_PARKED, /* until an OAuth client has a bearer */
	CALL_WAITING,
	CALL_FLYING,
	CALL_ABORTED
};

#define BOUND_MS 30000 /* how long a network that is away is tried */

struct grant;

struct calls {
	struct call *head, *tail;
};

/* What other threads have said of jobs, and the network thread has not counted yet. */
struct client_jobs {
	int over, taken, left;
	int adopted; /* taken ones that are among the orphans */
};

enum token_told { TOKEN_ACCEPTED, TOKEN_DOUBTED, TOKEN_REFUSED };

/* Who is told of something on the network thread. */
struct hook {
	void (*fn)(void *arg); /* NULL: nobody */
	void *arg;
};

struct client {
	struct http *http;
	struct secret *token;  /* NULL: there is a grant */
	struct task attend;    /* something was started, cancelled or ended by another thread */
	struct task tick;      /* the governor said "not before" */
	struct task others;    /* another mount has begun or ended */
	struct events *events; /* immutable */
	client_moved_fn *on_moved;
	void *on_moved_arg;

	client_token_fn *on_token;
	void *on_token_arg;

	struct task quiet; /* looks when a call has last succeeded */
	client_quiet_fn *on_quiet;
	void *on_quiet_arg;
	int64_t quiet_ms;

	struct task look; /* whether the account can be reached again */

	/* network thread only */
	struct call look_call; /* live while looking */
	bool looking;
	int64_t succeeded_ms; /* the last call that was answered well */
	int64_t answered_ms;  /* the last attempt that was answered at all */
	int64_t woke_ms;      /* the machine, the last time */
	struct governor *governor;
	struct shared *shared; /* NULL: this mount is alone */
	uint64_t deaths;       /* of other mounts, as told last */
	int strays;            /* left while no file is read that would tell of them */
	int64_t strays_ms;     /* when the last one was */
	bool again; /* while calls are launched: one was queued, or gave its slots back */
	struct base_url base;
	struct grant *grant; /* NULL: there is a token */
	struct call mint;    /* live while grant->minting */
	bool moved;
	struct gate gate;
	enum token_told token_told;
	int refusals[EP_N_];    /* 429s in a row, those that came together counted once */
	int64_t held_ms[EP_N_]; /* until when the last one holds the endpoint */

	pthread_mutex_t lock;         /* client.lock */
	struct calls fresh;           /* guarded by lock: not yet seen by the network thread */
	struct calls live;            /* guarded by lock; a call's state is the network thread's */
	struct client_jobs jobs;      /* guarded by lock */
	int share_fd;                 /* guarded by lock: not yet seen by the network thread; -1 */
	struct hook on_death;         /* guarded by lock */
	struct hook on_back[BACK_N_]; /* guarded by lock */
	int64_t back_ms;              /* guarded by lock: when it was to be told last; 0: never */
	bool telling;                 /* guarded by lock: one of them is being called */
	pthread_cond_t told;          /* it has been */
	bool stopping;                /* guarded by lock */
	struct client_view view;      /* guarded by lock */
};

/* dispatch.c */
void client_dispatch_init(struct client *c);
void client_dispatch(struct client *c); /* sends what may go now */
void client_begin_sharing(struct client *c, int fd);
void client_count_jobs(struct client *c, const struct client_jobs *jobs);

/* away.c */
void client_away_init(struct client *c);
void client_is_back(struct client *c); /* the first answer since it could not be reached */
void client_tell_back(struct client *c);
/* Since when the account's being away keeps it: its bound counts from there. */
int64_t client_waits_since(const struct client *c, const struct call *call);
int64_t client_bound_ms(const struct call *call);
/* A call has ended, for no network was found until its bound: so end those that were kept from
 * going out as long as their own bound is. */
void client_end_overdue(struct client *c, const struct qx_fail *fail);

/* client.c */
void client_tell(struct client *c, const struct hook *hook); /* takes client.lock, calls without */
/* Any other thread: when it returns, the one before is not called any more. */
void client_set_hook(struct client *c, struct hook *hook, struct hook new);
void client_publish_view(struct client *c);
/* Links it among the live ones, and queues it past the gate: for calls of the client's own. */
void client_begin(struct client *c, struct call *call);
/* Queues a live call, or parks it, or ends it: parked, it would wait longer than it may. */
void client_queue(struct client *c, struct call *call);
#define IN(state) (1u << (state))
#define IN_QUEUE (IN(CALL_WAITING) | IN(CALL_PARKED))        /* nothing of it is under way */
struct call *client_find(struct client *c, unsigned states); /* the first one; NULL */
void client_end_queued(struct client *c, struct call *call); /* one that only waits */
/* Each in one of these states, which are of IN_QUEUE. */
void client_fail(struct client *c, unsigned states, const struct qx_fail *fail);
/* The slots that the governor gave for this attempt, unless a job now runs in one. */
void client_release(struct client *c, const struct call *call, bool job_runs);
void client_retry(struct client *c, struct call *call, int64_t at_ms);
void client_finish(struct client *c, struct call *call); /* on_done, which may free call */

/* token.c */
void client_token_init(struct client *c, const struct client_config *config);
void client_tell_token(struct client *c); /* if it is news */

/* attempt.c: a call as a request. */
int client_build_url(struct client *c, struct call *call);
int client_check_path(struct call *call); /* call->fail says it */
void client_launch(struct client *c, struct call *call);

/* mint.c: an OAuth client's bearers. A call without one is parked: it is among the live calls and
 * nowhere else, so it holds neither a slot of the governor nor a thread. Without an OAuth client
 * all of this does nothing. */
/* True: a call may be queued, for there is a bearer; else a mint is begun. */
bool mint_is_ready(struct client *c);
/* Gives the call a bearer to be sent with, or has it: true. */
bool mint_lend(struct client *c, struct call *call);
/* The credential that the call is sent with. */
void mint_fill(const struct client *c, const struct call *call, struct transfer *t);
/* What it was sent with is given back. */
void mint_return(struct call *call);
/* The service has accepted, or refused, what the call was sent with. True: it is queued again, with
 * another bearer, which happens once. */
void mint_accepted(struct call *call);
bool mint_repeat(struct client *c, struct call *call);
/* Is it the mint, while what was minted before is still good? Its refusal closes no gate. */
bool mint_is_early(const struct client *c, const struct call *call);
/* Someone was parked, or an attempt of the mint has failed: who may not wait until the next one
 * fails. */
void mint_look(struct client *c);

/* answer.c: on_done of a call's transfer. */
void answer_came(struct transfer *t);
/* What is said of a next page that the token may not go to. Returns -EIO. */
int client_refuse_page(struct call *call, const char *next);

#endif
