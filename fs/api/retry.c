/* retry.c: which failures are worth a second attempt, and when. */
#include <qxfs/api/retry.h>

#define DELAY_FIRST_MS 250
/* Only a network that is away is tried so often: nobody is burdened by it, and who waits wants to
 * know within seconds that it is back. */
#define DELAY_MAX_MS 4000
#define RETRY_AFTER_MAX_S 120
#define NEAR_MS 1000
/* Whoever answers with a login page does so again; a proxy's hiccup is over by then. */
#define DAMAGED_ATTEMPTS 3

enum failure {
	FAILURE_FINAL,   /* the same will come again, or it is not the service's doing */
	FAILURE_REFUSED, /* certain not to have taken effect */
	FAILURE_UNSURE   /* may have taken effect */
};

static enum failure classify_answer(const struct attempt *a)
{
	if (a->damaged)
		return FAILURE_UNSURE;
	switch (a->http) {
	case 429:
		return FAILURE_REFUSED;
	case 500: /* about one call in a hundred: API.md 0.12 */
	case 502:
	case 503: /* a gateway says it also after the write was done */
	case 504:
		return FAILURE_UNSURE;
	default:
		return FAILURE_FINAL;
	}
}

static enum failure classify(const struct attempt *a)
{
	switch (a->outcome) {
	case OUTCOME_ANSWERED:
		return classify_answer(a);
	case OUTCOME_UNRESOLVED:
	case OUTCOME_REFUSED:
		return FAILURE_REFUSED;
	case OUTCOME_TIMEOUT:
	case OUTCOME_BROKEN:
	case OUTCOME_CUT:
		return FAILURE_UNSURE;
	case OUTCOME_TLS:
	case OUTCOME_LOCAL:
	case OUTCOME_ABORTED:
		return FAILURE_FINAL;
	}
	return FAILURE_FINAL;
}

static bool network_is_away(const struct attempt *a)
{
	return a->outcome == OUTCOME_UNRESOLVED || a->outcome == OUTCOME_REFUSED ||
	       a->outcome == OUTCOME_TIMEOUT || a->outcome == OUTCOME_BROKEN;
}

static bool has_attempts_left(const struct attempt *a)
{
	if (network_is_away(a) && a->bound_ms > 0)
		return true;
	return a->n < (a->damaged ? DAMAGED_ATTEMPTS : RETRY_ATTEMPTS);
}

static int64_t backoff_ms(int n, uint64_t dice)
{
	int64_t full = DELAY_FIRST_MS;
	for (int i = 1; i < n && full < DELAY_MAX_MS; i++)
		full *= 2;
	if (full > DELAY_MAX_MS)
		full = DELAY_MAX_MS;
	/* Those who were refused together must not come back together. */
	return full / 2 + (int64_t)(dice % (uint64_t)(full / 2 + 1));
}

static int64_t wanted_delay_ms(const struct attempt *a, uint64_t dice)
{
	int64_t s = a->retry_after_s;
	if (a->outcome != OUTCOME_ANSWERED || s < 0)
		return backoff_ms(a->n, dice);
	return (s < 1 ? 1 : s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : s) * 1000;
}

int64_t retry_delay_ms(const struct attempt *a, uint64_t dice)
{
	enum failure failure = classify(a);
	bool repeatable = a->repeat == REPEAT_ALWAYS || a->repeat == REPEAT_KEY;

	if (failure == FAILURE_FINAL || (failure == FAILURE_UNSURE && !repeatable))
		return -1;
	if (!has_attempts_left(a))
		return -1;

	int64_t delay = wanted_delay_ms(a, dice);
	if (a->bound_ms <= 0 || a->elapsed_ms + delay <= a->bound_ms)
		return delay;
	/* The last look at a network that is away is at the bound itself, not a backoff before it.
	 * Not after an answer was waited for until then: clocks differ by a moment, and the look
	 * would be as long again. */
	int64_t near_ms = a->outcome == OUTCOME_TIMEOUT ? NEAR_MS : 0;
	if (network_is_away(a) && a->elapsed_ms < a->bound_ms - near_ms)
		return a->bound_ms - a->elapsed_ms;
	return -1;
}

bool retry_is_unsure(const struct attempt *a)
{
	return a->outcome == OUTCOME_ABORTED || classify(a) == FAILURE_UNSURE;
}
