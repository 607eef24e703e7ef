/* limits.c: the governor.
 *
 * A request may go when its drop fits (bucket.h). Slots (requests, jobs) are counted; only their
 * owner knows when they come free, so a ticket that waits for a slot alone has no moment to name;
 * where other mounts hold some, one looks again soon. The buckets, the holds and the job limit are
 * not this mount's but the account's: `common`. What was decided here is kept until governor_told,
 * so that what governor_meet brings does not wipe it out. Turns between mounts are told in
 * note_eager.
 */
#include <qxfs/api/limits.h>

#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

#include "bucket.h"
#include "turns.h"

#define MINUTE_MS 60000
#define OLD_MS MINUTE_MS
#define BACKGROUND_KEEPS_FREE 2
#define JOB_LIMIT_REGROW_MS 30000
#define NEVER INT64_MAX
#define LOOK_AGAIN_MS 20     /* others tell nobody when they have done with a request's slot */
#define LOOK_FOR_JOBS_MS 300 /* who waits for a job's is woken, mostly (shared.c) */
#define YIELD_MS 5           /* whose turn it is wakes at the same moment */
#define BELIEVED_MS 200      /* a mount that is on time does not take longer to wake */

/* A 429 that the others have not been told of. */
struct refusal {
	int64_t now_ms, until_ms; /* until_ms 0: none */
};

struct governor {
	int requests, requests_max; /* `requests`, `jobs`: this mount's own */
	int jobs, jobs_max;
	struct measure brand;
	struct measure endpoints[EP_N_];
	struct governor_common common;
	struct governor_others others;
	struct governor_eager eager;
	struct refusal refusals[EP_N_];
	bool untold; /* common has more than the others know */
	int64_t served_ms;
	struct turns turns;
	struct ticket *head, **tail;
	int waiting;
};

/* --- the limits of one ticket ---------------------------------------------------------------- */

static int requests_in_all(const struct governor *g)
{
	return g->requests + g->others.requests;
}

static int jobs_in_all(const struct governor *g)
{
	return g->jobs + g->others.jobs;
}

static int jobs_limit(const struct governor *g)
{
	int limit = g->jobs_max - g->common.jobs_lost;
	return limit > 1 ? limit : 1;
}

static void jobs_regrow(struct governor *g, int64_t now_ms)
{
	struct governor_common *c = &g->common;
	while (c->jobs_lost > 0 && now_ms - c->jobs_change_ms >= JOB_LIMIT_REGROW_MS) {
		c->jobs_lost--;
		c->jobs_change_ms += JOB_LIMIT_REGROW_MS;
	}
}

/* Of so many slots those that this ticket may have. */
static int share_of_slots(const struct ticket *t, int slots)
{
	if (t->class != CLASS_BACKGROUND)
		return slots;
	return slots > BACKGROUND_KEEPS_FREE ? slots - BACKGROUND_KEEPS_FREE : 1;
}

static bool has_request_slot(const struct governor *g, const struct ticket *t)
{
	return requests_in_all(g) < share_of_slots(t, g->requests_max);
}

/* A slot comes free when something ends: here that is an event, elsewhere it is looked for. */
static int64_t slot_wait_ms(int others, int64_t look_ms)
{
	return others > 0 ? look_ms : NEVER;
}

/* Until the job limit alone lets it go; NEVER: only the end of a job does. */
static int64_t job_wait_ms(const struct governor *g, const struct ticket *t, int64_t now_ms)
{
	int limit = share_of_slots(t, jobs_limit(g)), jobs = jobs_in_all(g);

	if (!endpoint_row(t->ep)->starts_job || jobs < limit)
		return 0;
	if (jobs >= share_of_slots(t, g->jobs_max) || g->others.jobs > 0)
		return slot_wait_ms(g->others.jobs, LOOK_FOR_JOBS_MS);
	int64_t steps = jobs - limit + 1;
	return g->common.jobs_change_ms + steps * JOB_LIMIT_REGROW_MS - now_ms;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Of the waits below those that the mounts of an account have in common. */
static int64_t shared_wait_ms(const struct governor *g, const struct ticket *t, int64_t now_ms)
{
	int64_t wait = job_wait_ms(g, t, now_ms);
	wait = later(wait, bucket_wait_ms(&g->common.endpoints[t->ep], &g->endpoints[t->ep]));
	wait = later(wait, bucket_wait_ms(&g->common.brand, &g->brand));
	return wait;
}

/* 0: may go now; NEVER: some slot must come free first; else it may go then at the earliest. */
static int64_t ticket_wait_ms(const struct governor *g, const struct ticket *t, int64_t now_ms)
{
	if (!has_request_slot(g, t))
		return slot_wait_ms(g->others.requests, LOOK_AGAIN_MS);
	int64_t wait = shared_wait_ms(g, t, now_ms);
	wait = later(wait, t->not_before_ms - now_ms);
	wait = later(wait, g->common.held_until_ms[t->ep] - now_ms);
	return wait;
}

/* --- order ----------------------------------------------------------------------------------- */

static bool goes_first(const struct governor *g, const struct ticket *a, const struct ticket *b,
                       int64_t now_ms)
{
	bool a_old = now_ms - a->queued_ms >= OLD_MS;
	bool b_old = now_ms - b->queued_ms >= OLD_MS;

	if (a_old != b_old)
		return a_old;
	if (!a_old) {
		if (a->class != b->class)
			return a->class < b->class;
		uint64_t a_turn = turns_last(&g->turns, a->uid),
			 b_turn = turns_last(&g->turns, b->uid);
		if (a_turn != b_turn)
			return a_turn < b_turn;
		if (a->expected_ms != b->expected_ms)
			return a->expected_ms > b->expected_ms;
	}
	return a->queued_ms < b->queued_ms; /* equal: whoever was queued first stays first */
}

/* --- turns between mounts --------------------------------------------------------------------- */

static bool starts_job(int ep)
{
	return endpoint_row((enum endpoint)ep)->starts_job;
}

/* Do they wait for the same thing? */
static bool contend(const struct governor_eager *e, const struct ticket *t)
{
	return e->any || e->ep == (int)t->ep || (starts_job(e->ep) && starts_job((int)t->ep));
}

/* Is it the turn of another mount? Who is not believed any more stands still, or is gone; who has a
 * smaller share and cannot go yet is not waited for. */
static bool must_yield(const struct governor *g, const struct ticket *t, int64_t now_ms)
{
	if (now_ms - t->queued_ms >= OLD_MS)
		return false;
	for (int i = 0; i < g->others.n_eager; i++) {
		const struct governor_eager *e = &g->others.eager[i];
		if (e->until_ms < now_ms || e->from_ms > now_ms + YIELD_MS || !contend(e, t))
			continue;
		if (e->class < (int)t->class ||
		    (e->class == (int)t->class && e->served_ms < g->served_ms))
			return true;
	}
	return false;
}

/* What of ours waits for nothing but what all share, the first in order. */
static const struct ticket *find_eager(const struct governor *g, int64_t now_ms)
{
	const struct ticket *first = NULL;

	for (const struct ticket *t = g->head; t; t = t->next) {
		bool own = t->not_before_ms > now_ms || g->common.held_until_ms[t->ep] > now_ms;
		if (!own && (!first || goes_first(g, t, first, now_ms)))
			first = t;
	}
	return first;
}

/* A slot may come free at any moment, a drop may not. */
static struct governor_eager make_eager(const struct governor *g, const struct ticket *t,
                                        int64_t now_ms)
{
	bool slot = has_request_slot(g, t);
	int64_t job_ms = job_wait_ms(g, t, now_ms);
	bool any_moment = !slot || job_ms == NEVER || (job_ms > 0 && g->others.jobs > 0);
	int64_t wait_ms = shared_wait_ms(g, t, now_ms);

	if (any_moment)
		wait_ms = slot ? LOOK_FOR_JOBS_MS : LOOK_AGAIN_MS;
	return (struct governor_eager){
		.from_ms = any_moment ? now_ms : now_ms + wait_ms,
		.until_ms = now_ms + wait_ms + BELIEVED_MS,
		.served_ms = g->served_ms,
		.class = (int32_t)t->class,
		.ep = (int32_t)t->ep,
		.any = !slot || bucket_wait_ms(&g->common.brand, &g->brand) > 0,
	};
}

/* What the others read already, and will believe for long enough, need not be written. */
static bool says_the_same(const struct governor_eager *told, const struct governor_eager *now)
{
	return told->served_ms == now->served_ms && told->class == now->class &&
	       told->ep == now->ep && told->any == now->any && told->from_ms <= now->from_ms &&
	       told->until_ms >= now->until_ms - BELIEVED_MS / 2;
}

static void note_eager(struct governor *g, int64_t now_ms)
{
	const struct ticket *first = find_eager(g, now_ms);
	struct governor_eager eager = { 0 };

	if (first)
		eager = make_eager(g, first, now_ms);
	if (!first || !says_the_same(&g->eager, &eager))
		g->eager = eager;
}

/* --- the door -------------------------------------------------------------------------------- */

struct governor *governor_new(const struct governor_config *config)
{
	struct governor *g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	double share = config->share > 0 && config->share <= 1 ? config->share : 1;
	g->requests_max = config->requests > 0 ? config->requests : 1;
	g->jobs_max = config->jobs > 0 ? config->jobs : 1;
	g->brand = measure_make(config->brand_per_minute > 0 ? config->brand_per_minute : 1, share);
	for (int ep = 0; ep < EP_N_; ep++)
		g->endpoints[ep] = measure_make(endpoint_row(ep)->calls_per_minute, share);
	g->tail = &g->head;
	return g;
}

void governor_free(struct governor *g)
{
	free(g);
}

void governor_queue(struct governor *g, struct ticket *t)
{
	t->next = NULL;
	*g->tail = t;
	g->tail = &t->next;
	g->waiting++;
}

bool governor_withdraw(struct governor *g, struct ticket *t)
{
	for (struct ticket **link = &g->head; *link; link = &(*link)->next) {
		if (*link != t)
			continue;
		*link = t->next;
		if (!t->next)
			g->tail = link;
		t->next = NULL;
		g->waiting--;
		return true;
	}
	return false;
}

static void take(struct governor *g, struct ticket *t, int64_t now_ms)
{
	(void)governor_withdraw(g, t); /* it waits: it was found in the list */
	g->requests++;
	g->jobs += starts_job((int)t->ep);
	g->common.brand.level++;
	g->common.endpoints[t->ep].level++;
	g->untold = true;
	g->served_ms = now_ms;
	turns_note(&g->turns, t->uid);
}

static void leak_all(struct governor *g, int64_t now_ms)
{
	jobs_regrow(g, now_ms);
	bucket_leak(&g->common.brand, &g->brand, now_ms);
	for (int ep = 0; ep < EP_N_; ep++)
		bucket_leak(&g->common.endpoints[ep], &g->endpoints[ep], now_ms);
}

/* The first in order of those that may go; *soonest: until one may. */
static struct ticket *choose(const struct governor *g, int64_t now_ms, int64_t *soonest)
{
	struct ticket *best = NULL;

	for (struct ticket *t = g->head; t; t = t->next) {
		int64_t wait = ticket_wait_ms(g, t, now_ms);
		if (wait <= 0 && must_yield(g, t, now_ms))
			wait = YIELD_MS;
		if (wait < *soonest)
			*soonest = wait;
		if (wait <= 0 && (!best || goes_first(g, t, best, now_ms)))
			best = t;
	}
	return best;
}

struct ticket *governor_next(struct governor *g, int64_t now_ms, int64_t *ret_wait_ms)
{
	int64_t soonest = NEVER;

	leak_all(g, now_ms);
	struct ticket *best = choose(g, now_ms, &soonest);
	*ret_wait_ms = best ? 0 : soonest == NEVER ? -1 : soonest;
	if (best)
		take(g, best, now_ms);
	else
		note_eager(g, now_ms);
	return best;
}

void governor_request_over(struct governor *g)
{
	if (g->requests > 0)
		g->requests--;
}

void governor_job_over(struct governor *g)
{
	if (g->jobs > 0)
		g->jobs--;
}

void governor_job_taken(struct governor *g)
{
	g->jobs++;
}

/* In these two the sum stays the same, also while the file cannot be read. */
void governor_job_adopted(struct governor *g)
{
	g->jobs++;
	if (g->others.jobs > 0)
		g->others.jobs--;
}

void governor_job_left(struct governor *g)
{
	governor_job_over(g);
	g->others.jobs++;
}

static void apply_refusal(struct governor *g, enum endpoint ep, int64_t now_ms, int64_t until_ms)
{
	struct governor_common *c = &g->common;
	int64_t *held_until_ms = &c->held_until_ms[ep];

	/* Requests that were under way together are refused together: that is one refusal. */
	bool news = *held_until_ms <= now_ms;
	if (news && starts_job((int)ep)) {
		jobs_regrow(g, now_ms);
		int limit = jobs_limit(g);
		c->jobs_lost = g->jobs_max - (limit > 1 ? limit / 2 : 1);
		c->jobs_change_ms = now_ms;
	}
	if (until_ms > *held_until_ms)
		*held_until_ms = until_ms;

	/* The service's own bucket is full, whatever ours says: when the hold ends one request
	 * goes, the others at the pace of the leak, so that a crowd does not run into the next
	 * refusal. Told late, it has leaked since. */
	struct bucket *b = &c->endpoints[ep];
	const struct measure *m = &g->endpoints[ep];
	bucket_leak(b, m, now_ms);
	double full = m->depth - 1 + (double)(*held_until_ms - b->at_ms) * m->per_ms;
	if (b->level < full)
		b->level = full;
}

void governor_refused(struct governor *g, enum endpoint ep, int64_t now_ms, int64_t until_ms)
{
	struct refusal *r = &g->refusals[ep];

	apply_refusal(g, ep, now_ms, until_ms);
	g->untold = true;
	if (!r->until_ms)
		r->now_ms = now_ms;
	if (until_ms > r->until_ms)
		r->until_ms = until_ms;
}

/* The buckets; refusals are applied anew, and would halve the jobs twice. */
static void merge(struct governor *g, const struct governor_common *own)
{
	struct governor_common *c = &g->common;

	bucket_merge(&c->brand, own->brand, &g->brand);
	for (int ep = 0; ep < EP_N_; ep++)
		bucket_merge(&c->endpoints[ep], own->endpoints[ep], &g->endpoints[ep]);
}

void governor_meet(struct governor *g, const struct governor_common *common,
                   const struct governor_others *others)
{
	const struct governor_common own = g->common;

	g->common = *common;
	g->others = *others;
	if (g->untold)
		merge(g, &own);
	for (int ep = 0; ep < EP_N_; ep++)
		if (g->refusals[ep].until_ms)
			apply_refusal(g, (enum endpoint)ep, g->refusals[ep].now_ms,
			              g->refusals[ep].until_ms);
}

void governor_share(struct governor *g, struct governor_common *ret_common,
                    struct governor_eager *ret_eager)
{
	*ret_common = g->common;
	*ret_eager = g->eager;
}

void governor_told(struct governor *g)
{
	g->untold = false;
	memset(g->refusals, 0, sizeof(g->refusals));
}

bool governor_has_news(const struct governor *g)
{
	return g->untold;
}

int governor_requests(const struct governor *g)
{
	return g->requests;
}

int governor_jobs(const struct governor *g)
{
	return g->jobs;
}

void governor_view(const struct governor *g, struct governor_view *ret)
{
	*ret = (struct governor_view){
		.requests = requests_in_all(g),
		.requests_max = g->requests_max,
		.jobs = jobs_in_all(g),
		.jobs_max = jobs_limit(g),
		.waiting = g->waiting,
	};
	for (int ep = 0; ep < EP_N_; ep++)
		ret->allowed[ep] = g->endpoints[ep].per_ms * MINUTE_MS;
	memcpy(ret->used, g->common.endpoints, sizeof(ret->used));
	memcpy(ret->held_until_ms, g->common.held_until_ms, sizeof(ret->held_until_ms));
}

double governor_used(const struct governor_view *view, enum endpoint ep, int64_t now_ms)
{
	const struct measure m = { .per_ms = view->allowed[ep] / MINUTE_MS };
	struct bucket used = view->used[ep];

	bucket_leak(&used, &m, now_ms);
	return used.level;
}
