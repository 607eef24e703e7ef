/* paint.c: colours for what a command prints on a terminal.
 *
 * By a table over the finished text: what is printed is one and the same everywhere. Names of the
 * service were cleaned of controls before, so that the only ones are ours. */
#include "paint.h"

#include <qxfs/base/sys.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

static const struct rule {
	const char *begins; /* the line */
	const char *words;  /* what is painted of it; "#": all of these in a row; NULL: the line */
	const char *colour;
} rules[] = {
	/* qxfs status */
	{ "/", NULL, BOLD },
	{ "  account ", "the token is refused", RED },
	{ "  account ", "cannot be reached", YELLOW },
	{ "  account ", "answers", GREEN },
	{ "  running", NULL, BOLD },
	{ "  failed", NULL, RED },
	{ "    [", "#", GREEN },
	/* qxfs doctor */
	{ "ok ", "ok", GREEN },
	{ "warning ", "warning", YELLOW },
	{ "fault ", "fault", RED },
};

bool paint_wanted(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fd) && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
}

static const struct rule *rule_of(const char *line, size_t len, size_t *ret_at, size_t *ret_n)
{
	for (size_t i = 0; i < countof(rules); i++) {
		const struct rule *r = &rules[i];
		size_t n = strlen(r->begins);
		if (len < n || memcmp(line, r->begins, n) != 0)
			continue;
		const char *at = r->words ? memmem(line, len, r->words, strlen(r->words)) : line;
		if (!at)
			continue;
		*ret_at = (size_t)(at - line);
		*ret_n = !r->words ? len : *r->words == '#' ? strspn(at, "#") : strlen(r->words);
		return r;
	}
	return NULL;
}

void paint(struct buf *text)
{
	struct buf out = { 0 };

	for (const char *line = buf_text(text); *line;) {
		size_t len = strcspn(line, "\n"), at = 0, n = 0;
		const struct rule *r = rule_of(line, len, &at, &n);
		buf_add(&out, line, r ? at : len);
		if (r) {
			buf_addf(&out, "%s%.*s" PLAIN, r->colour, (int)n, line + at);
			buf_add(&out, line + at + n, len - at - n);
		}
		line += len;
		if (*line)
			buf_add(&out, line++, 1);
	}
	if (!buf_failed(&out)) {
		buf_clear(text);
		buf_add(text, buf_text(&out), out.len);
	}
	buf_done(&out);
}
