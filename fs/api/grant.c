/* grant.c: an OAuth client and its bearer. */
#include "grant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <qxfs/base/buf.h>

#define BEARER_MAX 8192
#define LIFETIME_S 3599 /* when the service names none */
#define LIFETIME_MAX_S 86400
#define EARLY_MAX_MS 300000 /* before its end, or a tenth of its life, a new one is minted */
#define GUARD_MAX_MS 10000  /* or a twentieth: a call is under way that long */
#define PUT_OFF_MS 60000    /* who was refused asks once a minute */
#define REST_MS 10000       /* a login page on the way: who has logged in there tries again */
#define SHORTEST_MS 1000    /* else one of no life would be a mint for every call */

int grant_new(const struct oauth_client *client, struct grant **ret)
{
	struct buf form = { 0 };
	struct grant *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	buf_add_str(&form, "grant_type=client_credentials");
	if (client->scope) {
		buf_add_str(&form, "&scope=");
		buf_add_url(&form, client->scope);
	}
	g->form = buf_steal(&form);
	g->basic = secret_new_basic(client->id, client->secret);
	if (!g->form || !g->basic) {
		grant_free(g);
		return -ENOMEM;
	}
	g->secret = client->secret;
	*ret = g;
	return 0;
}

static void drop(struct grant *g)
{
	bearer_unref(g->current);
	g->current = NULL;
}

void grant_free(struct grant *g)
{
	if (!g)
		return;
	drop(g);
	secret_free(g->basic);
	secret_free(g->secret);
	free(g->form);
	free(g);
}

void bearer_unref(struct bearer *b)
{
	if (!b || --b->users > 0)
		return;
	secret_free(b->text);
	free(b);
}

bool grant_is_good(const struct grant *g, int64_t now_ms)
{
	return g->current && now_ms < g->end_ms;
}

struct bearer *grant_lend(struct grant *g, int64_t now_ms)
{
	if (!grant_is_good(g, now_ms))
		return NULL;
	g->current->users++;
	return g->current;
}

bool grant_is_old(const struct grant *g, int64_t now_ms)
{
	return !grant_is_good(g, now_ms) || now_ms >= g->renew_ms;
}

static int64_t at_most(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool is_bearer(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return len > 0 && len <= BEARER_MAX;
}

static int64_t lifetime_ms(const struct json *answer)
{
	int64_t s;

	if (!json_int(answer, "expires_in", &s))
		s = LIFETIME_S;
	return (s < 0 ? 0 : at_most(s, LIFETIME_MAX_S)) * 1000;
}

int grant_take(struct grant *g, const struct json *answer, int64_t asked_ms, int64_t now_ms)
{
	const char *text = json_str(answer, "access_token");
	const char *type = json_str(answer, "token_type");
	int64_t life_ms = lifetime_ms(answer);

	if (!text || !is_bearer(text) || (type && strcasecmp(type, "Bearer") != 0))
		return -EBADMSG;
	char *copy = strdup(text);
	struct bearer *b = calloc(1, sizeof(*b));
	if (copy && b)
		b->text = secret_new(copy); /* wipes it */
	secret_free_text(copy);
	if (!b || !b->text) {
		free(b);
		return -ENOMEM;
	}
	b->users = 1;
	g->rests_ms = 0;
	drop(g);
	g->current = b;
	g->renew_ms = asked_ms + life_ms - at_most(life_ms / 10, EARLY_MAX_MS);
	g->end_ms = asked_ms + life_ms - at_most(life_ms / 20, GUARD_MAX_MS);
	if (g->end_ms < now_ms + SHORTEST_MS)
		g->end_ms = now_ms + SHORTEST_MS;
	return 0;
}

void grant_put_off(struct grant *g, int64_t now_ms)
{
	g->renew_ms = now_ms + PUT_OFF_MS; /* its end comes first, if it comes before */
}

void grant_rest(struct grant *g, int64_t now_ms, const struct qx_fail *fail)
{
	g->rests_ms = now_ms + REST_MS;
	g->fail = *fail;
}

bool grant_rests(const struct grant *g, int64_t now_ms)
{
	return now_ms < g->rests_ms;
}

bool grant_refused(struct grant *g, const struct bearer *b)
{
	bool accepted = b->accepted;

	if (g->current != b) /* who was refused before has seen to it */
		return true;
	drop(g);
	return accepted;
}
