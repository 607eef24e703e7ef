/* say.h: how the program speaks to the person who started it: one sentence on standard error that
 * names the thing, the cause and the remedy, and a status for scripts.
 *
 * Words may come from the service or from file names, so control characters never reach the
 * terminal. Threads: any.
 */
#ifndef QXFS_APP_SAY_H
#define QXFS_APP_SAY_H

#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>

enum status {
	STATUS_OK = 0,
	STATUS_REFUSED = 1, /* a setting, a token or the machine is in the way: trying again is no
	                       use */
	STATUS_UNREACHABLE = 32, /* the account could not be reached, and is not known from before
	                          */
	STATUS_INTERRUPTED = 128 /* + the signal's number */
};

/* "qxfs: " and the words, as one line on standard error. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for a failure: its cause, then its remedy. Returns the status that goes with it. */
enum status say_fail(const struct qx_fail *fail);
/* Adds `text` with every control character replaced by '?'. */
void say_clean(struct buf *out, const char *text);

#endif
