/* spans.h: the folders whose name is a request: dates/ and with/. A name is right or wrong by its
 * form, so nobody is asked about it. Days are those of `zone`. Any thread; needs no lock.
 *
 * Errors: -ENOENT, -ENOMEM; with words in `why`, which may be NULL only where it says so. */
#ifndef QXFS_TREE_SPANS_H
#define QXFS_TREE_SPANS_H

#include "nodes.h"

int span_check_dates(const char *name, const struct zone *zone, struct qx_fail *why);
int span_check_with(const char *name, const struct zone *zone, struct qx_fail *why);
/* Append to the members of an export's POST, with a comma ahead if there is anything to say. */
int span_add_dates(const char *name, const struct zone *zone, struct buf *out);
int span_add_with(const char *name, const struct form *form, struct buf *out);
/* The span that a name below dates/ means, calendar; an open end is INT64_MIN, INT64_MAX. */
int span_of(const char *name, const struct zone *zone, int64_t *ret_from_s, int64_t *ret_to_s);
/* A file of a folder below with/ does not suit each parameter. 0 anywhere else. `why` may be NULL.
 */
int span_suits(const struct node_row *row, const char *arg, struct qx_fail *why);
/* A name below with/ asks for responses that the survey's counts do not tell of. */
bool span_is_uncounted(const char *name);
/* The moment (calendar) from which a file below dates/ means another request; 0: never, or it does
 * not lie there. */
int64_t span_until(const struct node_row *row, const char *arg, const struct zone *zone);

#endif
