/* param_values.c: the types are a table; a list reads its items as texts. */
#include "param_values.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include <utf8proc.h>

#include <qxfs/base/nearest.h>
#include <qxfs/base/sys.h>

#include "dates.h"

/* The documented list, API.md 3.2; the service refuses all others. */
static const char *const zones[] = {
	"Pacific/Midway",
	"Pacific/Honolulu",
	"America/Anchorage",
	"America/Los_Angeles",
	"America/Phoenix",
	"America/Denver",
	"America/Chicago",
	"America/New_York",
	"Canada/Atlantic",
	"Canada/Newfoundland",
	"America/La_Paz",
	"America/Montevideo",
	"America/Argentina/Buenos_Aires",
	"America/Noronha",
	"Atlantic/Azores",
	"Atlantic/Cape_Verde",
	"Atlantic/Reykjavik",
	"Europe/London",
	"Europe/Berlin",
	"Europe/Athens",
	"Europe/Moscow",
	"Africa/Bangui",
	"Africa/Harare",
	"Africa/Nairobi",
	"Asia/Tehran",
	"Asia/Muscat",
	"Asia/Baku",
	"Asia/Kabul",
	"Asia/Yekaterinburg",
	"Asia/Karachi",
	"Asia/Calcutta",
	"Asia/Katmandu",
	"Asia/Dhaka",
	"Asia/Novosibirsk",
	"Asia/Rangoon",
	"Asia/Yakutsk",
	"Asia/Seoul",
	"Australia/Adelaide",
	"Australia/Brisbane",
	"Australia/Canberra",
	"Asia/Magadan",
	"Pacific/Auckland",
	"Pacific/Fiji",
	"Pacific/Tongatapu",
};

static int digit_of(char c)
{
	const char *digits = "0123456789abcdef";
	const char *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return found ? (int)(found - digits) : -1;
}

static bool is_utf8(const struct buf *b)
{
	const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)buf_text(b);
	utf8proc_ssize_t left = (utf8proc_ssize_t)b->len;

	while (left > 0) {
		utf8proc_int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate(p, left, &c);
		if (n <= 0)
			return false;
		p += n;
		left -= n;
	}
	return true;
}

/* %XX becomes its byte. False: a % without two digits, a NUL, no UTF-8, no memory. */
static bool decode(const char *text, size_t len, struct buf *out)
{
	for (const char *end = text + len; text < end; text++) {
		char c = *text;
		if (c == '%') {
			if (end - text < 3)
				return false;
			int high = digit_of(text[1]);
			int low = digit_of(text[2]);
			if (high < 0 || low < 0 || high + low == 0)
				return false;
			c = (char)(high * 16 + low);
			text += 2;
		}
		buf_add(out, &c, 1);
	}
	return !buf_failed(out) && is_utf8(out);
}

/* Appends the JSON of a decoded value to `out`; false if the type has no such value. */
typedef bool read_fn(const char *text, struct buf *out);

static bool read_bool(const char *text, struct buf *out)
{
	buf_add_str(out, text);
	return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

static bool read_integer(const char *text, int64_t min, struct buf *out)
{
	int64_t n;

	if (sys_parse_int(text, min, INT32_MAX, &n) < 0)
		return false;
	buf_addf(out, "%" PRId64, n);
	return true;
}

static bool read_int(const char *text, struct buf *out)
{
	return read_integer(text, INT32_MIN, out);
}

static bool read_count(const char *text, struct buf *out)
{
	return read_integer(text, 1, out);
}

static bool read_moment(const char *text, struct buf *out)
{
	char iso[21];
	int64_t t;

	if (dates_moment(text, &t) < 0)
		return false;
	buf_add_json(out, sys_format_time(t, iso));
	return true;
}

static bool read_text(const char *text, struct buf *out)
{
	buf_add_json(out, text);
	return text[0] != '\0';
}

static bool read_zone(const char *text, struct buf *out)
{
	if (strcmp(text, "UTC") == 0)
		return true; /* its default, and not in its list: nothing is sent */
	for (size_t i = 0; i < countof(zones); i++) {
		if (strcmp(text, zones[i]) == 0) {
			buf_add_json(out, text);
			return true;
		}
	}
	return false;
}

static bool read_uuid(const char *text, struct buf *out)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strlen(text) != strlen(shape))
		return false;
	for (size_t i = 0; shape[i]; i++)
		if (shape[i] == 'x' ? digit_of(text[i]) < 0 : text[i] != shape[i])
			return false;
	buf_add_json(out, text);
	return true;
}

static const struct {
	const char *name;
	read_fn *read;
	const char *wanted;
} types[] = {
	[TYPE_BOOL] = { "bool", read_bool, "true or false" },
	[TYPE_INT] = { "int", read_int, "a whole number" },
	[TYPE_COUNT] = { "count", read_count, "a whole number above 0" },
	[TYPE_MOMENT] = { "moment", read_moment,
	                  "a moment, as 20260115T080000Z or 2026-01-15T08:00:00+02:00" },
	[TYPE_TEXT] = { "text", read_text,
	                "some text, in it / , = + % written as %2F %2C %3D %2B %25" },
	[TYPE_ZONE] = { "zone", read_zone, "UTC or one of the service's time zones" },
	[TYPE_UUID] = { "uuid", read_uuid, "a saved filter's id" },
	[TYPE_LIST] = { "list", NULL,
	                "nothing, or items with + between them, in these / , = + % written as %2F "
	                "%2C %3D %2B %25" },
	[TYPE_REFUSED] = { "refused", NULL, "set by qxfs" },
};
static_assert(countof(types) == TYPES_, "every type has its row");

/* An item, or a value that is no list. A '=' is more likely a forgotten comma than meant. */
static bool read_one(enum param_type type, const char *text, size_t len, struct buf *out)
{
	struct buf plain = { 0 };
	bool good = !memchr(text, '=', len) && decode(text, len, &plain) &&
	            types[type].read(buf_text(&plain), out);

	buf_done(&plain);
	return good;
}

/* Separated before it is decoded: %2B is part of an item. */
static bool read_list(const char *text, size_t len, struct buf *out)
{
	const char *end = text + len;
	bool good = true;

	buf_add_str(out, "[");
	while (good && len > 0) {
		const char *plus = memchr(text, '+', (size_t)(end - text));
		good = read_one(TYPE_TEXT, text, (size_t)((plus ? plus : end) - text), out);
		if (!plus)
			break;
		buf_add_str(out, ",");
		text = plus + 1;
	}
	buf_add_str(out, "]");
	return good;
}

/* --- the door --- */

bool param_value_read(enum param_type type, const char *text, size_t len, struct buf *out)
{
	if (type == TYPE_LIST)
		return read_list(text, len, out);
	return types[type].read && read_one(type, text, len, out);
}

void param_value_explain(enum param_type type, const char *key, const char *text, size_t len,
                         struct qx_fail *why)
{
	struct buf plain = { 0 };
	struct buf typed = { 0 };
	const char *near = NULL;

	if (type == TYPE_ZONE && decode(text, len, &plain))
		near = nearest(buf_text(&plain), param_zone_at);
	if (near) {
		buf_add_url(&typed, near);
		fail_remedy(why, "Did you mean %s=%s? A / is written %%2F.", key, buf_text(&typed));
	} else {
		fail_remedy(why, "It is %s.", types[type].wanted);
	}
	buf_done(&plain);
	buf_done(&typed);
}

int param_shown(size_t len)
{
	return (int)(len < 60 ? len : 60);
}

int param_refuse_key(const char *what, const char *key, size_t len, const char *(*at)(size_t i),
                     const char *otherwise, struct qx_fail *why)
{
	char word[64];
	const char *near = NULL;

	if (len < sizeof(word)) {
		memcpy(word, key, len);
		word[len] = '\0';
		near = nearest(word, at);
	}
	fail_set(why, ENOENT, "%s '%.*s'", what, param_shown(len), key);
	if (near)
		fail_remedy(why, "Did you mean %s?", near);
	else
		fail_remedy(why, "%s", otherwise);
	return -ENOENT;
}

const char *param_type_name(enum param_type type)
{
	return types[type].name;
}

const char *param_zone_at(size_t i)
{
	return i < countof(zones) ? zones[i] : NULL;
}
