/* limits.h: the governor: when may which request go out. Pure decisions: no clock, no I/O, no lock.
 *
 * What all mounts of an account share is `governor_common` and `governor_others`: shared.h carries
 * them from mount to mount, and a governor that was given neither is alone.
 *
 * Per account: `requests` in flight, apart from them `jobs` running, a leaky bucket for the brand
 * and one for each endpoint, all rates and depths times `share`. A 429 on a job halves the job
 * limit; it grows again by one each JOB_LIMIT_REGROW_MS. Order: nothing older than a minute waits
 * behind newer work; then class; round-robin over users; longest expected first; oldest. Two
 * slots of each kind are never background's.
 *
 * Threads: belongs to one thread (the network thread). Times: sys_now_ms() values given by the
 * caller.
 */
#ifndef QXFS_API_LIMITS_H
#define QXFS_API_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <qxfs/api/endpoints.h>

enum call_class { CLASS_PERSON, CLASS_IMPORT, CLASS_BACKGROUND, CLASS_N_ };

struct governor_config {
	int requests;         /* 30 */
	int jobs;             /* 15 */
	int brand_per_minute; /* 3000 */
	double share;         /* 0.8 */
};

/* One request that waits. Owned by the caller, linked while it waits. */
struct ticket {
	enum endpoint ep;
	enum call_class class;
	uid_t uid;
	int64_t expected_ms;   /* how long its job is expected to take; 0: unknown */
	int64_t queued_ms;     /* when it began to wait (kept over retries) */
	int64_t not_before_ms; /* a retry's moment; 0: at once */
	struct ticket *next;   /* governor's */
};

struct governor;
struct governor *governor_new(const struct governor_config *config); /* NULL: no memory */
void governor_free(struct governor *g);

void governor_queue(struct governor *g, struct ticket *t);
bool governor_withdraw(struct governor *g, struct ticket *t); /* true if it was waiting */
/* The next request that may go out now: its slots and drops are taken. NULL: none; *ret_wait_ms is
 * then how long until one may (-1: until something ends or is queued). */
struct ticket *governor_next(struct governor *g, int64_t now_ms, int64_t *ret_wait_ms);
/* A request that governor_next gave has ended. */
void governor_request_over(struct governor *g);
/* A job has ended, or its start failed. */
void governor_job_over(struct governor *g);
/* The service answered 429: everything to this endpoint waits until then; a job halves the jobs. */
void governor_refused(struct governor *g, enum endpoint ep, int64_t now_ms, int64_t until_ms);

/* A job that another mount began is followed by this one from now on; an adopted one was among the
 * others' jobs. */
void governor_job_taken(struct governor *g);
void governor_job_adopted(struct governor *g);
/* A job of this mount goes on at the service, and is among the others' until somebody takes it. */
void governor_job_left(struct governor *g);

/* --- several mounts ----------------------------------------------------------------------------
 */

struct bucket {
	double level;  /* drops in it, at at_ms */
	int64_t at_ms; /* sys_now_ms(), the same in every process of this machine */
};

/* What the service counts, whoever asks. */
struct governor_common {
	struct bucket brand;
	struct bucket endpoints[EP_N_];
	int64_t held_until_ms[EP_N_]; /* after a 429 */
	int32_t jobs_lost;            /* by how much a 429 has lowered the job limit */
	int64_t jobs_change_ms;       /* when jobs_lost changed */
};

/* A request that waits for nothing but what all mounts share: who has waited for a turn longer goes
 * first, so a mount says so, and for how long it may be believed. */
struct governor_eager {
	int64_t from_ms;   /* by its own share it can go then */
	int64_t until_ms;  /* 0: nothing waits; later it is not believed, its mount may stand still
	                    */
	int64_t served_ms; /* its mount's last turn */
	int32_t class, ep;
	int32_t any; /* it waits for a request's slot or the brand: whatever ep */
};
#define EAGER_MAX 64
struct governor_others {
	int requests, jobs; /* of all other mounts, and of dead ones */
	int n_eager;
	struct governor_eager eager[EAGER_MAX];
};

/* Before governor_next: what the others have left. What was decided here and never told
 * (governor_told) is in it afterwards. */
void governor_meet(struct governor *g, const struct governor_common *common,
                   const struct governor_others *others);
/* After it: what the others are to know. */
void governor_share(struct governor *g, struct governor_common *ret_common,
                    struct governor_eager *ret_eager);
/* The others can read it now. Until then governor_meet forgets nothing of it. */
void governor_told(struct governor *g);
bool governor_has_news(const struct governor *g); /* common: there is something to tell */
int governor_requests(const struct governor *g);  /* this mount's own */
int governor_jobs(const struct governor *g);

struct governor_view {
	int requests, requests_max, jobs, jobs_max; /* of all mounts */
	int waiting;                                /* here */
	/* of each endpoint, of all mounts: */
	double allowed[EP_N_];     /* calls per minute */
	struct bucket used[EP_N_]; /* as last looked at: governor_used */
	int64_t held_until_ms[EP_N_];
};
void governor_view(const struct governor *g, struct governor_view *ret);
/* How many calls still count against what is allowed. */
double governor_used(const struct governor_view *view, enum endpoint ep, int64_t now_ms);

#endif
