/* check_cache.c: generations are found whole or not at all, whoever publishes, evicts or damages.
 *
 * Each test has a folder of its own. A few system calls are replaced by ones that can be watched
 * (their order is what a power cut tests), made to fail, or made to let somebody else in first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <qxfs/base/hash.h>
#include <qxfs/base/sys.h>
#include <qxfs/store/cache.h>
#include <zlib.h>

#include "tree_removal.h"

#define KB 1024
#define MB (1024 * KB)
#define ACCOUNT "abc"

/* --- system calls that are watched ----------------------------------------------------------- */

static char watched[64][160];
static size_t watched_count;
static bool watching;

static int disk_full_times;     /* this many calls of fallocate fail, -1: all */
static uint64_t disk_max_piece; /* longer pieces fail, 0: none */

static const char *last_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static void fd_name(int fd, char out[64])
{
	char link[40], path[512];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	snprintf(out, 64, "%.63s", last_of(path));
}

static void watch(const char *what, const char *from, const char *to)
{
	if (watching && watched_count < countof(watched))
		snprintf(watched[watched_count++], sizeof(watched[0]), "%s %s %s", what,
		         last_of(from), last_of(to));
}

static int fail_call; /* this call of fsync or renameat, counted from 1, fails */
static atomic_int calls;

static bool must_fail(void)
{
	if (atomic_fetch_add(&calls, 1) + 1 != fail_call)
		return false;
	errno = EIO;
	return true;
}

int fsync(int fd)
{
	char name[64];
	fd_name(fd, name);
	watch("fsync", name, "");
	return must_fail() ? -1 : (int)syscall(SYS_fsync, fd);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	watch("rename", from, to);
	return must_fail() ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int unlinkat(int dir, const char *name, int flags)
{
	watch("unlink", name, "");
	return (int)syscall(SYS_unlinkat, dir, name, flags);
}

/* Somebody else's turn, once, right before this lock is taken (1: the next). */
static void (*before_lock)(void);
static int before_lock_number;

int fcntl(int fd, int command, ...)
{
	va_list args;
	va_start(args, command);
	void *arg = va_arg(args, void *);
	va_end(args);
	if ((command == F_OFD_SETLK || command == F_OFD_SETLKW) && before_lock &&
	    ((const struct flock *)arg)->l_type != F_UNLCK && --before_lock_number == 0) {
		void (*turn)(void) = before_lock;
		before_lock = NULL;
		turn();
	}
	return (int)syscall(SYS_fcntl, fd, command, arg);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	if (disk_full_times != 0 || (disk_max_piece && (uint64_t)len > disk_max_piece)) {
		disk_full_times -= disk_full_times > 0;
		errno = ENOSPC;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

static int64_t later_s; /* so much later it seems to be */

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ret);
	ret->tv_sec += later_s;
	return r;
}

/* Where a watched line begins and ends like this, from `from` on; fails the test if nowhere. */
static size_t seen(size_t from, const char *begin, const char *end)
{
	for (size_t i = from; i < watched_count; i++) {
		size_t len = strlen(watched[i]);
		while (len > 0 && watched[i][len - 1] == ' ')
			len--;
		if (strncmp(watched[i], begin, strlen(begin)) == 0 && len >= strlen(end) &&
		    strncmp(watched[i] + len - strlen(end), end, strlen(end)) == 0)
			return i;
	}
	for (size_t i = 0; i < watched_count; i++)
		print_error("%zu: %s\n", i, watched[i]);
	fail_msg("after line %zu nothing is \"%s…%s\"", from, begin, end);
	return 0;
}

/* --- a folder for each test ------------------------------------------------------------------ */

static char root[256];

struct mount {
	struct dirs *dirs;
	struct cache *cache;
};

static struct mount open_mount_of(uint64_t max_bytes)
{
	char cache_parent[300], state_parent[300];
	struct mount m = { 0 };
	struct qx_fail fail = { 0 };
	struct cache_config config = { .max_bytes = max_bytes, .max_export = 7 };

	snprintf(cache_parent, sizeof(cache_parent), "%s/cache", root);
	snprintf(state_parent, sizeof(state_parent), "%s/state", root);
	assert_int_equal(dirs_open(cache_parent, state_parent, ACCOUNT, &m.dirs, &fail), 0);
	assert_int_equal(cache_new(m.dirs, &config, &m.cache, &fail), 0);
	return m;
}

static struct mount open_mount(void)
{
	return open_mount_of(1024 * (uint64_t)MB);
}

static void close_mount(struct mount *m)
{
	cache_free(m->cache);
	dirs_free(m->dirs);
}

static int set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");
	(void)state;
	snprintf(root, sizeof(root), "%s/qxfs-cache-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(root) ? 0 : -1;
}

static void remove_all(const char *path)
{
	remove_tree(path, 0);
}

static int tear_down(void **state)
{
	(void)state;
	disk_full_times = 0;
	disk_max_piece = 0;
	fail_call = 0;
	before_lock = NULL;
	later_s = 0;
	watching = false;
	remove_all(root);
	return 0;
}

static const char *wanted_suffix;
static size_t wanted_count;

static int count_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	size_t len = strlen(path), n = strlen(wanted_suffix);
	if (kind == FTW_F && len >= n && strcmp(path + len - n, wanted_suffix) == 0)
		wanted_count++;
	return 0;
}

/* Files below gen/ or draft/ whose names end like this. */
static size_t files_in(const char *folder, const char *suffix)
{
	char path[400];
	snprintf(path, sizeof(path), "%s/cache/" ACCOUNT "/%s", root, folder);
	wanted_suffix = suffix;
	wanted_count = 0;
	nftw(path, count_one, 16, FTW_PHYS);
	return wanted_count;
}

static void gen_file(char path[400], const char *hash, const char *name)
{
	snprintf(path, 400, "%s/cache/" ACCOUNT "/gen/%.2s/%s", root, hash, name);
}

static void data_path(char path[400], const struct generation *g)
{
	gen_file(path, g->key_hash, g->data_name);
}

static void facts_path(char path[400], const struct generation *g)
{
	char name[64];
	snprintf(name, sizeof(name), "%s.facts", g->key_hash);
	gen_file(path, g->key_hash, name);
}

static void write_file(const char *path, const void *bytes, size_t len)
{
	qx_auto_fd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, bytes, len), 0);
}

static struct buf read_file(const char *path)
{
	struct buf b = { 0 };
	assert_int_equal(sys_read_file_at(AT_FDCWD, path, 16 * MB, &b), 0);
	return b;
}

/* When a data file was last used, as if long ago. */
static void set_used(const struct generation *g, time_t when)
{
	char path[400];
	const struct timespec times[2] = { { .tv_sec = when }, { .tv_nsec = UTIME_OMIT } };
	data_path(path, g);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* --- generations with known bytes ------------------------------------------------------------ */

static char *bytes_of(unsigned seq, size_t len)
{
	char *bytes = malloc(len + 1);
	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 31 + i / 251 + seq * 7);
	return bytes;
}

static struct gen_facts facts_of(unsigned seq)
{
	struct gen_facts f = {
		.counts = { seq, -1, 3 },
		.last_modified = "2026-01-15T08:00:00Z",
		.exported_s = 1000 + seq,
		.mtime_s = 2000 + seq,
		.took_ms = seq,
	};
	return f;
}

static struct draft *new_draft(struct mount *m, const char *key)
{
	struct draft *d = NULL;
	assert_int_equal(cache_draft_new(m->cache, key, &d), 0);
	return d;
}

static int publish_draft(struct draft *d, unsigned seq, size_t len, struct generation **ret)
{
	char *bytes = bytes_of(seq, len);
	struct gen_facts facts = facts_of(seq);
	assert_int_equal(pwrite(draft_data_fd(d), bytes, len, 0), (ssize_t)len);
	uint32_t crc = (uint32_t)crc32_z(0, (const unsigned char *)bytes, len);
	free(bytes);
	return draft_publish(d, len, crc, &facts, ret);
}

static struct generation *make(struct mount *m, const char *key, unsigned seq, size_t len)
{
	struct generation *g = NULL;
	struct draft *d = new_draft(m, key);
	assert_int_equal(draft_reserve(d, draft_data_fd(d), len), 0);
	assert_int_equal(publish_draft(d, seq, len, &g), 0);
	draft_free(d);
	assert_non_null(g);
	return g;
}

static void drop(struct generation *g)
{
	generation_unref(g);
}

static void make_and_drop(struct mount *m, const char *key, unsigned seq, size_t len)
{
	drop(make(m, key, seq, len));
}

static bool has_bytes(int fd, unsigned seq, size_t len)
{
	char *want = bytes_of(seq, len);
	char *got = calloc(1, len + 1);
	bool same = got && pread(fd, got, len, 0) == (ssize_t)len && memcmp(got, want, len) == 0;
	free(got);
	free(want);
	return same;
}

static void expect_bytes(int fd, unsigned seq, size_t len)
{
	assert_true(has_bytes(fd, seq, len));
}

static void expect_found(struct mount *m, const char *key, unsigned seq, size_t len)
{
	struct generation *g = cache_find(m->cache, key);
	assert_non_null(g);
	assert_int_equal(g->length, len);
	assert_int_equal(g->facts.took_ms, seq);
	qx_auto_fd fd = cache_open(m->cache, g);
	assert_true(fd >= 0);
	expect_bytes(fd, seq, len);
	drop(g);
}

static void expect_none(struct mount *m, const char *key)
{
	struct generation *g = cache_find(m->cache, key);
	if (g)
		fail_msg("%s was found: %s", key, g->data_name);
}

/* --- publish and find ------------------------------------------------------------------------ */

static void test_what_is_published_is_found(void **state)
{
	(void)state;
	struct mount m = open_mount();
	expect_none(&m, "k");
	struct generation *g = make(&m, "k", 1, 100);
	expect_none(&m, "K");
	expect_none(&m, "");
	struct generation *again = cache_find(m.cache, "k");
	assert_ptr_equal(again, g);
	expect_found(&m, "k", 1, 100);
	drop(again);
	drop(g);
	close_mount(&m);
}

static void test_all_of_it_is_found_after_a_restart(void **state)
{
	(void)state;
	struct mount m = open_mount();
	make_and_drop(&m, "A\"\\\n\xc3\xbc/SV_1", 5, 70000);
	make_and_drop(&m, "empty", 6, 0);
	close_mount(&m);

	m = open_mount();
	expect_found(&m, "A\"\\\n\xc3\xbc/SV_1", 5, 70000);
	expect_found(&m, "empty", 6, 0);
	struct generation *g = cache_find(m.cache, "A\"\\\n\xc3\xbc/SV_1");
	struct gen_facts want = facts_of(5);
	assert_memory_equal(g->facts.counts, want.counts, sizeof(want.counts));
	assert_string_equal(g->facts.last_modified, want.last_modified);
	assert_int_equal(g->facts.exported_s, want.exported_s);
	assert_int_equal(g->facts.mtime_s, want.mtime_s);
	assert_int_equal(g->mtime_s, want.mtime_s);
	assert_in_range(g->checked_s, sys_wall_s() - 60, sys_wall_s());
	drop(g);
	close_mount(&m);
}

static void test_a_key_that_is_no_text_is_found(void **state)
{
	(void)state;
	struct mount m = open_mount();
	make_and_drop(&m, "bad \xff\xc3 bytes", 1, 10);
	close_mount(&m);
	m = open_mount();
	expect_found(&m, "bad \xff\xc3 bytes", 1, 10);
	close_mount(&m);
}

static void test_a_generation_outlives_its_cache_entry(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct generation *old = make(&m, "k", 1, 100);
	make_and_drop(&m, "k", 2, 200);
	assert_int_equal(old->length, 100);
	assert_int_equal(cache_open(m.cache, old), -ENOENT);
	expect_found(&m, "k", 2, 200);
	close_mount(&m);
	assert_int_equal(generation_ref(old)->length, 100);
	drop(old);
	drop(old);
	drop(NULL);
}

/* The bytes count, not the file: what stands behind the length is not of this generation. */
static void test_bytes_behind_the_length_are_cut(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct draft *d = new_draft(&m, "k");
	struct generation *g = NULL;
	struct gen_facts facts = facts_of(1);
	struct stat st;
	char path[400];
	assert_int_equal(pwrite(draft_data_fd(d), "abcdef", 6, 0), 6);
	uint32_t crc = (uint32_t)crc32(0, (const unsigned char *)"abc", 3);
	assert_int_equal(draft_publish(d, 7, crc, &facts, &g), -EINVAL);
	assert_null(g);
	assert_int_equal(draft_publish(d, 3, crc, &facts, &g), 0);
	data_path(path, g);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(st.st_mode & 0777, 0600);
	draft_free(d);
	drop(g);
	close_mount(&m);
}

static void put(int fd, const char *bytes, size_t len, off_t at)
{
	assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
}

/* Pieces of 16 KiB: equal lengths, a byte that differs in the last one, no data file any more. */
static void test_a_draft_is_summed_and_compared(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct draft *d = new_draft(&m, "k");
	struct generation *g = NULL;
	const size_t len = 40000;
	char *bytes = bytes_of(5, len), path[400];
	uint32_t crc = 0;
	assert_int_equal(publish_draft(d, 5, len, &g), 0);
	draft_free(d);

	d = new_draft(&m, "other");
	put(draft_data_fd(d), bytes, len, 0);
	assert_int_equal(draft_crc(d, len, &crc), 0);
	assert_int_equal(crc, g->crc);
	assert_int_equal(draft_crc(d, len + 1, &crc), -EBADMSG);
	assert_true(draft_equals(d, len, g));
	assert_false(draft_equals(d, len - 1, g));
	bytes[len - 1] ^= 1;
	put(draft_data_fd(d), bytes + len - 1, 1, (off_t)len - 1);
	assert_false(draft_equals(d, len, g));
	bytes[len - 1] ^= 1;
	put(draft_data_fd(d), bytes + len - 1, 1, (off_t)len - 1);
	data_path(path, g);
	assert_int_equal(unlink(path), 0);
	assert_false(draft_equals(d, len, g));
	free(bytes);
	draft_free(d);
	drop(g);
	close_mount(&m);
}

/* --- drafts ---------------------------------------------------------------------------------- */

static void test_a_draft_that_is_given_up_leaves_nothing(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct draft *d = new_draft(&m, "k");
	assert_int_equal(write(draft_raw_fd(d), "abc", 3), 3);
	assert_int_equal(write(draft_data_fd(d), "abc", 3), 3);
	assert_int_equal(files_in("draft", ""), 2);
	draft_free(d);
	draft_free(NULL);
	assert_int_equal(files_in("draft", ""), 0);
	assert_int_equal(files_in("gen", ""), 0); /* no lock file either */
	expect_none(&m, "k");
	close_mount(&m);
}

static void test_a_scratch_folder_goes_with_its_draft(void **state)
{
	(void)state;
	char path[DRAFT_PATH_SIZE], again[DRAFT_PATH_SIZE], file[DRAFT_PATH_SIZE + 10];
	struct stat st;
	struct generation *g = NULL;
	struct mount m = open_mount();
	for (int published = 0; published < 2; published++) {
		struct draft *d = new_draft(&m, "k");
		assert_int_equal(draft_scratch(d, path), 0);
		assert_int_equal(draft_scratch(d, again), 0);
		assert_string_equal(path, again);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode, S_IFDIR | 0700);
		snprintf(file, sizeof(file), "%s/left", path);
		write_file(file, "x", 1);
		struct mount other = open_mount(); /* its sweep leaves the living alone */
		close_mount(&other);
		assert_int_equal(files_in("draft", "left"), 1);
		if (published)
			assert_int_equal(publish_draft(d, 1, 10, &g), 0);
		if (published)
			assert_int_equal(draft_scratch(d, path), -EINVAL);
		draft_free(d);
		assert_int_equal(stat(path, &st), -1);
		assert_int_equal(files_in("draft", ""), 0);
	}
	drop(g);
	close_mount(&m);
}

static void test_a_published_draft_keeps_only_its_lock(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct draft *d = new_draft(&m, "k"), *other = NULL;
	struct generation *g = NULL;
	assert_int_equal(publish_draft(d, 1, 10, &g), 0);
	assert_int_equal(files_in("draft", ""), 0);
	assert_int_equal(draft_data_fd(d), -1);
	assert_int_equal(draft_raw_fd(d), -1);
	assert_int_equal(draft_reserve(d, -1, 10), -EINVAL);
	assert_int_equal(cache_draft_new(m.cache, "k", &other), -EBUSY);
	expect_found(&m, "k", 1, 10);
	draft_free(d);
	d = new_draft(&m, "k");
	draft_free(d);
	expect_found(&m, "k", 1, 10);
	drop(g);
	close_mount(&m);
}

static void test_two_mounts_make_a_key_one_after_the_other(void **state)
{
	(void)state;
	struct mount a = open_mount(), b = open_mount();
	struct draft *d = new_draft(&a, "k"), *other = NULL;
	assert_int_equal(cache_draft_new(b.cache, "k", &other), -EBUSY);
	assert_int_equal(cache_draft_new(a.cache, "k", &other), -EBUSY);
	assert_null(other);
	other = new_draft(&b, "another");
	draft_free(other);
	draft_free(d);
	other = new_draft(&b, "k");
	draft_free(other);
	close_mount(&b);
	close_mount(&a);
}

static void test_rewind_makes_both_files_empty(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct draft *d = new_draft(&m, "k");
	struct generation *g = NULL;
	struct stat st;
	for (int file = 0; file < 2; file++) {
		int fd = file ? draft_data_fd(d) : draft_raw_fd(d);
		assert_int_equal(draft_reserve(d, fd, 3 * MB), 0);
		assert_int_equal(write(fd, "abcdef", 6), 6);
	}
	assert_int_equal(draft_rewind(d, true), 0);
	for (int file = 0; file < 2; file++) {
		int fd = file ? draft_data_fd(d) : draft_raw_fd(d);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, 0);
		assert_int_equal(st.st_blocks, 0);
		assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	}
	assert_int_equal(draft_reserve(d, draft_data_fd(d), 3 * MB), 0);
	assert_int_equal(publish_draft(d, 1, 10, &g), 0);
	draft_free(d);
	drop(g);
	expect_found(&m, "k", 1, 10);
	close_mount(&m);
}

static void test_what_was_reserved_too_much_is_given_back(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct draft *d = new_draft(&m, "k");
	struct generation *g = NULL;
	struct stat st;
	char path[400];
	for (uint64_t upto = 0; upto < 5 * MB; upto += 100 * KB)
		assert_int_equal(draft_reserve(d, draft_data_fd(d), upto), 0);
	assert_int_equal(fstat(draft_data_fd(d), &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_in_range(st.st_blocks * 512, 5 * MB - 200 * KB, 9 * MB);
	assert_int_equal(publish_draft(d, 1, 100 * KB, &g), 0);
	data_path(path, g);
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_blocks * 512, 100 * KB, 200 * KB);
	draft_free(d);
	drop(g);
	close_mount(&m);
}

/* --- several mounts -------------------------------------------------------------------------- */

static void test_what_another_mount_publishes_is_found(void **state)
{
	(void)state;
	struct mount a = open_mount(), b = open_mount();
	for (unsigned seq = 1; seq < 20; seq++) {
		make_and_drop(seq % 2 ? &a : &b, "k", seq, 50 + seq % 3);
		expect_found(&a, "k", seq, 50 + seq % 3);
		expect_found(&b, "k", seq, 50 + seq % 3);
	}
	assert_int_equal(files_in("gen", ".data"), 1);
	close_mount(&b);
	close_mount(&a);
}

static void test_an_open_handle_reads_on_after_its_successor(void **state)
{
	(void)state;
	struct mount a = open_mount(), b = open_mount();
	struct generation *g = make(&a, "k", 1, 5000);
	int fd = cache_open(b.cache, g);
	assert_true(fd >= 0);
	make_and_drop(&a, "k", 2, 6000);
	assert_int_equal(files_in("gen", ".data"), 2); /* not removed while it is open */
	int second = cache_open(a.cache, g);
	assert_true(second >= 0); /* and can be opened again */
	close(second);
	expect_bytes(fd, 1, 5000);
	close(fd);

	make_and_drop(&b, "k", 3, 10); /* the next one of the key takes it away */
	assert_int_equal(files_in("gen", ".data"), 1);
	assert_int_equal(cache_open(a.cache, g), -ENOENT);
	expect_found(&a, "k", 3, 10);
	drop(g);
	close_mount(&b);
	close_mount(&a);
}

static void test_a_start_takes_away_what_readers_left(void **state)
{
	(void)state;
	struct mount a = open_mount();
	struct generation *g = make(&a, "k", 1, 5000);
	int fd = cache_open(a.cache, g);
	make_and_drop(&a, "k", 2, 6000);
	struct mount b = open_mount(); /* still open: it stays */
	assert_int_equal(files_in("gen", ".data"), 2);
	expect_bytes(fd, 1, 5000);
	close(fd);
	struct mount c = open_mount();
	assert_int_equal(files_in("gen", ".data"), 1);
	expect_found(&c, "k", 2, 6000);
	drop(g);
	close_mount(&c);
	close_mount(&b);
	close_mount(&a);
}

/* --- renew ----------------------------------------------------------------------------------- */

static void set_checked(const struct generation *g, time_t when)
{
	char path[400];
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = when } };
	facts_path(path, g);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_the_moment_of_the_last_check_is_kept_and_shared(void **state)
{
	(void)state;
	struct mount a = open_mount(), b = open_mount();
	struct generation *g = make(&a, "k", 1, 10);
	set_checked(g, 1000000);
	struct generation *seen_by_b = cache_find(b.cache, "k");
	assert_int_equal(seen_by_b->checked_s, 1000000);

	struct stat before, after;
	char path[400];
	facts_path(path, g);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(cache_renew(a.cache, g, facts_of(1).mtime_s), 0);
	assert_in_range(g->checked_s, sys_wall_s() - 5, sys_wall_s());
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino); /* nothing else changed: not rewritten */

	struct generation *again = cache_find(b.cache, "k");
	assert_ptr_equal(again, seen_by_b); /* the same generation: only known to be current */
	assert_in_range(again->checked_s, sys_wall_s() - 5, sys_wall_s());
	drop(again);
	drop(seen_by_b);
	drop(g);
	close_mount(&b);
	close_mount(&a);
}

static void test_a_new_mtime_is_kept_and_shared(void **state)
{
	(void)state;
	struct mount a = open_mount(), b = open_mount();
	struct generation *g = make(&a, "k", 1, 10);
	struct generation *seen_by_b = cache_find(b.cache, "k");
	assert_int_equal(cache_renew(a.cache, g, 777), 0);
	assert_int_equal(g->mtime_s, 777);
	struct generation *again = cache_find(b.cache, "k");
	assert_ptr_equal(again, seen_by_b);
	assert_int_equal(again->mtime_s, 777);
	drop(again);
	drop(seen_by_b);
	again = cache_find(a.cache, "k");
	assert_ptr_equal(again, g);
	drop(again);
	drop(g);
	close_mount(&b);
	close_mount(&a);

	a = open_mount();
	g = cache_find(a.cache, "k");
	assert_int_equal(g->mtime_s, 777);
	assert_int_equal(g->facts.exported_s, facts_of(1).exported_s);
	drop(g);
	expect_found(&a, "k", 1, 10);
	close_mount(&a);
}

static void test_a_refusal_is_shared_and_lasts_until_it_is_renewed(void **state)
{
	(void)state;
	struct mount a = open_mount(), b = open_mount();
	struct generation *g = make(&a, "k", 1, 10);
	struct generation *seen_by_b = cache_find(b.cache, "k");
	assert_true(generation_may_be_old(seen_by_b, 60));

	assert_int_equal(cache_refuse(a.cache, g, 403), 0);
	assert_int_equal(generation_refusal(g), 403);
	struct generation *again = cache_find(b.cache, "k");
	assert_ptr_equal(again, seen_by_b);
	assert_int_equal(generation_refusal(again), 403);
	assert_false(generation_is_fresh(again, INT64_MAX));
	assert_false(generation_may_be_old(again, INT64_MAX));
	drop(again);

	assert_int_equal(cache_renew(b.cache, seen_by_b, facts_of(1).mtime_s), 0);
	again = cache_find(a.cache, "k");
	assert_int_equal(generation_refusal(again), 0);
	assert_true(generation_is_fresh(again, 60));
	drop(again);
	drop(seen_by_b);
	drop(g);
	close_mount(&b);
	close_mount(&a);
}

static void test_an_old_refusal_does_not_touch_the_new(void **state)
{
	(void)state;
	struct mount a = open_mount();
	struct generation *old = make(&a, "k", 1, 10);
	struct generation *new = make(&a, "k", 2, 20);
	assert_int_equal(cache_refuse(a.cache, old, 404), -ENOENT);
	struct generation *found = cache_find(a.cache, "k");
	assert_int_equal(generation_refusal(found), 0);
	drop(found);
	drop(new);
	drop(old);
	close_mount(&a);
}

static void test_a_check_that_is_yet_to_come_is_of_now_without_network_only(void **state)
{
	(void)state;
	struct mount a = open_mount();
	struct generation *g = make(&a, "k", 1, 10);
	set_checked(g, sys_wall_s() + 3600);
	struct generation *found = cache_find(a.cache, "k");
	assert_true(generation_is_of_tomorrow(found));
	assert_false(generation_is_fresh(found, 86400));
	assert_true(generation_may_be_old(found, 60));
	assert_false(generation_may_be_old(found, 0)); /* strict */
	drop(found);
	drop(g);
	close_mount(&a);
}

static void test_renewing_the_old_does_not_hide_the_new(void **state)
{
	(void)state;
	struct mount a = open_mount(), b = open_mount();
	struct generation *old = make(&a, "k", 1, 10);
	make_and_drop(&b, "k", 2, 20);
	assert_int_equal(cache_renew(a.cache, old, 777), -ENOENT);
	expect_found(&a, "k", 2, 20);
	expect_found(&b, "k", 2, 20);
	struct generation *g = cache_find(b.cache, "k");
	assert_int_equal(g->mtime_s, facts_of(2).mtime_s);
	drop(g);
	drop(old);
	close_mount(&b);
	close_mount(&a);
}

static void test_renew_works_while_the_key_is_being_made(void **state)
{
	(void)state;
	struct mount a = open_mount(), b = open_mount();
	struct generation *g = make(&a, "k", 1, 10);
	struct draft *d = new_draft(&b, "k");
	assert_int_equal(cache_renew(a.cache, g, 777), 0);
	draft_free(d);
	drop(g);
	g = cache_find(b.cache, "k");
	assert_int_equal(g->mtime_s, 777);
	drop(g);
	close_mount(&b);
	close_mount(&a);
}

/* --- damage ---------------------------------------------------------------------------------- */

static void test_a_truncated_data_file_is_a_miss(void **state)
{
	(void)state;
	char path[400];
	for (int opened_before = 0; opened_before < 2; opened_before++) {
		struct mount m = open_mount();
		struct generation *g = make(&m, "k", 1, 100);
		data_path(path, g);
		if (opened_before)
			expect_found(&m, "k", 1, 100);
		assert_int_equal(truncate(path, 99), 0);
		assert_int_equal(cache_open(m.cache, g), -ENOENT);
		expect_none(&m, "k");
		assert_int_equal(files_in("gen", ""), 0); /* all of it is gone */
		drop(g);

		drop(make(&m, "k", 2, 100));
		g = cache_find(m.cache, "k");
		data_path(path, g);
		drop(g);
		close_mount(&m);
		assert_int_equal(truncate(path, 99), 0);
		m = open_mount();
		expect_none(&m, "k");
		assert_int_equal(files_in("gen", ""), 0);
		close_mount(&m);
	}
}

static void test_a_missing_data_file_is_a_miss(void **state)
{
	(void)state;
	char path[400];
	struct mount m = open_mount();
	struct generation *g = make(&m, "k", 1, 100);
	data_path(path, g);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(cache_open(m.cache, g), -ENOENT);
	expect_none(&m, "k");
	assert_int_equal(files_in("gen", ""), 0);
	make_and_drop(&m, "k", 2, 100);
	expect_found(&m, "k", 2, 100);
	drop(g);
	close_mount(&m);
}

static void test_a_changed_byte_of_a_small_file_is_a_miss(void **state)
{
	(void)state;
	char path[400];
	struct mount m = open_mount();
	make_and_drop(&m, "k", 1, 40000);
	close_mount(&m);
	m = open_mount();
	struct generation *g = cache_find(m.cache, "k");
	data_path(path, g);
	qx_auto_fd fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "!", 1, 39999), 1);
	assert_int_equal(cache_open(m.cache, g), -ENOENT);
	expect_none(&m, "k");
	drop(g);
	close_mount(&m);
}

/* A link, a folder, a pipe in the place of a file; a bad sector ends in the same way. */
static void test_what_is_no_file_is_a_miss(void **state)
{
	(void)state;
	struct mount m = open_mount();
	for (unsigned i = 0; i < 4; i++) {
		char path[400];
		struct generation *g = make(&m, "k", i, 100);
		if (i < 2)
			data_path(path, g);
		else
			facts_path(path, g);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(i % 2 ? symlink("/dev/null", path) : mkfifo(path, 0600), 0);
		struct generation *found = cache_find(m.cache, "k");
		assert_true(!found || cache_open(m.cache, found) == -ENOENT);
		drop(found);
		assert_int_equal(cache_open(m.cache, g), -ENOENT);
		drop(g);
		expect_none(&m, "k");
	}
	make_and_drop(&m, "k", 9, 100);
	expect_found(&m, "k", 9, 100);
	close_mount(&m);
}

static void test_bytes_without_a_checksum_are_served(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct draft *d = new_draft(&m, "k");
	struct generation *g = NULL;
	struct gen_facts facts = facts_of(1);
	char *bytes = bytes_of(1, 100);
	assert_int_equal(pwrite(draft_data_fd(d), bytes, 100, 0), 100);
	assert_int_equal(draft_publish(d, 100, 0, &facts, &g), 0);
	free(bytes);
	draft_free(d);
	drop(g);
	close_mount(&m);
	m = open_mount();
	expect_found(&m, "k", 1, 100);
	close_mount(&m);
}

struct victim {
	struct mount m;
	char facts_path[400], data_path[400], data_backup[400];
	struct buf facts;
};

static void make_victim(struct victim *v)
{
	v->m = open_mount();
	struct generation *g = make(&v->m, "k", 1, 12345);
	facts_path(v->facts_path, g);
	data_path(v->data_path, g);
	snprintf(v->data_backup, sizeof(v->data_backup), "%s/backup", root);
	assert_int_equal(link(v->data_path, v->data_backup), 0);
	v->facts = read_file(v->facts_path);
	drop(g);
}

static void try_facts(struct victim *v, const char *bytes, size_t len, const char *what, size_t n)
{
	if (access(v->data_path, F_OK) < 0)
		assert_int_equal(link(v->data_backup, v->data_path), 0);
	write_file(v->facts_path, bytes, len);
	struct generation *g = cache_find(v->m.cache, "k");
	if (g)
		fail_msg("%s %zu was served: length %llu", what, n, (unsigned long long)g->length);
}

static void heal_victim(struct victim *v)
{
	if (access(v->data_path, F_OK) < 0)
		assert_int_equal(link(v->data_backup, v->data_path), 0);
	write_file(v->facts_path, v->facts.data, v->facts.len);
	expect_found(&v->m, "k", 1, 12345); /* it was the damage that was refused */
	buf_done(&v->facts);
	close_mount(&v->m);
}

static void test_facts_with_a_flipped_bit_are_a_miss(void **state)
{
	(void)state;
	struct victim v;
	make_victim(&v);
	for (size_t bit = 0; bit < v.facts.len * 8; bit++) {
		char *byte = &v.facts.data[bit / 8];
		*byte = (char)(*byte ^ (1 << bit % 8));
		try_facts(&v, v.facts.data, v.facts.len, "bit", bit);
		*byte = (char)(*byte ^ (1 << bit % 8));
	}
	heal_victim(&v);
}

static void test_facts_that_are_cut_or_too_long_are_a_miss(void **state)
{
	(void)state;
	struct victim v;
	make_victim(&v);
	for (size_t len = 0; len < v.facts.len; len++)
		try_facts(&v, v.facts.data, len, "prefix", len);
	struct buf longer = { 0 };
	buf_add(&longer, v.facts.data, v.facts.len);
	buf_add_str(&longer, "\n");
	try_facts(&v, longer.data, longer.len, "one more byte", 0);
	buf_add(&longer, v.facts.data, v.facts.len);
	try_facts(&v, longer.data, longer.len, "twice", 0);
	while (longer.len < 300 * KB)
		buf_add(&longer, v.facts.data, v.facts.len);
	try_facts(&v, longer.data, longer.len, "huge", 0);
	buf_done(&longer);
	heal_victim(&v);
}

/* Facts with another text in them, and sealed again: what a hostile or foreign file could be. */
static void forge(const struct buf *facts, const char *from, const char *to, struct buf *out)
{
	static const char seal[] = ",\n\"seal\":\"";
	char hash[HASH_HEX_SIZE];
	const char *at = strstr(facts->data, from), *end = strstr(facts->data, seal);
	assert_non_null(at);
	assert_non_null(end);
	buf_clear(out);
	buf_add(out, facts->data, (size_t)(at - facts->data));
	buf_add_str(out, to);
	at += strlen(from);
	buf_add(out, at, (size_t)(end - at));
	const char *const parts[] = { buf_text(out), NULL };
	hash_hex(hash, parts);
	buf_addf(out, "%s%s\"}\n", seal, hash);
}

static void test_facts_that_lie_are_a_miss(void **state)
{
	static const char *const lies[][2] = {
		{ "\"version\":1", "\"version\":2" },
		{ "\"length\":12345", "\"length\":-1" },
		{ "\"length\":12345", "\"length\":12346" },
		{ "\"length\":12345", "\"length\":1e3" },
		{ "\"length\":12345", "\"length\":99999999999999999999" },
		{ "\"crc\":", "\"crc\":4294967296,\"x\":" },
		{ "\"crc\":", "\"crk\":" },
		{ "[1,-1,3]", "[1,-1]" },
		{ "[1,-1,3]", "[1,-1,3,4]" },
		{ "[1,-1,3]", "[1,-1,\"3\"]" },
		{ "2026-01-15", "2026-01-15-and-what-is-too-long-for-a-date" },
		{ "\"key\":\"k\"", "\"key\":1" },
	};
	(void)state;
	struct victim v;
	struct buf forged = { 0 };
	make_victim(&v);
	for (size_t i = 0; i < countof(lies); i++) {
		forge(&v.facts, lies[i][0], lies[i][1], &forged);
		try_facts(&v, forged.data, forged.len, lies[i][1], i);
	}
	buf_done(&forged);
	heal_victim(&v);
}

static void test_facts_lead_to_no_other_file(void **state)
{
	(void)state;
	struct victim v;
	struct buf forged = { 0 };
	char name[80], path[400];
	make_victim(&v);
	struct generation *other = make(&v.m, "other", 2, 12345);
	const char *mine = strrchr(v.data_path, '/') + 1;

	forge(&v.facts, mine, other->data_name, &forged); /* another key's */
	try_facts(&v, forged.data, forged.len, "other key", 0);
	forge(&v.facts, mine, "../../../../backup", &forged);
	try_facts(&v, forged.data, forged.len, "path", 0);
	snprintf(name, sizeof(name), "%.32s.0123456789abcdef.data", mine); /* a link */
	gen_file(path, mine, name);
	assert_int_equal(symlink(v.data_backup, path), 0);
	forge(&v.facts, mine, name, &forged);
	try_facts(&v, forged.data, forged.len, "link", 0);
	drop(other);
	buf_done(&forged);
	heal_victim(&v);
}

/* --- eviction -------------------------------------------------------------------------------- */

static void reserve(struct mount *m, uint64_t bytes, int want)
{
	struct draft *d = new_draft(m, "new");
	assert_int_equal(draft_reserve(d, draft_data_fd(d), bytes), want);
	draft_free(d);
}

static void test_the_longest_unused_goes_first(void **state)
{
	(void)state;
	struct mount m = open_mount_of(4 * MB);
	struct generation *a = make(&m, "a", 1, 900 * KB), *b = make(&m, "b", 2, 900 * KB),
			  *c = make(&m, "c", 3, 900 * KB);
	set_used(a, 3000);
	set_used(b, 1000);
	set_used(c, 2000);
	reserve(&m, 1 * MB, 0); /* it fits */
	expect_found(&m, "b", 2, 900 * KB);
	set_used(b, 1000);
	reserve(&m, 1500 * KB, 0);
	expect_none(&m, "b");
	expect_found(&m, "a", 1, 900 * KB);
	expect_found(&m, "c", 3, 900 * KB);
	assert_int_equal(cache_open(m.cache, b), -ENOENT);
	assert_int_equal(files_in("gen", ".lock"), 2);
	drop(a);
	drop(b);
	drop(c);
	close_mount(&m);
}

static void test_opening_makes_it_used(void **state)
{
	(void)state;
	struct mount m = open_mount_of(4 * MB);
	struct generation *a = make(&m, "a", 1, 1500 * KB), *b = make(&m, "b", 2, 1500 * KB);
	set_used(a, 1000);
	set_used(b, 2000);
	qx_auto_fd fd = cache_open(m.cache, a); /* only opened: reading may set it by itself */
	close(sys_steal_fd(&fd));
	reserve(&m, 2 * MB, 0);
	expect_found(&m, "a", 1, 1500 * KB);
	expect_none(&m, "b");
	drop(a);
	drop(b);
	close_mount(&m);
}

static void test_what_is_open_in_any_mount_is_never_evicted(void **state)
{
	(void)state;
	struct mount m = open_mount_of(4 * MB), other = open_mount_of(4 * MB);
	struct generation *a = make(&m, "a", 1, 1000 * KB), *b = make(&m, "b", 2, 1000 * KB),
			  *c = make(&m, "c", 3, 1000 * KB);
	int fd_a = cache_open(m.cache, a), fd_b = cache_open(other.cache, b);
	set_used(a, 1000);
	set_used(b, 1001);
	reserve(&m, 3 * MB, 0);
	reserve(&m, 60 * MB, 0); /* beyond the limit: the disk decides, not the size of the cache */
	expect_bytes(fd_a, 1, 1000 * KB);
	expect_bytes(fd_b, 2, 1000 * KB);
	close(fd_a);
	close(fd_b);
	expect_found(&m, "a", 1, 1000 * KB);
	expect_found(&m, "b", 2, 1000 * KB);
	expect_none(&m, "c");
	drop(a);
	drop(b);
	drop(c);
	close_mount(&other);
	close_mount(&m);
}

static void test_what_is_being_made_is_not_evicted(void **state)
{
	(void)state;
	struct mount m = open_mount_of(2 * MB), other = open_mount_of(2 * MB);
	make_and_drop(&m, "a", 1, 1000 * KB);
	struct draft *d = new_draft(&other, "a");
	reserve(&m, 10 * MB, 0);
	draft_free(d);
	expect_found(&m, "a", 1, 1000 * KB);
	close_mount(&other);
	close_mount(&m);
}

static void test_what_other_mounts_made_counts(void **state)
{
	(void)state;
	struct mount m = open_mount_of(4 * MB), other = open_mount_of(100 * MB);
	make_and_drop(&m, "own", 1, 1000 * KB);
	for (unsigned i = 0; i < 5; i++) {
		char key[16];
		snprintf(key, sizeof(key), "k%u", i);
		make_and_drop(&other, key, i, 1000 * KB);
	}
	reserve(&m, 4 * MB, 0);
	struct cache_view view;
	cache_view(m.cache, &view);
	assert_true(view.bytes <= 1 * MB);
	close_mount(&other);
	close_mount(&m);
}

static void test_what_mounts_make_together_stays_below_the_limit(void **state)
{
	(void)state;
	struct mount m = open_mount_of(4 * MB), other = open_mount_of(4 * MB);
	struct cache_view view;
	for (unsigned i = 0; i < 3; i++) { /* each by itself is far from the limit */
		char key[16];
		snprintf(key, sizeof(key), "k%u", i);
		make_and_drop(&m, key, i, 1000 * KB);
		snprintf(key, sizeof(key), "o%u", i);
		make_and_drop(&other, key, i, 1000 * KB);
	}
	later_s = 60;
	reserve(&m, 100 * KB, 0);
	later_s = 120;
	reserve(&other, 100 * KB, 0);
	close_mount(&other);
	close_mount(&m);
	m = open_mount_of(4 * MB); /* counts anew */
	cache_view(m.cache, &view);
	assert_true(view.bytes > 1 * MB && view.bytes <= 4 * MB);
	close_mount(&m);
}

static void test_a_full_disk_evicts_and_tries_again(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct generation *a = make(&m, "a", 1, 900 * KB), *b = make(&m, "b", 2, 900 * KB);
	set_used(b, 1000);
	disk_full_times = 2; /* in a large step, and in the one that is needed */
	reserve(&m, 500 * KB, 0);
	expect_none(&m, "b");
	expect_found(&m, "a", 1, 900 * KB);

	disk_full_times = -1;
	reserve(&m, 500 * KB, -ENOSPC);
	drop(a);
	drop(b);
	close_mount(&m);
}

static void test_near_the_end_of_the_disk_steps_are_small(void **state)
{
	(void)state;
	struct mount m = open_mount();
	make_and_drop(&m, "a", 1, 10);
	struct draft *d = new_draft(&m, "k");
	disk_max_piece = 64 * KB;
	for (uint64_t upto = 0; upto <= 10 * 64 * KB; upto += 64 * KB)
		assert_int_equal(draft_reserve(d, draft_raw_fd(d), upto), 0);
	draft_free(d);
	expect_found(&m, "a", 1, 10); /* nothing was evicted for it */
	close_mount(&m);
}

static void test_limits_are_told(void **state)
{
	(void)state;
	struct statvfs v;
	struct cache_view view;
	uint64_t total = 0, available = 0;
	struct mount m = open_mount_of(0);
	assert_int_equal(statvfs(root, &v), 0);
	cache_view(m.cache, &view);
	uint64_t half = (uint64_t)v.f_bavail * v.f_frsize / 2;
	assert_in_range(view.max_bytes, half - half / 10, half + half / 10);
	assert_int_equal(cache_max_export(m.cache), 7);
	assert_int_equal(cache_disk(m.cache, &total, &available), 0);
	assert_true(total >= available && available > 0);

	make_and_drop(&m, "a", 1, 40000);
	make_and_drop(&m, "a", 2, 40000);
	make_and_drop(&m, "b", 3, 40000);
	for (int restarted = 0; restarted < 2; restarted++) {
		cache_view(m.cache, &view);
		assert_int_equal(view.generations, 2);
		assert_in_range(view.bytes, 80000, 120000);
		close_mount(&m);
		m = open_mount_of(0);
	}
	close_mount(&m);
}

/* --- what crashes leave ---------------------------------------------------------------------- */

static void plant(const char *folder, const char *name)
{
	char path[500];
	snprintf(path, sizeof(path), "%s/cache/" ACCOUNT "/%s", root, folder);
	(void)mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/cache/" ACCOUNT "/%s/%s", root, folder, name);
	write_file(path, "x", 1);
}

static void test_drafts_of_the_dead_are_swept_and_of_the_living_kept(void **state)
{
	(void)state;
	struct mount a = open_mount();
	struct draft *living = new_draft(&a, "k");
	struct generation *g = NULL;
	plant("draft", "0123456789abcdef.raw");
	plant("draft", "0123456789abcdef.data");
	plant("draft", "1123456789abcdef.raw");
	plant("draft", "2123456789abcdef.data");
	plant("draft/3123456789abcdef.tmp", "tmp.a1b2c3d4e5");
	plant("draft", "3123456789abcdef.raw");
	plant("draft/4123456789abcdef.tmp", "out.xlsx");
	struct mount b = open_mount();
	assert_int_equal(files_in("draft", ""), 2);
	assert_int_equal(publish_draft(living, 1, 10, &g), 0);
	draft_free(living);
	assert_int_equal(files_in("draft", ""), 0);
	expect_found(&b, "k", 1, 10);
	drop(g);
	close_mount(&b);
	close_mount(&a);
}

static void test_what_no_facts_name_is_swept(void **state)
{
	(void)state;
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	char path[400];
	struct mount m = open_mount();
	struct generation *g = make(&m, "k", 1, 10);
	char name[80];
	snprintf(name, sizeof(name), "gen/%.2s", g->key_hash);
	char orphan[80];
	snprintf(orphan, sizeof(orphan), "%s.0123456789abcdef.data", g->key_hash);
	plant(name, orphan);
	plant("gen/ab", "ab000000000000000000000000000000.0123456789abcdef.data");
	plant("gen/ab", "ab000000000000000000000000000001.lock");
	plant("gen/ab", "ab000000000000000000000000000002.facts");
	plant("gen/ab", ".tmp-0123456789abcdef");
	plant("gen/ab", ".tmp-1123456789abcdef");
	gen_file(path, "ab", ".tmp-0123456789abcdef");
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	close_mount(&m);

	m = open_mount();
	assert_int_equal(files_in("gen", ".data"), 1);
	assert_int_equal(files_in("gen", ".facts"), 1);
	assert_int_equal(files_in("gen", ".lock"), 1);
	assert_int_equal(files_in("gen", ""), 4); /* and a temporary file that may be in use */
	expect_found(&m, "k", 1, 10);
	drop(g);
	close_mount(&m);
}

static void test_what_nobody_opens_for_long_goes(void **state)
{
	const struct cache_config config = { .max_bytes = MB, .keep_s = 100 };
	struct cache *keeping = NULL;
	struct qx_fail fail = { 0 };
	(void)state;
	struct mount m = open_mount();
	struct generation *old = make(&m, "old", 1, 10), *open = make(&m, "open", 2, 10);
	make_and_drop(&m, "used", 3, 10);
	int fd = cache_open(m.cache, open);
	set_used(old, sys_wall_s() - 101);
	set_used(open, sys_wall_s() - 101);
	cache_tidy(m.cache); /* without keep= all stays */
	assert_int_equal(files_in("gen", ".data"), 3);
	assert_int_equal(cache_new(m.dirs, &config, &keeping, &fail), 0);
	cache_tidy(keeping);
	expect_none(&m, "old");
	expect_bytes(fd, 2, 10);
	expect_found(&m, "open", 2, 10);
	expect_found(&m, "used", 3, 10);
	assert_int_equal(files_in("gen", ".facts"), 2);
	close(fd);
	cache_free(keeping);
	drop(old);
	drop(open);
	close_mount(&m);
}

struct sweeper {
	struct dirs *dirs;
	atomic_bool done;
	atomic_bool failed;
};

static void *sweep_on(void *arg)
{
	struct sweeper *s = arg;
	const struct cache_config config = { .max_bytes = MB };
	while (!atomic_load(&s->done)) {
		struct cache *c = NULL;
		struct qx_fail fail = { 0 };
		if (cache_new(s->dirs, &config, &c, &fail) < 0)
			atomic_store(&s->failed, true);
		cache_free(c);
	}
	return NULL;
}

static void test_a_sweep_never_takes_a_draft_that_is_just_begun(void **state)
{
	(void)state;
	pthread_t threads[2];
	struct mount m = open_mount();
	struct sweeper sweeper = { .dirs = m.dirs };
	for (size_t i = 0; i < countof(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sweep_on, &sweeper), 0);
	for (int i = 0; i < 300; i++) {
		struct stat raw, data;
		struct draft *d = new_draft(&m, "k");
		sched_yield();
		assert_int_equal(fstat(draft_raw_fd(d), &raw), 0);
		assert_int_equal(fstat(draft_data_fd(d), &data), 0);
		assert_true(raw.st_nlink == 1 && data.st_nlink == 1);
		draft_free(d);
	}
	atomic_store(&sweeper.done, true);
	for (size_t i = 0; i < countof(threads); i++)
		pthread_join(threads[i], NULL);
	assert_false(sweeper.failed);
	close_mount(&m);
}

static void test_a_cache_that_is_removed_under_us_is_an_error_only(void **state)
{
	(void)state;
	char path[300];
	struct draft *d = NULL;
	struct mount m = open_mount();
	struct generation *g = make(&m, "k", 1, 10);
	snprintf(path, sizeof(path), "%s/cache", root);
	remove_all(path);
	assert_int_equal(cache_draft_new(m.cache, "k", &d), -EIO);
	assert_int_equal(cache_open(m.cache, g), -ENOENT);
	expect_none(&m, "k");
	drop(g);
	close_mount(&m);
}

/* --- the order of things --------------------------------------------------------------------- */

static void test_publishing_is_safe_against_power_cuts(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct generation *old = make(&m, "k", 1, 10), *g = NULL;
	struct draft *d = new_draft(&m, "k");
	char folder[3] = { old->key_hash[0], old->key_hash[1], '\0' };
	char facts[80];
	snprintf(facts, sizeof(facts), "%s.facts", old->key_hash);

	watched_count = 0;
	watching = true;
	assert_int_equal(publish_draft(d, 2, 20, &g), 0);
	watching = false;

	size_t at = seen(0, "fsync ", ".data");     /* the bytes */
	at = seen(at + 1, "rename ", g->data_name); /* get their name */
	at = seen(at + 1, "fsync ", folder);        /* which lasts */
	at = seen(at + 1, "fsync .tmp-", "");       /* before the facts */
	at = seen(at + 1, "rename .tmp-", facts);   /* that name them */
	at = seen(at + 1, "fsync ", folder);        /* last too, */
	seen(at + 1, "unlink ", old->data_name);    /* and only then the old goes */

	size_t renames = 0, early = 0;
	for (size_t i = 0; i < watched_count; i++) {
		renames += strncmp(watched[i], "rename", 6) == 0;
		early += i < at && strncmp(watched[i], "unlink", 6) == 0;
	}
	assert_int_equal(renames, 2);
	assert_int_equal(early, 0);
	draft_free(d);
	drop(old);
	drop(g);
	close_mount(&m);
}

/* Each of the system calls that make it last fails once. */
static void test_a_publish_that_fails_leaves_the_old_or_nothing(void **state)
{
	(void)state;
	struct mount m = open_mount();
	int r = -1, failures = 0;
	for (int n = 1; r < 0; n++) {
		struct generation *g = NULL;
		make_and_drop(&m, "k", 1, 10);
		struct draft *d = new_draft(&m, "k");
		calls = 0;
		fail_call = n;
		r = publish_draft(d, 2, 20, &g);
		fail_call = 0;
		draft_free(d);
		assert_true(r < 0 ? !g : calls < n);
		failures += r < 0;

		struct generation *found = cache_find(m.cache, "k");
		if (found && r < 0)
			expect_found(&m, "k", 1, 10);
		assert_int_equal(files_in("draft", ""), 0);
		assert_int_equal(files_in("gen", ".data"), found ? 1 : 0);
		drop(found);
		drop(g);
	}
	assert_int_equal(failures, 6); /* data, its name, folder; facts, their name, folder */
	expect_found(&m, "k", 2, 20);
	close_mount(&m);
}

/* --- appending ------------------------------------------------------------------------------- */

#define HEADING 5 /* stands before what is appended */

/* The bytes of `g`, whose seed is `seq`, become `len`. */
static int append_to(struct draft *d, const struct generation *g, unsigned seq, size_t len,
                     struct generation **ret)
{
	char *bytes = bytes_of(seq, len);
	struct gen_facts facts = facts_of(seq);
	size_t more = len - (size_t)g->length;

	facts.full_s = 77;
	facts.token_s = 78;
	facts.questions = UINT64_MAX - 1;
	strcpy(facts.token, "to\"ken");
	facts.split = (struct facts_split){
		.part_bytes = 7, .failed_s = 79, .n = FACTS_CUTS, .cuts = { -1, 5, INT64_MAX }
	};
	assert_int_equal(pwrite(draft_data_fd(d), "head\n", HEADING, 0), HEADING);
	assert_int_equal(pwrite(draft_data_fd(d), bytes + g->length, more, HEADING), (ssize_t)more);
	free(bytes);
	return draft_append(d, g, HEADING, HEADING + more, &facts, ret);
}

static void test_what_is_appended_is_found_and_what_was_there_stays(void **state)
{
	(void)state;
	struct mount a = open_mount(), b = open_mount();
	struct generation *old = make(&a, "k", 1, 10), *new = NULL;
	qx_auto_fd before = cache_open(a.cache, old);
	struct draft *d = new_draft(&a, "k");

	assert_int_equal(append_to(d, old, 1, 70000, &new), 0);
	draft_free(d);
	assert_string_equal(new->data_name, old->data_name);
	assert_int_equal(files_in("gen", ".data"), 1);
	assert_int_equal(files_in("draft", ""), 0);
	expect_found(&a, "k", 1, 70000);
	expect_found(&b, "k", 1, 70000); /* the sum of all bytes is looked at */
	assert_int_equal(old->length, 10);
	expect_bytes(before, 1, 10);
	qx_auto_fd again = cache_open(a.cache, old);
	assert_true(again >= 0);

	struct generation *g = cache_find(b.cache, "k");
	assert_string_equal(g->facts.token, "to\"ken");
	assert_int_equal(g->facts.full_s, 77);
	assert_int_equal(g->facts.token_s, 78);
	assert_int_equal(g->facts.split.part_bytes, 7);
	assert_int_equal(g->facts.split.failed_s, 79);
	assert_int_equal(g->facts.split.n, FACTS_CUTS);
	assert_int_equal(g->facts.split.cuts[0], -1);
	assert_int_equal(g->facts.split.cuts[1], 5);
	assert_true(g->facts.split.cuts[2] == INT64_MAX);
	assert_true(g->facts.questions == UINT64_MAX - 1);
	drop(g);
	drop(old);
	drop(new);
	close_mount(&b);
	close_mount(&a);
}

static void test_nothing_is_appended_to_what_is_no_longer_published(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct generation *old = make(&m, "k", 1, 10), *new = NULL;
	qx_auto_fd pin = cache_open(m.cache, old); /* so that its bytes stay */
	assert_true(pin >= 0);
	make_and_drop(&m, "k", 2, 20);
	struct draft *d = new_draft(&m, "k");
	assert_int_equal(append_to(d, old, 1, 30, &new), -ESTALE);
	assert_null(new);
	assert_int_equal(draft_rewind(d, true), 0);
	assert_int_equal(publish_draft(d, 3, 30, &new), 0); /* the draft is good for another try */
	draft_free(d);
	expect_found(&m, "k", 3, 30);
	drop(new);
	drop(old);
	close_mount(&m);
}

static off_t size_of(struct mount *m, struct generation *g)
{
	struct stat st;
	qx_auto_fd fd = cache_open(m->cache, g);
	return fstat(fd, &st) < 0 ? -1 : st.st_size;
}

static void test_a_tail_that_nobody_published_is_cut_by_the_next_maker(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct generation *g = make(&m, "k", 1, 10);
	qx_auto_fd reader = cache_open(m.cache, g);
	char path[60];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", reader);
	qx_auto_fd writer = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(writer, "tail", 4), 4);
	expect_found(&m, "k", 1, 10);
	draft_free(new_draft(&m, "k"));
	assert_int_equal(size_of(&m, g), 10);
	expect_bytes(reader, 1, 10);
	drop(g);
	close_mount(&m);
}

static void test_appending_is_safe_against_power_cuts(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct generation *old = make(&m, "k", 1, 10), *g = NULL;
	struct draft *d = new_draft(&m, "k");
	char facts[80];
	snprintf(facts, sizeof(facts), "%s.facts", old->key_hash);

	watched_count = 0;
	watching = true;
	assert_int_equal(append_to(d, old, 1, 20, &g), 0);
	watching = false;
	size_t at = seen(0, "fsync ", ".data");
	at = seen(at + 1, "fsync .tmp-", "");
	seen(at + 1, "rename .tmp-", facts);
	draft_free(d);
	drop(old);
	drop(g);
	close_mount(&m);
}

/* Each of the system calls that make it last fails once. */
static void test_an_append_that_fails_leaves_what_was_there(void **state)
{
	(void)state;
	struct mount m = open_mount();
	int r = -1, failures = 0;
	for (int n = 1; r < 0; n++) {
		struct generation *g = NULL, *old = make(&m, "k", 1, 10);
		struct draft *d = new_draft(&m, "k");
		calls = 0;
		fail_call = n;
		r = append_to(d, old, 1, 20, &g);
		fail_call = 0;
		draft_free(d);
		assert_true(r < 0 ? !g : calls < n);
		failures += r < 0;
		struct generation *found = cache_find(m.cache, "k");
		assert_non_null(found);
		expect_found(&m, "k", 1, found->length);
		assert_true(found->length == 20 || (r < 0 && found->length == 10));
		draft_free(new_draft(&m, "k"));
		assert_int_equal(size_of(&m, found), (off_t)found->length);
		drop(found);
		drop(g);
		drop(old);
	}
	assert_int_equal(failures, 4); /* data; facts, their name, folder */
	close_mount(&m);
}

/* --- somebody else comes first --------------------------------------------------------------- */

static struct mount *other_mount;

static void publish_a_successor(void)
{
	make_and_drop(other_mount, "k", 2, 20);
}

static void test_what_is_removed_while_it_is_opened_is_gone(void **state)
{
	(void)state;
	struct mount a = open_mount(), b = open_mount();
	struct generation *g = make(&a, "k", 1, 10);
	other_mount = &b;
	before_lock = publish_a_successor;
	before_lock_number = 1;
	assert_int_equal(cache_open(a.cache, g), -ENOENT);
	expect_found(&a, "k", 2, 20);
	drop(g);
	close_mount(&b);
	close_mount(&a);
}

static void give_up_a_draft(void)
{
	draft_free(new_draft(other_mount, "k"));
}

static void test_a_lock_file_that_was_removed_is_no_lock(void **state)
{
	(void)state;
	struct mount a = open_mount(), b = open_mount();
	struct draft *d = NULL, *second = NULL;
	other_mount = &b;
	before_lock = give_up_a_draft; /* which removes the lock file that we have just opened */
	before_lock_number = 1;
	assert_int_equal(cache_draft_new(a.cache, "k", &d), 0);
	assert_int_equal(cache_draft_new(b.cache, "k", &second), -EBUSY);
	draft_free(d);
	close_mount(&b);
	close_mount(&a);
}

static void start_and_sweep(void)
{
	struct mount m = open_mount();
	close_mount(&m);
}

static void test_a_draft_that_is_swept_before_its_lock_takes_another_name(void **state)
{
	(void)state;
	struct mount m = open_mount();
	struct stat raw, data;
	before_lock = start_and_sweep;
	before_lock_number = 3; /* after the key's two: the draft's own */
	struct draft *d = new_draft(&m, "k");
	assert_null(before_lock);
	assert_int_equal(fstat(draft_raw_fd(d), &raw), 0);
	assert_int_equal(fstat(draft_data_fd(d), &data), 0);
	assert_true(raw.st_nlink == 1 && data.st_nlink == 1);
	draft_free(d);
	close_mount(&m);
}

/* --- threads --------------------------------------------------------------------------------- */

struct party {
	struct mount mounts[2];
	atomic_uint seq;
	atomic_uint served;
	atomic_uint wrong; /* cmocka's checks work on its own thread only */
};

static void publish_something(struct mount *m, const char *key, struct party *p)
{
	struct draft *d = NULL;
	struct generation *g = NULL;
	unsigned seq = atomic_fetch_add(&p->seq, 1);

	if (cache_draft_new(m->cache, key, &d) < 0)
		return; /* -EBUSY */
	if (draft_reserve(d, draft_raw_fd(d), 1000) == 0 &&
	    draft_reserve(d, draft_data_fd(d), 30000) == 0 &&
	    publish_draft(d, seq, 20000 + seq % 1000, &g) == 0)
		(void)cache_renew(m->cache, g, facts_of(seq).mtime_s + (seq % 2));
	generation_unref(g);
	draft_free(d);
}

static void read_something(struct mount *m, const char *key, struct party *p)
{
	struct generation *g = cache_find(m->cache, key);
	if (!g)
		return;
	qx_auto_fd fd = cache_open(m->cache, g);
	if (fd >= 0 && has_bytes(fd, (unsigned)g->facts.took_ms, g->length))
		atomic_fetch_add(&p->served, 1);
	else if (fd != -ENOENT)
		atomic_store(&p->wrong, fd < 0 ? (unsigned)-fd : 1000);
	generation_unref(g);
}

static void *take_part(void *arg)
{
	static const char *const keys[] = { "a", "b", "c" };
	struct party *p = arg;
	for (unsigned i = 0; i < 200; i++) {
		uint64_t dice = sys_random();
		struct mount *m = &p->mounts[dice % 2];
		const char *key = keys[dice / 2 % 3];
		if (dice / 8 % 5 == 0)
			publish_something(m, key, p);
		else
			read_something(m, key, p);
	}
	return NULL;
}

static void test_many_threads_get_right_bytes_or_none(void **state)
{
	(void)state;
	pthread_t threads[4];
	/* So small that generations are evicted all the time. */
	struct party p = { .mounts = { open_mount_of(2 * MB + 50 * KB), open_mount_of(64 * MB) } };
	for (size_t i = 0; i < countof(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_part, &p), 0);
	for (size_t i = 0; i < countof(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(p.wrong, 0);
	assert_true(p.served > 20); /* it did bite */
	assert_int_equal(files_in("draft", ""), 0);
	close_mount(&p.mounts[0]);
	close_mount(&p.mounts[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_published_is_found),
		TEST(test_all_of_it_is_found_after_a_restart),
		TEST(test_a_key_that_is_no_text_is_found),
		TEST(test_a_generation_outlives_its_cache_entry),
		TEST(test_bytes_behind_the_length_are_cut),
		TEST(test_a_draft_is_summed_and_compared),
		TEST(test_a_draft_that_is_given_up_leaves_nothing),
		TEST(test_a_scratch_folder_goes_with_its_draft),
		TEST(test_a_published_draft_keeps_only_its_lock),
		TEST(test_two_mounts_make_a_key_one_after_the_other),
		TEST(test_rewind_makes_both_files_empty),
		TEST(test_what_was_reserved_too_much_is_given_back),
		TEST(test_what_another_mount_publishes_is_found),
		TEST(test_an_open_handle_reads_on_after_its_successor),
		TEST(test_a_start_takes_away_what_readers_left),
		TEST(test_the_moment_of_the_last_check_is_kept_and_shared),
		TEST(test_a_new_mtime_is_kept_and_shared),
		TEST(test_a_refusal_is_shared_and_lasts_until_it_is_renewed),
		TEST(test_an_old_refusal_does_not_touch_the_new),
		TEST(test_a_check_that_is_yet_to_come_is_of_now_without_network_only),
		TEST(test_renewing_the_old_does_not_hide_the_new),
		TEST(test_renew_works_while_the_key_is_being_made),
		TEST(test_a_truncated_data_file_is_a_miss),
		TEST(test_a_missing_data_file_is_a_miss),
		TEST(test_a_changed_byte_of_a_small_file_is_a_miss),
		TEST(test_what_is_no_file_is_a_miss),
		TEST(test_bytes_without_a_checksum_are_served),
		TEST(test_facts_with_a_flipped_bit_are_a_miss),
		TEST(test_facts_that_are_cut_or_too_long_are_a_miss),
		TEST(test_facts_that_lie_are_a_miss),
		TEST(test_facts_lead_to_no_other_file),
		TEST(test_the_longest_unused_goes_first),
		TEST(test_opening_makes_it_used),
		TEST(test_what_is_open_in_any_mount_is_never_evicted),
		TEST(test_what_is_being_made_is_not_evicted),
		TEST(test_what_other_mounts_made_counts),
		TEST(test_what_mounts_make_together_stays_below_the_limit),
		TEST(test_a_full_disk_evicts_and_tries_again),
		TEST(test_near_the_end_of_the_disk_steps_are_small),
		TEST(test_limits_are_told),
		TEST(test_drafts_of_the_dead_are_swept_and_of_the_living_kept),
		TEST(test_what_no_facts_name_is_swept),
		TEST(test_what_nobody_opens_for_long_goes),
		TEST(test_a_sweep_never_takes_a_draft_that_is_just_begun),
		TEST(test_a_cache_that_is_removed_under_us_is_an_error_only),
		TEST(test_publishing_is_safe_against_power_cuts),
		TEST(test_a_publish_that_fails_leaves_the_old_or_nothing),
		TEST(test_what_is_appended_is_found_and_what_was_there_stays),
		TEST(test_nothing_is_appended_to_what_is_no_longer_published),
		TEST(test_a_tail_that_nobody_published_is_cut_by_the_next_maker),
		TEST(test_appending_is_safe_against_power_cuts),
		TEST(test_an_append_that_fails_leaves_what_was_there),
		TEST(test_what_is_removed_while_it_is_opened_is_gone),
		TEST(test_a_lock_file_that_was_removed_is_no_lock),
		TEST(test_a_draft_that_is_swept_before_its_lock_takes_another_name),
		TEST(test_many_threads_get_right_bytes_or_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
