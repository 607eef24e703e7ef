/* table.h: CSV as the service writes it, cell by cell. Memory: the longest cell, at most 16 MB. */
#ifndef QXFS_JOBS_TABLE_H
#define QXFS_JOBS_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <qxfs/jobs/render.h>

/* Not 0 ends table_read, which returns it. */
struct table_fns {
	/* The text is borrowed, may hold NULs, and is followed by one. */
	int (*cell)(void *arg, size_t column, const char *text, size_t len);
	int (*row_end)(void *arg, size_t cells); /* 0 cells: an empty line */
};

/* Reads the base from `from` on (behind a BOM, if from is 0): `rows` rows, or all for 0; where it
 * stopped goes to *ret_end. -EBADMSG: a cell over 16 MB, which a lost quote makes. */
int table_read(const struct render_input *in, uint64_t from, uint64_t rows,
               const struct table_fns *fns, void *arg, uint64_t *ret_end);

#endif
