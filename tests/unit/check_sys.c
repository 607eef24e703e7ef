/* check_sys.c: private folders, published files, locks, times, numbers, log lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

static char root[] = "/tmp/check_sys.XXXXXX";
static int root_fd = -1;

static int make_root(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root_fd < 0 ? -1 : 0;
}

/* Flat but for the folders that the tests name. */
static int remove_root(void **state)
{
	(void)state;
	static const char *const folders[] = { "deep/er/est", "deep/er", "deep", "open", "one" };
	for (size_t i = 0; i < countof(folders); i++)
		(void)unlinkat(root_fd, folders[i], AT_REMOVEDIR);

	DIR *dir = fdopendir(dup(root_fd));
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		(void)unlinkat(root_fd, entry->d_name, 0);
	closedir(dir);
	close(root_fd);
	return rmdir(root);
}

static unsigned count_entries(void)
{
	unsigned n = 0;
	DIR *dir = opendir(root);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static mode_t mode_of(const char *name)
{
	struct stat st;
	assert_int_equal(fstatat(root_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static int open_dir(const char *below_root)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", root, below_root);
	return sys_open_private_dir(path);
}

static void test_missing_folders_are_made_for_us_alone(void **state)
{
	(void)state;
	qx_auto_fd fd = open_dir("deep//er/est///");
	assert_true(fd >= 0);
	assert_int_equal(mode_of("deep"), 0700);
	assert_int_equal(mode_of("deep/er"), 0700);
	assert_int_equal(mode_of("deep/er/est"), 0700);
	qx_auto_fd again = open_dir("deep/er/est");
	assert_true(again >= 0);
	qx_auto_fd one = sys_open_private_dir_at(root_fd, "one");
	assert_true(one >= 0);
}

static void test_a_folder_that_others_may_use_is_refused(void **state)
{
	(void)state;
	static const mode_t modes[] = { 0701, 0702, 0704, 0710, 0720, 0740, 0777 };
	assert_int_equal(mkdirat(root_fd, "open", 0700), 0);
	for (size_t i = 0; i < countof(modes); i++) {
		assert_int_equal(fchmodat(root_fd, "open", modes[i], 0), 0);
		assert_int_equal(open_dir("open"), -EPERM);
		assert_int_equal(sys_open_private_dir_at(root_fd, "open"), -EPERM);
	}
	assert_int_equal(fchmodat(root_fd, "open", 0755, 0), 0);
	qx_auto_fd below = open_dir("open/below"); /* only the last one counts */
	assert_true(below >= 0);
	assert_int_equal(unlinkat(root_fd, "open/below", AT_REMOVEDIR), 0);
}

static void test_a_folder_of_somebody_else_is_refused(void **state)
{
	(void)state;
	if (geteuid() == 0) {
		assert_int_equal(mkdirat(root_fd, "one", 0700) == 0 || errno == EEXIST, 1);
		assert_int_equal(fchownat(root_fd, "one", 1, 1, 0), 0);
		assert_int_equal(open_dir("one"), -EPERM);
		assert_int_equal(fchownat(root_fd, "one", 0, 0, 0), 0);
	} else {
		assert_int_equal(sys_open_private_dir("/"), -EPERM);
	}
}

static void test_a_link_is_no_private_folder(void **state)
{
	(void)state;
	assert_int_equal(symlinkat("deep", root_fd, "link"), 0);
	assert_true(open_dir("link") < 0);
	assert_true(open_dir("link/") < 0);
	assert_true(sys_open_private_dir_at(root_fd, "link") < 0);
	qx_auto_fd through = open_dir("link/er"); /* on the way there a link may stand */
	assert_true(through >= 0);
}

static void test_folder_names_are_checked(void **state)
{
	(void)state;
	static const char *const names[] = { "", ".", "..", "a/b", "/", "a/" };
	for (size_t i = 0; i < countof(names); i++)
		assert_int_equal(sys_open_private_dir_at(root_fd, names[i]), -EINVAL);
	assert_int_equal(sys_open_private_dir(""), -ENOENT);
	assert_int_equal(sys_write_file_at(root_fd, "../x", "", 0), -EINVAL);

	char longest[300];
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(sys_open_private_dir_at(root_fd, longest), -ENAMETOOLONG);
}

static void test_a_published_file_replaces_the_old_one(void **state)
{
	(void)state;
	struct buf out = { 0 };
	assert_int_equal(sys_write_file_at(root_fd, "file", "old text", 8), 0);
	assert_int_equal(sys_write_file_at(root_fd, "file", "new\0", 4), 0);
	assert_int_equal(mode_of("file"), 0600);
	assert_int_equal(sys_read_file_at(root_fd, "file", 100, &out), 0);
	assert_int_equal(out.len, 4);
	assert_memory_equal(out.data, "new\0", 4);
	buf_done(&out);
}

static void test_a_failed_publication_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(root_fd, "taken", 0700), 0);
	unsigned before = count_entries();
	assert_int_equal(sys_write_file_at(root_fd, "taken", "x", 1), -EISDIR);

	/* A disk that is full: the file size limit answers as one, without its signal. */
	struct rlimit limit, none = { 0 };
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	none.rlim_max = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	int r = sys_write_file_at(root_fd, "big", "x", 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(r, -EFBIG);

	assert_int_equal(count_entries(), before);
	assert_int_equal(unlinkat(root_fd, "taken", AT_REMOVEDIR), 0);
}

static void test_a_file_is_read_up_to_its_limit(void **state)
{
	(void)state;
	static char bytes[40000];
	struct buf out = { 0 };
	memset(bytes, 'b', sizeof(bytes));
	assert_int_equal(sys_write_file_at(root_fd, "file", bytes, sizeof(bytes)), 0);

	buf_add_str(&out, "kept ");
	assert_int_equal(sys_read_file_at(root_fd, "file", sizeof(bytes) - 1, &out), -EFBIG);
	assert_int_equal(sys_read_file_at(root_fd, "none", 10, &out), -ENOENT);
	assert_int_equal(sys_read_file_at(root_fd, ".", 10, &out), -EISDIR);
	assert_string_equal(buf_text(&out), "kept ");

	assert_int_equal(sys_read_file_at(root_fd, "file", sizeof(bytes), &out), 0);
	assert_int_equal(out.len, 5 + sizeof(bytes));
	buf_done(&out);
}

static void test_a_lock_belongs_to_the_open_file(void **state)
{
	(void)state;
	assert_int_equal(sys_write_file_at(root_fd, "lock", "", 0), 0);
	qx_auto_fd a = openat(root_fd, "lock", O_RDWR | O_CLOEXEC);
	qx_auto_fd b = openat(root_fd, "lock", O_RDWR | O_CLOEXEC);
	assert_int_equal(sys_lock_fd(a, true), 0);
	assert_int_equal(sys_lock_fd(a, true), 0);
	assert_int_equal(sys_lock_fd(b, true), -EAGAIN);
	assert_int_equal(sys_lock_fd(b, false), -EAGAIN);
	close(sys_steal_fd(&a));
	assert_int_equal(sys_lock_fd(b, false), 0);
	qx_auto_fd c = openat(root_fd, "lock", O_RDONLY | O_CLOEXEC);
	assert_int_equal(sys_lock_fd(c, false), 0);
	assert_int_equal(sys_lock_fd(b, true), -EAGAIN);
}

static void test_how_files_begin(void **state)
{
	(void)state;
	assert_int_equal(sys_write_file_at(root_fd, "short", "abc", 3), 0);
	assert_int_equal(sys_write_file_at(root_fd, "long", "abcd", 4), 0);
	qx_auto_fd a = openat(root_fd, "short", O_RDONLY | O_CLOEXEC);
	qx_auto_fd b = openat(root_fd, "long", O_RDONLY | O_CLOEXEC);
	qx_auto_fd unreadable = openat(root_fd, "long", O_WRONLY | O_CLOEXEC);
	assert_int_equal(sys_begin_alike(a, b, 3), 1);
	assert_int_equal(sys_begin_alike(a, b, 4), 0);
	assert_int_equal(pwrite(unreadable, "B", 1, 1), 1);
	assert_int_equal(sys_begin_alike(a, b, 1), 1);
	assert_int_equal(sys_begin_alike(a, b, 3), 0);
	assert_int_equal(sys_begin_alike(a, unreadable, 3), -EBADF);
	assert_int_equal(sys_begin_alike(unreadable, a, 3), -EBADF);
}

static void test_a_stolen_fd_is_not_closed(void **state)
{
	(void)state;
	int kept;
	{
		qx_auto_fd fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		kept = sys_steal_fd(&fd);
		assert_int_equal(fd, -1);
	}
	assert_int_equal(fcntl(kept, F_GETFD), FD_CLOEXEC);
	{
		qx_auto_fd fd = kept;
		(void)fd;
	}
	assert_int_equal(fcntl(kept, F_GETFD), -1);
}

static void test_times_are_read_and_written(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t wall_s;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2020-02-20T01:19:11Z", 1582161551 },
		{ "2020-02-20T01:19:11.5Z", 1582161551 },
		{ "2020-02-20T01:19:11.123456789Z", 1582161551 },
		{ "2020-02-20T03:19:11+02:00", 1582161551 },
		{ "2020-02-19T18:49:11-0630", 1582161551 },
		{ "2020-02-29T00:00:00Z", 1582934400 },
		{ "2016-12-31T23:59:60Z", 1483228800 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "9999-12-31T23:59:59Z", 253402300799 },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		int64_t wall_s = 42;
		if (sys_parse_time(rows[i].text, &wall_s) != 0 || wall_s != rows[i].wall_s)
			fail_msg("%s: %lld", rows[i].text, (long long)wall_s);
	}
	char out[21];
	assert_string_equal(sys_format_time(1582161551, out), "2020-02-20T01:19:11Z");
	assert_string_equal(sys_format_time(INT64_MAX, out), "9999-12-31T23:59:59Z");
	assert_string_equal(sys_format_time(INT64_MIN, out), "0000-01-01T00:00:00Z");
}

static void test_what_is_no_time_is_refused(void **state)
{
	(void)state;
	static const char *const rows[] = {
		NULL,
		"",
		"2020",
		"2020-02-20",
		"2020-02-20T01:19:11",
		"2020-02-20 01:19:11Z",
		"2020-02-30T00:00:00Z",
		"2021-02-29T00:00:00Z",
		"2020-13-01T00:00:00Z",
		"2020-00-01T00:00:00Z",
		"2020-01-00T00:00:00Z",
		"2020-01-01T24:00:00Z",
		"2020-01-01T00:60:00Z",
		"2020-01-01T00:00:61Z",
		"2020-01-01T00:00:00.Z",
		"2020-01-01T00:00:00Zx",
		"2020-01-01T00:00:00+1:00",
		"2020-01-01T00:00:00+24:00",
		"2020-01-01T00:00:00+00:60",
		"2020-01-01T00:00:00+",
		"-020-01-01T00:00:00Z",
		"2020-1-01T00:00:00Z",
		"+2020-01-01T00:00:00Z",
	};
	for (size_t i = 0; i < countof(rows); i++) {
		int64_t wall_s = 42;
		if (sys_parse_time(rows[i], &wall_s) != -EINVAL || wall_s != 42)
			fail_msg("accepted: %s", rows[i] ? rows[i] : "NULL");
	}
}

static void test_whole_numbers_are_read_strictly(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int want;
		int64_t value;
	} rows[] = {
		{ "0", 0, 0 },
		{ "-0", 0, 0 },
		{ "007", 0, 7 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "-9223372036854775808", 0, INT64_MIN },
		{ "9223372036854775808", -ERANGE, 0 },
		{ "-9223372036854775809", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "99999999999999999999999x", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "-", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "--1", -EINVAL, 0 },
		{ NULL, -EINVAL, 0 },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		int64_t n = 0;
		int r = sys_parse_int(rows[i].text, INT64_MIN, INT64_MAX, &n);
		if (r != rows[i].want || n != rows[i].value)
			fail_msg("%s: %d, %lld", rows[i].text, r, (long long)n);
	}
	int64_t n = 0;
	assert_int_equal(sys_parse_int("5", 6, 9, &n), -ERANGE);
	assert_int_equal(sys_parse_int("10", 6, 9, &n), -ERANGE);
	assert_int_equal(sys_parse_int("6", 6, 9, &n), 0);
}

static void test_clocks_run_and_random_numbers_differ(void **state)
{
	(void)state;
	int64_t before = sys_now_ms();
	assert_true(before > 0);
	assert_true(sys_now_ms() >= before);
	assert_true(sys_wall_s() > 1700000000);
	assert_true(sys_random() != sys_random());
}

/* Runs log_line with stderr in a file and returns what it wrote. */
static void log_into(struct buf *out, const char *message)
{
	qx_auto_fd saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	qx_auto_fd file = openat(root_fd, "log", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dup2(file, STDERR_FILENO);
	log_warn("topic", "%s", message);
	log_debug("topic", "too fine for the level");
	dup2(saved, STDERR_FILENO);
	assert_int_equal(sys_read_file_at(root_fd, "log", 100000, out), 0);
}

static void test_a_log_line_names_time_level_thread_and_topic(void **state)
{
	(void)state;
	struct buf out = { 0 };
	log_into(&out, "SV_1 is gone");
	assert_int_equal(out.data[19], 'Z');
	assert_string_equal(out.data + 20, " warn [check_sys] topic: SV_1 is gone\n");
	buf_done(&out);
}

static void test_a_name_cannot_forge_a_log_line(void **state)
{
	(void)state;
	struct buf out = { 0 };
	log_into(&out, "a\nb\x1b[2J\x7f\xc2\x9b\xc3\xa4\xff\xe2\x82");
	const char *text = strstr(out.data, "topic: ");
	assert_non_null(text);
	assert_string_equal(text, "topic: a\\x0ab\\x1b[2J\\x7f\\xc2\\x9b\xc3\xa4\\xff\\xe2\\x82\n");
	buf_done(&out);
}

static void test_a_long_log_line_is_cut(void **state)
{
	(void)state;
	struct buf out = { 0 };
	char message[5000];
	memset(message, '\x01', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	log_into(&out, message);
	assert_in_range(out.len, 4000, 5000);
	assert_int_equal(out.data[out.len - 1], '\n');
	buf_done(&out);
}

static void test_a_log_without_a_sink_does_no_harm(void **state)
{
	(void)state;
	qx_auto_fd saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	qx_auto_fd full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	dup2(full, STDERR_FILENO);
	log_error("topic", "nobody reads this");
	close(STDERR_FILENO);
	log_error("topic", "nor this");
	dup2(saved, STDERR_FILENO);
}

static void test_a_path_is_one_word_for_a_shell(void **state)
{
	static const struct {
		const char *path, *word;
	} rows[] = {
		{ "/home/u/.cache/qxfs", "/home/u/.cache/qxfs" },
		{ "/home/u/My Files", "'/home/u/My Files'" },
		{ "/it's; rm -rf $HOME", "'/it'\\''s; rm -rf $HOME'" },
		{ "~root/x", "'~root/x'" },
		{ "", "''" },
	};
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		qx_auto_free char *word = sys_shell_word(rows[i].path);
		assert_string_equal(word, rows[i].word);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing_folders_are_made_for_us_alone),
		cmocka_unit_test(test_a_folder_that_others_may_use_is_refused),
		cmocka_unit_test(test_a_folder_of_somebody_else_is_refused),
		cmocka_unit_test(test_a_link_is_no_private_folder),
		cmocka_unit_test(test_folder_names_are_checked),
		cmocka_unit_test(test_a_published_file_replaces_the_old_one),
		cmocka_unit_test(test_a_failed_publication_leaves_nothing),
		cmocka_unit_test(test_a_file_is_read_up_to_its_limit),
		cmocka_unit_test(test_a_lock_belongs_to_the_open_file),
		cmocka_unit_test(test_how_files_begin),
		cmocka_unit_test(test_a_stolen_fd_is_not_closed),
		cmocka_unit_test(test_times_are_read_and_written),
		cmocka_unit_test(test_what_is_no_time_is_refused),
		cmocka_unit_test(test_whole_numbers_are_read_strictly),
		cmocka_unit_test(test_clocks_run_and_random_numbers_differ),
		cmocka_unit_test(test_a_log_line_names_time_level_thread_and_topic),
		cmocka_unit_test(test_a_name_cannot_forge_a_log_line),
		cmocka_unit_test(test_a_long_log_line_is_cut),
		cmocka_unit_test(test_a_log_without_a_sink_does_no_harm),
		cmocka_unit_test(test_a_path_is_one_word_for_a_shell),
	};
	/* The file size limit speaks by a signal, too. */
	(void)signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, make_root, remove_root);
}
