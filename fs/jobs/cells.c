/* cells.c: what a cell of the service's CSV is in a workbook.
 *
 * The type of a column is the schema's; whether a single cell can be of it, is looked at here. What
 * would come out of Excel as something else than it was (007, 12345678901234567890) stays text. */
#include "cells.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <qxfs/base/sys.h>
#include <qxfs/base/utf8.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define DIGITS_MAX 15              /* that a double keeps */
#define DAY_S 86400
#define EPOCH_DAYS 25569 /* from Excel's day 0 to 1970 */
#define FIRST_DAY 61     /* 1 March 1900: before, Excel counts a day that never was */
#define LAST_DAY 2958466 /* 1 January 10000 */

/* --- text ------------------------------------------------------------------------------------ */

/* Whether the sequence of `step` bytes (0: it is none) is a character that XML can hold. */
static bool is_character(const char *text, size_t step)
{
	if (step == 3 && memcmp(text, "\xef\xbf", 2) == 0) /* U+FFFE and U+FFFF are none */
		return (unsigned char)text[2] < 0xbe;
	return step > 0 && *text != '\0';
}

/* "_x0041_": Excel reads it as the character of that number. */
static bool looks_escaped(const char *text, size_t len)
{
	if (len < 7 || text[0] != '_' || text[1] != 'x' || text[6] != '_')
		return false;
	for (int i = 2; i < 6; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

static bool is_plain(const char *text, size_t len)
{
	if (len > CELL_CHARS_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80 || text[i] == '\0' || text[i] == '_')
			return false;
	return true;
}

const char *cell_text(const char *text, size_t len, struct buf *work, bool *ret_cut)
{
	size_t units = 0;

	*ret_cut = false;
	if (is_plain(text, len))
		return text;
	buf_clear(work);
	while (len > 0) {
		bool escape = looks_escaped(text, len);
		size_t step = utf8_valid(text, len);
		size_t more = escape ? 7 : step == 4 ? 2 : 1; /* "_x005F_"; a pair of surrogates */
		if (units + more > CELL_CHARS_MAX) {
			*ret_cut = true;
			break;
		}
		units += more;
		if (escape)
			buf_add_str(work, "_x005F_");
		else if (!is_character(text, step))
			buf_add_str(work, REPLACEMENT);
		else
			buf_add(work, text, step);
		text += step > 0 ? step : 1;
		len -= step > 0 ? step : 1;
	}
	return buf_failed(work) ? NULL : buf_text(work);
}

/* --- numbers, truth, dates ------------------------------------------------------------------- */

/* Not strtod: that goes by the locale, and reads 0x1F, nan and 1e5 too. */
bool cell_number(const char *text, double *ret)
{
	const char *p = *text == '-' ? text + 1 : text;
	int64_t digits = 0, scale = 1;
	int count = 0;

	if (!isdigit((unsigned char)*p) || (*p == '0' && isdigit((unsigned char)p[1])))
		return false;
	for (bool behind_point = false; *p; p++) {
		if (*p == '.' && !behind_point && isdigit((unsigned char)p[1])) {
			behind_point = true;
			continue;
		}
		if (!isdigit((unsigned char)*p) || ++count > DIGITS_MAX)
			return false;
		digits = digits * 10 + (*p - '0');
		scale *= behind_point ? 10 : 1;
	}
	/* both exact, so the quotient is the nearest double */
	*ret = (double)digits / (double)scale * (*text == '-' ? -1 : 1);
	return true;
}

bool cell_truth(const char *text, bool *ret)
{
	*ret = strcmp(text, "1") == 0 || strcasecmp(text, "true") == 0;
	return *ret || strcmp(text, "0") == 0 || strcasecmp(text, "false") == 0;
}

bool cell_date(const char *text, const struct zone *from, const struct zone *to, double *ret)
{
	const char *rest;
	int64_t s;

	if (!sys_parse_clock(text, &s, &rest))
		return false;
	if (*rest) {
		if (sys_parse_time(text, &s) < 0)
			return false;
		s = zone_local_s(to, s);
	} else if (from) {
		s = zone_local_s(to, zone_utc_s(from, s));
	}
	double days = (double)(s + (int64_t)EPOCH_DAYS * DAY_S) / DAY_S;
	if (days < FIRST_DAY || days >= LAST_DAY)
		return false;
	*ret = days;
	return true;
}
