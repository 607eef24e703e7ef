/* dispatch.c: what goes out: which calls may go now, by this mount's limits and those it shares
 * with others, and one attempt of a call. Network thread only. */
#include "client_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/api/paths.h>
#include <qxfs/base/sys.h>

#define JSON_MAX_BYTES (16u << 20) /* larger documents go to a sink */
#define JSON_ANSWER_MS 30000

/* --- attempts -------------------------------------------------------------------------------- */

int client_build_url(struct client *c, struct call *call)
{
	struct buf url = { 0 };

	free(call->url);
	call->url = NULL;
	if (call->page_url)
		return url_next_page(&c->base, call->page_url, &call->url);
	buf_add_str(&url, c->base.origin);
	int r = endpoint_path(call->ep, call->args, &url);
	if (call->query)
		buf_addf(&url, "?%s", call->query);
	call->url = buf_steal(&url);
	if (r < 0)
		return r;
	return call->url ? 0 : -ENOMEM;
}

int client_check_path(struct call *call)
{
	return endpoint_row(call->ep)->any_path ? path_check_url(call->url, &call->fail) : 0;
}

static int room_for(struct transfer *t, uint64_t written, size_t len)
{
	struct call *call = container_of(t, struct call, transfer);
	return call->on_room ? call->on_room(call, written, len) : 0;
}

static void bytes_came(struct transfer *t, uint64_t written)
{
	struct call *call = container_of(t, struct call, transfer);
	if (call->on_bytes)
		call->on_bytes(call, written);
}

/* Who waits no longer than a bound does not wait longer for one answer either. */
static int64_t answer_limit_ms(const struct call *call)
{
	if (call->sink_fd >= 0)
		return 0;
	bool bound = call->bound_ms > 0 && call->bound_ms < JSON_ANSWER_MS;
	return bound ? call->bound_ms : JSON_ANSWER_MS;
}

static void fill_transfer(struct client *c, struct call *call)
{
	const struct endpoint_row *row = endpoint_row(call->ep);

	call->transfer = (struct transfer){
		.method = row->method,
		.url = call->url,
		.token = c->token,
		.body = call->body,
		.body_len = call->body_len ? call->body_len
		            : call->body   ? strlen(call->body)
		                           : 0,
		.content_type = call->content_type ? call->content_type : "application/json",
		.headers = { call->headers[0], call->headers[1] },
		.sink_fd = call->sink_fd,
		.max_bytes = JSON_MAX_BYTES,
		.once = row->repeat != REPEAT_ALWAYS,
		.answer_ms = answer_limit_ms(call),
		.on_room = room_for,
		.on_bytes = bytes_came,
		.on_done = answer_came,
	};
}

static void launch(struct client *c, struct call *call)
{
	call->state = CALL_FLYING;
	if (call->attempts++ == 0)
		call->first_ms = sys_now_ms();
	else if (call->sink_fd >= 0)
		bytes_came(&call->transfer, 0);

	int r = client_build_url(c, call);
	if (r == 0)
		r = client_check_path(call);
	if (r == 0) {
		fill_transfer(c, call);
		r = http_start(c->http, &call->transfer);
	}
	if (r < 0) {
		client_release(c, call, false);
		fail_set(&call->fail, -r, "%s cannot be asked for", endpoint_row(call->ep)->what);
		client_finish(c, call);
		return;
	}
	pthread_mutex_lock(&c->lock);
	c->view.calls++;
	pthread_mutex_unlock(&c->lock);
}

/* --- who may go ------------------------------------------------------------------------------ */

static void tell_of_deaths(struct client *c)
{
	uint64_t deaths = c->shared ? shared_deaths(c->shared) : 0;

	if (deaths == c->deaths)
		return;
	c->deaths = deaths;
	pthread_mutex_lock(&c->lock);
	client_death_fn *fn = c->on_death;
	void *arg = c->on_death_arg;
	pthread_mutex_unlock(&c->lock);
	if (fn)
		fn(arg);
}

/* Those that may go now, taken from the governor in order. *ret_wait_ms: until others may. */
static struct ticket *choose(struct client *c, int64_t *ret_wait_ms)
{
	struct ticket *first = NULL, **tail = &first;
	int64_t now_ms = sys_now_ms();

	*ret_wait_ms = SHARED_BUSY_MS;
	if (c->shared && !shared_begin(c->shared, c->governor, now_ms))
		return NULL;
	for (; c->shared && c->adopting > 0; c->adopting--)
		shared_adopt(c->shared);
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

	for (struct ticket *t, *next; (t = choose(c, &wait_ms));) /* again: some may have ended */
		for (; t; t = next) {
			next = t->next;
			t->next = NULL;
			launch(c, container_of(t, struct call, ticket));
		}
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
	char boot[SHARED_BOOT];

	shared_boot(boot);
	c->shared = shared_new(fd, boot);
	if (c->shared)
		http_watch(c->http, shared_watch_fd(c->shared), &c->others);
}

void client_dispatch_init(struct client *c)
{
	c->tick.fn = on_tick;
	c->others.fn = on_others;
}
