/* poll.h: when to ask again how a job gets on. Pure.
 * The law and its measurements: research/PERFORMANCE.md section 4. */
#ifndef QXFS_JOBS_POLL_H
#define QXFS_JOBS_POLL_H

#include <stdint.h>

#define POLL_FIRST_MS 250
#define POLL_LONGEST_MS 30000

/* Milliseconds until the next poll. elapsed_ms: since the job started; percent: the service's word,
 * <= 0 unknown; running: jobs of this mount, sharing polls_per_minute. */
int64_t poll_interval_ms(int64_t elapsed_ms, double percent, int running, double polls_per_minute);

#endif
