/* remote_main.c: what the remote does. It never logs to the mount and holds no lock over a call. */
#include "remote.h"

#include "fake_tree.h"
#include "harness.h"
#include <qxfs/front/control.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define CROWD_MAX 512
#define STACK_BYTES (256 << 10)

/* Single deeds. */

static void handler(int signal)
{
	(void)signal;
}

static void catch_signal(int signal, int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	sigaction(signal, &action, NULL);
}

static int set_timer(uint64_t ms)
{
	struct itimerval timer = { 0 };
	timer.it_interval.tv_usec = timer.it_value.tv_usec = (suseconds_t)ms * 1000;
	catch_signal(SIGALRM, SA_RESTART);
	return setitimer(ITIMER_REAL, &timer, NULL);
}

/* The first 8 bytes tell the version; all that were read must be of it. */
static int64_t check_bytes(int fd, unsigned file, uint64_t off, uint64_t n, unsigned *ret_version)
{
	char head[9] = { 0 };
	if (pread(fd, head, 8, 0) != 8)
		return errno ? -errno : -EIO;
	*ret_version = (unsigned)strtoul(head, NULL, 16);

	char *bytes = malloc(n + 1);
	ssize_t got = pread(fd, bytes, n, (off_t)off);
	int64_t ret = got < 0 ? -errno : got;
	for (ssize_t i = 0; i < got; i++)
		if (bytes[i] != fake_byte(file, *ret_version, off + (uint64_t)i))
			ret = -EILSEQ;
	free(bytes);
	return ret;
}

static int list(int root, const char *path, bool with_stat, struct told *t)
{
	struct stat st;
	int fd = openat(root, path, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;

	int entries = 0;
	errno = 0;
	for (struct dirent *e; (e = readdir(dir)); entries++) {
		t->size += strlen(e->d_name);
		if (with_stat && fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			break;
		if (with_stat && e->d_name[0] != '.' && st.st_ino != e->d_ino)
			t->ino++; /* the listing and the stat disagree */
	}
	int err = errno;
	closedir(dir);
	return err ? -err : entries;
}

static int leads_to(int root, const char *path, const char *wanted)
{
	char target[64] = "";
	if (readlinkat(root, path, target, sizeof(target) - 1) < 0)
		return -1;
	errno = EILSEQ;
	return strcmp(target, wanted) == 0 ? 0 : -1;
}

static int set_times(int root, const char *path, bool mtime)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };
	if (!mtime)
		times[1].tv_nsec = UTIME_OMIT;
	return utimensat(root, path, times, 0);
}

static int try_ioctl(int root, const char *path)
{
	char anything[64];
	int fd = openat(root, path, O_RDONLY);
	int ret = ioctl(fd, 0x5401 /* TCGETS */, anything);
	int err = errno;
	close(fd);
	errno = err;
	return ret;
}

static int do_deed(int root, enum deed deed, const char *path)
{
	char full[64 + 256];
	(void)snprintf(full, sizeof(full), "/proc/self/fd/%d/%s", root, path);

	switch (deed) {
	case DEED_CREATE:
		return openat(root, path, O_WRONLY | O_CREAT, 0600);
	case DEED_MKDIR:
		return mkdirat(root, path, 0700);
	case DEED_MKNOD:
		return mknodat(root, path, S_IFIFO | 0600, 0);
	case DEED_SYMLINK:
		return symlinkat("x", root, path);
	case DEED_LINK:
		return linkat(root, "f0000", root, path, 0);
	case DEED_UNLINK:
		return unlinkat(root, path, 0);
	case DEED_RMDIR:
		return unlinkat(root, path, AT_REMOVEDIR);
	case DEED_RENAME:
		return renameat(root, path, root, "other");
	case DEED_CHMOD:
		return fchmodat(root, path, 0600, 0);
	case DEED_CHOWN:
		return fchownat(root, path, 7, 7, 0);
	case DEED_TRUNCATE:
		return truncate(full, 0);
	case DEED_TOUCH:
		return set_times(root, path, true);
	case DEED_TOUCH_ATIME:
		return set_times(root, path, false);
	case DEED_GETXATTR:
		return (int)getxattr(full, "user.x", NULL, 0);
	case DEED_READLINK:
		return leads_to(root, path, "f0000");
	case DEED_TCGETS:
		return try_ioctl(root, path);
	case DEED_BE_NOBODY:
		return seteuid(65534);
	case DEED_BE_ROOT:
		return seteuid(0);
	}
	return -1;
}

static int64_t control(const struct ask *a, struct told *t)
{
	struct control c = { .version = CONTROL_VERSION, .verb = (uint32_t)a->flags };

	if (a->file) /* a wrong version */
		c.version = a->file;
	c.offset = (uint32_t)a->n;
	(void)snprintf(c.path, sizeof(c.path), "%s", a->path);
	int ret = ioctl(a->fd, CONTROL_IOCTL, &c);
	t->size = c.total;
	t->ino = c.len;
	t->mode = (uint64_t)c.piece[0];
	return ret < 0 ? -errno : ret;
}

/* Crowds. */

struct member {
	pthread_t thread;
	int root;
	unsigned file, files; /* files 0: opens `file` once; else any of them until `stop` */
	uint64_t dice;
	struct crowd crowd;
};

static atomic_bool stop;

static uint64_t roll(uint64_t *dice, uint64_t sides)
{
	*dice ^= *dice << 13;
	*dice ^= *dice >> 7;
	*dice ^= *dice << 17;
	return *dice % sides;
}

static void open_one(struct member *m, unsigned file)
{
	struct crowd *c = &m->crowd;
	unsigned version;
	char name[16];

	(void)snprintf(name, sizeof(name), "f%04u", file);
	int fd = openat(m->root, name, O_RDONLY | (roll(&m->dice, 2) ? O_NONBLOCK : 0));
	c->tries++;
	if (fd >= 0) {
		c->opened++;
		if (check_bytes(fd, file, roll(&m->dice, 19000), 500, &version) != 500)
			c->wrong++;
		close(fd);
	} else if (errno == EINTR) {
		c->interrupted++;
	} else if (errno == EIO) {
		c->failed++;
	} else {
		c->strange++;
		c->err = errno;
	}
}

static void *be_member(void *arg)
{
	struct member *m = arg;

	do
		open_one(m, m->files ? (unsigned)roll(&m->dice, m->files) : m->file);
	while (m->files && !atomic_load(&stop));
	return NULL;
}

/* Sends signals, half of which end a wait, for as long as asked. */
static uint64_t pester(struct member *members, uint64_t n, uint64_t ms, uint64_t dice)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGUSR1, SIGWINCH };
	uint64_t end_us = now_us() + ms * 1000;
	uint64_t sent = 0;

	while (now_us() < end_us) {
		struct timespec pause = { .tv_nsec = (long)roll(&dice, 400000) };
		pthread_kill(members[roll(&dice, n)].thread, signals[roll(&dice, 4)]);
		sent++;
		nanosleep(&pause, NULL);
	}
	return sent;
}

static void run_crowd(int root, const struct ask *a, struct told *t)
{
	struct member *members = calloc(CROWD_MAX, sizeof(*members));
	pthread_attr_t attr;

	catch_signal(SIGINT, SA_RESTART);
	catch_signal(SIGTERM, SA_RESTART);
	catch_signal(SIGUSR1, SA_RESTART);
	catch_signal(SIGWINCH, SA_RESTART);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	atomic_store(&stop, false);
	for (uint64_t i = 0; i < a->n; i++) {
		struct member *m = &members[i];
		m->root = root;
		m->file = a->file + (unsigned)i;
		m->files = a->verb == REMOTE_HAMMER ? a->file : 0;
		m->dice = (uint64_t)a->flags * 1000003 + i + 1;
		if (pthread_create(&m->thread, &attr, be_member, m))
			abort();
	}
	if (a->verb == REMOTE_HAMMER)
		t->crowd.signals = pester(members, a->n, a->off, (uint64_t)a->flags + 77);
	atomic_store(&stop, true);
	for (uint64_t i = 0; i < a->n; i++) {
		struct crowd *c = &members[i].crowd;
		pthread_join(members[i].thread, NULL);
		t->crowd.tries += c->tries;
		t->crowd.opened += c->opened;
		t->crowd.interrupted += c->interrupted;
		t->crowd.failed += c->failed;
		t->crowd.strange += c->strange;
		t->crowd.wrong += c->wrong;
		t->crowd.err = c->err ? c->err : t->crowd.err;
	}
	pthread_attr_destroy(&attr);
	free(members);
}

/* The loop. */

static int64_t tell_stat(int ret, const struct stat *st, struct told *t)
{
	if (ret < 0)
		return -errno;
	t->size = (uint64_t)st->st_size;
	t->ino = st->st_ino;
	t->mode = st->st_mode;
	return 0;
}

static int64_t serve(int root, const struct ask *a, struct told *t)
{
	struct stat st;
	struct statvfs disk;
	int ret = 0;

	switch (a->verb) {
	case REMOTE_OPEN:
		ret = openat(root, a->path, a->flags);
		break;
	case REMOTE_CLOSE:
		ret = close(a->fd);
		break;
	case REMOTE_CHECK:
		return check_bytes(a->fd, a->file, a->off, a->n, &t->version);
	case REMOTE_STAT:
		return tell_stat(fstatat(root, a->path, &st, AT_SYMLINK_NOFOLLOW), &st, t);
	case REMOTE_FSTAT:
		return tell_stat(fstat(a->fd, &st), &st, t);
	case REMOTE_LIST:
		return list(root, a->path, a->flags & 1, t);
	case REMOTE_DO:
		ret = do_deed(root, (enum deed)a->flags, a->path);
		break;
	case REMOTE_IOCTL:
		return control(a, t);
	case REMOTE_STATFS:
		ret = fstatvfs(root, &disk);
		t->size = disk.f_blocks;
		t->ino = disk.f_bavail;
		return ret < 0 ? -errno : (int64_t)disk.f_namemax;
	case REMOTE_TIMER:
		ret = set_timer(a->n);
		break;
	case REMOTE_CROWD:
	case REMOTE_HAMMER:
		run_crowd(root, a, t);
		break;
	}
	return ret < 0 ? -errno : ret;
}

int remote_main(const char *mount)
{
	const int sock = 100;
	struct ask ask;
	int root = -1;

	while (read(sock, &ask, sizeof(ask)) == (ssize_t)sizeof(ask)) {
		struct told told = { 0 };
		if (root < 0) /* it is mounted by now; an O_PATH fd asks the daemon nothing */
			root = open(mount, O_PATH | O_DIRECTORY);
		uint64_t before_us = now_us();
		errno = 0;
		told.ret = serve(root, &ask, &told);
		told.us = now_us() - before_us;
		if (send(sock, &told, sizeof(told), MSG_NOSIGNAL) < 0)
			break;
	}
	/* The test is gone; if it crashed, its mount is still there. */
	harness_unmount(mount);
	return 0;
}
