/* grant.h: an OAuth client and the bearer that it mints for itself (API.md 1.3).
 *
 *     none ──a call──► minting ──it came──► current ──the tenth before its end──► current, minting
 *      ▲                  │ failed             │ its end, a 401
 *      └──────────────────┴────────────────────┘
 *
 * A bearer lives in memory only, and as long as a call that was sent with it: what the service says
 * is masked with it.
 *
 * Pure: times are given (sys_now_ms). Threads: the network thread only. */
#ifndef QXFS_API_GRANT_H
#define QXFS_API_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include <qxfs/api/oauth.h>
#include <qxfs/base/fail.h>
#include <qxfs/base/json.h>
#include <qxfs/base/secret.h>

struct bearer {
	struct secret *text;
	int users;     /* calls that were sent with it, and the grant while it is the current one */
	bool accepted; /* a call with it has succeeded */
};

struct grant {
	struct secret *basic;   /* id and secret as HTTP Basic has them */
	struct secret *secret;  /* alone, for masking */
	char *form;             /* body of a mint */
	bool minting;           /* mint.c's: a mint is under way */
	struct bearer *current; /* NULL: none */
	int64_t renew_ms; /* from when on a new one is minted while calls go on with this one */
	int64_t end_ms;   /* from when on it is not sent any more */
	int64_t rests_ms; /* until then no mint is begun, for the last one brought none; 0: it did
	                   */
	struct qx_fail fail; /* then: why */
};

/* Takes the secret when it succeeds. -ENOMEM. */
int grant_new(const struct oauth_client *client, struct grant **ret);
void grant_free(struct grant *g); /* NULL is fine */

/* Is there a bearer that can be lent? */
bool grant_is_good(const struct grant *g, int64_t now_ms);
/* The current bearer, one more user of it; NULL: there is none to use. */
struct bearer *grant_lend(struct grant *g, int64_t now_ms);
void bearer_unref(struct bearer *b); /* NULL is fine */
/* Is it time for a new one? */
bool grant_is_old(const struct grant *g, int64_t now_ms);
/* What a mint that was asked for at asked_ms has brought; it can be lent at now_ms, however short
 * its life is said to be. -EBADMSG: no access token of a kind that is known; -ENOMEM. */
int grant_take(struct grant *g, const struct json *answer, int64_t asked_ms, int64_t now_ms);
/* The renewal has failed while the old one is still good: not again before a while. */
void grant_put_off(struct grant *g, int64_t now_ms);
/* There is none to lend, and an answer has said that none will be given: who wants one is told so
 * for a while, without a mint for each. */
void grant_rest(struct grant *g, int64_t now_ms, const struct qx_fail *fail);
bool grant_rests(const struct grant *g, int64_t now_ms);
/* A 401 came for a call that was sent with `b`, which is not used again. True: another bearer may
 * fare better. One that came from its mint and was never accepted may not. */
bool grant_refused(struct grant *g, const struct bearer *b);

#endif
