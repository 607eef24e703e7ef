/* stale.c: without network what was read before can still be read, without permission it cannot
 * (DESIGN.md 1), so what was refused last is not served when nobody can be asked. */
#include "job.h"

#include <errno.h>

#include <qxfs/base/log.h>

/* The status of the refusal that stands, 0: none. */
static int refusal(const struct job *job)
{
	if (!job->old)
		return 0;
	return client_is_refused(job->jobs->config.client) ? 401 : generation_refusal(job->old);
}

static bool old_will_do(const struct job *job)
{
	return job->old && !refusal(job) &&
	       generation_may_be_old(job->old, job->jobs->config.max_stale_s);
}

int64_t job_bound_ms(const struct job *job)
{
	/* What was refused is told soon as well: there is nothing to wait for. */
	return old_will_do(job) || refusal(job) ? jobs_stale_bound_ms(job->jobs) : 0;
}

static void say_refused(struct job *job, int status)
{
	const char *subject = job->recipe.subject;

	if (status == 401)
		fail_set(&job->fail, EACCES,
		         "the token was refused when the service last answered, and it cannot be "
		         "reached now");
	else if (status == 404)
		fail_set(&job->fail, ENOENT,
		         "the service did not know %s any more when it was last asked, and cannot "
		         "be reached now",
		         subject);
	else
		fail_set(&job->fail, EACCES,
		         "access to %s was refused when it was last asked for, and the service "
		         "cannot be reached now",
		         subject);
	fail_remedy(&job->fail, "Try again when the network is back.");
	job->fail.http = status;
}

bool stale_judge(struct job *job)
{
	int status = refusal(job);

	if (!job->fail.unreachable || !job->old)
		return false;
	if (status) {
		say_refused(job, status);
		return false;
	}
	if (old_will_do(job)) {
		log_info("jobs", "%s: unreachable, the cached one is served", job->recipe.subject);
		return true;
	}
	fail_remedy(&job->fail,
	            "Try again when the network is back: what is on this disk is older than "
	            "max_stale= or strict allow%s.",
	            generation_is_of_tomorrow(job->old)
	                    ? ", or newer than this machine's clock, which may be behind: set it"
	                    : "");
	return false;
}

bool stale_ends_access(const struct job *job)
{
	const struct qx_fail *fail = &job->fail;

	return (job->old || job->call.ep == EP_SURVEY) &&
	       ((fail->http == 403 && fail->err == EACCES) ||
	        (fail->http == 404 && fail->err == ENOENT));
}

void stale_end_access(struct job *job)
{
	const struct jobs_config *config = &job->jobs->config;
	const struct survey_seen seen = {
		.id = job->recipe.args[0],
		.on_pool = true,
		.refused = job->fail.http,
	};

	if (job->old) /* not written: it is refused by this mount at least */
		(void)cache_refuse(config->cache, job->old, job->fail.http);
	if (job->call.ep == EP_SURVEY && config->seen) /* the GET answers for all its files */
		config->seen(config->arg, &seen);
}
