/* clock.c: loaded before libc (LD_PRELOAD) it adds the seconds that the file QXFS_CLOCK holds, as
 * text, to CLOCK_BOOTTIME, and makes a bounded wait in poll one of 100 ms, so that a day goes by
 * when a test says so. Built by the test that wants it. */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	static int (*real)(clockid_t, struct timespec *);
	char text[32] = "";

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	int r = real(clock, ret);
	const char *path = getenv("QXFS_CLOCK");
	int fd = clock == CLOCK_BOOTTIME && path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) > 0)
			ret->tv_sec += atol(text);
		close(fd);
	}
	return r;
}

int poll(struct pollfd *fds, nfds_t n, int ms)
{
	static int (*real)(struct pollfd *, nfds_t, int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "poll");
	return real(fds, n, ms > 100 ? 100 : ms);
}
