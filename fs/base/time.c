/* time.c: calendar times and numbers as text (the text half of sys.h). */
#include <qxfs/base/sys.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FIRST_WALL_S (-62167219200LL) /* 0000-01-01T00:00:00Z */
#define LAST_WALL_S 253402300799LL    /* 9999-12-31T23:59:59Z */

char *sys_format_time(int64_t wall_s, char *out)
{
	if (wall_s < FIRST_WALL_S)
		wall_s = FIRST_WALL_S;
	if (wall_s > LAST_WALL_S)
		wall_s = LAST_WALL_S;

	time_t t = (time_t)wall_s;
	struct tm tm;
	gmtime_r(&t, &tm);
	/* The moduli tell the compiler what the limits above ensure: it all fits into 21 bytes. */
	(void)snprintf(out, 21, "%04u-%02u-%02uT%02u:%02u:%02uZ",
	               (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
	               (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100,
	               (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
	return out;
}

/* Reads `count` digits, then `after` ('\0': nothing). */
static bool take_number(const char **text, int count, char after, int *ret)
{
	int n = 0;
	for (int i = 0; i < count; i++) {
		if (!isdigit((unsigned char)(*text)[i]))
			return false;
		n = n * 10 + ((*text)[i] - '0');
	}
	*text += count;
	if (after && *(*text)++ != after)
		return false;
	*ret = n;
	return true;
}

/* "Z", "+hh:mm" or "-hhmm" up to the end of the text. */
static bool take_zone(const char *text, int *ret_offset_s)
{
	int hours, minutes;
	char sign = *text++;

	if (sign == 'Z') {
		*ret_offset_s = 0;
		return *text == '\0';
	}
	if ((sign != '+' && sign != '-') || !take_number(&text, 2, '\0', &hours))
		return false;
	if (*text == ':')
		text++;
	if (!take_number(&text, 2, '\0', &minutes) || *text || hours > 23 || minutes > 59)
		return false;
	*ret_offset_s = (sign == '-' ? -60 : 60) * (hours * 60 + minutes);
	return true;
}

/* "2020-02-19T18:16:42" as if it were UTC; one of `between` stands between day and hour. */
static bool take_clock(const char **text, const char *between, int64_t *ret_s)
{
	static const int lengths[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const char *at = *text;
	int year, month, day, hour, minute, second;

	if (!take_number(&at, 4, '-', &year) || !take_number(&at, 2, '-', &month) ||
	    !take_number(&at, 2, '\0', &day) || !*at || !strchr(between, *at++) ||
	    !take_number(&at, 2, ':', &hour) || !take_number(&at, 2, ':', &minute) ||
	    !take_number(&at, 2, '\0', &second))
		return false;
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (month < 1 || month > 12 || day < 1 || day > lengths[month - 1] ||
	    (month == 2 && day == 29 && !is_leap))
		return false;
	if (hour > 23 || minute > 59 || second > 60) /* 60: a leap second */
		return false;

	*ret_s = sys_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	*text = at;
	return true;
}

int sys_parse_time(const char *text, int64_t *ret_wall_s)
{
	int64_t clock_s;
	int offset_s;

	if (!text || !take_clock(&text, "T", &clock_s))
		return -EINVAL;
	if (*text == '.') {
		size_t digits = strspn(text + 1, "0123456789");
		if (digits == 0)
			return -EINVAL;
		text += 1 + digits;
	}
	if (!take_zone(text, &offset_s))
		return -EINVAL;
	*ret_wall_s = clock_s - offset_s;
	return 0;
}

bool sys_parse_clock(const char *text, int64_t *ret_s, const char **rest)
{
	if (!take_clock(&text, " T", ret_s))
		return false;
	*rest = text;
	return true;
}

int sys_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	int64_t n = 0;
	bool overflow = false;

	if (!text)
		return -EINVAL;
	bool negative = *text == '-';
	text += negative;
	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		int digit = negative ? '0' - *text : *text - '0';
		overflow = overflow || __builtin_mul_overflow(n, 10, &n) ||
		           __builtin_add_overflow(n, digit, &n);
	}
	if (overflow || n < min || n > max)
		return -ERANGE;
	*ret = n;
	return 0;
}

int64_t sys_days(int64_t year, int month, int day)
{
	/* Years begin in March, so the leap day is their last; 400 of them have 146097 days. */
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}
