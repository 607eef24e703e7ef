/* ask.h: a question to the daemon of a mount, by the ioctl of front/control.h.
 *
 * Asked in a process of its own, which is ended when the time is up: no signal but a deadly one
 * frees a caller that waits for a daemon that hangs. Threads: main only.
 */
#ifndef QXFS_APP_ASK_H
#define QXFS_APP_ASK_H

#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>
#include <qxfs/base/json.h>
#include <qxfs/front/control.h>

/* Appends the JSON answer, as it came; *ret_parsed is the same parsed, json_free it. `path` is
 * relative to the mount's root. -ENOTCONN: the daemon is gone; -ETIMEDOUT: it does not answer;
 * -EACCES. */
int ask(const char *mountpoint, enum control_verb verb, const char *path, struct buf *answer,
        struct json **ret_parsed, struct qx_fail *fail);

/* The same about a path that a person gave, of the mount that it lies in; *ret_point: where that is
 * mounted, malloc'ed; may be NULL. */
int ask_about(const char *given, enum control_verb verb, struct json **ret_parsed, char **ret_point,
              struct qx_fail *fail);

#endif
