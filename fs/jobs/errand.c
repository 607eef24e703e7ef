/* errand.c: small work for other rooms. */
#include "job.h"

#include <qxfs/base/sys.h>

static void run(struct task *task)
{
	struct errand *e = container_of(task, struct errand, task);
	e->fn(e);
}

static void due(struct task *timer)
{
	struct errand *e = container_of(timer, struct errand, timer);

	if (e->prompt)
		e->fn(e);
	else
		pool_post(e->jobs->pool, &e->task);
}

void jobs_errand(struct jobs *j, struct errand *e, int64_t delay_ms)
{
	e->jobs = j;
	e->task.fn = run;
	e->timer.fn = due;
	if (delay_ms > 0 || e->prompt) /* false: the room ends */
		(void)worker_post_at(j->worker, &e->timer,
		                     delay_ms > 0 ? sys_now_ms() + delay_ms : 0);
	else
		pool_post(j->pool, &e->task);
}
