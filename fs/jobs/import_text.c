/* import_text.c: any charset as UTF-8. UTF-8 itself is only looked at and handed on as it lies. */
#include "import_text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

void text_init(struct text *t, const char *charset, text_fn *fn, void *arg)
{
	memset(t, 0, offsetof(struct text, out));
	t->charset = charset && charset[0] ? charset : NULL;
	t->fn = fn;
	t->arg = arg;
}

static enum text_fault set_fault(struct text *t, enum text_fault fault, uint64_t at)
{
	t->fault = fault;
	t->fault_at = at;
	return fault;
}

static void hand_on(struct text *t, const char *piece, size_t len, uint64_t at)
{
	t->piece_at = at;
	if (len > 0)
		t->fn(t->arg, piece, len);
}

/* --- UTF-8 -------------------------------------------------------------------------------------
 */

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

/* How many bytes from here are ASCII and no NUL: most of most files, so eight at a time. */
static size_t ascii_run(const char *bytes, size_t len)
{
	size_t n = 0;

	for (; n + 8 <= len; n += 8) {
		uint64_t word;
		memcpy(&word, bytes + n, sizeof(word));
		if (((word - ONES) | word) & HIGHS) /* a zero byte borrows from its high bit */
			break;
	}
	while (n < len && bytes[n] > 0)
		n++;
	return n;
}

static void take_utf8(struct text *t, const char *bytes, size_t len)
{
	uint64_t begin = t->at;
	size_t n = 0;

	while (n < len && t->fault == TEXT_FINE) {
		if (t->utf8.left == 0) {
			n += ascii_run(bytes + n, len - n);
			t->char_at = begin + n;
		}
		if (n == len)
			break;
		if (bytes[n] == '\0' && t->utf8.left == 0)
			set_fault(t, TEXT_NUL, t->char_at);
		else if (!utf8_step(&t->utf8, (unsigned char)bytes[n]))
			set_fault(t, TEXT_INVALID, t->char_at);
		else
			n++;
	}
	t->at = begin + n;
	hand_on(t, bytes, n, begin);
}

/* --- UTF-16 ------------------------------------------------------------------------------------
 *
 * By hand, not by iconv: a part of a file is a span of its bytes, so it has to be known from which
 * of them each character came. */

static void flush(struct text *t)
{
	size_t len = t->out_len;

	t->out_len = 0;
	hand_on(t, t->out, len, t->char_at);
	t->char_at = t->at;
}

static void put_char(struct text *t, uint32_t c)
{
	char *out = t->out + t->out_len;

	if (c < 0x80) {
		out[0] = (char)c;
		t->out_len += 1;
	} else if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		t->out_len += 2;
	} else if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		t->out_len += 3;
	} else {
		out[0] = (char)(0xf0 | c >> 18);
		out[1] = (char)(0x80 | (c >> 12 & 0x3f));
		out[2] = (char)(0x80 | (c >> 6 & 0x3f));
		out[3] = (char)(0x80 | (c & 0x3f));
		t->out_len += 4;
	}
}

static uint32_t unit(const struct text *t, unsigned i)
{
	unsigned char first = t->half[i], second = t->half[i + 1];
	return t->mode == TEXT_UTF16LE ? (uint32_t)(second << 8 | first)
	                               : (uint32_t)(first << 8 | second);
}

/* A whole unit, or two, are there. */
static void take_units(struct text *t)
{
	uint32_t c = unit(t, 0);
	bool high = c >= 0xd800 && c < 0xdc00;

	if (high && t->half_len < 4)
		return;
	uint32_t low = high ? unit(t, 2) : 0;
	if ((c >= 0xdc00 && c < 0xe000) || (high && (low < 0xdc00 || low >= 0xe000))) {
		set_fault(t, TEXT_INVALID, t->at - t->half_len);
	} else if (c == 0) {
		set_fault(t, TEXT_NUL, t->at - t->half_len);
	} else {
		put_char(t, high ? 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00) : c);
		t->half_len = 0;
	}
}

/* char_at: where what is in `out` began. */
static void take_utf16(struct text *t, const unsigned char *bytes, size_t len)
{
	for (size_t n = 0; n < len && t->fault == TEXT_FINE; n++) {
		t->half[t->half_len++] = bytes[n];
		t->at++;
		if (t->half_len % 2 == 0)
			take_units(t);
		if (t->half_len == 0 && t->out_len > TEXT_PIECE - 4)
			flush(t);
	}
	uint64_t rest = t->half_len;
	t->at -= rest; /* flush() is to begin where the half character does */
	flush(t);
	t->at += rest;
}

/* --- any other ---------------------------------------------------------------------------------
 */

/* Which byte of the file became a NUL is not known. */
static void after_iconv(struct text *t, size_t made)
{
	const char *nul = memchr(t->out, '\0', made);

	hand_on(t, t->out, nul ? (size_t)(nul - t->out) : made, 0);
	if (nul)
		set_fault(t, TEXT_NUL, UINT64_MAX);
}

/* One call: what was not used stays in *bytes. */
static void convert(struct text *t, char **bytes, size_t *len)
{
	while (*len > 0 && t->fault == TEXT_FINE) {
		char *out = t->out;
		size_t room = TEXT_PIECE, before = *len;
		size_t r = iconv(t->converter, bytes, len, &out, &room);
		int err = r == (size_t)-1 ? errno : 0;
		t->at += before - *len;
		after_iconv(t, TEXT_PIECE - room);
		if (err == EILSEQ && t->fault == TEXT_FINE)
			set_fault(t, TEXT_INVALID, t->at);
		if (err == EINVAL)
			return;
	}
}

static void take_charset(struct text *t, const char *bytes, size_t len)
{
	/* A cut character is joined byte by byte: no charset's is longer than the tail. */
	while (t->tail_len > 0 && len > 0 && t->fault == TEXT_FINE) {
		char *from = t->tail;
		if (t->tail_len == sizeof(t->tail)) {
			set_fault(t, TEXT_INVALID, t->at);
			return;
		}
		t->tail[t->tail_len++] = *bytes++;
		len--;
		convert(t, &from, &t->tail_len);
		memmove(t->tail, from, t->tail_len);
	}
	char *from = (char *)(uintptr_t)bytes; /* iconv's prototype lacks the const */
	if (t->tail_len == 0)
		convert(t, &from, &len);
	if (t->tail_len == 0 && len > 0 && len <= sizeof(t->tail) && t->fault == TEXT_FINE) {
		memcpy(t->tail, from, len);
		t->tail_len = len;
	}
}

/* --- any ---------------------------------------------------------------------------------------
 */

static void open_charset(struct text *t)
{
	t->mode = TEXT_CHARSET;
	t->converter = iconv_open("UTF-8", t->charset);
	t->has_converter = t->converter != (iconv_t)-1;
	if (!t->has_converter)
		set_fault(t, TEXT_NO_CHARSET, 0);
}

static const struct {
	const char *mark;
	size_t len;
	enum text_mode mode;
} marks[] = {
	{ "\xef\xbb\xbf", 3, TEXT_UTF8 },
	{ "\xff\xfe", 2, TEXT_UTF16LE },
	{ "\xfe\xff", 2, TEXT_UTF16BE },
};

static bool is_utf8(const char *charset)
{
	return strcasecmp(charset, "UTF-8") == 0 || strcasecmp(charset, "UTF8") == 0;
}

/* Whether there is enough to see which it is; the mark is taken away. */
static bool decide(struct text *t, bool is_end)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		size_t n = t->head_len < marks[i].len ? t->head_len : marks[i].len;
		if (memcmp(t->head, marks[i].mark, n) != 0)
			continue;
		if (n < marks[i].len && !is_end)
			return false;
		if (n < marks[i].len)
			continue;
		t->mode = marks[i].mode;
		t->at = t->char_at = n;
		t->head_len -= n;
		memmove(t->head, t->head + n, t->head_len);
		return true;
	}
	if (t->charset && !is_utf8(t->charset))
		open_charset(t);
	else
		t->mode = TEXT_UTF8;
	return true;
}

static void take(struct text *t, const void *bytes, size_t len)
{
	if (len == 0 || t->fault != TEXT_FINE)
		return;
	if (t->mode == TEXT_UTF8)
		take_utf8(t, bytes, len);
	else if (t->mode == TEXT_CHARSET)
		take_charset(t, bytes, len);
	else
		take_utf16(t, bytes, len);
}

static void take_head(struct text *t)
{
	size_t len = t->head_len;

	t->head_len = 0;
	take(t, t->head, len);
}

enum text_fault text_feed(struct text *t, const void *bytes, size_t len)
{
	const unsigned char *rest = bytes;

	while (t->mode == TEXT_UNKNOWN && len > 0) {
		t->head[t->head_len++] = *rest++;
		len--;
		if (decide(t, false))
			take_head(t);
	}
	take(t, rest, len);
	return t->fault;
}

enum text_fault text_end(struct text *t)
{
	if (t->mode == TEXT_UNKNOWN && t->fault == TEXT_FINE && decide(t, true))
		take_head(t);
	if (t->fault == TEXT_FINE && t->utf8.left > 0)
		set_fault(t, TEXT_INVALID, t->char_at);
	if (t->fault == TEXT_FINE && t->half_len > 0)
		set_fault(t, TEXT_INVALID, t->at - t->half_len);
	if (t->fault == TEXT_FINE && t->tail_len > 0)
		set_fault(t, TEXT_INVALID, t->at);
	return t->fault;
}

void text_done(struct text *t)
{
	if (t->has_converter)
		(void)iconv_close(t->converter); /* nothing is lost */
	t->has_converter = false;
}

void text_resume(struct text *t, enum text_mode mode, uint64_t at)
{
	t->mode = mode;
	t->at = t->char_at = at;
	t->head_len = t->half_len = 0;
	t->out_len = 0;
	t->utf8 = (struct utf8){ 0 };
}

uint64_t text_place(enum text_mode mode, uint64_t piece_at, const char *piece, size_t n)
{
	uint64_t units = 0;

	if (mode == TEXT_CHARSET)
		return 0;
	if (mode == TEXT_UTF8)
		return piece_at + n;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)piece[i];
		units += (c & 0xc0) != 0x80;
		units += c >= 0xf0;
	}
	return piece_at + 2 * units;
}

const char *text_name(const struct text *t)
{
	switch (t->mode) {
	case TEXT_UTF16LE:
	case TEXT_UTF16BE:
		return "UTF-16";
	case TEXT_CHARSET:
		return t->charset;
	case TEXT_UNKNOWN:
	case TEXT_UTF8:
		break;
	}
	return "UTF-8";
}
