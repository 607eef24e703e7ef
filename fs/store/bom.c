/* bom.c: a BOM before a text. */
#include "bom.h"

#include <string.h>

static int begin(struct bom *b)
{
	bool has_one = b->len == UTF8_BOM_BYTES && memcmp(b->head, UTF8_BOM, UTF8_BOM_BYTES) == 0;
	int r = has_one ? 0 : b->sink(b->arg, UTF8_BOM, UTF8_BOM_BYTES);

	b->begun = true;
	return r == 0 && b->len > 0 ? b->sink(b->arg, b->head, b->len) : r;
}

int bom_feed(struct bom *b, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (!b->begun && len > 0) {
		b->head[b->len++] = *p++;
		len--;
		int r = b->len == UTF8_BOM_BYTES ? begin(b) : 0;
		if (r < 0)
			return r;
	}
	return len > 0 ? b->sink(b->arg, p, len) : 0;
}

int bom_end(struct bom *b)
{
	return b->begun ? 0 : begin(b);
}
