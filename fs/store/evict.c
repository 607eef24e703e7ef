/* evict.c: what is removed from gen/, and when.
 *
 * A data file goes only while all of its key's lock and the data's own lock are held, so no draft
 * of the key is being made and no handle of any mount is open. Facts go first: what no facts name
 * is garbage, which a crash may leave and any later look removes. */
#include <qxfs/store/cache.h>

#include "cache_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#include "folder.h"

#define HASH_LEN (HASH_HEX_SIZE - 1)
#define LOOK_AGAIN_MS 1000
#define COUNT_EVERY_MS 30000 /* while something is written; other mounts write too */

uint64_t stat_bytes(const struct stat *st)
{
	return (uint64_t)st->st_blocks * 512;
}

/* --- one key --------------------------------------------------------------------------------- */

/* An fd that nobody shares: while it is open nobody can begin to read. -EBUSY: somebody reads. */
static int lock_data(const struct cache *c, const char *data_name)
{
	char path[GEN_PATH_SIZE];
	qx_auto_fd fd =
		openat(c->gen_fd, gen_path_of(path, data_name), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	int r = sys_lock_fd(fd, true);
	if (r < 0)
		return r == -EAGAIN ? -EBUSY : r;
	return sys_steal_fd(&fd);
}

/* Under the key's lock, with the data's lock in data_fd. Returns the bytes that this gave back. */
static uint64_t remove_data(struct cache *c, const char *data_name, int data_fd)
{
	char path[GEN_PATH_SIZE];
	struct stat st = { 0 };

	(void)fstat(data_fd, &st); /* only for counting */
	if (unlinkat(c->gen_fd, gen_path_of(path, data_name), 0) < 0)
		return 0;
	cache_count(c, 0, stat_bytes(&st), 0);
	cache_forget(c, data_name);
	return stat_bytes(&st);
}

static void remove_facts(struct cache *c, const char *hash)
{
	char path[GEN_PATH_SIZE];
	if (unlinkat(c->gen_fd, gen_path(path, hash, "facts"), 0) == 0)
		cache_count(c, 0, 0, -1);
}

static bool is_of(const char *name, const char *hash)
{
	return strncmp(name, hash, HASH_LEN) == 0;
}

/* Under the key's lock: all its data files but one ("": all). */
static void remove_data_but(struct cache *c, const char *hash, const char *keep)
{
	struct folder names = { 0 };
	char folder[3] = { hash[0], hash[1], '\0' };

	if (folder_read(c->gen_fd, folder, &names) < 0)
		return; /* they stay garbage until the next look */
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.names[i];
		if (!is_data_name(name) || !is_of(name, hash) || strcmp(name, keep) == 0)
			continue;
		qx_auto_fd fd = lock_data(c, name);
		if (fd >= 0)
			(void)remove_data(c, name, fd);
	}
	folder_done(&names);
}

void evict_others(struct cache *c, const char *data_name)
{
	char hash[HASH_HEX_SIZE];
	memcpy(hash, data_name, HASH_LEN);
	hash[HASH_LEN] = '\0';
	remove_data_but(c, hash, data_name);
}

int evict_repair(struct cache *c, const char *hash)
{
	struct facts f = { 0 };
	struct stamp stamp;

	int lock = key_lock(c, hash, KEY_WHOLE);
	if (lock < 0)
		return lock;

	int r = facts_load(c, hash, &f, &stamp);
	if (r == -EBADMSG)
		remove_facts(c, hash);
	if (r == 0 || r == -ENOENT || r == -EBADMSG)
		remove_data_but(c, hash, r == 0 ? f.data_name : "");
	facts_done(&f);
	key_unlock(c, hash, lock);
	return 0;
}

void evict_damaged(struct cache *c, const char *data_name)
{
	char hash[HASH_HEX_SIZE];
	struct facts f = { 0 };
	struct stamp stamp;

	memcpy(hash, data_name, HASH_LEN);
	hash[HASH_LEN] = '\0';
	int lock = key_lock(c, hash, KEY_WHOLE);
	if (lock < 0)
		return; /* its maker will replace it */

	int r = facts_load(c, hash, &f, &stamp);
	if (r == -EBADMSG || (r == 0 && strcmp(f.data_name, data_name) == 0)) {
		remove_facts(c, hash);
		remove_data_but(c, hash, "");
	}
	facts_done(&f);
	key_unlock(c, hash, lock);
}

/* A whole generation, or a data file that no facts name. Returns the bytes that this gave back. */
static uint64_t evict_one(struct cache *c, const char *data_name)
{
	char hash[HASH_HEX_SIZE];
	struct facts f = { 0 };
	struct stamp stamp;
	uint64_t freed = 0;

	memcpy(hash, data_name, HASH_LEN);
	hash[HASH_LEN] = '\0';
	int lock = key_lock(c, hash, KEY_WHOLE);
	if (lock < 0)
		return 0;

	qx_auto_fd data = lock_data(c, data_name);
	if (data >= 0) {
		if (facts_load(c, hash, &f, &stamp) == 0 && strcmp(f.data_name, data_name) == 0)
			remove_facts(c, hash);
		freed = remove_data(c, data_name, data);
		facts_done(&f);
	}
	key_unlock(c, hash, lock);
	return freed;
}

/* --- all keys -------------------------------------------------------------------------------- */

struct candidate {
	char name[64];
	struct timespec used;
	uint64_t bytes;
};

struct inventory {
	struct candidate *files;
	size_t count;
	size_t cap;
	uint64_t bytes; /* of all data files */
	uint64_t generations;
};

static int add_candidate(struct inventory *inv, const char *name, const struct stat *st)
{
	if (inv->count == inv->cap) {
		size_t cap = inv->cap ? inv->cap * 2 : 64;
		struct candidate *files = reallocarray(inv->files, cap, sizeof(*files));
		if (!files)
			return -ENOMEM;
		inv->files = files;
		inv->cap = cap;
	}
	struct candidate *file = &inv->files[inv->count++];
	*file = (struct candidate){ .used = st->st_atim, .bytes = stat_bytes(st) };
	memcpy(file->name, name, strlen(name) + 1); /* is_data_name: 54 characters */
	inv->bytes += file->bytes;
	return 0;
}

/* The files of one key stand together, because the names are sorted. */
static bool is_odd(const struct folder *names, size_t first, size_t end)
{
	size_t data = 0, facts = 0;

	for (size_t i = first; i < end; i++) {
		const char *suffix = names->names[i] + HASH_LEN;
		data += is_data_name(names->names[i]);
		facts += strcmp(suffix, ".facts") == 0;
	}
	return data != 1 || facts != 1;
}

static bool begins_with_hash(const char *name)
{
	return strspn(name, "0123456789abcdef") == HASH_LEN && name[HASH_LEN] == '.';
}

static bool is_facts_name(const char *name)
{
	return begins_with_hash(name) && strcmp(name + HASH_LEN, ".facts") == 0;
}

/* A folder of gen/: two digits. */
static bool is_folder_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == 2 && !name[2];
}

/* Only counts tell that a key needs repair, so a start reads no facts: one that names a missing
 * file is found out when it is asked for. */
static void repair_folder(struct cache *c, const struct folder *names)
{
	char hash[HASH_HEX_SIZE];

	for (size_t i = 0, end; i < names->count; i = end) {
		end = i + 1;
		if (!begins_with_hash(names->names[i]))
			continue;
		memcpy(hash, names->names[i], HASH_LEN);
		hash[HASH_LEN] = '\0';
		while (end < names->count && is_of(names->names[end], hash))
			end++;
		if (is_odd(names, i, end))
			(void)evict_repair(c, hash); /* -EBUSY: somebody is at it */
	}
}

static int take_inventory_of(const struct cache *c, const struct folder *names,
                             struct inventory *inv)
{
	char path[GEN_PATH_SIZE];
	struct stat st;
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->count; i++) {
		const char *name = names->names[i];
		inv->generations += is_facts_name(name);
		if (is_data_name(name) &&
		    fstatat(c->gen_fd, gen_path_of(path, name), &st, AT_SYMLINK_NOFOLLOW) == 0)
			r = add_candidate(inv, name, &st);
	}
	return r;
}

static int walk_folder(struct cache *c, const char *folder, bool repair, struct inventory *inv)
{
	struct folder names = { 0 };

	if (repair)
		folder_remove_temps(c->gen_fd, folder);
	int r = folder_read(c->gen_fd, folder, &names);
	if (r == 0 && repair) {
		repair_folder(c, &names);
		folder_done(&names);
		r = folder_read(c->gen_fd, folder, &names);
	}
	if (r == 0)
		r = take_inventory_of(c, &names, inv);
	folder_done(&names);
	return r;
}

static int by_use(const void *a, const void *b)
{
	const struct timespec *x = &((const struct candidate *)a)->used;
	const struct timespec *y = &((const struct candidate *)b)->used;
	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Everything in gen/, the longest unused first. */
static int take_inventory(struct cache *c, bool repair, struct inventory *ret)
{
	struct inventory inv = { 0 };
	struct folder folders = { 0 };

	int r = folder_read(c->gen_fd, ".", &folders);
	for (size_t i = 0; r == 0 && i < folders.count; i++)
		if (is_folder_name(folders.names[i]))
			r = walk_folder(c, folders.names[i], repair, &inv);
	folder_done(&folders);
	if (r < 0) {
		free(inv.files);
		return r;
	}

	if (inv.count > 1)
		qsort(inv.files, inv.count, sizeof(*inv.files), by_use);
	pthread_mutex_lock(&c->lock);
	c->bytes = inv.bytes;
	c->generations = inv.generations;
	c->counted_ms = sys_now_ms();
	pthread_mutex_unlock(&c->lock);
	*ret = inv;
	return 0;
}

/* What nobody has opened for long; the longest unused stand first. Returns the bytes that this gave
 * back. */
static uint64_t evict_unused(struct cache *c, const struct inventory *inv)
{
	int64_t before_s = sys_wall_s() - c->keep_s;
	uint64_t freed = 0;

	for (size_t i = 0; c->keep_s && i < inv->count && inv->files[i].used.tv_sec < before_s; i++)
		freed += evict_one(c, inv->files[i].name);
	return freed;
}

int evict_sweep(struct cache *c)
{
	struct inventory inv = { 0 };
	int r = take_inventory(c, true, &inv);
	if (r == 0)
		(void)evict_unused(c, &inv);
	free(inv.files);
	return r;
}

void cache_tidy(struct cache *c)
{
	pthread_mutex_lock(&c->evict_lock);
	(void)evict_sweep(c); /* else the next one finds it */
	pthread_mutex_unlock(&c->evict_lock);
}

/* What the drafts of all mounts hold. */
static uint64_t draft_bytes(const struct cache *c)
{
	struct folder names = { 0 };
	uint64_t bytes = 0;

	if (folder_read(c->draft_fd, ".", &names) < 0)
		return 0;
	for (size_t i = 0; i < names.count; i++) {
		struct stat st;
		if (fstatat(c->draft_fd, names.names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			bytes += stat_bytes(&st);
	}
	folder_done(&names);
	return bytes;
}

static uint64_t evict_oldest(struct cache *c, const struct inventory *inv, uint64_t want)
{
	uint64_t freed = 0;
	for (size_t i = 0; freed < want && i < inv->count; i++)
		freed += evict_one(c, inv->files[i].name);
	return freed;
}

/* By our own count, or because that is too old to tell. */
static bool seems_over(struct cache *c, uint64_t more)
{
	int64_t now_ms = sys_now_ms();

	pthread_mutex_lock(&c->lock);
	bool over = c->bytes + c->reserved + more > c->max_bytes && now_ms >= c->full_until_ms;
	over = over || now_ms - c->counted_ms >= COUNT_EVERY_MS;
	pthread_mutex_unlock(&c->lock);
	return over;
}

static void look_again_later(struct cache *c)
{
	pthread_mutex_lock(&c->lock);
	c->full_until_ms = sys_now_ms() + LOOK_AGAIN_MS;
	pthread_mutex_unlock(&c->lock);
}

void evict_to_limit(struct cache *c, uint64_t more)
{
	struct inventory inv = { 0 };

	/* Somebody who evicts already does it for all. */
	if (!seems_over(c, more) || pthread_mutex_trylock(&c->evict_lock) != 0)
		return;
	if (take_inventory(c, false, &inv) == 0) {
		uint64_t used = inv.bytes + draft_bytes(c) + more;
		/* A sixteenth below the limit, so that not every draft has to look. */
		uint64_t goal = c->max_bytes - c->max_bytes / 16;
		if (used > c->max_bytes && evict_oldest(c, &inv, used - goal) < used - c->max_bytes)
			look_again_later(c);
		free(inv.files);
	}
	pthread_mutex_unlock(&c->evict_lock);
}

void evict_for_disk(struct cache *c, uint64_t need)
{
	struct inventory inv = { 0 };

	pthread_mutex_lock(&c->evict_lock);
	if (take_inventory(c, false, &inv) == 0) {
		(void)evict_oldest(c, &inv, need); /* if that was not enough, the disk will say so
		                                    */
		free(inv.files);
	}
	pthread_mutex_unlock(&c->evict_lock);
}

/* --- what somebody wants to be gone ------------------------------------------------------------
 */

/* 1: it is gone; 0: it is not meant; -EBUSY. */
static int remove_matching(struct cache *c, const char *facts_name,
                           bool (*matches)(void *arg, const char *key), void *arg)
{
	char hash[HASH_HEX_SIZE];
	struct facts f = { 0 };
	struct stamp stamp;

	memcpy(hash, facts_name, HASH_LEN);
	hash[HASH_LEN] = '\0';
	if (facts_load(c, hash, &f, &stamp) < 0)
		return 0; /* damaged: a sweep removes it */
	bool meant = matches(arg, f.key);
	bool gone = false;
	if (meant) {
		char path[GEN_PATH_SIZE];
		(void)evict_one(c, f.data_name);
		gone = faccessat(c->gen_fd, gen_path_of(path, f.data_name), F_OK,
		                 AT_SYMLINK_NOFOLLOW) < 0;
	}
	facts_done(&f);
	return !meant ? 0 : gone ? 1 : -EBUSY;
}

static int remove_in(struct cache *c, const char *folder,
                     bool (*matches)(void *arg, const char *key), void *arg, size_t *busy)
{
	struct folder names = { 0 };
	int gone = 0;
	int r = folder_read(c->gen_fd, folder, &names);

	for (size_t i = 0; r == 0 && i < names.count; i++) {
		const char *name = names.names[i];
		if (!is_facts_name(name))
			continue;
		int one = remove_matching(c, name, matches, arg);
		gone += one > 0;
		*busy += one == -EBUSY;
	}
	folder_done(&names);
	return r < 0 ? r : gone;
}

int cache_remove(struct cache *c, bool (*matches)(void *arg, const char *key), void *arg,
                 size_t *ret_busy)
{
	struct folder folders = { 0 };
	int gone = 0;

	*ret_busy = 0;
	int r = folder_read(c->gen_fd, ".", &folders);
	for (size_t i = 0; r >= 0 && i < folders.count; i++) {
		if (!is_folder_name(folders.names[i]))
			continue;
		r = remove_in(c, folders.names[i], matches, arg, ret_busy);
		gone += r > 0 ? r : 0;
	}
	folder_done(&folders);
	return r < 0 ? r : gone;
}
