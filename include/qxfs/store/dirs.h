/* dirs.h: where an account's files live.
 *
 *   cache (disposable)            state (never disposable)
 *     VERSION                       VERSION
 *     lock     shared by mounts     lists/surveys.ndjson   the last complete list
 *     gen/     facts and data       account.json           whoami, host
 *     draft/   being made           used/dates-SV_x        names that were opened there
 *                                   names/surveys          who has had which name
 *                                   notes.lock             of those who change what stands there
 *                                   journal.db, spool/ …   see journal.h
 *                                   limits-BOOT            api/'s: what all mounts have in use
 *
 * All folders 0700, files 0600, refused otherwise. A cache of another version is emptied; a state
 * of a newer version is refused. Threads: opened once; the fds are read by any thread.
 */
#ifndef QXFS_STORE_DIRS_H
#define QXFS_STORE_DIRS_H

#include <stddef.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>

struct dirs;

/* Parents: e.g. "/home/u/.cache/qxfs", "/home/u/.local/state/qxfs"; `account` is the folder in
 * both. */
int dirs_open(const char *cache_parent, const char *state_parent, const char *account,
              struct dirs **ret, struct qx_fail *fail);
void dirs_free(struct dirs *d);
int dirs_cache_fd(const struct dirs *d);
int dirs_state_fd(const struct dirs *d);
const char *dirs_cache_path(const struct dirs *d);
const char *dirs_state_path(const struct dirs *d);

/* Small files of the state: lists, account.json, what is known of a token's account. */
int dirs_state_read(const struct dirs *d, const char *name, size_t max, struct buf *out);
int dirs_state_write(const struct dirs *d, const char *name, const void *bytes, size_t len);
/* An fd, until whose close nobody else has this lock: for who reads such a file to write it anew.
 * Readers need no lock. -EAGAIN: somebody has it, in this process or another; does not wait. */
int dirs_state_lock(const struct dirs *d);

#endif
