/* oauth.h: an OAuth 2 client (client credentials, API.md 1.3), which mints its own access token,
 * and a new one before that has ended and once when it is refused. Threads: none. */
#ifndef QXFS_API_OAUTH_H
#define QXFS_API_OAUTH_H

#include <qxfs/base/secret.h>

struct oauth_client {
	const char *id;        /* borrowed, as scope */
	struct secret *secret; /* taken by a client_new that succeeds; NULL: there is no such client
	                        */
	const char *scope;     /* NULL: none is asked for */
};

#endif
