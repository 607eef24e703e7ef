/* check_dates.c: names below dates/ as spans. Zones are given by their rules, not by names, so that
 * no database is needed: one test apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <qxfs/base/sys.h>
#include <qxfs/base/zone.h>

#include "../../fs/tree/dates.h"

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"
#define AZORES "<-01>1<+00>,M3.5.0/0,M10.5.0/1"    /* left out and repeated: 00:00 to 01:00 */
#define SAO_PAULO "<-03>3<-02>,M10.3.0/0,M2.3.0/0" /* at 24:00 back to 23:00 */
#define KIRITIMATI "<+14>-14"
#define NEWFOUNDLAND "NST3:30NDT,M3.2.0/0:01,M11.1.0/0:01" /* at 00:01 back to the day before */

#define NOW "2026-03-10T22:30:00Z" /* a Tuesday */

static struct zone *zone;

static void in_zone(const char *rule)
{
	assert_int_equal(setenv("TZ", rule, 1), 0);
	zone_free(zone);
	zone = NULL;
	assert_int_equal(zone_new("", &zone), 0);
}

static int start_in_utc(void **state)
{
	(void)state;
	in_zone("UTC0");
	return 0;
}

static int drop_zone(void **state)
{
	(void)state;
	zone_free(zone);
	zone = NULL;
	return 0;
}

static int64_t moment(const char *text)
{
	int64_t t;
	assert_int_equal(sys_parse_time(text, &t), 0);
	return t;
}

/* The span as "START END", '-' where it is open. */
static const char *span_at(const char *name, const char *now)
{
	static char out[300];
	char start[21] = "-", end[21] = "-";
	struct dates d;
	struct qx_fail why = { 0 };

	if (dates_parse(name, zone, moment(now), &d, &why) < 0) {
		(void)snprintf(out, sizeof(out), "refused: %s", why.why);
		return out;
	}
	if (d.start_s != INT64_MIN)
		sys_format_time(d.start_s, start);
	if (d.end_s != INT64_MAX)
		sys_format_time(d.end_s, end);
	(void)snprintf(out, sizeof(out), "%s %s", start, end);
	return out;
}

static void span_is(const char *name, const char *expected)
{
	assert_string_equal(span_at(name, NOW), expected);
}

static void refused(const char *name, const char *words)
{
	struct dates d = { 1, 2, 3 };
	struct qx_fail why = { 0 };

	assert_int_equal(dates_parse(name, zone, moment(NOW), &d, &why), -ENOENT);
	assert_int_equal(why.err, ENOENT);
	if (!strstr(why.why, words) && !strstr(why.remedy, words))
		fail_msg("%s: '%s' '%s' lacks '%s'", name, why.why, why.remedy, words);
	assert_int_equal(d.start_s, 1); /* untouched */
}

static void test_a_day_a_month_and_a_year_are_whole(void **state)
{
	(void)state;
	in_zone("UTC0");
	span_is("2026-01-15", "2026-01-15T00:00:00Z 2026-01-16T00:00:00Z");
	span_is("2026-01", "2026-01-01T00:00:00Z 2026-02-01T00:00:00Z");
	span_is("2026-12", "2026-12-01T00:00:00Z 2027-01-01T00:00:00Z");
	span_is("2026", "2026-01-01T00:00:00Z 2027-01-01T00:00:00Z");
	span_is("2024-02-29", "2024-02-29T00:00:00Z 2024-03-01T00:00:00Z");
}

static void test_a_span_of_days_includes_the_last_one(void **state)
{
	(void)state;
	in_zone("UTC0");
	span_is("2026-01-01..2026-01-31", "2026-01-01T00:00:00Z 2026-02-01T00:00:00Z");
	span_is("2026-01-15..2026-01-15", "2026-01-15T00:00:00Z 2026-01-16T00:00:00Z");
	span_is("2025..2026-03", "2025-01-01T00:00:00Z 2026-04-01T00:00:00Z");
}

static void test_open_ends(void **state)
{
	(void)state;
	in_zone("UTC0");
	span_is("2026-01-01..", "2026-01-01T00:00:00Z -");
	span_is("..2026-01-31", "- 2026-02-01T00:00:00Z");
	span_is("20260115T080000Z..", "2026-01-15T08:00:00Z -");
	span_is("..20260115T080000Z", "- 2026-01-15T08:00:00Z");
}

static void test_moments_are_half_open_in_either_spelling(void **state)
{
	(void)state;
	in_zone(BERLIN); /* no matter */
	span_is("20260115T080000Z..20260115T093001Z", "2026-01-15T08:00:00Z 2026-01-15T09:30:01Z");
	span_is("2026-01-15T08:00:00Z..2026-01-15T09:30:01Z",
	        "2026-01-15T08:00:00Z 2026-01-15T09:30:01Z");
	span_is("2026-01-15T08:00:00+02:00..20260115T080000-0530",
	        "2026-01-15T06:00:00Z 2026-01-15T13:30:00Z");
}

static void test_mixtures_begin_and_end_as_their_parts_do(void **state)
{
	(void)state;
	in_zone(BERLIN);
	span_is("2026-01-15..20260115T080000Z", "2026-01-14T23:00:00Z 2026-01-15T08:00:00Z");
	span_is("20260115T080000Z..2026-01-15", "2026-01-15T08:00:00Z 2026-01-15T23:00:00Z");
	span_is("2026-01..yesterday", "2025-12-31T23:00:00Z 2026-03-09T23:00:00Z");
}

static void test_days_are_those_of_the_zone(void **state)
{
	(void)state;
	in_zone(BERLIN);
	span_is("2026-01-15", "2026-01-14T23:00:00Z 2026-01-15T23:00:00Z");
	span_is("2026-07", "2026-06-30T22:00:00Z 2026-07-31T22:00:00Z");
	in_zone(NEW_YORK);
	span_is("2026-01-15", "2026-01-15T05:00:00Z 2026-01-16T05:00:00Z");
	in_zone(KIRITIMATI);
	span_is("2026-01-15", "2026-01-14T10:00:00Z 2026-01-15T10:00:00Z");
}

static void test_days_of_23_and_25_hours(void **state)
{
	(void)state;
	in_zone(BERLIN);
	span_is("2026-03-29", "2026-03-28T23:00:00Z 2026-03-29T22:00:00Z");
	span_is("2026-10-25", "2026-10-24T22:00:00Z 2026-10-25T23:00:00Z");
	in_zone(NEW_YORK);
	span_is("2026-03-08", "2026-03-08T05:00:00Z 2026-03-09T04:00:00Z");
	span_is("2026-11-01", "2026-11-01T04:00:00Z 2026-11-02T05:00:00Z");
}

static void test_a_midnight_that_is_left_out_or_comes_twice(void **state)
{
	(void)state;
	in_zone(AZORES);
	span_is("2026-03-29", "2026-03-29T01:00:00Z 2026-03-30T00:00:00Z");
	span_is("2026-10-25", "2026-10-25T00:00:00Z 2026-10-26T01:00:00Z");
	in_zone(SAO_PAULO);
	span_is("2026-02-14", "2026-02-14T02:00:00Z 2026-02-15T03:00:00Z");
	span_is("2026-02-15", "2026-02-15T03:00:00Z 2026-02-16T03:00:00Z");
	span_is("2026-10-18", "2026-10-18T03:00:00Z 2026-10-19T02:00:00Z");
}

/* Each moment is in exactly one day, whatever the clocks do. */
static void test_days_follow_each_other_without_gap(void **state)
{
	static const char *const zones[] = { BERLIN,    NEW_YORK,   AZORES,
		                             SAO_PAULO, KIRITIMATI, NEWFOUNDLAND };
	struct qx_fail why;

	(void)state;
	for (size_t i = 0; i < countof(zones); i++) {
		in_zone(zones[i]);
		struct dates year, day = { 0 };
		assert_int_equal(dates_parse("2026", zone, 0, &year, &why), 0);
		int64_t end_s = year.start_s;
		for (time_t t = 1767268800; t < 1767268800 + 365LL * 86400; t += 86400) {
			struct tm tm;
			char name[16];
			gmtime_r(&t, &tm);
			strftime(name, sizeof(name), "%Y-%m-%d", &tm);
			assert_int_equal(dates_parse(name, zone, 0, &day, &why), 0);
			assert_int_equal(day.start_s, end_s);
			assert_in_range(day.end_s - day.start_s, 22 * 3600 + 59 * 60, 90060);
			end_s = day.end_s;
		}
		assert_int_equal(end_s, year.end_s);
	}
}

static void test_a_day_that_a_zone_left_out_is_empty(void **state)
{
	(void)state;
	in_zone(":Pacific/Apia");
	int64_t t = 1325300000; /* 2011-12-31 there */
	if (zone_local_s(zone, t) != t + 14 * 3600)
		skip(); /* no database of zones on this machine */
	refused("2011-12-30", "2011-12-30 spans no time");
	span_is("2011-12-29..2011-12-31", "2011-12-29T10:00:00Z 2011-12-31T10:00:00Z");
}

static void test_recent_days_are_counted_with_today(void **state)
{
	(void)state;
	in_zone("UTC0"); /* 2026-03-10 */
	span_is("today", "2026-03-10T00:00:00Z 2026-03-11T00:00:00Z");
	span_is("yesterday", "2026-03-09T00:00:00Z 2026-03-10T00:00:00Z");
	span_is("last-7-days", "2026-03-04T00:00:00Z 2026-03-11T00:00:00Z");
	span_is("last-1-days", "2026-03-10T00:00:00Z 2026-03-11T00:00:00Z");
	span_is("last-3660-days", "2016-03-03T00:00:00Z 2026-03-11T00:00:00Z");
	span_is("2026-03-01..today", "2026-03-01T00:00:00Z 2026-03-11T00:00:00Z");
	span_is("yesterday..", "2026-03-09T00:00:00Z -");
	in_zone(KIRITIMATI); /* 2026-03-11 there */
	span_is("today", "2026-03-10T10:00:00Z 2026-03-11T10:00:00Z");
}

static void test_recent_days_over_a_change_of_clocks(void **state)
{
	(void)state;
	in_zone(BERLIN);
	assert_string_equal(span_at("last-2-days", "2026-03-30T12:00:00Z"),
	                    "2026-03-28T23:00:00Z 2026-03-30T22:00:00Z");
	assert_string_equal(span_at("yesterday", "2026-03-29T22:00:00Z"), /* midnight: the 30th */
	                    "2026-03-28T23:00:00Z 2026-03-29T22:00:00Z");
	assert_string_equal(span_at("today", "2026-03-29T21:59:59Z"), /* still the 29th */
	                    "2026-03-28T23:00:00Z 2026-03-29T22:00:00Z");
}

static void test_a_name_tells_until_when_it_means_this(void **state)
{
	static const struct {
		const char *name;
		bool moves;
	} rows[] = {
		{ "2026-01-15", false },
		{ "2026-01-01..", false },
		{ "today", true },
		{ "yesterday", true },
		{ "last-7-days", true },
		{ "2026-01..today", true },
		{ "yesterday..2026-12", true },
		{ "..yesterday", true },
	};

	(void)state;
	in_zone(BERLIN);
	for (size_t i = 0; i < countof(rows); i++) {
		struct dates d;
		struct qx_fail why;
		assert_int_equal(dates_parse(rows[i].name, zone, moment(NOW), &d, &why), 0);
		int64_t until = rows[i].moves ? moment("2026-03-10T23:00:00Z") : INT64_MAX;
		assert_int_equal(d.until_s, until);
	}
}

static void test_what_the_calendar_does_not_have(void **state)
{
	(void)state;
	in_zone("UTC0");
	refused("2026-02-30", "the calendar has no 2026-02-30");
	refused("2025-02-29", "no 2025-02-29");
	refused("2026-13", "no 2026-13");
	refused("2026-00", "no 2026-00");
	refused("2026-01-00", "no 2026-01-00");
	refused("2026-01-01..2026-06-31", "no 2026-06-31");
	refused("20260230T080000Z..", "no moment");
	refused("2026-01-15T24:00:00Z..", "no moment");
}

static void test_years_from_1970_to_2099(void **state)
{
	(void)state;
	in_zone("UTC0");
	refused("1969", "not within the years 1970 to 2099");
	refused("2100-01-01..", "not within");
	refused("..0000-01", "not within");
	refused("19691231T235959Z..", "no moment from 1970 to 2099");
	refused("..21000101T000000Z", "no moment from 1970 to 2099");
	span_is("1970..2099", "1970-01-01T00:00:00Z 2100-01-01T00:00:00Z");
	span_is("19700101T000000Z..20991231T235959Z", "1970-01-01T00:00:00Z 2099-12-31T23:59:59Z");
	in_zone(BERLIN); /* the service knows no time before 1970 */
	span_is("1970", "1970-01-01T00:00:00Z 1970-12-31T23:00:00Z");
}

static void test_spans_that_hold_nothing(void **state)
{
	(void)state;
	in_zone("UTC0");
	refused("2026-02-01..2026-01-01", "ends before it begins");
	refused("2026-02..2026-01-15", "ends before it begins");
	refused("20260115T080000Z..2026-01-14", "ends before it begins");
	refused("20260115T080000Z", "20260115T080000Z spans no time");
	refused("20260115T080000Z..20260115T080000Z", "spans no time");
	refused("20260115T000000Z..2026-01-14", "spans no time");
	refused("..", "names no day");
}

static void test_what_is_no_date_at_all(void **state)
{
	static const char *const names[] = {
		"",
		"foo",
		"2026-1-5",
		"26",
		"20260115",
		"2026-",
		"2026-01-15 ",
		" 2026",
		"2026-01-15T",
		"Yesterday",
		"tomorrow",
		"-2026",
		"2026.01.15",
		"15.01.2026",
		"+2026",
		"2026-01-01...2026-02-01",
		"2026-01..2026-02..2026-03",
		"2026-01-01--2026-02-01",
		"0x7e-01",
		"2026-0a",
		"todays",
		"last week",
	};

	(void)state;
	in_zone("UTC0");
	for (size_t i = 0; i < countof(names); i++)
		refused(names[i], "is no day, month, year or moment");
	refused("2026-1-5", "Write as 2026-01-15");
}

static void test_days_that_are_counted_wrongly(void **state)
{
	static const char *const names[] = {
		"last-0-days", "last-3661-days", "last--1-days",
		"last-days",   "last-7-day",     "last-7-days-",
		"last-",       "last-+7-days",   "last-99999999999999999999-days"
	};

	(void)state;
	for (size_t i = 0; i < countof(names); i++)
		refused(names[i], "is not last-N-days with N from 1 to 3660");
}

static void test_moments_need_whole_seconds_and_a_zone(void **state)
{
	static const char *const names[] = {
		"20260115T080000..",          "2026-01-15T08:00:00..",   "2026-01-15T08:00:00.5Z..",
		"2026-01-15T08:00:00.000Z..", "2026-01-15T08:00:00+2..", "20260115T080000ZZ..",
		"20260115T086000Z..",         "..20260115T080000+25:00",
	};

	(void)state;
	for (size_t i = 0; i < countof(names); i++) {
		refused(names[i], "is no moment");
		refused(names[i], "whole seconds and Z or an offset");
	}
}

static void test_a_name_of_any_length_is_refused_in_a_sentence(void **state)
{
	char name[4096];

	(void)state;
	for (size_t len = 30; len < sizeof(name); len += 13) {
		memset(name, '1', len);
		name[len] = '\0';
		refused(name, "' is no day, month, year or moment");
		memcpy(name, "last-", 5);
		refused(name, "last-111");
	}
}

static void members_are(const char *name, const char *expected)
{
	struct buf out = { 0 };
	struct dates d;
	struct qx_fail why;

	assert_int_equal(dates_parse(name, zone, moment(NOW), &d, &why), 0);
	dates_members(&d, &out);
	assert_string_equal(buf_text(&out), expected);
	buf_done(&out);
}

static void test_members_of_the_post(void **state)
{
	(void)state;
	in_zone(BERLIN);
	members_are("2026-01", "\"startDate\":\"2025-12-31T23:00:00Z\","
	                       "\"endDate\":\"2026-01-31T23:00:00Z\"");
	members_are("2026-01-01..", "\"startDate\":\"2025-12-31T23:00:00Z\"");
	members_are("..2026-01-31", "\"endDate\":\"2026-01-31T23:00:00Z\"");
}

static void test_equal_spans_give_equal_bytes(void **state)
{
	static const char *const names[] = {
		"2026-03-10",
		"today",
		"last-1-days",
		"2026-03-10..2026-03-10",
		"20260309T230000Z..20260310T230000Z",
		"2026-03-10T00:00:00+01:00..2026-03-10",
	};

	(void)state;
	in_zone(BERLIN);
	for (size_t i = 0; i < countof(names); i++)
		members_are(names[i], "\"startDate\":\"2026-03-09T23:00:00Z\","
		                      "\"endDate\":\"2026-03-10T23:00:00Z\"");
}

/* Every example of the help is a name, or with an open end one. */
static void test_the_help_does_not_lie(void **state)
{
	struct buf help = { 0 };
	unsigned rows = 0;

	(void)state;
	in_zone("UTC0");
	dates_help(&help);
	char *rest = buf_steal(&help);
	assert_non_null(rest);
	char *from = rest;
	for (char *row; (row = strsep(&from, "\n")) && *row; rows++) {
		char name[64];
		assert_int_equal(sscanf(row, "| `%50[^`]` | ", name), 1);
		if (strchr(name, 'T'))
			strncat(name, "..", 2);
		assert_null(strstr(span_at(name, NOW), "refused"));
	}
	assert_int_equal(rows, 11);
	free(rest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_day_a_month_and_a_year_are_whole),
		cmocka_unit_test(test_a_span_of_days_includes_the_last_one),
		cmocka_unit_test(test_open_ends),
		cmocka_unit_test(test_moments_are_half_open_in_either_spelling),
		cmocka_unit_test(test_mixtures_begin_and_end_as_their_parts_do),
		cmocka_unit_test(test_days_are_those_of_the_zone),
		cmocka_unit_test(test_days_of_23_and_25_hours),
		cmocka_unit_test(test_a_midnight_that_is_left_out_or_comes_twice),
		cmocka_unit_test(test_days_follow_each_other_without_gap),
		cmocka_unit_test(test_a_day_that_a_zone_left_out_is_empty),
		cmocka_unit_test(test_recent_days_are_counted_with_today),
		cmocka_unit_test(test_recent_days_over_a_change_of_clocks),
		cmocka_unit_test(test_a_name_tells_until_when_it_means_this),
		cmocka_unit_test(test_what_the_calendar_does_not_have),
		cmocka_unit_test(test_years_from_1970_to_2099),
		cmocka_unit_test(test_spans_that_hold_nothing),
		cmocka_unit_test(test_what_is_no_date_at_all),
		cmocka_unit_test(test_days_that_are_counted_wrongly),
		cmocka_unit_test(test_moments_need_whole_seconds_and_a_zone),
		cmocka_unit_test(test_a_name_of_any_length_is_refused_in_a_sentence),
		cmocka_unit_test(test_members_of_the_post),
		cmocka_unit_test(test_equal_spans_give_equal_bytes),
		cmocka_unit_test(test_the_help_does_not_lie),
	};
	return cmocka_run_group_tests(tests, start_in_utc, drop_zone);
}
