/* check_http.c: the transport against a server that says exactly what the test wrote, byte for
 * byte. check_client.c takes the server from here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <qxfs/api/http.h>
#include <qxfs/base/sys.h>

/* --- the scripted server --------------------------------------------------------------------- */

enum then { KEEP, CLOSE, RESET, HANG };

/* What is sent when a whole request has come. The first step that fits and is not used up. */
struct step {
	const char *when; /* text in the request; NULL: any */
	const char *send;
	size_t len; /* 0: strlen */
	enum then then;
	int times; /* 0: for ever */
};

#define STEPS_MAX 8
#define CONNECTIONS_MAX 64

struct connection {
	int fd;
	struct buf request;
};

/* What was ever to be said lives as long as the server: its thread may still be sending it. */
struct text {
	struct text *next;
	char bytes[];
};

struct server {
	int port, listener, stop;
	pthread_t thread;
	struct connection connections[CONNECTIONS_MAX];
	size_t n_connections;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct step steps[STEPS_MAX]; /* guarded by lock, as all below */
	size_t n_steps;
	struct text *texts;
	int accepted, requests;
	struct buf log; /* every byte that came */
};

static const struct step *choose_step(struct server *s, const char *request)
{
	for (size_t i = 0; i < s->n_steps; i++) {
		struct step *step = &s->steps[i];
		if (step->times < 0 || (step->when && !strstr(request, step->when)))
			continue;
		if (step->times > 0 && --step->times == 0)
			step->times = -1;
		return step;
	}
	return NULL;
}

/* True when its end is reached; headers, then as many bytes as they name. */
static bool is_whole(const struct buf *request)
{
	const char *end = request->data ? strstr(request->data, "\r\n\r\n") : NULL;
	const char *length =
		request->data ? strcasestr(request->data, "\r\ncontent-length:") : NULL;
	int64_t n = 0;

	if (!end)
		return false;
	if (length && length < end) {
		char digits[20] = "";
		(void)sscanf(length + 17, " %15[0-9]", digits);
		assert(sys_parse_int(digits, 0, 1 << 20, &n) == 0);
	}
	return request->len >= (size_t)(end + 4 - request->data) + (size_t)n;
}

static void send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n <= 0)
			return; /* the client had enough */
		bytes += n;
		len -= (size_t)n;
	}
}

static void end_connection(struct server *s, size_t i, bool reset)
{
	struct linger at_once = { .l_onoff = 1 };
	if (reset)
		(void)setsockopt(s->connections[i].fd, SOL_SOCKET, SO_LINGER, &at_once,
		                 sizeof(at_once));
	close(s->connections[i].fd);
	buf_done(&s->connections[i].request);
	s->connections[i] = s->connections[--s->n_connections];
}

static void answer(struct server *s, size_t i)
{
	struct connection *c = &s->connections[i];
	struct step step = { .then = CLOSE };

	pthread_mutex_lock(&s->lock);
	const struct step *chosen = choose_step(s, c->request.data);
	if (chosen)
		step = *chosen;
	s->requests++;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);

	buf_clear(&c->request);
	send_all(c->fd, step.send, step.len);
	if (step.then == CLOSE || step.then == RESET)
		end_connection(s, i, step.then == RESET);
}

static void receive(struct server *s, size_t i)
{
	char bytes[65536];
	struct connection *c = &s->connections[i];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);

	if (n <= 0) {
		end_connection(s, i, false);
		return;
	}
	buf_add(&c->request, bytes, (size_t)n);
	pthread_mutex_lock(&s->lock);
	buf_add(&s->log, bytes, (size_t)n);
	pthread_mutex_unlock(&s->lock);
	if (is_whole(&c->request))
		answer(s, i);
}

static void accept_one(struct server *s)
{
	int fd = accept(s->listener, NULL, NULL);
	if (fd < 0 || s->n_connections == CONNECTIONS_MAX) {
		if (fd >= 0)
			close(fd);
		return;
	}
	s->connections[s->n_connections++] = (struct connection){ .fd = fd };
	pthread_mutex_lock(&s->lock);
	s->accepted++;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static void *serve(void *arg)
{
	struct server *s = arg;
	struct pollfd fds[CONNECTIONS_MAX + 2];

	for (;;) {
		size_t n = s->n_connections;
		fds[0] = (struct pollfd){ .fd = s->stop, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = s->listener, .events = POLLIN };
		for (size_t i = 0; i < n; i++)
			fds[2 + i] =
				(struct pollfd){ .fd = s->connections[i].fd, .events = POLLIN };
		(void)poll(fds, n + 2, -1);
		if (fds[0].revents)
			break;
		for (size_t i = n; i-- > 0;) /* downwards: the last takes an ended one's place */
			if (fds[2 + i].revents)
				receive(s, i);
		if (fds[1].revents)
			accept_one(s);
	}
	while (s->n_connections)
		end_connection(s, 0, false);
	return NULL;
}

static void server_start(struct server *s)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
		                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(here);

	*s = (struct server){ .stop = eventfd(0, EFD_CLOEXEC) };
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&here, len), 0);
	assert_int_equal(listen(s->listener, 64), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&here, &len), 0);
	s->port = ntohs(here.sin_port);
	assert_int_equal(thread_start(&s->thread, "server", serve, s), 0);
}

static void copy_text(struct server *s, struct step *step)
{
	size_t len = step->len ? step->len : strlen(step->send);
	struct text *text = malloc(sizeof(*text) + len + 1);
	assert(text);
	memcpy(text->bytes, step->send, len);
	text->bytes[len] = '\0';
	text->next = s->texts;
	s->texts = text;
	step->send = text->bytes;
	step->len = len;
}

static void server_script(struct server *s, const struct step *steps, size_t n)
{
	assert_in_range(n, 1, STEPS_MAX);
	pthread_mutex_lock(&s->lock);
	memcpy(s->steps, steps, n * sizeof(*steps));
	for (size_t i = 0; i < n; i++)
		copy_text(s, &s->steps[i]);
	s->n_steps = n;
	pthread_mutex_unlock(&s->lock);
}

static void server_says(struct server *s, const char *bytes, enum then then)
{
	server_script(s, &(struct step){ .send = bytes, .then = then }, 1);
}

static int server_accepted(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	int n = s->accepted;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static int server_requests(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	int n = s->requests;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void server_await_requests(struct server *s, int n)
{
	pthread_mutex_lock(&s->lock);
	while (s->requests < n)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static int server_count(struct server *s, const char *text)
{
	int n = 0;
	pthread_mutex_lock(&s->lock);
	for (const char *at = buf_text(&s->log); (at = strcasestr(at, text)); at++)
		n++;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void server_end(struct server *s)
{
	(void)eventfd_write(s->stop, 1);
	pthread_join(s->thread, NULL);
	close(s->stop);
	close(s->listener);
	for (struct text *text; (text = s->texts);) {
		s->texts = text->next;
		free(text);
	}
	buf_done(&s->log);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
}

#define CANARY "canary0123456789canary0123456789canary01"

static struct secret *make_token(void)
{
	char text[] = CANARY;
	struct secret *token = secret_new(text);
	assert_non_null(token);
	return token;
}

#ifndef SERVER_ONLY

/* --- one transfer ---------------------------------------------------------------------------- */

struct world {
	struct server server;
	struct http *http;
	struct secret *token;
};

struct flown {
	struct transfer t;
	struct task task;
	struct http *http;
	char url[300];
	int room;           /* what on_room answers */
	uint64_t bytes;     /* the last on_bytes */
	int started;        /* what http_start answered */
	bool abort;         /* begin, then abort at once */
	struct flown *then; /* begun by on_done */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	int done; /* guarded by lock */
};

static void flown_done(struct transfer *t)
{
	struct flown *f = container_of(t, struct flown, t);
	if (f->then)
		f->then->started = http_start(f->http, &f->then->t);
	pthread_mutex_lock(&f->lock);
	f->done++;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static int flown_room(struct transfer *t, uint64_t written, size_t len)
{
	struct flown *f = container_of(t, struct flown, t);
	assert(written == f->bytes && len > 0);
	return f->room;
}

static void flown_bytes(struct transfer *t, uint64_t written)
{
	struct flown *f = container_of(t, struct flown, t);
	assert(written > f->bytes);
	f->bytes = written;
}

static void flown_begin(struct task *task)
{
	struct flown *f = container_of(task, struct flown, task);
	f->started = http_start(f->http, &f->t);
	if (f->started == 0 && f->abort)
		http_abort(f->http, &f->t);
	if (f->started < 0)
		flown_done(&f->t);
}

static void prepare(struct world *w, struct flown *f)
{
	*f = (struct flown){ .http = w->http };
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d/path", w->server.port);
	f->task.fn = flown_begin;
	f->t = (struct transfer){
		.method = "GET",
		.url = f->url,
		.token = w->token,
		.sink_fd = -1,
		.max_bytes = 100000,
		.answer_ms = 5000,
		.on_room = flown_room,
		.on_bytes = flown_bytes,
		.on_done = flown_done,
	};
}

static void await(struct flown *f)
{
	pthread_mutex_lock(&f->lock);
	while (!f->done)
		pthread_cond_wait(&f->changed, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

static void fly(struct flown *f)
{
	http_post(f->http, &f->task);
	await(f);
}

static void flown_free(struct flown *f)
{
	if (f->t.sink_fd >= 0)
		close(f->t.sink_fd);
	buf_done(&f->t.answer);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
}

static int make_sink(const char *before)
{
	int fd = memfd_create("sink", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, before, strlen(before)), 0);
	return fd;
}

static void check_sink(const struct flown *f, const char *expected)
{
	char bytes[1000];
	ssize_t n = pread(f->t.sink_fd, bytes, sizeof(bytes), 0);
	assert_int_equal(n, strlen(expected));
	assert_memory_equal(bytes, expected, (size_t)n);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	server_start(&w->server);
	w->token = make_token();
	assert_int_equal(http_new(&w->http), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	http_free(w->http);
	secret_free(w->token);
	server_end(&w->server);
	free(w);
	return 0;
}

/* --- what is sent ---------------------------------------------------------------------------- */

#define OK_JSON "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

static void test_a_get_brings_its_body_and_shows_the_token_once(void **state)
{
	struct world *w = *state;
	struct flown f;

	server_says(&w->server, OK_JSON, KEEP);
	prepare(w, &f);
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_ANSWERED);
	assert_int_equal(f.t.status, 200);
	assert_int_equal(f.t.length, 2);
	assert_int_equal(f.t.retry_after_s, -1);
	assert_string_equal(buf_text(&f.t.answer), "{}");
	assert_string_equal(f.t.content_type_in, "application/json");
	assert_int_equal(server_count(&w->server, "GET /path HTTP/1.1\r\n"), 1);
	assert_int_equal(server_count(&w->server, "\r\nX-API-TOKEN: " CANARY "\r\n"), 1);
	assert_int_equal(server_count(&w->server, "\r\nAccept: application/json\r\n"), 1);
	assert_int_equal(server_count(&w->server, "gzip"), 1);
	assert_int_equal(server_count(&w->server, "\r\nUser-Agent: qxfs/" QXFS_VERSION "\r\n"), 1);
	assert_int_equal(server_count(&w->server, "\r\nCookie"), 0);
	flown_free(&f);
}

static void test_a_post_always_names_its_length(void **state)
{
	struct world *w = *state;
	struct flown f;

	server_says(&w->server, OK_JSON, KEEP);
	prepare(w, &f);
	f.t.method = "POST";
	fly(&f);
	flown_free(&f);
	assert_int_equal(server_count(&w->server, "\r\nContent-Length: 0\r\n"), 1);
	assert_int_equal(server_count(&w->server, "\r\nContent-Type"), 0);

	prepare(w, &f);
	f.t.method = "POST";
	f.t.body = "{\"format\":\"csv\"}";
	f.t.body_len = 16;
	f.t.content_type = "application/json";
	fly(&f);
	flown_free(&f);
	assert_int_equal(server_count(&w->server, "\r\nContent-Length: 16\r\n"), 1);
	assert_int_equal(server_count(&w->server, "\r\nContent-Type: application/json\r\n"), 1);
	assert_int_equal(server_count(&w->server, "\r\n\r\n{\"format\":\"csv\"}"), 1);
	assert_int_equal(server_count(&w->server, "Expect"), 0);
}

static void test_a_token_that_breaks_its_line_is_not_sent(void **state)
{
	struct world *w = *state;
	char text[] = "abc\r\nX-Evil: 1";
	struct secret *evil = secret_new(text);
	struct flown f;

	prepare(w, &f);
	f.t.token = evil;
	fly(&f);
	assert_int_equal(f.started, -EINVAL);
	assert_int_equal(server_accepted(&w->server), 0);
	flown_free(&f);
	secret_free(evil);
}

/* --- files ----------------------------------------------------------------------------------- */

static void test_a_file_goes_to_the_sink_and_leaves_no_old_tail(void **state)
{
	struct world *w = *state;
	struct flown f;

	server_says(&w->server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nPK\3\4!", KEEP);
	prepare(w, &f);
	f.t.sink_fd = make_sink("what an earlier attempt left");
	f.t.answer_ms = 0;
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_ANSWERED);
	assert_int_equal(f.t.written, 5);
	assert_int_equal(f.bytes, 5);
	assert_int_equal(f.t.answer.len, 0);
	check_sink(&f, "PK\3\4!");
	assert_int_equal(server_count(&w->server, "\r\nAccept-Encoding: identity\r\n"), 1);
	assert_int_equal(server_count(&w->server, "\r\nAccept: */*\r\n"), 1);
	flown_free(&f);
}

static void test_an_error_does_not_go_to_the_sink(void **state)
{
	struct world *w = *state;
	struct flown f;

	server_says(&w->server, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", KEEP);
	prepare(w, &f);
	f.t.sink_fd = make_sink("old");
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_ANSWERED);
	assert_int_equal(f.t.status, 404);
	assert_string_equal(buf_text(&f.t.answer), "{}");
	check_sink(&f, "");
	flown_free(&f);
}

static void test_a_full_disk_ends_the_transfer(void **state)
{
	struct world *w = *state;
	struct flown f;

	server_says(&w->server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", KEEP);
	prepare(w, &f);
	f.t.sink_fd = make_sink("");
	f.room = -ENOSPC;
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_LOCAL);
	assert_int_equal(f.t.local_err, ENOSPC);
	assert_int_equal(f.t.written, 0);
	check_sink(&f, "");
	flown_free(&f);
}

/* --- how it can end -------------------------------------------------------------------------- */

#define FIVE "Content-Length: 5\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

static const struct {
	const char *send;
	enum then then;
	enum outcome outcome; /* the same to a sink and to memory */
} endings[] = {
	{ "HTTP/1.1 200 OK\r\n" FIVE "\r\nhello", KEEP, OUTCOME_ANSWERED },
	{ "HTTP/1.1 200 OK\r\n" FIVE FIVE "\r\nhello", KEEP, OUTCOME_ANSWERED },
	{ "HTTP/1.1 200 OK\r\n" FIVE "\r\nhello and more", CLOSE, OUTCOME_ANSWERED },
	{ "HTTP/1.1 200 OK\r\n\r\nhello", CLOSE, OUTCOME_ANSWERED },
	{ "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n5\r\nhello\r\n0\r\n\r\n", KEEP, OUTCOME_ANSWERED },
	{ "HTTP/1.1 200 OK\r\n" CHUNKED
	  "Trailer: Content-Length\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: none\r\n\r\n",
	  KEEP, OUTCOME_ANSWERED },
	{ "HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\n" FIVE
	  "\r\nhello",
	  KEEP, OUTCOME_ANSWERED },
	{ "HTTP/1.1 200 OK\r\n" FIVE "\r\nhel", CLOSE, OUTCOME_CUT },
	{ "HTTP/1.1 200 OK\r\n" FIVE "\r\n", CLOSE, OUTCOME_CUT },
	{ "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n5\r\nhel", CLOSE, OUTCOME_CUT },
	{ "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n5\r\nhello\r\n", CLOSE, OUTCOME_CUT },
	{ "HTTP/1.1 200 OK\r\n" FIVE "Content-Length: 6\r\n\r\nhello!", CLOSE, OUTCOME_BROKEN },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n" FIVE "\r\nhello!", CLOSE, OUTCOME_BROKEN },
	{ "HTTP/1.1 200 OK\r\n" FIVE "Content-Length: 0\r\n\r\n", KEEP, OUTCOME_BROKEN },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello!", CLOSE, OUTCOME_BROKEN },
	{ "HTTP/1.1 200 OK\r\n" CHUNKED "\r\nnonsense\r\nhello", CLOSE, OUTCOME_BROKEN },
	{ "HTTP/1.1 200 OK\r\n" FIVE "\r\nhel", RESET, OUTCOME_BROKEN },
	{ "", CLOSE, OUTCOME_BROKEN },
	{ "", RESET, OUTCOME_BROKEN },
	{ "SSH-2.0-OpenSSH_9.2\r\n", CLOSE, OUTCOME_BROKEN },
	{ "", HANG, OUTCOME_TIMEOUT },
	{ "HTTP/1.1 200 OK\r\n" FIVE "\r\nhel", HANG, OUTCOME_TIMEOUT },
};

static void check_ending(struct world *w, size_t i, bool to_sink)
{
	enum outcome expected = endings[i].outcome;
	struct flown f;

	server_says(&w->server, endings[i].send, endings[i].then);
	prepare(w, &f);
	f.t.sink_fd = to_sink ? make_sink("") : -1;
	f.t.answer_ms = endings[i].then == HANG ? 100 : 5000;
	fly(&f);
	if (f.t.outcome != expected)
		fail_msg("ending %zu: outcome %d, not %d (%s)", i, f.t.outcome, expected,
		         f.t.problem);
	if (expected == OUTCOME_ANSWERED && to_sink)
		check_sink(&f, "hello");
	else if (expected == OUTCOME_ANSWERED)
		assert_string_equal(buf_text(&f.t.answer), "hello");
	else
		assert_true(f.t.problem[0]);
	flown_free(&f);
}

static void test_only_a_whole_answer_counts_as_one(void **state)
{
	for (size_t i = 0; i < countof(endings); i++) {
		check_ending(*state, i, true);
		check_ending(*state, i, false);
	}
}

static void test_nobody_listening_is_refused(void **state)
{
	struct world *w = *state;
	struct server gone;
	struct flown f;

	server_start(&gone);
	server_end(&gone);
	prepare(w, &f);
	snprintf(f.url, sizeof(f.url), "http://127.0.0.1:%d/", gone.port);
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_REFUSED);
	flown_free(&f);
}

static void test_what_comes_coded_is_decoded(void **state)
{
	/* gzip of {"a":1} */
	static const char head[] =
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 27\r\n\r\n";
	static const char body[27] =
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\x54\xb2\x32\xac"
		"\x05\x00\xaf\xac\x1b\x56\x07\x00\x00\x00";
	struct world *w = *state;
	struct buf reply = { 0 };
	struct flown f;

	buf_add_str(&reply, head);
	buf_add(&reply, body, sizeof(body));
	server_script(&w->server, &(struct step){ .send = reply.data, .len = reply.len }, 1);
	prepare(w, &f);
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_ANSWERED);
	assert_string_equal(buf_text(&f.t.answer), "{\"a\":1}");
	flown_free(&f);

	/* A file too, should it come coded although nobody asked for it. */
	prepare(w, &f);
	f.t.sink_fd = make_sink("");
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_ANSWERED);
	check_sink(&f, "{\"a\":1}");
	flown_free(&f);
	buf_done(&reply);
}

static void add_answer(struct buf *out, const char *status, size_t body_len)
{
	buf_addf(out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", status, body_len);
	for (size_t i = 0; i < body_len; i++)
		buf_add_str(out, "x");
}

static void test_a_body_in_memory_has_a_limit(void **state)
{
	struct world *w = *state;
	struct buf reply = { 0 };
	struct flown f;

	add_answer(&reply, "200 OK", 100001);
	server_says(&w->server, buf_text(&reply), KEEP);
	prepare(w, &f);
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_LOCAL);
	assert_int_equal(f.t.local_err, EFBIG);
	flown_free(&f);

	/* Of an error there is no need to read more than its words. */
	buf_clear(&reply);
	add_answer(&reply, "503 Unavailable", 1000000);
	server_says(&w->server, buf_text(&reply), KEEP);
	prepare(w, &f);
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_ANSWERED);
	assert_int_equal(f.t.status, 503);
	assert_in_range(f.t.answer.len, 0, 65536);
	flown_free(&f);
	buf_done(&reply);
}

static void test_a_head_without_end_is_broken(void **state)
{
	struct world *w = *state;
	struct buf reply = { 0 };
	struct flown f;

	buf_add_str(&reply, "HTTP/1.1 200 OK\r\nX-Long: ");
	for (int i = 1; i < 40000; i++)
		buf_add_str(&reply, i % 100 ? "xxxxxxxxxx" : "\r\nX-Long: ");
	server_says(&w->server, buf_text(&reply), HANG);
	prepare(w, &f);
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_BROKEN);
	flown_free(&f);

	buf_clear(&reply);
	buf_add_str(&reply, "HTTP/1.1 200 OK\r\nX-Long: ");
	for (int i = 0; i < 40000; i++)
		buf_add_str(&reply, "xxxxxxxxxx");
	server_says(&w->server, buf_text(&reply), HANG);
	prepare(w, &f);
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_BROKEN);
	flown_free(&f);
	buf_done(&reply);
}

static void test_retry_after_is_read_in_all_its_forms(void **state)
{
	static const struct {
		const char *fields;
		int64_t expected;
	} rows[] = {
		{ "", -1 },
		{ "Retry-After: 0\r\n", 0 },
		{ "retry-after:1\r\n", 1 },
		{ "Retry-After:   120  \r\n", 120 },
		{ "Retry-After: 99999999999999999999\r\n", INT32_MAX },
		{ "Retry-After: -5\r\n", -1 },
		{ "Retry-After: 1.5\r\n", -1 },
		{ "Retry-After: soon\r\n", -1 },
		{ "Retry-After: \r\n", -1 },
		/* By the server's clock, which here is years away from ours. */
		{ "Date: Wed, 21 Oct 2015 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2015 07:28:30 "
		  "GMT\r\n",
		  30 },
		{ "Retry-After: Wed, 21 Oct 2015 07:28:30 GMT\r\nDate: Wed, 21 Oct 2015 07:28:00 "
		  "GMT\r\n",
		  30 },
		{ "Retry-After: Wed, 21 Oct 2015 07:28:30 GMT\r\n", 0 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		char reply[300];
		struct flown f;
		snprintf(reply, sizeof(reply),
		         "HTTP/1.1 429 Too Many\r\n%sContent-Length: 0\r\n\r\n", rows[i].fields);
		server_says(&w->server, reply, KEEP);
		prepare(w, &f);
		fly(&f);
		assert_int_equal(f.t.status, 429);
		if (f.t.retry_after_s != rows[i].expected)
			fail_msg("%lld for %s", (long long)f.t.retry_after_s, rows[i].fields);
		flown_free(&f);
	}
}

static void test_no_redirect_is_followed(void **state)
{
	struct world *w = *state;
	struct server other;
	char reply[200];
	struct flown f;

	server_start(&other);
	snprintf(reply, sizeof(reply),
	         "HTTP/1.1 302 Found\r\nLocation: http://localhost:%d/login\r\nContent-Length: "
	         "0\r\n\r\n",
	         other.port);
	server_says(&w->server, reply, KEEP);
	prepare(w, &f);
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_ANSWERED);
	assert_int_equal(f.t.status, 302);
	assert_string_equal(f.t.problem, "localhost");
	assert_int_equal(server_accepted(&other), 0);
	flown_free(&f);
	server_end(&other);
}

static void test_other_schemes_are_not_spoken(void **state)
{
	static const char *const urls[] = { "file:///etc/passwd",
		                            "ftp://127.0.0.1/",
		                            "gopher://127.0.0.1/",
		                            "http://user:secret@127.0.0.1/",
		                            "",
		                            "http://" };
	for (size_t i = 0; i < countof(urls); i++) {
		struct flown f;
		prepare(*state, &f);
		snprintf(f.url, sizeof(f.url), "%s", urls[i]);
		fly(&f);
		assert_true(f.t.outcome == OUTCOME_LOCAL || f.t.outcome == OUTCOME_BROKEN);
		assert_int_equal(f.t.answer.len, 0);
		assert_null(strstr(f.t.problem, "secret"));
		flown_free(&f);
	}
}

/* --- life ------------------------------------------------------------------------------------ */

struct order {
	struct task task;
	struct http *http;
};

static void forget(struct task *task)
{
	http_forget_connections(container_of(task, struct order, task)->http);
}

static void fly_simply(struct world *w)
{
	struct flown f;
	prepare(w, &f);
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_ANSWERED);
	flown_free(&f);
}

static void test_a_connection_is_kept_until_it_is_to_be_forgotten(void **state)
{
	struct world *w = *state;
	struct order order = { .task.fn = forget, .http = w->http };

	server_says(&w->server, OK_JSON, KEEP);
	fly_simply(w);
	fly_simply(w);
	assert_int_equal(server_accepted(&w->server), 1);
	http_post(w->http, &order.task);
	fly_simply(w);
	assert_int_equal(server_accepted(&w->server), 2);
}

/* The other end closes a kept connection when the next request has come, and does not answer it. */
static void test_what_must_not_arrive_twice_is_not_sent_on_a_kept_connection(void **state)
{
	struct world *w = *state;
	static const struct step steps[] = {
		{ .send = OK_JSON, .then = KEEP, .times = 1 },
		{ .send = "", .then = CLOSE, .times = 1 },
		{ .send = OK_JSON, .then = KEEP },
	};
	struct flown f;

	server_script(&w->server, steps, countof(steps));
	fly_simply(w);
	fly_simply(w); /* libcurl asks again by itself, and nobody is told */
	assert_int_equal(server_requests(&w->server), 3);

	server_script(&w->server, steps, countof(steps));
	fly_simply(w);
	prepare(w, &f);
	f.t.method = "POST";
	f.t.once = true;
	fly(&f);
	assert_int_equal(f.t.outcome, OUTCOME_BROKEN);
	assert_int_equal(server_requests(&w->server), 5);
	assert_int_equal(server_count(&w->server, "POST "), 1);
	flown_free(&f);
}

static void test_an_aborted_transfer_ends_once(void **state)
{
	struct world *w = *state;
	struct flown early, late;

	server_says(&w->server, "", HANG);
	prepare(w, &early);
	early.abort = true;
	fly(&early);
	assert_int_equal(early.t.outcome, OUTCOME_ABORTED);

	prepare(w, &late);
	http_post(w->http, &late.task);
	server_await_requests(&w->server, 1);
	http_stop(w->http);
	assert_int_equal(late.done, 1);
	assert_int_equal(early.done, 1);
	assert_int_equal(late.t.outcome, OUTCOME_ABORTED);
	flown_free(&early);
	flown_free(&late);
}

static void test_stopping_ends_also_what_callbacks_begin(void **state)
{
	struct world *w = *state;
	struct flown first[10], second[10];

	server_says(&w->server, "", HANG);
	for (int i = 0; i < 10; i++) {
		prepare(w, &first[i]);
		prepare(w, &second[i]);
		first[i].then = &second[i];
		http_post(w->http, &first[i].task);
	}
	server_await_requests(&w->server, 10);
	http_stop(w->http);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(first[i].done, 1);
		assert_int_equal(second[i].done, 1);
		assert_int_equal(second[i].started, 0);
		assert_int_equal(second[i].t.outcome, OUTCOME_ABORTED);
		flown_free(&first[i]);
		flown_free(&second[i]);
	}
	assert_int_equal(server_requests(&w->server), 10);
}

/* --- tasks ----------------------------------------------------------------------------------- */

struct noted {
	struct task task;
	char name;
	struct book *book;
};

struct book {
	struct http *http;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char names[20];
	size_t n;
	struct noted a, b, c, d, plan;
};

static void note(struct task *task)
{
	struct noted *noted = container_of(task, struct noted, task);
	struct book *book = noted->book;
	pthread_mutex_lock(&book->lock);
	book->names[book->n++] = noted->name;
	pthread_cond_broadcast(&book->changed);
	pthread_mutex_unlock(&book->lock);
}

static void plan(struct task *task)
{
	struct book *book = container_of(task, struct noted, task)->book;
	int64_t now_ms = sys_now_ms();

	http_post_at(book->http, &book->a.task, now_ms + 60);
	http_post_at(book->http, &book->b.task, now_ms + 30);
	http_post_at(book->http, &book->b.task, now_ms + 90000); /* the earlier moment stays */
	http_post_at(book->http, &book->c.task, now_ms + 90000);
	http_post_at(book->http, &book->d.task, now_ms + 90000); /* never comes */
	http_post(book->http, &book->c.task);
	http_post(book->http, &book->c.task); /* queued once */
}

static void test_tasks_run_at_their_moment_and_once(void **state)
{
	struct world *w = *state;
	struct book book = { .http = w->http };
	struct noted *all[] = { &book.a, &book.b, &book.c, &book.d, &book.plan };

	pthread_mutex_init(&book.lock, NULL);
	pthread_cond_init(&book.changed, NULL);
	for (size_t i = 0; i < countof(all); i++)
		*all[i] = (struct noted){ .task.fn = note, .name = "abcdp"[i], .book = &book };
	book.plan.task.fn = plan;

	int64_t before_ms = sys_now_ms();
	http_post(w->http, &book.plan.task);
	pthread_mutex_lock(&book.lock);
	while (book.n < 3)
		pthread_cond_wait(&book.changed, &book.lock);
	pthread_mutex_unlock(&book.lock);
	assert_in_range(sys_now_ms() - before_ms, 60, 5000);
	http_stop(w->http);
	assert_string_equal(book.names, "cba");
	assert_false(book.d.task.queued);
	http_post(w->http, &book.a.task); /* too late: ignored */
	assert_false(book.a.task.queued);
	pthread_cond_destroy(&book.changed);
	pthread_mutex_destroy(&book.lock);
}

struct self {
	struct task task;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pid_t tid;
};

static void tell_tid(struct task *task)
{
	struct self *self = container_of(task, struct self, task);
	pthread_mutex_lock(&self->lock);
	self->tid = gettid();
	pthread_cond_broadcast(&self->changed);
	pthread_mutex_unlock(&self->lock);
}

static int64_t times_slept(pid_t tid)
{
	char path[100], line[200], digits[30];
	int64_t n = -1;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)tid);
	FILE *status = fopen(path, "re");
	assert_non_null(status);
	while (fgets(line, sizeof(line), status))
		if (sscanf(line, "voluntary_ctxt_switches: %29[0-9]", digits) == 1)
			assert_int_equal(sys_parse_int(digits, 0, INT64_MAX, &n), 0);
	fclose(status);
	return n;
}

static void test_an_idle_thread_never_wakes_up(void **state)
{
	struct world *w = *state;
	struct self self = { .task.fn = tell_tid };

	pthread_mutex_init(&self.lock, NULL);
	pthread_cond_init(&self.changed, NULL);
	server_says(&w->server, OK_JSON, KEEP);
	fly_simply(w); /* leaves an open connection */
	http_post(w->http, &self.task);
	pthread_mutex_lock(&self.lock);
	while (!self.tid)
		pthread_cond_wait(&self.changed, &self.lock);
	pthread_mutex_unlock(&self.lock);

	(void)poll(NULL, 0, 50); /* it falls asleep */
	int64_t before = times_slept(self.tid);
	(void)poll(NULL, 0, 300); /* nothing happens, and for that there is no event */
	assert_int_equal(times_slept(self.tid), before);
	pthread_cond_destroy(&self.changed);
	pthread_mutex_destroy(&self.lock);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	/* Nobody listens there: whoever asked a proxy for this machine itself would fail. */
	setenv("http_proxy", "http://127.0.0.1:9", 1);
	setenv("all_proxy", "http://127.0.0.1:9", 1);

	const struct CMUnitTest tests[] = {
		test(test_a_get_brings_its_body_and_shows_the_token_once),
		test(test_a_post_always_names_its_length),
		test(test_a_token_that_breaks_its_line_is_not_sent),
		test(test_a_file_goes_to_the_sink_and_leaves_no_old_tail),
		test(test_an_error_does_not_go_to_the_sink),
		test(test_a_full_disk_ends_the_transfer),
		test(test_only_a_whole_answer_counts_as_one),
		test(test_nobody_listening_is_refused),
		test(test_what_comes_coded_is_decoded),
		test(test_a_body_in_memory_has_a_limit),
		test(test_a_head_without_end_is_broken),
		test(test_retry_after_is_read_in_all_its_forms),
		test(test_no_redirect_is_followed),
		test(test_other_schemes_are_not_spoken),
		test(test_a_connection_is_kept_until_it_is_to_be_forgotten),
		test(test_what_must_not_arrive_twice_is_not_sent_on_a_kept_connection),
		test(test_an_aborted_transfer_ends_once),
		test(test_stopping_ends_also_what_callbacks_begin),
		test(test_tasks_run_at_their_moment_and_once),
		test(test_an_idle_thread_never_wakes_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
