/* daemon.c: the process that keeps a mount alive, and the one that waits for it to begin. */
#include "daemon.h"

#include "manager.h"
#include "say.h"

#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct daemon {
	const struct daemon_plan *plan;
	int report_fd; /* to the parent; -1: none waits */
	struct manager manager;
};

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };

static void set_handlers(void (*handler)(int))
{
	for (size_t i = 0; i < countof(stop_signals); i++) {
		struct sigaction before;
		struct sigaction action = { .sa_handler = handler };

		/* nohup, and a shell's background jobs, do not want them. */
		if (sigaction(stop_signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			(void)sigaction(stop_signals[i], &action, NULL); /* cannot fail */
	}
}

static sigset_t stop_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < countof(stop_signals); i++)
		sigaddset(&set, stop_signals[i]);
	return set;
}

/* --- the end of a session --- */

static struct session *_Atomic watched;
static volatile sig_atomic_t stop_asked;

static void on_stop(int number)
{
	int saved = errno;

	/* A second Ctrl-C is a person's who has lost patience. SIGTERM and SIGHUP come together,
	 * when a login session ends, and must not break off what they began. */
	if (number == SIGINT)
		(void)signal(SIGINT, SIG_DFL);
	stop_asked = 1;
	struct session *s = atomic_load(&watched);
	if (s)
		session_stop(s);
	errno = saved;
}

void daemon_catch_signals(void)
{
	sigset_t set = stop_set();

	set_handlers(on_stop);
	/* Every other thread blocks all signals (worker.h). */
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL); /* cannot fail */
}

void daemon_watch(struct session *s)
{
	atomic_store(&watched, s);
	if (s && stop_asked)
		session_stop(s);
}

/* --- the process that keeps the mount --- */

/* Nothing of it in core dumps, a descriptor for every open handle, no death by a broken pipe. All
 * of this is best effort: a mount with a lower limit is better than none. */
static void harden(void)
{
	struct rlimit files;
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(077);
	/* Else libc looks the zone up anew, and replaces it, whenever a thread converts a time. */
	(void)setenv("TZ", ":/etc/localtime", 0);
	tzset();
}

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		(void)dup2(null, fd);
	if (null > 2)
		close(null);
}

void daemon_ready(struct daemon *d)
{
	const char byte = STATUS_OK;

	if (d->report_fd < 0) {
		d->plan->greet(d->plan->arg);
		manager_tell(&d->manager, "READY=1", "Mounted at %s", d->plan->mountpoint);
		return;
	}
	/* First the streams: who reads our output to its end must not wait for the daemon. */
	leave_terminal();
	(void)sys_write_all(d->report_fd, &byte, 1); /* a parent that is gone needs nothing */
	close(d->report_fd);
	d->report_fd = -1;
}

void daemon_stopping(const struct daemon *d)
{
	manager_tell(&d->manager, "STOPPING=1", "Puts things in order");
}

static int keep(struct daemon *d)
{
	harden();
	manager_find(&d->manager);
	if (chdir("/") < 0) {
		say("the daemon cannot work in /: %s", strerror(errno));
		return STATUS_REFUSED;
	}
	int status = d->plan->run(d, d->plan->arg);

	/* Nothing secret is left, and leak checkers want to look. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	if (d->report_fd >= 0) {
		const char byte = (char)status;
		(void)sys_write_all(d->report_fd, &byte, 1);
		close(d->report_fd);
	}
	return status;
}

static int keep_in_background(const struct daemon_plan *plan, int report_fd)
{
	struct daemon d = { .plan = plan, .report_fd = report_fd };

	(void)setsid(); /* fails for a group's leader only, which a new child is not */
	/* What a script holds open (a lock, a pipe) is not the daemon's. */
	if (report_fd != 3) {
		d.report_fd = dup2(report_fd, 3);
		if (d.report_fd < 0)
			d.report_fd = report_fd;
	}
	(void)fcntl(d.report_fd, F_SETFD, FD_CLOEXEC);
	if (d.report_fd == 3)
		(void)close_range(4, ~0U, 0);
	return keep(&d);
}

/* --- the process that waits --- */

static volatile sig_atomic_t caught;

static void on_caught(int number)
{
	caught = number;
}

/* The child's report: its status, or -1 when it died without one. Signals come only while this
 * waits: each is handed on once. */
static int await_report(pid_t child, int fd, const sigset_t *unblocked)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	unsigned char status;

	while (ppoll(&pfd, 1, NULL, unblocked) < 0 && errno == EINTR) {
		if (caught)
			(void)kill(child, SIGTERM);
	}
	return read(fd, &status, 1) == 1 ? status : -1;
}

static int wait_status(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static int tell_death(pid_t child)
{
	int status = wait_status(child);

	if (WIFSIGNALED(status))
		say("the daemon was ended by signal %d (%s) before the mount was ready",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		say("the daemon ended with status %d before the mount was ready",
		    WEXITSTATUS(status));
	return STATUS_REFUSED;
}

/* One stat is the proof that the mount answers. */
static int prove(const struct daemon_plan *plan)
{
	struct stat st;

	if (stat(plan->mountpoint, &st) < 0) {
		say("%s is mounted, but does not answer: %s; the system's log tells why "
		    "('journalctl "
		    "-t qxfs')",
		    plan->mountpoint, strerror(errno));
		return STATUS_REFUSED;
	}
	plan->greet(plan->arg);
	return STATUS_OK;
}

static int await(const struct daemon_plan *plan, pid_t child, int fd, const sigset_t *before)
{
	set_handlers(on_caught);
	int status = await_report(child, fd, before);
	close(fd);
	set_handlers(SIG_DFL);

	if (caught) {
		(void)wait_status(child); /* also if it was ready just then: it unmounts */
		return STATUS_INTERRUPTED + caught;
	}
	(void)sigprocmask(SIG_SETMASK, before, NULL); /* cannot fail */
	if (status < 0)
		return tell_death(child);
	if (status != STATUS_OK) {
		(void)wait_status(child);
		return status;
	}
	return prove(plan);
}

int daemon_run(const struct daemon_plan *plan)
{
	sigset_t set = stop_set();
	sigset_t before;
	int ends[2];

	if (plan->foreground)
		return keep(&(struct daemon){ .plan = plan, .report_fd = -1 });

	if (pipe2(ends, O_CLOEXEC) < 0) {
		say("the daemon cannot be started: %s", strerror(errno));
		return STATUS_REFUSED;
	}
	(void)sigprocmask(SIG_BLOCK, &set, &before); /* until the handlers are there */
	pid_t child = fork();
	if (child == 0) {
		close(ends[0]);
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
		return keep_in_background(plan, ends[1]);
	}
	close(ends[1]);
	if (child < 0) {
		say("the daemon cannot be started: %s", strerror(errno));
		close(ends[0]);
		return STATUS_REFUSED;
	}
	plan->drop(plan->arg);
	return await(plan, child, ends[0], &before);
}
