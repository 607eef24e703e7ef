/* outside.h: rows of an export that lie outside the span that was asked for. */
#ifndef QXFS_JOBS_OUTSIDE_H
#define QXFS_JOBS_OUTSIDE_H

#include <stdint.h>

#include <qxfs/store/cache.h>

/* Reads a CSV of responses, dates in UTC; counts rows before from_s or from to_s on (calendar). -1:
 * the export does not have that date. Waits for the local disk. -EBADMSG: no such table. */
int outside_count(int fd, uint64_t length, int64_t from_s, int64_t to_s,
                  int64_t ret[OUTSIDE_DATES]);

#endif
