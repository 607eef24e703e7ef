/* dispatch.c: who may go now, by this mount's limits and those it shares with others. */
#include "client_private.h"

#include <qxfs/base/sys.h>

static void tell_of_deaths(struct client *c)
{
	uint64_t deaths = c->shared ? shared_deaths(c->shared) : 0;

	if (deaths == c->deaths)
		return;
	c->deaths = deaths;
	pthread_mutex_lock(&c->lock);
	client_death_fn *fn = c->on_death;
	void *arg = c->on_death_arg;
	c->telling = true;
	pthread_mutex_unlock(&c->lock);
	if (fn)
		fn(arg);
	client_has_told(c);
}

void client_has_told(struct client *c)
{
	pthread_mutex_lock(&c->lock);
	c->telling = false;
	pthread_cond_broadcast(&c->told);
	pthread_mutex_unlock(&c->lock);
}

void client_await_told(struct client *c)
{
	while (c->telling)
		pthread_cond_wait(&c->told, &c->lock);
}

void client_on_death(struct client *c, client_death_fn *fn, void *arg)
{
	pthread_mutex_lock(&c->lock);
	c->on_death = fn;
	c->on_death_arg = arg;
	client_await_told(c);
	pthread_mutex_unlock(&c->lock);
}

/* Those that may go now, taken from the governor in order. *ret_wait_ms: until others may. */
static struct ticket *choose(struct client *c, int64_t *ret_wait_ms)
{
	struct ticket *first = NULL, **tail = &first;
	int64_t now_ms = sys_now_ms();

	*ret_wait_ms = SHARED_BUSY_MS;
	if (c->shared && !shared_begin(c->shared, c->governor, now_ms))
		return NULL;
	for (struct ticket *t; (t = governor_next(c->governor, now_ms, ret_wait_ms));) {
		*tail = t;
		tail = &t->next;
	}
	if (c->shared)
		shared_end(c->shared, c->governor);
	return first;
}

/* Sends what may go now, and sets the clock for what may go later. */
void client_dispatch(struct client *c)
{
	int64_t wait_ms;

	do {
		c->again = false;
		for (struct ticket *t = choose(c, &wait_ms), *next; t; t = next) {
			next = t->next;
			t->next = NULL;
			client_launch(c, container_of(t, struct call, ticket));
		}
	} while (c->again);
	if (wait_ms > 0)
		http_post_at(c->http, &c->tick, sys_now_ms() + wait_ms);
	tell_of_deaths(c);
	client_publish_view(c);
}

static void on_tick(struct task *task)
{
	client_dispatch(container_of(task, struct client, tick));
}

static void on_others(struct task *task)
{
	struct client *c = container_of(task, struct client, others);
	shared_attend(c->shared);
	client_dispatch(c);
}

void client_begin_sharing(struct client *c, int fd)
{
	char boot[SYS_BOOT_ID];

	sys_boot_id(boot);
	c->shared = shared_new(fd, boot);
	if (c->shared)
		http_watch(c->http, shared_watch_fd(c->shared), &c->others);
}

void client_dispatch_init(struct client *c)
{
	c->tick.fn = on_tick;
	c->others.fn = on_others;
}
