/* zone_rule.c: a zone as POSIX writes it in TZ=. */
#include "zone_rule.h"

#include <qxfs/base/sys.h>

#include <ctype.h>
#include <errno.h>
#include <stddef.h>

#define DAY_S 86400
#define HOURS_MAX 167 /* RFC 8536 */

static bool take_name(const char **text)
{
	const char *p = *text;

	if (*p == '<') {
		while (*p && *p != '>')
			p++;
		if (*p++ != '>')
			return false;
	} else {
		while (isalpha((unsigned char)*p))
			p++;
	}
	bool is_name = p - *text >= 3;
	*text = p;
	return is_name;
}

static bool take_number(const char **text, int max, int *ret)
{
	int n = 0;
	const char *p = *text;

	for (; isdigit((unsigned char)*p) && n <= max; p++)
		n = n * 10 + (*p - '0');
	if (p == *text || n > max)
		return false;
	*text = p;
	*ret = n;
	return true;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	++*text;
	return true;
}

/* "-3:30" as seconds */
static bool take_time(const char **text, int *ret_s)
{
	int hours, minutes = 0, seconds = 0;
	bool negative = take_char(text, '-');

	if (!negative)
		(void)take_char(text, '+');
	if (!take_number(text, HOURS_MAX, &hours))
		return false;
	if (take_char(text, ':') && !take_number(text, 59, &minutes))
		return false;
	if (take_char(text, ':') && !take_number(text, 59, &seconds))
		return false;
	*ret_s = (hours * 3600 + minutes * 60 + seconds) * (negative ? -1 : 1);
	return true;
}

static bool take_date(const char **text, struct zone_date *ret)
{
	bool ok;

	*ret = (struct zone_date){ .kind = 'D', .time_s = 2 * 3600 };
	if (!take_char(text, ','))
		return false;
	if (take_char(text, 'M')) {
		ret->kind = 'M';
		ok = take_number(text, 12, &ret->month) && take_char(text, '.') &&
		     take_number(text, 5, &ret->week) && take_char(text, '.') &&
		     take_number(text, 6, &ret->day) && ret->month > 0 && ret->week > 0;
	} else {
		ret->kind = take_char(text, 'J') ? 'J' : 'D';
		ok = take_number(text, 365, &ret->day) && (ret->kind == 'D' || ret->day > 0);
	}
	return ok && (!take_char(text, '/') || take_time(text, &ret->time_s));
}

int zone_rule_parse(const char *text, struct zone_rule *ret)
{
	int west = 0;

	*ret = (struct zone_rule){ 0 };
	if (!take_name(&text) || !take_time(&text, &west))
		return -EBADMSG;
	ret->standard_s = -west;
	if (!*text)
		return 0;

	ret->has_summer = true;
	west -= 3600;
	if (!take_name(&text) || (*text != ',' && !take_time(&text, &west)))
		return -EBADMSG;
	ret->summer_s = -west;
	if (!take_date(&text, &ret->start) || !take_date(&text, &ret->end) || *text)
		return -EBADMSG;
	return 0;
}

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The clock's seconds since 1970 at which this date of that year begins to count. */
static int64_t date_s(const struct zone_date *date, int64_t year)
{
	int64_t day = sys_days(year, 1, 1);

	if (date->kind == 'M') {
		int64_t first = sys_days(year, date->month, 1);
		int64_t next = date->month == 12 ? sys_days(year + 1, 1, 1)
		                                 : sys_days(year, date->month + 1, 1);
		int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1 January 1970 was a Thursday */
		day = first + (date->day - weekday + 7) % 7 + (int64_t)7 * (date->week - 1);
		while (day >= next)
			day -= 7;
	} else if (date->kind == 'J') {
		day += date->day - 1 + (date->day >= 60 && is_leap(year));
	} else {
		day += date->day;
	}
	return day * DAY_S + date->time_s;
}

static int64_t year_of(int64_t clock_s)
{
	int64_t days = clock_s / DAY_S - (clock_s % DAY_S < 0);
	int64_t year = 1970 + days / 366; /* too early for later years, never too late */

	if (days < 0)
		year = 1970 + days / 365 - 1;
	while (sys_days(year + 1, 1, 1) <= days)
		year++;
	return year;
}

int64_t zone_rule_offset(const struct zone_rule *rule, int64_t utc_s)
{
	if (!rule->has_summer)
		return rule->standard_s;
	int64_t year = year_of(utc_s + rule->standard_s);
	int64_t start = date_s(&rule->start, year) - rule->standard_s;
	int64_t end = date_s(&rule->end, year) - rule->summer_s;
	bool is_summer = start < end ? utc_s >= start && utc_s < end : /* south of the equator */
	                         utc_s >= start || utc_s < end;
	return is_summer ? rule->summer_s : rule->standard_s;
}
