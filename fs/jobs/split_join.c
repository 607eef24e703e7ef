/* split_join.c: what came of a part goes behind the others; see split.c. */
#include "append.h"
#include "split.h"

#include <errno.h>
#include <string.h>

#include <qxfs/base/log.h>

#include "recipe.h"

/* --- what came ------------------------------------------------------------------------------- */

int split_part_fd(struct job *job)
{
	int r = job->split->part ? 0 : spill_new(job->jobs->config.cache, &job->split->part);
	return r < 0 ? r : spill_fd(job->split->part);
}

int split_part_room(void *arg, uint64_t upto)
{
	const struct job *job = arg;
	return spill_reserve(job->split->part, upto);
}

/* The part's room is given back: the file grows by as much. */
static void drop_part(struct job *job)
{
	spill_unref(job->split->part);
	job->split->part = NULL;
	int r = draft_rewind(job->draft, false);
	if (job->disk_err == 0 && r < 0)
		job->disk_err =
			fail_set(&job->disk_fail, -r, "the cache's disk fails: %s", strerror(-r));
}

/* Pool. */
static void read_dates(struct job *job)
{
	struct split *s = job->split;

	fail_clear(&job->disk_fail);
	job->disk_err = split_read_dates(&s->text, spill_fd(s->part), job->unpacked.length,
	                                 &s->dates, &job->disk_fail);
	drop_part(job);
}

/* Pool. */
static void add_part(struct job *job)
{
	struct split *s = job->split;

	fail_clear(&job->disk_fail);
	job->disk_err =
		split_add(&s->text, spill_fd(s->part), job->unpacked.length, &job->disk_fail);
	drop_part(job);
}

static void has_dates(struct job *job)
{
	struct split *s = job->split;

	if (job->disk_err == 0 && s->dates.rows == 0 && !s->recalled)
		job->disk_err = fail_set(&job->disk_fail, EIO,
		                         "the service could not finish an export of no response");
	if (job->disk_err == -EBADMSG)
		(void)split_without_dates(job);
	else if (job->disk_err < 0)
		fetch_fail(job);
	else if (s->plan.n > 0) /* recalled, or it begins anew */
		split_ask_for_part(job);
	else
		split_divide(job, plan_parts(job->old ? job->old->length : 0,
		                             job->jobs->config.split_at));
}

/* --- the end --------------------------------------------------------------------------------- */

/* How many must be there: -1: nobody knows. */
static int64_t rows_at_least(const struct job *job)
{
	const struct split *s = job->split;
	bool known = s->counted && s->deleted >= 0 && s->dates.rows >= 0;
	return known ? s->dates.rows - s->deleted : -1;
}

/* The counts that the file is said to have: never more than it holds, or the next look would find
 * nothing changed. A response that came meanwhile with a date of a part that was there already is
 * counted by the service, and not in the file. */
static void settle_counts(struct job *job)
{
	const struct split *s = job->split;
	int64_t *counts = job->facts.counts;
	int64_t told =
		s->after[AUDITABLE] + s->after[GENERATED] - counts[AUDITABLE] - counts[GENERATED];
	int64_t came = s->text.rows - rows_at_least(job);

	if (!s->counted || rows_at_least(job) < 0 || came < told)
		return;
	counts[AUDITABLE] = s->after[AUDITABLE];
	counts[GENERATED] = s->after[GENERATED];
}

static void finish(struct job *job);

/* What was deleted since the last part's POST counts, too. */
static void looked_again(struct job *job)
{
	struct survey_seen seen;

	if (split_count(job, &seen))
		finish(job);
}

static void finish(struct job *job)
{
	struct split *s = job->split;
	bool lacks = s->text.rows < rows_at_least(job);

	if (lacks && !s->looked) {
		s->looked = true;
		call_prepare(job, EP_SURVEY);
		job_call(job, looked_again);
		return;
	}
	if (lacks) {
		fail_set(&job->fail, EIO,
		         "the service told the dates of %lld responses, but its parts have only "
		         "%lld",
		         (long long)s->dates.rows, (long long)s->text.rows);
		fail_remedy(&job->fail,
		            "Nothing incomplete was kept. Open it again to try anew; if it stays "
		            "so, read spans of it in dates/.");
		job_fail(job);
		return;
	}
	settle_counts(job);
	job->unpacked = (struct unpacked){ .length = s->text.out.length,
		                           .crc = s->text.out.crc,
		                           .rows = s->text.rows };
	plan_settle(&s->plan, s->bytes, s->most);
	job->facts.split = (struct facts_split){
		.n = s->plan.n,
		.failed_s = s->failed_s,
		.part_bytes = s->most,
	};
	memcpy(job->facts.split.cuts, s->plan.cuts, sizeof(s->plan.cuts));
	fetch_publish(job);
}

static void go_on(struct job *job)
{
	struct split *s = job->split;

	s->again = false;
	if (job->unpacked.length > s->most)
		s->most = job->unpacked.length;
	s->bytes[s->plan.at] = s->text.out.length - s->joined;
	s->joined = s->text.out.length;
	if (plan_is_last(&s->plan)) {
		finish(job);
		return;
	}
	s->plan.at++;
	split_ask_for_part(job);
}

/* Pool. */
static void empty(struct job *job)
{
	split_text_clear(&job->split->text);
	int r = draft_rewind(job->draft, true);
	job->disk_err = r < 0 ? fail_set(&job->disk_fail, -r, "the cache's disk fails") : 0;
}

static void emptied(struct job *job)
{
	struct split *s = job->split;

	if (job->disk_err < 0) {
		fetch_fail(job);
		return;
	}
	s->plan.at = 0;
	s->joined = s->most = 0;
	s->counted = s->looked = false;
	split_ask_for(job, PLAN_DATES);
}

static void added(struct job *job)
{
	if (job->disk_err == 0) {
		go_on(job);
	} else if (job->disk_err == -ESTALE && !job->split->anew) {
		log_info("jobs", "%.*s: %s; it begins anew", JOB_LOGGED(job), job->disk_fail.why);
		job->split->anew = true;
		job_disk(job, empty, emptied);
	} else {
		fetch_fail(job);
	}
}

bool split_is_damaged(struct job *job)
{
	if (!job->split || job->split->asks != PLAN_DATES)
		return false;
	job_disk(job, drop_part, has_dates);
	return true;
}

void split_fetched(struct job *job)
{
	if (job->state != JOB_UNPACKING)
		job_move(job, JOB_UNPACKING);
	if (job->split->asks == PLAN_DATES)
		job_disk(job, read_dates, has_dates);
	else
		job_disk(job, add_part, added);
}

/* --- for people ------------------------------------------------------------------------------ */

void split_show(const struct job *job, struct board_job *row)
{
	const struct split *s = job->split;

	if (!s || s->plan.n == 0)
		return;
	bool polls = job->state == JOB_POLLING && s->asks == PLAN_ALL && job->percent > 0;
	double part = job->state == JOB_PUBLISHING ? 100 : polls ? job->percent : 0;
	row->parts = s->plan.n + 1;
	row->part = s->plan.at + 1;
	row->percent = (100.0 * s->plan.at + part) / row->parts;
}
