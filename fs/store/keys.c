/* keys.c: names in gen/, and the locks between mounts.
 *
 * A lock file may be removed by whoever holds all of it, when its key has no facts. So after a lock
 * was got the file must still have a name; else another one of that name is the one to lock. */
#include <qxfs/store/cache.h>

#include "cache_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#define HASH_LEN (HASH_HEX_SIZE - 1)
#define HEX "0123456789abcdef"

const char *gen_path(char path[GEN_PATH_SIZE], const char *hash, const char *suffix)
{
	(void)snprintf(path, GEN_PATH_SIZE, "%.2s/%s.%s", hash, hash, suffix);
	return path;
}

const char *gen_path_of(char path[GEN_PATH_SIZE], const char *name)
{
	(void)snprintf(path, GEN_PATH_SIZE, "%.2s/%s", name, name);
	return path;
}

bool is_data_name(const char *name)
{
	return strspn(name, HEX) == HASH_LEN && name[HASH_LEN] == '.' &&
	       strspn(name + HASH_LEN + 1, HEX) == 16 &&
	       strcmp(name + HASH_LEN + 1 + 16, ".data") == 0;
}

int gen_folder(const struct cache *c, const char *hash)
{
	char name[3] = { hash[0], hash[1], '\0' };
	int fd = sys_open_private_dir_at(c->gen_fd, name);
	/* The whole cache was removed under us: for the caller that is no "not found". */
	return fd == -ENOENT ? -EIO : fd;
}

static int lock_part(int fd, enum key_part part)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = part == KEY_FACTS ? 1 : 0,
		.l_len = part == KEY_WHOLE ? 0 : 1,
	};
	int r;
	do
		r = fcntl(fd, part == KEY_FACTS ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
	return 0;
}

int key_add_facts(int lock_fd)
{
	return lock_part(lock_fd, KEY_FACTS);
}

void key_drop_facts(int lock_fd)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1 };
	(void)fcntl(lock_fd, F_OFD_SETLK, &lock); /* giving up a lock that is held cannot fail */
}

static int open_lock_file(const struct cache *c, const char *hash)
{
	char name[GEN_PATH_SIZE];
	qx_auto_fd folder = gen_folder(c, hash);
	if (folder < 0)
		return folder;

	(void)snprintf(name, sizeof(name), "%s.lock", hash);
	int fd = openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

/* A maker waits for KEY_FACTS first: whoever removes things holds all of the lock for a moment, and
 * with KEY_FACTS in hand only another maker can be in the way. */
static int lock_parts(int fd, enum key_part part)
{
	if (part != KEY_MAKER)
		return lock_part(fd, part);

	int r = lock_part(fd, KEY_FACTS);
	if (r == 0)
		r = lock_part(fd, KEY_MAKER);
	key_drop_facts(fd);
	return r;
}

int key_lock(const struct cache *c, const char *hash, enum key_part part)
{
	for (;;) {
		qx_auto_fd fd = open_lock_file(c, hash);
		if (fd < 0)
			return fd;
		int r = lock_parts(fd, part);
		if (r < 0)
			return r;

		struct stat st;
		if (fstat(fd, &st) < 0)
			return -errno;
		if (st.st_nlink > 0)
			return sys_steal_fd(&fd);
	}
}

void key_unlock(const struct cache *c, const char *hash, int lock_fd)
{
	char path[GEN_PATH_SIZE];

	if (faccessat(c->gen_fd, gen_path(path, hash, "facts"), F_OK, 0) < 0 && errno == ENOENT &&
	    lock_part(lock_fd, KEY_WHOLE) == 0)
		(void)unlinkat(c->gen_fd, gen_path(path, hash, "lock"), 0);
	close(lock_fd);
}
