/* values.c: what an option's value may be. */
#include "values.h"

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>
#include <qxfs/base/zone.h>
#include <qxfs/jobs/drops.h>
#include <qxfs/jobs/jobs.h>
#include <qxfs/jobs/lists.h>
#include <qxfs/tree/config.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <iconv.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct range {
	int64_t min, max;
};

static int parse_number(const char *text, struct range range, void *field)
{
	return sys_parse_int(text, range.min, range.max, field);
}

static int parse_size(const char *text, struct range range, void *field)
{
	static const char units[] = "KMGT";
	char digits[24];
	int64_t n;

	size_t len = strspn(text, "0123456789");
	if (len == 0 || len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	int r = sys_parse_int(digits, 0, INT64_MAX, &n);
	if (r < 0)
		return r;

	unsigned shift = 0;
	if (text[len]) {
		const char *unit = strchr(units, toupper((unsigned char)text[len]));
		if (!unit || text[len + 1])
			return -EINVAL;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	if (n > (INT64_MAX >> shift) || n << shift < range.min || n << shift > range.max)
		return -ERANGE;
	*(uint64_t *)field = (uint64_t)n << shift;
	return 0;
}

/* At most three decimals count. */
static int parse_share(const char *text, struct range range, void *field)
{
	int64_t permille = 0;
	int digits = 0;
	int decimals = -1; /* no point yet */

	for (; *text; text++) {
		if (*text == '.' && decimals < 0) {
			decimals = 0;
			continue;
		}
		if (!isdigit((unsigned char)*text) || ++digits > 12)
			return -EINVAL;
		if (decimals < 3)
			permille = permille * 10 + (*text - '0');
		if (decimals >= 0)
			decimals++;
	}
	if (digits == 0)
		return -EINVAL;
	for (decimals = decimals < 0 ? 0 : decimals; decimals < 3; decimals++)
		permille *= 10;
	if (permille < range.min || permille > range.max)
		return -ERANGE;
	*(int64_t *)field = permille;
	return 0;
}

static int parse_octal(const char *text, struct range range, void *field)
{
	int64_t n = 0;

	if (!*text || strlen(text) > 4 || strspn(text, "01234567") != strlen(text))
		return -EINVAL;
	for (; *text; text++)
		n = n * 8 + (*text - '0');
	if (n < range.min || n > range.max)
		return -ERANGE;
	*(int64_t *)field = n;
	return 0;
}

static int parse_path(const char *text, struct range range, void *field)
{
	char cwd[PATH_MAX] = "";
	const char *home = getenv("HOME");
	const char *before = cwd;
	char *path;

	(void)range;
	if (!*text)
		return -EINVAL;
	/* Shells put the home in place of "~" at the start of a word only, and here is "-o x=~". */
	if (text[0] == '~' && text[1] == '/' && home && home[0] == '/') {
		before = home;
		text += 2;
	} else if (*text != '/' && !getcwd(cwd, sizeof(cwd))) {
		return -errno;
	}
	/* Absolute, for the daemon works in "/". */
	if (asprintf(&path, "%s%s%s", before, *text == '/' ? "" : "/", text) < 0)
		return -ENOMEM;
	free(*(char **)field);
	*(char **)field = path;
	return 0;
}

static int parse_user(const char *text, struct range range, void *field)
{
	if (sys_parse_int(text, range.min, range.max, field) == 0)
		return 0;
	const struct passwd *user = getpwnam(text);
	if (!user)
		return -EINVAL;
	*(int64_t *)field = user->pw_uid;
	return 0;
}

static int parse_group(const char *text, struct range range, void *field)
{
	if (sys_parse_int(text, range.min, range.max, field) == 0)
		return 0;
	const struct group *group = getgrnam(text);
	if (!group)
		return -EINVAL;
	*(int64_t *)field = group->gr_gid;
	return 0;
}

/* The word's place in the table. */
static int parse_word(const char *text, const char *const words[], size_t n, int64_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text, words[i]) == 0) {
			*ret = (int64_t)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_level(const char *text, struct range range, void *field)
{
	static const char *const levels[] = {
		[LOG_LEVEL_ERROR] = "error",
		[LOG_LEVEL_WARN] = "warn",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};

	(void)range;
	return parse_word(text, levels, countof(levels), field);
}

static int parse_legacy(const char *text, struct range range, void *field)
{
	static const char *const words[] = {
		[LEGACY_AUTO] = "auto",
		[LEGACY_ON] = "on",
		[LEGACY_OFF] = "off",
	};

	(void)range;
	return parse_word(text, words, countof(words), field);
}

static int parse_hold(const char *text, struct range range, void *field)
{
	static const char *const words[] = {
		[HOLD_SUSPICIOUS] = "suspicious",
		[HOLD_ALWAYS] = "always",
		[HOLD_NEVER] = "never",
	};

	(void)range;
	return parse_word(text, words, countof(words), field);
}

static int parse_refresh(const char *text, struct range range, void *field)
{
	static const char *const words[] = {
		[REFRESH_APPEND] = "append",
		[REFRESH_FULL] = "full",
	};

	(void)range;
	return parse_word(text, words, countof(words), field);
}

static int parse_span(const char *text, struct range range, void *field)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { '\0', 1 }, { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char digits[16];
	int64_t n;
	size_t len = strspn(text, "0123456789"), i = 0;

	if (len == 0 || len >= sizeof(digits) || (text[len] && text[len + 1]))
		return -EINVAL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	while (i < countof(units) && units[i].letter != text[len])
		i++;
	if (i == countof(units) || sys_parse_int(digits, 0, INT32_MAX, &n) < 0)
		return -EINVAL;
	n *= units[i].seconds;
	if (n < range.min || n > range.max)
		return -ERANGE;
	*(int64_t *)field = n;
	return 0;
}

/* Any text, copied. */
static int parse_names(const char *text, struct range range, void *field)
{
	(void)range;
	char *copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*(char **)field);
	*(char **)field = copy;
	return 0;
}

static int parse_audit(const char *text, struct range range, void *field)
{
	bool is_word = strcmp(text, "syslog") == 0;
	return is_word ? parse_names(text, range, field) : parse_path(text, range, field);
}

static int parse_surveys(const char *text, struct range range, void *field)
{
	static const char good[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *at = text;

	do {
		size_t len = strncmp(at, "SV_", 3) == 0 ? strspn(at + 3, good) : 0;
		if (len == 0)
			return -EINVAL;
		at += 3 + len;
	} while ((*at == ':' || *at == ',') && *++at);
	return *at ? -EINVAL : parse_names(text, range, field);
}

static int parse_hide(const char *text, struct range range, void *field)
{
	static const char *const words[] = {
		[HIDE_DIRECTORY] = "directory",
		[HIDE_MAILINGLISTS] = "mailinglists",
		[HIDE_EXCEL] = "excel",
		[HIDE_IMPORTS] = "imports",
	};
	static_assert(countof(words) == HIDDEN_, "every part has its word");
	int64_t *bits = field;

	(void)range;
	for (const char *at = text;; at++) {
		size_t len = strcspn(at, ":,"), i = 0;
		while (i < countof(words) &&
		       (strncmp(words[i], at, len) != 0 || words[i][len] || len == 0))
			i++;
		if (i == countof(words))
			return -EINVAL;
		*bits |= INT64_C(1) << i;
		at += len;
		if (!*at)
			return 0;
	}
}

static int parse_charset(const char *text, struct range range, void *field)
{
	iconv_t known = iconv_open("UTF-8", text);
	if (known == (iconv_t)-1)
		return -EINVAL;
	(void)iconv_close(known);
	return parse_names(text, range, field);
}

static int parse_zone(const char *text, struct range range, void *field)
{
	struct zone *zone = NULL;

	int r = *text ? zone_new(text, &zone) : -EINVAL;
	zone_free(zone);
	return r < 0 ? r : parse_names(text, range, field);
}

static void hint_zone(const char *text, char ret[VALUE_HINT_BYTES])
{
	char near[ZONE_NAME_BYTES];
	bool none;

	zone_nearest(text, near, &none);
	if (none)
		(void)snprintf(ret, VALUE_HINT_BYTES,
		               "; this machine has no list of them: sudo apt install tzdata");
	else if (near[0])
		(void)snprintf(ret, VALUE_HINT_BYTES, "; did you mean '%s'?", near);
}

static int parse_nothing(const char *text, struct range range, void *field)
{
	(void)text;
	(void)range;
	(void)field;
	return -EINVAL;
}

static const struct {
	int (*parse)(const char *text, struct range range, void *field);
	const char *wanted;
	void (*hint)(const char *text, char ret[VALUE_HINT_BYTES]); /* NULL: no more to say */
} kinds[] = {
	[VALUE_NONE] = { parse_nothing, "no value", NULL },
	[VALUE_NUMBER] = { parse_number, "a whole number of seconds", NULL },
	[VALUE_COUNT] = { parse_number, "a whole number", NULL },
	[VALUE_SHARE] = { parse_share, "a number from 0.01 to 1", NULL },
	[VALUE_SIZE] = { parse_size, "a whole number, perhaps with K, M, G or T behind it,", NULL },
	[VALUE_PATH] = { parse_path, "a path", NULL },
	[VALUE_USER] = { parse_user, "a user's name or number", NULL },
	[VALUE_GROUP] = { parse_group, "a group's name or number", NULL },
	[VALUE_OCTAL] = { parse_octal, "an octal number from 0 to 777", NULL },
	[VALUE_LEVEL] = { parse_level, "debug, info, warn or error", NULL },
	[VALUE_LEGACY] = { parse_legacy, "auto, on or off", NULL },
	[VALUE_ZONE] = { parse_zone, "the name of a time zone, as Europe/Berlin or UTC,",
	                 hint_zone },
	[VALUE_HOLD] = { parse_hold, "suspicious, always or never", NULL },
	[VALUE_REFRESH] = { parse_refresh, "append or full", NULL },
	[VALUE_SPAN] = { parse_span, "a whole number of seconds, or with m, h or d behind it,",
	                 NULL },
	[VALUE_CHARSET] = { parse_charset, "a character set such as windows-1252", NULL },
	[VALUE_SURVEYS] = { parse_surveys, "ids of surveys, as SV_a:SV_b", NULL },
	[VALUE_HIDE] = { parse_hide,
	                 "directory, mailinglists, excel or imports, with : between them", NULL },
	[VALUE_AUDIT] = { parse_audit, "a path, or syslog", NULL },
	[VALUE_NAMES] = { parse_names, "names of programs, as NAME:NAME", NULL },
	[VALUE_KERNEL] = { parse_nothing, "no value", NULL },
};
_Static_assert(countof(kinds) == VALUE_N_, "every kind of value has its parser");

int value_parse(enum value_kind kind, const char *text, int64_t min, int64_t max, void *field)
{
	return kinds[kind].parse(text, (struct range){ min, max }, field);
}

const char *value_wanted(enum value_kind kind)
{
	return kinds[kind].wanted;
}

void value_hint(enum value_kind kind, const char *text, char ret[VALUE_HINT_BYTES])
{
	ret[0] = '\0';
	if (kinds[kind].hint)
		kinds[kind].hint(text, ret);
}
