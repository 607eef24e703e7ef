/* import_rows.h: a table's rows from UTF-8 that comes in pieces (libcsv), with the place and the
 * line of each. What separates its cells is found out: `,` `;` or a tab, whichever the first row
 * has most of; or what a first line "sep=;" says, as Excel writes it. Memory: the longest row.
 * Threads: one at a time. */
#ifndef QXFS_JOBS_IMPORT_ROWS_H
#define QXFS_JOBS_IMPORT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <csv.h>

#include <qxfs/base/buf.h>

#include "import_text.h"

#define ROW_BYTES_MAX 5000000 /* what cannot be split must fit into a part */

enum rows_fault {
	ROWS_FINE,
	ROWS_TOO_LONG,   /* the row that begins in `row_line` */
	ROWS_OPEN_QUOTE, /* likewise: a quote that is never closed */
	ROWS_NO_MEMORY
};

struct row_at {
	uint64_t from;    /* where in the file it begins */
	uint64_t line;    /* from 1 */
	size_t cells;     /* 0: an empty line */
	size_t len;       /* of its text, with the end of the line */
	const char *text; /* NULL unless it was kept */
};

struct rows_fns {
	/* Followed by a NUL, borrowed. */
	void (*cell)(void *arg, size_t column, const char *text, size_t len);
	void (*row)(void *arg, const struct row_at *at);
};

struct rows {
	const struct rows_fns *fns;
	void *arg;
	char likely;     /* the separator, where the first row has it at all; 0: none */
	char separator;  /* 0: not yet known */
	bool keeps_text; /* of each row */
	bool stopped;    /* nothing more is to be called */
	enum rows_fault fault;
	uint64_t line;     /* being read, from 1 */
	uint64_t row_line; /* where the row began */

	/* private */
	struct csv_parser csv;
	bool has_csv;
	enum text_mode mode;
	struct buf head; /* the first line, while it is not whole */
	uint64_t head_at;
	bool head_quoted;
	char head_last; /* its last byte, a line's end at first */
	size_t column;
	uint64_t row_from;
	size_t row_len;
	struct buf text;
	bool row_is_over, after_cr, was_cr;
};

void rows_init(struct rows *r, const struct rows_fns *fns, void *arg);
void rows_feed(struct rows *r, const struct text *t, const char *piece, size_t len);
void rows_end(struct rows *r);
/* Goes on with another part of the same file: a row begins at `from`. */
void rows_resume(struct rows *r, uint64_t from);
const char *rows_separator_name(char separator); /* "commas" */
void rows_done(struct rows *r);

#endif
