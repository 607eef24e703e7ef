/* buf.c: bytes that grow. Room for the closing NUL is always kept behind `len`. */
#include <qxfs/base/buf.h>

#include <qxfs/base/utf8.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64

/* Makes room for `more` bytes and a NUL. */
static bool reserve(struct buf *b, size_t more)
{
	if (b->failed)
		return false;
	if (more < b->cap - b->len)
		return true;

	size_t cap = b->cap > 0 ? b->cap : FIRST_CAP;
	while (cap - b->len <= more) {
		if (cap > SIZE_MAX / 4) { /* no caller means this: better than wrapping around */
			b->failed = true;
			return false;
		}
		cap *= 2;
	}

	char *data = realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	if (!reserve(b, len))
		return;
	if (len > 0)
		memcpy(b->data + b->len, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_add_str(struct buf *b, const char *text)
{
	if (text)
		buf_add(b, text, strlen(text));
}

void buf_add_text(struct buf *b, const char *text, size_t len)
{
	for (const char *nul; (nul = memchr(text, 0, len));) {
		buf_add(b, text, (size_t)(nul - text));
		buf_add_str(b, "\xef\xbf\xbd");
		len -= (size_t)(nul - text) + 1;
		text = nul + 1;
	}
	buf_add(b, text, len);
}

void buf_add_plain(struct buf *b, const char *text)
{
	for (const char *p = text; *p; p++) {
		char c = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p;
		buf_add(b, &c, 1);
	}
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list args;
	if (!reserve(b, FIRST_CAP))
		return;

	/* Mostly the first try fits; else it told us the length. */
	for (int try = 0; try < 2; try++) {
		size_t room = b->cap - b->len;
		va_start(args, format);
		int len = vsnprintf(b->data + b->len, room, format, args);
		va_end(args);
		if (len < 0)
			break;
		if ((size_t)len < room) {
			b->len += (size_t)len;
			return;
		}
		b->data[b->len] = '\0';
		if (!reserve(b, (size_t)len))
			return;
	}
	b->data[b->len] = '\0';
	b->failed = true;
}

/* The escape of one ASCII byte, NULL where it stands for itself. */
static const char *json_escape(unsigned char c, char out[8])
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		if (c >= 0x20)
			return NULL;
		(void)snprintf(out, 8, "\\u%04x", c); /* always fits */
		return out;
	}
}

void buf_add_json(struct buf *b, const char *text)
{
	char escape[8];
	size_t left = strlen(text);

	buf_add(b, "\"", 1);
	while (left > 0) {
		size_t step = utf8_valid(text, left);
		const char *escaped = json_escape((unsigned char)*text, escape);
		if (step == 0)
			buf_add_str(b, "\xef\xbf\xbd"); /* U+FFFD */
		else if (escaped)
			buf_add_str(b, escaped);
		else
			buf_add(b, text, step);
		text += step > 0 ? step : 1;
		left -= step > 0 ? step : 1;
	}
	buf_add(b, "\"", 1);
}

void buf_add_member(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, ",\"%s\":", name);
	buf_add_json(b, text);
}

void buf_add_csv(struct buf *b, const char *text)
{
	if (!text)
		return;
	if (!strpbrk(text, "\",\r\n")) {
		buf_add_str(b, text);
		return;
	}

	buf_add(b, "\"", 1);
	for (const char *quote; (quote = strchr(text, '"')); text = quote + 1) {
		buf_add(b, text, (size_t)(quote - text));
		buf_add(b, "\"\"", 2);
	}
	buf_add_str(b, text);
	buf_add(b, "\"", 1);
}

void buf_add_url(struct buf *b, const char *text)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					 "0123456789-._~";

	while (*text) {
		size_t plain = strspn(text, unreserved);
		buf_add(b, text, plain);
		text += plain;
		if (*text)
			buf_addf(b, "%%%02X", (unsigned char)*text++);
	}
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = '\0';
}

bool buf_failed(const struct buf *b)
{
	return b->failed;
}

const char *buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_steal(struct buf *b)
{
	buf_add(b, "", 0); /* an empty buffer yields "": NULL means failed and nothing else */
	if (b->failed) {
		buf_done(b);
		return NULL;
	}
	char *data = b->data;
	*b = (struct buf){ 0 };
	return data;
}

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}
