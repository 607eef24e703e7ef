/* retry.h: may a failed request be sent again, and when. Pure: values in, values out. */
#ifndef QXFS_API_RETRY_H
#define QXFS_API_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include <qxfs/api/endpoints.h>

/* How a transfer ended below HTTP. */
enum outcome {
	OUTCOME_ANSWERED,   /* an HTTP answer came, whole as far as HTTP can tell */
	OUTCOME_UNRESOLVED, /* no such host name, or no resolver */
	OUTCOME_REFUSED,    /* no connection */
	OUTCOME_TLS,        /* certificate or handshake: a matter of settings, not repeated */
	OUTCOME_TIMEOUT,    /* no connection, no answer, or under 1 kB/s over 30 s */
	OUTCOME_BROKEN,     /* reset, closed without an answer, garbage */
	OUTCOME_CUT,        /* the body ended before its length */
	OUTCOME_LOCAL,      /* our disk, our memory */
	OUTCOME_ABORTED
};

struct attempt {
	int n; /* attempts made so far, >= 1 */
	enum outcome outcome;
	int http;     /* when OUTCOME_ANSWERED */
	bool damaged; /* 200, but the body is not what it should be (HTML, cut JSON) */
	enum repeat_rule repeat;
	int64_t retry_after_s; /* -1: none was sent */
	int64_t elapsed_ms;    /* since the first attempt went out */
	int64_t bound_ms;      /* no attempt later than this after the first; 0: none */
};

/* Milliseconds until the next attempt, or -1: give up. `dice` is any random number. Retry-After is
 * obeyed (1..120 s); else 250 ms doubling to 4 s, jittered by half. At most RETRY_ATTEMPTS, but a
 * network that is away is tried until bound_ms. */
#define RETRY_ATTEMPTS 6
int64_t retry_delay_ms(const struct attempt *a, uint64_t dice);

/* It has failed for good and may have taken effect all the same. */
bool retry_is_unsure(const struct attempt *a);

#endif
