/* check_dirs.c: an account's folders: private, of our version, and refused with words otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <qxfs/store/dirs.h>

#include "tree_removal.h"

#define ACCOUNT "abc"

static char root[256];

static const char *at(char path[400], const char *name)
{
	snprintf(path, 400, "%s/%s", root, name);
	return path;
}

static int set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");
	(void)state;
	snprintf(root, sizeof(root), "%s/qxfs-dirs-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return remove_tree(root, 0);
}

static int try_open(const char *account, struct dirs **ret, struct qx_fail *fail)
{
	char cache[400], state[400];
	*fail = (struct qx_fail){ 0 };
	*ret = NULL;
	return dirs_open(at(cache, "c/cache"), at(state, "s/state"), account, ret, fail);
}

static struct dirs *open_dirs(void)
{
	struct dirs *d;
	struct qx_fail fail;
	int r = try_open(ACCOUNT, &d, &fail);
	if (r < 0)
		fail_msg("%d: %s", r, fail.why);
	return d;
}

static void expect_refused(int err, const char *why, const char *remedy)
{
	struct dirs *d;
	struct qx_fail fail;
	assert_int_equal(try_open(ACCOUNT, &d, &fail), -err);
	assert_null(d);
	assert_int_equal(fail.err, err);
	if (!strstr(fail.why, why) || !strstr(fail.remedy, remedy))
		fail_msg("%s / %s", fail.why, fail.remedy);
}

static void write_file(const char *name, const char *text)
{
	char path[400];
	qx_auto_fd fd = open(at(path, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, text, strlen(text)), 0);
}

static void make_folder(const char *name)
{
	char path[400];
	assert_int_equal(mkdir(at(path, name), 0700), 0);
}

static bool is_there(const char *name)
{
	char path[400];
	struct stat st;
	return lstat(at(path, name), &st) == 0;
}

static void expect_text(const char *name, const char *want)
{
	struct buf b = { 0 };
	char path[400];
	assert_int_equal(sys_read_file_at(AT_FDCWD, at(path, name), 1000, &b), 0);
	assert_string_equal(buf_text(&b), want);
	buf_done(&b);
}

static void expect_mode(const char *name, mode_t want)
{
	char path[400];
	struct stat st;
	assert_int_equal(stat(at(path, name), &st), 0);
	assert_int_equal(st.st_mode & 07777, want);
}

/* --- folders --------------------------------------------------------------------------------- */

static void test_everything_missing_is_made_private(void **state)
{
	(void)state;
	mode_t mask = umask(0);
	struct dirs *d = open_dirs();
	umask(mask);
	expect_mode("c/cache/abc", 0700);
	expect_mode("s/state/abc", 0700);
	expect_mode("s/state/abc/VERSION", 0600);
	expect_mode("c/cache/abc/lock", 0600);
	expect_text("c/cache/abc/VERSION", "1\n");
	expect_text("s/state/abc/VERSION", "1\n");
	char path[400];
	assert_string_equal(dirs_cache_path(d), at(path, "c/cache/abc"));
	assert_string_equal(dirs_state_path(d), at(path, "s/state/abc"));
	assert_int_equal(faccessat(dirs_cache_fd(d), "VERSION", F_OK, 0), 0);
	assert_int_equal(faccessat(dirs_state_fd(d), "VERSION", F_OK, 0), 0);
	dirs_free(d);
	dirs_free(NULL);
}

static void test_a_folder_that_others_may_read_is_refused(void **state)
{
	static const char *const names[] = { "c/cache/abc", "s/state/abc" };
	(void)state;
	for (size_t i = 0; i < countof(names); i++) {
		char path[400], remedy[450];
		dirs_free(open_dirs());
		assert_int_equal(chmod(at(path, names[i]), 0750), 0);
		snprintf(remedy, sizeof(remedy), "chmod 700 %s", path);
		expect_refused(EPERM, names[i], remedy);
		assert_int_equal(chmod(path, 0700), 0);
	}
	dirs_free(open_dirs());
}

static void test_a_folder_of_another_user_is_refused(void **state)
{
	char path[400], remedy[450];
	(void)state;
	if (geteuid() != 0)
		skip();
	dirs_free(open_dirs());
	assert_int_equal(chown(at(path, "c/cache/abc"), 12345, 12345), 0);
	snprintf(remedy, sizeof(remedy), "chown -R 0 %s", path);
	expect_refused(EPERM, "another user", remedy);
}

static void test_a_link_or_file_is_refused(void **state)
{
	char path[400], target[400];
	(void)state;
	dirs_free(open_dirs());
	assert_int_equal(rename(at(path, "c/cache/abc"), at(target, "elsewhere")), 0);
	assert_int_equal(symlink(target, path), 0);
	expect_refused(ENOTDIR, "not a folder", "");
	assert_int_equal(unlink(path), 0);
	write_file("c/cache/abc", "");
	expect_refused(ENOTDIR, "not a folder", "");
}

static void test_a_parent_that_cannot_be_made_is_told(void **state)
{
	(void)state;
	write_file("c", "");
	expect_refused(ENOTDIR, "c/cache/abc", "cache_dir=");
}

/* A cache of another version is emptied: nothing else may be in it. */
static void test_one_folder_cannot_be_both(void **state)
{
	struct dirs *d;
	struct qx_fail fail = { 0 };
	char one[400], other[400];
	(void)state;
	dirs_free(open_dirs());
	assert_int_equal(symlink("s", at(other, "link")), 0);
	assert_int_equal(dirs_open(at(one, "s/state"), at(other, "link/state"), ACCOUNT, &d, &fail),
	                 -EINVAL);
	assert_non_null(strstr(fail.why, "both"));
	assert_non_null(strstr(fail.remedy, "state_dir="));
}

static void test_a_remedy_survives_blanks(void **state)
{
	struct dirs *d;
	struct qx_fail fail = { 0 };
	char cache[400], state_parent[400], want[500];
	(void)state;
	make_folder("My Files");
	make_folder("My Files/" ACCOUNT);
	assert_int_equal(chmod(at(cache, "My Files/" ACCOUNT), 0755), 0);
	snprintf(want, sizeof(want), "chmod 700 '%s'", cache);
	assert_int_equal(
		dirs_open(at(cache, "My Files"), at(state_parent, "s"), ACCOUNT, &d, &fail),
		-EPERM);
	assert_string_equal(fail.remedy, want);
}

static void test_an_account_is_one_name(void **state)
{
	static const char *const names[] = { "", ".", "..", "a/b", "/a", "../a" };
	(void)state;
	for (size_t i = 0; i < countof(names); i++) {
		struct dirs *d;
		struct qx_fail fail;
		assert_int_equal(try_open(names[i], &d, &fail), -EINVAL);
		assert_true(fail.why[0]);
	}
	assert_false(is_there("c"));
}

/* --- versions -------------------------------------------------------------------------------- */

static void fill_cache(const char *version)
{
	dirs_free(open_dirs());
	make_folder("c/cache/abc/gen");
	make_folder("c/cache/abc/gen/ab");
	write_file("c/cache/abc/gen/ab/x", "x");
	write_file("c/cache/abc/y", "y");
	write_file("c/cache/abc/VERSION", version);
}

static void test_a_cache_of_our_version_is_kept(void **state)
{
	(void)state;
	fill_cache("1\n");
	dirs_free(open_dirs());
	assert_true(is_there("c/cache/abc/gen/ab/x"));
}

static void test_a_cache_of_another_version_is_emptied(void **state)
{
	static const char *const versions[] = {
		"0\n", "2\n", "", "x\n", "1x\n", "-1\n", "99999999999999999999999999\n"
	};
	(void)state;
	for (size_t i = 0; i < countof(versions); i++) {
		char path[400], outside[400];
		fill_cache(versions[i]);
		make_folder("outside");
		write_file("outside/precious", "");
		assert_int_equal(symlink(at(outside, "outside"), at(path, "c/cache/abc/gen/l")), 0);
		dirs_free(open_dirs());
		assert_false(is_there("c/cache/abc/gen"));
		assert_false(is_there("c/cache/abc/y"));
		expect_text("c/cache/abc/VERSION", "1\n");
		assert_true(is_there("outside/precious"));
		assert_int_equal(unlink(at(path, "outside/precious")), 0);
		assert_int_equal(rmdir(outside), 0);
	}
}

static void test_a_cache_in_use_is_not_emptied(void **state)
{
	(void)state;
	struct dirs *user = open_dirs();
	make_folder("c/cache/abc/gen");
	write_file("c/cache/abc/VERSION", "2\n");
	expect_refused(EBUSY, "another version", "umount");
	assert_true(is_there("c/cache/abc/gen"));
	dirs_free(user);
	dirs_free(open_dirs());
	assert_false(is_there("c/cache/abc/gen"));
}

static void test_many_share_a_cache(void **state)
{
	(void)state;
	struct dirs *a = open_dirs(), *b = open_dirs(), *c = open_dirs();
	dirs_free(a);
	a = open_dirs();
	dirs_free(b);
	dirs_free(c);
	dirs_free(a);
}

struct starter {
	pthread_barrier_t *together;
	int result;
	struct dirs *dirs;
	char why[280];
};

static void *start(void *arg)
{
	struct starter *s = arg;
	struct qx_fail fail;
	pthread_barrier_wait(s->together);
	s->result = try_open(ACCOUNT, &s->dirs, &fail);
	snprintf(s->why, sizeof(s->why), "%s", fail.why);
	return NULL;
}

static void test_mounts_that_start_together_all_start(void **state)
{
	(void)state;
	for (int round = 0; round < 30; round++) {
		pthread_t threads[4];
		struct starter starters[4];
		pthread_barrier_t together;
		pthread_barrier_init(&together, NULL, 4);
		if (round % 2)
			write_file("c/cache/abc/VERSION", "2\n");
		for (size_t i = 0; i < 4; i++) {
			starters[i] = (struct starter){ .together = &together };
			assert_int_equal(pthread_create(&threads[i], NULL, start, &starters[i]), 0);
		}
		for (size_t i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
		pthread_barrier_destroy(&together);
		for (size_t i = 0; i < 4; i++) {
			if (starters[i].result < 0)
				fail_msg("%d: %s", starters[i].result, starters[i].why);
			dirs_free(starters[i].dirs);
		}
	}
}

static void test_a_newer_or_damaged_state_is_refused_and_kept(void **state)
{
	(void)state;
	struct dirs *d = open_dirs();
	assert_int_equal(dirs_state_write(d, "account.json", "{}", 2), 0);
	dirs_free(d);
	write_file("s/state/abc/VERSION", "2\n");
	expect_refused(EPROTO, "newer qxfs", "state_dir=");
	write_file("s/state/abc/VERSION", "one\n");
	expect_refused(EBADMSG, "damaged", "write 1");
	expect_text("s/state/abc/account.json", "{}");
	write_file("s/state/abc/VERSION", "1\n");
	dirs_free(open_dirs());
}

/* --- small files of the state ---------------------------------------------------------------- */

static void expect_state(const struct dirs *d, const char *name, const char *want)
{
	struct buf b = { 0 };
	assert_int_equal(dirs_state_read(d, name, 100, &b), 0);
	assert_string_equal(buf_text(&b), want);
	buf_done(&b);
}

static void test_state_files_are_read_as_written(void **state)
{
	(void)state;
	struct buf b = { 0 };
	struct dirs *d = open_dirs();
	assert_int_equal(dirs_state_read(d, "account.json", 100, &b), -ENOENT);
	assert_int_equal(dirs_state_read(d, "lists/surveys.ndjson", 100, &b), -ENOENT);
	assert_false(is_there("s/state/abc/lists")); /* reading makes nothing */
	assert_int_equal(dirs_state_write(d, "account.json", "{\"a\":1}", 7), 0);
	assert_int_equal(dirs_state_write(d, "lists/surveys.ndjson", "1\n2\n", 4), 0);
	assert_int_equal(dirs_state_write(d, "lists/surveys.ndjson", "3\n", 2), 0);
	expect_mode("s/state/abc/lists", 0700);
	expect_mode("s/state/abc/lists/surveys.ndjson", 0600);
	dirs_free(d);

	d = open_dirs();
	expect_state(d, "account.json", "{\"a\":1}");
	expect_state(d, "lists/surveys.ndjson", "3\n");
	assert_int_equal(dirs_state_read(d, "account.json", 6, &b), -EFBIG);
	assert_int_equal(dirs_state_write(d, "empty", "", 0), 0);
	expect_state(d, "empty", "");
	dirs_free(d);
	buf_done(&b);
}

static void test_state_names_stay_in_the_state(void **state)
{
	static const char *const names[] = {
		"",   "/",     "/etc/x", "../x", "lists/../x", "lists/",
		"/x", "a/b/c", ".",      "..",   "lists/.",
	};
	(void)state;
	struct buf b = { 0 };
	struct dirs *d = open_dirs();
	for (size_t i = 0; i < countof(names); i++) {
		assert_int_equal(dirs_state_write(d, names[i], "x", 1), -EINVAL);
		assert_int_equal(dirs_state_read(d, names[i], 100, &b), -EINVAL);
	}
	dirs_free(d);
	buf_done(&b);
}

static void test_one_at_a_time_has_the_state_s_lock(void **state)
{
	(void)state;
	struct dirs *d = open_dirs(), *other = open_dirs();
	int mine = dirs_state_lock(d);
	assert_true(mine >= 0);
	assert_int_equal(dirs_state_lock(d), -EAGAIN);
	assert_int_equal(dirs_state_lock(other), -EAGAIN);
	assert_int_equal(dirs_state_write(d, "used/dates-SV_1", "2026\n", 5), 0);
	expect_state(other, "used/dates-SV_1", "2026\n"); /* readers need none */
	close(mine);
	int theirs = dirs_state_lock(other);
	assert_true(theirs >= 0);
	close(theirs);
	dirs_free(other);
	dirs_free(d);
}

static void test_what_a_crash_left_is_removed_later(void **state)
{
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	char path[400];
	(void)state;
	struct dirs *d = open_dirs();
	assert_int_equal(dirs_state_write(d, "lists/surveys.ndjson", "1\n", 2), 0);
	assert_int_equal(dirs_state_write(d, "used/with-SV_1", "limit=1\n", 8), 0);
	dirs_free(d);
	write_file("s/state/abc/used/.tmp-0123456789abcdef", "old");
	at(path, "s/state/abc/used/.tmp-0123456789abcdef");
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	write_file("s/state/abc/lists/.tmp-0123456789abcdef", "old");
	write_file("s/state/abc/lists/.tmp-1123456789abcdef", "being written");
	at(path, "s/state/abc/lists/.tmp-0123456789abcdef");
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	dirs_free(open_dirs());
	assert_false(is_there("s/state/abc/lists/.tmp-0123456789abcdef"));
	assert_false(is_there("s/state/abc/used/.tmp-0123456789abcdef"));
	assert_true(is_there("s/state/abc/used/with-SV_1"));
	assert_true(is_there("s/state/abc/lists/.tmp-1123456789abcdef"));
	assert_true(is_there("s/state/abc/lists/surveys.ndjson"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_everything_missing_is_made_private),
		TEST(test_a_folder_that_others_may_read_is_refused),
		TEST(test_a_folder_of_another_user_is_refused),
		TEST(test_a_link_or_file_is_refused),
		TEST(test_a_parent_that_cannot_be_made_is_told),
		TEST(test_an_account_is_one_name),
		TEST(test_one_folder_cannot_be_both),
		TEST(test_a_remedy_survives_blanks),
		TEST(test_a_cache_of_our_version_is_kept),
		TEST(test_a_cache_of_another_version_is_emptied),
		TEST(test_a_cache_in_use_is_not_emptied),
		TEST(test_many_share_a_cache),
		TEST(test_mounts_that_start_together_all_start),
		TEST(test_a_newer_or_damaged_state_is_refused_and_kept),
		TEST(test_state_files_are_read_as_written),
		TEST(test_state_names_stay_in_the_state),
		TEST(test_one_at_a_time_has_the_state_s_lock),
		TEST(test_what_a_crash_left_is_removed_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
