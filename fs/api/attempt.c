/* attempt.c: a call as a request: its address, what it carries, how long it may take. */
#include "client_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/api/paths.h>
#include <qxfs/base/sys.h>

#define JSON_MAX_BYTES (16u << 20) /* larger documents go to a sink */
#define JSON_ANSWER_MS 30000
#define GATEWAY_MS 5000      /* the service's own patience for one (API.md 1.4) */
#define MINT_ANSWER_MS 10000 /* folders, which wait for it, wait no longer */

/* Each attempt builds it anew: the base may have moved. A page's address was checked when it came,
 * and is checked again, for it is where the token goes. */
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

/* The one door that all paths go through, whoever made them: a page that the service names, too. */
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

/* Who waits no longer than a bound does not wait longer for one answer either; nor, while the
 * account is away, for what is left of it, but an answer's own time. 0: there is no bound. */
static int64_t wait_limit_ms(struct client *c, const struct call *call)
{
	if (client_is_reachable(c))
		return call->bound_ms;
	int64_t left_ms = client_bound_ms(call) - (call->sent_ms - call->first_ms);
	int64_t least_ms = client_bound_ms(call);
	if (least_ms > GATEWAY_MS)
		least_ms = GATEWAY_MS;
	return left_ms > least_ms ? left_ms : least_ms;
}

static int64_t answer_limit_ms(struct client *c, const struct call *call)
{
	if (call->sink_fd >= 0)
		return 0;
	int64_t most_ms = endpoint_row(call->ep)->mints ? MINT_ANSWER_MS : JSON_ANSWER_MS;
	int64_t limit_ms = wait_limit_ms(c, call);
	return limit_ms > 0 && limit_ms < most_ms ? limit_ms : most_ms;
}

/* A file of which no byte comes. */
static int64_t slow_limit_s(struct client *c, const struct call *call)
{
	return call->sink_fd >= 0 ? (wait_limit_ms(c, call) + 999) / 1000 : 0;
}

static void fill_transfer(struct client *c, struct call *call)
{
	const struct endpoint_row *row = endpoint_row(call->ep);

	call->transfer = (struct transfer){
		.method = row->method,
		.url = call->url,
		.body = call->body,
		.body_len = call->body_len ? call->body_len
		            : call->body   ? strlen(call->body)
		                           : 0,
		.content_type = call->content_type ? call->content_type : "application/json",
		.headers = { call->headers[0], call->headers[1] },
		.sink_fd = call->sink_fd,
		.max_bytes = JSON_MAX_BYTES,
		.once = row->repeat != REPEAT_ALWAYS,
		.answer_ms = answer_limit_ms(c, call),
		.slow_s = slow_limit_s(c, call),
		.on_room = room_for,
		.on_bytes = bytes_came,
		.on_done = answer_came,
	};
	mint_fill(c, call, &call->transfer);
}

void client_launch(struct client *c, struct call *call)
{
	if (!mint_lend(c, call)) { /* it ended while the call was queued */
		client_release(c, call, false);
		client_queue(c, call);
		return;
	}
	call->state = CALL_FLYING;
	call->sent_ms = sys_now_ms();
	if (call->first_ms == 0)
		call->first_ms =
			client_is_reachable(c) ? call->sent_ms : client_waits_since(c, call);
	if (call->attempts++ > 0 && call->sink_fd >= 0)
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
