/* poll.h: when to ask again how a job gets on. Pure.
 * The law and its measurements: research/PERFORMANCE.md section 4. */
#ifndef QXFS_JOBS_POLL_H
#define QXFS_JOBS_POLL_H

#include <stdint.h>

#define POLL_FIRST_MS 250
#define POLL_LONGEST_MS 30000

struct poll_state {
	int64_t elapsed_ms; /* since the job started */
	int64_t prior_ms;   /* how long it took the last time; 0: unknown */
	double percent;     /* the service's word, <= 0 unknown */
	int running;        /* jobs of this mount, sharing polls_per_minute */
	double polls_per_minute;
};
/* Milliseconds until the next poll. */
int64_t poll_interval_ms(const struct poll_state *s);

#endif
