/* client.c: typed calls.
 *
 *     client_start ─► FRESH ─► WAITING ─governor─► FLYING ─► judged ─► on_done
 *                        │      ▲ ▲ PARKED (mint.c)            │
 *                        │      │ └────────── retried ─────────┤
 *                        └── cancelled, refused, stopping ─────┴─► on_done
 *
 * All of it runs on the network thread but the first arrow and client_cancel, which only link,
 * mark, and post `attend`. A call is linked until the moment before its on_done; to cancel is to
 * look it up there, so a call that has ended meanwhile is never touched.
 */
#include "client_private.h"

#include "grant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/api/paths.h>
#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

/* --- the lists ------------------------------------------------------------------------------- */

/* These four: caller holds c->lock. */
static void append(struct calls *list, struct call *call)
{
	call->next_live = NULL;
	call->prev_live = list->tail;
	if (list->tail)
		list->tail->next_live = call;
	else
		list->head = call;
	list->tail = call;
}

static void detach(struct calls *list, struct call *call)
{
	if (call->prev_live)
		call->prev_live->next_live = call->next_live;
	else
		list->head = call->next_live;
	if (call->next_live)
		call->next_live->prev_live = call->prev_live;
	else
		list->tail = call->prev_live;
	call->prev_live = call->next_live = NULL;
}

static struct call *look_up(struct calls *list, const struct call *call)
{
	struct call *found = list->head;
	while (found && found != call)
		found = found->next_live;
	return found;
}

static bool is_unwanted(const struct client *c, const struct call *call)
{
	return c->stopping || call->cancelled;
}

static struct call *take_fresh(struct client *c, bool *ret_unwanted)
{
	pthread_mutex_lock(&c->lock);
	struct call *call = c->fresh.head;
	if (call) {
		detach(&c->fresh, call);
		append(&c->live, call);
		*ret_unwanted = is_unwanted(c, call);
	}
	pthread_mutex_unlock(&c->lock);
	return call;
}

/* The first call in one of the `states`, or, if `unwanted`, that is to end and may still be ended.
 */
static struct call *find_live(struct client *c, unsigned states, bool unwanted)
{
	pthread_mutex_lock(&c->lock);
	struct call *call = c->live.head;
	while (call && (!(IN(call->state) & states) || (unwanted && !is_unwanted(c, call))))
		call = call->next_live;
	pthread_mutex_unlock(&c->lock);
	return call;
}

struct call *client_find(struct client *c, unsigned states)
{
	return find_live(c, states, false);
}

/* --- how a call ends ------------------------------------------------------------------------- */

static void set_cancelled(struct call *call)
{
	fail_set(&call->fail, ECANCELED, "cancelled");
}

void client_publish_view(struct client *c)
{
	struct governor_view governor;

	governor_view(c->governor, &governor);
	pthread_mutex_lock(&c->lock);
	c->view.governor = governor;
	bool was_refused = c->view.token_refused;
	c->view.token_refused = c->gate.closed;
	pthread_mutex_unlock(&c->lock);
	client_tell_token(c);
	if (was_refused && !c->gate.closed)
		client_tell_back(c);
}

void client_finish(struct client *c, struct call *call)
{
	client_publish_view(c); /* who is told of the end finds it there too */
	pthread_mutex_lock(&c->lock);
	detach(&c->live, call);
	pthread_mutex_unlock(&c->lock);
	free(call->url);
	call->url = NULL;
	buf_done(&call->transfer.answer);
	mint_return(call);
	call->on_done(call); /* may free call */
}

void client_release(struct client *c, const struct call *call, bool job_runs)
{
	c->again = true;
	governor_request_over(c->governor);
	if (endpoint_row(call->ep)->starts_job && !job_runs)
		governor_job_over(c->governor);
}

void client_end_queued(struct client *c, struct call *call)
{
	(void)governor_withdraw(c->governor, &call->ticket); /* a parked one is not there */
	client_finish(c, call);
}

void client_fail(struct client *c, unsigned states, const struct qx_fail *fail)
{
	for (struct call *call; (call = client_find(c, states));) {
		call->fail = *fail;
		client_end_queued(c, call);
	}
}

void client_queue(struct client *c, struct call *call)
{
	if (call == &c->mint || mint_is_ready(c)) {
		call->state = CALL_WAITING;
		c->again = true;
		governor_queue(c->governor, &call->ticket);
		return;
	}
	call->state = CALL_PARKED;
	if (call->first_ms == 0)
		call->first_ms = sys_now_ms();
	mint_look(c);
}

void client_retry(struct client *c, struct call *call, int64_t at_ms)
{
	buf_done(&call->transfer.answer);
	call->ticket.not_before_ms = at_ms;
	mint_return(call);
	client_queue(c, call);
}

static void end_unwanted(struct client *c)
{
	struct call *call;

	while ((call = find_live(c, IN_QUEUE, true))) {
		set_cancelled(call);
		client_end_queued(c, call);
	}
	while ((call = find_live(c, IN(CALL_FLYING), true))) {
		call->state = CALL_ABORTED;
		http_abort(c->http, &call->transfer);
	}
}

/* --- what other threads asked for ------------------------------------------------------------ */

/* Misuse by the caller, found before it costs a request; call->fail says it. */
static int check_call(struct client *c, struct call *call)
{
	bool misused = endpoint_row(call->ep)->answer == ANSWER_FILE && call->sink_fd < 0;

	int r = misused ? -EINVAL : client_build_url(c, call);
	if (r == -EACCES && endpoint_row(call->ep)->any_path) /* only here is a page new to us */
		return client_refuse_page(call, call->page_url);
	if (r < 0)
		return fail_set(&call->fail, -r, "%s cannot be asked for like this",
		                endpoint_row(call->ep)->what);
	return client_check_path(call);
}

static void admit(struct client *c, struct call *call, bool unwanted)
{
	int r = unwanted ? 0 : check_call(c, call);

	if (unwanted) {
		set_cancelled(call);
	} else if (r < 0) {
		log_debug("client", "%s: not asked for", endpoint_row(call->ep)->name);
	} else if (!gate_pass(&c->gate, sys_now_ms())) {
		call->fail = c->gate.fail;
	} else {
		client_queue(c, call);
		return;
	}
	client_finish(c, call);
}

static void attend(struct task *task)
{
	struct client *c = container_of(task, struct client, attend);
	bool unwanted = false;

	pthread_mutex_lock(&c->lock);
	struct client_jobs jobs = c->jobs;
	c->jobs = (struct client_jobs){ 0 };
	int share_fd = c->share_fd;
	c->share_fd = -1;
	pthread_mutex_unlock(&c->lock);

	if (share_fd >= 0)
		client_begin_sharing(c, share_fd);
	client_count_jobs(c, &jobs);
	for (struct call *call; (call = take_fresh(c, &unwanted));)
		admit(c, call, unwanted);
	end_unwanted(c);
	client_dispatch(c);
}

/* --- the door -------------------------------------------------------------------------------- */

int client_new(const struct client_config *config, struct client **ret)
{
	struct client *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->told, NULL);
	c->attend.fn = attend;
	client_dispatch_init(c);
	c->share_fd = -1;
	c->base = config->base;
	memcpy(c->view.origin, config->base.origin, sizeof(c->view.origin));
	c->view.reachable = true;
	c->governor = governor_new(&config->limits);
	int r = c->governor ? http_new(&c->http) : -ENOMEM;
	if (r == 0 && config->oauth.secret)
		r = grant_new(&config->oauth, &c->grant); /* last: it takes the secret */
	if (r < 0) {
		client_free(c);
		return r;
	}
	client_away_init(c);
	client_token_init(c, config);
	governor_view(c->governor, &c->view.governor);
	c->token = config->token;
	c->view.oauth = c->grant != NULL;
	c->events = config->events;
	*ret = c;
	return 0;
}

void client_on_moved(struct client *c, client_moved_fn *fn, void *arg)
{
	c->on_moved = fn;
	c->on_moved_arg = arg;
}

/* Not one long wait: while the machine sleeps, so does the clock that the thread waits by. */
static void look_for_quiet(struct task *task)
{
	struct client *c = container_of(task, struct client, quiet);
	int64_t now_ms = sys_now_ms();

	if (now_ms - c->succeeded_ms >= c->quiet_ms)
		c->on_quiet(c->on_quiet_arg);
	http_post_at(c->http, task, now_ms + c->quiet_ms / 24);
}

void client_on_quiet(struct client *c, int64_t quiet_ms, client_quiet_fn *fn, void *arg)
{
	c->succeeded_ms = sys_now_ms();
	c->quiet_ms = quiet_ms;
	c->on_quiet = fn;
	c->on_quiet_arg = arg;
	c->quiet.fn = look_for_quiet;
	http_post(c->http, &c->quiet);
}

/* The endpoint whose calls per minute it counts among. */
static enum endpoint limits_of(const struct call *call)
{
	bool any = endpoint_row(call->ep)->any_path && call->args[0];
	return any ? path_endpoint(call->args[0]) : call->ep;
}

static void prepare(struct client *c, struct call *call)
{
	call->ticket = (struct ticket){
		.ep = limits_of(call),
		.class = call->class,
		.uid = call->uid,
		.expected_ms = call->expected_ms,
		.queued_ms = sys_now_ms(),
	};
	fail_clear(&call->fail);
	call->answer = NULL;
	call->next_page = NULL;
	call->written = 0;
	call->attempts = 0;
	call->transfer = (struct transfer){ 0 };
	call->url = NULL;
	call->first_ms = 0;
	call->state = CALL_FRESH;
	call->sent_ms = 0;
	call->bearer = NULL;
	call->renewed = false;
	call->cancelled = false;
	call->client = c;
}

void client_begin(struct client *c, struct call *call)
{
	prepare(c, call);
	pthread_mutex_lock(&c->lock);
	append(&c->live, call);
	pthread_mutex_unlock(&c->lock);
	client_queue(c, call);
}

void client_start(struct client *c, struct call *call)
{
	prepare(c, call);
	pthread_mutex_lock(&c->lock);
	bool stopping = c->stopping;
	if (!stopping)
		append(&c->fresh, call);
	pthread_mutex_unlock(&c->lock);
	if (!stopping) {
		http_post(c->http, &c->attend);
		return;
	}
	set_cancelled(call); /* nobody is left to say it */
	call->on_done(call);
}

void client_cancel(struct client *c, struct call *call)
{
	pthread_mutex_lock(&c->lock);
	struct call *found = look_up(&c->live, call);
	if (!found)
		found = look_up(&c->fresh, call);
	if (found)
		found->cancelled = true;
	pthread_mutex_unlock(&c->lock);
	if (found)
		http_post(c->http, &c->attend);
}

void client_tell(struct client *c, const struct hook *hook)
{
	pthread_mutex_lock(&c->lock);
	const struct hook now = *hook;
	c->telling = true;
	pthread_mutex_unlock(&c->lock);
	if (now.fn)
		now.fn(now.arg);
	pthread_mutex_lock(&c->lock);
	c->telling = false;
	pthread_cond_broadcast(&c->told);
	pthread_mutex_unlock(&c->lock);
}

void client_set_hook(struct client *c, struct hook *hook, struct hook new)
{
	pthread_mutex_lock(&c->lock);
	*hook = new;
	while (c->telling)
		pthread_cond_wait(&c->told, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

void client_share(struct client *c, int fd)
{
	pthread_mutex_lock(&c->lock);
	c->share_fd = fd;
	pthread_mutex_unlock(&c->lock);
	http_post(c->http, &c->attend);
}

void call_clear(struct call *call)
{
	json_free(call->answer);
	call->answer = NULL;
	free(call->next_page);
	call->next_page = NULL;
	fail_clear(&call->fail);
	call->written = 0;
	call->attempts = 0;
}

void client_view(struct client *c, struct client_view *ret)
{
	pthread_mutex_lock(&c->lock);
	*ret = c->view;
	pthread_mutex_unlock(&c->lock);
}

void client_stop(struct client *c)
{
	if (!c->http)
		return;
	/* Whoever was linked before this is ended by `attend`, whoever comes after by client_start.
	 */
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_mutex_unlock(&c->lock);
	http_post(c->http, &c->attend);
	http_stop(c->http);
}

void client_free(struct client *c)
{
	if (!c)
		return;
	client_stop(c);
	http_free(c->http);
	sys_close_cleanup(&c->share_fd);
	shared_free(c->shared);
	governor_free(c->governor);
	secret_free(c->token);
	grant_free(c->grant);
	pthread_cond_destroy(&c->told);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
