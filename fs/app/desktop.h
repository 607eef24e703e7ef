/* desktop.h: what the person who mounted waits for is told on his desktop (libnotify), where qxfs
 * was built with it: a notification when a wait has become long (the events wait-long …), another
 * in its place when it is over.
 *
 * Three files have a notification each, one more stands for all others. What is to be shown is a
 * table, not a queue: a slow desktop sees the newest, and nobody waits for it. The library, its
 * threads and D-Bus live in a child process, which is there only while something is shown; one that
 * dies or hangs is given up, and another is tried a minute later at the earliest.
 *
 * Threads: desktop_new and desktop_free the main one; a worker of its own hands over. Guard:
 * desktop.lock (rank 5), a leaf. */
#ifndef QXFS_APP_DESKTOP_H
#define QXFS_APP_DESKTOP_H

#include <stdint.h>

#include <qxfs/base/events.h>

struct desktop;

/* How long a wait is told, of notify=, -1 where that was not given; 0: none is. */
int64_t desktop_wait_s(int64_t notify_s);
/* events: borrowed. *ret NULL: nothing is to be told, or there is no session bus. */
int desktop_new(struct events *events, int64_t notify_s, struct desktop **ret);
/* What is shown is closed, if that goes within a second. Takes NULL. */
void desktop_free(struct desktop *d);

#endif
