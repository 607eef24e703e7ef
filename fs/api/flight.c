/* flight.c: one transfer: its options, what arrives, how it ended.
 *
 * libcurl's success is not completeness (RELIABILITY.md 3.2): lengths are read from the head here
 * and compared with what was written. */
#include "flight.h"

#include "hosts.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#define CONNECT_MS 10000
#define UNACKNOWLEDGED_MS 10000
#define SLOW_BYTES_PER_S 1000L
#define SLOW_S 30L
#define HEAD_MAX (256u * 1024)
#define ERROR_BODY_MAX (64u * 1024)

static_assert(sizeof(((struct flight *)0)->words) >= CURL_ERROR_SIZE, "libcurl writes that much");

/* --- what arrives ---------------------------------------------------------------------------- */

static size_t on_head(char *bytes, size_t size, size_t n, void *arg)
{
	struct flight *f = arg;
	size_t len = size * n;

	f->head_bytes += len;
	if (f->head_bytes > HEAD_MAX)
		return 0;
	head_line(&f->head, bytes, len);
	return len;
}

static int status_of(const struct flight *f)
{
	long status = 0;
	(void)curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

static int write_at(int fd, const char *bytes, size_t len, uint64_t offset)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, bytes, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		bytes += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int body_to_sink(struct flight *f, const char *bytes, size_t len)
{
	struct transfer *t = f->t;
	int err = t->on_room ? -t->on_room(t, t->written, len) : 0;
	if (!err)
		err = write_at(t->sink_fd, bytes, len, t->written);
	if (err)
		return err;
	if (t->written == 0) /* it comes: now it may take its time */
		(void)curl_easy_setopt(f->easy, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S);
	t->written += len;
	if (t->on_bytes)
		t->on_bytes(t, t->written);
	return 0;
}

static int body_to_memory(struct flight *f, int status, const char *bytes, size_t len)
{
	struct transfer *t = f->t;
	bool is_error = status < 200 || status > 299;
	size_t max = is_error ? ERROR_BODY_MAX : t->max_bytes;

	if (len > max - t->answer.len) {
		f->body_enough = is_error;
		return EFBIG;
	}
	buf_add(&t->answer, bytes, len);
	return buf_failed(&t->answer) ? ENOMEM : 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct flight *f = arg;
	struct transfer *t = f->t;
	size_t len = size * n;
	int status = status_of(f);

	if (f->aborted || f->head.two_lengths)
		return 0;
	t->local_err = t->sink_fd >= 0 && status == 200 ? body_to_sink(f, bytes, len)
	                                                : body_to_memory(f, status, bytes, len);
	return t->local_err ? 0 : len;
}

/* --- setting it up --------------------------------------------------------------------------- */

static bool add_header(struct flight *f, const char *line)
{
	struct curl_slist *more = curl_slist_append(f->headers, line);
	if (more)
		f->headers = more;
	return more != NULL;
}

static bool add_token(struct flight *f, const struct secret *token, enum auth auth)
{
	static const char *const headers[] = {
		[AUTH_TOKEN] = "X-API-TOKEN: ",
		[AUTH_BEARER] = "Authorization: Bearer ",
		[AUTH_BASIC] = "Authorization: Basic ",
	};
	struct buf line = { 0 };

	buf_add_str(&line, headers[auth]);
	buf_add_str(&line, secret_reveal(token));
	bool good = !buf_failed(&line) && add_header(f, buf_text(&line));
	if (line.data)
		explicit_bzero(line.data, line.cap);
	buf_done(&line);
	return good;
}

static bool set_headers(struct flight *f)
{
	const struct transfer *t = f->t;
	char type[120];

	if (t->token && !add_token(f, t->token, t->auth))
		return false;
	if (!add_header(f, t->sink_fd >= 0 ? "Accept: */*" : "Accept: application/json"))
		return false;
	/* "Expect:" costs a second with servers that ignore it; without a body there is no type. */
	snprintf(type, sizeof(type), "Content-Type: %s", t->content_type ? t->content_type : "");
	if (!t->body || !t->content_type)
		snprintf(type, sizeof(type), "Content-Type:");
	for (size_t i = 0; i < countof(t->headers); i++)
		if (t->headers[i] && !add_header(f, t->headers[i]))
			return false;
	return add_header(f, "Expect:") && add_header(f, type) &&
	       curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->headers) == CURLE_OK &&
	       curl_easy_setopt(f->easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) == CURLE_OK;
}

static bool set_request(struct flight *f)
{
	CURL *easy = f->easy;
	const struct transfer *t = f->t;
	bool get = strcmp(t->method, "GET") == 0;
	bool good = curl_easy_setopt(easy, CURLOPT_URL, t->url) == CURLE_OK;

	if (get)
		return good && curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	/* Also without a body: the gateway answers 411 when no Content-Length comes (API.md 1.4).
	 */
	good = good && curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK;
	good = good && curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
	                                (curl_off_t)(t->body ? t->body_len : 0)) == CURLE_OK;
	good = good &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDS, t->body ? t->body : "") == CURLE_OK;
	return good && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, t->method) == CURLE_OK;
}

/* A pooled connection whose other end is gone (another network, a suspend) is found out by our own
 * bytes staying unacknowledged, long before a whole answer is overdue. */
static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	unsigned timeout_ms = UNACKNOWLEDGED_MS;
	(void)arg;
	(void)purpose;
	/* Only a help: without it the answer's own limit ends the wait. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
	return CURL_SOCKOPT_OK;
}

static void set_times(struct flight *f)
{
	CURL *easy = f->easy;

	int64_t connect_ms = f->t->slow_s > 0 && f->t->slow_s * 1000 < CONNECT_MS
	                             ? f->t->slow_s * 1000
	                             : CONNECT_MS;
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	if (f->t->answer_ms > 0) {
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)f->t->answer_ms);
	} else {
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_PER_S);
		long slow_s = f->t->slow_s > 0 ? (long)f->t->slow_s : SLOW_S;
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, slow_s);
	}
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	/* Else a lookup that is given up is waited for, by the thread that all transfers share. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
}

/* Each of these must take: without it the token could travel where it should not. */
static bool set_safety(struct flight *f)
{
	CURL *easy = f->easy;
	bool loopback = url_is_loopback(f->t->url);

	return curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
	               CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
	       /* The environment's proxy is the user's wish, but no way to this machine itself. */
	       (!loopback || curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK);
}

static bool set_options(struct flight *f)
{
	CURL *easy = f->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, f);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, f->words);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "qxfs/" QXFS_VERSION);
	/* 7.88 stalls and resends wrongly over h2 (PEERS.md 5); its rewrite came after our minimum.
	 */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, f);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, f);
	set_times(f);
	/* For a file the length in the head shall be the file's. "": all that libcurl can decode.
	 */
	const char *coding = f->t->sink_fd >= 0 ? "identity" : "";
	return curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, coding) == CURLE_OK &&
	       set_safety(f) && set_headers(f) && set_request(f);
}

/* What an earlier attempt left must not become this one's tail. Space reserved past the end of an
 * empty file stays. */
static int empty_sink(int fd)
{
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0 || (st.st_size > 0 && ftruncate(fd, 0) < 0))
		return -errno;
	return 0;
}

/* A line break in the token would begin a header of its own. */
static bool is_one_line(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

int flight_new(struct transfer *t, struct flight **ret)
{
	if (t->token && !is_one_line(secret_reveal(t->token)))
		return -EINVAL;
	int r = empty_sink(t->sink_fd);
	if (r < 0)
		return r;

	struct flight *f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->t = t;
	head_begin(&f->head);
	f->easy = curl_easy_init();
	if (!f->easy || !set_options(f)) {
		flight_free(f);
		return -ENOMEM;
	}
	*ret = f;
	return 0;
}

void flight_free(struct flight *f)
{
	if (!f)
		return;
	curl_easy_cleanup(f->easy); /* first: it reads the headers to the last */
	for (struct curl_slist *h = f->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(f->headers);
	free(f);
}

/* --- how it ended ---------------------------------------------------------------------------- */

static enum outcome tls_outcome(const struct flight *f)
{
	/* A peer that hangs up in the handshake is the network's matter, a certificate is not. */
	bool hung_up = strstr(f->words, "SSL_ERROR_SYSCALL") || strstr(f->words, "reset by peer");
	return hung_up ? OUTCOME_BROKEN : OUTCOME_TLS;
}

/* Errors of libcurl that are neither ours nor a callback's. */
static enum outcome network_outcome(const struct flight *f, CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return OUTCOME_UNRESOLVED;
	case CURLE_COULDNT_CONNECT:
		return OUTCOME_REFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return OUTCOME_TIMEOUT;
	case CURLE_PARTIAL_FILE:
		return OUTCOME_CUT;
	case CURLE_SSL_CONNECT_ERROR:
		return tls_outcome(f);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_SSL_ENGINE_SETFAILED:
	case CURLE_SSL_ENGINE_INITFAILED:
		return OUTCOME_TLS;
	default:
		return OUTCOME_BROKEN;
	}
}

static int local_errno(const struct flight *f, CURLcode code)
{
	bool has_head = f->head_bytes > 0;

	switch (code) {
	case CURLE_WRITE_ERROR:
		return f->t->local_err;
	case CURLE_URL_MALFORMAT:
		return EINVAL;
	/* 7.88 calls a scheme that is switched off, and an answer without a head, by one name. */
	case CURLE_UNSUPPORTED_PROTOCOL:
		return strstr(f->words, "HTTP/0.9") ? 0 : EINVAL;
	/* And it calls a header line beyond its limit "out of memory". */
	case CURLE_OUT_OF_MEMORY:
		return has_head ? 0 : ENOMEM;
	default:
		return 0;
	}
}

static bool is_short(const struct flight *f)
{
	const struct head *h = &f->head;
	const struct transfer *t = f->t;
	bool to_sink = t->sink_fd >= 0 && t->status == 200;

	if (h->length < 0 || h->chunked || h->encoded)
		return false;
	if (to_sink)
		return t->written != (uint64_t)h->length;
	return t->status == 200 && t->answer.len != (uint64_t)h->length;
}

static enum outcome judge(const struct flight *f, CURLcode code)
{
	if (f->head.two_lengths || f->head_bytes > HEAD_MAX)
		return OUTCOME_BROKEN;
	if (f->body_enough)
		return OUTCOME_ANSWERED;
	if (code == CURLE_OK)
		return is_short(f) ? OUTCOME_CUT : OUTCOME_ANSWERED;
	if (local_errno(f, code))
		return OUTCOME_LOCAL;
	return network_outcome(f, code);
}

static int64_t retry_after_s(const struct head *h)
{
	if (h->retry_after_s >= 0 || !h->retry_after_date[0])
		return h->retry_after_s;
	int64_t until_s = curl_getdate(h->retry_after_date, NULL);
	if (until_s < 0)
		return -1;
	/* By the server's own clock: ours may be wrong by days. */
	int64_t date_s = h->date[0] ? curl_getdate(h->date, NULL) : -1;
	int64_t wait_s = until_s - (date_s >= 0 ? date_s : sys_wall_s());
	return wait_s < 0 ? 0 : wait_s;
}

static void set_problem(struct flight *f, CURLcode code)
{
	struct transfer *t = f->t;
	char *redirect = NULL;

	(void)curl_easy_getinfo(f->easy, CURLINFO_REDIRECT_URL, &redirect);
	if (f->head.two_lengths)
		snprintf(t->problem, sizeof(t->problem), "the answer names two lengths");
	else if (t->outcome == OUTCOME_CUT)
		snprintf(t->problem, sizeof(t->problem), "%llu of %lld bytes came",
		         (unsigned long long)(t->written ? t->written : t->answer.len),
		         (long long)t->length);
	else if (redirect)
		url_host_for_people(redirect, t->problem, sizeof(t->problem));
	else if (code != CURLE_OK)
		snprintf(t->problem, sizeof(t->problem), "%.150s",
		         f->words[0] ? f->words : curl_easy_strerror(code));
}

void flight_conclude(struct flight *f, int curl_code)
{
	CURLcode code = (CURLcode)curl_code;
	struct transfer *t = f->t;
	const char *type = NULL;

	f->ended = true;
	t->status = status_of(f);
	t->length = f->head.chunked ? -1 : f->head.length;
	t->retry_after_s = retry_after_s(&f->head);
	t->date_s = f->head.date[0] ? curl_getdate(f->head.date, NULL) : -1;
	if (curl_easy_getinfo(f->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type)
		snprintf(t->content_type_in, sizeof(t->content_type_in), "%s", type);
	t->outcome = judge(f, code);
	t->local_err = t->outcome == OUTCOME_LOCAL ? local_errno(f, code) : 0;
	set_problem(f, code);
}

void flight_conclude_slept(struct flight *f)
{
	f->ended = true;
	f->t->outcome = OUTCOME_BROKEN;
	f->t->slept = true;
	f->t->local_err = 0;
	snprintf(f->t->problem, sizeof(f->t->problem), "the machine slept meanwhile");
}

void flight_conclude_aborted(struct flight *f)
{
	f->ended = true;
	f->t->outcome = OUTCOME_ABORTED;
	f->t->local_err = 0;
}
