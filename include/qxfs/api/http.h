/* http.h: one thread that owns a CURLM. Transport only: no limits, no retries, no meaning.
 *
 * Threads: http_post from any thread; everything else only on the network thread, that is, from a
 * task given to http_post or from a transfer's callbacks. The transfer is the caller's memory and
 * must live until its on_done. No redirect is followed, no cookie kept, http and https only,
 * no transfer is ever paused. Accept-Encoding: identity for files, gzip accepted for JSON.
 */
#ifndef QXFS_API_HTTP_H
#define QXFS_API_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/api/retry.h>
#include <qxfs/base/buf.h>
#include <qxfs/base/secret.h>
#include <qxfs/base/worker.h>

struct http;
struct flight;

/* The header that a credential is sent in. */
enum auth { AUTH_TOKEN, AUTH_BEARER, AUTH_BASIC };

struct transfer {
	/* in; all borrowed until on_done */
	const char *method;
	const char *url;
	const struct secret *token; /* sent in the header that `auth` names, and nowhere else */
	enum auth auth;
	const struct secret *hidden; /* never sent, but masked as `token` is; NULL: none */
	const char *body;            /* NULL: none (a POST then says Content-Length: 0) */
	size_t body_len;
	const char *content_type; /* of the body */
	const char *headers[2];   /* whole lines of its own, NULL: none */
	int sink_fd;              /* a 200's body is written there from offset 0; -1: to memory */
	size_t max_bytes;         /* of a body in memory; more is OUTCOME_LOCAL with EFBIG */
	bool once;         /* must not arrive twice: never on a kept connection, see http.c */
	int64_t answer_ms; /* whole answer within this; 0: none, but 1 kB/s over slow_s */
	int64_t slow_s;    /* until its first byte, and to connect; 0: 30 s, and 10 to connect */
	/* Before `len` more bytes of a 200 are written to sink_fd: 0, or a negative errno to stop.
	 */
	int (*on_room)(struct transfer *t, uint64_t written, size_t len);
	/* Bytes have been written: `written` in all. */
	void (*on_bytes)(struct transfer *t, uint64_t written);
	void (*on_done)(struct transfer *t); /* once; may free the transfer */

	/* out, in on_done; buf_done(&answer) is the caller's */
	enum outcome outcome;
	bool slept;    /* OUTCOME_BROKEN by our own doing: the machine slept */
	int local_err; /* positive errno when OUTCOME_LOCAL */
	int status;
	int64_t retry_after_s; /* -1: none */
	int64_t date_s;        /* the server's clock, calendar; -1: it told none */
	int64_t length;        /* Content-Length of the answer, -1: none */
	uint64_t written;      /* bytes in sink_fd */
	struct buf answer;     /* body in memory: JSON, or any answer that is not 200 (64 kB) */
	char content_type_in[80];
	char problem[160]; /* the library's words, no credential in them; of a 3xx the host named */

	/* http.c's own */
	struct flight *flight;
};

/* Starts the thread and libcurl: after the last fork, or the child has neither. */
int http_new(struct http **ret);
void http_post(struct http *h, struct task *t);
void http_post_at(struct http *h, struct task *t, int64_t at_ms); /* network thread only */
/* Runs `t` whenever `fd` is readable; one fd in all. Network thread only; -1: no more. */
void http_watch(struct http *h, int fd, struct task *t);
/* 0: on_done will come, from the loop, never from inside this call; it may be ABORTED when the
 * thread is being stopped. Else -errno, and no on_done. Empties the sink. */
int http_start(struct http *h, struct transfer *t);
/* Ends it: on_done with OUTCOME_ABORTED, from the loop, not from inside this call. */
void http_abort(struct http *h, struct transfer *t);
/* Drops every idle connection: after suspend, after a host switch. */
void http_forget_connections(struct http *h);
/* Called on the network thread when the machine has slept, before what that broke is told: requests
 * under way end as broken, but those that must not arrive twice. Before the first request. */
/* Set by who made it, before there is a request. */
typedef void http_sleep_fn(void *arg, int64_t slept_ms);
void http_on_sleep(struct http *h, http_sleep_fn *fn, void *arg);
/* Runs what is posted and due, aborts what runs, ends the thread. */
void http_stop(struct http *h);
void http_free(struct http *h);

#endif
