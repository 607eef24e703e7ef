/* fail.c: a failure as people need it. */
#include <qxfs/base/fail.h>

#include <qxfs/base/utf8.h>

#include <stdarg.h>
#include <stdio.h>

/* Words come from libraries and from the service: one line, and no tab, for files made of them. */
static void one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
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
	(void)vsnprintf(fresh.why, sizeof(fresh.why), format, args); /* cut is fine */
	va_end(args);
	utf8_trim(fresh.why);
	one_line(fresh.why);

	*f = fresh;
	return -err;
}

void fail_remedy(struct qx_fail *f, const char *format, ...)
{
	char remedy[sizeof(f->remedy)] = "";

	va_list args;
	va_start(args, format);
	(void)vsnprintf(remedy, sizeof(remedy), format, args); /* cut is fine */
	va_end(args);
	utf8_trim(remedy);
	one_line(remedy);

	(void)snprintf(f->remedy, sizeof(f->remedy), "%s", remedy); /* same size */
}
