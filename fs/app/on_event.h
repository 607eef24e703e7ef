/* on_event.h: the command of a profile's on_event=, run with a JSON object on its standard input
 * for each event of which the table says so (base/events.c).
 *
 * One at a time, each for a minute at most; as many as wait are bounded, and the same of the same
 * path is not run again within a minute. What it prints goes to the log, in part.
 *
 * Threads: on_event_new and on_event_free the main one; a worker of its own runs the commands.
 * Guard: on_event.lock (rank 5), a leaf. */
#ifndef QXFS_APP_ON_EVENT_H
#define QXFS_APP_ON_EVENT_H

#include <qxfs/base/events.h>

struct on_event;

/* events: borrowed. command NULL: *ret is NULL, and nothing is run. */
int on_event_new(struct events *events, const char *command, struct on_event **ret);
/* What waits still has five seconds. Takes NULL. */
void on_event_free(struct on_event *o);

#endif
