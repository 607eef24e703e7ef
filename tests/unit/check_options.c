/* check_options.c: the command line, and what is said about one that is not understood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/nearest.h>
#include <qxfs/base/sys.h>

#include "../../fs/app/options.h"
#include "../../fs/app/values.h"

#define ARGUMENTS_MAX 8

/* Parses the words up to NULL. */
static int parse(struct options *o, struct qx_fail *fail, const char *const words[])
{
	char *argv[ARGUMENTS_MAX] = { NULL };
	int argc = 0;

	*o = (struct options){ 0 };
	*fail = (struct qx_fail){ 0 };
	for (; words[argc]; argc++)
		assert_non_null(argv[argc] = strdup(words[argc]));
	int r = options_parse(argc, argv, false, NULL, o, fail);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return r;
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void parse_well(struct options *o, const char *const words[])
{
	struct qx_fail fail;
	if (parse(o, &fail, words) < 0)
		fail_msg("refused: %s", fail.why);
}

static void test_defaults_are_those_of_the_design(void **state)
{
	(void)state;
	struct options o;

	parse_well(&o, WORDS("./m"));
	assert_string_equal(o.mountpoint, "./m");
	assert_int_equal(o.fresh_s, 300);
	assert_int_equal(o.open_wait_s, 0);
	assert_int_equal(o.share_permille, 800);
	assert_int_equal(o.job_timeout_s, 10800);
	assert_int_equal(o.cache_size, 0);
	assert_int_equal(o.max_export, 20ULL << 30);
	assert_null(o.cache_dir);
	assert_null(o.state_dir);
	assert_null(o.token_file);
	assert_null(o.timezone);
	assert_false(o.csv_bom);
	assert_false(o.allow_other);
	assert_int_equal(o.uid, geteuid());
	assert_int_equal(o.gid, getegid());
	assert_int_equal(o.umask, 022);
	assert_int_equal(o.log, LOG_LEVEL_INFO);
	assert_string_equal(buf_text(&o.kernel), "nosuid,nodev");
	assert_false(o.foreground);
	options_done(&o);
}

static void test_every_option_reaches_its_field(void **state)
{
	(void)state;
	struct options o;

	parse_well(&o,
	           WORDS("-o", "fresh=5,open_wait=15,share=0.25,job_timeout=60",
	                 "-ocache_dir=/c,state_dir=/s,token_file=/t,cache_size=3G,max_export=1M",
	                 "-fo",
	                 "uid=7,gid=8,umask=027,log=warn,timezone=UTC,csv_bom,ro,noexec,noatime",
	                 "/m"));
	assert_true(o.foreground);
	assert_int_equal(o.fresh_s, 5);
	assert_int_equal(o.open_wait_s, 15);
	assert_int_equal(o.share_permille, 250);
	assert_int_equal(o.job_timeout_s, 60);
	assert_string_equal(o.cache_dir, "/c");
	assert_string_equal(o.state_dir, "/s");
	assert_string_equal(o.token_file, "/t");
	assert_int_equal(o.cache_size, 3ULL << 30);
	assert_int_equal(o.max_export, 1 << 20);
	assert_int_equal(o.uid, 7);
	assert_int_equal(o.gid, 8);
	assert_int_equal(o.umask, 027);
	assert_int_equal(o.log, LOG_LEVEL_WARN);
	assert_string_equal(o.timezone, "UTC");
	assert_true(o.csv_bom);
	assert_string_equal(buf_text(&o.kernel), "nosuid,nodev,ro,noexec,noatime");
	options_done(&o);
}

static void test_the_later_of_two_values_wins(void **state)
{
	(void)state;
	struct options o;

	parse_well(&o, WORDS("-o", "fresh=1,fresh=2,cache_dir=/a,cache_dir=/b", "/m"));
	assert_int_equal(o.fresh_s, 2);
	assert_string_equal(o.cache_dir, "/b");
	options_done(&o);
}

static void test_a_backslash_keeps_a_comma(void **state)
{
	(void)state;
	struct options o;

	parse_well(&o, WORDS("-o", "cache_dir=/a\\,b,,fresh=1,", "/m"));
	assert_string_equal(o.cache_dir, "/a,b");
	assert_int_equal(o.fresh_s, 1);
	options_done(&o);
}

static void test_relative_folders_become_absolute(void **state)
{
	(void)state;
	struct options o;

	assert_int_equal(chdir("/usr"), 0);
	setenv("HOME", "/home/u", 1); /* a shell leaves the ~ of -o x=~/y alone */
	parse_well(&o, WORDS("-o", "token_file=~/t,cache_dir=~b/c", "/m"));
	assert_string_equal(o.token_file, "/home/u/t");
	assert_string_equal(o.cache_dir, "/usr/~b/c");
	options_done(&o);
	parse_well(&o, WORDS("-o", "token_file=t,cache_dir=a/b", "/m"));
	assert_string_equal(o.token_file, "/usr/t");
	assert_string_equal(o.cache_dir, "/usr/a/b");
	options_done(&o);
}

static void test_others_are_let_in_but_may_read_nothing_unless_told(void **state)
{
	(void)state;
	struct options o;

	parse_well(&o, WORDS("-o", "allow_other", "/m"));
	assert_int_equal(o.umask, 077);
	options_done(&o);
	parse_well(&o, WORDS("-o", "allow_other,umask=022", "/m"));
	assert_int_equal(o.umask, 022);
	options_done(&o);
}

static void test_debugging_stays_in_the_foreground(void **state)
{
	(void)state;
	struct options o;

	parse_well(&o, WORDS("/m", "-d"));
	assert_true(o.foreground);
	assert_int_equal(o.log, LOG_LEVEL_DEBUG);
	options_done(&o);
}

static void test_after_two_dashes_all_is_a_path(void **state)
{
	(void)state;
	struct options o;

	parse_well(&o, WORDS("--", "-m"));
	assert_string_equal(o.mountpoint, "-m");
	options_done(&o);
}

static void test_what_is_wrong_is_named(void **state)
{
	(void)state;
	static const struct {
		const char *const words[4];
		const char *named;
	} rows[] = {
		{ { "-o", "frseh=1", "/m" }, "'frseh'; did you mean 'fresh'?" },
		{ { "-o", "alow_other", "/m" }, "did you mean 'allow_other'?" },
		{ { "-o", "token=secret", "/m" }, "'token'; did you mean 'token_file'?" },
		{ { "-o", "qqqqqqqq", "/m" }, "'qqqqqqqq'; 'qxfs --help' lists them" },
		{ { "-o", "fresh", "/m" }, "fresh=SECONDS" },
		{ { "-o", "ro=1", "/m" }, "takes no value" },
		{ { "-o", "fresh=-1", "/m" }, "0 to" },
		{ { "-o", "fresh=3x", "/m" }, "fresh=3x is not understood" },
		{ { "-o", "fresh=", "/m" }, "is not understood" },
		{ { "-o", "share=0", "/m" }, "0.01 to 1" },
		{ { "-o", "share=1.5", "/m" }, "0.01 to 1" },
		{ { "-o", "umask=888", "/m" }, "octal" },
		{ { "-o", "umask=1777", "/m" }, "octal" },
		{ { "-o", "log=loud", "/m" }, "debug, info, warn or error" },
		{ { "-o", "max_export=0", "/m" }, "too small" },
		{ { "-o", "max_export=0G", "/m" }, "too small" },
		{ { "-o", "cache_size=99999999T", "/m" }, "too large" },
		{ { "-o", "cache_size=20GB", "/m" }, "perhaps with K, M, G or T" },
		{ { "-o", "uid=nobody-of-that-name", "/m" }, "user's name" },
		{ { "-o", "cache_dir=", "/m" }, "a path is wanted" },
		{ { "-o", "timezone=", "/m" }, "the name of a time zone" },
		{ { "-o", "timezone=/etc/passwd", "/m" }, "the name of a time zone" },
		{ { "-o", "timezone=Nowhere/Atall", "/m" }, "the name of a time zone" },
		{ { "/m", "-o" }, "-o lacks its options" },
		{ { "--hepl" }, "did you mean '--help'?" },
		{ { "-x", "/m" }, "there is no flag '-x'" },
		{ { "/a", "/b" }, "'/a' and '/b'" },
		{ { "-f" }, "a mount point is wanted" },
		{ { "" }, "empty" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct options o;
		struct qx_fail fail;
		assert_int_equal(parse(&o, &fail, rows[i].words), -EINVAL);
		if (!strstr(fail.why, rows[i].named))
			fail_msg("%s does not say: %s", fail.why, rows[i].named);
		options_done(&o);
	}
}

static void test_a_zone_that_is_none_is_answered_with_the_nearest(void **state)
{
	(void)state;
	struct options o;
	struct qx_fail fail;

	assert_int_equal(parse(&o, &fail, WORDS("-o", "timezone=Europe/Berln", "/m")), -EINVAL);
	bool listed = access("/usr/share/zoneinfo/Europe/Berlin", R_OK) == 0;
	assert_non_null(strstr(fail.why, listed ? "; did you mean 'Europe/Berlin'?"
	                                        : "sudo apt install tzdata"));
	options_done(&o);
}

static void test_the_value_of_an_unknown_option_is_not_repeated(void **state)
{
	(void)state;
	struct options o;
	struct qx_fail fail;

	assert_int_equal(parse(&o, &fail, WORDS("-o", "token=very-secret", "/m")), -EINVAL);
	assert_null(strstr(fail.why, "very-secret"));
	options_done(&o);
}

static void test_help_wants_no_mount_point(void **state)
{
	(void)state;
	struct options o;

	parse_well(&o, WORDS("--help"));
	assert_true(o.help);
	options_done(&o);
	parse_well(&o, WORDS("-V"));
	assert_true(o.version);
	options_done(&o);
	parse_well(&o, WORDS("--print-tree"));
	assert_true(o.print_tree);
	options_done(&o);
}

static void test_sizes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int r;
		uint64_t bytes;
	} rows[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "1K", 0, 1024 },
		{ "20G", 0, 20ULL << 30 },
		{ "5m", 0, 5 << 20 },
		{ "2T", 0, 2ULL << 40 },
		{ "8388607T", 0, 8388607ULL << 40 },
		{ "8388608T", -ERANGE, 0 },
		{ "16777216T", -ERANGE, 0 },
		{ "9223372036854775808", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "G", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1.5G", -EINVAL, 0 },
		{ "1GB", -EINVAL, 0 },
		{ "1X", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "111111111111111111111111111", -EINVAL, 0 },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		uint64_t bytes = 0;
		int r = value_parse(VALUE_SIZE, rows[i].text, 0, INT64_MAX, &bytes);
		if (r != rows[i].r || bytes != rows[i].bytes)
			fail_msg("%s: %d, %llu", rows[i].text, r, (unsigned long long)bytes);
	}
}

static void test_shares(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int r;
		int64_t permille;
	} rows[] = {
		{ "0.8", 0, 800 },      { "1", 0, 1000 },       { "1.0", 0, 1000 },
		{ ".5", 0, 500 },       { "0.0125", 0, 12 },    { "0.", -ERANGE, 0 },
		{ "", -EINVAL, 0 },     { ".", -EINVAL, 0 },    { "0.5.5", -EINVAL, 0 },
		{ "-0.5", -EINVAL, 0 }, { "0,5", -EINVAL, 0 },  { "1e0", -EINVAL, 0 },
		{ "50", -ERANGE, 0 },   { "0.00", -ERANGE, 0 }, { "nan", -EINVAL, 0 },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		int64_t permille = 0;
		int r = value_parse(VALUE_SHARE, rows[i].text, 10, 1000, &permille);
		if (r != rows[i].r || permille != rows[i].permille)
			fail_msg("%s: %d, %lld", rows[i].text, r, (long long)permille);
	}
}

static const char *fruit_at(size_t i)
{
	static const char *const fruits[] = { "apple", "pear", "plum", "strawberry" };
	return i < countof(fruits) ? fruits[i] : NULL;
}

static void test_what_was_probably_meant(void **state)
{
	(void)state;

	assert_string_equal(nearest("aple", fruit_at), "apple");
	assert_string_equal(nearest("straw", fruit_at), "strawberry");
	assert_string_equal(nearest("strawbery", fruit_at), "strawberry");
	assert_string_equal(nearest("peer", fruit_at), "pear");
	assert_string_equal(nearest("APLE", fruit_at), "apple");
	assert_string_equal(nearest("STRAW", fruit_at), "strawberry");
	assert_null(nearest("tomato", fruit_at));
	assert_null(nearest("", fruit_at));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_those_of_the_design),
		cmocka_unit_test(test_every_option_reaches_its_field),
		cmocka_unit_test(test_the_later_of_two_values_wins),
		cmocka_unit_test(test_a_backslash_keeps_a_comma),
		cmocka_unit_test(test_relative_folders_become_absolute),
		cmocka_unit_test(test_others_are_let_in_but_may_read_nothing_unless_told),
		cmocka_unit_test(test_debugging_stays_in_the_foreground),
		cmocka_unit_test(test_after_two_dashes_all_is_a_path),
		cmocka_unit_test(test_what_is_wrong_is_named),
		cmocka_unit_test(test_a_zone_that_is_none_is_answered_with_the_nearest),
		cmocka_unit_test(test_the_value_of_an_unknown_option_is_not_repeated),
		cmocka_unit_test(test_help_wants_no_mount_point),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_what_was_probably_meant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
