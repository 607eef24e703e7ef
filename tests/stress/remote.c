/* remote.c: a process that uses the mount on the test's behalf. */
#include "remote.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int remote_start(const char *mount, struct remote *ret)
{
	char self[] = "/proc/self/exe", verb[] = "--remote", number[16];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	char *path = strdup(mount);
	char *argv[] = { self, verb, path, number, NULL };

	/* A duplicate is not closed by exec; the number is free in the child. */
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pair[1], 100);
	(void)snprintf(number, sizeof(number), "100");
	int err = posix_spawn(&ret->pid, self, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	free(path);
	close(pair[1]);
	ret->sock = pair[0];
	if (err)
		close(pair[0]);
	return -err;
}

void remote_send(struct remote *r, const struct ask *ask)
{
	if (send(r->sock, ask, sizeof(*ask), MSG_NOSIGNAL) != (ssize_t)sizeof(*ask))
		fprintf(stderr, "remote %d is gone\n", r->pid); /* remote_take tells the test */
}

bool remote_take(struct remote *r, struct told *ret, int ms)
{
	struct pollfd p = { .fd = r->sock, .events = POLLIN };
	return poll(&p, 1, ms) == 1 && read(r->sock, ret, sizeof(*ret)) == (ssize_t)sizeof(*ret);
}

struct told remote_ask(struct remote *r, const struct ask *ask)
{
	struct told told;

	remote_send(r, ask);
	if (!remote_take(r, &told, 20000)) {
		fprintf(stderr, "no answer to request %d of %s\n", (int)ask->verb, ask->path);
		exit(1);
	}
	return told;
}

void remote_end(struct remote *r)
{
	kill(r->pid, SIGKILL); /* before it sees the end of the socket, and unmounts */
	waitpid(r->pid, NULL, 0);
	close(r->sock);
}
