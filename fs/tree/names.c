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
#include <qxfs/base/sys.h>

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

	while (n > 0 && name[n - 1] == ' ') /* "CON .txt" is one as well */
		n--;
	for (size_t i = 0; i < countof(devices); i++)
		if (n == 3 && strncasecmp(name, devices[i], 3) == 0)
			return true;
	if (strncasecmp(name, "COM", 3) != 0 && strncasecmp(name, "LPT", 3) != 0)
		return false;
	bool digit = n == 4 && isdigit((unsigned char)name[3]);
	return digit || (n == 5 && strchr("\xb9\xb2\xb3", name[4]) && name[3] == '\xc2'); /* 1 2 3
	                                                                                     raised
	                                                                                   */
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
	if (is_device(name))
		cut(name, max - 1);
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

/* --- ids at the end of names ------------------------------------------------------------------ */

/* Sorted ids, to know the names that end in one of them. */
struct ids {
	const char **ids;
	size_t n;
};

static int by_id_text(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static int sort_ids(const struct named *all, size_t n, struct ids *ret)
{
	ret->ids = calloc(n + 1, sizeof(*ret->ids));
	ret->n = n;
	for (size_t i = 0; ret->ids && i < n; i++)
		ret->ids[i] = all[i].id;
	if (ret->ids)
		qsort(ret->ids, n, sizeof(*ret->ids), by_id_text);
	return ret->ids ? 0 : -ENOMEM;
}

/* Could be taken for a name that carries an id: one that the service makes, or one of these. */
static bool ends_in_any_id(const char *name, const struct ids *ids)
{
	const char *id;
	size_t len;

	if (name_ends_in_id(name, &id, &len))
		return true;
	const char *open = strrchr(name, '[');
	len = open ? strlen(open + 1) : 0;
	char *text = len > 1 && open[len] == ']' ? strndup(open + 1, len - 1) : NULL;
	bool is_one = text && bsearch(&text, ids->ids, ids->n, sizeof(*ids->ids), by_id_text);
	free(text);
	return is_one;
}

/* --- who gets which --------------------------------------------------------------------------- */

/* Of equal names, oldest first: who keeps the bare one; `n`: none of them. */
static size_t bearer(const struct folded *equal, size_t n, const struct ids *ids,
                     const struct reserved *kept)
{
	const char *owner = kept ? reserved_owner(kept, equal[0].key) : NULL;
	size_t i = 0;

	if (ends_in_any_id(equal[0].of->name, ids))
		return n;
	while (owner && i < n && strcmp(equal[i].of->id, owner) != 0)
		i++;
	return i;
}

static int give_equal(struct folded *equal, size_t n, const struct ids *ids, struct reserved *kept)
{
	size_t bare = bearer(equal, n, ids, kept);

	for (size_t i = 0; i < n; i++) {
		struct named *item = equal[i].of;
		if (i == bare)
			continue;
		free(item->name);
		item->name = with_suffix(item);
		if (!item->name)
			return -ENOMEM;
	}
	return bare < n && kept ? reserved_bear(kept, equal[bare].key, equal[bare].of->id) : 0;
}

static int give(struct folded *all, size_t n, const struct ids *ids, struct reserved *kept)
{
	int r = 0;

	for (size_t i = 0, equal; r == 0 && i < n; i += equal) {
		equal = 1;
		while (i + equal < n && strcmp(all[i].key, all[i + equal].key) == 0)
			equal++;
		r = give_equal(all + i, equal, ids, kept);
	}
	return r;
}

static int fold_all(struct named *all, size_t n, struct folded *folded)
{
	for (size_t i = 0; i < n; i++) {
		folded[i].of = &all[i];
		all[i].name = name_safe(all[i].raw, NAME_BYTES - NAME_SUFFIX);
		folded[i].key = all[i].name ? map(all[i].name, UTF8PROC_CASEFOLD) : NULL;
		if (!folded[i].key)
			return -ENOMEM;
	}
	qsort(folded, n, sizeof(*folded), by_key_then_age);
	return 0;
}

int names_make(struct named *all, size_t n, struct reserved *kept)
{
	struct folded *folded = calloc(n + 1, sizeof(*folded));
	struct ids ids = { 0 };

	for (size_t i = 0; i < n; i++)
		all[i].name = NULL;
	int r = folded ? sort_ids(all, n, &ids) : -ENOMEM;
	if (r == 0)
		r = fold_all(all, n, folded);
	if (r == 0)
		r = give(folded, n, &ids, kept);
	for (size_t i = 0; folded && i < n; i++)
		free(folded[i].key);
	free(folded);
	free(ids.ids);
	for (size_t i = 0; r < 0 && i < n; i++) {
		free(all[i].name);
		all[i].name = NULL;
	}
	return r;
}
