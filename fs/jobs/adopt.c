/* adopt.c: exports that other mounts began.
 *
 *   a mount has died ─► look (pool: the cache's records) ─► a job for each ─► its key ─► resumed
 *                                                                         └─► somebody has it: quit
 *
 * A record is left by whoever dies, by whoever is unmounted while the service works, and by whoever
 * finds no network, or has its token refused, meanwhile; that one looks again each minute, for as
 * long as the record is worth it (record.c). Who gets the key follows it; that others look at the
 * same time costs each of them one lock. */
#include "record.h"

#include "job.h"
#include "recipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/json.h>
#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define FOUND_MAX 64 /* over four times as many as may run */
#define AGAIN_MS 60000

struct adoption {
	struct jobs *jobs;
	void (*begin)(struct jobs *j, const struct want *w);
	struct task ask;  /* to the jobs thread */
	struct task look; /* on the pool, then on the jobs thread; the rest is its */
	bool looking, again;
	bool expects;      /* something was left since the last look */
	struct task later; /* looks for it */
	struct task back;  /* to the jobs thread: the account answers */
	struct json *found[FOUND_MAX];
	size_t n;
};

/* --- looking --------------------------------------------------------------------------------- */

static void forget_found(struct adoption *a)
{
	for (size_t i = 0; i < a->n; i++)
		json_free(a->found[i]);
	a->n = 0;
}

static void take_found(struct task *task)
{
	struct adoption *a = container_of(task, struct adoption, look);
	struct want w;

	a->looking = false;
	for (size_t i = 0; i < a->n && !a->jobs->stopping; i++)
		if (record_want(a->found[i], &w) == 0)
			a->begin(a->jobs, &w);
	forget_found(a);
	if (a->again && !a->jobs->stopping)
		worker_post(a->jobs->worker, &a->ask);
}

/* Pool. */
static void add_found(void *arg, const char *text, size_t len)
{
	struct adoption *a = arg;

	if (a->n < FOUND_MAX && json_parse(text, len, &a->found[a->n]) == 0)
		a->n++;
}

/* Pool. */
static void look(struct task *task)
{
	struct adoption *a = container_of(task, struct adoption, look);

	cache_records(a->jobs->config.cache, add_found, a);
	a->look.fn = take_found;
	worker_post(a->jobs->worker, &a->look);
}

static void begin_look(struct adoption *a)
{
	a->again = a->looking;
	if (a->looking || a->jobs->stopping)
		return;
	a->looking = true;
	a->expects = false;
	worker_cancel(a->jobs->worker, &a->later);
	a->look.fn = look;
	pool_post(a->jobs->pool, &a->look);
}

static void asked(struct task *task)
{
	begin_look(container_of(task, struct adoption, ask));
}

static void later(struct task *task)
{
	begin_look(container_of(task, struct adoption, later));
}

static void back(struct task *task)
{
	struct adoption *a = container_of(task, struct adoption, back);

	if (a->expects)
		begin_look(a);
}

void adoption_expect(struct adoption *a)
{
	if (a->jobs->stopping)
		return;
	a->expects = true;
	worker_post_at(a->jobs->worker, &a->later, sys_now_ms() + AGAIN_MS);
}

/* Network thread. */
static void on_death(void *arg)
{
	struct adoption *a = arg;
	worker_post(a->jobs->worker, &a->ask);
}

/* Network thread. */
static void on_back(void *arg)
{
	struct adoption *a = arg;
	worker_post(a->jobs->worker, &a->back);
}

struct adoption *adoption_new(struct jobs *j, void (*begin)(struct jobs *j, const struct want *w))
{
	struct adoption *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->jobs = j;
	a->begin = begin;
	a->ask.fn = asked;
	a->later.fn = later;
	a->back.fn = back;
	return a;
}

void adoption_begin(struct adoption *a)
{
	client_on_death(a->jobs->config.client, on_death, a);
	client_on_back(a->jobs->config.client, BACK_EXPORTS, on_back, a);
	worker_post(a->jobs->worker, &a->ask);
}

void adoption_free(struct adoption *a)
{
	if (!a)
		return;
	forget_found(a);
	free(a);
}

/* --- one job --------------------------------------------------------------------------------- */

void export_recall(struct job *job)
{
	buf_clear(&job->asked.record);
	if (job->recipe.kind == JOB_EXPORT)
		(void)draft_recall(job->draft, &job->asked.record); /* mostly there is none */
}

bool export_resume(struct job *job)
{
	const struct buf *record = &job->asked.record;

	/* Who wants it anew has touched what the dead mount asked for. */
	int r = record->len && !job->full ? record_take(job, record->data, record->len) : -ENOENT;
	if (r < 0)
		return false;
	log_info("jobs", "%.*s: its export, begun before, is followed to its end", JOB_LOGGED(job));
	job->asked.recorded = job->asked.taken_up = true;
	job->facts.mtime_s = job->mtime_s;
	if (!job->asked.over) {
		job_take_slot(job);
		client_job_taken(job->jobs->config.client, true);
	}
	job_move(job, JOB_POLLING);
	return true;
}

/* Pool. What cannot be noted is nobody's when this mount dies. */
static void note(struct job *job)
{
	int r = draft_record(job->draft, job->asked.record.data, job->asked.record.len);

	job->asked.recorded = r == 0;
	if (r < 0)
		log_debug("jobs", "%.*s: its job is not noted: %s", JOB_LOGGED(job), strerror(-r));
}

void export_note(struct job *job, job_step *then)
{
	/* Of parts nothing is left that another mount could join. */
	job->asked.recorded = false;
	if (!job->split)
		record_text(job, &job->asked.record);
	if (job->split || buf_failed(&job->asked.record))
		then(job);
	else
		job_disk(job, note, then);
}

bool export_is_unwanted(const struct job *job)
{
	return job->asked.adopted && !job->wants;
}

void export_quit(struct job *job)
{
	call_clear(&job->call);
	fail_set(&job->fail, ECANCELED, "nobody waits for it");
	job_fail(job);
}

void export_forget(struct job *job)
{
	job->asked.recorded = job->asked.taken_up = job->asked.over = false;
}

/* Neither a network that is away nor a token that is refused ends it at the service, nor that it
 * has no answer for a while. A finished file that it does not give is better made anew. */
bool export_outlives(const struct job *job)
{
	int http = job->fail.http;
	bool lost = job->fail.unreachable || http == 401;
	bool busy = !job->asked.over && (http == 429 || http >= 500);

	return job->asked.recorded && (job->jobs->stopping || lost || busy);
}

int export_running(const struct jobs *j)
{
	struct client_view view;

	client_view(j->config.client, &view);
	return view.governor.jobs > j->running ? view.governor.jobs : j->running;
}
