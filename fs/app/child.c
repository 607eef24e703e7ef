/* child.c: see child.h. */
#include "child.h"

#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Who cannot be ended shall not keep the reader of our output waiting, and the words of libraries
 * are no answer of ours. */
static void be_silent(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		(void)dup2(null, fd);
}

int child_begin(struct child *ret, void (*fn)(int out_fd, const void *arg), const void *arg)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	ret->pid = fork();
	ret->fd = ends[0];
	int err = ret->pid < 0 ? errno : 0;
	if (ret->pid == 0) {
		close(ends[0]);
		be_silent();
		fn(ends[1], arg);
		_exit(0);
	}
	close(ends[1]);
	if (err)
		close(ends[0]);
	return -err;
}

void child_end(struct child *c)
{
	close(c->fd);
	(void)shell_wait(c->pid, true, false);
}
