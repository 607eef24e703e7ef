/* limits.h: the governor: when may which request go out. Pure decisions: no clock, no I/O, no lock.
 *
 * Per account: `requests` in flight, apart from them `jobs` running, a leaky bucket for the brand
 * and one for each endpoint, all rates and depths times `share`. A 429 on a job halves the job
 * limit; it grows again by one each JOB_LIMIT_REGROW_MS. Order: nothing older than a minute waits
 * behind newer work; then class; round-robin over users; longest expected first; oldest. Two
 * request slots are never background's.
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

struct governor_view {
	int requests, requests_max, jobs, jobs_max, waiting;
};
void governor_view(const struct governor *g, struct governor_view *ret);

#endif
