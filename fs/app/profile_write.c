/* profile_write.c: host and credential into the file of profiles, which people also edit by hand.
 */
#include "profile.h"

#include <qxfs/base/buf.h>
#include <qxfs/base/secret.h>
#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES 32 /* a token, which has 40, is no name; libinih cuts those over 49 */

bool profile_is_name(const char *name)
{
	static const char good[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "._-";

	size_t len = strspn(name, good);
	return len > 0 && len <= NAME_BYTES && name[len] == '\0' && name[0] != '-' &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* --- the text --- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_header_of(const char *line, const char *name)
{
	size_t len = strlen(name);

	return strncmp(line + 1, name, len) == 0 && line[len + 1] == ']';
}

/* Whether login writes this setting anew. */
static bool is_replaced(const char *line, size_t len)
{
	const struct profile_key *key;
	size_t word = strcspn(line, " \t=:\r\n");

	for (size_t i = 0; word <= len && (key = profile_key(i)); i++)
		if (key->by_login && strlen(key->name) == word &&
		    strncmp(line, key->name, word) == 0)
			return true;
	return false;
}

static void add_keys(struct profile *given, struct buf *out)
{
	const struct profile_key *key;

	for (size_t i = 0; (key = profile_key(i)); i++)
		if (key->by_login && *profile_field(given, key))
			buf_addf(out, "%s = %s\n", key->name, *profile_field(given, key));
}

/* The text with what is given in place of what it had of that. */
static void edit(const char *text, const char *name, struct profile *given, struct buf *out)
{
	bool inside = false, written = false, dropped = false;

	for (const char *at = text, *next; *at; at = next) {
		size_t len = strcspn(at, "\n");
		size_t indent = strspn(at, " \t");
		next = at + len + (at[len] == '\n');
		/* An indented line goes on with the setting above it. */
		dropped = inside &&
		          ((dropped && is_blank(*at)) || is_replaced(at + indent, len - indent));
		if (!dropped)
			buf_add(out, at, (size_t)(next - at));
		if (at[indent] != '[')
			continue;
		inside = is_header_of(at + indent, name);
		if (inside && !written) {
			buf_add_str(out, at[len] ? "" : "\n");
			add_keys(given, out);
			written = true;
		}
	}
	if (written)
		return;
	if (out->len > 0)
		buf_add_str(out, out->data[out->len - 1] == '\n' ? "\n" : "\n\n");
	buf_addf(out, "[%s]\n", name);
	add_keys(given, out);
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_meant(struct profile *after, struct profile *before, struct profile *given)
{
	const struct profile_key *key;
	bool same = true;

	for (size_t i = 0; (key = profile_key(i)); i++)
		same = same && is_same(*profile_field(after, key),
		                       *profile_field(key->by_login ? given : before, key));
	return same;
}

/* What a mount will read is what was meant, whatever a hand has written around it. */
static int check_edited(const char *old, const char *text, const char *path, const char *name,
                        struct profile *given, struct qx_fail *fail)
{
	struct profile before = { 0 }, after = { 0 };

	int r = profile_parse(old, path, name, &before, fail);
	if (r == 0)
		r = profile_parse(text, path, name, &after, fail);
	if (r == 0 && !is_meant(&after, &before, given)) {
		r = fail_set(fail, EINVAL, "[%s] in %s is written in a way that cannot be changed",
		             name, path);
		fail_remedy(fail, "Remove that section, then log in again");
	}
	profile_done(&before);
	profile_done(&after);
	return r;
}

/* --- the file --- */

static int tell_folder(const char *folder, int r, struct qx_fail *fail)
{
	qx_auto_free char *word = sys_shell_word(folder);

	if (r != -EPERM)
		return fail_set(fail, -r, "the folder %s cannot be used: %s", folder, strerror(-r));
	fail_set(fail, EPERM, "other users may write into %s, or own it", folder);
	fail_remedy(fail, "chmod 700 %s", word);
	return r;
}

/* A folder that exists may be read by others (the file may not), and may be a link. */
static int open_folder(const char *folder, struct qx_fail *fail)
{
	struct stat st;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	if (r == -ENOENT)
		r = fd = sys_open_private_dir(folder);
	if (r >= 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r >= 0 && (st.st_uid != geteuid() || (st.st_mode & 022)))
		r = -EPERM;
	if (r >= 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return tell_folder(folder, r, fail);
}

/* Where it is a link (people keep their settings elsewhere) what it points to is written. */
static int write_text(const char *path, const struct buf *text, struct qx_fail *fail)
{
	char *real = realpath(path, NULL);
	qx_auto_free char *folder = real ? real : strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!slash)
		return fail_set(fail, ENOMEM, "there is no memory left");
	*slash = '\0';
	qx_auto_fd fd = open_folder(*folder ? folder : "/", fail);
	if (fd < 0)
		return fd;
	int r = sys_write_file_at(fd, slash + 1, text->data, text->len);
	if (r < 0) {
		fail_set(fail, -r, "%s cannot be written: %s", path, strerror(-r));
		fail_remedy(fail,
		            "it, and its folder, must be yours and have room; XDG_CONFIG_HOME "
		            "names another place");
	}
	return r;
}

static void wipe(struct buf *text)
{
	if (text->len > 0)
		explicit_bzero(text->data, text->len);
	buf_done(text);
}

int profile_write(const char *name, struct profile *given, char **ret_path, struct qx_fail *fail)
{
	struct buf text = { 0 };
	qx_auto_free char *path = profile_path();
	char *old = NULL;

	if (!path) {
		fail_set(fail, ENOENT, "there is no home folder to keep a profile in");
		fail_remedy(fail, "Set HOME or XDG_CONFIG_HOME");
		return -ENOENT;
	}
	fail_clear(fail);
	int r = profile_read_text(path, &old, fail);
	if (r == -ENOENT && !fail->err)
		r = 0;
	if (r == 0) {
		edit(old ? old : "", name, given, &text);
		r = buf_failed(&text) ? fail_set(fail, ENOMEM, "there is no memory left") : 0;
	}
	if (r == 0)
		r = check_edited(old ? old : "", buf_text(&text), path, name, given, fail);
	if (r == 0)
		r = write_text(path, &text, fail);
	secret_free_text(old);
	wipe(&text);
	if (r == 0) {
		*ret_path = path;
		path = NULL;
	}
	return r;
}
