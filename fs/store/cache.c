/* cache.c: generations by key: find, open. Checked and refused: checked.c.
 *
 * The index in memory is a shortcut: the facts file on disk decides, and one fstatat tells whether
 * another mount has published since it was read. No disk is touched with cache.lock held. */
#include <qxfs/store/cache.h>

#include "cache_private.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <zlib.h>

#define TOUCH_EVERY_S 60         /* how exact "least recently used" is */
#define VERIFY_MAX (1024 * 1024) /* longer files would make an open wait */

/* A generation and what only this file knows of it. */
struct known {
	struct generation g;       /* first, so that the one's address is the other's */
	_Atomic int64_t touched_s; /* its data's atime was set then */
	atomic_bool verified;      /* its bytes were seen to be right, by this process */
};

struct slot {
	char hash[HASH_HEX_SIZE]; /* first: what the tree compares */
	struct generation *g;
	struct stamp stamp;
};

/* --- generations ----------------------------------------------------------------------------- */

static struct known *known_of(struct generation *g)
{
	return (struct known *)(void *)g;
}

static struct generation *generation_new(const char *hash, const struct facts *f, int64_t checked_s,
                                         bool verified)
{
	struct known *k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->g.length = f->length;
	k->g.crc = f->crc;
	k->g.facts = f->gen;
	memcpy(k->g.key_hash, hash, sizeof(k->g.key_hash));
	memcpy(k->g.data_name, f->data_name, sizeof(k->g.data_name));
	atomic_init(&k->g.refs, 1);
	atomic_init(&k->g.checked_s, checked_s);
	atomic_init(&k->g.mtime_s, f->gen.mtime_s);
	atomic_init(&k->verified, verified);
	return &k->g;
}

struct generation *generation_ref(struct generation *g)
{
	atomic_fetch_add(&g->refs, 1);
	return g;
}

void generation_unref(struct generation *g)
{
	if (g && atomic_fetch_sub(&g->refs, 1) == 1)
		free(known_of(g));
}

/* --- the index ------------------------------------------------------------------------------- */

static int by_hash(const void *a, const void *b)
{
	return memcmp(a, b, HASH_HEX_SIZE);
}

static struct slot *slot_of(struct cache *c, const char *hash)
{
	struct slot *const *found = tfind(hash, &c->index, by_hash);
	return found ? *found : NULL;
}

static void slot_free(void *arg)
{
	struct slot *s = arg;
	generation_unref(s->g);
	free(s);
}

static struct slot *slot_add(struct cache *c, const char *hash)
{
	struct slot *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	memcpy(s->hash, hash, sizeof(s->hash));
	if (!tsearch(s, &c->index, by_hash)) {
		free(s);
		return NULL;
	}
	return s;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->inode == b->inode && a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec &&
	       a->mtime.tv_nsec == b->mtime.tv_nsec;
}

bool cache_same_data(const struct generation *g, const struct facts *f)
{
	return strcmp(g->data_name, f->data_name) == 0 && g->length == f->length &&
	       g->crc == f->crc;
}

/* With cache.lock held. Makes the slot hold a generation of these facts; false: no memory. */
static bool put_new(struct cache *c, const char *hash, const struct facts *f,
                    const struct stamp *stamp, bool verified)
{
	struct generation *g = generation_new(hash, f, (int64_t)stamp->mtime.tv_sec, verified);
	if (!g)
		return false;

	struct slot *s = slot_of(c, hash);
	if (!s)
		s = slot_add(c, hash);
	if (!s) {
		generation_unref(g);
		return false;
	}
	generation_unref(s->g);
	s->g = g;
	s->stamp = *stamp;
	return true;
}

struct generation *cache_put(struct cache *c, const char *hash, const struct facts *f,
                             const struct stamp *stamp, bool verified)
{
	struct generation *g = NULL;

	pthread_mutex_lock(&c->lock);
	struct slot *s = slot_of(c, hash);
	if (s && cache_same_data(s->g, f)) { /* only renewed, by us or by another mount */
		atomic_store(&s->g->checked_s, (int64_t)stamp->mtime.tv_sec);
		atomic_store(&s->g->mtime_s, f->gen.mtime_s);
		s->stamp = *stamp;
		g = generation_ref(s->g);
	} else if (put_new(c, hash, f, stamp, verified)) {
		g = generation_ref(slot_of(c, hash)->g);
	}
	pthread_mutex_unlock(&c->lock);
	return g;
}

/* data_name NULL: whatever is there */
static void forget(struct cache *c, const char *hash, const char *data_name)
{
	pthread_mutex_lock(&c->lock);
	struct slot *s = slot_of(c, hash);
	if (s && (!data_name || strcmp(s->g->data_name, data_name) == 0)) {
		tdelete(hash, &c->index, by_hash);
		slot_free(s);
	}
	pthread_mutex_unlock(&c->lock);
}

void cache_forget(struct cache *c, const char *data_name)
{
	char hash[HASH_HEX_SIZE] = "";
	memcpy(hash, data_name, HASH_HEX_SIZE - 1);
	forget(c, hash, data_name);
}

static struct generation *look_up(struct cache *c, const char *hash, const struct stamp *stamp)
{
	struct generation *g = NULL;

	pthread_mutex_lock(&c->lock);
	const struct slot *s = slot_of(c, hash);
	if (s && same_stamp(&s->stamp, stamp))
		g = generation_ref(s->g);
	pthread_mutex_unlock(&c->lock);
	return g;
}

static uint64_t less(uint64_t from, uint64_t n)
{
	return n < from ? from - n : 0; /* counts may lag behind what other mounts did */
}

void cache_count(struct cache *c, uint64_t added, uint64_t removed, int generations)
{
	pthread_mutex_lock(&c->lock);
	c->bytes = less(c->bytes + added, removed);
	if (generations < 0)
		c->generations = less(c->generations, (uint64_t)-generations);
	else
		c->generations += (uint64_t)generations;
	pthread_mutex_unlock(&c->lock);
}

/* --- find ------------------------------------------------------------------------------------ */

void generation_name(const struct generation *g, char out[GENERATION_NAME])
{
	(void)snprintf(out, GENERATION_NAME, "%s:%llu ", g->data_name,
	               (unsigned long long)g->length);
}

struct generation *cache_find(struct cache *c, const char *key)
{
	char hash[HASH_HEX_SIZE];
	const char *const parts[] = { key, NULL };
	struct facts f;
	struct stamp stamp;

	hash_hex(hash, parts);
	/* A second time when damage was found: it may have been another mount that was just
	 * replacing the old generation by a new one. */
	for (int tries = 0; tries < 2; tries++) {
		struct generation *g = NULL;
		int r = facts_stamp(c, hash, &stamp);
		if (r == 0)
			g = look_up(c, hash, &stamp);
		if (g)
			return g;

		if (r == 0)
			r = facts_load(c, hash, &f, &stamp);
		if (r == 0) {
			g = cache_put(c, hash, &f, &stamp, false);
			facts_done(&f);
			return g;
		}
		if (r != -ENOENT && r != -EBADMSG)
			return NULL; /* too many files open, for instance */
		forget(c, hash, NULL);
		if (r == -ENOENT)
			return NULL;
		(void)evict_repair(c, hash); /* -EBUSY: its maker will replace it */
	}
	return NULL;
}

/* --- open ------------------------------------------------------------------------------------ */

/* For "least recently used"; whether the disk keeps access times itself or not. */
static void touch(struct known *k, int fd)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };
	int64_t now = sys_wall_s();
	int64_t last = atomic_load(&k->touched_s);

	if ((last > now || last <= now - TOUCH_EVERY_S) &&
	    atomic_compare_exchange_strong(&k->touched_s, &last, now))
		(void)futimens(fd, times); /* it is evicted a little too early, else */
}

static bool same_piece(int a, int b, off_t at, size_t len)
{
	char x[16384], y[sizeof(x)];
	return pread(a, x, len, at) == (ssize_t)len && pread(b, y, len, at) == (ssize_t)len &&
	       memcmp(x, y, len) == 0;
}

bool cache_holds(struct cache *c, struct generation *g, int fd, uint64_t length)
{
	if (g->length != length)
		return false;
	qx_auto_fd data = cache_open(c, g);
	bool same = data >= 0;
	for (uint64_t at = 0; same && at < length; at += 16384) {
		uint64_t left = length - at;
		same = same_piece(fd, data, (off_t)at, left < 16384 ? (size_t)left : 16384);
	}
	return same;
}

int cache_sum(int fd, uint64_t length, uint32_t *ret)
{
	unsigned char piece[16384];
	uint64_t at = 0;
	uLong sum = crc32_z(0, NULL, 0);

	while (at < length) {
		size_t want = length - at < sizeof(piece) ? (size_t)(length - at) : sizeof(piece);
		ssize_t n = pread(fd, piece, want, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		sum = crc32_z(sum, piece, (size_t)n);
		at += (uint64_t)n;
	}
	*ret = (uint32_t)sum;
	return 0;
}

static int verify(struct known *k, int fd)
{
	/* crc 0: its maker told none (or it is one in four billion) */
	if (k->g.length > VERIFY_MAX || k->g.crc == 0 || atomic_load(&k->verified))
		return 0;
	uint32_t sum;
	int r = cache_sum(fd, k->g.length, &sum);
	if (r < 0)
		return r;
	if (sum != k->g.crc)
		return -EBADMSG;
	atomic_store(&k->verified, true);
	return 0;
}

/* Says nothing about the file. */
static bool is_passing(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOMEM || err == EINTR;
}

/* An fd, -ENOENT: it is gone, -EBADMSG: it is damaged; other: cannot be opened just now. */
static int open_data(const struct cache *c, struct known *k)
{
	char path[GEN_PATH_SIZE];
	struct stat st;

	qx_auto_fd fd = openat(c->gen_fd, gen_path_of(path, k->g.data_name),
	                       O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || is_passing(errno) ? -errno : -EBADMSG;
	int r = sys_lock_fd(fd, false);
	if (r < 0)
		return r == -EAGAIN ? -ENOENT : r; /* its lock is taken only to remove it */
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_nlink == 0) /* removed between open and lock */
		return -ENOENT;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < k->g.length)
		return -EBADMSG;
	r = verify(k, fd);
	if (r < 0)
		return is_passing(-r) ? r : -EBADMSG; /* also a bad sector */
	touch(k, fd);
	return sys_steal_fd(&fd);
}

int cache_open(struct cache *c, struct generation *g)
{
	int fd = open_data(c, known_of(g));
	if (fd != -ENOENT && fd != -EBADMSG)
		return fd;

	cache_forget(c, g->data_name);
	evict_damaged(c, g->data_name);
	return -ENOENT;
}

/* --- the whole ------------------------------------------------------------------------------- */

void cache_view(struct cache *c, struct cache_view *ret)
{
	pthread_mutex_lock(&c->lock);
	ret->bytes = c->bytes;
	ret->max_bytes = c->max_bytes;
	ret->generations = c->generations;
	pthread_mutex_unlock(&c->lock);
}

int cache_disk(struct cache *c, uint64_t *ret_total, uint64_t *ret_free)
{
	struct statvfs v;
	if (fstatvfs(c->gen_fd, &v) < 0)
		return -errno;
	*ret_total = (uint64_t)v.f_blocks * v.f_frsize;
	*ret_free = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}

uint64_t cache_max_export(const struct cache *c)
{
	return c->max_export;
}

static int open_cache(struct cache *c, struct dirs *dirs, uint64_t max_bytes)
{
	uint64_t total = 0, available = 0;

	c->gen_fd = sys_open_private_dir_at(dirs_cache_fd(dirs), "gen");
	if (c->gen_fd < 0)
		return c->gen_fd;
	c->draft_fd = sys_open_private_dir_at(dirs_cache_fd(dirs), "draft");
	if (c->draft_fd < 0)
		return c->draft_fd;

	draft_sweep(c);
	int r = evict_sweep(c);
	if (r == 0)
		r = cache_disk(c, &total, &available);
	if (r < 0)
		return r;
	/* What the cache holds counts as free, or it would shrink with every start. */
	c->max_bytes = max_bytes ? max_bytes : (available + c->bytes) / 2;
	return 0;
}

int cache_new(struct dirs *dirs, const struct cache_config *config, struct cache **ret,
              struct qx_fail *fail)
{
	struct cache *c = calloc(1, sizeof(*c));
	if (!c)
		return fail_set(fail, ENOMEM, "out of memory");
	c->gen_fd = c->draft_fd = -1;
	c->max_export = config->max_export;
	c->keep_s = config->keep_s;
	pthread_mutex_init(&c->lock, NULL);
	pthread_mutex_init(&c->evict_lock, NULL);

	int r = open_cache(c, dirs, config->max_bytes);
	if (r < 0) {
		cache_free(c);
		fail_set(fail, -r, "the cache %s cannot be used: %s", dirs_cache_path(dirs),
		         strerror(-r));
		fail_remedy(fail, "delete that folder, it is only a cache, or choose another with "
		                  "cache_dir=");
		return r;
	}
	*ret = c;
	return 0;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	tdestroy(c->index, slot_free);
	pthread_mutex_destroy(&c->lock);
	pthread_mutex_destroy(&c->evict_lock);
	sys_close_cleanup(&c->gen_fd);
	sys_close_cleanup(&c->draft_fd);
	free(c);
}
