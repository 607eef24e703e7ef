/* mountpoint.h: the folder that is mounted on: what must be right before, and taking the mount
 * away.
 *
 * Threads: main only, before any other exists. Errors: negative errno with words and a remedy.
 */
#ifndef QXFS_APP_MOUNTPOINT_H
#define QXFS_APP_MOUNTPOINT_H

#include <stdbool.h>

#include <qxfs/base/fail.h>

/* The absolute path (free() it) of a folder that may be mounted on: it exists and is ours, is no
 * live qxfs mount and lies in none. What a killed daemon left there is taken away first. */
int mountpoint_prepare(const char *given, char **ret, struct qx_fail *fail);
/* Refuses a folder of ours (`what`: "the cache") below the mount point, or around it: it could not
 * be reached, or the daemon would wait for itself. */
int mountpoint_apart(const char *mountpoint, const char *what, const char *folder,
                     struct qx_fail *fail);
/* Can this machine, and this user, mount at all? */
int mountpoint_can_mount(bool allow_other, struct qx_fail *fail);

/* Is the daemon of this mount gone? Asks it, if it lives. */
bool mountpoint_is_dead(const char *mountpoint);
/* Takes a mount away; `lazily`: also while it is used. */
int mountpoint_detach(const char *mountpoint, bool lazily, struct qx_fail *fail);

#endif
