/* draft.c: a generation while it is made.
 *
 * A draft's files stand in draft/ under a random name; the .raw is there first and goes last, and
 * its lock tells that the maker lives. A crash leaves files that nobody has locked. The moment
 * between a file's creation and its lock is no gap: whoever sweeps takes the lock too, so either
 * the maker fails to get it, or the maker holds it and then looks whether the file still has its
 * name; in both cases it takes another name. A scratch folder goes by the same lock. (O_TMPFILE
 * would need no sweep, but network and older overlay filesystems have none, and two ways are worse
 * than one.)
 *
 * Publishing: data fsync, rename into gen/, fsync of the folder, then the facts in the same way.
 * Only now the new bytes exist for others; what stood there before goes last.
 *
 * Appending: bytes behind the published length, fsync, then the facts. Bytes behind what the facts
 * say are nobody's: a crash left them, and whoever gets the key next cuts them off. */
#include <qxfs/store/cache.h>

#include "cache_private.h"
#include "draft_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#include <zlib.h>

#include "folder.h"

#define SMALL_ROOM (1024 * 1024) /* what is freed when not even a name or the facts fit */

static const char *const suffixes[FILES] = { "raw", "data" };

int draft_raw_fd(const struct draft *d)
{
	return d->fds[RAW];
}

int draft_data_fd(const struct draft *d)
{
	return d->fds[DATA];
}

static const char *draft_name(char name[FOLDER_NAME_SIZE], const char *stem, int file)
{
	(void)snprintf(name, FOLDER_NAME_SIZE, "%.16s.%s", stem, suffixes[file]);
	return name;
}

static const char *scratch_name(char name[FOLDER_NAME_SIZE], const char *stem)
{
	(void)snprintf(name, FOLDER_NAME_SIZE, "%.16s.tmp", stem);
	return name;
}

/* Often there is none. */
static void remove_scratch(const struct cache *c, const char *stem)
{
	char name[FOLDER_NAME_SIZE];

	scratch_name(name, stem);
	if (folder_empty(c->draft_fd, name, NULL) == 0)
		(void)unlinkat(c->draft_fd, name, AT_REMOVEDIR); /* else the next start tries again
		                                                  */
}

/* --- what a crash left ----------------------------------------------------------------------- */

static void sweep_stem(struct cache *c, const char *stem)
{
	char raw[FOLDER_NAME_SIZE], data[FOLDER_NAME_SIZE];

	draft_name(raw, stem, RAW);
	draft_name(data, stem, DATA);
	qx_auto_fd fd = openat(c->draft_fd, raw, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		return;
	if (fd >= 0 && sys_lock_fd(fd, true) < 0)
		return; /* its maker lives */
	remove_scratch(c, stem);
	(void)unlinkat(c->draft_fd, data, 0); /* often there is none */
	(void)unlinkat(c->draft_fd, raw, 0);
}

void draft_sweep(struct cache *c)
{
	struct folder names = { 0 };

	if (folder_read(c->draft_fd, ".", &names) < 0)
		return; /* what cannot be read now is swept by the next start */
	for (size_t i = 0; i < names.count; i++)
		if (strspn(names.names[i], "0123456789abcdef") == STEM_LEN)
			sweep_stem(c, names.names[i]);
	folder_done(&names);
}

/* --- begin ----------------------------------------------------------------------------------- */

static int create(const struct draft *d, int file)
{
	char name[FOLDER_NAME_SIZE];
	int fd = openat(d->cache->draft_fd, draft_name(name, d->stem, file),
	                O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) /* -ENOENT: the whole cache was removed under us; no "not found" for the caller
	             */
		return errno == ENOENT ? -EIO : -errno;
	return fd;
}

static void remove_file(const struct draft *d, int file)
{
	char name[FOLDER_NAME_SIZE];
	(void)unlinkat(d->cache->draft_fd, draft_name(name, d->stem, file), 0);
}

/* -EAGAIN: that name is taken, or a sweep took it. */
static int create_locked(struct draft *d)
{
	struct stat st;

	(void)snprintf(d->stem, sizeof(d->stem), "%016" PRIx64, sys_random());
	qx_auto_fd fd = create(d, RAW);
	if (fd < 0)
		return fd == -EEXIST ? -EAGAIN : fd;

	int r = sys_lock_fd(fd, true);
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == 0 && st.st_nlink == 0)
		r = -EAGAIN;
	if (r < 0) {
		remove_file(d, RAW);
		return r;
	}
	d->fds[RAW] = sys_steal_fd(&fd);
	return 0;
}

static int open_published(const struct draft *d, const char *data_name)
{
	char path[GEN_PATH_SIZE];
	int fd = openat(d->cache->gen_fd, gen_path_of(path, data_name),
	                O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* What was appended and never published. If it cannot be cut now, the next one tries again. */
static void cut_tail(const struct draft *d)
{
	struct facts f = { 0 };
	struct stamp stamp;
	struct stat st;

	if (facts_load(d->cache, d->hash, &f, &stamp) < 0)
		return;
	qx_auto_fd fd = open_published(d, f.data_name);
	if (fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size > f.length &&
	    ftruncate(fd, (off_t)f.length) == 0) {
		uint64_t bytes = stat_bytes(&st);
		cache_count(d->cache, fstat(fd, &st) == 0 ? stat_bytes(&st) : bytes, bytes, 0);
	}
	facts_done(&f);
}

static int open_draft(struct draft *d)
{
	int r = key_lock(d->cache, d->hash, KEY_MAKER);
	if (r < 0)
		return r;
	d->lock_fd = r;

	do
		r = create_locked(d);
	while (r == -EAGAIN);
	if (r < 0)
		return r;

	r = create(d, DATA);
	if (r < 0)
		return r;
	d->fds[DATA] = r;
	cut_tail(d);
	return 0;
}

static int draft_new(struct cache *c, const char *key, struct draft **ret)
{
	const char *const parts[] = { key, NULL };

	struct draft *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->cache = c;
	d->lock_fd = d->fds[RAW] = d->fds[DATA] = -1;
	d->key = strdup(key);
	hash_hex(d->hash, parts);

	int r = d->key ? open_draft(d) : -ENOMEM;
	if (r < 0) {
		draft_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

int cache_draft_new(struct cache *c, const char *key, struct draft **ret)
{
	int r = draft_new(c, key, ret);
	if (r == -ENOSPC) {
		evict_for_disk(c, SMALL_ROOM);
		r = draft_new(c, key, ret);
	}
	return r;
}

/* --- room ------------------------------------------------------------------------------------ */

int draft_reserve(struct draft *d, int fd, uint64_t upto)
{
	int file = fd == d->fds[RAW] ? RAW : DATA;

	if (fd < 0 || fd != d->fds[file])
		return -EINVAL;
	return room_take(d->cache, fd, &d->reserved[file], upto);
}

static void drop_reserved(struct draft *d)
{
	for (int i = 0; i < FILES; i++)
		room_give_back(d->cache, &d->reserved[i]);
}

int draft_rewind(struct draft *d, bool data_too)
{
	for (int i = RAW; i <= (data_too ? DATA : RAW); i++) {
		room_give_back(d->cache, &d->reserved[i]);
		if (ftruncate(d->fds[i], 0) < 0 || lseek(d->fds[i], 0, SEEK_SET) < 0)
			return -errno;
	}
	return 0;
}

int draft_scratch(struct draft *d, char ret_path[DRAFT_PATH_SIZE])
{
	char name[FOLDER_NAME_SIZE];

	if (d->fds[RAW] < 0)
		return -EINVAL;
	scratch_name(name, d->stem);
	if (!d->has_scratch && mkdirat(d->cache->draft_fd, name, 0700) < 0)
		return errno == ENOENT ? -EIO : -errno;
	d->has_scratch = true;
	(void)snprintf(ret_path, DRAFT_PATH_SIZE, "/proc/self/fd/%d/%.40s", d->cache->draft_fd,
	               name);
	return 0;
}

/* --- what is in it --------------------------------------------------------------------------- */

int draft_crc(const struct draft *d, uint64_t length, uint32_t *ret)
{
	return cache_sum(d->fds[DATA], length, ret);
}

bool draft_equals(const struct draft *d, uint64_t length, struct generation *g)
{
	return cache_holds(d->cache, g, d->fds[DATA], length);
}

/* --- publish --------------------------------------------------------------------------------- */

/* Gives back the blocks behind the end, which were reserved, and makes the bytes last. */
static int finish_data(int fd, uint64_t length, uint64_t *ret_bytes)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size < length)
		return -EINVAL;
	if (ftruncate(fd, (off_t)length) < 0 || fsync(fd) < 0 || fstat(fd, &st) < 0)
		return -errno;
	*ret_bytes = stat_bytes(&st);
	return 0;
}

static int move_data(const struct draft *d, const char *data_name)
{
	char name[FOLDER_NAME_SIZE];

	qx_auto_fd folder = gen_folder(d->cache, d->hash);
	if (folder < 0)
		return folder;
	if (renameat(d->cache->draft_fd, draft_name(name, d->stem, DATA), folder, data_name) < 0)
		return -errno;
	return fsync(folder) < 0 ? -errno : 0;
}

/* Under KEY_FACTS: from here on others find the new bytes. */
static int name_data(struct draft *d, const struct facts *f, bool verified, struct generation **ret)
{
	struct cache *c = d->cache;
	struct stamp stamp;

	bool is_new = facts_stamp(c, d->hash, &stamp) == -ENOENT;
	int r = facts_store(c, d->hash, f);
	if (r == -ENOSPC) {
		evict_for_disk(c, SMALL_ROOM);
		r = facts_store(c, d->hash, f);
	}
	if (r == 0)
		r = facts_stamp(c, d->hash, &stamp);
	if (r < 0)
		return r;

	struct generation *g = cache_put(c, d->hash, f, &stamp, verified);
	if (!g)
		return -ENOMEM;
	cache_count(c, 0, 0, is_new ? 1 : 0);
	evict_others(c, f->data_name);
	*ret = g;
	return 0;
}

static int publish(struct draft *d, const struct facts *f, struct generation **ret)
{
	char path[GEN_PATH_SIZE];
	uint64_t bytes = 0;

	int r = finish_data(d->fds[DATA], f->length, &bytes);
	if (r == 0)
		r = move_data(d, f->data_name);
	if (r == 0)
		r = key_add_facts(d->lock_fd);
	if (r == 0) {
		r = name_data(d, f, true, ret);
		key_drop_facts(d->lock_fd);
	}
	if (r == 0)
		cache_count(d->cache, bytes, 0, 0);
	else /* what failed half-way must not be found, nor take room */
		(void)unlinkat(d->cache->gen_fd, gen_path_of(path, f->data_name), 0);
	return r;
}

static void close_files(struct draft *d)
{
	drop_reserved(d);
	if (d->has_scratch)
		remove_scratch(d->cache, d->stem);
	d->has_scratch = false;
	if (d->fds[DATA] >= 0)
		remove_file(d, DATA);
	if (d->fds[RAW] >= 0)
		remove_file(d, RAW); /* last: its lock is what guards the others */
	sys_close_cleanup(&d->fds[DATA]);
	sys_close_cleanup(&d->fds[RAW]);
	d->fds[DATA] = d->fds[RAW] = -1;
}

int draft_publish(struct draft *d, uint64_t length, uint32_t crc, const struct gen_facts *facts,
                  struct generation **ret)
{
	struct facts f = { .key = d->key, .length = length, .crc = crc, .gen = *facts };

	if (d->fds[DATA] < 0)
		return -EINVAL;
	(void)snprintf(f.data_name, sizeof(f.data_name), "%s.%016" PRIx64 ".data", d->hash,
	               sys_random());
	int r = publish(d, &f, ret);
	if (r == 0)
		close_files(d);
	return r;
}

/* --- append ---------------------------------------------------------------------------------- */

/* Copies, and sums what it copies. */
static int copy_behind(int from_fd, uint64_t from, uint64_t to, int fd, uint64_t at, uLong *sum)
{
	unsigned char piece[65536];

	while (from < to) {
		size_t want = to - from < sizeof(piece) ? (size_t)(to - from) : sizeof(piece);
		ssize_t n = pread(from_fd, piece, want, (off_t)from);
		if (n > 0) {
			*sum = crc32_z(*sum, piece, (size_t)n);
			from += (uint64_t)n;
		}
		for (ssize_t done = 0; n > 0 && done < n;) {
			ssize_t w = pwrite(fd, piece + done, (size_t)(n - done), (off_t)at);
			if (w < 0 && errno != EINTR)
				return errno == EDQUOT ? -ENOSPC : -errno;
			done += w > 0 ? w : 0;
			at += w > 0 ? (uint64_t)w : 0;
		}
		if (n == 0 || (n < 0 && errno != EINTR))
			return n < 0 ? -errno : -EBADMSG;
	}
	return 0;
}

/* Writes the bytes behind the published ones, for good; *f becomes the facts of both. */
static int append_bytes(const struct draft *d, int fd, uint64_t from, uint64_t to, struct facts *f)
{
	struct stat st;
	uLong sum = crc32_z(0, NULL, 0);

	if (fstat(fd, &st) < 0)
		return -errno;
	uint64_t before = stat_bytes(&st);
	evict_to_limit(d->cache, to - from);
	int r = copy_behind(d->fds[DATA], from, to, fd, f->length, &sum);
	if (r == -ENOSPC) {
		evict_for_disk(d->cache, to - from);
		sum = crc32_z(0, NULL, 0);
		r = copy_behind(d->fds[DATA], from, to, fd, f->length, &sum);
	}
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0) { /* if it cannot be cut, whoever has the key next does it */
		if (ftruncate(fd, (off_t)f->length) < 0)
			return -errno;
		return r;
	}
	if (fstat(fd, &st) == 0)
		cache_count(d->cache, stat_bytes(&st), before, 0);
	/* 0: whoever made it told none */
	f->crc = f->crc ? crc32_combine(f->crc, sum, (z_off_t)(to - from)) : 0;
	f->length += to - from;
	return 0;
}

int draft_append(struct draft *d, const struct generation *g, uint64_t from, uint64_t to,
                 const struct gen_facts *facts, struct generation **ret)
{
	struct facts f = { 0 };
	struct stamp stamp;

	if (d->fds[DATA] < 0 || from > to)
		return -EINVAL;
	int r = facts_load(d->cache, d->hash, &f, &stamp);
	if (r < 0)
		return r == -ENOENT || r == -EBADMSG ? -ESTALE : r;
	if (strcmp(f.data_name, g->data_name) != 0 || f.length != g->length || f.crc != g->crc)
		r = -ESTALE;
	qx_auto_fd fd = r < 0 ? -1 : open_published(d, f.data_name);
	if (r == 0)
		r = fd < 0 ? fd : append_bytes(d, fd, from, to, &f);
	if (r == 0)
		r = key_add_facts(d->lock_fd);
	if (r == 0) {
		/* If this fails it may have happened all the same, so the bytes stay. */
		f.gen = *facts;
		r = name_data(d, &f, false, ret);
		key_drop_facts(d->lock_fd);
	}
	facts_done(&f);
	if (r == 0)
		close_files(d);
	return r;
}

void draft_free(struct draft *d)
{
	if (!d)
		return;
	close_files(d);
	record_drop(d);
	if (d->lock_fd >= 0)
		key_unlock(d->cache, d->hash, d->lock_fd);
	free(d->key);
	free(d);
}
