/* utf16.c: the C library's iconv, fed with pieces that may end anywhere: what it has not taken is
 * put before the next one. */
#include "utf16.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define OUT_SIZE 16384
#define REST_MAX 4 /* bytes of one character */
#define IN_SIZE 8192

struct utf16 {
	utf16_sink_fn *sink;
	void *arg;
	iconv_t cd;
	bool begun, plain; /* plain: no mark at its beginning */
	size_t rest;       /* bytes in `in` that iconv has not taken */
	char in[REST_MAX + IN_SIZE];
};

struct utf16 *utf16_new(utf16_sink_fn *sink, void *arg)
{
	struct utf16 *u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->sink = sink;
	u->arg = arg;
	u->cd = iconv_open("UTF-8", "UTF-16LE");
	if (u->cd == (iconv_t)-1) {
		free(u);
		return NULL;
	}
	return u;
}

void utf16_free(struct utf16 *u)
{
	if (!u)
		return;
	(void)iconv_close(u->cd);
	free(u);
}

/* The first two bytes say what it is. */
static void begin(struct utf16 *u, size_t *len)
{
	u->begun = true;
	u->plain = memcmp(u->in, "\xff\xfe", 2) != 0;
	if (u->plain)
		return;
	*len -= 2;
	memmove(u->in, u->in + 2, *len);
}

/* Converts the first `len` bytes of `in`; keeps what is half a character. */
static int convert(struct utf16 *u, size_t len)
{
	char *from = u->in, out[OUT_SIZE];
	size_t left = len;

	while (left > 0) {
		char *to = out;
		size_t room = sizeof(out);
		size_t r = iconv(u->cd, &from, &left, &to, &room);
		int why = r == (size_t)-1 ? errno : 0;
		if (why == EILSEQ)
			return -EBADMSG;
		int err = to > out ? u->sink(u->arg, out, (size_t)(to - out)) : 0;
		if (err < 0)
			return err;
		if (why == EINVAL)
			break;
	}
	memmove(u->in, from, left);
	u->rest = left;
	return 0;
}

static int take(struct utf16 *u)
{
	size_t len = u->rest;

	if (!u->begun && len < 2)
		return 0;
	if (!u->begun)
		begin(u, &len);
	u->rest = 0;
	return u->plain ? u->sink(u->arg, u->in, len) : convert(u, len);
}

int utf16_feed(struct utf16 *u, const void *bytes, size_t len)
{
	const char *p = bytes;
	int r = 0;

	while (len > 0 && r == 0) {
		size_t n = sizeof(u->in) - u->rest < len ? sizeof(u->in) - u->rest : len;
		memcpy(u->in + u->rest, p, n);
		u->rest += n;
		p += n;
		len -= n;
		r = take(u);
	}
	return r;
}

int utf16_end(struct utf16 *u)
{
	if (u->begun)
		return u->rest ? -EBADMSG : 0;
	return u->rest ? u->sink(u->arg, u->in, u->rest) : 0; /* a single byte, or none */
}
