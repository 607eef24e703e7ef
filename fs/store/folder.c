/* folder.c: the names in a folder, and what crashes left there. */
#include "folder.h"

#include <qxfs/base/sys.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP_PREFIX ".tmp-" /* what sys_write_file_at writes to before its rename */
#define TEMP_AGE_S 3600
#define DEPTH_MAX 8 /* ours are two deep; a deeper tree is not ours to remove */

static int add_name(struct folder *f, const char *name)
{
	size_t len = strlen(name);
	if (len >= FOLDER_NAME_SIZE)
		return 0;
	if (f->count == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 64;
		void *names = reallocarray(f->names, cap, sizeof(*f->names));
		if (!names)
			return -ENOMEM;
		f->names = names;
		f->cap = cap;
	}
	memcpy(f->names[f->count++], name, len + 1);
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(a, b);
}

static DIR *open_folder(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NULL;

	DIR *dir = fdopendir(fd);
	if (!dir) {
		int saved = errno;
		close(fd);
		errno = saved;
	}
	return dir;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* NULL: the end, or *ret_err says why not. */
static const char *next_name(DIR *dir, int *ret_err)
{
	const struct dirent *e;

	do {
		errno = 0;
		e = readdir(dir);
	} while (e && is_dots(e->d_name));
	*ret_err = e ? 0 : -errno;
	return e ? e->d_name : NULL;
}

int folder_read(int at, const char *name, struct folder *ret)
{
	struct folder f = { 0 };
	int r = 0;

	DIR *dir = open_folder(at, name);
	if (!dir)
		return -errno;

	for (const char *each; r == 0 && (each = next_name(dir, &r));)
		r = add_name(&f, each);
	closedir(dir);
	if (r < 0) {
		folder_done(&f);
		return r;
	}
	if (f.count > 1)
		qsort(f.names, f.count, sizeof(*f.names), by_bytes);
	*ret = f;
	return 0;
}

void folder_done(struct folder *f)
{
	free(f->names);
	*f = (struct folder){ 0 };
}

static bool is_old(int at, const char *name)
{
	struct stat st;
	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_mtime < sys_wall_s() - TEMP_AGE_S;
}

void folder_remove_temps(int at, const char *name)
{
	DIR *dir = open_folder(at, name);
	if (!dir)
		return;

	const struct dirent *e;
	while ((e = readdir(dir)))
		if (strncmp(e->d_name, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0 &&
		    is_old(dirfd(dir), e->d_name))
			(void)unlinkat(dirfd(dir), e->d_name, 0); /* the next start tries again */
	closedir(dir);
}

static int empty(int at, const char *name, const char *keep, int depth);

static int remove_one(int at, const char *name, int depth)
{
	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM) /* POSIX says EPERM for a folder, Linux EISDIR */
		return -errno;
	int r = empty(at, name, NULL, depth + 1);
	if (r == 0 && unlinkat(at, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

static int empty(int at, const char *name, const char *keep, int depth)
{
	int r = 0;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	DIR *dir = open_folder(at, name);
	if (!dir)
		return -errno;

	for (const char *each; r == 0 && (each = next_name(dir, &r));)
		if (!keep || strcmp(each, keep) != 0)
			r = remove_one(dirfd(dir), each, depth);
	closedir(dir);
	return r;
}

int folder_empty(int at, const char *name, const char *keep)
{
	return empty(at, name, keep, 0);
}
