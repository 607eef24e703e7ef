/* clock.c: preloaded into a mount that a test starts: adds the seconds that the file QXFS_CLOCK
 * holds, as text, to CLOCK_BOOTTIME, and if QXFS_CLOCK_WALL is set to the calendar, as a suspend of
 * the machine does, and makes a bounded wait in poll one of 100 ms, so that a day goes by when a
 * test says so. The kernel's own clock stands still meanwhile: a moment that a timerfd is set to is
 * told to it in its time. Built by the test that wants it. */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static time_t slept(void)
{
	char text[32] = "";
	const char *path = getenv("QXFS_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	static int (*real)(clockid_t, struct timespec *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	int r = real(clock, ret);
	if (clock == CLOCK_BOOTTIME)
		ret->tv_sec += slept();
	return r;
}

time_t time(time_t *ret)
{
	static time_t (*real)(time_t *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "time");
	time_t now = real(NULL) + (getenv("QXFS_CLOCK_WALL") ? slept() : 0);
	if (ret)
		*ret = now;
	return now;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *before)
{
	static int (*real)(int, int, const struct itimerspec *, struct itimerspec *);
	struct itimerspec then = *when;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "timerfd_settime");
	if ((flags & TFD_TIMER_ABSTIME) && (then.it_value.tv_sec || then.it_value.tv_nsec)) {
		time_t passed = slept();
		if (then.it_value.tv_sec > passed)
			then.it_value.tv_sec -= passed;
		else /* it is over: at once, for 0 would be never */
			then.it_value = (struct timespec){ .tv_nsec = 1 };
	}
	return real(fd, flags, &then, before);
}

int poll(struct pollfd *fds, nfds_t n, int ms)
{
	static int (*real)(struct pollfd *, nfds_t, int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "poll");
	return real(fds, n, ms > 100 ? 100 : ms);
}
