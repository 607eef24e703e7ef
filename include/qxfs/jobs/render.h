/* render.h: files made here from other files: plain.csv, xlsx, codebook.
 *
 * A row of the table says which file is made from which. Rendering reads its inputs from their
 * first byte on and writes the whole file to `out_fd`, from its offset on; memory does not grow
 * with the rows (16 MB for one cell, 32 MB for the headings, at most).
 *
 * Threads: any, each with files of its own; reads and writes local files only, so it runs on a disk
 * worker. Nothing is called back but `cancelled` and `room`, from the same thread.
 * Errors: negative errno, and the same in words in `fail`.
 */
#ifndef QXFS_JOBS_RENDER_H
#define QXFS_JOBS_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/base/fail.h>
#include <qxfs/base/zone.h>

struct render_input {
	int base_fd; /* the row's base; only pread */
	uint64_t base_len;
	bool tabs;     /* its cells are separated by tabs */
	int schema_fd; /* schema.json for rows with needs_schema. -1: the account has none for it;
	                  then only the metadata columns have types */
	uint64_t schema_len;
	const char *scratch;     /* for rows with needs_scratch: a folder of this call's own, see
	                            draft_scratch. It is left empty, also on failure */
	const struct zone *zone; /* that dates are shown in */
	int64_t exported_s;      /* calendar: the base's export, for people */
	bool bom;                /* -o csv_bom: a BOM before CSV */
	const char *pick;        /* for rows that pick: the id of the element */

	/* Asked about once for each 64 kB; true ends with -ECANCELED. Closing an xlsx cannot be
	 * cancelled: about two thirds of its time. NULL: never. */
	bool (*cancelled)(void *arg);
	/* Before bytes are written to out_fd, as draft_reserve. Not 0 ends with it. NULL: no need.
	 */
	int (*room)(void *arg, uint64_t upto);
	void *arg;
};

struct render_out;
typedef int render_fn(const struct render_input *in, struct render_out *out);

struct render_row {
	const char *name; /* "responses.xlsx" */
	const char *base; /* "responses.labels.csv" */
	bool needs_schema;
	bool needs_scratch;
	bool needs_zone; /* other zones, other bytes */
	render_fn *fn;
	bool picks; /* one element of the base */
};

extern const struct render_row render_rows[];
extern const size_t render_rows_count;
const struct render_row *render_find(const char *name); /* NULL: not made here */

/* -ENOENT: the base has no such element; -EIO: the base is not what the service writes, or a disk
 * lost bytes; -ECANCELED; -EFBIG: no sheet holds it; -ENOSPC and others. What was written to out_fd
 * is then of no use. */
int render(const struct render_row *row, const struct render_input *in, int out_fd,
           uint64_t *ret_len, struct qx_fail *fail);

#endif
