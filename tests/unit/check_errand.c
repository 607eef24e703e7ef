/* check_errand.c: errands of a room that ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sched.h>

#include <qxfs/api/client.h>
#include <qxfs/base/log.h>
#include <qxfs/base/secret.h>
#include <qxfs/base/sys.h>

#include "../../fs/jobs/job.h"

#include "own_cache.h"

static struct client *client;
static struct jobs *jobs;
static struct errand first, hold, late;
static struct task nothing;
static bool held, came;

static void do_nothing(struct task *task)
{
	(void)task;
}

/* On the jobs thread, until that is being stopped. */
static void keep_busy(struct errand *e)
{
	while (worker_post(e->jobs->worker, &nothing))
		(void)sched_yield();
	held = true;
}

static void come(struct errand *e)
{
	(void)e;
	came = true;
}

/* On a disk worker, which the end of the room waits for: what it leaves behind is due when it has
 * gone, and the jobs thread gets to it when all disk workers have ended. */
static void leave_one_behind(struct errand *e)
{
	struct jobs *j = e->jobs;

	pthread_mutex_lock(&j->stop_lock);
	while (!j->idle)
		pthread_cond_wait(&j->stopped, &j->stop_lock);
	pthread_mutex_unlock(&j->stop_lock);
	jobs_errand(j, &hold, 0);
	jobs_errand(j, &late, 1);
	int64_t due_ms = sys_now_ms() + 2;
	while (sys_now_ms() < due_ms)
		(void)sched_yield();
}

static void begin(void)
{
	struct client_config config = {
		.limits = { .requests = 1, .jobs = 1, .brand_per_minute = 60, .share = 1 },
	};
	struct qx_fail fail;
	char token[] = "token";

	config.token = secret_new(token);
	assert_int_equal(url_parse_base("http://127.0.0.1:1", &config.base, &fail), 0);
	assert_int_equal(client_new(&config, &client), 0);
	const struct jobs_config of_jobs = { .client = client, .cache = cache, .dirs = dirs };
	assert_int_equal(jobs_new(&of_jobs, &jobs), 0);
}

static void test_one_that_is_due_when_the_disk_workers_are_gone_is_dropped(void **state)
{
	(void)state;

	begin();
	nothing.fn = do_nothing;
	hold = (struct errand){ .fn = keep_busy, .prompt = true };
	late = (struct errand){ .fn = come };
	first = (struct errand){ .fn = leave_one_behind };
	jobs_errand(jobs, &first, 0);
	client_stop(client);
	jobs_free(jobs);
	client_free(client);
	assert_true(held);
	assert_false(came);
}

static int setup(void **state)
{
	(void)state;
	return own_cache_begin();
}

static int teardown(void **state)
{
	(void)state;
	return own_cache_end();
}

int main(void)
{
	log_setup(LOG_LEVEL_ERROR, false);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_that_is_due_when_the_disk_workers_are_gone_is_dropped),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
