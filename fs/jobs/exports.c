/* exports.c: the survey's responses: check, start, poll, fetch. Facts of the service: API.md 3.1.
 *
 * The counts that the generation remembers are read before the POST: an export may hold more than
 * they say, and it may lag behind them (lag.c). A job that vanishes is started once more. Nothing
 * is asked again for ever: a poll that shows no movement for job_timeout ends it. Of what grows
 * only the new responses are asked for, when append.c has nothing against it; whatever becomes of
 * that, all of them are asked for next. */
#include "append.h"
#include "job.h"
#include "survey.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#include "poll.h"
#include "recipe.h"

#define MISSING_MAX 3 /* a finished file may be late by seconds */
#define JOINED_BOUND_MS 25000

static void poll_later(struct job *job);

static void note_request(struct job *job)
{
	const char *id = json_str(job->call.answer, "meta.requestId");
	if (id)
		strncpy(job->request_id, id, sizeof(job->request_id) - 1);
}

/* An answer that is well-formed but does not say what it must. */
static void bad_answer(struct job *job, const char *what)
{
	call_clear(&job->call);
	fail_set(&job->fail, EIO, "the service's answer %s", what);
	fail_remedy(&job->fail, "Open it again to try anew; if it stays so, give the requestId to "
	                        "Qualtrics' support.");
	memcpy(job->fail.request_id, job->request_id, sizeof(job->request_id));
	job_fail(job);
}

/* --- before: is there something newer, and has anything changed? ------------------------------ */

/* What is asked for: of what grows, only what is new, if it can be appended. */
static void decide(struct job *job)
{
	const struct append_case c = {
		.grows = job->recipe.grows,
		.full = job->full || job->jobs->config.refresh == REFRESH_FULL,
		.old = job->old ? &job->old->facts : NULL,
		.now = &job->facts,
		.now_s = sys_wall_s(),
	};
	if (!job->recipe.grows || job->jobs->config.refresh == REFRESH_FULL)
		return;
	const char *why = append_hindrance(&c);
	log_debug("jobs", "%.*s: %s", JOB_LOGGED(job), why ? why : "only what is new");
	job->asked.what = why ? ASKS_ALL_AND_TOKEN : ASKS_NEW;
}

static void begin(struct job *job)
{
	if (job->asked.what != ASKS_NEW)
		split_recall(job);
	export_start(job);
}

/* Pool: what was found is told for all files of the survey, which writes small ones. */
static void read_survey(struct job *job)
{
	struct survey_seen seen;

	survey_read(job->call.answer, &seen);
	survey_note(&seen, &job->facts);
	job->columns = seen.columns;
	job->unchanged = job->old && survey_is_as_in(&job->old->facts, &seen);
	seen.id = job->recipe.args[0];
	seen.on_pool = true;
	if (job->jobs->config.seen)
		job->jobs->config.seen(job->jobs->config.arg, &seen);
}

static void survey_is_read(struct job *job)
{
	bool takes_word = job->jobs->config.refresh != REFRESH_FULL;

	call_clear(&job->call);
	job->unchanged = job->unchanged && !job->full && (takes_word || job->background);
	if (job->unchanged)
		job->asked_ms = 1; /* it ends with what was asked for long ago */
	if (job->unchanged && takes_word) {
		job_renew(job);
	} else if (job->unchanged) {
		job_succeed(job); /* nobody waits for it: the next open exports it */
	} else {
		decide(job);
		begin(job);
	}
}

static void checked(struct job *job)
{
	if (job->call.fail.err) {
		job_take_call_fail(job);
		job_fail(job);
		return;
	}
	note_request(job);
	job_disk(job, read_survey, survey_is_read);
}

static void check(struct job *job)
{
	job_move(job, JOB_CHECKING);
	call_prepare(job, EP_SURVEY);
	job->call.bound_ms = job_bound_ms(job);
	job_call(job, checked);
}

void export_begin(struct job *job)
{
	if (job->recipe.check == JOB_CHECK_NONE)
		begin(job);
	else
		check(job);
}

/* --- the job at the service ------------------------------------------------------------------- */

/* Ids go into paths: nothing but what the service is known to make. */
static bool take_id(char *out, size_t size, const char *id)
{
	if (!id || strlen(id) >= size || !id_is_sound(id))
		return false;
	memcpy(out, id, strlen(id) + 1);
	return true;
}

/* A POST in a way that the service does not take: a token that is too old, for instance. Not when
 * the account is the matter, or the network. */
static bool other_way(struct job *job)
{
	int http = job->call.fail.http;

	if (job->asked.what == ASKS_NEW && http >= 400 && http != 401 && http != 403 &&
	    http != 429) {
		export_all(job, "the service does not take the continuation token");
		return true;
	}
	if (http == 400 && split_without_dates(job))
		return true;
	if (job->asked.what == ASKS_ALL_AND_TOKEN && http == 400) {
		log_info("jobs", "%.*s: asked for without a continuation token", JOB_LOGGED(job));
		call_clear(&job->call);
		job->asked.what = ASKS_ALL;
		if (job->split)
			split_without_token(job);
		export_start(job);
		return true;
	}
	return false;
}

static void started(struct job *job)
{
	if (job->call.fail.err && other_way(job))
		return;
	if (job->call.fail.err) {
		job_take_call_fail(job);
		job_fail(job);
		return;
	}
	job_take_slot(job);
	note_request(job);
	if (!take_id(job->progress_id, sizeof(job->progress_id),
	             json_str(job->call.answer, "result.progressId"))) {
		bad_answer(job, "to the export's start names no job");
		return;
	}
	call_clear(&job->call);
	job->posted_ms = sys_now_ms();
	job->percent = -1;
	job_move(job, JOB_POLLING);
	job_tell_begun(job);
	export_note(job, poll_later);
}

/* The recipe's JSON, and how it continues. NULL: no memory. */
static const char *make_body(struct job *job)
{
	const char *body = job->recipe.body;

	if (job->split)
		return split_body(job);
	if (job->asked.what == ASKS_ALL)
		return body;
	buf_clear(&job->asked.body);
	buf_add(&job->asked.body, body, strlen(body) - 1); /* without its } */
	if (job->asked.what == ASKS_NEW) {
		buf_add_str(&job->asked.body, ",\"continuationToken\":");
		buf_add_json(&job->asked.body, job->old->facts.token);
	} else {
		buf_add_str(&job->asked.body, ",\"allowContinuation\":true");
	}
	buf_add_str(&job->asked.body, "}");
	if (!buf_failed(&job->asked.body))
		return buf_text(&job->asked.body);
	job->asked.what = ASKS_ALL;
	return body;
}

void export_start(struct job *job)
{
	job_move(job, JOB_STARTING);
	call_prepare(job, EP_EXPORT_START);
	job->call.body = make_body(job);
	if (!job->call.body) {
		fail_set(&job->fail, ENOMEM, "out of memory");
		job_fail(job);
		return;
	}
	export_forget(job); /* another one takes its place */
	/* Of parts, the first one's moments are those of all. */
	if (!job->split || !job->asked_ms)
		job->asked_ms = sys_now_ms();
	job->facts.token[0] = '\0';
	job->facts.token_s = sys_wall_s();
	if (!job->split || !job->facts.full_s)
		job->facts.full_s =
			job->asked.what == ASKS_NEW ? job->old->facts.full_s : job->facts.token_s;
	job_call(job, started);
}

/* Pool. */
static void empty_draft(struct job *job)
{
	job->disk_err = draft_rewind(job->draft, true);
}

static void emptied(struct job *job)
{
	if (job->disk_err < 0) {
		fail_set(&job->fail, -job->disk_err, "the cache's disk fails");
		job_fail(job);
		return;
	}
	begin(job);
}

void export_all(struct job *job, const char *why)
{
	if (export_is_unwanted(job)) {
		export_quit(job);
		return;
	}
	log_info("jobs", "%.*s: %s; exported in full", JOB_LOGGED(job), why);
	job_release_slot(job);
	export_forget(job);
	call_clear(&job->call);
	job->asked.what = ASKS_ALL_AND_TOKEN;
	job->missing = job->damages = 0;
	job_disk(job, empty_draft, emptied);
}

/* The service has forgotten the job, or its file: once more, then it is an error. */
static void start_over(struct job *job, const char *what)
{
	if (export_is_unwanted(job)) {
		export_quit(job);
		return;
	}
	if (job->asked.what == ASKS_NEW) {
		export_all(job, what);
		return;
	}
	job_release_slot(job);
	if (job->restarts++ == 0) {
		log_warn("jobs", "%s: %s; started once more", job->recipe.subject, what);
		call_clear(&job->call);
		job->missing = 0;
		export_start(job);
		return;
	}
	char request_id[sizeof(job->request_id)];
	memcpy(request_id, job->call.fail.request_id, sizeof(request_id));
	if (request_id[0])
		memcpy(job->request_id, request_id, sizeof(request_id));
	int http = job->call.fail.http;
	call_clear(&job->call);
	fail_set(&job->fail, EIO, "%s, twice", what);
	fail_remedy(&job->fail,
	            "Open it again later; if it stays so, give the requestId to Qualtrics' "
	            "support.");
	memcpy(job->fail.request_id, job->request_id, sizeof(job->request_id));
	job->fail.http = http;
	job_fail(job);
}

static void export_failed(struct job *job)
{
	if (job->asked.what == ASKS_NEW) {
		export_all(job, "the service could not export what is new");
		return;
	}
	if (export_is_unwanted(job)) { /* in parts it would take hours, for nobody */
		export_quit(job);
		return;
	}
	if (split_instead(job))
		return;
	const char *said = json_str(job->call.answer, "meta.error.errorMessage");
	const char *code = json_str(job->call.answer, "meta.error.errorCode");
	char why[200];

	snprintf(why, sizeof(why), "%s", said ? said : "");
	for (char *c = why; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	fail_set(&job->fail, EIO, "the service could not finish the export%s%s", why[0] ? ": " : "",
	         why);
	fail_remedy(&job->fail,
	            "Open it again to try anew; if it stays so, give the requestId to Qualtrics' "
	            "support.");
	if (code && id_is_sound(code))
		strncpy(job->fail.code, code, sizeof(job->fail.code) - 1);
	memcpy(job->fail.request_id, job->request_id, sizeof(job->request_id));
	job->fail.http = 200;
	call_clear(&job->call);
	job_fail(job);
}

/* Still running: has it moved, and how long may it stand still? */
static void still_running(struct job *job, double percent)
{
	if (percent > job->percent) {
		job->percent = percent;
		job_move(job, JOB_POLLING);
	}
	if (sys_now_ms() - job->moved_ms <= job->jobs->config.job_timeout_ms) {
		poll_later(job);
		return;
	}
	fail_set(&job->fail, EIO, "the service has not moved this export for %lld s",
	         (long long)job->jobs->config.job_timeout_ms / 1000);
	fail_remedy(&job->fail, "Open it again to try anew; if it stays so, give the requestId to "
	                        "Qualtrics' support.");
	memcpy(job->fail.request_id, job->request_id, sizeof(job->request_id));
	job_fail(job);
}

/* Of what grows; without one the next export is a full one. */
static void take_token(struct job *job)
{
	const char *token = json_str(job->call.answer, "result.continuationToken");

	if (job->asked.what != ASKS_ALL && token && strlen(token) < sizeof(job->facts.token))
		memcpy(job->facts.token, token, strlen(token) + 1);
}

static void over_is_noted(struct job *job)
{
	job_release_slot(job);
	fetch_begin(job);
}

/* Before its slot is free: who follows us may not take one for it. */
static void note_over(struct job *job)
{
	bool news = job->asked.recorded && !job->asked.over;

	job->asked.over = true;
	if (news)
		export_note(job, over_is_noted);
	else
		over_is_noted(job);
}

/* What was left, perhaps for want of a network, is asked about for a moment only, unless somebody
 * waits who has nothing else. 0: as long as anything. */
static int64_t poll_bound_ms(const struct job *job)
{
	bool moment = job->asked.taken_up && (export_is_unwanted(job) || job_bound_ms(job) > 0);
	return moment ? jobs_stale_bound_ms(job->jobs) : 0;
}

static void poll(struct job *job, int64_t bound_ms);

/* Somebody has come to wait for it since: with that moment it is no longer than anything. */
static bool poll_longer(struct job *job)
{
	int64_t bound_ms = job->call.bound_ms;

	if (!job->call.fail.unreachable || !bound_ms || bound_ms == JOINED_BOUND_MS ||
	    poll_bound_ms(job))
		return false;
	call_clear(&job->call);
	poll(job, JOINED_BOUND_MS);
	return true;
}

static void polled(struct job *job)
{
	if (job->call.fail.http == 404) {
		start_over(job, "the service has forgotten the export's job");
		return;
	}
	if (poll_longer(job))
		return;
	if (job->call.fail.err) {
		job_take_call_fail(job);
		job_fail(job);
		return;
	}
	job->asked.taken_up = false;
	note_request(job);
	const char *status = json_str(job->call.answer, "result.status");
	const char *file = json_str(job->call.answer, "result.fileId");
	double percent = 0;
	/* Only a hint. */
	(void)json_double(job->call.answer, "result.percentComplete", &percent);
	percent = fmin(percent, 100);

	if (status && strcmp(status, "failed") == 0) {
		export_failed(job);
	} else if (status && strcmp(status, "complete") == 0) {
		if (!take_id(job->file_id, sizeof(job->file_id), file)) {
			bad_answer(job, "says that the export is complete, but names no file");
			return;
		}
		if (split_ends(job))
			return;
		take_token(job);
		call_clear(&job->call);
		job->facts.polled_ms = sys_now_ms() - job->posted_ms;
		note_over(job);
	} else {
		call_clear(&job->call);
		still_running(job, percent);
	}
}

static void poll(struct job *job, int64_t bound_ms)
{
	call_prepare(job, EP_EXPORT_PROGRESS);
	job->call.args[1] = job->progress_id;
	job->call.bound_ms = bound_ms;
	job_call(job, polled);
}

void export_poll(struct job *job)
{
	poll(job, poll_bound_ms(job));
}

/* How long the last one took that asked for as much: what is new comes in a moment, all of it does
 * not. 0: not known. */
static int64_t prior_ms(const struct job *job)
{
	if (!job->old || job->split)
		return 0;
	const struct gen_facts *last = &job->old->facts;
	bool was_new = last->full_s && last->full_s < last->exported_s;
	return was_new == (job->asked.what == ASKS_NEW) ? last->polled_ms : 0;
}

static void poll_later(struct job *job)
{
	const struct poll_state state = {
		.elapsed_ms = sys_now_ms() - job->posted_ms,
		.prior_ms = prior_ms(job),
		.percent = job->percent,
		.running = export_running(job->jobs),
		.polls_per_minute = job->jobs->config.polls_per_minute,
	};
	job_later(job, poll_interval_ms(&state), export_poll);
}

void export_file_missing(struct job *job)
{
	if (++job->missing < MISSING_MAX) {
		call_clear(&job->call);
		job_later(job, 1000 * job->missing, fetch_begin);
		return;
	}
	start_over(job, "the service does not find the finished export's file");
}
