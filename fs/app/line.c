/* line.c: one line of a child process. */
#include "line.h"

#include <qxfs/base/sys.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

int line_read(int fd, char line[LINE_SIZE], int64_t until_ms)
{
	size_t len = 0;

	line[0] = '\0';
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left_ms = until_ms - sys_now_ms();
		int n = left_ms > 0 ? poll(&p, 1, (int)left_ms) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -ETIMEDOUT : -errno;
		ssize_t got = read(fd, line + len, LINE_SIZE - 1 - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		len += (size_t)got;
		line[len] = '\0';
		if (got == 0 || strchr(line, '\n') || len == LINE_SIZE - 1) {
			line[strcspn(line, "\r\n")] = '\0';
			return 0;
		}
	}
}
