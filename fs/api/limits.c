/* limits.c: the governor.
 *
 * A bucket holds drops: one for each request, leaking at the rate the service allows. A request may
 * go when its drop fits. Slots (requests, jobs) are counted; only their owner knows when they come
 * free, so a ticket that waits for a slot alone has no moment to name.
 */
#include <qxfs/api/limits.h>

#include <math.h>
#include <stdlib.h>

#include <qxfs/base/sys.h>

#define OLD_MS 60000
#define BACKGROUND_KEEPS_FREE 2
#define JOB_LIMIT_REGROW_MS 30000
#define USERS_MAX 64
#define NEVER INT64_MAX

struct bucket {
	double depth;  /* drops it holds */
	double per_ms; /* drops that leak */
	double level;  /* drops in it, at at_ms */
	int64_t at_ms;
};

struct endpoint_state {
	struct bucket bucket;
	int64_t held_until_ms; /* after a 429 */
};

/* When a user was last served, for the round robin. */
struct user {
	uid_t uid;
	uint64_t turn; /* 0: the place is free */
};

struct governor {
	int requests, requests_max;
	int jobs, jobs_max;
	int jobs_limit;         /* <= jobs_max, smaller for a while after a 429 */
	int64_t jobs_change_ms; /* when jobs_limit changed */
	struct bucket brand;
	struct endpoint_state endpoints[EP_N_];
	struct user users[USERS_MAX];
	uint64_t turn;
	struct ticket *head, **tail;
	int waiting;
};

/* --- buckets --------------------------------------------------------------------------------- */

static struct bucket bucket_make(int per_minute, double share)
{
	double depth = per_minute * share;
	return (struct bucket){ .depth = depth < 1 ? 1 : depth, .per_ms = depth / 60000 };
}

static void bucket_leak(struct bucket *b, int64_t now_ms)
{
	if (now_ms <= b->at_ms)
		return;
	b->level -= (double)(now_ms - b->at_ms) * b->per_ms;
	if (b->level < 0)
		b->level = 0;
	b->at_ms = now_ms;
}

/* Milliseconds until one more drop fits. The tolerance is for sums of fractions, not for drops. */
static int64_t bucket_wait_ms(const struct bucket *b)
{
	double excess = b->level + 1 - b->depth;
	return excess <= 1e-6 ? 0 : (int64_t)ceil((excess - 1e-6) / b->per_ms);
}

/* --- the limits of one ticket ---------------------------------------------------------------- */

static void jobs_regrow(struct governor *g, int64_t now_ms)
{
	while (g->jobs_limit < g->jobs_max && now_ms - g->jobs_change_ms >= JOB_LIMIT_REGROW_MS) {
		g->jobs_limit++;
		g->jobs_change_ms += JOB_LIMIT_REGROW_MS;
	}
}

static bool has_request_slot(const struct governor *g, const struct ticket *t)
{
	int max = g->requests_max;
	if (t->class == CLASS_BACKGROUND)
		max = max > BACKGROUND_KEEPS_FREE ? max - BACKGROUND_KEEPS_FREE : 1;
	return g->requests < max;
}

/* Until the job limit alone lets it go; NEVER: only the end of a job does. */
static int64_t job_wait_ms(const struct governor *g, const struct ticket *t, int64_t now_ms)
{
	if (!endpoint_row(t->ep)->starts_job || g->jobs < g->jobs_limit)
		return 0;
	if (g->jobs >= g->jobs_max)
		return NEVER;
	int64_t steps = g->jobs - g->jobs_limit + 1;
	return g->jobs_change_ms + steps * JOB_LIMIT_REGROW_MS - now_ms;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* 0: may go now; NEVER: some slot must come free first; else it may go then at the earliest. */
static int64_t ticket_wait_ms(const struct governor *g, const struct ticket *t, int64_t now_ms)
{
	const struct endpoint_state *e = &g->endpoints[t->ep];

	if (!has_request_slot(g, t))
		return NEVER;
	int64_t wait = job_wait_ms(g, t, now_ms);
	wait = later(wait, t->not_before_ms - now_ms);
	wait = later(wait, e->held_until_ms - now_ms);
	wait = later(wait, bucket_wait_ms(&e->bucket));
	wait = later(wait, bucket_wait_ms(&g->brand));
	return wait;
}

/* --- order ----------------------------------------------------------------------------------- */

static uint64_t last_turn(const struct governor *g, uid_t uid)
{
	for (size_t i = 0; i < countof(g->users); i++)
		if (g->users[i].turn && g->users[i].uid == uid)
			return g->users[i].turn;
	return 0;
}

static void note_turn(struct governor *g, uid_t uid)
{
	struct user *place = &g->users[0];
	for (size_t i = 0; i < countof(g->users); i++) {
		struct user *u = &g->users[i];
		if (u->turn && u->uid == uid) {
			place = u;
			break;
		}
		if (u->turn < place->turn) /* free, or served longest ago: forgetting it is harmless
		                            */
			place = u;
	}
	*place = (struct user){ .uid = uid, .turn = ++g->turn };
}

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
		uint64_t a_turn = last_turn(g, a->uid), b_turn = last_turn(g, b->uid);
		if (a_turn != b_turn)
			return a_turn < b_turn;
		if (a->expected_ms != b->expected_ms)
			return a->expected_ms > b->expected_ms;
	}
	return a->queued_ms < b->queued_ms; /* equal: whoever was queued first stays first */
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
	g->jobs_limit = g->jobs_max;
	g->brand = bucket_make(config->brand_per_minute > 0 ? config->brand_per_minute : 1, share);
	for (int ep = 0; ep < EP_N_; ep++)
		g->endpoints[ep].bucket = bucket_make(endpoint_row(ep)->calls_per_minute, share);
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

static void take(struct governor *g, struct ticket *t)
{
	(void)governor_withdraw(g, t); /* it waits: it was found in the list */
	g->requests++;
	g->jobs += endpoint_row(t->ep)->starts_job;
	g->brand.level++;
	g->endpoints[t->ep].bucket.level++;
	note_turn(g, t->uid);
}

struct ticket *governor_next(struct governor *g, int64_t now_ms, int64_t *ret_wait_ms)
{
	struct ticket *best = NULL;
	int64_t soonest = NEVER;

	jobs_regrow(g, now_ms);
	bucket_leak(&g->brand, now_ms);
	for (int ep = 0; ep < EP_N_; ep++)
		bucket_leak(&g->endpoints[ep].bucket, now_ms);

	if (g->requests >= g->requests_max) {
		*ret_wait_ms = -1;
		return NULL;
	}
	for (struct ticket *t = g->head; t; t = t->next) {
		int64_t wait = ticket_wait_ms(g, t, now_ms);
		if (wait < soonest)
			soonest = wait;
		if (wait <= 0 && (!best || goes_first(g, t, best, now_ms)))
			best = t;
	}
	*ret_wait_ms = best ? 0 : soonest == NEVER ? -1 : soonest;
	if (best)
		take(g, best);
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

void governor_refused(struct governor *g, enum endpoint ep, int64_t now_ms, int64_t until_ms)
{
	struct endpoint_state *e = &g->endpoints[ep];

	/* Requests that were under way together are refused together: that is one refusal. */
	bool news = e->held_until_ms <= now_ms;
	if (news && endpoint_row(ep)->starts_job) {
		jobs_regrow(g, now_ms);
		g->jobs_limit = g->jobs_limit > 1 ? g->jobs_limit / 2 : 1;
		g->jobs_change_ms = now_ms;
	}
	if (until_ms > e->held_until_ms)
		e->held_until_ms = until_ms;

	/* The service's own bucket is full, whatever ours says: when the hold ends one request
	 * goes, the others at the pace of the leak, so that a crowd does not run into the next
	 * refusal. */
	struct bucket *b = &e->bucket;
	bucket_leak(b, now_ms);
	double full = b->depth - 1 + (double)(e->held_until_ms - now_ms) * b->per_ms;
	if (b->level < full)
		b->level = full;
}

void governor_view(const struct governor *g, struct governor_view *ret)
{
	*ret = (struct governor_view){
		.requests = g->requests,
		.requests_max = g->requests_max,
		.jobs = g->jobs,
		.jobs_max = g->jobs_limit,
		.waiting = g->waiting,
	};
}
