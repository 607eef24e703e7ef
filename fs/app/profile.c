/* profile.c: accounts that a person has named. */
#include "profile.h"

#include "line.h"
#include "private.h"
#include "shell.h"

#include <qxfs/base/buf.h>
#include <qxfs/base/secret.h>
#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_MAX (1 << 20)
#define LINE_MAX_BYTES 190 /* libinih cuts longer ones */
#define COMMAND_MS 60000

static const struct profile_key keys[] = {
	{ "host", offsetof(struct profile, host), true },
	{ "token", offsetof(struct profile, token), true },
	{ "token_file", offsetof(struct profile, token_file), true },
	{ "token_command", offsetof(struct profile, token_command), true },
	{ "client_id", offsetof(struct profile, client_id), true },
	{ "client_secret", offsetof(struct profile, client_secret), true },
	{ "scope", offsetof(struct profile, scope), true },
	{ "on_event", offsetof(struct profile, on_event), false },
	{ "options", offsetof(struct profile, options), false },
};

const struct profile_key *profile_key(size_t i)
{
	return i < countof(keys) ? &keys[i] : NULL;
}

char **profile_field(struct profile *p, const struct profile_key *key)
{
	return (char **)((char *)p + key->where);
}

void profile_done(struct profile *p)
{
	for (size_t i = 0; i < countof(keys); i++)
		secret_free_text(*profile_field(p, &keys[i]));
	free(p->name);
	*p = (struct profile){ 0 };
}

/* --- the file --- */

char *profile_path(void)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int len = -1;

	if (!home || home[0] != '/') {
		const struct passwd *user = getpwuid(geteuid());
		home = user ? user->pw_dir : NULL;
	}
	if (base && base[0] == '/')
		len = asprintf(&path, "%s/qxfs/config", base);
	else if (geteuid() == 0 && (!home || !*home))
		len = asprintf(&path, "/etc/qxfs/config");
	else if (home)
		len = asprintf(&path, "%s/.config/qxfs/config", home);
	return len < 0 ? NULL : path;
}

static int check_lines(const char *text, const char *path, struct qx_fail *fail)
{
	int line = 1;

	for (const char *at = text; *at; line++) {
		size_t len = strcspn(at, "\n");
		if (len > LINE_MAX_BYTES) {
			fail_set(fail, EINVAL, "%s, line %d: it is longer than %d bytes", path,
			         line, LINE_MAX_BYTES);
			fail_remedy(fail, "a long token has a file of its own: token_file = FILE");
			return -EINVAL;
		}
		at += len + (at[len] == '\n');
	}
	return 0;
}

struct reading {
	const char *name;
	struct profile *profile;
	char unknown[60]; /* the first key that is none */
	bool no_memory;
};

static int take(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *r = arg;
	size_t i = 0;

	if (strcmp(section, r->name) != 0)
		return 1;
	r->profile->found = true;
	while (i < countof(keys) && strcmp(name, keys[i].name) != 0)
		i++;
	if (i == countof(keys)) {
		if (!r->unknown[0])
			(void)snprintf(r->unknown, sizeof(r->unknown), "%s", name);
		return 1;
	}
	char **field = profile_field(r->profile, &keys[i]);
	secret_free_text(*field);
	*field = strdup(value);
	r->no_memory = r->no_memory || !*field;
	return 1;
}

/* One kind of credential, and whole. */
static int check_keys(const struct profile *p, const char *path, const char *name,
                      struct qx_fail *fail)
{
	if ((p->token != NULL) + (p->token_file != NULL) + (p->token_command != NULL) +
	            (p->client_id != NULL) >
	    1) {
		fail_set(fail, EINVAL,
		         "%s: [%s] has more than one of token, token_file, token_command, "
		         "client_id",
		         path, name);
		fail_remedy(fail, "keep one of them");
		return -EINVAL;
	}
	if (!p->client_id && (p->client_secret || p->scope)) {
		fail_set(fail, EINVAL, "%s: [%s] has %s, but no client_id", path, name,
		         p->client_secret ? "client_secret" : "scope");
		fail_remedy(fail, "write client_id = ... into that section, or remove the line");
		return -EINVAL;
	}
	return 0;
}

int profile_parse(const char *text, const char *path, const char *name, struct profile *ret,
                  struct qx_fail *fail)
{
	struct reading r = { .name = name, .profile = ret };

	int bad = check_lines(text, path, fail);
	if (bad < 0)
		return bad;
	int line = ini_parse_string(text, take, &r);
	if (r.no_memory || line < 0)
		return fail_set(fail, ENOMEM, "there is no memory left");
	if (line > 0) {
		fail_set(fail, EINVAL, "%s, line %d is not understood", path, line);
		fail_remedy(fail, "it wants lines like [work], host = fra1.qualtrics.com");
		return -EINVAL;
	}
	if (r.unknown[0]) {
		fail_set(fail, EINVAL, "%s: [%s] has no setting '%s'", path, name, r.unknown);
		fail_remedy(fail, "it may have host, token, token_file, token_command, client_id, "
		                  "client_secret, scope, on_event, options");
		return -EINVAL;
	}
	return check_keys(ret, path, name, fail);
}

static int unreadable(const char *path, int err, struct qx_fail *fail)
{
	qx_auto_free char *word = sys_shell_word(path);
	int r = fail_set(fail, err, "%s cannot be read: %s", path, strerror(err));
	fail_remedy(fail, "it must be a file of yours: ls -l %s", word);
	return r;
}

int profile_read_text(const char *path, char **ret, struct qx_fail *fail)
{
	struct buf text = { 0 };
	qx_auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : unreadable(path, errno, fail);
	int r = private_check(fd, "", path, false, fail);
	if (r < 0)
		return r;
	r = sys_read_file_at(AT_FDCWD, path, FILE_MAX, &text);
	*ret = r == 0 ? strdup(buf_text(&text)) : NULL;
	if (text.len > 0)
		explicit_bzero(text.data, text.len);
	buf_done(&text);
	if (r == 0 && !*ret)
		r = -ENOMEM;
	return r < 0 ? unreadable(path, -r, fail) : 0;
}

int profile_read(const char *name, struct profile *ret, struct qx_fail *fail)
{
	qx_auto_free char *path = profile_path();
	char *text = NULL;

	*ret = (struct profile){ 0 };
	fail_clear(fail);
	int r = path ? profile_read_text(path, &text, fail) : -ENOENT;
	if (r == 0)
		r = profile_parse(text, path, name ? name : PROFILE_DEFAULT, ret, fail);
	secret_free_text(text);
	if (r == -ENOENT && !fail->err)
		r = 0;
	if (r == 0 && ret->found) {
		ret->name = strdup(name ? name : PROFILE_DEFAULT);
		r = ret->name ? 0 : fail_set(fail, ENOMEM, "there is no memory left");
	}
	if (r == 0 && name && !ret->found) {
		r = fail_set(fail, ENOENT, "there is no profile '%s' in %s", name,
		             path ? path : "~/.config/qxfs/config");
		fail_remedy(fail,
		            "this asks for its host and token: qxfs login %s; a mount point has a "
		            "slash, as ./%s",
		            name, name);
	}
	return r;
}

/* --- token_command --- */

/* The command itself may hold a secret: it is not repeated. */
static int tell_command(int err, struct qx_fail *fail, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int tell_command(int err, struct qx_fail *fail, const char *format, ...)
{
	char words[120];

	va_list args;
	va_start(args, format);
	(void)vsnprintf(words, sizeof(words), format, args); /* cut is fine */
	va_end(args);
	fail_set(fail, err, "token_command %s", words);
	fail_remedy(fail, "Run it in a shell: it must print the token on its first line, and ask "
	                  "nothing");
	return -err;
}

static int tell_end(pid_t pid, int r, struct qx_fail *fail)
{
	int status = shell_wait(pid, r < 0, false);

	if (r == -ETIMEDOUT)
		return tell_command(ETIMEDOUT, fail, "has printed nothing within a minute");
	if (r < 0)
		return tell_command(-r, fail, "cannot be read: %s", strerror(-r));
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return tell_command(EINVAL, fail, "has failed with status %d", WEXITSTATUS(status));
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGPIPE)
		return tell_command(EINVAL, fail, "was ended by signal %d", WTERMSIG(status));
	return 0;
}

int profile_run_command(const char *command, char **ret, struct qx_fail *fail)
{
	char line[LINE_SIZE] = "";
	int fds[2];
	pid_t pid = -1;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return tell_command(errno, fail, "cannot be run: %s", strerror(errno));
	const struct shell shell = { .command = command, .in_fd = -1, .out_fd = fds[1] };
	int r = shell_spawn(&shell, &pid);
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		return tell_command(-r, fail, "cannot be run: %s", strerror(-r));
	}
	r = line_read(fds[0], line, sys_now_ms() + COMMAND_MS);
	close(fds[0]);
	r = tell_end(pid, r, fail);
	*ret = r == 0 ? strdup(line) : NULL;
	explicit_bzero(line, sizeof(line));
	if (r == 0 && !*ret)
		r = fail_set(fail, ENOMEM, "there is no memory left");
	return r;
}
