/* append.c: the conditions under which only new responses are asked for, as a table, and their
 * publication. Whatever fails here costs a full export and nothing else. */
#include "append.h"

#include "job.h"
#include "lag.h"

#include <errno.h>
#include <string.h>

#include <qxfs/base/sys.h>

/* --- before the POST ------------------------------------------------------------------------- */

static bool grows(const struct append_case *c)
{
	return c->grows;
}

static bool all_not_wanted(const struct append_case *c)
{
	return !c->full;
}

static bool has_old(const struct append_case *c)
{
	return c->old != NULL;
}

static bool has_token(const struct append_case *c)
{
	return c->old->token[0] != '\0';
}

/* A moment that is yet to come says that a clock was set back. */
static bool is_within(int64_t then_s, int64_t now_s, int64_t most_s)
{
	return then_s > 0 && now_s >= then_s && now_s - then_s < most_s;
}

static bool token_lives(const struct append_case *c)
{
	return is_within(c->old->token_s, c->now_s, APPEND_TOKEN_S);
}

static bool full_is_recent(const struct append_case *c)
{
	return is_within(c->old->full_s, c->now_s, APPEND_FULL_S);
}

static bool same_questions(const struct append_case *c)
{
	return c->old->questions != 0 && c->old->questions == c->now->questions;
}

static bool counts_known(const struct append_case *c)
{
	for (int i = 0; i < FACTS_COUNTS; i++)
		if (c->old->counts[i] < 0 || c->now->counts[i] < 0)
			return false;
	return true;
}

/* A growing number of deleted ones is a fall, too: it may hide behind those that came. */
static bool no_count_fell(const struct append_case *c)
{
	const int64_t *old = c->old->counts, *now = c->now->counts;
	return now[AUDITABLE] >= old[AUDITABLE] && now[GENERATED] >= old[GENERATED] &&
	       now[DELETED] == old[DELETED];
}

static bool something_came(const struct append_case *c)
{
	return append_most(c->old, c->now) > 0;
}

/* In this order: each may rely on those before it. */
static const struct {
	bool (*holds)(const struct append_case *c);
	const char *otherwise;
} conditions[] = {
	{ grows, "a file of this form does not grow at its end" },
	{ all_not_wanted, "a full export is wanted" },
	{ has_old, "there is none yet" },
	{ has_token, "the last export gave no continuation token" },
	{ token_lives, "its continuation token is too old" },
	{ full_is_recent, "the last full export is a day old" },
	{ same_questions, "the survey has been edited" },
	{ counts_known, "the survey tells no counts" },
	{ no_count_fell, "responses were deleted" },
	{ something_came, "no count grew" },
};

const char *append_hindrance(const struct append_case *c)
{
	for (size_t i = 0; i < countof(conditions); i++)
		if (!conditions[i].holds(c))
			return conditions[i].otherwise;
	return NULL;
}

int64_t append_most(const struct gen_facts *old, const struct gen_facts *now)
{
	if (old->rows >= 0)
		return counted_responses(now->counts) - old->rows;
	return now->counts[AUDITABLE] - old->counts[AUDITABLE] + now->counts[GENERATED] -
	       old->counts[GENERATED];
}

void append_counts(const struct gen_facts *old, const struct gen_facts *now, int64_t rows,
                   int64_t ret[FACTS_COUNTS])
{
	int64_t came = now->counts[AUDITABLE] - old->counts[AUDITABLE];

	/* Only the sum matters: as long as it lags behind, the next look asks again. */
	if (came > rows)
		came = rows;
	ret[AUDITABLE] = old->counts[AUDITABLE] + came;
	ret[GENERATED] = old->counts[GENERATED] + rows - came;
	ret[DELETED] = now->counts[DELETED];
}

/* --- publication ----------------------------------------------------------------------------- */

static int append(struct job *job)
{
	struct cache *cache = job->jobs->config.cache;
	struct gen_facts facts = job->facts;
	struct append_found found;

	qx_auto_fd old = cache_open(cache, job->old);
	if (old < 0)
		return old;
	const struct append_files files = {
		.rows_as = job->recipe.rows,
		.old_fd = old,
		.old_length = job->old->length,
		.new_fd = draft_data_fd(job->draft),
		.new_length = job->unpacked.length,
		.most = append_most(&job->old->facts, &job->facts),
	};
	int r = append_judge(&files, &found, &job->disk_fail);
	if (r < 0)
		return r;
	if (job->old->facts.rows < 0)
		append_counts(&job->old->facts, &job->facts, found.rows, facts.counts);
	else
		facts.rows = job->old->facts.rows + found.rows;
	lag_note(&facts, &job->old->facts);
	facts.took_ms = sys_now_ms() - job->started_ms;
	facts.split = job->old->facts.split;
	return draft_append(job->draft, job->old, found.from, job->unpacked.length, &facts,
	                    &job->made);
}

void append_publish(struct job *job)
{
	fail_clear(&job->disk_fail);
	job->disk_err = append(job);
	if (job->disk_err < 0)
		return;
	draft_free(job->draft);
	job->draft = NULL;
}
