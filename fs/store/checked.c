/* checked.c: when a generation was last known to be current, or that the service refused it since.
 *
 * Both are the mtime of its facts file, so that all mounts and the next one find it there. A status
 * of HTTP as that moment is of 1970: to whoever compares it, the generation was checked long ago.
 */
#include <qxfs/store/cache.h>

#include "cache_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <qxfs/base/sys.h>

#define CLOCKS_DIFFER_S 5 /* a clock may be set back by so much */
#define STATUS_MAX 999

bool generation_is_fresh(const struct generation *g, int64_t fresh_s)
{
	return !generation_is_of_tomorrow(g) && sys_wall_s() - g->checked_s < fresh_s &&
	       !generation_refusal(g);
}

bool generation_may_be_old(const struct generation *g, int64_t max_stale_s)
{
	int64_t age_s = sys_wall_s() - g->checked_s;
	return (age_s < 0 ? 0 : age_s) < max_stale_s && !generation_refusal(g);
}

bool generation_is_of_tomorrow(const struct generation *g)
{
	return g->checked_s > sys_wall_s() + CLOCKS_DIFFER_S;
}

int generation_refusal(const struct generation *g)
{
	int64_t checked_s = g->checked_s;
	return checked_s > 0 && checked_s <= STATUS_MAX ? (int)checked_s : 0;
}

/* With KEY_FACTS held, so that no newer facts can be overwritten by these. The mtime that it shows,
 * *mtime_s, is written if it is another now, which is a check; NULL: it stays. */
static int note_facts(const struct cache *c, const struct generation *g, const int64_t *mtime_s,
                      struct timespec checked)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, checked };
	char path[GEN_PATH_SIZE];
	struct facts f;
	struct stamp stamp;

	int r = facts_load(c, g->key_hash, &f, &stamp);
	if (r < 0)
		return r == -EBADMSG ? -ENOENT : r;

	if (!cache_same_data(g, &f)) {
		r = -ENOENT;
	} else if (mtime_s && f.gen.mtime_s != *mtime_s) {
		f.gen.mtime_s = *mtime_s;
		r = facts_store(c, g->key_hash, &f);
	} else if (utimensat(c->gen_fd, gen_path(path, g->key_hash, "facts"), times, 0) < 0) {
		r = -errno;
	}
	facts_done(&f);
	return r;
}

static int note(struct cache *c, const struct generation *g, const int64_t *mtime_s,
                struct timespec checked)
{
	int lock = key_lock(c, g->key_hash, KEY_FACTS);
	if (lock < 0)
		return lock;
	int r = note_facts(c, g, mtime_s, checked);
	key_unlock(c, g->key_hash, lock);
	return r;
}

int cache_renew(struct cache *c, struct generation *g, int64_t mtime_s)
{
	atomic_store(&g->checked_s, sys_wall_s());
	atomic_store(&g->mtime_s, mtime_s);
	return note(c, g, &mtime_s, (struct timespec){ .tv_nsec = UTIME_NOW });
}

int cache_refuse(struct cache *c, struct generation *g, int status)
{
	atomic_store(&g->checked_s, status);
	return note(c, g, NULL, (struct timespec){ .tv_sec = status });
}
