/* check_client.c: typed calls against the scripted server of check_http.c: what is retried, what is
 * said, where the token goes, and that every call ends exactly once. */
#define SERVER_ONLY
#include "check_http.c"

#include <fcntl.h>
#include <sched.h>

#include <qxfs/api/client.h>
#include <qxfs/base/log.h>

#include "../../fs/api/client_private.h"
#include "asked.h"

static void on_moved(void *arg, const char *new_origin)
{
	struct world *w = arg;
	assert(strcmp(new_origin, "https://az1.qualtrics.com") == 0);
	w->moved++;
}

static struct client *make_client(struct world *w, const char *base)
{
	struct client_config config = {
		.token = make_token(),
		.limits = { .requests = 30, .jobs = 15, .brand_per_minute = 3000, .share = 0.8 },
	};
	struct qx_fail fail;
	struct client *c;

	assert_int_equal(url_parse_base(base, &config.base, &fail), 0);
	assert_int_equal(client_new(&config, &c), 0);
	client_on_moved(c, on_moved, w);
	return c;
}

static int setup(void **state)
{
	return world_setup(state, make_client);
}

static void on_bytes(struct call *call, uint64_t written)
{
	struct asked *a = container_of(call, struct asked, call);
	assert(a->n_bytes < countof(a->bytes));
	a->bytes[a->n_bytes++] = written;
}

static void prepare(struct asked *a, enum endpoint ep)
{
	const struct call call = { .ep = ep, .on_bytes = on_bytes };

	asked_init(a, &call);
	const char *const args[] = { "SV_1", "ES_1" };
	size_t n = ep == EP_EXPORT_PROGRESS || ep == EP_EXPORT_FILE ? 2 : ep >= EP_SURVEY ? 1 : 0;
	for (size_t i = 0; i < n; i++)
		a->call.args[i] = args[i];
}

static void ask_prepared(struct world *w, struct asked *a)
{
	client_start(w->client, &a->call);
	asked_await(a);
}

static void ask(struct world *w, struct asked *a, enum endpoint ep)
{
	prepare(a, ep);
	ask_prepared(w, a);
}

static struct client_view view_of(struct world *w)
{
	struct client_view view;
	client_view(w->client, &view);
	return view;
}

/* A reply with its Content-Length; the text lives until the next but eight. */
static const char *reply(const char *status, const char *fields, const char *body)
{
	static char texts[8][2000];
	static size_t next;
	char *text = texts[next++ % countof(texts)];
	int n = snprintf(text, sizeof(texts[0]), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s",
	                 status, fields, strlen(body), body);
	assert_in_range(n, 1, sizeof(texts[0]) - 1);
	return text;
}

#define JSON "Content-Type: application/json\r\n"
#define GOOD \
	reply("200 OK", JSON, "{\"result\":{\"id\":\"x\"},\"meta\":{\"httpStatus\":\"200 - OK\"}}")
#define ERROR_BODY(message) \
	"{\"meta\":{\"httpStatus\":\"?\",\"error\":{\"errorMessage\":\"" message \
	"\",\"errorCode\":\"QX_7\"},\"requestId\":\"11111111-2222\"}}"

/* --- answers --------------------------------------------------------------------------------- */

static void test_a_good_answer_comes_with_its_result(void **state)
{
	struct world *w = *state;
	struct asked a;

	server_says(&w->server, GOOD, KEEP);
	prepare(&a, EP_SURVEY);
	a.call.query = "a=b";
	ask_prepared(w, &a);
	assert_int_equal(a.call.fail.err, 0);
	assert_int_equal(a.call.attempts, 1);
	assert_string_equal(json_str(a.call.answer, "result.id"), "x");
	assert_null(a.call.next_page);
	assert_int_equal(server_count(&w->server, "GET /API/v3/surveys/SV_1?a=b HTTP/1.1"), 1);
	assert_int_equal(server_count(&w->server, CANARY), 1);
	asked_done(&a);
	assert_int_equal(view_of(w).calls, 1);
	assert_int_equal(view_of(w).governor.requests, 0);
}

static void check_again(struct world *w, enum endpoint ep, const char *first, enum then then)
{
	struct asked a;
	struct step steps[] = { { .send = first, .then = then, .times = 1 }, { .send = GOOD } };
	int before = server_requests(&w->server);

	server_script(&w->server, steps, 2);
	prepare(&a, ep);
	a.call.body = ep == EP_EXPORT_START ? "{\"format\":\"csv\"}" : NULL;
	ask_prepared(w, &a);
	if (a.call.fail.err)
		fail_msg("%s: %s", first, a.call.fail.why);
	assert_int_equal(a.call.attempts, 2);
	assert_int_equal(server_requests(&w->server), before + 2);
	asked_done(&a);
}

static void test_passing_troubles_are_tried_again(void **state)
{
	struct world *w = *state;
	check_again(w, EP_WHOAMI, reply("503 Unavailable", "", "sorry"), KEEP);
	check_again(w, EP_WHOAMI, reply("500 Oops", JSON, ERROR_BODY("x")), KEEP);
	check_again(w, EP_WHOAMI, reply("429 Too Many", "Retry-After: soon\r\n", ""), KEEP);
	/* Not before its first byte: then libcurl itself asks again on a fresh connection. */
	check_again(w, EP_WHOAMI, "HTTP/1.1 200 OK\r\n", RESET);
	check_again(w, EP_WHOAMI, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"result\":{",
	            CLOSE);
	check_again(w, EP_WHOAMI, reply("200 OK", JSON, "{\"result\":{"), KEEP);
	check_again(w, EP_WHOAMI, reply("200 OK", JSON, "{\"result\":null}"), KEEP);
	check_again(w, EP_WHOAMI, reply("200 OK", "", ""), KEEP);
	check_again(w, EP_WHOAMI, reply("200 OK", "Content-Type: text/html\r\n", "<html>"), KEEP);
	check_again(w, EP_EXPORT_START, reply("504 Timeout", "", ""), KEEP);
	assert_int_equal(server_count(&w->server, "\r\n\r\n{\"format\":\"csv\"}"), 2);
	assert_int_equal(view_of(w).refused_429, 1);
	assert_int_equal(view_of(w).governor.jobs, 1);
}

static void test_retry_after_is_waited_for(void **state)
{
	struct world *w = *state;
	int64_t before_ms = sys_now_ms();
	check_again(w, EP_WHOAMI, reply("429 Too Many", "Retry-After: 0\r\n", ""), KEEP);
	assert_in_range(sys_now_ms() - before_ms, 1000, 3000);
}

static void test_a_login_page_is_no_answer(void **state)
{
	struct world *w = *state;
	struct asked a;

	server_says(&w->server,
	            reply("200 OK", "Content-Type: text/html\r\n", "<html>log in</html>"), KEEP);
	ask(w, &a, EP_WHOAMI);
	assert_int_equal(a.call.fail.err, EIO);
	assert_int_equal(a.call.attempts, 3);
	assert_non_null(strstr(a.call.fail.why, "answered with a web page instead of data"));
	assert_false(a.call.fail.unreachable);
	assert_null(a.call.answer);
	asked_done(&a);
}

static void test_final_answers_are_not_asked_for_again(void **state)
{
	static const struct {
		const char *status;
		int err;
	} rows[] = {
		{ "400 Bad", EINVAL }, { "403 No", EACCES }, { "404 No", ENOENT },
		{ "409 No", EIO },     { "413 Big", EFBIG }, { "415 No", EIO },
	};
	struct world *w = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		struct asked a;
		server_says(&w->server, reply(rows[i].status, JSON, ERROR_BODY("Because.")), KEEP);
		ask(w, &a, EP_SURVEY);
		assert_int_equal(a.call.fail.err, rows[i].err);
		assert_int_equal(a.call.attempts, 1);
		assert_string_equal(a.call.fail.code, "QX_7");
		assert_string_equal(a.call.fail.request_id, "11111111-2222");
		assert_non_null(strstr(a.call.fail.why, "the survey"));
		assert_non_null(strstr(a.call.fail.why, "Because."));
		assert_true(a.call.fail.remedy[0]);
		asked_done(&a);
	}
}

static void test_a_network_that_is_away_says_so_after_the_bound(void **state)
{
	struct world *w = *state;
	struct asked a;
	int64_t before_ms = sys_now_ms();

	server_says(&w->server, "", RESET);
	prepare(&a, EP_SURVEYS);
	a.call.bound_ms = 400;
	ask_prepared(w, &a);
	assert_int_equal(a.call.fail.err, ENETUNREACH);
	assert_true(a.call.fail.unreachable);
	assert_true(a.call.attempts >= 2);
	assert_in_range(sys_now_ms() - before_ms, 400, 3000);
	assert_false(view_of(w).reachable);
	asked_done(&a);

	server_says(&w->server, reply("404 No", "", ""), KEEP);
	ask(w, &a, EP_SURVEY);
	assert_true(view_of(w).reachable);
	asked_done(&a);
}

struct told {
	pthread_mutex_t lock;
	int times;
};

static void on_back(void *arg)
{
	struct told *told = arg;
	pthread_mutex_lock(&told->lock);
	told->times++;
	pthread_mutex_unlock(&told->lock);
}

static int times_told(struct told *told)
{
	pthread_mutex_lock(&told->lock);
	int times = told->times;
	pthread_mutex_unlock(&told->lock);
	return times;
}

static void wait_for_requests(struct world *w, int n)
{
	while (server_requests(&w->server) < n)
		usleep(1000);
}

/* After five attempts the next is two to four seconds away. */
static void test_the_first_answer_ends_the_wait_of_all(void **state)
{
	struct world *w = *state;
	struct told told = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct asked a, b;

	client_on_back(w->client, BACK_EXPORTS, on_back, &told);
	server_says(&w->server, "", RESET);
	prepare(&a, EP_SURVEY);
	client_start(w->client, &a.call);
	wait_for_requests(w, 5);
	while (client_is_reachable(w->client))
		usleep(1000);
	usleep(100000); /* until the fifth has come back, of which nobody is told */
	server_says(&w->server, GOOD, KEEP);
	assert_int_equal(times_told(&told), 0);
	int64_t back_ms = sys_now_ms();
	ask(w, &b, EP_DEFINITION);
	asked_await(&a);
	assert_in_range(sys_now_ms() - back_ms, 0, 1000);
	assert_int_equal(a.call.attempts, 6);
	assert_int_equal(times_told(&told), 1);
	assert_true(client_is_reachable(w->client));
	client_on_back(w->client, BACK_EXPORTS, NULL, NULL);
	asked_done(&a);
	asked_done(&b);
}

/* By the probe of somebody, whoever it is. */
static void test_a_token_that_is_taken_again_is_told_to_all(void **state)
{
	struct world *w = *state;
	struct told told[BACK_N_] = {
		{ .lock = PTHREAD_MUTEX_INITIALIZER },
		{ .lock = PTHREAD_MUTEX_INITIALIZER },
	};
	struct step steps[] = {
		{ .send = reply("401 No", JSON, ERROR_BODY("No.")), .times = 1 },
		{ .send = GOOD },
	};
	struct asked a;

	for (int who = 0; who < BACK_N_; who++)
		client_on_back(w->client, who, on_back, &told[who]);
	server_script(&w->server, steps, 2);
	ask(w, &a, EP_WHOAMI);
	assert_int_equal(a.call.fail.http, 401);
	asked_done(&a);
	assert_int_equal(times_told(&told[0]), 0);
	w->client->gate.probe_ms = 0; /* a minute is over; the network thread is idle */
	usleep(2000); /* what is asked for in the millisecond of the refusal opens nothing */
	for (int i = 0; i < 2; i++) {
		ask(w, &a, EP_WHOAMI);
		assert_int_equal(a.call.fail.err, 0);
		asked_done(&a);
	}
	for (int who = 0; who < BACK_N_; who++) {
		assert_int_equal(times_told(&told[who]), 1);
		client_on_back(w->client, who, NULL, NULL);
	}
}

/* However often somebody wants to know it, it is asked by one call at a time, and never when the
 * account answers. */
static void test_a_look_finds_the_network_back_and_asks_little(void **state)
{
	struct world *w = *state;
	struct asked a;

	client_look(w->client);
	server_says(&w->server, "", RESET);
	prepare(&a, EP_SURVEY);
	a.call.bound_ms = 1;
	ask_prepared(w, &a);
	assert_false(client_is_reachable(w->client));
	asked_done(&a);
	int before = server_requests(&w->server);
	for (int i = 0; i < 100; i++)
		client_look(w->client);
	wait_for_requests(w, before + 1);
	usleep(100000); /* that nothing more happens has no event */
	assert_in_range(server_requests(&w->server), before + 1, before + 2);
	server_says(&w->server, GOOD, KEEP);
	int64_t since_ms = sys_now_ms();
	while (!client_is_reachable(w->client))
		usleep(1000);
	assert_in_range(sys_now_ms() - since_ms, 0, 3000);
	before = server_requests(&w->server);
	for (int i = 0; i < 100; i++)
		client_look(w->client);
	usleep(100000);
	assert_int_equal(server_requests(&w->server), before);
}

static void test_misuse_costs_no_request(void **state)
{
	struct world *w = *state;
	struct asked a;

	prepare(&a, EP_SURVEY);
	a.call.args[0] = "..";
	ask_prepared(w, &a);
	assert_int_equal(a.call.fail.err, EINVAL);
	asked_done(&a);
	ask(w, &a, EP_EXPORT_FILE); /* without a sink */
	assert_int_equal(a.call.fail.err, EINVAL);
	asked_done(&a);
	prepare(&a, EP_SURVEYS);
	a.call.page_url = "http://evil.example/API/v3/surveys";
	ask_prepared(w, &a);
	assert_int_equal(a.call.fail.err, EACCES);
	asked_done(&a);
	assert_int_equal(server_accepted(&w->server), 0);
}

/* --- any path -------------------------------------------------------------------------------- */

static void test_any_path_is_asked_for_by_a_get(void **state)
{
	struct world *w = *state;
	struct asked a;

	server_says(&w->server, GOOD, KEEP);
	prepare(&a, EP_API);
	a.call.args[0] = "libraries/UR_1/messages";
	a.call.query = "offset=3";
	ask_prepared(w, &a);
	assert_int_equal(a.call.fail.err, 0);
	assert_int_equal(
		server_count(&w->server, "GET /API/v3/libraries/UR_1/messages?offset=3 HTTP"), 1);
	asked_done(&a);
}

static void refuse_any(struct world *w, const char *path, const char *page, int err)
{
	struct asked a;

	prepare(&a, EP_API);
	a.call.args[0] = path;
	a.call.page_url = page;
	ask_prepared(w, &a);
	if (a.call.fail.err != err)
		fail_msg("%s %s: errno %d", path, page ? page : "", a.call.fail.err);
	assert_true(a.call.fail.why[0]);
	asked_done(&a);
}

static void test_secrets_are_asked_for_by_no_way(void **state)
{
	struct world *w = *state;
	char page[100];

	refuse_any(w, "users/UR_1/apitoken", NULL, EPERM);
	refuse_any(w, "users/UR_1/ApiToken", NULL, EPERM);
	refuse_any(w, "../oauth2/token", NULL, EINVAL);
	refuse_any(w, "", NULL, EINVAL);
	snprintf(page, sizeof(page), "http://127.0.0.1:%d/API/v3/users/UR_1/%%61pitoken",
	         w->server.port);
	refuse_any(w, "users", page, EPERM);
	snprintf(page, sizeof(page), "http://127.0.0.1:%d/oauth2/token", w->server.port);
	refuse_any(w, "users", page, EPERM);
	refuse_any(w, "users", "http://evil.example/API/v3/users?offset=100", EIO);
	assert_int_equal(server_accepted(&w->server), 0);
}

static void test_any_path_waits_with_its_own_endpoint(void **state)
{
	struct world *w = *state;
	struct asked a, b;
	struct step steps[] = { { .send = reply("429 No", "Retry-After: 2\r\n", ""), .times = 1 },
		                { .send = GOOD } };
	int64_t before_ms = sys_now_ms();

	/* A refusal of the survey's schema holds up both ways to it, and no other path. */
	server_script(&w->server, steps, 2);
	prepare(&a, EP_API);
	a.call.args[0] = "surveys/SV_1/response-schema";
	client_start(w->client, &a.call);
	while (view_of(w).refused_429 == 0)
		sched_yield();
	ask(w, &b, EP_SURVEY);
	assert_int_equal(b.call.fail.err, 0);
	assert_true(sys_now_ms() - before_ms < 1500);
	asked_done(&b);
	ask(w, &b, EP_SCHEMA);
	assert_int_equal(b.call.fail.err, 0);
	assert_true(sys_now_ms() - before_ms >= 2000);
	asked_done(&b);
	asked_await(&a);
	assert_int_equal(a.call.fail.err, 0);
	asked_done(&a);
}

/* --- files ----------------------------------------------------------------------------------- */

static void test_a_download_begins_anew_when_it_breaks(void **state)
{
	struct world *w = *state;
	struct step steps[] = {
		{ .send = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nWRONG!",
		  .then = CLOSE,
		  .times = 1 },
		{ .send = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nPK\3\4" },
	};
	struct asked a;
	char bytes[100];

	server_script(&w->server, steps, 2);
	prepare(&a, EP_EXPORT_FILE);
	a.call.sink_fd = memfd_create("sink", MFD_CLOEXEC);
	ask_prepared(w, &a);
	assert_int_equal(a.call.fail.err, 0);
	assert_int_equal(a.call.written, 4);
	assert_null(a.call.answer);
	assert_int_equal(pread(a.call.sink_fd, bytes, sizeof(bytes), 0), 4);
	assert_memory_equal(bytes, "PK\3\4", 4);

	/* 6 bytes, in one piece or more; then 0, once; then 4. */
	size_t zero = 0;
	while (a.bytes[zero] != 0)
		zero++;
	assert_true(zero > 0);
	assert_int_equal(a.bytes[zero - 1], 6);
	assert_int_equal(a.bytes[zero + 1], 4);
	assert_int_equal(a.n_bytes, zero + 2);
	asked_done(&a);
}

static void test_a_document_may_go_to_a_file_but_no_web_page(void **state)
{
	struct world *w = *state;
	struct asked a;

	server_says(&w->server, reply("200 OK", JSON, "whatever"), KEEP);
	prepare(&a, EP_SURVEY);
	a.call.sink_fd = memfd_create("sink", MFD_CLOEXEC);
	ask_prepared(w, &a);
	assert_int_equal(a.call.fail.err, 0);
	assert_int_equal(a.call.written, 8);
	asked_done(&a);

	server_says(&w->server, reply("200 OK", "Content-Type: text/html\r\n", "hello"), KEEP);
	prepare(&a, EP_EXPORT_FILE);
	a.call.sink_fd = memfd_create("sink", MFD_CLOEXEC);
	a.call.bound_ms = 1;
	ask_prepared(w, &a);
	assert_int_equal(a.call.fail.err, EIO);
	asked_done(&a);
}

static int no_room(struct call *call, uint64_t written, size_t len)
{
	(void)call;
	(void)written;
	(void)len;
	return -ENOSPC;
}

static void test_a_full_disk_is_said_at_once(void **state)
{
	struct world *w = *state;
	struct asked a;

	server_says(&w->server, reply("200 OK", "", "hello"), KEEP);
	prepare(&a, EP_EXPORT_FILE);
	a.call.sink_fd = memfd_create("sink", MFD_CLOEXEC);
	a.call.on_room = no_room;
	ask_prepared(w, &a);
	assert_int_equal(a.call.fail.err, ENOSPC);
	assert_int_equal(a.call.attempts, 1);
	assert_false(a.call.fail.unreachable);
	asked_done(&a);
}

/* --- pages and hosts ------------------------------------------------------------------------- */

static const char *page(const char *next)
{
	char body[400];
	snprintf(body, sizeof(body), "{\"result\":{\"elements\":[],\"nextPage\":%s},\"meta\":{}}",
	         next);
	return reply("200 OK", JSON, body);
}

static void test_pages_are_followed_at_the_same_place(void **state)
{
	struct world *w = *state;
	struct asked a, b;
	char next[100], quoted[110];

	snprintf(next, sizeof(next), "http://127.0.0.1:%d/API/v3/surveys?offset=100",
	         w->server.port);
	snprintf(quoted, sizeof(quoted), "\"%s\"", next);
	struct step steps[] = {
		{ .when = "offset=100", .send = page("null") },
		{ .send = page(quoted) },
	};
	server_script(&w->server, steps, 2);
	ask(w, &a, EP_SURVEYS);
	assert_string_equal(a.call.next_page, next);

	prepare(&b, EP_SURVEYS);
	b.call.page_url = a.call.next_page;
	ask_prepared(w, &b);
	assert_int_equal(b.call.fail.err, 0);
	assert_null(b.call.next_page);
	asked_done(&a);
	asked_done(&b);
}

static void test_a_list_without_its_form_is_no_list(void **state)
{
	static const char *const bodies[] = {
		"{\"result\":{\"nextPage\":null}}",
		"{\"result\":{\"elements\":{},\"nextPage\":null}}",
		"{\"result\":{\"elements\":[],\"nextPage\":7}}",
	};
	struct world *w = *state;

	for (size_t i = 0; i < countof(bodies); i++) {
		struct asked a;
		for (int n = 0; n < 4; n++) /* it is asked again until the bound */
			server_says(&w->server, reply("200 OK", JSON, bodies[i]), KEEP);
		prepare(&a, EP_SURVEYS);
		a.call.bound_ms = 400;
		ask_prepared(w, &a);
		assert_int_equal(a.call.fail.err, EIO);
		asked_done(&a);
	}
}

static void test_the_token_goes_nowhere_else(void **state)
{
	struct world *w = *state;
	struct server other;
	struct asked a;
	char text[300];

	server_start(&other);
	snprintf(text, sizeof(text), "\"http://localhost:%d/API/v3/surveys?offset=100\"",
	         other.port);
	server_says(&w->server, page(text), KEEP);
	ask(w, &a, EP_SURVEYS);
	assert_int_equal(a.call.fail.err, EIO);
	assert_non_null(strstr(a.call.fail.why, "localhost"));
	assert_null(a.call.next_page);
	assert_null(a.call.answer);
	asked_done(&a);

	snprintf(text, sizeof(text), "Location: http://localhost:%d/login\r\n", other.port);
	server_says(&w->server, reply("307 Elsewhere", text, ""), KEEP);
	ask(w, &a, EP_WHOAMI);
	assert_int_equal(a.call.fail.err, EIO);
	assert_int_equal(a.call.fail.http, 307);
	assert_int_equal(a.call.attempts, 1);
	assert_non_null(strstr(a.call.fail.why, "localhost"));
	asked_done(&a);

	/* A notice moves no mount of a sandbox. */
	server_says(&w->server,
	            reply("200 OK", JSON,
	                  "{\"result\":{},\"meta\":{\"notice\":\"use this host instead: "
	                  "az1.qualtrics.com\"}}"),
	            KEEP);
	ask(w, &a, EP_WHOAMI);
	assert_int_equal(a.call.fail.err, 0);
	asked_done(&a);
	client_stop(w->client);
	assert_int_equal(w->moved, 0);

	assert_int_equal(server_accepted(&other), 0);
	assert_int_equal(server_count(&other, CANARY), 0);
	server_end(&other);
}

static void test_a_proxy_is_used_but_never_told_the_token(void **state)
{
	struct world *w = *state;
	char proxy[100];
	struct asked a;

	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", w->server.port);
	setenv("https_proxy", proxy, 1);
	server_says(&w->server, reply("403 Forbidden", "", ""), CLOSE);
	client_free(w->client);
	w->client = make_client(w, "co1.qualtrics.com");
	prepare(&a, EP_WHOAMI);
	a.call.bound_ms = 1000;
	ask_prepared(w, &a);
	unsetenv("https_proxy");
	assert_true(a.call.fail.err != 0);
	assert_true(server_count(&w->server, "CONNECT co1.qualtrics.com:443") > 0);
	assert_int_equal(server_count(&w->server, "TOKEN"), 0);
	assert_int_equal(server_count(&w->server, CANARY), 0);
	asked_done(&a);
}

/* An answer put into the client's hands, as if the network thread had it from the service. */
static void hand_over(struct client *c, struct asked *a, int status, const char *body)
{
	prepare(a, EP_WHOAMI);
	struct call *call = &a->call;
	call->client = c;
	call->state = CALL_FLYING;
	call->attempts = RETRY_ATTEMPTS;
	c->live.head = c->live.tail = call;
	call->transfer = (struct transfer){ .url = "https://co1.qualtrics.com/",
		                            .sink_fd = -1,
		                            .outcome = OUTCOME_ANSWERED,
		                            .status = status,
		                            .retry_after_s = -1 };
	buf_add_str(&call->transfer.answer, body);
	answer_came(&call->transfer);
	asked_done(a);
}

static void test_a_notice_moves_the_client_once(void **state)
{
	struct world *w = *state;
	struct asked a;

	client_free(w->client);
	w->client = make_client(w, "co1.qualtrics.com");
	hand_over(w->client, &a, 200,
	          "{\"result\":{},\"meta\":{\"notice\":\"use this host instead: evil.example\"}}");
	assert_string_equal(view_of(w).origin, "https://co1.qualtrics.com");
	hand_over(
		w->client, &a, 404,
		"{\"meta\":{\"notice\":\"Request proxied. For faster response times, use this host "
		"instead: az1.qualtrics.com\"}}");
	assert_string_equal(view_of(w).origin, "https://az1.qualtrics.com");
	assert_string_equal(w->client->base.origin, "https://az1.qualtrics.com");
	hand_over(w->client, &a, 200,
	          "{\"result\":{},\"meta\":{\"notice\":\"use this host instead: "
	          "sjc1.qualtrics.com\"}}");
	assert_string_equal(view_of(w).origin, "https://az1.qualtrics.com");
	assert_int_equal(w->moved, 1);
}

/* --- the token ------------------------------------------------------------------------------- */

static void test_a_refused_token_stops_all_calls(void **state)
{
	struct world *w = *state;
	struct asked first, second, hanging;

	server_says(&w->server, "", HANG);
	prepare(&hanging, EP_SURVEY); /* a third one is under way */
	client_start(w->client, &hanging.call);
	server_await_requests(&w->server, 1);

	server_says(&w->server, reply("401 No", JSON, ERROR_BODY("Unrecognized X-API-TOKEN.")),
	            KEEP);
	ask(w, &first, EP_WHOAMI);
	assert_int_equal(first.call.fail.err, EACCES);
	assert_int_equal(first.call.fail.http, 401);
	assert_true(view_of(w).token_refused);

	server_says(&w->server, GOOD, KEEP);
	ask(w, &second, EP_WHOAMI);
	assert_int_equal(second.call.attempts, 0);
	assert_int_equal(second.call.fail.err, EACCES);
	assert_string_equal(second.call.fail.why, first.call.fail.why);
	assert_int_equal(server_requests(&w->server), 2);

	client_cancel(w->client, &hanging.call);
	asked_await(&hanging);
	asked_done(&first);
	asked_done(&second);
	asked_done(&hanging);
}

static void test_waiting_calls_share_the_refusal(void **state)
{
	struct world *w = *state;
	struct step steps[] = {
		{ .when = "whoami", .send = reply("401 No", JSON, ERROR_BODY("No.")) },
		{ .send = reply("503 No", "Retry-After: 100\r\n", "") },
	};
	struct asked waiting, refused;

	server_script(&w->server, steps, 2);
	prepare(&waiting, EP_SURVEY);
	client_start(w->client, &waiting.call);
	server_await_requests(&w->server, 1);
	ask(w, &refused, EP_WHOAMI);
	asked_await(&waiting); /* not after its 100 s */
	assert_int_equal(waiting.call.fail.http, 401);
	asked_done(&waiting);
	asked_done(&refused);
}

static void test_one_probe_a_minute_passes_the_gate(void **state)
{
	(void)state;
	struct gate g = { 0 };
	struct qx_fail fail = { .err = EACCES };

	assert_true(gate_pass(&g, 0));
	gate_refused(&g, 1000, &fail);
	assert_false(gate_pass(&g, 60999));
	assert_false(gate_pass_again(&g, 900));
	assert_true(gate_pass(&g, 61000)); /* the probe */
	assert_false(gate_pass(&g, 61001));
	assert_true(gate_pass_again(&g, 61000));
	gate_refused(&g, 62000, &fail);
	assert_false(gate_pass(&g, 120999));
	assert_true(gate_pass(&g, 121000));
	gate_succeeded(&g, 900); /* was under way before the refusal */
	assert_true(g.closed);
	gate_succeeded(&g, 121000);
	assert_true(gate_pass(&g, 121001));
	assert_true(gate_pass(&g, 121002));
}

static void test_a_doubted_gate_lets_calls_out_and_the_first_answer_decides(void **state)
{
	(void)state;
	struct gate good = { 0 }, bad = { 0 };
	struct qx_fail fail = { .err = EACCES };

	gate_doubt(&good);
	gate_slept(&good, 5000, 6000);
	assert_true(good.closed); /* nothing cached is to be had */
	assert_true(gate_pass(&good, 0));
	assert_true(gate_pass(&good, 0));
	assert_true(gate_pass_again(&good, 0));
	gate_succeeded(&good, 0);
	assert_false(good.closed);
	assert_false(good.doubted);

	gate_doubt(&bad);
	gate_refused(&bad, 1000, &fail);
	assert_false(gate_pass(&bad, 1001));
	assert_true(gate_pass(&bad, 61000)); /* the probe */
	gate_succeeded(&bad, 900);
	assert_true(bad.closed);
}

/* --- jobs ------------------------------------------------------------------------------------ */

static void test_a_job_slot_is_held_until_the_job_is_over(void **state)
{
	struct world *w = *state;
	struct asked a;

	server_says(&w->server, reply("400 Bad", JSON, ERROR_BODY("No.")), KEEP);
	ask(w, &a, EP_EXPORT_START);
	asked_done(&a);
	assert_int_equal(view_of(w).governor.jobs, 0); /* gave its slot back itself */

	server_says(&w->server, GOOD, KEEP);
	ask(w, &a, EP_EXPORT_START);
	asked_done(&a);
	assert_int_equal(view_of(w).governor.jobs, 1);
	client_job_over(w->client);
	ask(w, &a, EP_WHOAMI); /* whose start the network thread sees after that */
	asked_done(&a);
	assert_int_equal(view_of(w).governor.jobs, 0);
}

/* It may run at the service; but nobody knows it, and it is asked for again. */
static void test_a_start_whose_answer_cannot_be_read_keeps_no_slot(void **state)
{
	struct world *w = *state;
	const char *const answers[] = {
		reply("200 OK", JSON, "{\"result\":{\"progressId\":"),
		reply("200 OK", JSON, "{\"result\":null}"),
		reply("200 OK", "Content-Type: text/html\r\n", "<html>log in</html>"),
		reply("202 Accepted", "", ""),
	};

	for (size_t i = 0; i < countof(answers); i++) {
		struct asked a;
		server_says(&w->server, answers[i], KEEP);
		ask(w, &a, EP_EXPORT_START);
		assert_int_equal(a.call.fail.err, EIO);
		assert_int_equal(view_of(w).governor.jobs, 0);
		assert_int_equal(view_of(w).governor.requests, 0);
		asked_done(&a);
	}
}

/* Everything that was said before it has been counted. */
static void count_all(struct world *w)
{
	struct asked a;

	server_says(&w->server, GOOD, KEEP);
	ask(w, &a, EP_WHOAMI);
	asked_done(&a);
}

static void test_a_job_that_is_left_counts_until_it_is_taken_and_over(void **state)
{
	struct world *w = *state;
	struct asked a;

	server_says(&w->server, GOOD, KEEP);
	ask(w, &a, EP_EXPORT_START);
	asked_done(&a);
	for (int i = 0; i < 3; i++) {
		client_job_left(w->client);
		count_all(w);
		assert_int_equal(view_of(w).governor.jobs, 1);
		client_job_taken(w->client, true);
		count_all(w);
		assert_int_equal(view_of(w).governor.jobs, 1);
	}
	client_job_over(w->client);
	count_all(w);
	assert_int_equal(view_of(w).governor.jobs, 0);
}

struct earlier {
	struct task task;
	struct client *client;
	int64_t ms;
};

static void make_earlier(struct task *task)
{
	struct earlier *earlier = container_of(task, struct earlier, task);
	earlier->client->strays_ms -= earlier->ms;
}

/* As if it were so much later; on the network thread, whose it is. */
static void let_pass(struct world *w, int64_t ms)
{
	struct earlier earlier = { .task.fn = make_earlier, .client = w->client, .ms = ms };

	http_post(w->client->http, &earlier.task);
	count_all(w);
}

/* No file tells when an orphan came. */
static void test_a_job_that_is_left_and_not_shared_has_ended_after_ten_minutes(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++)
		client_job_taken(w->client, false);
	count_all(w);
	for (int i = 0; i < 3; i++)
		client_job_left(w->client);
	count_all(w);
	client_job_taken(w->client, true);
	count_all(w);
	assert_int_equal(view_of(w).governor.jobs, 3);
	let_pass(w, 590000);
	assert_int_equal(view_of(w).governor.jobs, 3);
	let_pass(w, 10000);
	assert_int_equal(view_of(w).governor.jobs, 1);
	client_job_over(w->client);
	count_all(w);
	assert_int_equal(view_of(w).governor.jobs, 0);
}

/* --- other mounts ---------------------------------------------------------------------------- */

/* Another mount of the account, which is going to die. */
static struct shared *begin_other(struct world *w, struct governor **ret)
{
	static const struct governor_config usual = { .requests = 30, .jobs = 15, .share = 1 };
	char path[] = "/tmp/check_client.XXXXXX", boot[SYS_BOOT_ID];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	int again = open(path, O_RDWR | O_CLOEXEC);
	assert_true(again >= 0);
	assert_int_equal(unlink(path), 0);
	sys_boot_id(boot);
	struct shared *other = shared_new(again, boot);
	assert_non_null(other);
	*ret = governor_new(&usual);
	assert_true(shared_begin(other, *ret, sys_now_ms()));
	shared_end(other, *ret);
	client_share(w->client, fd);
	count_all(w);
	return other;
}

struct slow {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool runs, go_on, over; /* guarded by lock */
	struct client *client;
	bool was_over; /* when the hook was taken back; of who took it */
};

static void on_slow(void *arg)
{
	struct slow *slow = arg;

	pthread_mutex_lock(&slow->lock);
	slow->runs = true;
	pthread_cond_broadcast(&slow->changed);
	while (!slow->go_on)
		pthread_cond_wait(&slow->changed, &slow->lock);
	slow->over = true;
	pthread_mutex_unlock(&slow->lock);
}

static void *take_back(void *arg)
{
	struct slow *slow = arg;

	client_on_death(slow->client, NULL, NULL);
	pthread_mutex_lock(&slow->lock);
	slow->was_over = slow->over;
	pthread_mutex_unlock(&slow->lock);
	return NULL;
}

static void test_who_takes_back_a_callback_waits_until_it_has_returned(void **state)
{
	struct world *w = *state;
	struct slow slow = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.client = w->client,
	};
	struct governor *governor;
	struct asked a;
	pthread_t taker;

	struct shared *other = begin_other(w, &governor);
	client_on_death(w->client, on_slow, &slow);
	shared_free(other);
	governor_free(governor);
	server_says(&w->server, GOOD, KEEP);
	prepare(&a, EP_WHOAMI);
	client_start(w->client, &a.call); /* a look at the file */
	pthread_mutex_lock(&slow.lock);
	while (!slow.runs)
		pthread_cond_wait(&slow.changed, &slow.lock);
	pthread_mutex_unlock(&slow.lock);

	assert_int_equal(pthread_create(&taker, NULL, take_back, &slow), 0);
	usleep(100000); /* that it waits has no event */
	pthread_mutex_lock(&slow.lock);
	slow.go_on = true;
	pthread_cond_broadcast(&slow.changed);
	pthread_mutex_unlock(&slow.lock);
	assert_int_equal(pthread_join(taker, NULL), 0);
	assert_true(slow.was_over);
	asked_await(&a);
	asked_done(&a);
}

static void test_what_cannot_be_sent_keeps_no_slot(void **state)
{
	struct world *w = *state;
	char text[] = "token\nX-Evil: 1";
	struct asked a;

	secret_free(w->client->token);
	w->client->token = secret_new(text);
	ask(w, &a, EP_EXPORT_START);
	assert_int_equal(a.call.fail.err, EINVAL);
	assert_int_equal(view_of(w).governor.requests, 0);
	assert_int_equal(view_of(w).governor.jobs, 0);
	assert_int_equal(server_accepted(&w->server), 0);
	asked_done(&a);
}

static void test_the_sixteenth_job_waits_for_one_to_end(void **state)
{
	struct world *w = *state;
	struct asked all[16];

	server_says(&w->server, GOOD, KEEP);
	for (size_t i = 0; i < countof(all); i++) {
		prepare(&all[i], EP_EXPORT_START);
		client_start(w->client, &all[i].call);
	}
	for (size_t i = 0; i < 15; i++)
		asked_await(&all[i]);
	assert_int_equal(server_requests(&w->server), 15);
	client_job_over(w->client);
	asked_await(&all[15]);
	for (size_t i = 0; i < countof(all); i++)
		asked_done(&all[i]);
}

/* --- cancelling and stopping ----------------------------------------------------------------- */

static void test_a_cancelled_call_ends_wherever_it_is(void **state)
{
	struct world *w = *state;
	struct step steps[] = {
		{ .when = "whoami", .send = "", .then = HANG },
		{ .send = reply("503 No", "Retry-After: 100\r\n", "") },
	};
	struct asked flying, waiting;

	server_script(&w->server, steps, 2);
	prepare(&flying, EP_WHOAMI);
	prepare(&waiting, EP_SURVEY);
	client_start(w->client, &flying.call);
	client_start(w->client, &waiting.call);
	server_await_requests(&w->server, 2);
	client_cancel(w->client, &flying.call);
	client_cancel(w->client, &waiting.call);
	client_cancel(w->client, &waiting.call);
	asked_await(&flying);
	asked_await(&waiting);
	assert_int_equal(flying.call.fail.err, ECANCELED);
	assert_int_equal(waiting.call.fail.err, ECANCELED);
	assert_int_equal(view_of(w).governor.waiting, 0);
	asked_done(&flying);
	asked_done(&waiting);
}

struct heap_call {
	struct call call;
	struct tally *tally;
};

struct tally {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int done; /* guarded by lock */
};

static void free_at_once(struct call *call)
{
	struct heap_call *h = container_of(call, struct heap_call, call);
	struct tally *tally = h->tally;

	call_clear(call);
	free(h);
	pthread_mutex_lock(&tally->lock);
	tally->done++;
	pthread_cond_broadcast(&tally->changed);
	pthread_mutex_unlock(&tally->lock);
}

static struct call *start_on_heap(struct world *w, struct tally *tally)
{
	struct heap_call *h = calloc(1, sizeof(*h));
	h->tally = tally;
	h->call.ep = EP_WHOAMI;
	h->call.sink_fd = -1;
	h->call.on_done = free_at_once;
	client_start(w->client, &h->call);
	return &h->call;
}

#define RACERS 400

/* The caller knows only an address: the call behind it may have been freed by its on_done. */
static void test_cancelling_races_with_completion(void **state)
{
	struct world *w = *state;
	struct tally tally = { 0 };
	struct call *calls[RACERS];

	pthread_mutex_init(&tally.lock, NULL);
	pthread_cond_init(&tally.changed, NULL);
	server_says(&w->server, GOOD, KEEP);
	for (int i = 0; i < RACERS; i++) {
		calls[i] = start_on_heap(w, &tally);
		if (i >= 20)
			client_cancel(w->client, calls[i - i % 20]);
	}
	for (int i = 0; i < RACERS; i += 3)
		client_cancel(w->client, calls[i]);
	pthread_mutex_lock(&tally.lock);
	while (tally.done < RACERS)
		pthread_cond_wait(&tally.changed, &tally.lock);
	pthread_mutex_unlock(&tally.lock);
	assert_int_equal(view_of(w).governor.requests, 0);
	for (int i = 0; i < RACERS; i++) /* not one of them is there any more */
		client_cancel(w->client, calls[i]);
	client_stop(w->client);
	assert_int_equal(tally.done, RACERS);
	pthread_cond_destroy(&tally.changed);
	pthread_mutex_destroy(&tally.lock);
}

struct starter {
	struct world *w;
	struct tally *tally;
	int n;
};

static void *start_many(void *arg)
{
	struct starter *s = arg;
	for (int i = 0; i < s->n; i++)
		(void)start_on_heap(s->w, s->tally);
	return NULL;
}

static void test_stopping_ends_every_call_once(void **state)
{
	struct world *w = *state;
	struct tally tally = { 0 };
	struct starter starter = { w, &tally, 300 };
	struct asked flying, late;
	pthread_t thread;

	pthread_mutex_init(&tally.lock, NULL);
	pthread_cond_init(&tally.changed, NULL);
	server_says(&w->server, "", HANG);
	prepare(&flying, EP_WHOAMI);
	client_start(w->client, &flying.call);
	server_await_requests(&w->server, 1);
	assert_int_equal(thread_start(&thread, "starter", start_many, &starter), 0);
	client_stop(w->client);
	pthread_join(thread, NULL);
	assert_int_equal(tally.done, starter.n);
	assert_int_equal(flying.call.fail.err, ECANCELED);

	ask(w, &late, EP_WHOAMI); /* answered on the caller's own thread */
	assert_int_equal(late.call.fail.err, ECANCELED);
	client_cancel(w->client, &late.call);
	client_job_over(w->client);
	asked_done(&flying);
	asked_done(&late);
	pthread_cond_destroy(&tally.changed);
	pthread_mutex_destroy(&tally.lock);
}

/* --- words ----------------------------------------------------------------------------------- */

static struct qx_fail judge(enum endpoint ep, int status, const char *text)
{
	struct json *body = NULL;
	struct qx_fail fail;

	if (text)
		assert_int_equal(json_parse(text, strlen(text), &body), 0);
	client_judge(endpoint_row(ep), status, body, &fail);
	json_free(body);
	return fail;
}

static void test_every_status_has_errno_and_words(void **state)
{
	(void)state;
	static const int rows[][2] = {
		{ 301, EIO },    { 400, EINVAL }, { 401, EACCES }, { 403, EACCES }, { 404, ENOENT },
		{ 407, EACCES }, { 409, EIO },    { 411, EIO },    { 413, EFBIG },  { 415, EIO },
		{ 429, EIO },    { 500, EIO },    { 502, EIO },    { 503, EIO },    { 504, EIO },
		{ 599, EIO },    { 0, EIO },      { 999, EIO },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct qx_fail fail = judge(EP_SURVEY, rows[i][0], NULL);
		assert_int_equal(fail.err, rows[i][1]);
		assert_int_equal(fail.http, rows[i][0]);
		assert_true(fail.why[0] && fail.remedy[0]);
		assert_string_equal(fail.code, "");
		assert_false(fail.unreachable);
	}
}

static void test_both_forms_of_error_bodies_are_read(void **state)
{
	(void)state;
	struct qx_fail fail = judge(EP_SURVEY, 403,
	                            "{\"meta\":{\"httpStatus\":\"403 - "
	                            "Forbidden\",\"error\":{\"errorMessage\":\"The operation is "
	                            "forbidden.\",\"errorCode\":\"QMST_2.1\"},\"requestId\":"
	                            "\"bb2e47e7-f8b0-451a-ab80-c691b45fde8b\"}}");
	assert_string_equal(fail.code, "QMST_2.1");
	assert_string_equal(fail.request_id, "bb2e47e7-f8b0-451a-ab80-c691b45fde8b");
	assert_string_equal(fail.why, "no permission for the survey: The operation is forbidden.");

	fail = judge(EP_SURVEYS, 400,
	             "{\"meta\":{\"status\":\"Error\",\"errorMessage\":\"Old "
	             "words\",\"internalErrorCode\":"
	             "\"GP_0\",\"errorId\":\"e-1\"},\"result\":null}");
	assert_string_equal(fail.code, "GP_0");
	assert_string_equal(fail.request_id, "e-1");
	assert_non_null(strstr(fail.why, "the list of surveys: Old words"));

	fail = judge(EP_SURVEYS, 500, "{\"meta\":{\"requestId\":\"r-1\"}}");
	assert_non_null(strstr(fail.remedy, "r-1"));
	fail = judge(EP_SURVEYS, 500, "{\"meta\":{\"requestId\":null}}");
	assert_string_equal(fail.request_id, "");
	fail = judge(EP_SURVEYS, 500, "{\"meta\":{\"requestId\":\"\"}}");
	assert_string_equal(fail.request_id, "");
}

static void test_the_services_words_are_made_harmless(void **state)
{
	(void)state;
	struct qx_fail fail = judge(
		EP_SURVEY, 404,
		"{\"meta\":{\"error\":{\"errorMessage\":\" a\\u001b[31mb\\r\\n\\tc\\u202ed\\u0085e "
		"\\u00e9\\u20ac \",\"errorCode\":\"x y\\u001b\"},\"requestId\":\"a\\nb\"}}");
	assert_string_equal(
		fail.why,
		"the service does not know the survey: a [31mb c d e \xc3\xa9\xe2\x82\xac");
	assert_string_equal(fail.code, "");
	assert_string_equal(fail.request_id, "");

	struct buf text = { 0 };
	buf_add_str(&text, "{\"meta\":{\"error\":{\"errorMessage\":\"");
	for (int i = 0; i < 5000; i++)
		buf_add_str(&text, "\xe2\x82\xac");
	buf_add_str(&text, "\",\"errorCode\":\"");
	for (int i = 0; i < 5000; i++)
		buf_add_str(&text, "x");
	buf_add_str(&text, "\"}}}");
	fail = judge(EP_SURVEY, 404, buf_text(&text));
	assert_in_range(strlen(fail.why), 100, 220);
	assert_string_equal(fail.why + strlen(fail.why) - 3, "\xe2\x82\xac"); /* no half character
	                                                                       */
	assert_string_equal(fail.code, "");
	buf_done(&text);
}

static void test_a_token_that_is_echoed_is_masked(void **state)
{
	struct world *w = *state;
	struct asked a;

	server_says(&w->server, reply("403 No", JSON, ERROR_BODY("Bad token " CANARY ".")), KEEP);
	ask(w, &a, EP_SURVEY);
	assert_null(strstr(a.call.fail.why, "canary"));
	assert_non_null(strstr(a.call.fail.why, "Bad token ****"));
	asked_done(&a);
	server_says(&w->server,
	            reply("403 No", JSON,
	                  ERROR_BODY("123456789 123456789 123456789 123456789 123456789 123456789 "
	                             "123456789 123456789 123456789 123456789 123456789 123456789 "
	                             "123456789 " CANARY)),
	            KEEP);
	ask(w, &a, EP_SURVEY); /* which would be cut in the middle of it */
	assert_null(strstr(a.call.fail.why, "canary"));
	asked_done(&a);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
	log_setup(LOG_LEVEL_ERROR, false);
	const struct CMUnitTest tests[] = {
		test(test_a_good_answer_comes_with_its_result),
		test(test_passing_troubles_are_tried_again),
		test(test_retry_after_is_waited_for),
		test(test_a_login_page_is_no_answer),
		test(test_final_answers_are_not_asked_for_again),
		test(test_a_network_that_is_away_says_so_after_the_bound),
		test(test_the_first_answer_ends_the_wait_of_all),
		test(test_a_token_that_is_taken_again_is_told_to_all),
		test(test_a_look_finds_the_network_back_and_asks_little),
		test(test_misuse_costs_no_request),
		test(test_any_path_is_asked_for_by_a_get),
		test(test_secrets_are_asked_for_by_no_way),
		test(test_any_path_waits_with_its_own_endpoint),
		test(test_a_download_begins_anew_when_it_breaks),
		test(test_a_document_may_go_to_a_file_but_no_web_page),
		test(test_a_full_disk_is_said_at_once),
		test(test_pages_are_followed_at_the_same_place),
		test(test_a_list_without_its_form_is_no_list),
		test(test_the_token_goes_nowhere_else),
		test(test_a_proxy_is_used_but_never_told_the_token),
		test(test_a_notice_moves_the_client_once),
		test(test_a_refused_token_stops_all_calls),
		test(test_waiting_calls_share_the_refusal),
		cmocka_unit_test(test_one_probe_a_minute_passes_the_gate),
		cmocka_unit_test(test_a_doubted_gate_lets_calls_out_and_the_first_answer_decides),
		test(test_a_job_slot_is_held_until_the_job_is_over),
		test(test_a_start_whose_answer_cannot_be_read_keeps_no_slot),
		test(test_a_job_that_is_left_counts_until_it_is_taken_and_over),
		test(test_a_job_that_is_left_and_not_shared_has_ended_after_ten_minutes),
		test(test_who_takes_back_a_callback_waits_until_it_has_returned),
		test(test_what_cannot_be_sent_keeps_no_slot),
		test(test_the_sixteenth_job_waits_for_one_to_end),
		test(test_a_cancelled_call_ends_wherever_it_is),
		test(test_cancelling_races_with_completion),
		test(test_stopping_ends_every_call_once),
		cmocka_unit_test(test_every_status_has_errno_and_words),
		cmocka_unit_test(test_both_forms_of_error_bodies_are_read),
		cmocka_unit_test(test_the_services_words_are_made_harmless),
		test(test_a_token_that_is_echoed_is_masked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
