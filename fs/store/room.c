/* room.c: space on the cache's disk for what is being written: reserved in steps, so that a disk or
 * a cache that is full is found out early and files are not in many pieces. */
#include <qxfs/store/cache.h>

#include "cache_private.h"

#include <errno.h>
#include <fcntl.h>

#define STEP_MIN (1024 * 1024)      /* so that a small document does not take much */
#define STEP_MAX (64 * 1024 * 1024) /* so that a large export is not in many pieces */

static void count_reserved(struct cache *c, uint64_t more, uint64_t less)
{
	pthread_mutex_lock(&c->lock);
	c->reserved = c->reserved + more - less;
	pthread_mutex_unlock(&c->lock);
}

static int allocate(int fd, uint64_t from, uint64_t len)
{
	int r;
	do
		r = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)len);
	while (r < 0 && errno == EINTR);
	if (r == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
		return 0;                          /* such a disk tells when bytes are written */
	return errno == EDQUOT ? -ENOSPC : -errno; /* a quota is this user's end of the disk */
}

static uint64_t next_step(uint64_t reserved, uint64_t need)
{
	uint64_t step = reserved;
	if (step < STEP_MIN)
		step = STEP_MIN;
	if (step > STEP_MAX)
		step = STEP_MAX;
	return step > need ? step : need;
}

int room_take(struct cache *c, int fd, uint64_t *reserved, uint64_t upto)
{
	uint64_t have = *reserved;

	if (upto > INT64_MAX)
		return -EFBIG;
	if (upto <= have)
		return 0;

	uint64_t need = upto - have;
	uint64_t step = next_step(have, need);
	evict_to_limit(c, step);
	int r = allocate(fd, have, step);
	if (r == -ENOSPC) { /* near the end of the disk */
		step = need;
		r = allocate(fd, have, step);
	}
	if (r == -ENOSPC) {
		evict_for_disk(c, need);
		r = allocate(fd, have, step);
	}
	if (r < 0)
		return r;
	*reserved += step;
	count_reserved(c, step, 0);
	return 0;
}

void room_give_back(struct cache *c, uint64_t *reserved)
{
	count_reserved(c, 0, *reserved);
	*reserved = 0;
}
