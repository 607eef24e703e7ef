/* keyring_service.h: libsecret, for keyring.c's child process alone; keyring_none.c is in its place
 * where qxfs was built without. */
#ifndef QXFS_APP_KEYRING_SERVICE_H
#define QXFS_APP_KEYRING_SERVICE_H

#include <stdbool.h>

struct keyring_item {
	const char *profile;
	const char *host; /* its origin: "https://fra1.qualtrics.com" */
	bool client;      /* an OAuth client's secret, not an API token */
};

enum keyring_verb { KEYRING_PROBE, KEYRING_FIND, KEYRING_KEEP, KEYRING_FORGET };

struct keyring_question {
	enum keyring_verb verb;
	struct keyring_item item;
	const char *secret; /* to keep */
};

/* What it came to, as the letter that the parent is told. */
enum keyring_verdict {
	KEYRING_DONE = 'D',
	KEYRING_MISSING = 'M', /* there is no such item */
	KEYRING_LOCKED = 'L',
	KEYRING_AWAY = 'A',   /* no Secret Service, or none with a keyring */
	KEYRING_WITHOUT = 'W' /* built without it */
};

/* *ret: what was found, wiped and freed by the caller; NULL otherwise. */
enum keyring_verdict keyring_ask(const struct keyring_question *q, char **ret);

#endif
