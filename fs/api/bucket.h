/* bucket.h: what may go per minute.
 *
 * A bucket holds drops: one for each request, leaking at the rate the service allows. The bucket is
 * the account's (struct bucket, shared by its mounts), its measure each mount's own.
 *
 * Threads: pure functions, any. Times: sys_now_ms() values given by the caller.
 */
#ifndef QXFS_API_BUCKET_H
#define QXFS_API_BUCKET_H

#include <stdint.h>

#include <qxfs/api/limits.h>

/* What a bucket takes: of the service's figures the part that is ours. */
struct measure {
	double depth;  /* drops it holds */
	double per_ms; /* drops that leak */
};

struct measure measure_make(int per_minute, double share);
void bucket_leak(struct bucket *b, const struct measure *m, int64_t now_ms);
/* Milliseconds until one more drop fits; 0: now. */
int64_t bucket_wait_ms(const struct bucket *b, const struct measure *m);
/* Of two accounts of one bucket the fuller one is believed. */
void bucket_merge(struct bucket *b, struct bucket other, const struct measure *m);

#endif
