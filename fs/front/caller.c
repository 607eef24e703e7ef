/* caller.c: which pending signals end a wait. */
#include "caller.h"

#include <qxfs/base/buf.h>
#include <qxfs/base/sys.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MAX (1 << 20) /* the Groups line holds up to 65,536 numbers */

/* Signal n is bit n - 1, as in /proc. */
#define BIT(signal) (UINT64_C(1) << ((signal)-1))

/* What a person or a shell sends to have a program end or stop. */
static const uint64_t ending = BIT(SIGINT) | BIT(SIGQUIT) | BIT(SIGTERM) | BIT(SIGHUP) |
                               BIT(SIGKILL) | BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU);

static unsigned hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return (unsigned)(digit - '0');
	return (unsigned)((digit | 0x20) - 'a') + 10;
}

/* The hexadecimal number of the line that begins with `label`. */
static bool read_mask(const char *status, const char *label, uint64_t *ret)
{
	const char *line = status;
	while (strncmp(line, label, strlen(label)) != 0) {
		line = strchr(line, '\n');
		if (!line)
			return false;
		line++;
	}

	const char *digits = line + strlen(label);
	digits += strspn(digits, "\t ");
	size_t len = strspn(digits, "0123456789abcdefABCDEF");
	if (len == 0 || len > 16 || digits[len] != '\n')
		return false;
	*ret = 0;
	for (size_t i = 0; i < len; i++)
		*ret = *ret * 16 + hex_value(digits[i]);
	return true;
}

enum caller_wish caller_read_status(const char *status)
{
	uint64_t thread, process, blocked;

	if (!read_mask(status, "SigPnd:", &thread) || !read_mask(status, "ShdPnd:", &process) ||
	    !read_mask(status, "SigBlk:", &blocked))
		return CALLER_GIVES_UP;

	/* Nothing pending: the freezer woke it, and a suspend waits for this answer. */
	uint64_t pending = (thread | process) & ~blocked;
	return pending == 0 || pending & ending ? CALLER_GIVES_UP : CALLER_STAYS;
}

enum caller_wish caller_look(pid_t tid)
{
	char path[64];
	struct buf status = { 0 };
	enum caller_wish wish = CALLER_GIVES_UP;

	if (tid <= 0)
		return wish;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (sys_read_file_at(AT_FDCWD, path, STATUS_MAX, &status) == 0)
		wish = caller_read_status(buf_text(&status));
	buf_done(&status);
	return wish;
}
