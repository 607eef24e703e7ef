/* bom.h: a text that comes in pieces, with a BOM before it: its own, if it has one, else ours.
 * (Excel takes CSV without one for the machine's old character set.) One thread at a time. */
#ifndef QXFS_STORE_BOM_H
#define QXFS_STORE_BOM_H

#include <stdbool.h>
#include <stddef.h>

#include <qxfs/base/utf8.h>

typedef int bom_sink_fn(void *arg, const void *bytes, size_t len);

struct bom { /* zero-initialised but for the sink */
	bom_sink_fn *sink;
	void *arg;
	char head[UTF8_BOM_BYTES]; /* the first bytes, until there are enough to tell */
	size_t len;
	bool begun; /* the BOM and the head have been passed on */
};

/* 0, or what the sink says. */
int bom_feed(struct bom *b, const void *bytes, size_t len);
/* The text has ended: it may have been shorter than a BOM. */
int bom_end(struct bom *b);

#endif
