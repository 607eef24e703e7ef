/* cells.h: what a cell of the service's CSV is in a workbook. Pure functions. */
#ifndef QXFS_JOBS_CELLS_H
#define QXFS_JOBS_CELLS_H

#include <stdbool.h>
#include <stddef.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/zone.h>

#define CELL_CHARS_MAX 32767 /* Excel's, in UTF-16 units */

/* A text as a workbook holds it: what XML cannot hold (NUL, U+FFFE, bytes that are no UTF-8)
 * becomes U+FFFD, `_x0041_` is kept from being read as "A", and it is cut at CELL_CHARS_MAX. Mostly
 * there is nothing to do and `text` itself comes back; else a text in `work`. NULL: no memory. */
const char *cell_text(const char *text, size_t len, struct buf *work, bool *ret_cut);
/* A number of which Excel loses nothing: no leading zeros, no sign but '-', at most 15 digits. */
bool cell_number(const char *text, double *ret);
bool cell_truth(const char *text, bool *ret); /* 1, 0, True, False in any case */
/* "2020-02-19 18:16:42" in zone `from` as Excel counts days, in zone `to`. from NULL: as it stands.
 * "2020-02-19T18:16:42Z" says its zone itself. */
bool cell_date(const char *text, const struct zone *from, const struct zone *to, double *ret);

#endif
