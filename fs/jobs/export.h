/* export.h: what an export's job does beside the common way, see job.h. Jobs thread, but for what
 * says otherwise. */
#ifndef QXFS_JOBS_EXPORT_H
#define QXFS_JOBS_EXPORT_H

#include <qxfs/base/buf.h>

struct job;

/* What its POST asks for. */
enum asks {
	ASKS_ALL,
	ASKS_ALL_AND_TOKEN, /* and for what the next one can continue with */
	ASKS_NEW            /* what came since the old generation */
};
struct asked {
	enum asks what;
	struct buf body; /* owned */
};

/* exports.c: 404 of a finished export's file */
void export_file_missing(struct job *job);
/* exports.c: what is new could not be had, or cannot be appended: all of it instead. */
void export_all(struct job *job, const char *why);
/* append.c; pool: publishes what came behind the old generation. */
void append_publish(struct job *job);

#endif
