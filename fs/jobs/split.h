/* split.h: what split.c, which asks for parts, and split_join.c, which joins them, share. Jobs
 * thread, but for what says otherwise. */
#ifndef QXFS_JOBS_SPLIT_H
#define QXFS_JOBS_SPLIT_H

#include "job.h"

#include "split_plan.h"
#include "split_rows.h"

struct split {
	struct split_plan plan;
	enum plan_asks asks;            /* PLAN_ALL: for a part */
	bool token;                     /* the last part asks for one */
	const char *no_join;            /* why parts of it are of no use, as a remedy; NULL */
	bool recalled;                  /* the whole was not tried */
	bool counted;                   /* the survey was read before the last part */
	bool looked;                    /* … and behind it */
	bool again;                     /* a part that cannot be divided has failed once */
	bool anew;                      /* it has begun anew once */
	uint64_t most;                  /* bytes of the largest part */
	uint64_t joined;                /* bytes of those before the present one */
	uint64_t bytes[FACTS_CUTS + 1]; /* of the rows of each window */
	int64_t deleted;                /* since the first reading */
	int64_t after[FACTS_COUNTS];    /* the counts before the last part; while `counted` */
	int64_t failed_s;               /* when the whole failed, calendar */

	/* the pool's, while the job's disk_live */
	struct spill *part;
	struct split_text text;
	struct split_dates dates;
};

/* For the whole or the present window. */
void split_ask_for(struct job *job, enum plan_asks asks);
/* For the present part; the last one after the survey was read. */
void split_ask_for_part(struct job *job);
/* The present window, and asks for its first part, or fails. */
void split_divide(struct job *job, int parts);
/* A GET of the survey is over: its counts, and how many were deleted since the first reading.
 * False: the job has failed. */
bool split_count(struct job *job, struct survey_seen *ret);

#endif
