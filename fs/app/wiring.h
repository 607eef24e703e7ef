/* wiring.h: one mount from its parts: built upwards from the account, taken down in order. */
#ifndef QXFS_APP_WIRING_H
#define QXFS_APP_WIRING_H

#include "credentials.h"
#include "daemon.h"
#include "options.h"
#include "places.h"

struct wiring {
	const struct options *options;
	struct credentials *credentials; /* the token is taken and wiped */
	const struct places *places;
	const char *mountpoint; /* absolute */
	const char *on_event;   /* a command; NULL: none */
};

/* Mounts and serves until the mount is gone or a signal ends it. In the process that keeps the
 * mount, before any thread. The exit status; has said why when it is not 0. */
int wiring_run(struct daemon *d, const struct wiring *w);

#endif
