/* check_zone.c: clocks on the wall, here and elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <qxfs/base/zone.h>

#include "../../fs/base/zone_rule.h"

static int64_t moment(const char *text)
{
	int64_t s = 0;
	assert_int_equal(sys_parse_time(text, &s), 0);
	return s;
}

static struct zone *zone(const char *name)
{
	struct zone *z = NULL;
	if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
		skip(); /* no tz database on this machine */
	assert_int_equal(zone_new(name, &z), 0);
	return z;
}

static void test_summer_and_winter(void **state)
{
	(void)state;
	struct zone *z = zone("Europe/Berlin");
	assert_string_equal(zone_name(z), "Europe/Berlin");
	assert_int_equal(zone_local_s(z, moment("2026-01-15T12:00:00Z")),
	                 moment("2026-01-15T13:00:00Z"));
	assert_int_equal(zone_local_s(z, moment("2026-07-15T12:00:00Z")),
	                 moment("2026-07-15T14:00:00Z"));
	assert_int_equal(zone_utc_s(z, moment("2026-07-15T14:00:00Z")),
	                 moment("2026-07-15T12:00:00Z"));
	/* beyond the last transition of any file: by the rule */
	assert_int_equal(zone_local_s(z, moment("2126-07-15T12:00:00Z")),
	                 moment("2126-07-15T14:00:00Z"));
	zone_free(z);
}

static void test_an_hour_twice_is_the_first_and_a_missing_one_the_next(void **state)
{
	(void)state;
	struct zone *z = zone("America/Denver");
	assert_int_equal(zone_utc_s(z, moment("2020-11-01T01:30:00Z")),
	                 moment("2020-11-01T07:30:00Z"));
	assert_int_equal(zone_utc_s(z, moment("2020-03-08T02:30:00Z")),
	                 moment("2020-03-08T09:30:00Z"));
	zone_free(z);
}

/* The C library is the judge: each hour of two years, in the zones of API.md 3.2 with odd rules. */
static void test_the_c_library_agrees(void **state)
{
	static const char *const names[] = { "Europe/Berlin",    "America/Denver",
		                             "Asia/Tehran",      "Australia/Adelaide",
		                             "Asia/Kabul",       "America/Noronha",
		                             "Pacific/Auckland", "Africa/Bangui",
		                             "Europe/Dublin" };
	static const char *const from[] = { "2019-12-31T00:00:00Z", "2036-12-01T00:30:00Z" };
	(void)state;
	char *was = getenv("TZ") ? strdup(getenv("TZ")) : NULL;

	for (size_t n = 0; n < countof(names); n++) {
		struct zone *z = zone(names[n]);
		setenv("TZ", names[n], 1);
		tzset();
		for (size_t f = 0; f < countof(from); f++)
			for (int hour = 0; hour < 3 * 8766; hour++) {
				time_t t = (time_t)(moment(from[f]) + (int64_t)hour * 3600);
				struct tm tm;
				localtime_r(&t, &tm);
				if (zone_local_s(z, t) != t + tm.tm_gmtoff)
					fail_msg("%s at %lld", names[n], (long long)t);
			}
		zone_free(z);
	}
	if (was)
		setenv("TZ", was, 1);
	else
		unsetenv("TZ");
	tzset();
	free(was);
}

static void test_utc_needs_no_file(void **state)
{
	(void)state;
	struct zone *z = NULL;
	assert_int_equal(zone_new("Z", &z), 0);
	assert_string_equal(zone_name(z), "UTC");
	assert_int_equal(zone_local_s(z, 1234567890), 1234567890);
	assert_int_equal(zone_utc_s(z, -5), -5);
	zone_free(z);
}

/* TZ as the C library reads it: each hour of two years, by rules and by files. */
static void test_the_machine_s_zone_is_that_of_the_c_library(void **state)
{
	static const struct {
		const char *tz, *name;
	} rows[] = {
		{ "UTC0", "UTC0" },
		{ "", "UTC" },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "CET-1CEST,M3.5.0,M10.5.0/3" },
		{ "<-03>3<-02>,M10.3.0/0,M2.3.0/0", "<-03>3<-02>,M10.3.0/0,M2.3.0/0" },
		{ "LMT-03:10:05", "LMT-03:10:05" },
		{ ":America/Denver", "America/Denver" },
		{ "/usr/share/zoneinfo/Asia/Kabul", "Asia/Kabul" },
	};
	(void)state;
	zone_free(zone("Europe/Berlin"));
	char *was = getenv("TZ") ? strdup(getenv("TZ")) : NULL;

	for (size_t n = 0; n < countof(rows); n++) {
		struct zone *z = NULL;
		setenv("TZ", rows[n].tz, 1);
		tzset();
		assert_int_equal(zone_new("", &z), 0);
		assert_string_equal(zone_name(z), rows[n].name);
		for (int hour = 0; hour < 2 * 8766; hour++) {
			time_t t = (time_t)(moment("2025-12-31T00:30:00Z") + (int64_t)hour * 3600);
			struct tm tm;
			localtime_r(&t, &tm);
			if (zone_local_s(z, t) != t + tm.tm_gmtoff)
				fail_msg("%s at %lld", rows[n].tz, (long long)t);
		}
		zone_free(z);
	}
	if (was)
		setenv("TZ", was, 1);
	else
		unsetenv("TZ");
	tzset();
	free(was);
}

static const char *key_of(const char *tz)
{
	static char key[100];
	struct buf text = { 0 };
	struct zone *z = NULL;

	setenv("TZ", tz, 1);
	assert_int_equal(zone_new(NULL, &z), 0);
	zone_add_key(z, &text);
	(void)snprintf(key, sizeof(key), "%s", buf_text(&text));
	buf_done(&text);
	zone_free(z);
	return key;
}

/* What is made with the one must not be taken for what was made with the other. */
static void test_files_without_a_name_are_told_apart_by_their_bytes(void **state)
{
	static const char *const from[] = { "/usr/share/zoneinfo/Asia/Kabul",
		                            "/usr/share/zoneinfo/Asia/Tehran" };
	char path[] = "/tmp/check-zone.XXXXXX";
	char first[100] = "";
	(void)state;
	zone_free(zone("Europe/Berlin"));
	char *was = getenv("TZ") ? strdup(getenv("TZ")) : NULL;
	int fd = mkstemp(path);
	assert_true(fd >= 0);

	for (size_t i = 0; i < countof(from); i++) {
		struct buf bytes = { 0 };
		assert_int_equal(sys_read_file_at(AT_FDCWD, from[i], 1 << 20, &bytes), 0);
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, bytes.data, bytes.len, 0), (ssize_t)bytes.len);
		buf_done(&bytes);
		const char *key = key_of(path);
		assert_memory_equal(key, "local time ", 11);
		assert_string_not_equal(key, first);
		(void)snprintf(first, sizeof(first), "%s", key);
	}
	assert_string_equal(key_of("Asia/Kabul"), "Asia/Kabul");
	close(fd);
	unlink(path);
	if (was)
		setenv("TZ", was, 1);
	else
		unsetenv("TZ");
	free(was);
}

static void near_is(const char *name, const char *expected)
{
	char near[ZONE_NAME_BYTES];
	bool none;

	zone_nearest(name, near, &none);
	assert_false(none);
	assert_string_equal(near, expected);
}

static void test_what_was_probably_meant(void **state)
{
	(void)state;
	zone_free(zone("Europe/Berlin"));
	near_is("Europe/Berln", "Europe/Berlin");
	near_is("europe/berlin", "Europe/Berlin");
	near_is("Berlin", "Europe/Berlin");
	near_is("buenos_aires", "America/Argentina/Buenos_Aires");
	near_is("Europe/Berlin.old/and/more/of/it", "");
	near_is("zone.tab", ""); /* a file of the database that is no zone */
	near_is("", "");
}

static void test_names_that_are_none_are_refused(void **state)
{
	static const char *const names[] = { "../../etc/passwd", "/etc/localtime", "Europe/../UTC",
		                             "Europe/Ber lin",   "posixrules\n",   "." };
	(void)state;
	struct zone *z = NULL;
	for (size_t i = 0; i < countof(names); i++)
		assert_int_equal(zone_new(names[i], &z), -EINVAL);
	assert_int_equal(zone_new("Europe/Atlantis", &z), -ENOENT);
	assert_int_equal(zone_new("Europe", &z), -ENOENT);
}

static void test_rules_as_posix_writes_them(void **state)
{
	(void)state;
	struct zone_rule r;
	assert_int_equal(zone_rule_parse("CET-1CEST,M3.5.0,M10.5.0/3", &r), 0);
	assert_int_equal(zone_rule_offset(&r, moment("2030-03-31T00:59:59Z")), 3600);
	assert_int_equal(zone_rule_offset(&r, moment("2030-03-31T01:00:00Z")), 7200);
	assert_int_equal(zone_rule_offset(&r, moment("2030-10-27T00:59:59Z")), 7200);
	assert_int_equal(zone_rule_offset(&r, moment("2030-10-27T01:00:00Z")), 3600);
	assert_int_equal(zone_rule_parse("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", &r), 0);
	assert_int_equal(zone_rule_offset(&r, moment("2030-01-01T00:00:00Z")), 39600);
	assert_int_equal(zone_rule_offset(&r, moment("2030-06-01T00:00:00Z")), 37800);
	assert_int_equal(zone_rule_parse("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", &r), 0);
	assert_int_equal(zone_rule_offset(&r, moment("2030-06-01T00:00:00Z")), -3600);
	assert_int_equal(zone_rule_parse("AAA3BBB,J60/0,300", &r), 0);
	assert_int_equal(zone_rule_offset(&r, moment("2028-03-01T02:59:59Z")), -10800);
	assert_int_equal(zone_rule_offset(&r, moment("2028-03-01T03:00:00Z")), -7200);

	static const char *const wrong[] = { "",
		                             "CET",
		                             "C-1",
		                             "CET-1CEST",
		                             "CET-1CEST,M3.5.0",
		                             "CET-1CEST,M13.5.0,M1.1.1",
		                             "CET-999",
		                             "<CET-1",
		                             "CET-1CEST,M3.5.0,M10.5.0/3x",
		                             "CET-1CEST,J0,J1" };
	for (size_t i = 0; i < countof(wrong); i++)
		assert_int_equal(zone_rule_parse(wrong[i], &r), -EBADMSG);
}

static void test_a_clock_is_read_strictly(void **state)
{
	(void)state;
	int64_t s = 0;
	const char *rest = "";
	assert_true(sys_parse_clock("2020-02-29 18:16:42.5", &s, &rest));
	assert_int_equal(s, moment("2020-02-29T18:16:42Z"));
	assert_string_equal(rest, ".5");
	assert_true(sys_parse_clock("0001-01-01T00:00:00", &s, &rest));
	assert_int_equal(s, moment("0001-01-01T00:00:00Z"));
	assert_false(sys_parse_clock("2021-02-29 18:16:42", &s, &rest));
	assert_false(sys_parse_clock("2020-02-29 24:16:42", &s, &rest));
	assert_false(sys_parse_clock("2020-02-29 18:16", &s, &rest));
	assert_false(sys_parse_clock("19.02.2020 18:16:42", &s, &rest));
	assert_false(sys_parse_clock("", &s, &rest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_summer_and_winter),
		cmocka_unit_test(test_an_hour_twice_is_the_first_and_a_missing_one_the_next),
		cmocka_unit_test(test_the_c_library_agrees),
		cmocka_unit_test(test_utc_needs_no_file),
		cmocka_unit_test(test_the_machine_s_zone_is_that_of_the_c_library),
		cmocka_unit_test(test_files_without_a_name_are_told_apart_by_their_bytes),
		cmocka_unit_test(test_what_was_probably_meant),
		cmocka_unit_test(test_names_that_are_none_are_refused),
		cmocka_unit_test(test_rules_as_posix_writes_them),
		cmocka_unit_test(test_a_clock_is_read_strictly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
