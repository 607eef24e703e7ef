/* import_plan.h: which rows go into which part. Pure. */
#ifndef QXFS_JOBS_IMPORT_PLAN_H
#define QXFS_JOBS_IMPORT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/store/journal.h>

struct plan {
	size_t max_rows, max_bytes; /* of a part; 0 rows: any number */
	size_t frame;               /* bytes of each body around its rows */
	size_t between;             /* bytes between two rows */
	size_t max_parts;
	struct part *parts;
	size_t n, cap;
	size_t bytes; /* of the last part so far */
	uint64_t rows;
};

enum plan_fault { PLAN_FINE, PLAN_ROW_TOO_LARGE, PLAN_TOO_MANY, PLAN_NO_MEMORY };
/* A row of the file, that begins at byte `from` and takes `bytes` in a body. */
enum plan_fault plan_add(struct plan *p, uint64_t from, size_t bytes);
/* The file's length: the parts' ends are set. apart: where rows begin is known; else every part is
 * in the whole file. The caller frees `parts`. */
void plan_end(struct plan *p, uint64_t size, bool apart);

#endif
