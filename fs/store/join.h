/* join.h: the files of one archive become one text (API.md 2: beyond 1,000,000 rows an export has
 * several). Whether each begins with the heading again is not told: what a later one repeats of the
 * first one's heading is left out, and a file that does not end its last line has it ended before
 * the next begins. A later file of a table without the heading must at least have as many cells in
 * its first row. One thread at a time. */
#ifndef QXFS_STORE_JOIN_H
#define QXFS_STORE_JOIN_H

#include <qxfs/store/unpack.h>

#include <qxfs/base/buf.h>

#define HEADING_ROWS 3 /* API.md 3.4: tags, texts, ImportIds */

typedef int join_sink_fn(void *arg, const void *bytes, size_t len);

struct join { /* zero-initialised but for these three */
	enum text_rows rows_as;
	join_sink_fn *sink;
	void *arg;

	struct buf heading; /* of the first file, with its line ends; it may have a BOM */
	unsigned rows;      /* of the heading, that are over */
	bool quoted;        /* within a cell */
	size_t cells;       /* of the heading's first row, less one */
	size_t files;       /* that have ended */
	size_t same;        /* bytes of this one that are as the heading's */
	bool differs;       /* its heading is over, or it has none */
	bool in_first;      /* it has none, and its first row is not over: */
	bool first_quoted;
	size_t first_cells;
	char last; /* byte of all so far; 0: none */
};

/* Bytes of the present file: 0, what the sink says, -ENOMEM; -EBADMSG: it is of another table. */
int join_feed(struct join *j, const char *bytes, size_t len);
/* The present file has ended. */
int join_end(struct join *j);
void join_done(struct join *j);

#endif
