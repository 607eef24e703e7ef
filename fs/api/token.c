/* token.c: what is told of a token, or of an OAuth client, that is refused and accepted again. */
#include "client_private.h"

#include <stdio.h>

void client_token_init(struct client *c, const struct client_config *config)
{
	if (!config->doubted)
		return;
	gate_doubt(&c->gate);
	c->view.token_refused = true; /* nobody else knows the client yet */
	c->token_told = TOKEN_DOUBTED;
}

static void tell_event(struct client *c, bool refused)
{
	struct event event = { .kind = EVENT_TOKEN_ACCEPTED };

	if (refused) {
		event.kind = EVENT_TOKEN_REFUSED;
		event.fail = c->gate.fail;
	}
	(void)snprintf(event.subject, sizeof(event.subject), "%s", c->base.host);
	(void)snprintf(event.words, sizeof(event.words), "%s",
	               refused ? "the token is refused; make a new one and mount again"
	                       : "the token is accepted again");
	events_tell(c->events, &event);
}

void client_tell_token(struct client *c)
{
	enum token_told now = c->gate.doubted  ? TOKEN_DOUBTED
	                      : c->gate.closed ? TOKEN_REFUSED
	                                       : TOKEN_ACCEPTED;
	if (now == c->token_told)
		return;
	c->token_told = now;
	tell_event(c, now == TOKEN_REFUSED);
	if (c->on_token)
		c->on_token(c->on_token_arg, now == TOKEN_REFUSED);
}

void client_on_token(struct client *c, client_token_fn *fn, void *arg)
{
	c->on_token = fn;
	c->on_token_arg = arg;
}

bool client_is_refused(struct client *c)
{
	pthread_mutex_lock(&c->lock);
	bool refused = c->view.token_refused;
	pthread_mutex_unlock(&c->lock);
	return refused;
}
