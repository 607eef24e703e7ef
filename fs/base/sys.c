/* sys.c: the small things of the operating system that every room needs. */
#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void sys_free_cleanup(void *pointer_to_pointer)
{
	void *p;
	memcpy(&p, pointer_to_pointer, sizeof(p)); /* the variable may be a pointer of any type */
	free(p);
}

void sys_close_cleanup(const int *fd)
{
	int saved = errno; /* scopes end between a failure and its -errno */
	if (*fd >= 0)
		(void)close(*fd); /* whoever needs the bytes to last has called fsync */
	errno = saved;
}

int sys_steal_fd(int *fd)
{
	int stolen = *fd;
	*fd = -1;
	return stolen;
}

int64_t sys_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t sys_wall_s(void)
{
	return (int64_t)time(NULL);
}

char *sys_shell_word(const char *path)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+,:@%";
	struct buf word = { 0 };

	if (*path && strspn(path, plain) == strlen(path))
		return strdup(path);
	buf_add_str(&word, "'");
	for (; *path; path++) {
		if (*path == '\'')
			buf_add_str(&word, "'\\''");
		else
			buf_add(&word, path, 1);
	}
	buf_add_str(&word, "'");
	return buf_steal(&word);
}

void sys_boot_id(char ret[SYS_BOOT_ID])
{
	struct buf text = { 0 };

	ret[0] = '\0';
	if (sys_read_file_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 100, &text) == 0)
		(void)snprintf(ret, SYS_BOOT_ID, "%.*s",
		               (int)strspn(buf_text(&text), "0123456789abcdef-"), buf_text(&text));
	buf_done(&text);
}

uint64_t sys_random(void)
{
	uint64_t n = 0;
	/* Fails only when interrupted before the kernel has gathered its seed, early at boot. */
	while (getrandom(&n, sizeof(n), 0) != (ssize_t)sizeof(n))
		;
	return n;
}

/* One checked component; `name` may be "." for the folder itself. */
static int open_checked_dir(int dirfd, const char *name)
{
	qx_auto_fd fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return -EPERM;
	return sys_steal_fd(&fd);
}

static int sync_dir_at(int dirfd)
{
	/* Opened anew: dirfd may be AT_FDCWD or an O_PATH one. */
	qx_auto_fd fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

static int make_dir_at(int dirfd, const char *name)
{
	if (mkdirat(dirfd, name, 0700) == 0) {
		(void)sync_dir_at(dirfd); /* the parent may be one that we cannot read */
		return 0;
	}
	/* Not only EEXIST: read-only and automounted parents answer otherwise for what exists. */
	int err = -errno;
	struct stat st;
	return fstatat(dirfd, name, &st, 0) == 0 && S_ISDIR(st.st_mode) ? 0 : err;
}

static bool is_one_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int sys_open_private_dir_at(int dirfd, const char *name)
{
	if (!is_one_name(name))
		return -EINVAL;
	int r = make_dir_at(dirfd, name);
	return r < 0 ? r : open_checked_dir(dirfd, name);
}

/* Copies the next component of *path and moves on; false at the end. */
static bool next_name(const char **path, char name[NAME_MAX + 2])
{
	*path += strspn(*path, "/");
	size_t len = strcspn(*path, "/");
	(void)snprintf(name, NAME_MAX + 2, "%.*s", (int)len, *path); /* too long stays too long */
	*path += len;
	return len > 0;
}

int sys_open_private_dir(const char *path)
{
	char name[NAME_MAX + 2];

	if (!*path)
		return -ENOENT;
	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	qx_auto_fd dir = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;

	while (next_name(&path, name)) {
		int r = make_dir_at(dir, name);
		if (r < 0)
			return r;
		if (path[strspn(path, "/")] == '\0')
			return open_checked_dir(dir, name);
		int next = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			return -errno;
		close(dir);
		dir = next;
	}
	return open_checked_dir(dir, "."); /* "/" itself */
}

int sys_read_file_at(int dirfd, const char *name, size_t max, struct buf *out)
{
	char piece[16384];
	struct buf bytes = { 0 };
	int r = 0;

	qx_auto_fd fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	for (;;) {
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		else if ((size_t)n > max - bytes.len)
			r = -EFBIG;
		if (n <= 0 || r < 0)
			break;
		buf_add(&bytes, piece, (size_t)n);
	}
	if (r == 0)
		buf_add(out, buf_text(&bytes), bytes.len);
	if (r == 0 && (buf_failed(&bytes) || buf_failed(out)))
		r = -ENOMEM;
	explicit_bzero(piece, sizeof(piece)); /* the file may hold a credential */
	if (bytes.data)
		explicit_bzero(bytes.data, bytes.cap);
	buf_done(&bytes);
	return r;
}

int sys_begin_alike(int a, int b, uint64_t length)
{
	char x[4096], y[sizeof(x)];

	for (uint64_t at = 0; at < length;) {
		size_t want = length - at < sizeof(x) ? (size_t)(length - at) : sizeof(x);
		ssize_t got_a = pread(a, x, want, (off_t)at);
		ssize_t got_b = got_a < 0 ? -1 : pread(b, y, want, (off_t)at);
		if (got_b < 0)
			return -errno;
		if (got_a != (ssize_t)want || got_b != (ssize_t)want || memcmp(x, y, want) != 0)
			return 0;
		at += want;
	}
	return 1;
}

int sys_write_all(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;
	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int fill_and_rename(int dirfd, const char *temp, const char *name, const void *bytes,
                           size_t len)
{
	qx_auto_fd fd =
		openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;

	int r = sys_write_all(fd, bytes, len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dirfd, temp, dirfd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dirfd, temp, 0); /* the first failure is the one to tell */
	return r;
}

int sys_write_file_at(int dirfd, const char *name, const void *bytes, size_t len)
{
	char temp[32];

	if (!is_one_name(name))
		return -EINVAL;
	(void)snprintf(temp, sizeof(temp), ".tmp-%016llx", (unsigned long long)sys_random());
	int r = fill_and_rename(dirfd, temp, name, bytes, len);
	return r < 0 ? r : sync_dir_at(dirfd);
}

int sys_lock_fd(int fd, bool exclusive)
{
	struct flock lock = { .l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };
	return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}
