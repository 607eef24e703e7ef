/* dirs.c: where an account's files live.
 *
 * The cache's `lock` file: whoever opens the cache first holds it exclusively while it looks at
 * VERSION and empties a cache of another version; then, like everybody else, shared, for life. So a
 * cache that somebody uses is never emptied. The state needs no such lock: it is never emptied. */
#include <qxfs/store/dirs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#include "folder.h"

#define CACHE_VERSION 1
#define STATE_VERSION 1
#define VERSION_NAME "VERSION"
#define LOCK_NAME "lock"
#define NOTES_LOCK_NAME "notes.lock"

/* Where small files are written. */
static const char *const state_folders[] = { ".", "lists", "used", "names" };

struct dirs {
	char *cache_path;
	char *state_path;
	int cache_fd;
	int state_fd;
	int lock_fd; /* held shared: others may use this cache, but not empty it */
};

int dirs_cache_fd(const struct dirs *d)
{
	return d->cache_fd;
}

int dirs_state_fd(const struct dirs *d)
{
	return d->state_fd;
}

const char *dirs_cache_path(const struct dirs *d)
{
	return d->cache_path;
}

const char *dirs_state_path(const struct dirs *d)
{
	return d->state_path;
}

static bool is_one_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* --- the two folders ------------------------------------------------------------------------- */

/* Why the folder is refused, and the command that mends it. */
static int refuse_folder(const char *path, int err, struct qx_fail *fail)
{
	struct stat st;
	qx_auto_free char *word = sys_shell_word(path);

	if (err == EPERM && stat(path, &st) == 0 && st.st_uid != geteuid()) {
		fail_set(fail, EPERM, "%s belongs to another user", path);
		fail_remedy(fail, "sudo chown -R %u %s", (unsigned)geteuid(), word);
	} else if (err == EPERM) {
		fail_set(fail, EPERM, "other users may look into %s", path);
		fail_remedy(fail, "chmod 700 %s", word);
	} else if (err == ENOTDIR || err == ELOOP) {
		fail_set(fail, err, "%s is not a folder, or a link to one", path);
		fail_remedy(fail,
		            "remove it, or choose another place with cache_dir= or state_dir=");
	} else {
		fail_set(fail, err, "the folder %s cannot be used: %s", path, strerror(err));
		fail_remedy(fail, "choose another place with cache_dir= or state_dir=");
	}
	return -err;
}

static int open_account(const char *parent, const char *account, char **ret_path, int *ret_fd,
                        struct qx_fail *fail)
{
	char *path = NULL;
	if (asprintf(&path, "%s/%s", parent, account) < 0)
		return fail_set(fail, ENOMEM, "out of memory");

	int fd = sys_open_private_dir(path);
	if (fd == -EEXIST) /* something else has the name */
		fd = -ENOTDIR;
	if (fd < 0) {
		refuse_folder(path, -fd, fail);
		free(path);
		return fd;
	}
	*ret_path = path;
	*ret_fd = fd;
	return 0;
}

/* --- versions -------------------------------------------------------------------------------- */

/* 0 and *ret 0: there is none. -EBADMSG: it cannot be understood. */
static int read_version(int dirfd, int64_t *ret)
{
	struct buf text = { 0 };

	int r = sys_read_file_at(dirfd, VERSION_NAME, 16, &text);
	if (r == -ENOENT) {
		*ret = 0;
		return 0;
	}
	if (r == 0) {
		text.data[strcspn(buf_text(&text), "\n")] = '\0';
		r = sys_parse_int(buf_text(&text), 1, 1000000, ret);
	}
	buf_done(&text);
	return r == -EINVAL || r == -ERANGE || r == -EFBIG ? -EBADMSG : r;
}

static int write_version(int dirfd, int version)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d\n", version);
	return sys_write_file_at(dirfd, VERSION_NAME, text, (size_t)len);
}

/* What is disposable and what is not must never share a folder: the one is emptied. */
static int check_apart(const struct dirs *d, struct qx_fail *fail)
{
	struct stat cache, state;

	if (fstat(d->cache_fd, &cache) < 0 || fstat(d->state_fd, &state) < 0)
		return fail_set(fail, errno, "%s: %s", d->cache_path, strerror(errno));
	if (cache.st_dev != state.st_dev || cache.st_ino != state.st_ino)
		return 0;
	fail_set(fail, EINVAL, "%s cannot be both the cache and the state folder", d->cache_path);
	fail_remedy(fail, "give cache_dir= and state_dir= two folders");
	return -EINVAL;
}

static int check_state(const struct dirs *d, struct qx_fail *fail)
{
	int64_t version = 0;

	int r = read_version(d->state_fd, &version);
	if (r == 0 && version == 0)
		r = write_version(d->state_fd, STATE_VERSION);
	if (r == -EBADMSG) {
		fail_set(fail, EBADMSG, "%s/" VERSION_NAME " is damaged", d->state_path);
		fail_remedy(fail, "if only this qxfs used the folder, write %d into that file",
		            STATE_VERSION);
	} else if (r < 0) {
		fail_set(fail, -r, "%s/" VERSION_NAME ": %s", d->state_path, strerror(-r));
	} else if (version > STATE_VERSION) {
		r = fail_set(fail, EPROTO, "%s was written by a newer qxfs (version %d)",
		             d->state_path, (int)version);
		fail_remedy(fail, "install that qxfs again, or choose another state_dir=");
	}
	return r;
}

/* Waits while somebody empties the cache; that ends soon. */
static int lock_shared(int fd)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int r;
	do
		r = fcntl(fd, F_OFD_SETLKW, &lock);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static bool is_ours(int cache_fd)
{
	int64_t version = 0;
	return read_version(cache_fd, &version) == 0 && version == CACHE_VERSION;
}

/* Ends with the lock held shared and a cache of our version; -EBUSY: somebody uses another one. */
static int settle_cache(int cache_fd, int lock_fd)
{
	int r = sys_lock_fd(lock_fd, true);
	if (r == -EAGAIN) {
		r = lock_shared(lock_fd);
		if (r < 0 || is_ours(cache_fd))
			return r;
		/* Whoever was emptying it died, or its users speak another version: the lock can
		 * be had in the first case only. */
		r = sys_lock_fd(lock_fd, true);
		if (r == -EAGAIN)
			return -EBUSY;
	}
	if (r < 0)
		return r;

	/* VERSION goes first and comes last: a cache that was half emptied is never ours. */
	if (!is_ours(cache_fd)) {
		if (unlinkat(cache_fd, VERSION_NAME, 0) < 0 && errno != ENOENT)
			return -errno;
		r = folder_empty(cache_fd, ".", LOCK_NAME);
		if (r == 0)
			r = write_version(cache_fd, CACHE_VERSION);
	}
	return r < 0 ? r : sys_lock_fd(lock_fd, false);
}

static int check_cache(struct dirs *d, struct qx_fail *fail)
{
	d->lock_fd =
		openat(d->cache_fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (d->lock_fd < 0)
		return fail_set(fail, errno, "%s/" LOCK_NAME ": %s", d->cache_path,
		                strerror(errno));

	int r = settle_cache(d->cache_fd, d->lock_fd);
	if (r == -EBUSY) {
		fail_set(fail, EBUSY, "%s is in use by a qxfs of another version", d->cache_path);
		fail_remedy(fail, "unmount that one first (qxfs umount DIR), or choose cache_dir=");
	} else if (r < 0) {
		fail_set(fail, -r, "the cache %s cannot be used: %s", d->cache_path, strerror(-r));
		fail_remedy(fail, "delete that folder, it is only a cache, or choose another with "
		                  "cache_dir=");
	}
	return r;
}

/* --- open and free --------------------------------------------------------------------------- */

int dirs_open(const char *cache_parent, const char *state_parent, const char *account,
              struct dirs **ret, struct qx_fail *fail)
{
	if (!is_one_name(account))
		return fail_set(fail, EINVAL, "\"%s\" cannot be the name of a folder", account);
	struct dirs *d = calloc(1, sizeof(*d));
	if (!d)
		return fail_set(fail, ENOMEM, "out of memory");
	d->cache_fd = d->state_fd = d->lock_fd = -1;

	int r = open_account(state_parent, account, &d->state_path, &d->state_fd, fail);
	if (r == 0)
		r = open_account(cache_parent, account, &d->cache_path, &d->cache_fd, fail);
	if (r == 0)
		r = check_apart(d, fail);
	if (r == 0)
		r = check_state(d, fail);
	if (r == 0)
		r = check_cache(d, fail);
	if (r < 0) {
		dirs_free(d);
		return r;
	}
	folder_remove_temps(d->cache_fd, ".");
	for (size_t i = 0; i < countof(state_folders); i++)
		folder_remove_temps(d->state_fd, state_folders[i]);
	*ret = d;
	return 0;
}

void dirs_free(struct dirs *d)
{
	if (!d)
		return;
	sys_close_cleanup(&d->lock_fd);
	sys_close_cleanup(&d->cache_fd);
	sys_close_cleanup(&d->state_fd);
	free(d->cache_path);
	free(d->state_path);
	free(d);
}

/* --- small files of the state ---------------------------------------------------------------- */

/* "lists/surveys.ndjson" -> "lists", "surveys.ndjson"; "account.json" -> "", "account.json". */
static int split_name(const char *name, char folder[FOLDER_NAME_SIZE], const char **ret_file)
{
	const char *slash = strchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;

	if (len >= FOLDER_NAME_SIZE)
		return -ENAMETOOLONG;
	memcpy(folder, name, len);
	folder[len] = '\0';
	*ret_file = slash ? slash + 1 : name;
	return (slash && !is_one_name(folder)) || !is_one_name(*ret_file) ? -EINVAL : 0;
}

int dirs_state_read(const struct dirs *d, const char *name, size_t max, struct buf *out)
{
	char folder[FOLDER_NAME_SIZE];
	const char *file;

	int r = split_name(name, folder, &file);
	return r < 0 ? r : sys_read_file_at(d->state_fd, name, max, out);
}

int dirs_state_write(const struct dirs *d, const char *name, const void *bytes, size_t len)
{
	char folder[FOLDER_NAME_SIZE];
	const char *file;

	int r = split_name(name, folder, &file);
	if (r < 0)
		return r;
	if (!*folder)
		return sys_write_file_at(d->state_fd, file, bytes, len);

	qx_auto_fd fd = sys_open_private_dir_at(d->state_fd, folder);
	return fd < 0 ? fd : sys_write_file_at(fd, file, bytes, len);
}

int dirs_state_lock(const struct dirs *d)
{
	qx_auto_fd fd = openat(d->state_fd, NOTES_LOCK_NAME,
	                       O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = sys_lock_fd(fd, true);
	return r < 0 ? r : sys_steal_fd(&fd);
}
