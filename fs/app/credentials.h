/* credentials.h: whose account, and where: token and host, the first found wins:
 *   token   -o token_file=FILE; QUALTRICS_API_TOKEN; QUALTRICS_API_KEY; the profile's token or
 *           OAuth client; what the keyring has for the profile and its host
 *   host    QUALTRICS_BASE_URL; the profile; with a profile's token the profile's alone
 *
 * The token is wiped from the environment, in place: /proc/PID/environ must not show it, and no
 * child inherits it. It never stands in a message.
 *
 * Threads: main only, before any other exists. Errors: negative errno with words and a remedy.
 */
#ifndef QXFS_APP_CREDENTIALS_H
#define QXFS_APP_CREDENTIALS_H

#include <qxfs/api/client.h>
#include <qxfs/api/url.h>
#include <qxfs/base/fail.h>

#include "profile.h"

struct credentials {
	struct base_url base;
	char *token; /* until it becomes a struct secret, in the process that keeps it; with a
	                client_id that OAuth client's secret */
	char *client_id, *scope;
};

/* profile and token_file may be NULL. The environment is wiped whether or not this succeeds. */
int credentials_read(const struct profile *profile, const char *token_file, struct credentials *ret,
                     struct qx_fail *fail);
/* Makes the struct secret of it, and wipes it here: base, token and oauth of `ret`, whose strings
 * are borrowed. Whom a client_new that fails leaves both is to free them. -ENOMEM. */
int credentials_give(const struct credentials *c, struct client_config *ret, struct qx_fail *fail);
/* Checks and takes a token from elsewhere; `text` is wiped. `where` names the place for messages.
 */
int credentials_take_token(char *text, const char *where, char **ret, struct qx_fail *fail);
/* The same for what an OAuth client has: its id, its secret. */
int credentials_take_client(char *id, char *secret, const char *where, struct credentials *ret,
                            struct qx_fail *fail);
/* A host as a person gives it, with blanks around it. -ENOENT: nothing but blanks, no words. */
int credentials_parse_host(const char *text, struct base_url *ret, struct qx_fail *fail);
/* The variable that holds a token, NULL: none does. */
const char *credentials_in_environment(void);
/* For commands that need no token. */
void credentials_wipe_environment(void);
void credentials_done(struct credentials *c); /* wipes; accepts zeroed memory */

#endif
