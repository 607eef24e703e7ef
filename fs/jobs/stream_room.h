/* stream_room.h: what jobs.c asks of all streams. On the jobs thread, but for streams_free, which
 * comes after all threads have ended. */
#ifndef QXFS_JOBS_STREAM_ROOM_H
#define QXFS_JOBS_STREAM_ROOM_H

#include <stdint.h>

struct jobs;

void streams_stop(struct jobs *j);
void streams_deadlines(struct jobs *j, int64_t now_ms, int64_t *next_ms);
void streams_free(struct jobs *j);

#endif
