/* column_names.c: a unique name for each column.
 *
 *   tags        1      1      Q2     Q2     q2            Q3
 *   ImportIds   QID1   QID5   QID2   QID2   QID9_TEXT     QID3
 *   choices                   1      2
 *   names       1_QID1 1_QID5 Q2_QID2_1 Q2_QID2_2 q2_QID9_TEXT Q3
 *
 * All of those that share a tag are told apart, not all but the first: a name says which column it
 * is, whatever the others are, so an export with more columns does not give it to another one. What
 * is equal even then is numbered, _2, _3. Case makes no difference, as in Excel and SQL. */
#include "heading.h"

#include <errno.h>
#include <locale.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include <qxfs/base/buf.h>

/* A name that is taken. */
struct taken {
	char *folded;
	unsigned next; /* the number that the next equal one gets */
};

/* The locale that says which letters are the same; (locale_t)0: only ASCII's. */
static locale_t letters_new(void)
{
	return newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

/* The text with small letters only. NULL: no memory. */
static char *fold(const char *text, locale_t letters)
{
	struct buf b = { 0 };
	mbstate_t state = { 0 };
	char small[16];
	locale_t was = letters ? uselocale(letters) : (locale_t)0;

	for (size_t left = strlen(text); left > 0;) {
		wchar_t c;
		size_t n = mbrtowc(&c, text, left, &state);
		if (n == 0 || n > left) { /* no UTF-8: a byte for itself */
			state = (mbstate_t){ 0 };
			n = 1;
			buf_add(&b, text, 1);
		} else {
			mbstate_t fresh = { 0 };
			size_t len = wcrtomb(small, (wchar_t)towlower((wint_t)c), &fresh);
			buf_add(&b, small, len == (size_t)-1 ? 0 : len);
		}
		text += n;
		left -= n;
	}
	if (letters)
		(void)uselocale(was);
	return buf_steal(&b);
}

static int by_folded(const void *a, const void *b)
{
	return strcmp(((const struct taken *)a)->folded, ((const struct taken *)b)->folded);
}

static void free_taken(void *node)
{
	struct taken *t = node;
	free(t->folded);
	free(t);
}

/* The entry of a name: an old one, or a new one (next is 0 then). NULL: no memory. */
static struct taken *take(void **names, const char *name, locale_t letters)
{
	struct taken *t = calloc(1, sizeof(*t));
	if (!t || !(t->folded = fold(name, letters))) {
		free(t);
		return NULL;
	}
	struct taken **found = tsearch(t, names, by_folded);
	if (!found || *found != t)
		free_taken(t);
	return found ? *found : NULL;
}

static const char *tag_of(const struct column *c)
{
	return c->tag[0] ? c->tag : c->import_id[0] ? c->import_id : "column";
}

static char *name_of(const struct column *c, bool alone)
{
	struct buf b = { 0 };

	buf_add_str(&b, tag_of(c));
	if (!alone && c->import_id[0])
		buf_addf(&b, "_%s", c->import_id);
	if (!alone && c->choice_id[0])
		buf_addf(&b, "_%s", c->choice_id);
	if (!alone && c->is_label)
		buf_add_str(&b, "_label");
	return buf_steal(&b);
}

static int number_it(struct column *c, struct taken *t, void **names, locale_t letters)
{
	for (;;) {
		struct buf b = { 0 };
		buf_addf(&b, "%s_%u", c->name, t->next++);
		char *name = buf_steal(&b);
		struct taken *other = name ? take(names, name, letters) : NULL;
		if (!other) {
			free(name);
			return -ENOMEM;
		}
		if (other->next == 0) {
			other->next = 2;
			free(c->name);
			c->name = name;
			return 0;
		}
		free(name);
	}
}

static int name_all(struct column *columns, size_t count, void **tags, void **names,
                    locale_t letters)
{
	for (size_t i = 0; i < count; i++) {
		struct taken *t = take(tags, tag_of(&columns[i]), letters);
		if (!t)
			return -ENOMEM;
		t->next++;
	}
	for (size_t i = 0; i < count; i++) {
		struct column *c = &columns[i];
		const struct taken *tag = take(tags, tag_of(c), letters);
		c->name = tag ? name_of(c, tag->next == 1) : NULL;
		struct taken *t = c->name ? take(names, c->name, letters) : NULL;
		if (!t)
			return -ENOMEM;
		if (t->next == 0)
			t->next = 2;
		else if (number_it(c, t, names, letters) < 0)
			return -ENOMEM;
	}
	return 0;
}

int column_names(struct column *columns, size_t count)
{
	void *tags = NULL, *names = NULL;
	locale_t letters = letters_new();

	int r = name_all(columns, count, &tags, &names, letters);
	tdestroy(tags, free_taken);
	tdestroy(names, free_taken);
	if (letters)
		freelocale(letters);
	return r;
}
