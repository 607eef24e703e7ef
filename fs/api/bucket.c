/* bucket.c: drops in, drops out. */
#include "bucket.h"

#include <math.h>

struct measure measure_make(int per_minute, double share)
{
	double depth = per_minute * share;
	return (struct measure){ .depth = depth < 1 ? 1 : depth, .per_ms = depth / 60000 };
}

void bucket_leak(struct bucket *b, const struct measure *m, int64_t now_ms)
{
	if (now_ms <= b->at_ms)
		return;
	b->level -= (double)(now_ms - b->at_ms) * m->per_ms;
	if (b->level < 0)
		b->level = 0;
	b->at_ms = now_ms;
}

/* The tolerance is for sums of fractions, not for drops. */
int64_t bucket_wait_ms(const struct bucket *b, const struct measure *m)
{
	double excess = b->level + 1 - m->depth;
	return excess <= 1e-6 ? 0 : (int64_t)ceil((excess - 1e-6) / m->per_ms);
}

void bucket_merge(struct bucket *b, struct bucket other, const struct measure *m)
{
	int64_t at_ms = b->at_ms > other.at_ms ? b->at_ms : other.at_ms;

	bucket_leak(b, m, at_ms);
	bucket_leak(&other, m, at_ms);
	if (other.level > b->level)
		*b = other;
}
