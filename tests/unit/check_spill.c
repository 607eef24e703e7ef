/* check_spill.c: bytes that nobody shall find again: few in memory, many in a file without a name.
 */
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
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <qxfs/store/spill.h>

#include "../../fs/store/cache_private.h"
#include "tree_removal.h"

static bool disk_full;

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	if (disk_full) {
		errno = ENOSPC;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

struct world {
	char root[40];
	struct dirs *dirs;
	struct cache *cache;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct cache_config config = { .max_bytes = 1ull << 30, .max_export = 1ull << 30 };
	struct qx_fail fail;
	char cache[60], states[60];

	snprintf(w->root, sizeof(w->root), "/tmp/qxfs-spill-XXXXXX");
	if (!mkdtemp(w->root))
		return -1;
	snprintf(cache, sizeof(cache), "%s/cache", w->root);
	snprintf(states, sizeof(states), "%s/state", w->root);
	assert_int_equal(dirs_open(cache, states, "abc", &w->dirs, &fail), 0);
	assert_int_equal(cache_new(w->dirs, &config, &w->cache, &fail), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	disk_full = false;
	cache_free(w->cache);
	dirs_free(w->dirs);
	remove_tree(w->root, 0);
	free(w);
	return 0;
}

static uint64_t files;

static int count_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)path;
	(void)st;
	(void)ftw;
	files += kind == FTW_F;
	return 0;
}

static uint64_t files_in(const struct world *w)
{
	files = 0;
	nftw(w->root, count_one, 16, FTW_PHYS);
	return files;
}

static struct spill *new_spill(struct world *w)
{
	struct spill *s;
	assert_int_equal(spill_new(w->cache, &s), 0);
	return s;
}

static char byte_at(uint64_t at)
{
	return (char)(at * 31 + at / 256);
}

static void fill(struct spill *s, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to; at++) {
		char c = byte_at(at);
		assert_int_equal(pwrite(spill_fd(s), &c, 1, (off_t)at), 1);
	}
}

static void check_bytes(struct spill *s, uint64_t len)
{
	char piece[4096];
	uint64_t at = 0;
	ssize_t n;

	while ((n = pread(spill_fd(s), piece, sizeof(piece), (off_t)at)) > 0)
		for (ssize_t i = 0; i < n; i++, at++)
			if (piece[i] != byte_at(at))
				fail_msg("byte %llu is another", (unsigned long long)at);
	assert_int_equal(at, len);
}

static bool is_on_disk(const struct world *w, struct spill *s)
{
	struct stat mine, disk;
	assert_int_equal(fstat(spill_fd(s), &mine), 0);
	assert_int_equal(stat(w->root, &disk), 0);
	return mine.st_dev == disk.st_dev;
}

static void test_few_bytes_touch_no_disk(void **state)
{
	struct world *w = *state;
	uint64_t before = files_in(w);
	struct spill *s = new_spill(w);

	assert_int_equal(spill_reserve(s, SPILL_MEMORY), 0);
	fill(s, 0, 5000);
	assert_true(spill_is_in_memory(s));
	assert_false(is_on_disk(w, s));
	assert_int_equal(files_in(w), before);
	assert_int_equal(w->cache->reserved, 0);
	spill_unref(s);
}

static void test_many_move_to_a_file_without_a_name(void **state)
{
	struct world *w = *state;
	struct stat st;
	uint64_t before = files_in(w);
	struct spill *s = new_spill(w);
	int fd = spill_fd(s);

	fill(s, 0, 70000);
	assert_int_equal(spill_reserve(s, SPILL_MEMORY + 1), 0);
	assert_false(spill_is_in_memory(s));
	assert_int_equal(spill_fd(s), fd);
	assert_true(is_on_disk(w, s));
	fill(s, 70000, 90000);
	check_bytes(s, 90000);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(files_in(w), before);
	assert_true(w->cache->reserved > SPILL_MEMORY);
	spill_unref(s);
	assert_int_equal(w->cache->reserved, 0);
	assert_int_equal(w->cache->spills, 0);
}

static void test_a_full_disk_leaves_the_bytes_where_they_are(void **state)
{
	struct world *w = *state;
	struct spill *s = new_spill(w);

	fill(s, 0, 3000);
	disk_full = true;
	assert_int_equal(spill_reserve(s, SPILL_MEMORY + 1), -ENOSPC);
	assert_true(spill_is_in_memory(s));
	check_bytes(s, 3000);
	disk_full = false;
	assert_int_equal(spill_reserve(s, SPILL_MEMORY + 1), 0);
	check_bytes(s, 3000);
	disk_full = true;
	assert_int_equal(spill_reserve(s, 1ull << 29), -ENOSPC);
	spill_unref(s);
	assert_int_equal(w->cache->reserved, 0);
}

static void test_memory_has_a_few_places(void **state)
{
	struct world *w = *state;
	struct spill *all[SPILLS_IN_MEMORY], *more;

	for (size_t i = 0; i < countof(all); i++) {
		all[i] = new_spill(w);
		assert_true(spill_is_in_memory(all[i]));
	}
	more = new_spill(w);
	assert_false(spill_is_in_memory(more));
	assert_int_equal(spill_reserve(more, 100), 0);
	fill(more, 0, 100);
	check_bytes(more, 100);
	spill_unref(more);
	spill_unref(all[0]); /* a place by its end … */
	all[0] = new_spill(w);
	assert_true(spill_is_in_memory(all[0]));
	assert_int_equal(spill_reserve(all[1], SPILL_MEMORY + 1), 0); /* … or by its move */
	more = new_spill(w);
	assert_true(spill_is_in_memory(more));
	spill_unref(more);
	for (size_t i = 0; i < countof(all); i++)
		spill_unref(all[i]);
	assert_int_equal(w->cache->spills, 0);
}

static void test_it_lives_as_long_as_a_reference(void **state)
{
	struct world *w = *state;
	struct spill *s = new_spill(w), *mine = spill_ref(s);

	fill(s, 0, 10);
	spill_unref(s);
	check_bytes(mine, 10);
	spill_unref(mine);
	spill_unref(NULL);
	assert_int_equal(w->cache->spills, 0);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(test_few_bytes_touch_no_disk),
		test(test_many_move_to_a_file_without_a_name),
		test(test_a_full_disk_leaves_the_bytes_where_they_are),
		test(test_memory_has_a_few_places),
		test(test_it_lives_as_long_as_a_reference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
