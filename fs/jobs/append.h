/* append.h: whether what is new of a survey may be put behind what is there (DESIGN.md 3). */
#ifndef QXFS_JOBS_APPEND_H
#define QXFS_JOBS_APPEND_H

#include "survey.h"

#define APPEND_TOKEN_S \
	(7 * 86400 - 3600) /* a token lives for a week (API.md 3.6); clocks differ \
	                    */
#define APPEND_FULL_S 86400

/* What is known before the POST. Parameters need no condition: other ones are another cache key. */
struct append_case {
	bool grows;
	bool full;                   /* somebody wants all of it */
	const struct gen_facts *old; /* NULL: there is none */
	const struct gen_facts *now; /* as the survey was just read */
	int64_t now_s;
};
/* NULL: only what is new may be asked for; else why not, in words for the log. */
const char *append_hindrance(const struct append_case *c);

/* How many responses are counted now that are not in the old file, or, if its rows were not
 * counted, that came between two readings of the counts. */
int64_t append_most(const struct gen_facts *old, const struct gen_facts *now);
/* The counts of the old ones and `rows` more; never over those of `now`. For files whose rows were
 * not counted: it asks again for what lags behind. */
void append_counts(const struct gen_facts *old, const struct gen_facts *now, int64_t rows,
                   int64_t ret[FACTS_COUNTS]);

/* What came. */
struct append_files {
	enum text_rows rows_as;
	int old_fd;
	uint64_t old_length;
	int new_fd;
	uint64_t new_length;
	int64_t most; /* rows */
};
struct append_found {
	uint64_t from; /* where the rows begin in the new file: behind its headings */
	int64_t rows;
};
/* -EBADMSG: it cannot be appended, `fail` says why; other: a disk or memory. Reads of the old file
 * its headings and its end, of the new one all. */
int append_judge(const struct append_files *f, struct append_found *ret, struct qx_fail *fail);

#endif
