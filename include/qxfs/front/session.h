/* session.h: the kernel's protocol. Shows no libfuse type.
 *
 * Threads: 4 FUSE workers (fixed), one watcher of parked requests, one notifier; all end with
 * session_free. Requests park in a lot (fs/front/park.c); see the states there.
 */
#ifndef QXFS_FRONT_SESSION_H
#define QXFS_FRONT_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include <qxfs/base/events.h>
#include <qxfs/base/fail.h>
#include <qxfs/tree/tree.h>

struct session;

struct session_config {
	struct tree *tree;         /* borrowed, outlives the session */
	struct events *events;     /* borrowed likewise; NULL: none */
	const char *mountpoint;    /* absolute */
	const char *mount_options; /* for the kernel: "ro,nosuid,…", may be NULL */
	const char *source;        /* first column of /proc/mounts: "qxfs" or "qxfs:HOST" */
	bool allow_other;
	bool debug;
};

/* Seconds that a wait may take at most: a request that outlives the kernel's limit makes it abort
 * the whole mount. 0: there is no limit. Before tree_new, which is told. */
int64_t session_longest_wait_s(void);

/* Mounts. The threads of the process may exist already, but fork() is over. */
int session_new(const struct session_config *config, struct session **ret, struct qx_fail *fail);
/* Starts the workers; returns at once. */
int session_start(struct session *s);
/* Waits until the mount is gone (unmounted, aborted) or session_stop was called. */
void session_wait(struct session *s);
/* From a signal handler's thread or any other: ends session_wait. Async-signal-safe. */
void session_stop(struct session *s);
/* Orderly end: nothing new is accepted, every parked request is answered (EINTR), waits in the tree
 * are cancelled by the caller (tree_stop) before; then unmount, join, free. */
void session_close(struct session *s);
void session_free(struct session *s);
/* The connection's number: /sys/fs/fuse/connections/N; for `qxfs status`. */
unsigned session_connection(const struct session *s);

#endif
