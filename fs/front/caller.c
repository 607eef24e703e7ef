/* caller.c: which pending signals end a wait. */
#include "caller.h"

#include <qxfs/base/buf.h>
#include <qxfs/base/sys.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MAX (1 << 20) /* the Groups line holds up to 65,536 numbers */
#define STAT_MAX 4096
#define THREADS_MAX 256 /* more are not asked: the watcher has others to look after */

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

enum caller_signs caller_read_status(const char *status)
{
	uint64_t thread, process, blocked;

	if (!read_mask(status, "SigPnd:", &thread) || !read_mask(status, "ShdPnd:", &process) ||
	    !read_mask(status, "SigBlk:", &blocked))
		return CALLER_ENDS;

	uint64_t pending = (thread | process) & ~blocked;
	if (pending & ending)
		return CALLER_ENDS;
	return pending ? CALLER_STAYS : CALLER_QUIET;
}

/* T, or t when a debugger holds it, stands behind the name, which may hold anything. */
static bool is_stopped(int task_fd, const char *tid)
{
	char path[64];
	struct buf stat = { 0 };

	(void)snprintf(path, sizeof(path), "%.20s/stat", tid);
	(void)sys_read_file_at(task_fd, path, STAT_MAX, &stat); /* a thread that has ended: "" */
	const char *name_end = strrchr(buf_text(&stat), ')');
	bool stopped = name_end && name_end[1] == ' ' && (name_end[2] | 0x20) == 't';
	buf_done(&stat);
	return stopped;
}

#define PF_SIGNALED 0x400 /* Linux, sched.h: "killed by a signal"; in /proc since ever */
#define FLAGS_FIELD 9
#define SESSION_FIELD 6

pid_t caller_process(pid_t tid)
{
	char path[64];
	struct buf status = { 0 };
	int64_t tgid = 0;

	if (tid <= 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (sys_read_file_at(AT_FDCWD, path, STATUS_MAX, &status) == 0) {
		const char *line = strstr(buf_text(&status), "\nTgid:");
		char number[16] = "";
		if (line && sscanf(line + 6, "%15s", number) == 1 &&
		    sys_parse_int(number, 1, INT32_MAX, &tgid) < 0)
			tgid = 0;
	}
	buf_done(&status);
	return (pid_t)tgid;
}

/* /proc/TID/stat; "" if it has ended. */
static void read_stat(pid_t tid, struct buf *stat)
{
	char path[64];

	if (tid <= 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	(void)sys_read_file_at(AT_FDCWD, path, STAT_MAX, stat);
}

/* A field of it, behind the name: field 2, which may hold anything. 0: it is not there. */
static int64_t stat_field(const struct buf *stat, int wanted)
{
	const char *at = strrchr(buf_text(stat), ')');
	char number[24] = "";
	int64_t value = 0;

	for (int field = 2; at && field < wanted; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, " %23[0-9]", number) != 1 ||
	    sys_parse_int(number, 0, UINT32_MAX, &value) < 0)
		return 0;
	return value;
}

bool caller_is_killed(pid_t tid)
{
	struct buf stat = { 0 };

	read_stat(tid, &stat);
	int64_t flags = stat_field(&stat, FLAGS_FIELD);
	buf_done(&stat);
	return flags & PF_SIGNALED;
}

void caller_describe(pid_t tid, char ret_program[16], pid_t *ret_session)
{
	struct buf stat = { 0 };

	read_stat(caller_process(tid), &stat);
	const char *name = strchr(buf_text(&stat), '('), *end = strrchr(buf_text(&stat), ')');
	size_t len = name && end > name ? (size_t)(end - name) - 1 : 0;
	if (len > 15)
		len = 15;
	memcpy(ret_program, len > 0 ? name + 1 : "", len);
	ret_program[len] = '\0';
	*ret_session = (pid_t)stat_field(&stat, SESSION_FIELD);
	buf_done(&stat);
}

/* Has any thread of its process stopped? The one that took the SIGSTOP has by the time that the
 * others are woken. */
static bool stands_still(pid_t tid)
{
	char path[64];
	bool stopped = false;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", tid);
	DIR *tasks = opendir(path);
	if (!tasks)
		return false;
	const struct dirent *entry;
	for (int i = 0; !stopped && i < THREADS_MAX && (entry = readdir(tasks)); i++)
		stopped = entry->d_name[0] != '.' && is_stopped(dirfd(tasks), entry->d_name);
	(void)closedir(tasks);
	return stopped;
}

bool caller_stays(pid_t tid, bool told)
{
	char path[64];
	struct buf status = { 0 };
	enum caller_signs signs = CALLER_ENDS;

	if (tid <= 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (sys_read_file_at(AT_FDCWD, path, STATUS_MAX, &status) == 0)
		signs = caller_read_status(buf_text(&status));
	buf_done(&status);
	if (signs == CALLER_QUIET)
		return told || stands_still(tid);
	return signs == CALLER_STAYS;
}
