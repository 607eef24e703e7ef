/* fail.c: a failure as people need it. */
#include <qxfs/base/fail.h>

#include <qxfs/base/utf8.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

/* `len` is what snprintf wanted to write. */
static void tell_cut(char *text, size_t size, int len)
{
	if (len < 0 || (size_t)len < size) {
		utf8_trim(text);
		return;
	}
	text[size - sizeof(ELLIPSIS)] = '\0';
	utf8_trim(text);
	memcpy(text + strlen(text), ELLIPSIS, sizeof(ELLIPSIS));
}

/* Words come from libraries, from the service, and quote names that any program may look up: for
 * files and terminals one line of whole characters, without tabs and other controls. */
static void one_line(char *text)
{
	while (*text) {
		size_t step = utf8_valid(text, strnlen(text, 4));
		if (step == 0)
			*text = '?';
		else if (utf8_is_control(text))
			memset(text, ' ', step);
		text += step > 0 ? step : 1;
	}
}

void fail_clear(struct qx_fail *f)
{
	*f = (struct qx_fail){ 0 };
}

int fail_set(struct qx_fail *f, int err, const char *format, ...)
{
	/* Into a copy: the words may quote the failure that they replace. */
	struct qx_fail fresh = { .err = err };

	va_list args;
	va_start(args, format);
	tell_cut(fresh.why, sizeof(fresh.why),
	         vsnprintf(fresh.why, sizeof(fresh.why), format, args));
	va_end(args);
	one_line(fresh.why);

	*f = fresh;
	return -err;
}

void fail_remedy(struct qx_fail *f, const char *format, ...)
{
	char remedy[sizeof(f->remedy)] = "";

	va_list args;
	va_start(args, format);
	tell_cut(remedy, sizeof(remedy), vsnprintf(remedy, sizeof(remedy), format, args));
	va_end(args);
	one_line(remedy);

	(void)snprintf(f->remedy, sizeof(f->remedy), "%s", remedy); /* same size */
}

const char *words_stop(const char *words)
{
	size_t len = strlen(words);
	return len > 0 && strchr(".!?", words[len - 1]) ? "" : ".";
}
