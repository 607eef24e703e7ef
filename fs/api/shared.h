/* shared.h: what the mounts of an account on this machine know of each other's requests and jobs.
 *
 * One small file for each account. A mount has a place in it, and holds a byte's lock for as long
 * as it lives: whoever finds a place whose byte nobody holds knows that its mount is dead, however
 * it died. Its requests are over then; its jobs go on at the service and are counted among the
 * orphans, until somebody follows them (shared_adopt) or they must have ended. So are those that a
 * mount which lives cannot follow any more (shared_leave).
 *
 *     shared_begin ─► governor_next … ─► shared_end      under the file's lock, microseconds
 *
 * The lock is never waited for: a mount may be stopped while it has it. Who cannot get it looks
 * again soon, and goes on with what it knows when the file stands still; so does who finds no
 * place, or mounts of another version of qxfs.
 *
 * Threads: one (the network thread). Times: sys_now_ms() values given by the caller, which are the
 * same in every process of one boot; a file of an earlier boot is as good as none.
 */
#ifndef QXFS_API_SHARED_H
#define QXFS_API_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include <qxfs/api/limits.h>

struct shared;

/* Takes `fd`, a file that is this user's alone, whatever comes of it. `boot` names this start of
 * the machine (copied; sys_boot_id). NULL: no memory. */
struct shared *shared_new(int fd, const char *boot);
/* As a death: the jobs that were told of last become orphans. NULL is fine. */
void shared_free(struct shared *s);

/* Gives the governor what the others have left. False: somebody else has the file just now; look
 * again in SHARED_BUSY_MS. */
#define SHARED_BUSY_MS 2
bool shared_begin(struct shared *s, struct governor *g, int64_t now_ms);
/* The last one could not use the file: the governor goes by what was known before. */
bool shared_is_alone(const struct shared *s);
/* After each shared_begin that was true: what the governor decided is told to the others. */
void shared_end(struct shared *s, struct governor *g);

/* An orphan that nobody has taken up: most exports have ended by then. */
#define SHARED_ORPHAN_MS (10 * 60000L)
/* Not between the two: so many of the orphans, or of what a mount that is just going leaves, are
 * followed by this mount now, and are among its own. */
void shared_adopt(struct shared *s, int n, int64_t now_ms);
/* Nor this: so many that were among its own are orphans now. It is no death. */
void shared_leave(struct shared *s, int n);
/* How many mounts have died, as far as this file remembers: if it changes, there may be something
 * to adopt. */
uint64_t shared_deaths(const struct shared *s);
/* An fd that turns readable when another mount begins or ends: then shared_attend, and look. -1:
 * there is none. */
int shared_watch_fd(const struct shared *s);
void shared_attend(struct shared *s);

#endif
