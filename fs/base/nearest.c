/* nearest.c: what a person probably meant. */
#include <qxfs/base/nearest.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 64

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Levenshtein's distance, in one row. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1];
	size_t len = strlen(b);

	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < len; j++) {
			size_t best = diagonal + !same(a[i], b[j]);
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j + 1] + 1 < best)
				best = row[j + 1] + 1;
			diagonal = row[j + 1];
			row[j + 1] = best;
		}
	}
	return row[len];
}

size_t letters_apart(const char *a, const char *b)
{
	return strlen(b) > WORD_MAX ? SIZE_MAX : distance(a, b);
}

struct search {
	const char *word;
	size_t len;
	size_t least; /* what is farther away is not near */
	const char *best;
};

static bool begin(struct search *s, const char *word)
{
	size_t len = strlen(word);

	*s = (struct search){ .word = word, .len = len, .least = len < 6 ? 2 : len / 3 };
	return len > 0 && len <= WORD_MAX;
}

static void try_name(struct search *s, const char *name)
{
	if (strlen(name) > WORD_MAX)
		return;
	/* "token" means token_file. */
	size_t d = s->len >= 3 && strncasecmp(name, s->word, s->len) == 0 ? 0
	                                                                  : distance(s->word, name);
	if (d < s->least || (d == s->least && !s->best)) {
		s->least = d;
		s->best = name;
	}
}

const char *nearest(const char *word, const char *(*name_at)(size_t i))
{
	struct search s;
	const char *name;

	if (!begin(&s, word))
		return NULL;
	for (size_t i = 0; (name = name_at(i)) != NULL; i++)
		try_name(&s, name);
	return s.best;
}

const char *nearest_of(const char *word, const char *const names[], size_t count)
{
	struct search s;

	if (!begin(&s, word))
		return NULL;
	for (size_t i = 0; i < count; i++)
		try_name(&s, names[i]);
	return s.best;
}
