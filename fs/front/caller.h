/* caller.h: does a waiting program still want to wait? Read from /proc/TID/status.
 *
 * The kernel tells of any signal, once, and not of which; whoever gives up for a SIGWINCH breaks
 * programs that never asked for EINTR, and whoever stays for a SIGKILL cannot be killed.
 * Threads: any.
 */
#ifndef QXFS_FRONT_CALLER_H
#define QXFS_FRONT_CALLER_H

#include <sys/types.h>

enum caller_wish {
	CALLER_GIVES_UP,
	CALLER_STAYS, /* a signal is pending that need not end the wait: look again later */
};

/* `status`: the text of /proc/TID/status. A text that cannot be understood gives up. */
enum caller_wish caller_read_status(const char *status);
/* The same of a thread as FUSE names it; 0 or a thread that cannot be seen gives up. */
enum caller_wish caller_look(pid_t tid);

#endif
