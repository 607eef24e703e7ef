/* client.h: typed calls to the service, driven by the endpoint table: limits, retries, paging,
 * errors in words. The only door that jobs/ and app/ use.
 *
 * Threads: client_start, client_cancel, client_job_over, _taken and _left from any thread, holding
 * no lock. on_bytes and on_done come from the network thread: they may only note and enqueue.
 * Ownership: the call is the caller's memory until on_done, which comes exactly once.
 */
#ifndef QXFS_API_CLIENT_H
#define QXFS_API_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <qxfs/api/http.h>
#include <qxfs/api/limits.h>
#include <qxfs/api/oauth.h>
#include <qxfs/api/url.h>
#include <qxfs/base/events.h>
#include <qxfs/base/fail.h>
#include <qxfs/base/json.h>

struct client;
struct bearer;

struct client_config {
	struct base_url base; /* the secret of an OAuth client goes there and nowhere else */
	struct secret *token; /* taken by a client_new that succeeds; NULL with an OAuth client */
	struct oauth_client oauth;
	struct governor_config limits;
	struct events *events; /* borrowed; NULL: nobody is told of token and network */
	bool doubted; /* the token was refused when it was last used: it is, until a call succeeds
	               */
};

struct call {
	/* in; strings are borrowed until on_done */
	enum endpoint ep;
	const char *args[4];  /* for the {} of the path, NULL after the last; of a row with any_path
	                         the path, which decides whose limits it falls under */
	const char *query;    /* "offset=100", NULL: none */
	const char *page_url; /* a next_page of an earlier call: asked for instead of path and query
	                       */
	const char *body;     /* JSON text, NULL: none */
	size_t body_len;      /* 0: the text's length; a body of another type may hold NULs */
	const char *content_type; /* of the body; NULL: JSON */
	const char *headers[2];   /* whole lines besides: "Idempotency-Key: …"; NULL: none */
	enum call_class class;
	uid_t uid;
	int64_t expected_ms;
	int64_t bound_ms; /* retried no longer than this; 0: the row's own (30 s) */
	int sink_fd; /* ANSWER_FILE, or a JSON document of any size: 200's body goes there; -1 */
	/* May refuse room on the disk: 0 or negative errno. NULL: always room. */
	int (*on_room)(struct call *c, uint64_t written, size_t len);
	/* written in all by this attempt; a new attempt begins at 0 again, told by written == 0. */
	void (*on_bytes)(struct call *c, uint64_t written);
	void (*on_done)(struct call *c);
	void *arg;

	/* out, in on_done */
	struct qx_fail fail; /* fail.err 0: success; ECANCELED after client_cancel */
	struct json *answer; /* the whole envelope, checked to have `result`; the call's until freed
	                      */
	char *next_page;     /* checked URL, NULL: the last page; free() */
	uint64_t written;    /* bytes in sink_fd */
	int attempts;

	/* client.c's own */
	struct ticket ticket;
	struct transfer transfer;
	int64_t first_ms;      /* the first attempt went out, or would have with a bearer */
	int64_t sent_ms;       /* the last one did */
	struct bearer *bearer; /* it was sent with, NULL: none */
	bool renewed;          /* it was refused once and is sent again with another one */
	char *url;
	int state;
	bool cancelled;
	struct call *prev_live, *next_live;
	struct client *client;
};

/* Starts the network thread: after the last fork. */
int client_new(const struct client_config *config, struct client **ret);
/* A network error, 429, 500, 502, 503, 504 and a 200 that is no API answer are retried as the row's
 * repeat rule allows; 401 stops all calls but one probe a minute. The table of errnos: DESIGN.md 5.
 * After client_stop the call ends at once: its on_done comes from inside client_start. */
void client_start(struct client *c, struct call *call);
/* Ends the wait soon: on_done with ECANCELED, unless it is on its way already. */
void client_cancel(struct client *c, struct call *call);
/* The job that a successful starts_job call began has ended. */
void client_job_over(struct client *c);
/* A job that is at the service already is followed by this mount from now on: an orphan, which a
 * mount that has ended left to others, or one that client_job_over was said of. One that the client
 * is freed with goes on at the service, and is counted until somebody takes it. */
void client_job_taken(struct client *c, bool orphan);
/* This mount cannot follow it any more, and it goes on at the service: an orphan until somebody
 * takes it, or for ten minutes. */
void client_job_left(struct client *c);
/* Frees answer and next_page and clears the out part, so that the call can be started again. */
void call_clear(struct call *call);

/* Called on the network thread when a notice made the client switch hosts (once; never an
 * OAuth client, whom no other data centre knows). */
typedef void client_moved_fn(void *arg, const char *new_origin);
void client_on_moved(struct client *c, client_moved_fn *fn, void *arg); /* before the first call */

/* Called on the network thread when the token is refused, and when it is accepted again. Before the
 * first call. */
typedef void client_token_fn(void *arg, bool refused);
void client_on_token(struct client *c, client_token_fn *fn, void *arg);

/* The limits are shared with whoever uses this file too: mounts of one account, on one machine.
 * Takes `fd`; once. */
void client_share(struct client *c, int fd);
/* Called on the network thread when another mount of them has ended, in whatever way: its jobs may
 * be taken. Until client_stop, or until another one, or NULL, is given: when that returns the
 * former is not called any more. Not from inside of it. */
typedef void client_death_fn(void *arg);
void client_on_death(struct client *c, client_death_fn *fn, void *arg);
/* Called on the network thread when no call has succeeded for quiet_ms, and, while that is so,
 * again each 24th part of it. Before the first call. */
typedef void client_quiet_fn(void *arg);
void client_on_quiet(struct client *c, int64_t quiet_ms, client_quiet_fn *fn, void *arg);

/* Whether the last call found a network. Any thread, client.lock (rank 4), as the next two. */
bool client_is_reachable(struct client *c);
/* When the account answered again after it could not be reached (sys_now_ms); 0: it always could.
 * Any thread, client.lock (rank 4). */
int64_t client_back_ms(struct client *c);
/* Somebody was given what is old, for the account could not be reached: whether it can be again is
 * asked by one call at a time, of a few attempts. */
void client_look(struct client *c);
/* Called on the network thread when the account answers again, or takes the token again. Until
 * client_stop; NULL: nobody, from when that returns, as above. Each of these may be told. */
enum client_back { BACK_EXPORTS, BACK_IMPORTS, BACK_N_ };
typedef void client_back_fn(void *arg);
void client_on_back(struct client *c, enum client_back who, client_back_fn *fn, void *arg);

struct client_view {
	struct governor_view governor;
	char origin[300];
	bool reachable;     /* false: the last call found no network */
	bool token_refused; /* a 401 came, or it is doubted, and nothing succeeded since */
	bool oauth;         /* it is an OAuth client that was refused */
	bool dated;         /* the last answer told the service's time */
	int64_t ahead_s;    /* then: of it, our own calendar */
	uint64_t calls, refused_429;
};
/* A copy kept for status texts; any thread, client.lock (rank 4). */
void client_view(struct client *c, struct client_view *ret);
/* Its token_refused alone; the same. */
bool client_is_refused(struct client *c);

/* Every call ends (ECANCELED); then the network thread ends. */
void client_stop(struct client *c);
void client_free(struct client *c);

/* The errno and the words for an HTTP status and an error body; for unit tests too. */
void client_judge(const struct endpoint_row *row, int status, const struct json *body,
                  struct qx_fail *fail);

#endif
