/* dispatch.c: who may go now, by this mount's limits and those it shares with others; and what has
 * become of jobs. */
#include "client_private.h"

#include <qxfs/base/sys.h>

/* --- jobs ------------------------------------------------------------------------------------ */

/* Orphans end by the file; without it nobody would ever end these. */
static void count_strays(struct client *c, const struct client_jobs *jobs)
{
	int n = c->strays + jobs->left - jobs->adopted;

	c->strays = n > 0 ? n : 0;
	if (jobs->left)
		c->strays_ms = sys_now_ms();
}

static void end_strays(struct client *c, int64_t now_ms)
{
	bool alone = !c->shared || shared_is_alone(c->shared);

	if (alone && now_ms - c->strays_ms < SHARED_ORPHAN_MS)
		return;
	for (; alone && c->strays > 0; c->strays--) { /* nobody's any more */
		governor_job_adopted(c->governor);
		governor_job_over(c->governor);
	}
	c->strays = 0; /* the file tells of them, if not */
}

/* What has begun before what has ended: the counts never go below nothing. */
void client_count_jobs(struct client *c, const struct client_jobs *jobs)
{
	for (int i = 0; i < jobs->taken; i++)
		governor_job_taken(c->governor);
	for (int i = 0; i < jobs->adopted; i++)
		governor_job_adopted(c->governor);
	for (int i = 0; i < jobs->over; i++)
		governor_job_over(c->governor);
	for (int i = 0; i < jobs->left; i++)
		governor_job_left(c->governor);
	count_strays(c, jobs);
	if (c->shared && jobs->left > 0)
		shared_leave(c->shared, jobs->left);
	if (c->shared && jobs->adopted > 0)
		shared_adopt(c->shared, jobs->adopted, sys_now_ms());
}

static void note_jobs(struct client *c, const struct client_jobs *more)
{
	pthread_mutex_lock(&c->lock);
	c->jobs.over += more->over;
	c->jobs.taken += more->taken;
	c->jobs.adopted += more->adopted;
	c->jobs.left += more->left;
	pthread_mutex_unlock(&c->lock);
	http_post(c->http, &c->attend);
}

void client_job_over(struct client *c)
{
	note_jobs(c, &(struct client_jobs){ .over = 1 });
}

void client_job_taken(struct client *c, bool orphan)
{
	note_jobs(c, &(struct client_jobs){ .taken = !orphan, .adopted = orphan });
}

void client_job_left(struct client *c)
{
	note_jobs(c, &(struct client_jobs){ .left = 1 });
}

/* --- other mounts ---------------------------------------------------------------------------- */

static void tell_of_deaths(struct client *c)
{
	uint64_t deaths = c->shared ? shared_deaths(c->shared) : 0;

	if (deaths == c->deaths)
		return;
	c->deaths = deaths;
	client_tell(c, &c->on_death);
}

void client_on_death(struct client *c, client_death_fn *fn, void *arg)
{
	client_set_hook(c, &c->on_death, (struct hook){ fn, arg });
}

/* --- who may go ------------------------------------------------------------------------------ */

/* Those that may go now, taken from the governor in order. *ret_wait_ms: until others may. */
static struct ticket *choose(struct client *c, int64_t *ret_wait_ms)
{
	struct ticket *first = NULL, **tail = &first;
	int64_t now_ms = sys_now_ms();

	*ret_wait_ms = SHARED_BUSY_MS;
	if (c->shared && !shared_begin(c->shared, c->governor, now_ms))
		return NULL;
	end_strays(c, now_ms);
	for (struct ticket *t; (t = governor_next(c->governor, now_ms, ret_wait_ms));) {
		*tail = t;
		tail = &t->next;
	}
	if (c->shared)
		shared_end(c->shared, c->governor);
	return first;
}

/* Sends what may go now, and sets the clock for what may go later. */
void client_dispatch(struct client *c)
{
	int64_t wait_ms;

	do {
		c->again = false;
		for (struct ticket *t = choose(c, &wait_ms), *next; t; t = next) {
			next = t->next;
			t->next = NULL;
			client_launch(c, container_of(t, struct call, ticket));
		}
	} while (c->again);
	if (wait_ms > 0)
		http_post_at(c->http, &c->tick, sys_now_ms() + wait_ms);
	tell_of_deaths(c);
	client_publish_view(c);
}

static void on_tick(struct task *task)
{
	client_dispatch(container_of(task, struct client, tick));
}

static void on_others(struct task *task)
{
	struct client *c = container_of(task, struct client, others);
	shared_attend(c->shared);
	client_dispatch(c);
}

void client_begin_sharing(struct client *c, int fd)
{
	char boot[SYS_BOOT_ID];

	sys_boot_id(boot);
	c->shared = shared_new(fd, boot);
	if (c->shared)
		http_watch(c->http, shared_watch_fd(c->shared), &c->others);
}

void client_dispatch_init(struct client *c)
{
	c->tick.fn = on_tick;
	c->others.fn = on_others;
}
