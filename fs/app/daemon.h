/* daemon.h: the process that keeps a mount alive, and the one that waits for it to begin.
 *
 *   parent                          child
 *     fork ────────────────────────── setsid, chdir /, limits, run()
 *     waits; progress is the             …progress lines on standard error
 *     child's; SIGINT ends it            daemon_ready(): standard streams to /dev/null
 *     stat(mount point) ◄── 0 ──────────┘  session_wait …
 *     greet(), exit 0 │ ◄── status ── run() failed: it has said why
 *     "ended by …"    │ ◄── nothing ── it died
 *
 * In the foreground there is no fork: run() is called here, and greet() when it is ready.
 * What a service manager wants to know (manager.h) it hears from here.
 * Forks before any thread exists. Threads: main only.
 */
#ifndef QXFS_APP_DAEMON_H
#define QXFS_APP_DAEMON_H

#include <stdbool.h>

#include <qxfs/front/session.h>

struct daemon;

struct daemon_plan {
	bool foreground;
	const char *mountpoint; /* absolute */
	/* Builds, serves until the end, takes down. Says why it failed; returns the exit status. */
	int (*run)(struct daemon *d, void *arg);
	/* The mount answers: tell the person. */
	void (*greet)(void *arg);
	/* In the parent after the fork: what only the child needs (the token) can go. */
	void (*drop)(void *arg);
	void *arg;
};

/* The exit status of this process, whichever of the two it is. */
int daemon_run(const struct daemon_plan *plan);
/* From run(): the mount answers. */
void daemon_ready(struct daemon *d);
/* From run(): the mount ends. */
void daemon_stopping(const struct daemon *d);

/* From now on SIGINT, SIGTERM and SIGHUP end the session in good order; the second one ends the
 * process at once. Until then they end the process: what is on disk survives that. */
void daemon_catch_signals(void);
/* The session that they end, NULL before and after. */
void daemon_watch(struct session *s);

#endif
