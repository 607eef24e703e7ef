/* check_oauth.c: an OAuth client that mints its own bearers, against the scripted server of
 * check_http.c: how many mints there are, who waits for them, what is said, where the secret goes.
 */
#define SERVER_ONLY
#include "check_http.c"

#include <qxfs/api/client.h>
#include <qxfs/base/log.h>

#include "../../fs/api/client_private.h"
#include "../../fs/api/grant.h"
#include "asked.h"

#define CLIENT_ID "client0123"
#define BASIC "Y2xpZW50MDEyMzpjYW5hcnkwMTIzNDU2Nzg5Y2FuYXJ5MDEyMzQ1Njc4OWNhbmFyeTAx"
#define MINT "POST /oauth2/token HTTP/1.1"

static struct client *client_of(const char *base, int requests)
{
	struct client_config config = {
		.oauth = { .id = CLIENT_ID,
		           .secret = make_token(),
		           .scope = "read:surveys manage:all" },
		.limits = { .requests = requests,
		            .jobs = 15,
		            .brand_per_minute = 3000,
		            .share = 0.8 },
	};
	struct qx_fail fail;
	struct client *c;

	assert_int_equal(url_parse_base(base, &config.base, &fail), 0);
	assert_int_equal(client_new(&config, &c), 0);
	return c;
}

static struct client *make_client(struct world *w, const char *base)
{
	(void)w;
	return client_of(base, 30);
}

static int setup(void **state)
{
	return world_setup(state, make_client);
}

static void begin(struct world *w, struct asked *a, enum endpoint ep, int64_t bound_ms)
{
	const struct call call = { .ep = ep,
		                   .class = ep == EP_SURVEY ? CLASS_IMPORT : CLASS_PERSON,
		                   .args = { ep == EP_SURVEY ? "SV_1" : NULL },
		                   .bound_ms = bound_ms };

	asked_init(a, &call);
	client_start(w->client, &a->call);
}

static struct qx_fail end(struct asked *a)
{
	asked_await(a);
	struct qx_fail fail = a->call.fail;
	assert_null(a->call.bearer);
	asked_done(a);
	return fail;
}

/* So many calls at once, and each is refused; ret: in what words. */
static void ask_and_be_refused(struct world *w, size_t n, struct qx_fail *ret)
{
	struct asked *calls = calloc(n, sizeof(*calls));

	assert_non_null(calls);
	for (size_t i = 0; i < n; i++)
		begin(w, &calls[i], EP_WHOAMI, 0);
	for (size_t i = 0; i < n; i++) {
		ret[i] = end(&calls[i]);
		assert_int_equal(ret[i].err, EACCES);
		assert_int_equal(ret[i].http, 401);
	}
	free(calls);
}

static struct qx_fail ask(struct world *w)
{
	struct asked a;
	begin(w, &a, EP_WHOAMI, 0);
	return end(&a);
}

static int mints(struct world *w)
{
	return server_count(&w->server, MINT);
}

static struct client_view view_of(struct world *w)
{
	struct client_view view;
	client_view(w->client, &view);
	return view;
}

/* The text lives until the next but sixteen. */
static const char *reply(const char *status, const char *body)
{
	static char texts[16][800];
	static size_t next;
	char *text = texts[next++ % countof(texts)];
	int n = snprintf(text, sizeof(texts[0]),
	                 "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
	                 "Content-Length: %zu\r\n\r\n%s",
	                 status, strlen(body), body);
	assert_in_range(n, 1, sizeof(texts[0]) - 1);
	return text;
}

#define GOOD reply("200 OK", "{\"result\":{\"id\":\"x\"},\"meta\":{}}")
#define TOKEN(text) \
	reply("200 OK", "{\"access_token\":\"" text \
	                "\",\"token_type\":\"Bearer\",\"expires_in\":3599,\"scope\":\"x\"}")
#define REFUSED(code) \
	reply("401 No", "{\"meta\":{\"error\":{\"errorMessage\":\"No.\",\"errorCode\":\"" code \
	                "\"},\"requestId\":\"\"}}")

/* Mints "one", then "two"; "one" is good `accepted` times, `later` says what it is then. */
static void script(struct world *w, int accepted, const char *later, const char *two)
{
	struct step steps[] = {
		{ .when = MINT, .send = TOKEN("one"), .times = 1 },
		{ .when = MINT, .send = TOKEN("two"), .times = 1 },
		{ .when = "Bearer one\r\n", .send = GOOD, .times = accepted },
		{ .when = "Bearer one\r\n", .send = later },
		{ .when = "Bearer two\r\n", .send = two },
		{ .when = MINT, .send = TOKEN("three") },
		{ .send = GOOD },
	};
	server_script(&w->server, steps, countof(steps));
}

/* --- how it asks ----------------------------------------------------------------------------- */

static void test_the_secret_mints_and_the_bearer_asks(void **state)
{
	struct world *w = *state;

	script(w, 2, GOOD, GOOD);
	assert_int_equal(ask(w).err, 0);
	assert_int_equal(ask(w).err, 0);
	assert_int_equal(mints(w), 1);
	assert_int_equal(server_count(&w->server, "Authorization: Basic " BASIC "\r\n"), 1);
	assert_int_equal(server_count(&w->server, "Authorization: Bearer one\r\n"), 2);
	assert_int_equal(server_count(&w->server,
	                              "\r\n\r\ngrant_type=client_credentials&scope=read%3Asurveys%"
	                              "20manage%3Aall"),
	                 1);
	assert_int_equal(server_count(&w->server, "application/x-www-form-urlencoded"), 1);
	assert_int_equal(server_count(&w->server, "X-API-TOKEN"), 0);
	assert_int_equal(server_count(&w->server, CANARY), 0);
}

/* A hundred calls wait for one mint; they hold no slot of a request, nor of a job. */
static void test_all_wait_for_one_mint(void **state)
{
	struct world *w = *state;
	struct asked calls[100];

	server_says(&w->server, "", HANG);
	for (size_t i = 0; i < countof(calls); i++)
		begin(w, &calls[i], i % 2 ? EP_WHOAMI : EP_SURVEY, 0);
	server_await_requests(&w->server, 1);
	client_cancel(w->client, &calls[0].call);
	assert_int_equal(end(&calls[0]).err, ECANCELED); /* it is attended to: so are the others */
	assert_int_equal(view_of(w).governor.requests, 1);
	assert_int_equal(view_of(w).governor.waiting, 0);
	assert_int_equal(server_requests(&w->server), 1);

	client_stop(w->client);
	for (size_t i = 1; i < countof(calls); i++)
		assert_int_equal(end(&calls[i]).err, ECANCELED);
}

static void test_calls_that_waited_go_out_when_it_came(void **state)
{
	struct world *w = *state;
	struct asked calls[60];

	script(w, 0, GOOD, GOOD);
	for (size_t i = 0; i < countof(calls); i++)
		begin(w, &calls[i], EP_WHOAMI, 0);
	for (size_t i = 0; i < countof(calls); i++)
		assert_int_equal(end(&calls[i]).err, 0);
	assert_int_equal(mints(w), 1);
	assert_int_equal(server_count(&w->server, "Bearer one\r\n"), 60);
}

/* What was sent with a bearer that has ended when it is to be sent again. It was given the one slot
 * that there is, which the mint needs. */
static void test_who_is_parked_in_between_goes_on_with_the_next_one(void **state)
{
	struct world *w = *state;
	struct asked calls[5];
	char base[sizeof(w->client->base.origin)];
	struct step steps[] = {
		{ .when = MINT,
		  .send = reply("200 OK", "{\"access_token\":\"one\",\"expires_in\":2}"),
		  .times = 1 },
		{ .when = MINT, .send = TOKEN("two") },
		{ .when = "Bearer one\r\n",
		  .send = "HTTP/1.1 503 No\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n",
		  .times = 1 },
		{ .when = "Bearer two\r\n", .send = GOOD },
	};

	memcpy(base, w->client->base.origin, sizeof(base));
	client_free(w->client);
	w->client = client_of(base, 1);
	server_script(&w->server, steps, countof(steps));
	begin(w, &calls[0], EP_WHOAMI, 0);
	server_await_requests(&w->server, 2);
	assert_int_equal(end(&calls[0]).err, 0);
	assert_int_equal(mints(w), 2);
	assert_int_equal(server_count(&w->server, "Bearer one\r\n"), 1);
	for (size_t i = 0; i < countof(calls); i++)
		begin(w, &calls[i], EP_WHOAMI, 0);
	for (size_t i = 0; i < countof(calls); i++)
		assert_int_equal(end(&calls[i]).err, 0);
	assert_int_equal(mints(w), 2);
	assert_int_equal(view_of(w).governor.requests, 0);
}

/* Nobody else's end is theirs. */
static void test_each_of_the_parked_can_be_cancelled(void **state)
{
	struct world *w = *state;
	struct asked calls[3];

	server_says(&w->server, "", HANG);
	for (size_t i = 0; i < countof(calls); i++)
		begin(w, &calls[i], EP_WHOAMI, 0);
	server_await_requests(&w->server, 1);
	client_cancel(w->client, &calls[1].call);
	assert_int_equal(end(&calls[1]).err, ECANCELED);
	pthread_mutex_lock(&calls[0].lock);
	assert_int_equal(calls[0].done, 0);
	pthread_mutex_unlock(&calls[0].lock);
	client_cancel(w->client, &calls[0].call);
	client_cancel(w->client, &calls[2].call);
	assert_int_equal(end(&calls[0]).err, ECANCELED);
	assert_int_equal(end(&calls[2]).err, ECANCELED);
	assert_int_equal(server_requests(&w->server), 1);
	assert_int_equal(view_of(w).governor.requests, 1); /* the mint goes on */
}

/* --- when it is refused ---------------------------------------------------------------------- */

static void check_renewed(struct world *w, const char *later)
{
	struct asked calls[20];

	script(w, 1, later, GOOD);
	assert_int_equal(ask(w).err, 0);
	for (size_t i = 0; i < countof(calls); i++)
		begin(w, &calls[i], EP_WHOAMI, 0);
	for (size_t i = 0; i < countof(calls); i++)
		assert_int_equal(end(&calls[i]).err, 0);
	assert_int_equal(mints(w), 2);
	assert_false(view_of(w).token_refused);
}

static void test_many_that_are_refused_together_mint_once(void **state)
{
	check_renewed(*state, REFUSED("AUTH_6.0"));
}

static void test_one_that_is_forgotten_is_minted_anew(void **state)
{
	check_renewed(*state, REFUSED("DCD_7"));
}

static void test_a_call_is_repeated_once(void **state)
{
	struct world *w = *state;
	struct qx_fail fails[10];

	script(w, 1, REFUSED("AUTH_6.0"), REFUSED("AUTH_6.0"));
	assert_int_equal(ask(w).err, 0);
	ask_and_be_refused(w, countof(fails), fails);
	assert_int_equal(mints(w), 2);
	assert_true(view_of(w).token_refused);
	int requests = server_requests(&w->server);
	assert_int_equal(ask(w).err, EACCES); /* the gate is closed */
	assert_int_equal(server_requests(&w->server), requests);
}

/* Whatever becomes of others: one path that is refused for ever must not mint for ever. */
static void test_a_call_is_repeated_once_though_others_are_accepted(void **state)
{
	struct world *w = *state;
	struct asked refused, accepted;
	struct step steps[] = {
		{ .when = MINT, .send = TOKEN("one") },
		{ .when = "/surveys/", .send = REFUSED("AUTH_6.0") },
		{ .send = GOOD },
	};
	char base[sizeof(w->client->base.origin)];

	memcpy(base, w->client->base.origin, sizeof(base));
	client_free(w->client);
	w->client = client_of(base, 1); /* one after the other */
	server_script(&w->server, steps, countof(steps));
	assert_int_equal(ask(w).err, 0);
	begin(w, &refused, EP_SURVEY, 0);
	begin(w, &accepted, EP_WHOAMI, 0); /* goes before the repetition, for it is a person's */
	assert_int_equal(end(&accepted).err, 0);
	assert_int_equal(end(&refused).err, EACCES);
	assert_int_equal(mints(w), 2);
}

static void test_another_data_centre_is_named_and_not_asked_again(void **state)
{
	struct world *w = *state;

	server_script(&w->server,
	              (struct step[]){ { .when = MINT, .send = TOKEN("one") },
	                               { .send = REFUSED("DCD_7") } },
	              2);
	struct qx_fail fail = ask(w);
	assert_int_equal(fail.err, EACCES);
	assert_int_equal(fail.http, 401);
	assert_non_null(strstr(fail.why, "another data centre"));
	assert_non_null(strstr(fail.remedy, "data centre: give that host to qxfs login"));
	assert_int_equal(server_requests(&w->server), 2);
	assert_true(view_of(w).token_refused); /* that the mint succeeded opens no gate */
	assert_true(view_of(w).oauth);

	/* The probe a minute later mints, and is refused, once more. */
	int64_t closed_ms = w->client->gate.closed_ms -= 1000; /* no call goes out just then */
	w->client->gate.probe_ms = 0;
	assert_int_equal(ask(w).err, EACCES);
	assert_int_equal(w->client->gate.closed_ms, closed_ms);
	assert_int_equal(server_requests(&w->server), 4);
}

static void check_mint_refused(struct world *w, const char *answer)
{
	struct qx_fail fails[8];

	server_says(&w->server, answer, KEEP);
	ask_and_be_refused(w, countof(fails), fails);
	for (size_t i = 0; i < countof(fails); i++) {
		assert_non_null(strstr(fails[i].why, "OAuth client"));
		assert_null(strstr(fails[i].why, "canary"));
		assert_null(strstr(fails[i].why, "Y2xpZW50"));
		assert_non_null(strstr(fails[i].remedy, "OAuth Client Manager"));
	}
	assert_int_equal(server_requests(&w->server), 1);
	assert_true(view_of(w).token_refused);
	assert_int_equal(ask(w).err, EACCES);
	assert_int_equal(server_requests(&w->server), 1);
}

static void test_a_client_that_is_refused_is_told_with_its_secret_masked(void **state)
{
	check_mint_refused(*state,
	                   reply("401 No", "{\"error\":\"invalid_client\","
	                                   "\"error_description\":\"" CANARY " " BASIC "\"}"));
}

static void test_a_client_without_its_scope_is_refused_as_well(void **state)
{
	check_mint_refused(*state, reply("400 Bad", "{\"error\":\"invalid_scope\"}"));
}

/* --- when it fails --------------------------------------------------------------------------- */

static void test_a_mint_that_fails_is_tried_again(void **state)
{
	struct world *w = *state;
	struct step steps[] = {
		{ .when = MINT, .send = reply("503 No", "{}"), .times = 2 },
		{ .when = MINT, .send = TOKEN("one") },
		{ .send = GOOD },
	};

	server_script(&w->server, steps, countof(steps));
	assert_int_equal(ask(w).err, 0);
	assert_int_equal(mints(w), 3);
}

/* Who comes soon is told the same, without a mint; later, it is asked for again. */
static void rests(struct world *w, const char *why)
{
	int requests = server_requests(&w->server);

	for (int i = 0; i < 20; i++) {
		struct qx_fail fail = ask(w);
		assert_int_equal(fail.err, EIO);
		assert_string_equal(fail.why, why);
	}
	assert_int_equal(server_requests(&w->server), requests);
	w->client->grant->rests_ms = 0;
}

static void test_what_is_no_token_is_not_sent(void **state)
{
	struct world *w = *state;
	static const char *const bodies[] = {
		"{\"access_token\":\"a b\",\"token_type\":\"Bearer\"}",
		"{\"access_token\":\"a\\r\\nX: y\"}",
		"{\"access_token\":\"\"}",
		"{\"access_token\":\"a\",\"token_type\":\"mac\"}",
	};

	for (size_t i = 0; i < countof(bodies); i++) {
		server_says(&w->server, reply("200 OK", bodies[i]), KEEP);
		struct qx_fail fail = ask(w);
		assert_int_equal(fail.err, EIO);
		assert_non_null(strstr(fail.why, "no access token"));
		rests(w, fail.why);
	}
	assert_int_equal(mints(w), countof(bodies));
	assert_int_equal(server_count(&w->server, "Bearer"), 0);
}

static void test_who_waits_no_longer_than_his_bound(void **state)
{
	struct world *w = *state;
	struct asked patient, impatient;

	server_says(&w->server, "", RESET);
	begin(w, &patient, EP_WHOAMI, 0);
	begin(w, &impatient, EP_WHOAMI, 300);
	struct qx_fail fail = end(&impatient);
	assert_true(fail.unreachable);
	pthread_mutex_lock(&patient.lock);
	assert_int_equal(patient.done, 0);
	pthread_mutex_unlock(&patient.lock);
	client_cancel(w->client, &patient.call);
	assert_int_equal(end(&patient).err, ECANCELED);
}

/* He comes when the mint already waits for its next attempt. */
static void test_who_comes_late_waits_no_longer_either(void **state)
{
	struct world *w = *state;
	struct asked patient, first, late;

	server_says(&w->server, "", RESET);
	begin(w, &patient, EP_WHOAMI, 0);
	begin(w, &first, EP_WHOAMI, 1);
	assert_true(end(&first).unreachable);
	int requests = server_requests(&w->server);
	begin(w, &late, EP_WHOAMI, 1);
	assert_true(end(&late).unreachable);
	assert_int_equal(server_requests(&w->server), requests);
	client_cancel(w->client, &patient.call);
	assert_int_equal(end(&patient).err, ECANCELED);
}

/* What somebody on the way says is nothing of the thing, and no reason to ask no more. */
static void test_a_mint_that_goes_astray_refuses_nobody(void **state)
{
	struct world *w = *state;
	static const char *const statuses[] = { "403 No", "404 No", "413 No" };

	for (size_t i = 0; i < countof(statuses); i++) {
		server_says(&w->server, reply(statuses[i], "{}"), KEEP);
		struct qx_fail fail = ask(w);
		assert_int_equal(fail.err, EIO);
		assert_int_equal(fail.http, 502);
		assert_non_null(strstr(fail.why, "no token was given"));
		assert_false(view_of(w).token_refused);
		rests(w, fail.why);
	}
	assert_int_equal(mints(w), countof(statuses));
	script(w, 1, GOOD, GOOD);
	assert_int_equal(ask(w).err, 0);
}

/* The service may answer the next one: 503 and the like are no word about tokens. */
static void test_a_mint_that_fails_for_the_moment_is_asked_for_again(void **state)
{
	struct world *w = *state;

	server_says(&w->server, reply("503 No", "{}"), KEEP);
	assert_int_equal(ask(w).http, 503);
	script(w, 1, GOOD, GOOD);
	assert_int_equal(ask(w).err, 0);
}

/* The renewal fails, and is not tried again for each call. */
static void assert_asked_on(struct world *w)
{
	assert_int_equal(ask(w).err, 0);
	w->client->grant->renew_ms = 0;
	for (int i = 0; i < 30; i++)
		assert_int_equal(ask(w).err, 0);
	assert_int_equal(mints(w), 2);
}

static void test_a_renewal_that_goes_astray_stops_nothing(void **state)
{
	struct world *w = *state;
	struct step steps[] = {
		{ .when = MINT, .send = TOKEN("one"), .times = 1 },
		{ .when = MINT, .send = reply("403 No", "{}"), .times = 1 },
		{ .when = MINT, .send = TOKEN("two") },
		{ .send = GOOD },
	};

	server_script(&w->server, steps, countof(steps));
	assert_asked_on(w);
	w->client->grant->end_ms = 0; /* now one is needed, and asked for */
	assert_int_equal(ask(w).err, 0);
	assert_int_equal(mints(w), 3);
}

static void test_a_renewal_that_is_refused_stops_nothing(void **state)
{
	struct world *w = *state;
	struct step steps[] = {
		{ .when = MINT, .send = TOKEN("one"), .times = 1 },
		{ .when = MINT, .send = reply("401 No", "{\"error\":\"invalid_client\"}") },
		{ .send = GOOD },
	};

	server_script(&w->server, steps, countof(steps));
	assert_asked_on(w);
	assert_false(view_of(w).token_refused);
	w->client->grant->end_ms = 0; /* now it is told */
	assert_int_equal(ask(w).err, EACCES);
	assert_int_equal(mints(w), 3);
	assert_true(view_of(w).token_refused);
}

static void test_the_secret_goes_nowhere_else(void **state)
{
	struct world *w = *state;
	struct server other;
	char text[300];

	server_start(&other);
	server_says(&other, TOKEN("one"), KEEP);
	snprintf(text, sizeof(text),
	         "HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:%d/oauth2/token\r\n"
	         "Content-Length: 0\r\n\r\n",
	         other.port);
	server_says(&w->server, text, KEEP);
	assert_int_equal(ask(w).err, EIO);
	assert_int_equal(server_requests(&w->server), 1);
	assert_int_equal(server_accepted(&other), 0);
	server_end(&other);
}

static void test_a_notice_moves_no_oauth_client(void **state)
{
	struct world *w = *state;
	const struct call call = { .ep = EP_WHOAMI };
	struct asked a;

	client_free(w->client);
	w->client = client_of("co1.qualtrics.com", 30);
	asked_init(&a, &call);
	a.call.client = w->client;
	a.call.state = CALL_FLYING;
	w->client->live.head = w->client->live.tail = &a.call;
	a.call.transfer = (struct transfer){ .url = "https://co1.qualtrics.com/",
		                             .sink_fd = -1,
		                             .outcome = OUTCOME_ANSWERED,
		                             .status = 200,
		                             .retry_after_s = -1 };
	buf_add_str(&a.call.transfer.answer,
	            "{\"result\":{},\"meta\":{\"notice\":\"use this host instead: "
	            "az1.qualtrics.com\"}}");
	answer_came(&a.call.transfer);
	assert_int_equal(end(&a).err, 0);
	assert_string_equal(w->client->base.origin, "https://co1.qualtrics.com");
}

/* --- how long it lasts: no network ----------------------------------------------------------- */

static struct grant *make_grant(void)
{
	struct grant *g;
	const struct oauth_client client = { .id = "id", .secret = make_token() };
	assert_int_equal(grant_new(&client, &g), 0);
	return g;
}

static void take(struct grant *g, const char *text, int64_t asked_ms, int64_t now_ms)
{
	struct json *answer;
	assert_int_equal(json_parse(text, strlen(text), &answer), 0);
	assert_int_equal(grant_take(g, answer, asked_ms, now_ms), 0);
	json_free(answer);
}

static bool can_lend(struct grant *g, int64_t now_ms)
{
	struct bearer *b = grant_lend(g, now_ms);
	bearer_unref(b);
	return b != NULL;
}

static void test_a_bearer_is_renewed_before_its_end(void **state)
{
	(void)state;
	struct grant *g = make_grant();

	assert_string_equal(g->form, "grant_type=client_credentials");
	assert_false(can_lend(g, 0));
	assert_true(grant_is_old(g, 0));
	take(g, "{\"access_token\":\"a\",\"expires_in\":3600}", 1000, 1500);
	assert_true(can_lend(g, 1500));
	assert_false(grant_is_old(g, 1000 + 3600000 - 300001));
	assert_true(grant_is_old(g, 1000 + 3600000 - 300000));
	grant_put_off(g, 1000 + 3600000 - 300000);
	assert_false(grant_is_old(g, 1000 + 3600000 - 300000 + 59999));
	assert_true(grant_is_old(g, 1000 + 3600000 - 300000 + 60000));
	assert_true(can_lend(g, 1000 + 3600000 - 10001));
	assert_false(can_lend(g, 1000 + 3600000 - 10000));
	grant_free(g);
}

static void test_odd_lifetimes_are_bounded(void **state)
{
	(void)state;
	struct grant *g = make_grant();

	take(g, "{\"access_token\":\"a\",\"expires_in\":-5}", 0, 7000);
	assert_true(can_lend(g, 7999)); /* else who waited for it would wait again, for ever */
	assert_false(can_lend(g, 8000));
	take(g, "{\"access_token\":\"a\",\"expires_in\":99999999999999}", 0, 0);
	assert_true(can_lend(g, 86389999));
	assert_false(can_lend(g, 86390000));
	take(g, "{\"access_token\":\"a\",\"expires_in\":\"soon\"}", 0, 0);
	assert_true(can_lend(g, 3500000));
	assert_false(can_lend(g, 3599000));
	grant_free(g);
}

static void test_one_that_was_never_accepted_is_not_worth_another(void **state)
{
	(void)state;
	struct grant *g = make_grant();

	take(g, "{\"access_token\":\"a\"}", 0, 0);
	struct bearer *a = grant_lend(g, 1);
	assert_false(grant_refused(g, a));
	assert_false(can_lend(g, 1));
	assert_true(grant_refused(g, a)); /* the next one to come: another may be there by now */
	take(g, "{\"access_token\":\"b\"}", 0, 0);
	struct bearer *b = grant_lend(g, 1);
	assert_string_equal(secret_reveal(a->text), "a"); /* as long as a call has it */
	b->accepted = true;
	assert_true(grant_refused(g, a)); /* which touches not the current one */
	assert_true(can_lend(g, 1));
	assert_true(grant_refused(g, b));
	assert_false(can_lend(g, 1));
	bearer_unref(a);
	bearer_unref(b);
	grant_free(g);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
	log_setup(LOG_LEVEL_ERROR, false);
	const struct CMUnitTest tests[] = {
		test(test_the_secret_mints_and_the_bearer_asks),
		test(test_all_wait_for_one_mint),
		test(test_calls_that_waited_go_out_when_it_came),
		test(test_who_is_parked_in_between_goes_on_with_the_next_one),
		test(test_each_of_the_parked_can_be_cancelled),
		test(test_many_that_are_refused_together_mint_once),
		test(test_one_that_is_forgotten_is_minted_anew),
		test(test_a_call_is_repeated_once),
		test(test_a_call_is_repeated_once_though_others_are_accepted),
		test(test_another_data_centre_is_named_and_not_asked_again),
		test(test_a_client_that_is_refused_is_told_with_its_secret_masked),
		test(test_a_client_without_its_scope_is_refused_as_well),
		test(test_a_mint_that_fails_is_tried_again),
		test(test_what_is_no_token_is_not_sent),
		test(test_who_waits_no_longer_than_his_bound),
		test(test_who_comes_late_waits_no_longer_either),
		test(test_a_mint_that_goes_astray_refuses_nobody),
		test(test_a_mint_that_fails_for_the_moment_is_asked_for_again),
		test(test_a_renewal_that_goes_astray_stops_nothing),
		test(test_a_renewal_that_is_refused_stops_nothing),
		test(test_the_secret_goes_nowhere_else),
		test(test_a_notice_moves_no_oauth_client),
		cmocka_unit_test(test_a_bearer_is_renewed_before_its_end),
		cmocka_unit_test(test_odd_lifetimes_are_bounded),
		cmocka_unit_test(test_one_that_was_never_accepted_is_not_worth_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
