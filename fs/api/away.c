/* away.c: the account cannot be reached, and then it can again.
 *
 * Nobody asks all the time whether it is back: a call that somebody waits for is sent again until
 * its bound (retry.c), and who was given what is old has the client look (client_look), so an idle
 * mount stays idle. The first answer after some seconds, of whatever call, ends it for all: who
 * waits for a moment to try again goes now, on_back is told, and what was served old before that
 * (client_back_ms) rests no longer.
 */
#include "client_private.h"

#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

/* Nobody waits for it: longer than a slow network takes for one answer. Then it is over until
 * somebody is given something old again. */
#define LOOK_BOUND_MS 10000

bool client_is_reachable(struct client *c)
{
	pthread_mutex_lock(&c->lock);
	bool is = c->view.reachable;
	pthread_mutex_unlock(&c->lock);
	return is;
}

/* --- who waits behind those that hang ----------------------------------------------------------
 */

#define NEAR_MS 1000 /* who came together ends together */

int64_t client_waits_since(const struct client *c, const struct call *call)
{
	int64_t since_ms = call->ticket.queued_ms;

	if (call->first_ms > 0)
		return call->first_ms;
	if (c->answered_ms > since_ms)
		since_ms = c->answered_ms;
	return c->woke_ms > since_ms ? c->woke_ms : since_ms;
}

int64_t client_bound_ms(const struct call *call)
{
	return call->bound_ms > 0 ? call->bound_ms : BOUND_MS;
}

/* Nothing of it went out: whoever did holds the slots, and has a network as little. */
static struct call *find_overdue(struct client *c, int64_t now_ms)
{
	pthread_mutex_lock(&c->lock);
	struct call *call = c->live.head;
	while (call && !(call->state == CALL_WAITING && call->first_ms == 0 &&
	                 now_ms - client_waits_since(c, call) >= client_bound_ms(call) - NEAR_MS))
		call = call->next_live;
	pthread_mutex_unlock(&c->lock);
	return call;
}

void client_end_overdue(struct client *c, const struct qx_fail *fail)
{
	const struct qx_fail why = *fail; /* its call may be freed by the first on_done */

	if (client_is_reachable(c))
		return;
	for (struct call *call; (call = find_overdue(c, sys_now_ms()));) {
		call->fail = why;
		call->fail.unsure = false; /* nothing of it can have arrived */
		client_end_queued(c, call);
	}
}

/* --- a look ---------------------------------------------------------------------------------- */

static void looked(struct call *call)
{
	struct client *c = call->client;

	c->looking = false;
	call_clear(call);
}

static void look(struct task *task)
{
	struct client *c = container_of(task, struct client, look);

	pthread_mutex_lock(&c->lock);
	bool wanted = !c->stopping && !c->view.reachable;
	pthread_mutex_unlock(&c->lock);
	if (!wanted || c->looking || (c->gate.closed && !c->gate.doubted))
		return;
	c->looking = true;
	c->look_call = (struct call){
		.ep = EP_WHOAMI,
		.class = CLASS_BACKGROUND,
		.uid = geteuid(),
		.bound_ms = LOOK_BOUND_MS,
		.sink_fd = -1,
		.on_done = looked,
	};
	client_begin(c, &c->look_call);
	client_dispatch(c);
}

void client_look(struct client *c)
{
	if (!client_is_reachable(c))
		http_post(c->http, &c->look);
}

/* --- it is back ------------------------------------------------------------------------------ */

void client_on_back(struct client *c, enum client_back who, client_back_fn *fn, void *arg)
{
	client_set_hook(c, &c->on_back[who], (struct hook){ fn, arg });
}

void client_tell_back(struct client *c)
{
	for (int who = 0; who < BACK_N_; who++)
		client_tell(c, &c->on_back[who]);
}

int64_t client_back_ms(struct client *c)
{
	pthread_mutex_lock(&c->lock);
	int64_t ms = c->back_ms;
	pthread_mutex_unlock(&c->lock);
	return ms;
}

/* The first that waits because its last attempt found no network, and not for its moment alone. */
static struct call *find_delayed(struct client *c)
{
	pthread_mutex_lock(&c->lock);
	struct call *call = c->live.head;
	while (call && !(call->state == CALL_WAITING && call->fail.unreachable &&
	                 call->ticket.not_before_ms > 0))
		call = call->next_live;
	pthread_mutex_unlock(&c->lock);
	return call;
}

void client_is_back(struct client *c)
{
	for (struct call *call; (call = find_delayed(c));) {
		(void)governor_withdraw(c->governor, &call->ticket); /* it waits */
		call->ticket.not_before_ms = 0;
		governor_queue(c->governor, &call->ticket);
	}
	pthread_mutex_lock(&c->lock);
	c->back_ms = sys_now_ms();
	pthread_mutex_unlock(&c->lock);
	client_tell_back(c);
}

/* --- the machine has slept ------------------------------------------------------------------- */

/* What a call may take is meant while the machine is awake: else each that was under way would be
 * over its bound, and none tried again. */
static void slept(void *arg, int64_t ms)
{
	struct client *c = arg;

	log_info("client", "the machine slept for %lld s: all connections are made anew",
	         (long long)ms / 1000);
	int64_t now_ms = sys_now_ms();
	c->woke_ms = now_ms;
	pthread_mutex_lock(&c->lock);
	for (struct call *call = c->live.head; call; call = call->next_live)
		if (call->first_ms > 0) /* some may have begun since */
			call->first_ms =
				call->first_ms + ms < now_ms ? call->first_ms + ms : now_ms;
	pthread_mutex_unlock(&c->lock);
	gate_slept(&c->gate, ms, now_ms);
}

void client_away_init(struct client *c)
{
	c->look.fn = look;
	http_on_sleep(c->http, slept, c);
}
