/* split_rows.h: the rows of several exports become one file.
 *
 * A row is told from others by its ResponseId, whatever its order: one that is there already is
 * left out. Reads with the rule that the service writes by (API.md 3.4): a quote opens or closes a
 * cell, two of them within one are a quote. Memory: a piece, and for ndjson the longest line.
 *
 * Threads: one at a time, disk workers. Errors: negative errno and `fail`. */
#ifndef QXFS_JOBS_SPLIT_ROWS_H
#define QXFS_JOBS_SPLIT_ROWS_H

#include <qxfs/store/cache.h>
#include <qxfs/store/sink.h>
#include <qxfs/store/unpack.h>

#include "seen.h"
#include "split_plan.h"

struct split_text { /* zeroed but for the first five */
	enum text_rows rows_as;
	struct sink out; /* the file; it counts its bytes */
	bool (*cancelled)(void *arg);
	void *arg;
	struct seen ids;

	uint64_t head; /* bytes of its headings */
	int64_t rows;
	char last; /* byte; 0: none */
};

/* Adds the rows of a part. -ESTALE: its headings are others; -EBADMSG: it is no such table or its
 * rows cannot be told from others; -EFBIG: over its bound; -ENOSPC; -ECANCELED. */
int split_add(struct split_text *t, int fd, uint64_t length, struct qx_fail *fail);
/* All of it goes; the draft is emptied by its owner. */
void split_text_clear(struct split_text *t);

/* Reads the dates that plan_body asked for. */
int split_read_dates(const struct split_text *t, int fd, uint64_t length, struct split_dates *ret,
                     struct qx_fail *fail);

#endif
