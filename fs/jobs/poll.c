/* poll.c: √(2·λ·elapsed) with λ = 0.05 s, the best law when nothing is known of the duration. The
 * service's percentComplete may shorten it, but is worth at most 15 % of the time already spent: it
 * often stands at 0 until the end, and trusting it is worse than a fixed interval. */
#include "poll.h"

#include <math.h>

static const double POLL_COST_S = 0.05;

int64_t poll_interval_ms(int64_t elapsed_ms, double percent, int running, double polls_per_minute)
{
	double elapsed_s = elapsed_ms > 0 ? (double)elapsed_ms / 1000 : 0;
	double wait_s = sqrt(2 * POLL_COST_S * elapsed_s);

	if (percent > 0 && percent < 100) {
		double rest_s = elapsed_s * (100 - percent) / percent;
		double robust_s = fmin(0.6 * rest_s, 0.15 * elapsed_s);
		wait_s = fmin(wait_s, robust_s);
	}

	/* The jobs of this mount share the account's polls evenly. */
	double floor_s = polls_per_minute > 0 ? 60.0 * running / polls_per_minute : 0;
	wait_s = fmax(wait_s, fmax(floor_s, POLL_FIRST_MS / 1000.0));
	return (int64_t)(fmin(wait_s, POLL_LONGEST_MS / 1000.0) * 1000);
}
