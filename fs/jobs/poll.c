/* poll.c: √(2·λ·elapsed) with λ = 0.05 s, the best law when nothing is known of the duration. The
 * service's percentComplete may shorten it, but is worth at most 15 % of the time already spent: it
 * often stands at 0 until the end, and trusting it is worse than a fixed interval. Who knows how
 * long the same export took before asks for the first time shortly before that. */
#include "poll.h"

#include <math.h>

static const double POLL_COST_S = 0.05;
static const double PRIOR_PART = 0.9; /* the same export takes as long as before, ± 25 % */

static double interval_s(const struct poll_state *s)
{
	double elapsed_s = s->elapsed_ms > 0 ? (double)s->elapsed_ms / 1000 : 0;
	double likely_s = PRIOR_PART * (double)s->prior_ms / 1000;
	double wait_s = sqrt(2 * POLL_COST_S * elapsed_s);

	if (elapsed_s < likely_s)
		return likely_s - elapsed_s;
	if (s->percent > 0 && s->percent < 100) {
		double rest_s = elapsed_s * (100 - s->percent) / s->percent;
		wait_s = fmin(wait_s, fmin(0.6 * rest_s, 0.15 * elapsed_s));
	}
	return wait_s;
}

int64_t poll_interval_ms(const struct poll_state *s)
{
	/* The jobs of this mount share the account's polls evenly. */
	double floor_s = s->polls_per_minute > 0 ? 60.0 * s->running / s->polls_per_minute : 0;
	double wait_s = fmax(interval_s(s), fmax(floor_s, POLL_FIRST_MS / 1000.0));

	return (int64_t)(fmin(wait_s, POLL_LONGEST_MS / 1000.0) * 1000);
}
