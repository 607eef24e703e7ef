/* desktop_words.c: what a notification says. */
#include "desktop_words.h"

#include <qxfs/base/buf.h>
#include <qxfs/base/sys.h>
#include <qxfs/base/utf8.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 120
#define WORDS_MAX_BYTES 320
#define REPLACEMENT "\xef\xbf\xbd"

/* Invisible, and turns what stands around it: U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F,
 * U+FEFF. */
static bool is_hidden(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;

	if (n != 3)
		return false;
	return (p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0x8b && p[2] <= 0x8f) ||
	       (p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
	       (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa0 && p[2] <= 0xaf) ||
	       (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf);
}

static void add_clean(struct buf *out, const char *text, size_t most)
{
	size_t len = strlen(text), start = out->len;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_valid(text + i, len - i);
		if (out->len - start >= most) {
			buf_add_str(out, "…");
			return;
		}
		if (n == 0)
			buf_add_str(out, REPLACEMENT);
		else if (utf8_is_control(text + i))
			buf_add_str(out, " ");
		else if (!is_hidden(text + i, n))
			buf_add(out, text + i, n);
		i += n ? n : 1;
	}
}

static void add_sentence(struct buf *out, const char *text)
{
	if (!text[0])
		return;
	buf_add_str(out, " ");
	add_clean(out, text, WORDS_MAX_BYTES);
	buf_add_str(out, words_stop(text));
}

/* "Customer satisfaction (responses.csv)" */
static void add_file(struct buf *out, const struct event *event)
{
	const char *slash = strrchr(event->subject, '/');

	if (!event->name[0] || !slash) {
		add_clean(out, event->subject, NAME_MAX_BYTES);
		return;
	}
	add_clean(out, event->name, NAME_MAX_BYTES);
	buf_add_str(out, " (");
	add_clean(out, slash + 1, NAME_MAX_BYTES);
	buf_add_str(out, ")");
}

static void add_expected(struct buf *out, int64_t seconds)
{
	if (seconds >= 90)
		buf_addf(out, " It took about %" PRId64 " minutes the last time.",
		         (seconds + 30) / 60);
	else if (seconds > 0)
		buf_addf(out, " It took %" PRId64 " seconds the last time.", seconds);
}

static void give(struct buf *body, const char *title, struct desktop_note *ret)
{
	(void)snprintf(ret->title, sizeof(ret->title), "%s", title);
	(void)snprintf(ret->body, sizeof(ret->body), "%s", buf_text(body));
	utf8_trim(ret->body);
	buf_done(body);
}

void desktop_say(const struct event *event, struct desktop_note *ret)
{
	struct buf body = { 0 };

	memset(ret, 0, sizeof(*ret));
	add_file(&body, event);
	switch (event->kind) {
	case EVENT_WAIT_LONG:
		ret->verb = DESKTOP_SHOW;
		buf_add_str(&body, " is being prepared; it opens by itself when it is there.");
		add_expected(&body, event->expected_s);
		buf_add_str(&body, " To give up, end the program that opens it: what was begun "
		                   "goes on.");
		give(&body, "Waiting for Qualtrics", ret);
		break;
	case EVENT_WAIT_OVER:
		ret->verb = DESKTOP_END;
		buf_add_str(&body, " is there, and opens at once.");
		give(&body, "The wait is over", ret);
		break;
	case EVENT_WAIT_FAILED:
		ret->verb = DESKTOP_END;
		ret->failed = true;
		buf_add_str(&body, " could not be opened:");
		add_sentence(&body, event->fail.why);
		add_sentence(&body, event->fail.remedy);
		give(&body, "The wait has failed", ret);
		break;
	default:
		ret->verb = DESKTOP_CLOSE;
		buf_done(&body);
	}
}

static const char *files(unsigned n)
{
	return n == 1 ? "file" : "files";
}

void desktop_say_rest(const struct desktop_rest *rest, struct desktop_note *ret)
{
	struct buf body = { 0 };

	memset(ret, 0, sizeof(*ret));
	if (rest->waiting) {
		ret->verb = DESKTOP_SHOW;
		buf_addf(&body, "…and %u more %s; qxfs status tells which.", rest->waiting,
		         files(rest->waiting));
		give(&body, "Waiting for Qualtrics", ret);
	} else if (rest->over || rest->failed) {
		ret->verb = DESKTOP_END;
		ret->failed = rest->failed > 0;
		buf_addf(&body, "%u more %s can be opened.", rest->over, files(rest->over));
		if (rest->failed)
			buf_addf(&body, " %u could not: qxfs status tells why.", rest->failed);
		give(&body, rest->failed ? "The wait has failed" : "The wait is over", ret);
	} else {
		ret->verb = DESKTOP_CLOSE;
	}
}
