/* account.h: whose token it is, and what is remembered of it between mounts.
 *
 * An account is a host, a brand and a user; the hash of the three names its folders in cache and
 * state, and is the same by whatever credential. What is known of a token (or an OAuth client) lies
 * in the state parent as known/HASH, HASH being that of host and token, so that a known one mounts
 * at once, also without network. Host is always the
 * configured one: that the service moved the brand to another (meta.notice) is remembered there,
 * and changes no folder.
 *
 * Threads: main only, but for what the client's callbacks note (guarded by account.lock).
 */
#ifndef QXFS_APP_ACCOUNT_H
#define QXFS_APP_ACCOUNT_H

#include <stdbool.h>

#include <qxfs/api/client.h>
#include <qxfs/api/url.h>
#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>
#include <qxfs/base/secret.h>

struct account;

/* Looks the token, or the OAuth client, up: of `config` only base and credential count, and nothing
 * is taken. -errno with words: the state folder cannot be used. */
int account_new(const char *state_parent, const struct client_config *config, struct account **ret,
                struct qx_fail *fail);
/* After client_stop. NULL is fine. */
void account_free(struct account *a);

bool account_is_known(const struct account *a);
/* Was the token refused when it was last used, by whichever mount? Before client_new. */
bool account_is_doubted(struct account *a);
/* Where to send calls: the configured host, or the one that it was moved to. */
const struct base_url *account_base(const struct account *a);
/* The host that a notice named in this run; false: none did. */
bool account_moved(struct account *a, struct base_url *ret);
/* The name of its folders; "" while it is not known. */
const char *account_id(const struct account *a);
/* The user's id, "" before the account is known. */
const char *account_user(const struct account *a);

/* What is remembered, as JSON. */
void account_describe(struct account *a, struct buf *out);

/* Tells the account of a host switch, and of a token that is refused; before the client's first
 * call. */
void account_follow(struct account *a, struct client *c);
/* Asks the service whose token it is, waits for the answer, and remembers it. */
int account_ask(struct account *a, struct client *c, struct qx_fail *fail);
/* Of a known account: asks behind, and logs a warning if the token is refused. */
void account_check(struct account *a, struct client *c);
/* Does so whenever nothing else has succeeded for a day, so that a token that was revoked is
 * noticed though nobody opens anything; before the client's first call. */
void account_watch(struct account *a, struct client *c);

#endif
