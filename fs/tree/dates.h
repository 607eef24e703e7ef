/* dates.h: the name of a folder below dates/ as a span of time.
 *
 *   2026-01-15                  that day
 *   2026-01                     that month
 *   2026                        that year
 *   today, yesterday            that day; the name means another one from midnight on
 *   last-7-days                 today and the six days before it; 1 to 3660 days
 *   20260115T080000Z            a moment: where a span begins or ends, never alone
 *   2026-01-15T08:00:00+02:00   the same as RFC 3339 writes it: whole seconds, Z or an offset
 *   FROM..TO  FROM..  ..TO      any two of them, or one and an open end
 *
 * Days, months and years are whole: a span that ends in one includes its last moment. A moment is
 * the first one that no longer belongs to the span. Days are those of a time zone (-o timezone),
 * 23 and 25 hours long where its clocks are changed.
 *
 * Pure; any thread. Errors: -ENOENT, as the folder is to be answered, with words
 * for people. Times are calendar seconds. */
#ifndef QXFS_TREE_DATES_H
#define QXFS_TREE_DATES_H

#include <stdint.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>
#include <qxfs/base/zone.h>

struct dates {
	int64_t start_s; /* first second; INT64_MIN: open */
	int64_t end_s;   /* first second behind; INT64_MAX: open */
	int64_t until_s; /* the name means another span from then on; INT64_MAX: never */
};

int dates_parse(const char *name, const struct zone *zone, int64_t now_s, struct dates *ret,
                struct qx_fail *why);
/* Appends the members of the export's POST, one or two, without a comma around them:
 * "startDate":"2026-01-01T00:00:00Z","endDate":"2026-02-01T00:00:00Z". Spans that are equal give
 * equal bytes, and the same as params_parse() gives. */
void dates_members(const struct dates *d, struct buf *out);
/* One moment, in either spelling; -EINVAL if it is none from 1970 to 2099. */
int dates_moment(const char *text, int64_t *ret_s);
/* Appends the spellings as rows of a Markdown table: `2026-01` | that month. */
void dates_help(struct buf *out);

#endif
