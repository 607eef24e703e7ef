/* record.c: an export's job as a text: JSON, in our own words, of one version.
 *
 * Whoever reads it trusts nothing of it but that its writer was a qxfs of this user: what does not
 * fit the recipe of the file that is wanted is not this file's. */
#include "record.h"

#include "job.h"
#include "recipe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/json.h>
#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define RECORD_VERSION 1

static const char *const asks_words[] = {
	[ASKS_ALL] = "all",
	[ASKS_ALL_AND_TOKEN] = "all and token",
	[ASKS_NEW] = "new",
};

/* --- to text --------------------------------------------------------------------------------- */

static void add_text(struct buf *out, const char *name, const char *text)
{
	if (text)
		buf_add_member(out, name, text);
}

static void add_int(struct buf *out, const char *name, int64_t n)
{
	buf_addf(out, ",\n\"%s\":%" PRId64, name, n);
}

static void add_recipe(struct buf *out, const struct recipe *r)
{
	add_text(out, "key", r->key);
	add_text(out, "subject", r->subject);
	add_text(out, "survey", r->args[0]);
	add_text(out, "body", r->body);
	add_int(out, "logged", r->logged);
	add_int(out, "check", r->check);
	add_int(out, "rows", r->rows);
	add_int(out, "whole", r->whole);
	add_int(out, "grows", r->grows);
	add_int(out, "utf16", r->utf16);
	add_int(out, "bom", r->bom);
	if (r->has_span) {
		add_int(out, "from_s", r->from_s);
		add_int(out, "to_s", r->to_s);
	}
}

void record_text(const struct job *job, struct buf *out)
{
	char old[GENERATION_NAME] = "";

	if (job->old)
		generation_name(job->old, old);
	buf_clear(out);
	buf_addf(out, "{\"version\":%d", RECORD_VERSION);
	add_recipe(out, &job->recipe);
	gen_facts_add(&job->facts, out);
	add_text(out, "progress", job->progress_id);
	add_text(out, "asks", asks_words[job->asked.what]);
	add_text(out, "old", old);
	add_int(out, "over", job->asked.over);
	add_int(out, "posted_s", sys_wall_s() - (sys_now_ms() - job->posted_ms) / 1000);
	add_int(out, "uid", job->uid);
	buf_add_str(out, "}\n");
}

/* --- from text ------------------------------------------------------------------------------- */

static int64_t int_or(const struct json *j, const char *name, int64_t otherwise)
{
	int64_t n;
	return json_int(j, name, &n) ? n : otherwise;
}

static bool is_version(const struct json *j)
{
	int64_t version;
	return json_int(j, "version", &version) && version == RECORD_VERSION;
}

static bool take_asks(const struct json *j, enum asks *ret)
{
	const char *word = json_str(j, "asks");

	for (size_t i = 0; word && i < countof(asks_words); i++)
		if (strcmp(word, asks_words[i]) == 0) {
			*ret = (enum asks)i;
			return true;
		}
	return false;
}

static bool take_progress(const struct json *j, char *ret, size_t size)
{
	const char *id = json_str(j, "progress");

	if (!id || strlen(id) >= size || !id_is_sound(id))
		return false;
	memcpy(ret, id, strlen(id) + 1);
	return true;
}

/* Is it worth following, with what is there now? What was there when it was begun may be of the
 * same second. What was published of the same export, by who died before the record was gone, has
 * its very moment, and another name than that. */
static int judge(const struct job *job, const struct json *j, enum asks asks, int64_t posted_s,
                 int64_t exported_s)
{
	char now[GENERATION_NAME] = "";
	const char *then = json_str(j, "old");
	int64_t age_s = sys_wall_s() - posted_s;

	if (age_s < 0 || age_s > job->jobs->config.job_timeout_ms / 1000)
		return -ESTALE;
	if (job->old)
		generation_name(job->old, now);
	if (then && strcmp(then, now) == 0)
		return 0;
	if (asks == ASKS_NEW)
		return -ESTALE;
	return job->old && job->old->facts.exported_s >= exported_s ? -ESTALE : 0;
}

static int take(struct job *job, const struct json *j)
{
	const char *key = json_str(j, "key");
	struct gen_facts facts = job->facts;
	char progress[sizeof(job->progress_id)];
	enum asks asks;
	int64_t posted_s;

	if (!is_version(j) || !key || strcmp(key, job->recipe.key) != 0 ||
	    gen_facts_read(j, &facts) < 0 || !facts.full_s || !take_asks(j, &asks) ||
	    !take_progress(j, progress, sizeof(progress)) || !json_int(j, "posted_s", &posted_s))
		return -EBADMSG;
	int r = judge(job, j, asks, posted_s, facts.exported_s);
	if (r < 0)
		return r;

	int64_t posted_ms = sys_now_ms() - 1000 * (sys_wall_s() - posted_s);
	job->facts = facts;
	job->asked.what = asks;
	job->asked.over = int_or(j, "over", 0) == 1;
	memcpy(job->progress_id, progress, sizeof(progress));
	job->posted_ms = job->asked_ms = posted_ms > 0 ? posted_ms : 1;
	return 0;
}

int record_take(struct job *job, const char *text, size_t len)
{
	struct json *j = NULL;

	int r = json_parse(text, len, &j);
	if (r == 0)
		r = take(job, j);
	json_free(j);
	return r;
}

/* --- a recipe of one -------------------------------------------------------------------------- */

int record_want(const struct json *j, struct want *ret)
{
	int64_t check = int_or(j, "check", -1), rows = int_or(j, "rows", -1);
	const char *survey = json_str(j, "survey");
	struct want w = {
		.recipe = {
			.kind = JOB_EXPORT,
			.key = json_str(j, "key"),
			.subject = json_str(j, "subject"),
			.args = { survey },
			.body = json_str(j, "body"),
			.logged = (int)int_or(j, "logged", 0),
			.whole = int_or(j, "whole", 0) == 1,
			.grows = int_or(j, "grows", 0) == 1,
			.utf16 = int_or(j, "utf16", 0) == 1,
			.bom = int_or(j, "bom", 0) == 1,
			.has_span = json_get(j, "from_s") && json_get(j, "to_s"),
			.from_s = int_or(j, "from_s", 0),
			.to_s = int_or(j, "to_s", 0),
		},
		.mtime_s = int_or(j, "mtime_s", 0),
		.looking = true,
		.uid = (uid_t)int_or(j, "uid", 0),
	};

	if (!is_version(j) || !w.recipe.key || !w.recipe.subject || !w.recipe.body || !survey ||
	    !id_is_sound(survey) || check < JOB_CHECK_COUNTS || check > JOB_CHECK_NONE ||
	    rows < ROWS_NONE || rows > ROWS_LINES)
		return -EBADMSG;
	w.recipe.check = (enum job_check)check;
	w.recipe.rows = (enum text_rows)rows;
	*ret = w;
	return 0;
}
