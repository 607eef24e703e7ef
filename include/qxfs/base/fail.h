/* fail.h: a failure as people need it: errno for the program, words and a remedy for the person.
 *
 * Plain value, copied freely; a zeroed one means "no failure". Threads: any.
 */
#ifndef QXFS_BASE_FAIL_H
#define QXFS_BASE_FAIL_H

#include <stdbool.h>

struct qx_fail {
	int err;             /* positive errno; 0: no failure */
	int http;            /* HTTP status, 0: none came */
	char code[40];       /* the service's errorCode */
	char request_id[64]; /* the service's requestId, for its support */
	char why[280];       /* the cause, one sentence */
	char remedy[320];    /* what to do, one sentence; may be empty */
	bool unsure;         /* a write that failed may have taken effect all the same */
	bool unreachable;    /* the network, not the service, failed: old data may be served */
};

void fail_clear(struct qx_fail *f);
/* Sets err and why (printf form); the rest is cleared. Returns -err. Words that had to be cut end
 * with "…", so that nobody runs half a command on half a path. */
int fail_set(struct qx_fail *f, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void fail_remedy(struct qx_fail *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What ends these words as a sentence: "." unless they do so themselves, as the service's may. */
const char *words_stop(const char *words);

#endif
