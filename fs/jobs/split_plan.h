/* split_plan.h: which windows of time an export is divided into, and what each is asked for with.
 * Values in, values out: no clock, no disk, no network. Seconds of the calendar. Any thread. */
#ifndef QXFS_JOBS_SPLIT_PLAN_H
#define QXFS_JOBS_SPLIT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <qxfs/base/buf.h>
#include <qxfs/store/cache.h>

/* A window's start is asked for so much earlier: whichever of its ends the service counts to it,
 * nothing falls between two of them. What comes twice is known by its ResponseId. */
#define SPLIT_OVERLAP_S 1

/* When responses were recorded: of so many in equal distances, rising. */
#define SPLIT_SAMPLES 4096
struct split_dates {
	int64_t rows;   /* all */
	int64_t stride; /* of so many one is kept; 0: none yet */
	int n;
	int64_t at_s[SPLIT_SAMPLES];
};
/* The next one, in the order of their dates. */
void dates_add(struct split_dates *d, int64_t at_s);

/* Half-open: from ≤ t < to. INT64_MIN and INT64_MAX: open. */
struct split_window {
	int64_t from_s, to_s;
};

struct split_plan {
	struct split_window whole;
	int64_t cuts[FACTS_CUTS]; /* rising, within the whole */
	int n;
	int at; /* the present window: between cuts at - 1 and at */
};

/* What an old generation of `length` bytes tells of the next: is it known that one job cannot bring
 * it? Its cuts are good then, if it has any. What failed while it was smaller than `most`, the
 * documented limit, is tried as a whole again after a week. */
bool plan_is_known(const struct facts_split *facts, uint64_t length, uint64_t most, int64_t now_s);

/* May so many responses (-1: not known), of about so many columns (0), be more? The old generation
 * had `length` bytes (0: there is none). */
bool plan_may_be_size(int64_t responses, int64_t columns, uint64_t length, uint64_t most);
/* How many parts the whole is divided into at first. */
int plan_parts(uint64_t length, uint64_t most);

/* What an export's POST asks for as a whole. NULL: it can be divided; else why not, as a remedy. */
const char *plan_read(const char *body, struct split_plan *ret);
/* Cuts of another time, where they lie within the whole. */
void plan_recall(struct split_plan *p, const int64_t *cuts, int n);

struct split_window plan_window(const struct split_plan *p);
bool plan_is_last(const struct split_plan *p);
/* Divides the present window into at most `parts` of equally many responses; the first of them is
 * the present one then. Where none is known to lie, by time. -EDOM: it is a single second; -E2BIG:
 * there is no room for more cuts. */
int plan_cut(struct split_plan *p, const struct split_dates *d, int64_t now_s, int parts);
/* All windows have come, the i-th with bytes[i]: neighbours that have at most `most` together
 * become one, for the next time. */
void plan_settle(struct split_plan *p, const uint64_t bytes[FACTS_CUTS + 1], uint64_t most);

enum plan_asks {
	PLAN_ALL,
	PLAN_ALL_AND_TOKEN, /* and for a continuation token */
	PLAN_ONE,           /* for the first response only */
	PLAN_DATES          /* of the whole: when each was recorded, as CSV */
};
/* The body of the whole, for the present window. */
void plan_body(const struct split_plan *p, const char *body, enum plan_asks asks, struct buf *out);

#endif
