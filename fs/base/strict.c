/* strict.c: is this JSON, by the letter?
 *
 * Strings are checked here, byte by byte; everything else is the skeleton: structure, numbers,
 * words and, for each string, its two quotes. The skeleton goes to yajl, which knows the grammar.
 * So yajl never holds (it would grow), unescapes (CVE-2017-16516) or believes (it takes overlong
 * UTF-8) a string of somebody else.
 */
#include <qxfs/base/strict.h>

#include <qxfs/base/utf8.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#define SKELETON_SIZE 4096
#define WORD_MAX 1024 /* a number longer than this is none: yajl would hold it whole */

enum place { OUTSIDE, IN_STRING, AFTER_BACKSLASH, IN_HEX };

struct strict {
	yajl_handle yajl;
	enum place place;
	unsigned hex_left; /* digits of \uXXXX still to come */
	struct utf8 utf8;
	const char *roots; /* what the value may begin with */
	bool started;      /* it came */
	unsigned depth, max_depth;
	size_t word_len; /* of the number or word so far */
	size_t opened, commas;
	int err;    /* the first failure, final */
	bool exact; /* yajl gets one token at a time, so that it is known which one it refuses */
	uint64_t fed, at;  /* before this piece; of this byte */
	uint64_t token_at; /* where the token began that is being read */
	uint64_t bad_at;
	size_t len;
	unsigned char skeleton[SKELETON_SIZE];
};

static bool flush(struct strict *s)
{
	yajl_status status = yajl_parse(s->yajl, s->skeleton, s->len);
	s->len = 0;
	if (status != yajl_status_ok)
		s->bad_at = s->token_at;
	return status == yajl_status_ok;
}

static bool add(struct strict *s, unsigned char c)
{
	s->skeleton[s->len++] = c;
	return s->len < sizeof(s->skeleton) || flush(s);
}

/* A blank ends what may be a number. */
static bool end_word(struct strict *s)
{
	bool ends = s->exact && s->word_len > 0;
	s->word_len = 0;
	return !ends || (add(s, ' ') && flush(s));
}

static bool add_outside(struct strict *s, unsigned char c, bool in_word)
{
	if (!in_word && !end_word(s))
		return false;
	if (s->exact && c <= ' ')
		return true;
	if (s->word_len == 0)
		s->token_at = s->at;
	s->word_len += in_word;
	if (s->word_len > WORD_MAX || !add(s, c))
		return false;
	return in_word || c == '"' || !s->exact || flush(s);
}

static bool outside(struct strict *s, unsigned char c)
{
	bool in_word = false;

	if (!s->started && !strchr(" \t\r\n", c) && !strchr(s->roots, c))
		return false;
	switch (c) {
	case '"':
		s->place = IN_STRING;
		break;
	case '{':
	case '[':
		s->started = true;
		s->opened++;
		if (++s->depth > s->max_depth)
			return false;
		break;
	case '}':
	case ']':
		s->depth -= s->depth > 0; /* yajl refuses one too many */
		break;
	case ' ':
	case '\t':
	case '\r':
	case '\n':
	case ':':
		break;
	case ',':
		s->commas++;
		break;
	default:
		/* yajl takes \v and \f for white space (found by fuzzing). */
		if (c <= ' ' || c >= 0x7f)
			return false;
		in_word = true;
	}
	return add_outside(s, c, in_word);
}

static bool in_string(struct strict *s, unsigned char c)
{
	if (s->utf8.left > 0 || c >= 0x80)
		return utf8_step(&s->utf8, c);
	if (c == '"') {
		s->place = OUTSIDE;
		return add(s, c) && (!s->exact || flush(s));
	}
	if (c == '\\')
		s->place = AFTER_BACKSLASH;
	return c >= 0x20;
}

static bool after_backslash(struct strict *s, unsigned char c)
{
	s->place = c == 'u' ? IN_HEX : IN_STRING;
	s->hex_left = 4;
	return c != '\0' && strchr("\"\\/bfnrtu", c);
}

static bool in_hex(struct strict *s, unsigned char c)
{
	if (--s->hex_left == 0)
		s->place = IN_STRING;
	return c != '\0' && strchr("0123456789abcdefABCDEF", c);
}

static bool step(struct strict *s, unsigned char c)
{
	switch (s->place) {
	case OUTSIDE:
		return outside(s, c);
	case IN_STRING:
		return in_string(s, c);
	case AFTER_BACKSLASH:
		return after_backslash(s, c);
	case IN_HEX:
		return in_hex(s, c);
	}
	return false;
}

int strict_new(unsigned max_depth, struct strict **ret)
{
	struct strict *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->max_depth = max_depth;
	s->roots = "{";
	s->yajl = yajl_alloc(NULL, NULL, NULL);
	if (!s->yajl) {
		free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

void strict_be_exact(struct strict *s, const char *roots)
{
	s->exact = true;
	s->roots = roots;
}

void strict_free(struct strict *s)
{
	if (!s)
		return;
	yajl_free(s->yajl);
	free(s);
}

/* How many bytes from here leave a string where it is: most of most documents. */
static size_t plain_run(const char *bytes, size_t len)
{
	size_t n = 0;
	while (n < len && (unsigned char)bytes[n] >= 0x20 && (unsigned char)bytes[n] < 0x80 &&
	       bytes[n] != '"' && bytes[n] != '\\')
		n++;
	return n;
}

int strict_feed(struct strict *s, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len && s->err == 0; i++) {
		if (s->place == IN_STRING && s->utf8.left == 0)
			i += plain_run(bytes + i, len - i);
		s->at = s->fed + i;
		s->bad_at = s->at; /* if it is; flush() knows better */
		if (i < len && !step(s, (unsigned char)bytes[i]))
			s->err = -EBADMSG;
	}
	s->fed += len;
	if (s->err == 0 && !s->exact && !flush(s)) /* what follows us on these bytes may rely on
	                                              them */
		s->err = -EBADMSG;
	return s->err;
}

int strict_finish(struct strict *s)
{
	/* A lone quote behind the value is a token that yajl still waits for (found by fuzzing). */
	if (s->err == 0) {
		s->at = s->bad_at = s->fed;
		if (!end_word(s))
			s->err = -EBADMSG;
	}
	if (s->err == 0 && (s->place != OUTSIDE || yajl_complete_parse(s->yajl) != yajl_status_ok))
		s->err = -EBADMSG;
	return s->err;
}

uint64_t strict_bad_at(const struct strict *s)
{
	return s->bad_at;
}

bool strict_in_word(const struct strict *s)
{
	return s->word_len > 0;
}

void strict_count(const struct strict *s, size_t *ret_opened, size_t *ret_commas)
{
	*ret_opened = s->opened;
	*ret_commas = s->commas;
}
