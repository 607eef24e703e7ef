/* answer.c: what an attempt came to: a result, another attempt, or a failure in words. */
#include "client_private.h"

#include "hosts.h"
#include "judge.h"

#include <errno.h>
#include <string.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

/* --- what an answer means -------------------------------------------------------------------- */

static void follow_notice(struct client *c, const struct json *body)
{
	struct base_url to;
	/* Another data centre does not know an OAuth client's bearer (API.md 1.9). */
	const char *notice = body && !c->moved && !c->grant ? json_str(body, "meta.notice") : NULL;

	if (!notice)
		return;
	int r = url_from_notice(&c->base, notice, &to);
	if (r < 0)
		log_debug("client", "a notice names no host to move to (%d)", -r);
	if (r < 0 || strcmp(to.origin, c->base.origin) == 0)
		return;
	log_info("client", "the account lives at %s: asking there from now on", to.host);
	c->base = to;
	c->moved = true;
	pthread_mutex_lock(&c->lock);
	memcpy(c->view.origin, to.origin, sizeof(c->view.origin));
	pthread_mutex_unlock(&c->lock);
	if (c->on_moved)
		c->on_moved(c->on_moved_arg, to.origin);
}

int client_refuse_page(struct call *call, const char *next)
{
	char host[256];

	url_host_for_people(next, host, sizeof(host));
	fail_set(&call->fail, EIO,
	         "the service points to %.100s for the next page of %s: it was not asked, "
	         "nor sent the token",
	         host, endpoint_row(call->ep)->what);
	fail_remedy(&call->fail, "Check the account's host; if it is right, tell "
	                         "Qualtrics' support.");
	return -EIO;
}

static void take_next_page(struct client *c, struct call *call, const struct json *body)
{
	const char *next = json_str(body, "result.nextPage");

	if (!next || !next[0])
		return;
	int r = url_next_page(&c->base, next, &call->next_page);
	if (r == -EACCES)
		client_refuse_page(call, next);
	else if (r < 0)
		fail_set(&call->fail, -r, "no memory");
}

/* Has the body the form that the endpoint's row promises? */
static bool has_form(const struct call *call, const struct json *body)
{
	const char *says = endpoint_row(call->ep)->says;

	if (endpoint_row(call->ep)->mints)
		return body && json_str(body, says);
	if (!body || !json_is_object(body, "result") || (says && !json_str(body, says)))
		return false;
	if (endpoint_row(call->ep)->pages != PAGE_NEXT)
		return true;
	/* A next page that is no text must not pass for the last page. */
	return json_is_array(body, "result.elements") &&
	       (!json_get(body, "result.nextPage") || json_str(body, "result.nextPage"));
}

/* An answer of 2xx. True: it is what was asked for. */
static bool is_good(const struct call *call, const struct json *body)
{
	const struct transfer *t = &call->transfer;

	if (call->sink_fd >= 0)
		return t->status == 200 && !judge_is_web_page(t);
	return has_form(call, body);
}

static bool is_success_status(const struct transfer *t)
{
	return t->outcome == OUTCOME_ANSWERED && t->status >= 200 && t->status <= 299;
}

/* Fills call->fail; true if the answer is a 2xx that is not what it should be. */
static bool judge_attempt(struct call *call, const struct json *body)
{
	const struct endpoint_row *row = endpoint_row(call->ep);
	const struct transfer *t = &call->transfer;

	fail_clear(&call->fail);
	if (t->outcome == OUTCOME_ABORTED)
		fail_set(&call->fail, ECANCELED, "cancelled");
	else if (t->outcome != OUTCOME_ANSWERED)
		judge_network(row, t, &call->fail);
	else if (!is_success_status(t))
		judge_status(row, t, body, &call->fail);
	else if (!is_good(call, body))
		judge_damaged(row, t, body, &call->fail);
	return is_success_status(t) && call->fail.err != 0;
}

/* --- again, or not --------------------------------------------------------------------------- */

/* The call's share in a 429: nobody asks this endpoint until the hold is over. */
static void hold_endpoint(struct client *c, const struct call *call, int64_t now_ms)
{
	enum endpoint ep = call->ticket.ep;

	if (now_ms >= c->held_ms[ep] && c->refusals[ep] < RETRY_ATTEMPTS - 1)
		c->refusals[ep]++;
	struct attempt a = {
		.n = c->refusals[ep],
		.outcome = OUTCOME_ANSWERED,
		.http = 429,
		.retry_after_s = call->transfer.retry_after_s,
	};
	int64_t until_ms = now_ms + retry_delay_ms(&a, sys_random());
	if (until_ms > c->held_ms[ep])
		c->held_ms[ep] = until_ms;
	governor_refused(c->governor, ep, now_ms, until_ms);
}

/* -1: there is none, and the failure says whether it may have taken effect. */
static int64_t next_attempt_ms(struct call *call, bool damaged, int64_t now_ms)
{
	const struct transfer *t = &call->transfer;
	struct attempt a = {
		.n = call->attempts,
		.outcome = t->outcome,
		.http = t->status,
		.damaged = damaged,
		.repeat = endpoint_row(call->ep)->repeat,
		.retry_after_s = t->retry_after_s,
		.elapsed_ms = now_ms - call->first_ms,
		.bound_ms = call->bound_ms,
	};
	/* The row's own bound is for a network that is away; a service that asks for patience gets
	 * it. */
	if (a.bound_ms == 0 && t->outcome != OUTCOME_ANSWERED)
		a.bound_ms = BOUND_MS;
	call->fail.unsure = retry_is_unsure(&a);
	return retry_delay_ms(&a, sys_random());
}

/* Shorter, and nobody's next attempt is far; and one call that breaks again and again beside others
 * that are answered would go as often as they do. */
#define AWAY_LEAST_MS 2000

static void note_attempt(struct client *c, const struct call *call)
{
	const struct transfer *t = &call->transfer;

	bool answered = t->outcome == OUTCOME_ANSWERED;
	/* Others were answered meanwhile: it is this one's trouble. And a suspend is no trouble. */
	bool lost = call->fail.unreachable && !t->slept && call->sent_ms >= c->answered_ms;
	int64_t now_ms = sys_now_ms();
	bool long_ago = now_ms - c->answered_ms >= AWAY_LEAST_MS;

	if (answered)
		c->answered_ms = now_ms;
	pthread_mutex_lock(&c->lock);
	bool was = c->view.reachable;
	if (answered)
		c->view.reachable = true;
	else if (lost)
		c->view.reachable = false;
	if (answered && t->date_s >= 0) {
		c->view.dated = true;
		c->view.ahead_s = sys_wall_s() - t->date_s;
	}
	c->view.refused_429 += answered && t->status == 429;
	bool is = c->view.reachable;
	pthread_mutex_unlock(&c->lock);
	if (is && !was && long_ago)
		client_is_back(c);
	if (is != was)
		events_say(
			c->events, is ? EVENT_NETWORK_BACK : EVENT_NETWORK_LOST, c->base.host,
			is ? "the service answers again"
			   : "the service cannot be reached; what was opened before can be read");
}

static void failed(struct client *c, struct call *call, bool damaged)
{
	int64_t now_ms = sys_now_ms();
	bool answered = call->transfer.outcome == OUTCOME_ANSWERED;

	if (answered && call->fail.http == 429)
		hold_endpoint(c, call, now_ms);
	if (answered && call->fail.http == 401) {
		if (mint_repeat(c, call))
			return;
		if (!mint_is_early(c, call)) {
			gate_refused(&c->gate, now_ms, &call->fail);
			client_fail(c, IN_QUEUE, &c->gate.fail);
		}
	}
	int64_t delay_ms = next_attempt_ms(call, damaged, now_ms);
	log_debug("client", "%s: attempt %d: http %d, errno %d, again in %lld ms",
	          endpoint_row(call->ep)->name, call->attempts, call->fail.http, call->fail.err,
	          (long long)delay_ms);
	if (delay_ms < 0) {
		if (call->fail.unreachable)
			client_end_overdue(c, &call->fail);
		client_finish(c, call);
	} else if (!gate_pass_again(&c->gate, call->first_ms)) {
		call->fail = c->gate.fail;
		client_finish(c, call);
	} else {
		client_retry(c, call, now_ms + delay_ms);
		if (call == &c->mint)
			mint_look(c);
	}
}

void answer_came(struct transfer *t)
{
	struct call *call = container_of(t, struct call, transfer);
	struct client *c = call->client;
	struct json *body = NULL;

	if (t->outcome == OUTCOME_ANSWERED && t->answer.len > 0 &&
	    json_parse(t->answer.data, t->answer.len, &body) < 0)
		body = NULL;
	bool damaged = judge_attempt(call, body);
	client_release(c, call, call->fail.err == 0);
	note_attempt(c, call);
	follow_notice(c, body);
	if (t->outcome == OUTCOME_ANSWERED && t->status != 429)
		c->refusals[call->ticket.ep] = 0;

	if (endpoint_row(call->ep)->mints && t->answer.data)
		explicit_bzero(t->answer.data, t->answer.cap);
	if (call->fail.err) {
		json_free(body);
		failed(c, call, damaged);
	} else {
		mint_accepted(call);
		if (call != &c->mint) {
			gate_succeeded(&c->gate, call->first_ms);
			c->succeeded_ms = sys_now_ms();
		}
		call->written = t->written;
		if (body && endpoint_row(call->ep)->pages == PAGE_NEXT)
			take_next_page(c, call, body);
		call->answer = call->fail.err ? NULL : body;
		if (!call->answer)
			json_free(body);
		client_finish(c, call);
	}
	client_dispatch(c);
}
