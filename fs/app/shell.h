/* shell.h: commands that a person has written into a profile, run by /bin/sh, or this program
 * again.
 *
 * A command inherits no descriptor but 0, 1 and 2, no blocked or ignored signal, and no token: the
 * variables that hold one are wiped before (credentials.h). Threads: any. */
#ifndef QXFS_APP_SHELL_H
#define QXFS_APP_SHELL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct shell {
	const char *command;
	const char *program; /* run instead of /bin/sh, with `command` as its argument; NULL */
	int in_fd;           /* its standard input; -1: nothing */
	int out_fd;          /* its standard output; -1: nowhere */
	bool apart; /* its errors go there too; a process group of its own: kill(-pid) ends all */
	char **env; /* NULL: ours */
};

/* Those of our variables that are set, as "NAME=VALUE", the caller's to free; ret has room for n.
 * Before other threads exist. 0 or -ENOMEM, what is made until then in ret. */
int shell_copy_env(const char *const names[], size_t n, char *ret[]);
/* 0 or a negative errno. The caller waits for *ret_pid, by that number: there is no SIGCHLD. */
int shell_spawn(const struct shell *s, pid_t *ret_pid);
/* waitpid; after SIGKILL if `kill_first`, of the group if `apart`. Returns its status. One that not
 * even that ends, for a file system does not answer it, is left to itself after two seconds. */
int shell_wait(pid_t pid, bool kill_first, bool apart);

#endif
