/* jobs.c: wants and jobs: joins, steps, ends, deadlines, the end of all.
 *
 * A want arrives as a task on the jobs thread, joins the job of its key or begins one. A step that
 * comes back while the room is being stopped abandons its job. */
#include "job.h"
#include "recipe.h"
#include "stream_room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define POOL_THREADS 4
#define TIDY_MS 86400000
#define STALE_BOUND_MS 5000
#define STALE_BOUND_AWAY_MS 2000 /* it was away a moment ago */
#define REST_AWAY_MS 30000
#define REST_MS 3000 /* others are answered: it may be this one's trouble */

/* --- wants ----------------------------------------------------------------------------------- */

/* One that has ended is only waiting for the disk; whoever comes now wants a new one. What was
 * asked for before a touch may lack what the touch is about, and so may one that asks only for what
 * is new: the new one waits for the key. */
static bool serves(const struct job *job, const struct want *w)
{
	return job->state < JOB_READY && job->recipe.kind != JOB_LIVE &&
	       strcmp(job->recipe.key, w->recipe.key) == 0 &&
	       (!w->full_since_ms || !job->asked_ms || job->asked_ms > w->full_since_ms) &&
	       (!w->full_since_ms || job->asked.what != ASKS_NEW);
}

/* The newest of its key, whatever it does. */
static bool has_job(const struct jobs *j, const char *key)
{
	const struct job *job = j->live;
	while (job && strcmp(job->recipe.key, key) != 0)
		job = job->next;
	return job;
}

static struct job *find_job(struct jobs *j, const struct want *w)
{
	struct job *job = j->live;
	while (job && !serves(job, w))
		job = job->next;
	return job;
}

static struct job *new_job(struct jobs *j, const struct want *w)
{
	struct job *job = calloc(1, sizeof(*job));
	if (!job)
		return NULL;
	job->jobs = j;
	if (recipe_copy(&w->recipe, &job->recipe) < 0) {
		free(job);
		return NULL;
	}
	job->full = w->full_since_ms > 0;
	job->full_since_ms = w->full_since_ms;
	job->mtime_s = w->mtime_s;
	job->looking = w->looking;
	job->background = w->background;
	job->uid = w->uid;
	job->percent = -1;
	job->started_ms = job->moved_ms = sys_now_ms();
	for (int i = 0; i < FACTS_COUNTS; i++)
		job->facts.counts[i] = -1;
	job->facts.rows = -1;
	for (int i = 0; i < OUTSIDE_DATES; i++)
		job->facts.outside[i] = -1;
	job->facts.exported_s = sys_wall_s();
	job->facts.mtime_s = w->mtime_s;
	return job;
}

static void answer_one(struct want *w, int err, const char *why)
{
	struct qx_fail fail;
	struct want_result result = { .fail = &fail };
	fail_set(&fail, err, "%s", why);
	w->done(w, &result);
}

void jobs_watch_deadline(struct jobs *j, int64_t at_ms)
{
	if (at_ms)
		worker_post_at(j->worker, &j->deadline, at_ms);
}

static void begin(struct job *job)
{
	struct jobs *j = job->jobs;

	job->next = j->live;
	j->live = job;
	job_show(job);
	job_begin(job);
}

/* Somebody waits for it now: its calls, and those of what it waits for, are a person's from here.
 */
static void hurry(struct jobs *j, struct job *job)
{
	job->background = false;
	if (!job->base_live || !job->base_want.background)
		return;
	job->base_want.background = false;
	for (struct job *base = j->live; base; base = base->next)
		for (const struct want *w = base->wants; w; w = w->next)
			if (w == &job->base_want)
				hurry(j, base);
}

static void want_arrives(struct task *task)
{
	struct want *w = container_of(task, struct want, arrive);
	struct jobs *j = w->jobs;

	if (j->stopping) {
		answer_one(w, ECANCELED, "the mount is being ended");
		return;
	}
	struct job *job = find_job(j, w);
	bool fresh = !job;
	if (fresh)
		job = new_job(j, w);
	if (!job) {
		answer_one(w, ENOMEM, "no memory");
		return;
	}
	w->next = job->wants;
	job->wants = w;
	jobs_watch_deadline(j, w->deadline_ms);
	if (!fresh) {
		if (job->background && !w->background)
			hurry(j, job);
		if (job->looking && !w->looking && job->state < JOB_PUBLISHING) {
			job->looking = false;
			job->mtime_s = job->facts.mtime_s = w->mtime_s;
		}
		/* Not yet asked for: then it need not be compared. */
		job->full = job->full || (w->full_since_ms && !job->asked_ms);
		job_show(job);
		return;
	}
	begin(job);
}

static void adopt(struct jobs *j, const struct want *w)
{
	struct job *job = has_job(j, w->recipe.key) ? NULL : new_job(j, w);
	if (!job) /* it has one, or no memory: it is only an export that nobody waits for */
		return;
	job->asked.adopted = true;
	begin(job);
}

/* One want less: the job goes on, unless nobody else could ever use what it makes. */
static void left_alone(struct job *job)
{
	job_show(job);
	if (job->recipe.kind == JOB_LIVE && !job->wants)
		live_unwanted(job);
}

/* Takes a want out of the job that has it. */
static bool unlink_want(struct jobs *j, const struct want *w)
{
	for (struct job *job = j->live; job; job = job->next) {
		for (struct want **link = &job->wants; *link; link = &(*link)->next) {
			if (*link != w)
				continue;
			*link = w->next;
			left_alone(job);
			return true;
		}
	}
	return false;
}

static void want_drops(struct task *task)
{
	struct want *w = container_of(task, struct want, drop);
	if (unlink_want(w->jobs, w))
		answer_one(w, ECANCELED, "the wait was given up");
}

void jobs_want(struct jobs *j, struct want *w)
{
	w->jobs = j;
	w->next = NULL;
	w->arrive = (struct task){ .fn = want_arrives };
	w->drop = (struct task){ .fn = want_drops };
	worker_post(j->worker, &w->arrive);
}

void jobs_drop(struct jobs *j, struct want *w)
{
	worker_post(j->worker, &w->drop);
}

void jobs_undrop(struct jobs *j, struct want *w)
{
	worker_cancel(j->worker, &w->drop);
}

static void earlier(int64_t *next_ms, int64_t at_ms)
{
	if (at_ms && (!*next_ms || at_ms < *next_ms))
		*next_ms = at_ms;
}

/* The first want of the job whose time is up, taken out. */
static struct want *overdue(struct job *job, int64_t now_ms, int64_t *next_ms)
{
	for (struct want **link = &job->wants; *link; link = &(*link)->next) {
		struct want *w = *link;
		if (w->deadline_ms && w->deadline_ms <= now_ms) {
			*link = w->next;
			return w;
		}
		earlier(next_ms, w->deadline_ms);
	}
	return NULL;
}

static void deadlines(struct task *task)
{
	struct jobs *j = container_of(task, struct jobs, deadline);
	int64_t now_ms = sys_now_ms(), next_ms = 0;

	for (struct job *job = j->live; job; job = job->next) {
		struct want *w;
		while ((w = overdue(job, now_ms, &next_ms)))
			answer_one(w, ETIMEDOUT,
			           "it takes longer than open_wait allows; it goes on, "
			           "and a later open finds it");
		left_alone(job);
	}
	for (struct list_job *lj = j->lists; lj; lj = lj->next)
		pages_deadlines(lj, now_ms, &next_ms);
	streams_deadlines(j, now_ms, &next_ms);
	jobs_watch_deadline(j, next_ms);
}

/* --- the room -------------------------------------------------------------------------------- */

static void tidy(struct errand *e)
{
	struct jobs *j = container_of(e, struct jobs, tidy);

	cache_tidy(j->config.cache);
	jobs_errand(j, e, TIDY_MS);
}

int jobs_new(const struct jobs_config *config, struct jobs **ret)
{
	struct jobs *j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->config = *config;
	j->deadline.fn = deadlines;
	pthread_mutex_init(&j->stop_lock, NULL);
	pthread_mutex_init(&j->streams_lock, NULL);
	pthread_cond_init(&j->stopped, NULL);
	j->board = board_new();
	int r = j->board ? worker_new("jobs", &j->worker) : -ENOMEM;
	if (r == 0)
		r = pool_new("disk", POOL_THREADS, &j->pool);
	if (r < 0) {
		jobs_free(j);
		return r;
	}
	j->adoption = adoption_new(j, adopt);
	if (!j->adoption) {
		jobs_free(j);
		return -ENOMEM;
	}
	adoption_begin(j->adoption);
	j->tidy.fn = tidy;
	jobs_errand(j, &j->tidy, TIDY_MS);
	*ret = j;
	return 0;
}

struct board *jobs_board(struct jobs *j)
{
	return j->board;
}

bool jobs_old_may_rest(const struct jobs *j, int64_t since_ms)
{
	struct client *c = j->config.client;
	int64_t rest_ms = client_is_reachable(c) ? REST_MS : REST_AWAY_MS;
	return since_ms >= client_back_ms(c) && sys_now_ms() - since_ms < rest_ms;
}

int64_t jobs_stale_bound_ms(const struct jobs *j)
{
	return client_is_reachable(j->config.client) ? STALE_BOUND_MS : STALE_BOUND_AWAY_MS;
}

void jobs_check_idle(struct jobs *j)
{
	if (!j->stopping || j->live || j->lists || j->active)
		return;
	pthread_mutex_lock(&j->stop_lock);
	j->idle = true;
	pthread_cond_broadcast(&j->stopped);
	pthread_mutex_unlock(&j->stop_lock);
}

/* Nobody waits any more; what runs comes to its end by itself, soon, for its call is cancelled. */
static void stop_job(struct job *job)
{
	struct qx_fail fail;
	struct want_result result = { .fail = &fail };
	fail_set(&fail, ECANCELED, "the mount is being ended");
	job_answer(job, &result);
	if (job->call_live)
		client_cancel(job->jobs->config.client, &job->call);
	if (job->following)
		follow_end(&job->follow, false);
	if (worker_cancel(job->jobs->worker, &job->timer) || job->render_waits)
		job_abandon(job);
}

static void stop_all(struct task *task)
{
	struct jobs *j = container_of(task, struct jobs, stop_task);
	j->stopping = true;
	for (struct job *job = j->live, *next; job; job = next) {
		next = job->next;
		stop_job(job);
	}
	for (struct list_job *lj = j->lists; lj; lj = lj->next)
		pages_stop(lj);
	streams_stop(j);
	worker_cancel(j->worker, &j->deadline);
	pthread_mutex_lock(&j->stop_lock);
	j->stop_done = true;
	pthread_cond_broadcast(&j->stopped);
	pthread_mutex_unlock(&j->stop_lock);
	jobs_check_idle(j);
}

void jobs_stop(struct jobs *j)
{
	pthread_mutex_lock(&j->stop_lock);
	bool first = !j->stop_task.fn;
	j->stop_task.fn = stop_all;
	pthread_mutex_unlock(&j->stop_lock);
	if (first)
		worker_post(j->worker, &j->stop_task);
	pthread_mutex_lock(&j->stop_lock);
	while (!j->stop_done)
		pthread_cond_wait(&j->stopped, &j->stop_lock);
	pthread_mutex_unlock(&j->stop_lock);
}

void jobs_free(struct jobs *j)
{
	if (!j)
		return;
	/* They post to the worker, and may outlive us. */
	client_on_death(j->config.client, NULL, NULL);
	client_on_back(j->config.client, BACK_EXPORTS, NULL, NULL);
	if (j->worker && j->pool) {
		jobs_stop(j);
		pthread_mutex_lock(&j->stop_lock);
		while (!j->idle)
			pthread_cond_wait(&j->stopped, &j->stop_lock);
		pthread_mutex_unlock(&j->stop_lock);
	}
	/* An errand's timer, of the worker, posts to the pool: that lives until it is still. */
	if (j->pool)
		pool_stop(j->pool);
	if (j->worker) {
		worker_stop(j->worker);
		worker_free(j->worker);
	}
	if (j->pool)
		pool_free(j->pool);
	adoption_free(j->adoption);
	streams_free(j);
	board_free(j->board);
	pthread_mutex_destroy(&j->streams_lock);
	pthread_mutex_destroy(&j->stop_lock);
	pthread_cond_destroy(&j->stopped);
	free(j);
}
