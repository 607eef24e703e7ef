/* child.h: what may hang for good (a mount whose daemon stands still, a keyring that asks a
 * person), done in a process of its own, which can be ended. Threads: before others exist, or who
 * needs none of their locks: it is a fork. */
#ifndef QXFS_APP_CHILD_H
#define QXFS_APP_CHILD_H

#include <sys/types.h>

struct child {
	pid_t pid;
	int fd; /* what it writes is read here */
};

/* The child runs fn, which writes its answer to out_fd, and ends. 0 or a negative errno, and then
 * there is no child. */
int child_begin(struct child *ret, void (*fn)(int out_fd, const void *arg), const void *arg);
/* Closes; it is killed if it has not ended. One that cannot be is left to itself. */
void child_end(struct child *c);

#endif
