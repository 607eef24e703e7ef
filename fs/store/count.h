/* count.h: how many responses a text has, counted while it is written. Pure; one thread at a time.
 */
#ifndef QXFS_STORE_COUNT_H
#define QXFS_STORE_COUNT_H

#include <qxfs/store/unpack.h>

struct row_count { /* zeroed but for `as` */
	enum text_rows as;
	char first, last; /* bytes; 0: none */
	bool quoted;      /* within a cell, or a string */
	int64_t n;        /* ends of rows; objects */

	/* JSON */
	bool escaped;
	bool in_list; /* of responses: {"responses":[ */
	int depth;
};

void count_feed(struct row_count *c, const char *bytes, size_t len);
/* Rows below the heading, lines, or the objects of a JSON document's list; -1: it is none of these,
 * or shorter than its heading. */
int64_t count_rows(const struct row_count *c);

#endif
