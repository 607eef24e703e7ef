/* job.c: one job: its states as a table, its three kinds of waiting, its beginning, its end. */
#include "job.h"
#include "recipe.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define ELSEWHERE_MS 250

#define TO(state) (1u << (state))

static const struct {
	const char *name, *phrase;
	unsigned next;
} job_rules[] = {
	[JOB_NEW] = { "new", "is about to start",
	              TO(JOB_ELSEWHERE) | TO(JOB_CHECKING) | TO(JOB_FETCHING) | TO(JOB_BASES) |
	                      TO(JOB_STARTING) | TO(JOB_POLLING) | TO(JOB_READY) | TO(JOB_FAILED) },
	[JOB_ELSEWHERE] = { "elsewhere", "waits for another fetch of it to end",
	                    TO(JOB_NEW) | TO(JOB_READY) | TO(JOB_FAILED) },
	[JOB_CHECKING] = { "checking", "is being checked for changes",
	                   TO(JOB_STARTING) | TO(JOB_READY) | TO(JOB_FAILED) },
	/* to itself: in another way */
	[JOB_STARTING] = { "starting", "waits for its turn at the service",
	                   TO(JOB_STARTING) | TO(JOB_POLLING) | TO(JOB_READY) | TO(JOB_FAILED) },
	[JOB_POLLING] = { "exporting", "is being prepared by the service",
	                  TO(JOB_POLLING) | TO(JOB_STARTING) | TO(JOB_FETCHING) | TO(JOB_READY) |
	                          TO(JOB_FAILED) },
	[JOB_FETCHING] = { "downloading", "is being downloaded",
	                   TO(JOB_FETCHING) | TO(JOB_STARTING) | TO(JOB_UNPACKING) |
	                           TO(JOB_PUBLISHING) | TO(JOB_READY) | TO(JOB_FAILED) },
	[JOB_BASES] = { "waiting", "waits for the files that it is made from",
	                TO(JOB_RENDERING) | TO(JOB_READY) | TO(JOB_FAILED) },
	[JOB_RENDERING] = { "rendering", "is being made from them",
	                    TO(JOB_PUBLISHING) | TO(JOB_FAILED) },
	[JOB_UNPACKING] = { "unpacking", "is being unpacked",
	                    TO(JOB_FETCHING) | TO(JOB_STARTING) | TO(JOB_PUBLISHING) |
	                            TO(JOB_FAILED) },
	[JOB_PUBLISHING] = { "publishing", "is being written to the cache",
	                     TO(JOB_STARTING) | TO(JOB_READY) | TO(JOB_FAILED) },
	[JOB_READY] = { "ready", "is ready", 0 },
	[JOB_FAILED] = { "failed", "has failed", 0 },
};
static_assert(countof(job_rules) == JOB_STATES_, "every state has its rule");

static void add_who(struct board_job *row, const struct want *w)
{
	int i = 0;

	row->waiters++;
	while (i < row->n_who &&
	       (row->who[i].uid != w->uid || strcmp(row->who[i].program, w->program) != 0))
		i++;
	if (i == BOARD_WHO)
		return;
	if (i == row->n_who) {
		row->n_who++;
		row->who[i].uid = w->uid;
		memcpy(row->who[i].program, w->program, sizeof(w->program));
	}
	row->who[i].count++;
}

void job_show(struct job *job)
{
	struct board_job row = {
		.state = job_rules[job->state].name,
		.phrase = job_rules[job->state].phrase,
		.percent = job->state == JOB_POLLING ? job->percent : -1,
		.started_s = job->facts.exported_s,
		.expected_s = job->expected_s,
	};
	split_show(job, &row);
	strncpy(row.subject, job->recipe.subject, sizeof(row.subject) - 1);
	for (const struct want *w = job->wants; w; w = w->next)
		if (!w->background)
			add_who(&row, w);
	board_show(job->jobs->board, job, &row);
}

void job_move(struct job *job, enum job_state state)
{
	if (!(job_rules[job->state].next & TO(state))) {
		log_error("jobs", "%.*s: no way from %s to %s", JOB_LOGGED(job),
		          job_rules[job->state].name, job_rules[state].name);
		return;
	}
	if (job->state != state)
		log_debug("jobs", "%.*s: %s -> %s after %lld ms", JOB_LOGGED(job),
		          job_rules[job->state].name, job_rules[state].name,
		          (long long)(sys_now_ms() - job->started_ms));
	job->state = state;
	job->moved_ms = sys_now_ms();
	job_show(job);
}

/* --- the three kinds of waiting -------------------------------------------------------------- */

void job_abandon(struct job *job)
{
	fail_set(&job->fail, ECANCELED, "the mount is being ended");
	if (job->following)
		follow_end(&job->follow, false);
	if (!job->call_live && !job->disk_live && !job->base_live)
		job_fail(job);
}

static void call_is_over(struct task *task)
{
	struct job *job = container_of(task, struct job, call_over);
	job->call_live = false;
	if (job->jobs->stopping) {
		if (job->call.ep == EP_EXPORT_START && !job->call.fail.err)
			job_take_slot(job); /* to be given back */
		call_clear(&job->call);
		job_abandon(job);
	} else {
		job->call_then(job);
	}
}

/* Network thread. */
static void on_call_done(struct call *call)
{
	struct job *job = call->arg;
	worker_post(job->jobs->worker, &job->call_over);
}

void call_prepare(struct job *job, enum endpoint ep)
{
	memset(&job->call, 0, sizeof(job->call));
	job->call.ep = ep;
	job->call.uid = job->uid;
	job->call.class = job->background ? CLASS_BACKGROUND : CLASS_PERSON;
	job->call.sink_fd = -1;
	job->call.arg = job;
	for (int i = 0; i < RECIPE_ARGS; i++)
		job->call.args[i] = job->recipe.args[i];
	job->call.expected_ms = job->old ? job->old->facts.took_ms : 0;
}

void job_call(struct job *job, job_step *then)
{
	job->call.on_done = on_call_done;
	job->call_over.fn = call_is_over;
	job->call_then = then;
	job->call_live = true;
	client_start(job->jobs->config.client, &job->call);
}

void job_take_call_fail(struct job *job)
{
	job->fail = job->call.fail;
	if (!job->fail.request_id[0])
		memcpy(job->fail.request_id, job->request_id, sizeof(job->request_id));
	call_clear(&job->call);
}

static void disk_is_over(struct task *task)
{
	struct job *job = container_of(task, struct job, disk_task);
	job->disk_live = false;
	if (job->jobs->stopping && job->state != JOB_READY && job->state != JOB_FAILED)
		job_abandon(job);
	else
		job->disk_then(job);
}

/* Pool. */
static void disk_run(struct task *task)
{
	struct job *job = container_of(task, struct job, disk_task);
	job->disk_fn(job);
	job->disk_task.fn = disk_is_over;
	worker_post(job->jobs->worker, &job->disk_task);
}

void job_disk(struct job *job, job_step *fn, job_step *then)
{
	job->disk_fn = fn;
	job->disk_then = then;
	job->disk_live = true;
	job->disk_task.fn = disk_run;
	pool_post(job->jobs->pool, &job->disk_task);
}

int job_room_for_data(void *arg, uint64_t upto)
{
	struct job *job = arg;
	return draft_reserve(job->draft, draft_data_fd(job->draft), upto);
}

static void timer_is_due(struct task *task)
{
	struct job *job = container_of(task, struct job, timer);
	if (job->jobs->stopping)
		job_abandon(job);
	else
		job->timer_then(job);
}

void job_later(struct job *job, int64_t ms, job_step *then)
{
	job->timer_then = then;
	job->timer.fn = timer_is_due;
	worker_post_at(job->jobs->worker, &job->timer, sys_now_ms() + ms);
}

/* --- the beginning of a job ------------------------------------------------------------------ */

static job_step *const kinds[JOB_KINDS_] = {
	[JOB_EXPORT] = export_begin,
	[JOB_DOCUMENT] = fetch_begin,
	[JOB_PAGES] = collect_begin,
	[JOB_DERIVED] = derive_begin,
};

/* Pool. Looks again each time: who had the key may have published since. */
static void make_draft(struct job *job)
{
	job->disk_err = cache_draft_new(job->jobs->config.cache, job->recipe.key, &job->draft);
	struct generation *now = cache_find(job->jobs->config.cache, job->recipe.key);
	generation_unref(job->old);
	job->old = now;
	if (job->disk_err == 0)
		export_recall(job);
}

static void try_again(struct job *job)
{
	job_move(job, JOB_NEW);
	job_begin(job);
}

static void draft_made(struct job *job)
{
	/* `old` is the pool's while it looks; people are told at any time. */
	job->expected_s = job->old ? (job->old->facts.took_ms + 999) / 1000 : 0;
	/* Somebody else had the key, and has published since. When he asked is not known. */
	bool newer = !job->full && job->waited && job->recipe.kind != JOB_DERIVED && job->old &&
	             job->old->checked_s >= job->facts.exported_s &&
	             !client_is_refused(job->jobs->config.client);

	if (newer) {
		job_succeed(job);
	} else if (job->disk_err == -EBUSY && export_is_unwanted(job)) {
		export_quit(job); /* its mount lives, or another one has it */
	} else if (job->disk_err == -EBUSY) {
		job->waited = true;
		job_move(job, JOB_ELSEWHERE);
		job_later(job, ELSEWHERE_MS, try_again);
	} else if (job->disk_err < 0) {
		fail_set(&job->fail, -job->disk_err, "no file can be made in the cache");
		fail_remedy(&job->fail, "Look at the disk that holds the cache.");
		job_fail(job);
	} else if (export_resume(job)) {
		export_poll(job);
	} else if (export_is_unwanted(job)) {
		export_quit(job);
	} else {
		kinds[job->recipe.kind](job);
	}
}

void job_begin(struct job *job)
{
	if (job->recipe.kind == JOB_LIVE) /* nothing of it is kept */
		live_begin(job);
	else
		job_disk(job, make_draft, draft_made);
}

/* --- the end of a job ------------------------------------------------------------------------ */

void job_take_slot(struct job *job)
{
	job->slot = true;
	job->jobs->running++;
}

void job_release_slot(struct job *job)
{
	if (!job->slot)
		return;
	job->slot = false;
	job->jobs->running--;
	client_job_over(job->jobs->config.client);
}

void job_free(struct job *job)
{
	generation_unref(job->old);
	generation_unref(job->made);
	for (int i = 0; i < RECIPE_BASES; i++)
		generation_unref(job->bases[i]);
	json_free(job->page);
	free(job->page_url);
	buf_done(&job->asked.body);
	buf_done(&job->asked.record);
	split_free(job->split);
	circle_done(&job->pages);
	spill_unref(job->answer);
	spill_unref(job->result);
	spill_unref(job->out);
	recipe_done(&job->recipe);
	free(job);
}

static void unlink_job(struct job *job)
{
	struct job **link = &job->jobs->live;
	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
}

void job_answer(struct job *job, const struct want_result *result)
{
	while (job->wants) {
		struct want *w = job->wants;
		job->wants = w->next;
		w->done(w, result);
	}
}

/* For logs and events, which name no people: the service's words may repeat what was asked for, so
 * where a subject may not be told whole they are not told either. */
static const char *words_of(const struct job *job)
{
	bool whole = recipe_logged(&job->recipe) == (int)strlen(job->recipe.subject);
	return whole && job->recipe.kind != JOB_LIVE ? job->fail.why
	                                             : strerrorname_np(job->fail.err);
}

static void log_failure(const struct job *job)
{
	const struct qx_fail *f = &job->fail;
	log_warn("jobs", "%.*s: %s (HTTP %d, %s, requestId %s)", JOB_LOGGED(job), words_of(job),
	         f->http, f->code, f->request_id);
}

static void tell_event(const struct job *job, enum event_kind kind, int times)
{
	struct event event = { .kind = kind, .times = times, .fail = job->fail };

	(void)snprintf(event.subject, sizeof(event.subject), "%.*s", JOB_LOGGED(job));
	if (job->fail.err)
		(void)snprintf(event.words, sizeof(event.words), "%s", words_of(job));
	else
		(void)snprintf(event.words, sizeof(event.words), "%s",
		               kind == EVENT_EXPORT_BEGUN ? "is being prepared by the service"
		                                          : "is on this disk");
	events_tell(job->jobs->config.events, &event);
}

static void tell_failure(const struct job *job, int times)
{
	tell_event(job, job->recipe.kind == JOB_EXPORT ? EVENT_EXPORT_FAILED : EVENT_FILE_FAILED,
	           times);
}

void job_tell_begun(const struct job *job)
{
	tell_event(job, EVENT_EXPORT_BEGUN, 1);
}

/* It is looked for again each minute, and nobody waits: that was told when it was left first. */
static bool is_left_in_silence(const struct job *job)
{
	return job->asked.left && export_is_unwanted(job);
}

/* The last step of every job: its draft and the key's lock are gone by now. */
static void settle(struct job *job)
{
	struct jobs *jobs = job->jobs;
	struct want_result result = { .fail = &job->fail };

	unlink_job(job);
	board_remove(jobs->board, job);
	if (job->state == JOB_READY) {
		fail_clear(&job->fail);
		result.gen = job->made ? job->made : job->old;
		result.kept = !job->made;
		result.stale = job->stale;
		result.live = job->out;
		result.live_length = job->out_length;
		board_settled(jobs->board, job->recipe.subject);
		if (job->made && job->recipe.kind == JOB_EXPORT)
			tell_event(job, EVENT_EXPORT_ENDED, 1);
	} else if (job->fail.err != ECANCELED && !is_left_in_silence(job)) {
		int times = board_failed(jobs->board, job->recipe.subject, &job->fail);
		log_failure(job);
		tell_failure(job, times);
	}
	if (job->asked.left)
		adoption_expect(jobs->adoption);
	job_answer(job, &result);
	job_free(job);
	jobs_check_idle(jobs);
}

static void drop_draft(struct job *job)
{
	if (job->asked.left)
		draft_keep_record(job->draft);
	draft_free(job->draft);
	job->draft = NULL;
}

/* What the service goes on with still counts, for whoever takes it up. */
static void leave_slot(struct job *job)
{
	if (!job->slot)
		return;
	job->slot = false;
	job->jobs->running--;
	client_job_left(job->jobs->config.client);
}

static void end(struct job *job, enum job_state state)
{
	job->asked.left = (state != JOB_READY || job->stale) && export_outlives(job);
	if (job->asked.left && !job->asked.over)
		leave_slot(job);
	else
		job_release_slot(job);
	job_move(job, state);
	if (job->draft)
		job_disk(job, drop_draft, settle);
	else
		settle(job);
}

void job_succeed(struct job *job)
{
	end(job, JOB_READY);
}

/* Pool. */
static void renew(struct job *job)
{
	/* not written: it is asked again a little sooner */
	(void)cache_renew(job->jobs->config.cache, job->old, job->asked.renewed_s);
}

void job_renew(struct job *job)
{
	bool unseen = job->background && job->looking;

	job->asked.renewed_s = unseen ? job->old->mtime_s : job->mtime_s;
	job_disk(job, renew, job_succeed);
}

static void fail_now(struct job *job)
{
	end(job, job->stale ? JOB_READY : JOB_FAILED);
}

void job_fail(struct job *job)
{
	job->stale = stale_judge(job);
	if (stale_ends_access(job))
		job_disk(job, stale_end_access, fail_now);
	else
		fail_now(job);
}

void job_fail_disk(struct job *job, const char *done)
{
	if (job->disk_fail.err) {
		job->fail = job->disk_fail;
	} else {
		fail_set(&job->fail, -job->disk_err, "%s cannot be %s: %s", job->recipe.subject,
		         done, strerror(-job->disk_err));
		fail_remedy(&job->fail, "Look at the disk that holds the cache.");
	}
	job_fail(job);
}
