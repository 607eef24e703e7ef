/* nearest.c: what a person probably meant. */
#include <qxfs/base/nearest.h>

#include <ctype.h>
#include <stdbool.h>
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

const char *nearest(const char *word, const char *(*name_at)(size_t i))
{
	const char *best = NULL;
	const char *name;
	size_t len = strlen(word);
	size_t least = len < 6 ? 2 : len / 3;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (size_t i = 0; (name = name_at(i)) != NULL; i++) {
		if (strlen(name) > WORD_MAX)
			continue;
		/* "token" means token_file. */
		size_t d = len >= 3 && strncasecmp(name, word, len) == 0 ? 0 : distance(word, name);
		if (d < least || (d == least && !best)) {
			least = d;
			best = name;
		}
	}
	return best;
}
