/* spill.c: see spill.h. The number of the file stays when its bytes move: dup3 puts the one behind
 * it in the place of the other. */
#include <qxfs/store/spill.h>

#include "cache_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#include "folder.h"

struct spill {
	atomic_int refs;
	struct cache *cache;
	int fd;
	bool in_memory;    /* the writer's */
	uint64_t reserved; /* on the disk; the writer's */
};

static bool take_place(struct cache *c)
{
	pthread_mutex_lock(&c->lock);
	bool taken = c->spills < SPILLS_IN_MEMORY;
	c->spills += taken;
	pthread_mutex_unlock(&c->lock);
	return taken;
}

static void leave_place(struct cache *c)
{
	pthread_mutex_lock(&c->lock);
	c->spills--;
	pthread_mutex_unlock(&c->lock);
}

/* Its name is a draft's, so that the sweep takes what a crash leaves: nothing was in it yet. */
static int file_without_name(const struct cache *c)
{
	char name[FOLDER_NAME_SIZE];
	int fd;

	do {
		(void)snprintf(name, sizeof(name), "%016" PRIx64 ".raw", sys_random());
		fd = openat(c->draft_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		            0600);
	} while (fd < 0 && errno == EEXIST);
	if (fd < 0) /* -ENOENT: the whole cache was removed under us; no "not found" for anybody */
		return errno == ENOENT ? -EIO : -errno;
	(void)unlinkat(c->draft_fd, name, 0); /* or a sweep of another mount did */
	return fd;
}

static int copy_all(int from, int to)
{
	char piece[16384];
	off_t at = 0;
	int r = 0;

	while (r == 0) {
		ssize_t n = pread(from, piece, sizeof(piece), at);
		if (n <= 0)
			return n < 0 ? -errno : 0;
		r = sys_write_all(to, piece, (size_t)n);
		at += n;
	}
	return r;
}

static int move_to_disk(struct spill *s)
{
	qx_auto_fd fd = file_without_name(s->cache);
	if (fd < 0)
		return fd;
	int r = room_take(s->cache, fd, &s->reserved, SPILL_MEMORY);
	if (r == 0)
		r = copy_all(s->fd, fd);
	if (r == 0 && dup3(fd, s->fd, O_CLOEXEC) < 0)
		r = -errno;
	if (r < 0) {
		room_give_back(s->cache, &s->reserved);
		return r;
	}
	s->in_memory = false;
	leave_place(s->cache);
	return 0;
}

int spill_new(struct cache *c, struct spill **ret)
{
	struct spill *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	atomic_init(&s->refs, 1);
	s->cache = c;
	s->in_memory = take_place(c);
	s->fd = s->in_memory ? memfd_create("qxfs", MFD_CLOEXEC) : file_without_name(c);
	int r = s->fd >= 0 ? 0 : s->in_memory ? -errno : s->fd;
	if (r < 0) {
		spill_unref(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct spill *spill_ref(struct spill *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void spill_unref(struct spill *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	if (s->fd >= 0)
		close(s->fd);
	if (s->in_memory)
		leave_place(s->cache);
	room_give_back(s->cache, &s->reserved);
	free(s);
}

int spill_fd(const struct spill *s)
{
	return s->fd;
}

bool spill_is_in_memory(const struct spill *s)
{
	return s->in_memory;
}

int spill_reserve(struct spill *s, uint64_t upto)
{
	if (s->in_memory && upto <= SPILL_MEMORY)
		return 0;
	int r = s->in_memory ? move_to_disk(s) : 0;
	return r < 0 ? r : room_take(s->cache, s->fd, &s->reserved, upto);
}
