/* caller.h: does a waiting program still want to wait? Read from /proc/TID/status.
 *
 * The kernel tells of any signal, once, and not of which; whoever gives up for a SIGWINCH breaks
 * programs that never asked for EINTR, and whoever stays for a SIGKILL cannot be killed.
 * Threads: any.
 */
#ifndef QXFS_FRONT_CALLER_H
#define QXFS_FRONT_CALLER_H

#include <stdbool.h>
#include <sys/types.h>

/* What the pending signals say. */
enum caller_signs {
	CALLER_ENDS,  /* one that ends a wait is among them, or they cannot be known */
	CALLER_STAYS, /* some, but none of these */
	CALLER_QUIET  /* none at all */
};

/* `status`: the text of /proc/TID/status. */
enum caller_signs caller_read_status(const char *status);

/* True: it stays, look again later. `told`: an earlier look said so, of the same wait.
 *
 * Nothing pending is the freezer, which wakes without a signal, and a suspend waits for our answer:
 * it gives up. Unless something else explains the silence: a signal that was seen and has gone
 * since (SIGCONT takes a pending SIGSTOP away), or a process that stands still, for only one of its
 * threads has taken the SIGSTOP and the others are woken without one.
 * A thread as FUSE names it; 0 or one that cannot be seen gives up. */
bool caller_stays(pid_t tid, bool told);

/* The process of a thread; 0: unknown. */
pid_t caller_process(pid_t tid);
/* What /proc says of the process of a thread: its name, as the kernel cuts it ("": unknown), and
 * its session (0: unknown). */
void caller_describe(pid_t tid, char ret_program[16], pid_t *ret_session);
/* It is being ended by a signal, so what it wrote may lack its end. */
bool caller_is_killed(pid_t tid);

#endif
