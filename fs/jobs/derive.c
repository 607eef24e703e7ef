/* derive.c: a file made here from another: xlsx, plain.csv, the codebook.
 *
 *   draft ► base wanted ► schema wanted, if it needs one ► made from these already? ► kept
 *                                                      └► render ► publish
 *
 * The bases are wanted like anybody wants them, so an export is shared with whoever opens it. What
 * a base's job says comes in the middle of its end, so the next step is taken a turn later. */
#include "job.h"

#include <errno.h>
#include <string.h>

#include <qxfs/base/sys.h>

/* Rendering is long work for the processor: the other disk workers stay free for what is short. */
#define RENDERERS_MAX 1

static void next_base(struct job *job);
static void start_render(struct job *job);

/* --- the pool -------------------------------------------------------------------------------- */

static bool is_cancelled(void *arg)
{
	struct job *job = arg;
	return job->jobs->stopping;
}

static int open_base(struct job *job, int i)
{
	if (!job->bases[i])
		return -1;
	return cache_open(job->jobs->config.cache, job->bases[i]);
}

static void make(struct job *job)
{
	qx_auto_fd base = open_base(job, 0);
	qx_auto_fd schema = open_base(job, 1);
	char scratch[DRAFT_PATH_SIZE] = "";

	fail_clear(&job->disk_fail);
	job->disk_err = base < 0 ? base : 0;
	if (job->disk_err == 0 && job->recipe.render->needs_scratch)
		job->disk_err = draft_scratch(job->draft, scratch);
	if (job->disk_err < 0)
		return;
	const struct render_input in = {
		.base_fd = base,
		.base_len = job->bases[0]->length,
		.schema_fd = schema < 0 ? -1 : schema,
		.schema_len = schema < 0 ? 0 : job->bases[1]->length,
		.scratch = scratch,
		.zone = job->jobs->config.zone,
		.exported_s = job->bases[0]->facts.exported_s,
		.bom = job->recipe.bom,
		.pick = job->recipe.pick,
		.cancelled = is_cancelled,
		.room = job_room_for_data,
		.arg = job,
	};
	job->disk_err = render(job->recipe.render, &in, draft_data_fd(job->draft),
	                       &job->unpacked.length, &job->disk_fail);
	if (job->disk_err == 0)
		job->disk_err = draft_crc(job->draft, job->unpacked.length, &job->unpacked.crc);
}

/* --- the jobs thread ------------------------------------------------------------------------- */

/* One place is free: for the one that has waited longest, which is the last in the list. */
static void next_render(struct jobs *j)
{
	struct job *oldest = NULL;

	j->renderers--;
	for (struct job *job = j->live; job; job = job->next)
		if (job->render_waits)
			oldest = job;
	if (oldest)
		start_render(oldest);
}

static void made(struct job *job)
{
	next_render(job->jobs);
	if (job->disk_err < 0)
		job_fail_disk(job, "made");
	else
		fetch_publish(job);
}

/* Which bytes it is made from. It is as old as they are: now/ counts from their export. */
static void note_bases(struct job *job)
{
	char name[GENERATION_NAME];
	size_t n = 0;

	job->facts.exported_s = job->bases[0]->facts.exported_s;
	for (int i = 0; i < RECIPE_BASES; i++) {
		if (!job->bases[i])
			continue;
		generation_name(job->bases[i], name);
		size_t len = strlen(name);
		memcpy(job->facts.base + n, name, len + 1); /* FACTS_BASE holds two */
		n += len;
	}
}

static void render_it(struct job *job)
{
	note_bases(job);
	bool same = job->old && strcmp(job->old->facts.base, job->facts.base) == 0;
	if (same && job->stale) { /* nobody could say that the base is current */
		job_succeed(job);
		return;
	}
	if (same) {
		job_renew(job);
		return;
	}
	if (job->jobs->renderers < RENDERERS_MAX)
		start_render(job);
	else
		job->render_waits = true;
}

static void start_render(struct job *job)
{
	job->render_waits = false;
	job->jobs->renderers++;
	job_move(job, JOB_RENDERING);
	job_disk(job, make, made);
}

static void base_came(struct job *job)
{
	int i = job->next_base++;
	bool refused = job->base_fail.http == 403 || job->base_fail.http == 404;

	if (job->base_fail.err && !(i > 0 && refused)) {
		job->fail = job->base_fail;
		job_fail(job);
		return;
	}
	next_base(job);
}

/* Jobs thread, inside the base's end. */
static void on_base(struct want *w, const struct want_result *result)
{
	struct job *job = w->arg;

	job->base_live = false;
	job->base_fail = *result->fail;
	if (!result->fail->err) {
		job->bases[job->next_base] = generation_ref(result->gen);
		job->stale = job->stale || result->stale;
	}
	job_later(job, 0, base_came);
}

static void want_base(struct job *job)
{
	int i = job->next_base;
	struct want *w = &job->base_want;

	*w = (struct want){
		.recipe = *job->recipe.bases[i],
		.full_since_ms = i == 0 ? job->full_since_ms : 0,
		.mtime_s = job->mtime_s,
		.looking = true, /* it shows the time of what is made from it to nobody */
		.background = job->background,
		.uid = job->uid,
		.done = on_base,
		.arg = job,
	};
	job->base_live = true;
	jobs_want(job->jobs, w);
}

/* Pool: the base, if it is there and nobody would ask about it; who may not ask is told so. */
static void find_base(struct job *job)
{
	const struct jobs_config *config = &job->jobs->config;
	struct generation *gen = cache_find(config->cache, job->recipe.bases[job->next_base]->key);

	if (gen && generation_is_fresh(gen, config->fresh_s) && !client_is_refused(config->client))
		job->bases[job->next_base] = gen;
	else
		generation_unref(gen);
}

static void base_found(struct job *job)
{
	if (!job->bases[job->next_base]) {
		want_base(job);
		return;
	}
	job->next_base++;
	next_base(job);
}

static void next_base(struct job *job)
{
	int i = job->next_base;

	if (i == RECIPE_BASES || !job->recipe.bases[i])
		render_it(job);
	else if (i == 0 && job->full_since_ms)
		want_base(job);
	else
		job_disk(job, find_base, base_found);
}

void derive_begin(struct job *job)
{
	job_move(job, JOB_BASES);
	job->asked_ms = sys_now_ms();
	next_base(job);
}
