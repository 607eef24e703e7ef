/* private.h: a file that holds a credential is its owner's alone. Threads: main only. */
#ifndef QXFS_APP_PRIVATE_H
#define QXFS_APP_PRIVATE_H

#include <stdbool.h>

#include <qxfs/base/fail.h>

/* kind: "the token file ", before its path in messages; "" too. or_pipe: a pipe will do. -EINVAL:
 * it is no file; -EPERM: others may use it, with the command that mends it. */
int private_check(int fd, const char *kind, const char *path, bool or_pipe, struct qx_fail *fail);

#endif
