/* split.c: an export that is too large for the service, in parts.
 *
 *   the whole ──fails──► ONE response of it ──fails──► it is not the size: the job fails as ever
 *                             │ can be had: it is the size
 *                             ▼
 *   known to be too large ► DATES of all responses ──► cuts ──► PART 1 ─► PART 2 … the last PART
 *                                                       ▲         │ fails             │ joined
 *                                                       └─────────┘ divided           ▼ published
 *
 * WHY ONE RESPONSE: a failed job tells no reason (API.md 3.1), and a survey that the service cannot
 * export today must not cost thirty jobs. One response with the same parameters tells whether it is
 * the amount, for seconds beside the minutes of a large export. What cannot be so large, by
 * responses × columns, is not even asked about.
 *
 * WHY DATES: an export of nothing but the recorded dates, 22 bytes for each response, tells how
 * many there are and when, so that parts are of equally many responses, and the number is known
 * that must be in the file. (If it cannot be had or read, time is halved.) Halving time alone would
 * fail ten times before it met the two months in which all the answers came.
 *
 * WINDOWS are of the recorded date, half-open: startDate is inclusive, endDate exclusive (API.md
 * 3.2), in whole seconds. It is the documentation's word only, so each start is asked for a second
 * early, and a row whose ResponseId is there already is left out: whichever end belongs to a
 * window, a row at its boundary comes once. The same holds if the service compares the start date
 * instead; the rows then stand in the order of the windows. Parameters without a ResponseId column
 * are not divided. The first window has no start and the last no end (or the folder's own, as in
 * dates/): what arrives meanwhile lies in the last one, which is asked for last, so no clock of
 * ours decides. A single second that fails twice (with the one before it) is EFBIG. A part that
 * fails is divided, whatever made it fail: one more job costs less than the whole again.
 *
 * COUNTED: as many rows as there were dates must be in the file, less what was deleted since; else
 * it is EIO, not a file that lacks rows. (Not with a filter: an edit may take a response out of
 * it.) The survey is read again before the last part's POST, and the counts that came since are
 * kept, as those before an export's POST are; but the first reading's deleted ones, date and
 * questions: so the next check sees what was edited or deleted between the parts, and exports it
 * anew. Headings that differ begin it anew at once, the second time it is EIO.
 *
 * REMEMBERED in the generation's facts: the cuts. The next full export of it begins with these, and
 * so does what has grown beyond split_at= by appending. Neighbours that one job can bring are
 * remembered as one. Facts say when the whole failed: if it was small enough, it is tried again a
 * week later. What ends before it is published (a crash, too) is remembered nowhere: it begins
 * anew. The last part asks for a continuation token, so what is joined can be appended to. */
#include "split.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#include "append.h"
#include "recipe.h"
#include "survey.h"

static bool is_cancelled(void *arg)
{
	const struct job *job = arg;
	return job->jobs->stopping;
}

static struct split *split_new(struct job *job)
{
	struct split *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->no_join = plan_read(job->recipe.body, &s->plan);
	if (job->recipe.rows == ROWS_NONE)
		s->no_join = "Parts of JSON, XML and SPSS cannot be joined: open responses.csv or "
			     "responses.ndjson, or spans of this one in dates/.";
	s->token = job->asked.what == ASKS_ALL_AND_TOKEN;
	s->failed_s = sys_wall_s();
	s->text = (struct split_text){
		.rows_as = job->recipe.rows,
		.out = { .fd = draft_data_fd(job->draft),
		         .max_bytes = cache_max_export(job->jobs->config.cache),
		         .too_large = "its parts together are",
		         .room = job_room_for_data,
		         .arg = job },
		.cancelled = is_cancelled,
		.arg = job,
		.ids.cache = job->jobs->config.cache,
	};
	return s;
}

void split_free(struct split *s)
{
	if (!s)
		return;
	split_text_clear(&s->text);
	spill_unref(s->part);
	free(s);
}

/* --- is it the size? ------------------------------------------------------------------------- */

void split_recall(struct job *job)
{
	const struct generation *old = job->old;
	uint64_t most = job->jobs->config.split_at;

	if (!old || job->recipe.rows == ROWS_NONE || job->split)
		return;
	const struct facts_split *facts = &old->facts.split;
	if (!plan_is_known(facts, old->length, most, sys_wall_s()))
		return;
	struct split *s = split_new(job);
	if (!s || s->no_join) {
		split_free(s);
		return;
	}
	plan_recall(&s->plan, facts->cuts, facts->n);
	s->asks = PLAN_DATES;
	s->recalled = true;
	if (facts->n > 0)
		s->failed_s = facts->failed_s;
	job->split = s;
	job->asked_ms = 0;
	job->facts.full_s = 0;
}

static bool may_be_size(const struct job *job)
{
	const int64_t *counts = job->facts.counts;
	bool known = counts[AUDITABLE] >= 0 && counts[GENERATED] >= 0;

	return plan_may_be_size(known ? counts[AUDITABLE] + counts[GENERATED] : -1, job->columns,
	                        job->old ? job->old->length : 0, job->jobs->config.split_at);
}

void split_ask_for(struct job *job, enum plan_asks asks)
{
	job->split->asks = asks;
	job->restarts = job->missing = job->damages = 0;
	export_start(job);
}

static void too_large(struct job *job, const char *why, const char *remedy)
{
	fail_set(&job->fail, EFBIG, "%s", why);
	fail_remedy(&job->fail, "%s", remedy);
	memcpy(job->fail.request_id, job->request_id, sizeof(job->request_id));
	job_fail(job);
}

bool split_ends(struct job *job)
{
	const struct split *s = job->split;

	if (!s || s->asks != PLAN_ONE)
		return false;
	job_release_slot(job);
	call_clear(&job->call);
	if (s->no_join)
		too_large(job,
		          "it is more than the service exports at once, though one response is not",
		          s->no_join);
	else
		split_ask_for(job, PLAN_DATES);
	return true;
}

void split_divide(struct job *job, int parts)
{
	struct split *s = job->split;
	char when[21], why[160];

	int r = plan_cut(&s->plan, &s->dates, sys_wall_s(), parts);
	if (r == 0) {
		log_info("jobs", "%.*s: too large for the service, in %d parts from here on",
		         JOB_LOGGED(job), s->plan.n - s->plan.at + 1);
		split_ask_for_part(job);
		return;
	}
	if (r == -EDOM && !s->again) {
		s->again = true; /* perhaps it was not the size */
		split_ask_for_part(job);
		return;
	}
	if (r == -EDOM)
		(void)snprintf(why, sizeof(why),
		               "the responses recorded in one second, %s, are more than the "
		               "service exports at once",
		               sys_format_time(plan_window(&s->plan).from_s, when));
	else
		(void)snprintf(why, sizeof(why), "it would take more than %d parts", FACTS_CUTS);
	too_large(job, why,
	          "Ask for fewer columns at once, as with/questionIds=QID1+QID2/, or leave that "
	          "moment out with two spans in dates/.");
}

/* By time, and nothing is known of how many there must be. */
bool split_without_dates(struct job *job)
{
	struct split *s = job->split;

	if (!s || s->asks != PLAN_DATES)
		return false;
	log_info("jobs", "%.*s: its dates cannot be had", JOB_LOGGED(job));
	job_release_slot(job);
	call_clear(&job->call);
	s->dates = (struct split_dates){ .rows = -1 };
	if (s->plan.n > 0)
		split_ask_for_part(job);
	else
		split_divide(job, 2);
	return true;
}

bool split_instead(struct job *job)
{
	if (split_without_dates(job))
		return true;
	if (job->split ? job->split->asks == PLAN_ONE : !may_be_size(job))
		return false;
	bool part = job->split != NULL;
	if (!part)
		job->split = split_new(job);
	if (!job->split)
		return false;
	job_release_slot(job);
	job->asked.recorded = false; /* of what has failed nobody follows anything */
	call_clear(&job->call);
	log_info("jobs", "%.*s: the service could not export %s", JOB_LOGGED(job),
	         part ? "a part of it; that is divided" : "it; is it the size?");
	if (part)
		split_divide(job, 2);
	else
		split_ask_for(job, PLAN_ONE);
	return true;
}

/* --- what is asked for ----------------------------------------------------------------------- */

const char *split_body(struct job *job)
{
	struct split *s = job->split;
	bool token = s->asks == PLAN_ALL && s->token && plan_is_last(&s->plan);

	job->asked.what = token ? ASKS_ALL_AND_TOKEN : ASKS_ALL;
	buf_clear(&job->asked.body);
	plan_body(&s->plan, job->recipe.body, token ? PLAN_ALL_AND_TOKEN : s->asks,
	          &job->asked.body);
	return buf_failed(&job->asked.body) ? NULL : buf_text(&job->asked.body);
}

enum text_rows split_rows_as(const struct job *job)
{
	return job->split->asks == PLAN_DATES ? ROWS_CSV : job->recipe.rows;
}

void split_without_token(struct job *job)
{
	job->split->token = false;
}

bool split_count(struct job *job, struct survey_seen *ret)
{
	if (job->call.fail.err) {
		job_take_call_fail(job);
		job_fail(job);
		return false;
	}
	survey_read(job->call.answer, ret);
	call_clear(&job->call); /* its texts are gone: only numbers are of use */
	job->split->deleted = ret->counts[DELETED] - job->facts.counts[DELETED];
	return true;
}

/* What came since is taken over at the end, if it is there; see settle_counts. */
static void counted(struct job *job)
{
	struct survey_seen seen;

	if (!split_count(job, &seen))
		return;
	memcpy(job->split->after, seen.counts, sizeof(job->split->after));
	job->split->counted = true;
	split_ask_for(job, PLAN_ALL);
}

void split_ask_for_part(struct job *job)
{
	struct split *s = job->split;

	if (plan_is_last(&s->plan) && !s->counted && job->recipe.check == JOB_CHECK_COUNTS) {
		call_prepare(job, EP_SURVEY);
		job_call(job, counted);
	} else {
		split_ask_for(job, PLAN_ALL);
	}
}
