/* dates.c: the spellings are a table: a shape, who reads it, and what the help says.
 *
 * Each of them is a span by itself, a moment an empty one. FROM..TO begins where FROM begins and
 * ends where TO ends, so that mixtures need no rule of their own.
 *
 * "Local" seconds are what a clock on the wall shows, counted as if it were UTC's. */
#include "dates.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <qxfs/base/sys.h>

#define DAY_S INT64_C(86400)
#define YEAR_MIN 1970
#define YEAR_MAX 2099
#define MOMENT_MAX_S INT64_C(4102444800) /* 2100-01-01T00:00:00Z */
#define OFFSET_MAX_S (26 * 3600)         /* no zone is farther from UTC */
#define LAST_DAYS_MAX 3660
#define PART_BYTES 40 /* no spelling is longer */

/* --- the calendar of the zone --- */

/* The first moment at which clocks show midnight of that day, or later: some zones leave midnight
 * out when summer begins, Samoa left out a day. Where clocks go back over midnight (Newfoundland
 * until 2011), one of its two moments: always the same one. */
static int64_t midnight(const struct zone *zone, int64_t local_s)
{
	int64_t before = local_s - OFFSET_MAX_S;
	int64_t after = local_s + OFFSET_MAX_S;

	while (after - before > 1) {
		int64_t t = before + (after - before) / 2;
		if (zone_local_s(zone, t) < local_s)
			before = t;
		else
			after = t;
	}
	return after;
}

/* The days from one midnight to another. */
static struct dates days(const struct zone *zone, int64_t first_local_s, int64_t after_local_s)
{
	int64_t start = midnight(zone, first_local_s);

	return (struct dates){
		.start_s = start > 0 ? start : 0, /* the service knows no time before 1970 */
		.end_s = midnight(zone, after_local_s),
		.until_s = INT64_MAX,
	};
}

/* --- the spellings --- */

/* Where, and which day it is there. */
struct today {
	const struct zone *zone;
	int64_t local_s;
};

typedef int read_fn(const char *text, const struct today *today, struct dates *ret,
                    struct qx_fail *why);

/* `count` digits, which the shape has promised. */
static int number(const char *digits, int count)
{
	int n = 0;

	for (int i = 0; i < count; i++)
		n = n * 10 + (digits[i] - '0');
	return n;
}

/* A year, a month or a day: as long as it is written precisely. */
static int read_calendar(const char *text, const struct today *today, struct dates *ret,
                         struct qx_fail *why)
{
	size_t len = strlen(text);
	bool has_month = len > 4;
	bool has_day = len > 7;
	int year = number(text, 4);
	struct tm first = {
		.tm_year = year - 1900,
		.tm_mon = has_month ? number(text + 5, 2) - 1 : 0,
		.tm_mday = has_day ? number(text + 8, 2) : 1,
	};
	struct tm after = first;
	struct tm real = first;

	*(has_day ? &after.tm_mday : has_month ? &after.tm_mon : &after.tm_year) += 1;
	int64_t first_s = timegm(&real); /* moves a day that does not exist to one that does */
	if (real.tm_mon != first.tm_mon || real.tm_mday != first.tm_mday)
		return fail_set(why, ENOENT, "the calendar has no %s", text);
	if (year < YEAR_MIN || year > YEAR_MAX)
		return fail_set(why, ENOENT, "%s is not within the years %d to %d", text, YEAR_MIN,
		                YEAR_MAX);
	*ret = days(today->zone, first_s, timegm(&after));
	return 0;
}

static int read_moment(const char *text, const struct today *today, struct dates *ret,
                       struct qx_fail *why)
{
	int64_t t;

	(void)today;
	if (dates_moment(text, &t) < 0) {
		fail_set(why, ENOENT, "'%s' is no moment from %d to %d", text, YEAR_MIN, YEAR_MAX);
		fail_remedy(why, "Write whole seconds and Z or an offset, as 20260115T080000Z or "
		                 "2026-01-15T08:00:00+02:00.");
		return -ENOENT;
	}
	*ret = (struct dates){ .start_s = t, .end_s = t, .until_s = INT64_MAX };
	return 0;
}

/* Whole days up to one that ends `behind` days before tomorrow. */
static int read_recent(const struct today *today, int64_t count, int64_t behind, struct dates *ret)
{
	int64_t tomorrow = today->local_s + DAY_S;
	int64_t end = tomorrow - behind * DAY_S;

	*ret = days(today->zone, end - count * DAY_S, end);
	ret->until_s = midnight(today->zone, tomorrow);
	return 0;
}

static int read_today(const char *text, const struct today *today, struct dates *ret,
                      struct qx_fail *why)
{
	(void)text;
	(void)why;
	return read_recent(today, 1, 0, ret);
}

static int read_yesterday(const char *text, const struct today *today, struct dates *ret,
                          struct qx_fail *why)
{
	(void)text;
	(void)why;
	return read_recent(today, 1, 1, ret);
}

static int read_last(const char *text, const struct today *today, struct dates *ret,
                     struct qx_fail *why)
{
	const char *from = text + strlen("last-");
	size_t n = strspn(from, "0123456789");
	char digits[PART_BYTES];
	int64_t count;

	memcpy(digits, from, n);
	digits[n] = '\0';
	if (strcmp(from + n, "-days") != 0 || sys_parse_int(digits, 1, LAST_DAYS_MAX, &count) < 0)
		return fail_set(why, ENOENT, "'%s' is not last-N-days with N from 1 to %d", text,
		                LAST_DAYS_MAX);
	return read_recent(today, count, 0, ret);
}

static const struct spelling {
	const char *shape; /* 0: a digit; * at its end: whatever follows */
	read_fn *read;
	const char *example;
	const char *meaning;
} spellings[] = {
	{ "0000-00-00", read_calendar, "2026-01-15", "that day" },
	{ "0000-00", read_calendar, "2026-01", "that month" },
	{ "0000", read_calendar, "2026", "that year" },
	{ "today", read_today, "today", "today; the name means another day from midnight on" },
	{ "yesterday", read_yesterday, "yesterday", "the day before" },
	{ "last-*", read_last, "last-7-days", "today and the six days before; 1 to 3660 days" },
	{ "00000000T000000*", read_moment, "20260115T080000Z",
	  "a moment, where a span begins or ends" },
	{ "0000-00-00T00:00:00*", read_moment, "2026-01-15T08:00:00+02:00",
	  "the same with colons, as RFC 3339 writes it" },
};

/* What stands between two of them, for the help only. */
static const struct {
	const char *example;
	const char *meaning;
} joined[] = {
	{ "2026-01-01..2026-01-31", "from the first to the end of the last; any two of the above" },
	{ "2026-01-01..", "from then on" },
	{ "..2026-01-31", "all until the end of that day" },
};

static bool has_shape(const char *text, const char *shape)
{
	for (; *shape && *shape != '*'; shape++, text++)
		if (*shape == '0' ? !isdigit((unsigned char)*text) : *text != *shape)
			return false;
	return *shape == '*' || *text == '\0';
}

static int read_part(const char *text, size_t len, const struct today *today, struct dates *ret,
                     struct qx_fail *why)
{
	char part[PART_BYTES];

	if (len < sizeof(part)) {
		memcpy(part, text, len);
		part[len] = '\0';
		for (size_t i = 0; i < countof(spellings); i++)
			if (has_shape(part, spellings[i].shape))
				return spellings[i].read(part, today, ret, why);
	}
	fail_set(why, ENOENT, "'%.*s' is no day, month, year or moment", (int)(len < 60 ? len : 60),
	         text);
	fail_remedy(why, "Write as 2026-01-15, 2026-01, 2026, 20260115T080000Z, today, yesterday, "
	                 "last-7-days, or two of them with .. between them.");
	return -ENOENT;
}

/* --- the span --- */

static int read_both(const char *name, const char *dots, const struct today *today,
                     struct dates *ret, struct qx_fail *why)
{
	const char *to = dots + strlen("..");
	struct dates first = { INT64_MIN, INT64_MAX, INT64_MAX };
	struct dates last = first;
	int r = 0;

	if (dots > name)
		r = read_part(name, (size_t)(dots - name), today, &first, why);
	if (r == 0 && *to)
		r = read_part(to, strlen(to), today, &last, why);
	if (r < 0)
		return r;
	*ret = (struct dates){
		.start_s = first.start_s,
		.end_s = last.end_s,
		.until_s = first.until_s < last.until_s ? first.until_s : last.until_s,
	};
	return 0;
}

static int refuse_span(const char *name, const struct dates *d, struct qx_fail *why)
{
	if (d->start_s == INT64_MIN && d->end_s == INT64_MAX) {
		fail_set(why, ENOENT, "'%s' names no day", name);
		fail_remedy(why, "The files without dates/ hold all of them.");
	} else if (d->start_s > d->end_s) {
		fail_set(why, ENOENT, "%s ends before it begins", name);
		fail_remedy(why, "Write the earlier one first.");
	} else {
		fail_set(why, ENOENT, "%s spans no time", name);
		fail_remedy(why, "A moment ends a span without belonging to it: name two of them, "
		                 "or a day.");
	}
	return -ENOENT;
}

int dates_parse(const char *name, const struct zone *zone, int64_t now_s, struct dates *ret,
                struct qx_fail *why)
{
	const char *dots = strstr(name, "..");
	int64_t now_local = zone_local_s(zone, now_s);
	const struct today today = { zone, now_local - now_local % DAY_S };
	struct dates d;

	int r = dots ? read_both(name, dots, &today, &d, why)
	             : read_part(name, strlen(name), &today, &d, why);
	if (r < 0)
		return r;
	if (d.start_s >= d.end_s || (d.start_s == INT64_MIN && d.end_s == INT64_MAX))
		return refuse_span(name, &d, why);
	*ret = d;
	return 0;
}

void dates_members(const struct dates *d, struct buf *out)
{
	char text[21];

	if (d->start_s != INT64_MIN)
		buf_addf(out, "\"startDate\":\"%s\"", sys_format_time(d->start_s, text));
	if (d->start_s != INT64_MIN && d->end_s != INT64_MAX)
		buf_add_str(out, ",");
	if (d->end_s != INT64_MAX)
		buf_addf(out, "\"endDate\":\"%s\"", sys_format_time(d->end_s, text));
}

int dates_moment(const char *text, int64_t *ret_s)
{
	char full[PART_BYTES + sizeof("--::")];
	int64_t t;

	/* Fractions are read by sys_parse_time and dropped: here they would change the span. */
	if (strlen(text) >= PART_BYTES || strchr(text, '.'))
		return -EINVAL;
	if (has_shape(text, "00000000T000000*"))
		(void)snprintf(full, sizeof(full), "%.4s-%.2s-%.5s:%.2s:%s", text, text + 4,
		               text + 6, text + 11, text + 13);
	else
		(void)snprintf(full, sizeof(full), "%s", text);
	if (sys_parse_time(full, &t) < 0 || t < 0 || t >= MOMENT_MAX_S)
		return -EINVAL;
	*ret_s = t;
	return 0;
}

void dates_help(struct buf *out)
{
	for (size_t i = 0; i < countof(spellings); i++)
		buf_addf(out, "| `%s` | %s |\n", spellings[i].example, spellings[i].meaning);
	for (size_t i = 0; i < countof(joined); i++)
		buf_addf(out, "| `%s` | %s |\n", joined[i].example, joined[i].meaning);
}
