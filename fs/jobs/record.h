/* record.h: a job at the service as a small text: all that somebody else needs to go on with it.
 *
 * Written when the service has begun an export, and kept with its cache key (store/cache.h). When a
 * mount has died, or was unmounted meanwhile, another one or its next start finds it and begins a
 * job that nobody waits for yet; whoever opens the file joins it. So does whoever waited for the
 * key while the dead one had it.
 *
 * Threads: pure functions, any.
 */
#ifndef QXFS_JOBS_RECORD_H
#define QXFS_JOBS_RECORD_H

#include <stddef.h>

#include <qxfs/base/buf.h>

struct job;
struct json;
struct want;

/* Of an export that was posted. buf_failed: no memory. */
void record_text(const struct job *job, struct buf *out);
/* Gives the job what the record says: facts, the service's id, what was asked for. -EBADMSG: it is
 * damaged, of another version, or of another file; -ESTALE: it is too old, or what it continues is
 * not there any more, or something newer is. */
int record_take(struct job *job, const char *text, size_t len);
/* Who would want it; strings are borrowed from `j`. -EBADMSG. */
int record_want(const struct json *j, struct want *ret);

#endif
