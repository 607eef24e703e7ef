/* shapes.h: from the spool of a collection to the file that is served. */
#ifndef QXFS_JOBS_SHAPES_PRIVATE_H
#define QXFS_JOBS_SHAPES_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include <qxfs/base/fail.h>
#include <qxfs/jobs/shapes.h>

struct shape_input {
	int spool_fd; /* an element on each line, as collect.c writes it */
	uint64_t spool_len;
	bool bom;                              /* -o csv_bom */
	int (*room)(void *arg, uint64_t upto); /* as draft_reserve */
	void *arg;
};

/* The i-th heading of a CSV, without the embedded data; NULL behind the last. */
const char *shape_heading(enum shape shape, size_t i);

/* Writes the file to out_fd; memory does not grow with the elements. Disk worker. -errno, with
 * words in `fail`. */
int shape_write(enum shape shape, const struct shape_input *in, int out_fd, uint64_t *ret_len,
                struct qx_fail *fail);

#endif
