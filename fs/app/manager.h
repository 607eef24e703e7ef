/* manager.h: what systemd wants to hear of a mount that it started with Type=notify.
 *
 * By hand, not by libsystemd: it is one datagram to the socket that NOTIFY_SOCKET names, and the
 * manual of sd_notify(3) promises that it stays so. Without that variable nothing is sent.
 * Threads: main only.
 */
#ifndef QXFS_APP_MANAGER_H
#define QXFS_APP_MANAGER_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct manager {
	struct sockaddr_un address;
	socklen_t length; /* 0: nobody wants to hear */
};

/* Takes the socket's name out of the environment: what we start must not speak for us. */
void manager_find(struct manager *m);
/* "READY=1", with a sentence for `systemctl status`. A manager that cannot be told is a warning in
 * the log: it ends a unit that never gets ready, and somebody will ask why. */
void manager_tell(const struct manager *m, const char *state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
