/* seen.c: a set of hashes in a file. Memory stays the same however many there are; what was
 * written lately is in the kernel's page cache, so a look costs a few microseconds. */
#include "seen.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include <qxfs/base/hash.h>
#include <qxfs/base/sys.h>

#define FIRST_SIZE 4096 /* a power of two */
#define GROWTH 4        /* so that few are moved often: a third of all, in the mean */
#define PIECE 512       /* slots that are read at once when the table grows */
#define NEAR 8          /* and when an id is looked for */

static int slots_read(const struct seen *s, uint64_t at, uint64_t *ret, size_t n)
{
	ssize_t len = (ssize_t)(n * sizeof(*ret));
	ssize_t got = pread(spill_fd(s->file), ret, (size_t)len, (off_t)(at * sizeof(*ret)));
	if (got < 0)
		return -errno;
	return got == len ? 0 : -EIO;
}

static int slot_write(const struct seen *s, uint64_t at, uint64_t hash)
{
	ssize_t got = pwrite(spill_fd(s->file), &hash, sizeof(hash), (off_t)(at * sizeof(hash)));
	if (got < 0)
		return -errno;
	return got == (ssize_t)sizeof(hash) ? 0 : -EIO;
}

/* As seen_enter; there is room. One call of the kernel reads all that have to be looked at, nearly
 * always: at most half of the slots are taken. */
static int put(struct seen *s, uint64_t hash)
{
	uint64_t near[NEAR];
	uint64_t at = hash & (s->size - 1);

	for (;;) {
		size_t n = at + NEAR <= s->size ? NEAR : (size_t)(s->size - at);
		int r = slots_read(s, at, near, n);
		for (size_t i = 0; i < n && r == 0; i++) {
			if (near[i] == hash)
				return 0;
			if (near[i])
				continue;
			r = slot_write(s, at + i, hash);
			s->n += r == 0;
			return r < 0 ? r : 1;
		}
		if (r < 0)
			return r;
		at = (at + n) & (s->size - 1);
	}
}

/* Nothing but free slots. */
static int make(struct cache *cache, uint64_t size, struct seen *ret)
{
	*ret = (struct seen){ .cache = cache, .size = size };
	int r = spill_new(cache, &ret->file);
	if (r == 0)
		r = spill_reserve(ret->file, size * sizeof(uint64_t));
	if (r == 0 && ftruncate(spill_fd(ret->file), (off_t)(size * sizeof(uint64_t))) < 0)
		r = -errno;
	if (r < 0)
		seen_done(ret);
	return r;
}

static int copy(const struct seen *from, struct seen *to)
{
	uint64_t piece[PIECE];

	for (uint64_t at = 0; at < from->size; at += PIECE) {
		int r = slots_read(from, at, piece, PIECE);
		for (size_t i = 0; i < PIECE && r >= 0; i++)
			if (piece[i])
				r = put(to, piece[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int grow(struct seen *s)
{
	struct seen bigger;

	int r = make(s->cache, s->size ? GROWTH * s->size : FIRST_SIZE, &bigger);
	if (r < 0)
		return r;
	if (s->file)
		r = copy(s, &bigger);
	if (r < 0) {
		seen_done(&bigger);
		return r;
	}
	seen_done(s);
	*s = bigger;
	return 0;
}

int seen_enter(struct seen *s, const char *id)
{
	const char *const parts[] = { id, NULL };
	uint64_t hash = hash_u64(parts);

	if (2 * s->n >= s->size) {
		int r = grow(s);
		if (r < 0)
			return r;
	}
	return put(s, hash ? hash : 1);
}

void seen_done(struct seen *s)
{
	spill_unref(s->file);
	*s = (struct seen){ .cache = s->cache };
}
