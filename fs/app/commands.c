/* commands.c: the subcommands that speak to a running mount. */
#include "commands.h"

#include "ask.h"
#include "mountpoint.h"
#include "mounts.h"
#include "report.h"
#include "say.h"
#include "spot.h"

#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define END_MS 30000 /* the daemon's orderly end takes no longer */

/* --- arguments --- */

bool take_flag(const char *word, const struct flag *flags)
{
	for (; flags && flags->word; flags++)
		if (strcmp(word, flags->word) == 0) {
			*flags->set = true;
			return true;
		}
	return false;
}

bool take_arguments(int argc, char *const argv[], const struct flag *flags, const char **ret_path)
{
	bool only_paths = false;

	*ret_path = NULL;
	for (int i = 0; i < argc; i++) {
		bool is_flag = !only_paths && argv[i][0] == '-' && argv[i][1];
		if (is_flag && strcmp(argv[i], "--") == 0) {
			only_paths = true;
		} else if (is_flag && take_flag(argv[i], flags)) {
			continue;
		} else if (is_flag) {
			say("there is no flag '%s' here; 'qxfs --help' lists them", argv[i]);
			return false;
		} else if (*ret_path) {
			say("one path is wanted, not '%s' and '%s' too", *ret_path, argv[i]);
			return false;
		} else {
			*ret_path = argv[i];
		}
	}
	return true;
}

int print(const struct buf *text)
{
	if (fwrite(buf_text(text), 1, text->len, stdout) == text->len && fflush(stdout) == 0)
		return STATUS_OK;
	say("standard output: %s", strerror(errno));
	return STATUS_REFUSED;
}

/* --- qxfs umount --- */

/* Nothing of it is lost, but nobody sends it either. */
static void tell_kept(const char *mountpoint, const struct json *status)
{
	static const char *const words[] = { "imports.queued", "imports.sending",
		                             "imports.importing", "imports.held" };
	int64_t n = 0, all = 0;

	for (size_t i = 0; i < countof(words); i++)
		if (json_int(status, words[i], &n))
			all += n;
	if (all > 0)
		say("%s: %lld import%s not over; the next mount of the account goes on with %s",
		    mountpoint, (long long)all, all == 1 ? " is" : "s are",
		    all == 1 ? "it" : "them");
}

/* The daemon, so that its end can be waited for; -1: it is not known, and nothing waits. */
static int watch_daemon(const char *mountpoint)
{
	struct buf answer = { 0 };
	struct json *status = NULL;
	struct qx_fail ignored;
	char name[32] = "";
	struct buf comm = { 0 };
	int64_t pid = 0;
	int fd = -1;

	if (ask(mountpoint, CONTROL_STATUS, "", &answer, &status, &ignored) == 0)
		tell_kept(mountpoint, status);
	if (status && json_int(status, "pid", &pid) && pid > 1 && pid <= INT32_MAX) {
		fd = pidfd_open((pid_t)pid, 0);
		(void)snprintf(name, sizeof(name), "/proc/%d/comm", (int)pid);
		/* The number may be one of another pid namespace. */
		if (fd >= 0 && (sys_read_file_at(AT_FDCWD, name, 64, &comm) < 0 ||
		                strcmp(buf_text(&comm), "qxfs\n") != 0)) {
			close(fd);
			fd = -1;
		}
	}
	json_free(status);
	buf_done(&answer);
	buf_done(&comm);
	return fd;
}

static void await_daemon(int fd, const char *mountpoint)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (fd >= 0 && poll(&pfd, 1, END_MS) == 0)
		say("%s is unmounted; its daemon still puts things in order", mountpoint);
}

static int unmount(const char *mountpoint, struct qx_fail *fail)
{
	if (mountpoint_is_dead(mountpoint))
		return mountpoint_detach(mountpoint, true, fail);

	qx_auto_fd daemon = watch_daemon(mountpoint);
	int r = mountpoint_detach(mountpoint, false, fail);
	if (r == 0)
		await_daemon(daemon, mountpoint);
	return r;
}

int command_umount(int argc, char *const argv[])
{
	struct qx_fail fail = { 0 };
	struct spot spot;
	const char *path;
	int status = STATUS_OK;

	if (!take_arguments(argc, argv, NULL, &path))
		return STATUS_REFUSED;
	if (!path) {
		say("which mount? qxfs umount DIR");
		return STATUS_REFUSED;
	}
	int r = find_spot(path, &spot, &fail);
	if (r == 0 && *spot.below) {
		r = fail_set(&fail, EINVAL, "%s is not the mount point", spot.path);
		qx_auto_free char *word = sys_shell_word(spot.mount->point);
		fail_remedy(&fail, "qxfs umount %s", word);
	} else if (r == 0) {
		r = unmount(spot.path, &fail);
	} else if (spot.path && spot.mount) {
		fail_set(&fail, EINVAL, "%s is not a qxfs mount", spot.path);
		fail_remedy(&fail, "'qxfs status' lists those of this machine");
	}
	if (r < 0)
		status = (int)say_fail(&fail);
	spot_done(&spot);
	return status;
}

/* --- qxfs why --- */

int command_why(int argc, char *const argv[])
{
	struct qx_fail fail = { 0 };
	struct buf text = { 0 };
	struct json *parsed = NULL;
	const char *path;

	if (!take_arguments(argc, argv, NULL, &path))
		return STATUS_REFUSED;
	if (!path) {
		say("why what? qxfs why PATH");
		return STATUS_REFUSED;
	}
	int r = ask_about(path, CONTROL_WHY, &parsed, NULL, &fail);
	int status = r < 0 ? (int)say_fail(&fail) : STATUS_OK;
	if (r == 0) {
		report_why(parsed, &text);
		status = print(&text);
	}
	json_free(parsed);
	buf_done(&text);
	return status;
}
