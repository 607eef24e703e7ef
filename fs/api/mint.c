/* mint.c: one mint for however many calls wait.
 *
 *     client_queue ─► a bearer? ─yes─► the governor
 *                        │ no                ▲
 *                        └─► parked ─ mint ──┴─► fails: so do they
 *
 * The mint is a call like others: its row of endpoints.c says how often, how again. It passes no
 * gate, for only calls that passed it wait for one; that it succeeds opens none, for the account
 * may refuse the bearer all the same. A bearer that is refused before it was ever accepted closes
 * the gate and is dropped, so that a client that the account does not know mints once for each
 * probe. A mint that is refused while what was minted before is still good closes none: calls go
 * on until that has ended, or is refused itself. Any other answer that will not change by being
 * asked for again (a login page, a 403 on the way) is kept, and told to all comers for a while.
 */
#include "client_private.h"

#include "grant.h"

#include <errno.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

static bool is_mint(const struct call *call)
{
	return endpoint_row(call->ep)->mints;
}

/* --- the mint -------------------------------------------------------------------------------- */

static int take(struct grant *g, struct call *mint, int64_t now_ms)
{
	int r = grant_take(g, mint->answer, mint->sent_ms, now_ms);

	if (r < 0) {
		fail_set(&mint->fail, r == -EBADMSG ? EIO : ENOMEM,
		         r == -EBADMSG ? "the service gave the OAuth client no access token that "
		                         "can be used"
		                       : "there is no memory left");
		fail_remedy(&mint->fail, "Try again; if it stays so, use an API token instead.");
	}
	return r;
}

/* An answer that will be the same for the next call. A refusal is no such: it closes the gate,
 * which lets a probe through when it is time. */
static bool is_final(const struct call *mint)
{
	const struct transfer *t = &mint->transfer;
	return t->outcome == OUTCOME_ANSWERED && t->status < 500 && t->status != 429 &&
	       mint->fail.http != 401;
}

static void on_minted(struct call *mint)
{
	struct client *c = mint->client;
	int64_t now_ms = sys_now_ms();
	bool good = mint->fail.err == 0 && take(c->grant, mint, now_ms) == 0;
	struct qx_fail fail = mint->fail;
	bool final = is_final(mint);

	log_debug("client", "oauth: %s", good ? "a new bearer" : "no new bearer");
	c->grant->minting = false;
	call_clear(mint);
	if (!good) {
		grant_put_off(c->grant, now_ms);
		if (final && !grant_is_good(c->grant, now_ms))
			grant_rest(c->grant, now_ms, &fail);
		client_fail(c, IN(CALL_PARKED), &fail);
		return;
	}
	/* Who is parked again, for the bearer has ended meanwhile, waits for the next one. */
	for (struct call *call; mint_is_ready(c) && (call = client_find(c, IN(CALL_PARKED)));)
		client_queue(c, call);
}

static void begin(struct client *c)
{
	if (c->grant->minting || grant_rests(c->grant, sys_now_ms()))
		return;
	c->grant->minting = true;
	c->mint = (struct call){
		.ep = EP_OAUTH_TOKEN,
		.class = CLASS_PERSON,
		.uid = geteuid(),
		.body = c->grant->form,
		.content_type = "application/x-www-form-urlencoded",
		.sink_fd = -1,
		.on_done = on_minted,
	};
	client_begin(c, &c->mint);
}

bool mint_is_ready(struct client *c)
{
	if (!c->grant)
		return true;
	bool good = grant_is_good(c->grant, sys_now_ms());
	if (!good)
		begin(c);
	return good;
}

/* --- what calls are sent with ---------------------------------------------------------------- */

bool mint_lend(struct client *c, struct call *call)
{
	int64_t now_ms = sys_now_ms();

	if (!c->grant || is_mint(call))
		return true;
	call->bearer = grant_lend(c->grant, now_ms);
	if (grant_is_old(c->grant, now_ms))
		begin(c);
	return call->bearer != NULL;
}

void mint_fill(const struct client *c, const struct call *call, struct transfer *t)
{
	if (is_mint(call)) {
		t->auth = AUTH_BASIC;
		t->token = c->grant->basic;
		t->hidden = c->grant->secret;
	} else if (c->grant) {
		t->auth = AUTH_BEARER;
		t->token = call->bearer->text;
	} else {
		t->auth = AUTH_TOKEN;
		t->token = c->token;
	}
}

void mint_return(struct call *call)
{
	bearer_unref(call->bearer);
	call->bearer = NULL;
}

void mint_accepted(struct call *call)
{
	if (call->bearer)
		call->bearer->accepted = true;
}

bool mint_is_early(const struct client *c, const struct call *call)
{
	return is_mint(call) && grant_is_good(c->grant, sys_now_ms());
}

bool mint_repeat(struct client *c, struct call *call)
{
	if (!call->bearer)
		return false;
	bool worth = grant_refused(c->grant, call->bearer);
	if (!worth || call->renewed || !gate_pass_again(&c->gate, call->first_ms))
		return false;
	call->renewed = true;
	client_retry(c, call, 0);
	return true;
}

/* --- patience -------------------------------------------------------------------------------- */

/* Who would still wait at next_ms, and may not. */
static struct call *find_overdue(struct client *c, int64_t next_ms)
{
	struct call *found = NULL;

	pthread_mutex_lock(&c->lock);
	for (struct call *call = c->live.head; call && !found; call = call->next_live) {
		int64_t bound_ms = call->bound_ms > 0 ? call->bound_ms : BOUND_MS;
		if (call->state == CALL_PARKED && call->first_ms + bound_ms < next_ms)
			found = call;
	}
	pthread_mutex_unlock(&c->lock);
	return found;
}

void mint_look(struct client *c)
{
	const struct call *mint = &c->mint;

	if (!c->grant->minting && grant_rests(c->grant, sys_now_ms()))
		client_fail(c, IN(CALL_PARKED), &c->grant->fail);
	if (!c->grant->minting || mint->state != CALL_WAITING || mint->attempts == 0)
		return;
	for (struct call *call; (call = find_overdue(c, mint->ticket.not_before_ms));) {
		call->fail = mint->fail;
		client_finish(c, call);
	}
}
