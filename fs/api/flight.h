/* flight.h: one transfer while libcurl has it: its options, what arrives, how it ended.
 * Threads: the network thread only. Owned by http.c. */
#ifndef QXFS_API_FLIGHT_H
#define QXFS_API_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include <qxfs/api/http.h>

#include "head.h"

struct flight {
	struct transfer *t;
	void *easy;                 /* CURL */
	struct curl_slist *headers; /* holds the token: wiped before it is freed */
	int64_t joined_ms;          /* libcurl has it since then: sys_now_ms */
	struct flight *next;
	bool in_multi;
	bool aborted;
	bool ended;       /* t has its outcome; on_done is due */
	bool body_enough; /* an error's body beyond what is kept: stopped by us, not a failure */
	size_t head_bytes;
	struct head head;
	char words[256]; /* libcurl's, about an error */
};

/* Empties the sink. -ENOMEM; -EINVAL for a token that would break out of its header line; -errno.
 */
int flight_new(struct transfer *t, struct flight **ret);
void flight_free(struct flight *f); /* NULL is fine */

/* libcurl is through with it (CURLcode): fills the transfer's out part. */
void flight_conclude(struct flight *f, int curl_code);
/* It ends here, whatever libcurl would have said. */
void flight_conclude_aborted(struct flight *f);
/* By our own doing, as if the connection had ended: the machine slept. */
void flight_conclude_slept(struct flight *f);

#endif
