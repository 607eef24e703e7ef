/* names.c: see names.h. Equality is decided on a folded form (NFC, case folded); order of age by
 * the date's text, which the service writes as ISO 8601. */
#include "names.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <utf8proc.h>

#include <qxfs/base/buf.h>

/* Direction marks could make a name read as another; line separators break listings; U+FFFD stands
 * for what was no character. */
static bool is_forbidden(utf8proc_int32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
	    c == 0xfffd)
		return true;
	if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
		return true;
	return c < 0x80 && strchr("/\\<>:\"|?*", (int)c) != NULL;
}

/* Valid UTF-8 without forbidden characters. */
static void scrub(const char *raw, struct buf *out)
{
	const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)raw;
	utf8proc_ssize_t left = (utf8proc_ssize_t)strlen(raw);

	while (left > 0) {
		utf8proc_int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate(p, left, &c);
		if (n <= 0) {
			buf_add_str(out, "_");
			n = 1;
		} else if (is_forbidden(c)) {
			buf_add_str(out, "_");
		} else {
			buf_add(out, p, (size_t)n);
		}
		p += n;
		left -= n;
	}
}

static char *map(const char *text, utf8proc_option_t options)
{
	utf8proc_uint8_t *out = NULL;
	utf8proc_ssize_t n =
		utf8proc_map((const utf8proc_uint8_t *)text, 0, &out,
	                     UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | options);
	return n < 0 ? NULL : (char *)out;
}

/* Cuts between code points. */
static void cut(char *name, size_t max)
{
	size_t n = strlen(name);
	if (n <= max)
		return;
	while (max > 0 && ((unsigned char)name[max] & 0xc0) == 0x80)
		max--;
	name[max] = 0;
}

static bool is_device(const char *name)
{
	static const char *const devices[] = { "CON", "PRN", "AUX", "NUL" };
	size_t n = strcspn(name, ".");

	for (size_t i = 0; i < 4; i++)
		if (n == 3 && strncasecmp(name, devices[i], 3) == 0)
			return true;
	return n == 4 && isdigit((unsigned char)name[3]) &&
	       (strncasecmp(name, "COM", 3) == 0 || strncasecmp(name, "LPT", 3) == 0);
}

char *name_safe(const char *raw, size_t max)
{
	struct buf clean = { 0 };
	scrub(raw, &clean);
	char *name = buf_failed(&clean) ? NULL : map(buf_text(&clean), 0);
	buf_done(&clean);
	if (!name)
		return NULL;

	cut(name, max);
	for (size_t n = strlen(name); n > 0 && (name[n - 1] == '.' || name[n - 1] == ' '); n--)
		name[n - 1] = '_';
	if (name[0] && !is_device(name))
		return name;

	/* "CON.txt" is the device as well: the stem is what must differ. */
	size_t stem = strcspn(name, ".");
	struct buf longer = { 0 };
	buf_add(&longer, name[0] ? name : "unnamed", name[0] ? stem : strlen("unnamed"));
	buf_addf(&longer, "_%s", name + stem);
	free(name);
	return buf_steal(&longer);
}

/* As the service makes ids: SV_x, or a UUID. */
static bool looks_like_id(const char *text, size_t len)
{
	size_t dashes = 0;

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i]) && text[i] != '_' && text[i] != '-')
			return false;
		dashes += text[i] == '-';
	}
	return (len == 36 && dashes == 4) || (dashes == 0 && memchr(text, '_', len));
}

bool name_ends_in_id(const char *name, const char **ret_id, size_t *ret_len)
{
	size_t n = strlen(name);
	const char *open = strrchr(name, '[');

	if (!open || open == name || open[-1] != ' ' || name[n - 1] != ']')
		return false;
	*ret_id = open + 1;
	*ret_len = (size_t)(name + n - 1 - *ret_id);
	return *ret_len > 0 && looks_like_id(*ret_id, *ret_len);
}

struct folded {
	struct named *of;
	char *key;
};

static int by_key_then_age(const void *a, const void *b)
{
	const struct folded *x = a, *y = b;
	int r = strcmp(x->key, y->key);
	if (r == 0)
		r = strcmp(x->of->born, y->of->born);
	return r ? r : strcmp(x->of->id, y->of->id);
}

/* The bare name, cut so that the suffix fits. */
static char *with_suffix(const struct named *item)
{
	struct buf out = { 0 };
	size_t suffix = strlen(item->id) + 3;
	char *bare = name_safe(item->raw, NAME_BYTES - NAME_SUFFIX - (suffix < 200 ? suffix : 0));
	if (!bare)
		return NULL;
	buf_addf(&out, "%s [%s]", bare, item->id);
	free(bare);
	return buf_steal(&out);
}

static int give(struct folded *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct named *item = all[i].of;
		const char *id;
		size_t len;
		bool taken = i > 0 && strcmp(all[i].key, all[i - 1].key) == 0;

		if (taken || name_ends_in_id(item->name, &id, &len)) {
			free(item->name);
			item->name = with_suffix(item);
		}
		if (!item->name)
			return -ENOMEM;
	}
	return 0;
}

int names_make(struct named *all, size_t n)
{
	struct folded *folded = calloc(n + 1, sizeof(*folded));
	int r = folded ? 0 : -ENOMEM;

	for (size_t i = 0; i < n; i++)
		all[i].name = NULL;
	for (size_t i = 0; i < n && r == 0; i++) {
		folded[i].of = &all[i];
		all[i].name = name_safe(all[i].raw, NAME_BYTES - NAME_SUFFIX);
		folded[i].key = all[i].name ? map(all[i].name, UTF8PROC_CASEFOLD) : NULL;
		if (!folded[i].key)
			r = -ENOMEM;
	}
	if (r == 0) {
		qsort(folded, n, sizeof(*folded), by_key_then_age);
		r = give(folded, n);
	}
	for (size_t i = 0; folded && i < n; i++)
		free(folded[i].key);
	free(folded);
	for (size_t i = 0; r < 0 && i < n; i++) {
		free(all[i].name);
		all[i].name = NULL;
	}
	return r;
}
