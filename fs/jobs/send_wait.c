/* send_wait.c: the three things that a submission's steps wait for: the disk, the network, time. */
#include "send.h"

#include <qxfs/base/sys.h>

static void disk_is_over(struct task *task)
{
	struct sending *s = container_of(task, struct sending, disk_task);
	s->disk_then(s);
}

/* Pool. */
static void disk_run(struct task *task)
{
	struct sending *s = container_of(task, struct sending, disk_task);
	s->disk_fn(s);
	s->disk_task.fn = disk_is_over;
	worker_post(s->imports->config.jobs->worker, &s->disk_task);
}

void send_disk(struct sending *s, send_step *fn, send_step *then)
{
	s->disk_fn = fn;
	s->disk_then = then;
	s->disk_task.fn = disk_run;
	pool_post(s->imports->config.jobs->pool, &s->disk_task);
}

static void call_is_over(struct task *task)
{
	struct sending *s = container_of(task, struct sending, call_over);
	s->call_then(s);
}

/* Network thread. */
static void on_call_done(struct call *call)
{
	struct sending *s = call->arg;
	worker_post(s->imports->config.jobs->worker, &s->call_over);
}

void send_call(struct sending *s, enum endpoint ep, send_step *then)
{
	struct call *call = &s->call;

	call->ep = ep;
	call->uid = s->entry.uid;
	call->class = CLASS_IMPORT;
	call->sink_fd = -1;
	call->arg = s;
	call->on_done = on_call_done;
	s->call_over.fn = call_is_over;
	s->call_then = then;
	client_start(s->imports->config.client, call);
}

static void timer_is_due(struct task *task)
{
	struct sending *s = container_of(task, struct sending, timer);
	if (s->imports->stopping)
		send_over(s); /* the journal knows where it stands */
	else
		s->timer_then(s);
}

void send_later(struct sending *s, int64_t ms, send_step *then)
{
	s->timer_then = then;
	s->timer.fn = timer_is_due;
	worker_post_at(s->imports->config.jobs->worker, &s->timer, sys_now_ms() + ms);
}

void send_stop(struct sending *s)
{
	if (worker_cancel(s->imports->config.jobs->worker, &s->timer))
		send_over(s);
}
