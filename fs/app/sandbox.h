/* sandbox.h: the account of `qxfs demo`: a server on loopback, a child of the process that keeps
 * the mount. It ends when its standard input closes, so it never outlives the mount, however that
 * ends.
 *
 * Threads: main only, before any other exists. Errors: negative errno with words and a remedy.
 */
#ifndef QXFS_APP_SANDBOX_H
#define QXFS_APP_SANDBOX_H

#include <sys/types.h>

#include "credentials.h"

struct sandbox {
	pid_t pid; /* 0: none runs */
	int stdin_fd;
};

/* Where it lies, beside or below the program: free() *ret. */
int sandbox_find(char **ret, struct qx_fail *fail);
/* Starts it and waits until it listens. What it says on standard error goes to `log_path`. */
int sandbox_start(const char *path, const char *log_path, struct sandbox *ret,
                  struct credentials *ret_credentials, struct qx_fail *fail);
void sandbox_stop(struct sandbox *s);

#endif
