/* say.c: sentences for the person who started the program. */
#include "say.h"

#include <qxfs/base/sys.h>
#include <qxfs/base/utf8.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SENTENCE_MAX 1200

void say_clean(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (!utf8_is_control(text)) {
			buf_add(out, text, 1);
			continue;
		}
		buf_add_str(out, "?");
		if ((unsigned char)*text == 0xc2 && text[1])
			text++;
	}
}

void say(const char *format, ...)
{
	char sentence[SENTENCE_MAX];
	struct buf line = { 0 };

	va_list args;
	va_start(args, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, args); /* cut is fine */
	va_end(args);

	buf_add_str(&line, "qxfs: ");
	say_clean(&line, sentence);
	buf_add_str(&line, "\n");
	(void)sys_write_all(STDERR_FILENO, buf_text(&line), line.len); /* nobody to tell */
	buf_done(&line);
}

/* Cause and remedy as one sentence, or as two where the remedy is written as one of its own. */
enum status say_fail(const struct qx_fail *fail)
{
	const char *why = fail->why[0] ? fail->why : strerror(fail->err);
	int len = (int)strlen(why);

	while (len > 0 && why[len - 1] == '.')
		len--;
	if (!fail->remedy[0])
		say("%.*s", len, why);
	else
		say("%.*s%s %s", len, why, isupper((unsigned char)fail->remedy[0]) ? "." : ";",
		    fail->remedy);
	return fail->unreachable ? STATUS_UNREACHABLE : STATUS_REFUSED;
}
