/* document.c: JSON documents of any size.
 *
 * Verbatim, white space inside the value is copied as well, and none is added.
 *
 * Each piece of the input goes first through strict.c, which says whether it is JSON, then through
 * the copier here, which only needs to tell strings from the rest. The copier moves raw bytes, so
 * numbers, escapes and duplicate keys cannot change; it knows no more than how deep it is:
 *
 *   {"meta": {..}, "result": {"a":[]}}
 *                  ^ a key   ^------^ copied while `copying`, with one level less
 */
#include <qxfs/base/document.h>

#include <qxfs/base/strict.h>
#include <qxfs/base/sys.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 512
#define PIECE_SIZE 65536

struct copier {
	const char *member;
	bool verbatim; /* white space as it came, too */
	int out_fd;
	uint64_t max_bytes, total; /* total: written and waiting in `out` */
	int err;                   /* the first failure, final */

	unsigned depth;
	bool in_string, escaped; /* escaped: the next byte is no quote */
	bool just_opened;        /* nothing stands yet between the brackets */
	bool in_word;            /* inside a number, true, false, null */

	bool at_key;      /* depth 1, a key is next */
	bool in_key;      /* inside a key at depth 1 */
	size_t key_len;   /* bytes of it so far */
	bool key_matches; /* they are the first of member's */
	bool copying;     /* inside the value asked for */
	bool found;

	size_t len;
	char out[PIECE_SIZE];
	char in[PIECE_SIZE];
};

static void flush(struct copier *c)
{
	if (c->err == 0)
		c->err = sys_write_all(c->out_fd, c->out, c->len);
	c->len = 0;
}

/* Never more than a piece at once. */
static void put(struct copier *c, const char *bytes, size_t len)
{
	if (len > c->max_bytes - c->total)
		c->err = -EFBIG;
	if (c->err)
		return;

	if (len > sizeof(c->out) - c->len)
		flush(c);
	memcpy(c->out + c->len, bytes, len);
	c->len += len;
	c->total += len;
}

static void put_line(struct copier *c)
{
	static const char blanks[] = "                                ";
	size_t left = 2 * (size_t)(c->depth - 1); /* the member's own level is none */

	if (c->verbatim)
		return;
	put(c, "\n", 1);
	while (left > 0) {
		size_t n = left < sizeof(blanks) - 1 ? left : sizeof(blanks) - 1;
		put(c, blanks, n);
		left -= n;
	}
}

/* Before the first byte of a value or key that stands in an array or object. */
static void begin_item(struct copier *c)
{
	if (c->copying && c->just_opened)
		put_line(c);
	c->just_opened = false;
}

static void open_bracket(struct copier *c, const char *byte)
{
	begin_item(c);
	if (c->copying)
		put(c, byte, 1);
	c->depth++;
	c->just_opened = true;
	c->at_key = c->depth == 1;
}

static void close_bracket(struct copier *c, const char *byte)
{
	c->depth--; /* strict.c has seen to it that one was open */
	if (c->depth == 0)
		c->copying = false;
	if (c->copying && !c->just_opened)
		put_line(c);
	if (c->copying)
		put(c, byte, 1);
	c->just_opened = false;
}

static void comma(struct copier *c)
{
	if (c->depth == 1) {
		c->copying = false;
		c->at_key = true;
	} else if (c->copying) {
		put(c, ",", 1);
		put_line(c);
	}
}

static void colon(struct copier *c)
{
	if (c->depth > 1) {
		if (c->copying)
			put(c, ": ", c->verbatim ? 1 : 2);
		return;
	}
	/* The member twice: which one would be meant? */
	c->copying = c->key_matches && c->key_len == strlen(c->member);
	if (c->copying && c->found)
		c->err = -EBADMSG;
	c->found = c->found || c->copying;
	c->at_key = false;
}

static void open_quote(struct copier *c)
{
	begin_item(c);
	if (c->copying)
		put(c, "\"", 1);
	c->in_string = true;
	c->in_key = c->at_key;
	c->key_len = 0;
	c->key_matches = true;
}

static void one_outside(struct copier *c, const char *byte)
{
	bool in_word = false;

	switch (*byte) {
	case ' ':
	case '\t':
	case '\r':
	case '\n':
		if (c->verbatim && c->copying && c->depth > 1)
			put(c, byte, 1);
		break;
	case '{':
	case '[':
		open_bracket(c, byte);
		break;
	case '}':
	case ']':
		close_bracket(c, byte);
		break;
	case ',':
		comma(c);
		break;
	case ':':
		colon(c);
		break;
	case '"':
		open_quote(c);
		break;
	default:
		in_word = true;
		if (!c->in_word)
			begin_item(c);
		if (c->copying)
			put(c, byte, 1);
	}
	c->in_word = in_word;
}

static void match_key(struct copier *c, const char *bytes, size_t len)
{
	size_t want = strlen(c->member);
	c->key_matches = c->key_matches && len <= want - c->key_len &&
	                 memcmp(c->member + c->key_len, bytes, len) == 0;
	c->key_len += len;
	/* Spelled with escapes, a key could be the member a second time without our noticing. */
	if (memchr(bytes, '\\', len))
		c->err = -EBADMSG;
}

/* Copies up to the closing quote or the end of the piece; returns how much it took. */
static size_t string_run(struct copier *c, const char *bytes, size_t len)
{
	size_t n = 0;
	bool closed = false;

	while (n < len && !closed) {
		while (n + 1 < len && !c->escaped && bytes[n] != '"' && bytes[n] != '\\')
			n++;
		char byte = bytes[n++];
		if (c->escaped)
			c->escaped = false;
		else if (byte == '\\')
			c->escaped = true;
		else
			closed = byte == '"';
	}
	if (c->copying)
		put(c, bytes, n);
	if (c->in_key)
		match_key(c, bytes, closed ? n - 1 : n);
	if (closed) {
		c->in_string = false;
		c->in_key = false;
	}
	return n;
}

static void copy(struct copier *c, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len && c->err == 0;) {
		if (c->in_string)
			i += string_run(c, bytes + i, len - i);
		else
			one_outside(c, bytes + i++);
	}
}

static int copy_all(struct copier *c, struct strict *s, int in_fd)
{
	off_t at = 0;

	while (c->err == 0) {
		ssize_t n = pread(in_fd, c->in, sizeof(c->in), at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		at += n;
		int r = strict_feed(s, c->in, (size_t)n);
		if (r < 0)
			return r;
		copy(c, c->in, (size_t)n);
	}
	return c->err ? c->err : strict_finish(s);
}

int64_t document_extract(int in_fd, const char *member, enum document_style style, int out_fd,
                         uint64_t max_bytes)
{
	struct strict *s = NULL;
	struct copier *c = calloc(1, sizeof(*c));
	int r = c ? strict_new(DEPTH_MAX, &s) : -ENOMEM;

	if (r == 0) {
		c->member = member;
		c->verbatim = style == DOCUMENT_VERBATIM;
		c->out_fd = out_fd;
		c->max_bytes = max_bytes;
		r = copy_all(c, s, in_fd);
	}
	if (r == 0 && !c->found)
		r = -EBADMSG;
	if (r == 0) {
		put(c, "\n", c->verbatim ? 0 : 1);
		flush(c);
		r = c->err;
	}

	int64_t len = r == 0 ? (int64_t)c->total : r;
	strict_free(s);
	free(c);
	return len;
}
