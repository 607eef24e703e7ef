/* mounts.c: what is mounted where. */
#include "mounts.h"

#include <qxfs/base/buf.h>
#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOUNTINFO_MAX (64u << 20)
#define LINKS_MAX 40 /* as the kernel's own limit */

/* --- mountinfo --- */

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* "\040" is a blank: three octal digits behind a backslash. In place. */
static void undo_escapes(char *text)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		if (in[0] == '\\' && is_octal(in[1]) && is_octal(in[2]) && is_octal(in[3])) {
			*out++ = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
			in += 3;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
}

/* "36 35 98:0 /root /point rw,noatime master:1 - type source options": five fields, any number of
 * optional ones, a dash, three more. */
static bool split_line(char *line, char *ret_fields[3], char **ret_device)
{
	char *rest = line;
	char *field;
	int n = 0;
	int after_dash = -1;

	ret_fields[2] = NULL;
	while ((field = strsep(&rest, " ")) != NULL) {
		n++;
		if (n == 3)
			*ret_device = field;
		else if (n == 5)
			ret_fields[0] = field;
		else if (n > 6 && after_dash < 0 && strcmp(field, "-") == 0)
			after_dash = 0;
		else if (after_dash >= 0 && after_dash < 2)
			ret_fields[++after_dash] = field;
	}
	return ret_fields[2] != NULL;
}

/* "0:47" */
static int minor_of(const char *device)
{
	const char *colon = strchr(device, ':');
	int64_t n = -1;

	if (colon)
		(void)sys_parse_int(colon + 1, 0, INT32_MAX, &n);
	return (int)n;
}

static int add_mount(struct mounts *m, char *fields[3], const char *device)
{
	struct mount *grown = reallocarray(m->list, m->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	m->list = grown;

	for (size_t i = 0; i < 3; i++)
		undo_escapes(fields[i]);
	struct mount one = {
		.point = strdup(fields[0]),
		.type = strdup(fields[1]),
		.source = strdup(fields[2]),
		.connection = minor_of(device),
	};
	m->list[m->n++] = one;
	return one.point && one.type && one.source ? 0 : -ENOMEM;
}

int mounts_parse(const char *text, struct mounts *ret)
{
	struct mounts m = { 0 };
	int r = 0;
	qx_auto_free char *copy = strdup(text);
	if (!copy)
		return -ENOMEM;

	char *rest = copy;
	char *line;
	while (r == 0 && (line = strsep(&rest, "\n")) != NULL) {
		char *fields[3], *device = NULL;
		if (split_line(line, fields, &device))
			r = add_mount(&m, fields, device);
	}
	if (r < 0) {
		mounts_done(&m);
		return r;
	}
	*ret = m;
	return 0;
}

int mounts_read(struct mounts *ret)
{
	struct buf text = { 0 };

	int r = sys_read_file_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text);
	if (r == 0)
		r = mounts_parse(buf_text(&text), ret);
	buf_done(&text);
	return r;
}

void mounts_done(struct mounts *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->list[i].point);
		free(m->list[i].type);
		free(m->list[i].source);
	}
	free(m->list);
	*m = (struct mounts){ 0 };
}

/* --- paths --- */

bool mounts_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	if (len == 1)
		return true; /* "/" */
	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

const struct mount *mounts_holding(const struct mounts *m, const char *path)
{
	const struct mount *best = NULL;

	for (size_t i = 0; i < m->n; i++) {
		const struct mount *one = &m->list[i];
		if (mounts_is_below(path, one->point) &&
		    (!best || strlen(one->point) >= strlen(best->point)))
			best = one;
	}
	return best;
}

bool mount_is_qxfs(const struct mount *mount)
{
	return mount && strcmp(mount->type, "fuse.qxfs") == 0;
}

bool mounts_shows(const struct mounts *m, const struct mount *one)
{
	return mount_is_qxfs(one) && mounts_holding(m, one->point) == one;
}

/* One name further: "..", "." and "" as usual. The walked path has no slash at its end; "" is "/".
 */
static void step(struct buf *walked, const char *name)
{
	if (strcmp(name, "..") == 0) {
		while (walked->len > 0 && walked->data[walked->len - 1] != '/')
			walked->len--;
		if (walked->len > 0)
			walked->len--;
		if (walked->data)
			walked->data[walked->len] = '\0';
	} else if (*name && strcmp(name, ".") != 0) {
		buf_addf(walked, "/%s", name);
	}
}

/* Where the walked path points, if it is a symbolic link outside of every qxfs mount. */
static bool is_link(const struct mounts *m, const struct buf *walked, char target[PATH_MAX])
{
	if (walked->len == 0 || mount_is_qxfs(mounts_holding(m, walked->data)))
		return false;
	ssize_t len = readlink(walked->data, target, PATH_MAX - 1);
	if (len <= 0)
		return false;
	target[len] = '\0';
	return true;
}

/* Walks the names of `path`, which begins at `walked`. `links` counts those followed so far. */
static int walk(const struct mounts *m, const char *path, int *links, struct buf *walked)
{
	char name[NAME_MAX + 2];
	char target[PATH_MAX];

	if (*path == '/')
		buf_clear(walked);
	while (*path) {
		path += strspn(path, "/");
		size_t len = strcspn(path, "/");
		if (len > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, path, len);
		name[len] = '\0';
		path += len;

		step(walked, name);
		if (buf_failed(walked))
			return -ENOMEM;
		if (strcmp(name, "..") == 0 || !is_link(m, walked, target))
			continue;
		if (++*links > LINKS_MAX)
			return -ELOOP;
		step(walked, "..");
		int r = walk(m, target, links, walked);
		if (r < 0)
			return r;
	}
	return 0;
}

int mounts_resolve(const struct mounts *m, const char *path, char **ret)
{
	struct buf walked = { 0 };
	char cwd[PATH_MAX];
	int links = 0;

	if (!*path)
		return -ENOENT;
	if (*path != '/') {
		if (!getcwd(cwd, sizeof(cwd)))
			return -errno;
		if (strcmp(cwd, "/") != 0)
			buf_add_str(&walked, cwd);
	}
	int r = walk(m, path, &links, &walked);
	if (walked.len == 0)
		buf_add_str(&walked, "/");
	if (r == 0 && buf_failed(&walked))
		r = -ENOMEM;
	if (r < 0) {
		buf_done(&walked);
		return r;
	}
	*ret = buf_steal(&walked);
	return 0;
}
