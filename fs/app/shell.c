/* shell.c: see shell.h. */
#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLED_MS 2000

static int set_files(const struct shell *s, posix_spawn_file_actions_t *actions)
{
	int err = s->in_fd < 0
	                  ? posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0)
	                  : posix_spawn_file_actions_adddup2(actions, s->in_fd, 0);
	if (err == 0 && s->out_fd < 0)
		err = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
	else if (err == 0)
		err = posix_spawn_file_actions_adddup2(actions, s->out_fd, 1);
	if (err == 0 && s->apart)
		err = posix_spawn_file_actions_adddup2(actions, 1, 2);
	if (err == 0)
		err = posix_spawn_file_actions_addclosefrom_np(actions, 3);
	return err;
}

/* Threads of the daemon block all signals, and it ignores SIGPIPE. */
static int set_signals(const struct shell *s, posix_spawnattr_t *attr)
{
	const short group = s->apart ? POSIX_SPAWN_SETPGROUP : 0;
	sigset_t none, pipe_only;

	sigemptyset(&none);
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	int err = posix_spawnattr_setsigmask(attr, &none);
	if (err == 0)
		err = posix_spawnattr_setsigdefault(attr, &pipe_only);
	if (err == 0)
		err = posix_spawnattr_setflags(
			attr, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group));
	return err;
}

int shell_copy_env(const char *const names[], size_t n, char *ret[])
{
	for (size_t i = 0; i < n; i++) {
		const char *value = getenv(names[i]);
		if (!value)
			continue;
		if (asprintf(ret, "%s=%s", names[i], value) < 0) {
			*ret = NULL;
			return -ENOMEM;
		}
		ret++;
	}
	return 0;
}

int shell_spawn(const struct shell *s, pid_t *ret)
{
	char *command = strdup(s->command);
	char *const by_shell[] = { (char[]){ "sh" }, (char[]){ "-c" }, command, NULL };
	char *const alone[] = { (char[]){ "qxfs" }, command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;

	int err = command ? posix_spawn_file_actions_init(&actions) : ENOMEM;
	if (err == 0) {
		err = posix_spawnattr_init(&attr);
		if (err == 0) {
			err = set_files(s, &actions);
			if (err == 0)
				err = set_signals(s, &attr);
			if (err == 0)
				err = posix_spawn(ret, s->program ? s->program : "/bin/sh",
				                  &actions, &attr, s->program ? alone : by_shell,
				                  s->env ? s->env : environ);
			(void)posix_spawnattr_destroy(&attr);
		}
		(void)posix_spawn_file_actions_destroy(&actions);
	}
	free(command);
	return -err;
}

static bool ends_soon(pid_t pid)
{
	struct pollfd end = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int n = 1;

	while (end.fd >= 0 && (n = poll(&end, 1, KILLED_MS)) < 0 && errno == EINTR)
		;
	if (end.fd >= 0)
		close(end.fd);
	return n != 0;
}

int shell_wait(pid_t pid, bool kill_first, bool apart)
{
	int status = 0;

	if (kill_first)
		(void)kill(apart ? -pid : pid, SIGKILL);
	if (kill_first && !ends_soon(pid))
		return SIGKILL;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}
