/* sandbox.c: the account of `qxfs demo`. */
#include "sandbox.h"
#include "line.h"
#include "shell.h"

#include <qxfs/base/buf.h>
#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_MS 60000
#define LOG_MAX (1u << 20)

/* --- where it lies --- */

/* realpath of a folder that holds the program; NULL: it does not. */
static char *sandbox_at(const char *folder)
{
	char path[2 * PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/__main__.py", folder);
	return access(path, R_OK) == 0 ? realpath(folder, NULL) : NULL;
}

int sandbox_find(char **ret, struct qx_fail *fail)
{
	/* From the program's folder: a build in the source tree, one a level deeper, installed. */
	static const char *const beside[] = { "../tests/sandbox", "../../tests/sandbox",
		                              "../share/qxfs/sandbox" };
	char self[PATH_MAX];
	char folder[PATH_MAX + 64];
	char *found = NULL;

	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[len > 0 ? len : 0] = '\0';
	char *slash = strrchr(self, '/');
	for (size_t i = 0; slash && !found && i < countof(beside); i++) {
		(void)snprintf(folder, sizeof(folder), "%.*s/%s", (int)(slash - self), self,
		               beside[i]);
		found = sandbox_at(folder);
	}
	if (!found)
		found = sandbox_at(QXFS_DATADIR "/sandbox");
	if (found) {
		*ret = found;
		return 0;
	}
	int r = fail_set(fail, ENOENT, "the sandbox account of the demo does not lie beside %s",
	                 self);
	fail_remedy(fail, "run build/qxfs of a source tree, or 'meson install' it");
	return r;
}

/* --- its life --- */

static int spawn(const char *path, const char *log_path, int stdin_fd, int stdout_fd, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	char python[] = "python3";
	char no_pyc[] = "-B";
	char port[] = "--port";
	char any[] = "0";
	char until[] = "--until-stdin-closes";
	qx_auto_free char *program = strdup(path);
	char *argv[] = { python, no_pyc, program, port, any, until, NULL };

	if (!program || posix_spawn_file_actions_init(&files) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&files);
		return -ENOMEM;
	}
	/* A group of its own: Ctrl-C at the terminal is for us. */
	int r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, stdin_fd, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, stdout_fd, 1);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&files, 2, log_path,
		                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (r == 0)
		r = posix_spawnp(ret, python, &files, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes); /* cannot fail */
	(void)posix_spawn_file_actions_destroy(&files);
	return -r;
}

static int broken(const char *words, int err, struct qx_fail *fail)
{
	int r = fail_set(fail, err, "the sandbox account did not start: %s", words);
	fail_remedy(fail, "it wants python3 3.9 or newer and a free port on 127.0.0.1");
	return r;
}

/* "URL TOKEN" */
static int take_line(char *line, struct credentials *ret, struct qx_fail *fail)
{
	struct credentials found = { 0 };
	char *blank = strchr(line, ' ');

	if (!blank)
		return broken("it does not say where it listens", EBADMSG, fail);
	*blank = '\0';
	int r = url_parse_base(line, &found.base, fail);
	if (r == 0)
		r = credentials_take_token(blank + 1, "the sandbox", &found.token, fail);
	if (r == 0)
		*ret = found;
	return r;
}

static int explain(int r, const char *log_path, struct qx_fail *fail)
{
	struct buf log = { 0 };
	const char *last = "";

	if (r == -ENOENT) {
		fail_set(fail, ENOENT, "the demo needs python3");
		fail_remedy(fail, "sudo apt install python3");
		return r;
	}
	/* The last line is the one that names the exception. */
	if (sys_read_file_at(AT_FDCWD, log_path, LOG_MAX, &log) == 0 && log.len > 0) {
		while (log.len > 0 && log.data[log.len - 1] == '\n')
			log.data[--log.len] = '\0';
		const char *newline = strrchr(log.data, '\n');
		last = newline ? newline + 1 : log.data;
	}
	broken(*last ? last : strerror(-r), -r, fail);
	buf_done(&log);
	return r;
}

int sandbox_start(const char *path, const char *log_path, struct sandbox *ret,
                  struct credentials *ret_credentials, struct qx_fail *fail)
{
	struct sandbox s = { 0 };
	char line[LINE_SIZE];
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0)
		return broken(strerror(errno), errno, fail);
	if (pipe2(out, O_CLOEXEC) < 0) {
		int r = broken(strerror(errno), errno, fail);
		close(in[0]);
		close(in[1]);
		return r;
	}
	int r = spawn(path, log_path, in[0], out[1], &s.pid);
	close(in[0]);
	close(out[1]);
	s.stdin_fd = in[1];
	if (r == 0)
		r = line_read(out[0], line, sys_now_ms() + START_MS);
	if (r == 0 && !*line)
		r = -EPIPE;
	close(out[0]);
	r = r < 0 ? explain(r, log_path, fail) : take_line(line, ret_credentials, fail);
	explicit_bzero(line, sizeof(line));
	if (r < 0) {
		sandbox_stop(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void sandbox_stop(struct sandbox *s)
{
	if (s->stdin_fd > 0)
		close(s->stdin_fd);
	if (s->pid > 0)
		(void)shell_wait(s->pid, true, false); /* nothing of it has to last */
	*s = (struct sandbox){ 0 };
}
