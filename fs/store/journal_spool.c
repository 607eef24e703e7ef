/* journal_spool.c: the files of the entries' bytes.
 *
 * The kernel tells of bytes that it could not write at one fsync only, and forgets them then: so an
 * entry whose fsync failed is torn, and no later fsync of the same bytes is believed. */
#include "journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REJECTED ".rejected"

/* --- names ----------------------------------------------------------------------------------- */

const char *spool_name(char out[SPOOL_NAME_SIZE], int64_t id, enum spool_kind kind)
{
	(void)snprintf(out, SPOOL_NAME_SIZE, "%lld%s", (long long)id,
	               kind == SPOOL_REJECTED ? REJECTED : "");
	return out;
}

int64_t spool_id(const char *name)
{
	char digits[24] = "", again[SPOOL_NAME_SIZE];
	int64_t id = 0;
	size_t len = strspn(name, "0123456789");

	if (len == 0 || len >= sizeof(digits))
		return 0;
	memcpy(digits, name, len);
	if (sys_parse_int(digits, 1, INT64_MAX, &id) < 0)
		return 0;
	/* "007" is not a name of ours */
	return strcmp(spool_name(again, id, SPOOL_BYTES), name) == 0 ||
	                       strcmp(spool_name(again, id, SPOOL_REJECTED), name) == 0
	               ? id
	               : 0;
}

/* --- files ----------------------------------------------------------------------------------- */

int spool_make(struct journal *j, int64_t id)
{
	char name[SPOOL_NAME_SIZE];
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

	spool_remove(j, id);
	qx_auto_fd fd = openat(j->spool_fd, spool_name(name, id, SPOOL_BYTES), flags, 0600);
	return fd < 0 ? -errno : 0;
}

static void forget_torn(struct journal *j, int64_t id);

void spool_remove_rejected(struct journal *j, int64_t id)
{
	char name[SPOOL_NAME_SIZE];
	/* What cannot be removed is swept later. */
	(void)unlinkat(j->spool_fd, spool_name(name, id, SPOOL_REJECTED), 0);
}

void spool_remove(struct journal *j, int64_t id)
{
	char name[SPOOL_NAME_SIZE];
	(void)unlinkat(j->spool_fd, spool_name(name, id, SPOOL_BYTES), 0); /* likewise */
	spool_remove_rejected(j, id);
	forget_torn(j, id);
}

int spool_stat(const struct journal *j, int64_t id, struct stat *ret)
{
	char name[SPOOL_NAME_SIZE];
	if (fstatat(j->spool_fd, spool_name(name, id, SPOOL_BYTES), ret, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISREG(ret->st_mode) ? 0 : -ENOENT;
}

/* --- what an fsync could not write ----------------------------------------------------------- */

/* Holding torn_lock. */
static size_t torn_at(const struct journal *j, int64_t id)
{
	size_t i = 0;
	while (i < j->torn_n && j->torn[i] != id)
		i++;
	return i;
}

static bool is_torn(struct journal *j, int64_t id)
{
	pthread_mutex_lock(&j->torn_lock);
	bool torn = torn_at(j, id) < j->torn_n;
	pthread_mutex_unlock(&j->torn_lock);
	return torn;
}

static void remember_torn(struct journal *j, int64_t id)
{
	pthread_mutex_lock(&j->torn_lock);
	if (torn_at(j, id) == j->torn_n) {
		int64_t *more = reallocarray(j->torn, j->torn_n + 1, sizeof(*more));
		if (more) { /* without memory it is told once only */
			j->torn = more;
			j->torn[j->torn_n++] = id;
		}
	}
	pthread_mutex_unlock(&j->torn_lock);
}

static void forget_torn(struct journal *j, int64_t id)
{
	pthread_mutex_lock(&j->torn_lock);
	size_t at = torn_at(j, id);
	if (at < j->torn_n)
		j->torn[at] = j->torn[--j->torn_n];
	pthread_mutex_unlock(&j->torn_lock);
}

void spool_begin_anew(struct journal *j, int64_t id)
{
	struct stat st;
	if (is_torn(j, id) && spool_stat(j, id, &st) == 0 && st.st_size == 0)
		forget_torn(j, id);
}

/* --- fsync ----------------------------------------------------------------------------------- */

static int sync_one(struct journal *j, int64_t id, enum spool_kind kind)
{
	char name[SPOOL_NAME_SIZE];
	qx_auto_fd fd =
		openat(j->spool_fd, spool_name(name, id, kind), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) == 0)
		return 0;
	int err = errno;
	if (kind == SPOOL_BYTES)
		remember_torn(j, id);
	return -err;
}

int spool_sync(struct journal *j, int64_t id, bool linked)
{
	if (is_torn(j, id))
		return -EIO;
	int r = sync_one(j, id, SPOOL_BYTES);
	if (r == -ENOENT)
		return -EIO; /* the entry is there */
	if (r == 0 && !linked && fsync(j->spool_fd) < 0)
		r = -errno;
	return r;
}

int spool_sync_rejected(struct journal *j, int64_t id)
{
	int r = sync_one(j, id, SPOOL_REJECTED);
	if (r == -ENOENT)
		return 0;
	return r == 0 && fsync(j->spool_fd) < 0 ? -errno : r;
}

/* --- for the other rooms --------------------------------------------------------------------- */

/* Whether the entry is there, and may be opened so. */
static int may_open(struct journal *j, int64_t id, bool writes)
{
	struct entry e;

	int r = journal_get(j, id, &e);
	if (r == 0 && writes && entry_state_row(e.state)->busy)
		r = -EBUSY;
	return r;
}

int journal_spool(struct journal *j, int64_t id, int flags)
{
	char name[SPOOL_NAME_SIZE];

	if (flags != O_RDONLY && flags != O_RDWR)
		return -EINVAL;
	int r = may_open(j, id, flags == O_RDWR);
	if (r < 0)
		return r;
	int fd = openat(j->spool_fd, spool_name(name, id, SPOOL_BYTES),
	                flags | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -EIO : -errno;
	return fd;
}

int journal_rejected(struct journal *j, int64_t id, int flags)
{
	char name[SPOOL_NAME_SIZE];

	if ((flags & ~(O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)) != 0)
		return -EINVAL;
	int r = may_open(j, id, false);
	if (r < 0)
		return r;
	int fd = openat(j->spool_fd, spool_name(name, id, SPOOL_REJECTED),
	                flags | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}
