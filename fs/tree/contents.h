/* contents.h: what makes the bytes of a data row, from the row and its argument. Any thread,
 * without tree.lock. */
#ifndef QXFS_TREE_CONTENTS_H
#define QXFS_TREE_CONTENTS_H

#include <qxfs/jobs/jobs.h>

#include "nodes.h"

struct content {
	struct recipe recipe;
	struct buf key, subject, body, query, path;
	char parts[RECIPE_ARGS][ARG_MAX_BYTES];
	char directory[LIST_OF_BYTES];       /* of the mailing list that component 0 is */
	struct content *bases[RECIPE_BASES]; /* owned */
};
/* What something is made from: when it was last known to be current, by the calendar, and the time
 * it shows. */
struct base_seen {
	int64_t checked_s, mtime_s;
	int64_t whole_s; /* when all of it was published last */
};

/* -EAGAIN: a list has to be fetched first; -ENOENT: it is known not to exist; -EPERM; -ENOMEM.
 * Takes tree.lock; content_done() in any case. */
int content_make(struct tree *t, const struct node_row *row, const char *arg, struct content *ret);
void content_done(struct content *c);
/* What it is made from is another now than when it was made; *ret tells of that, if it is there.
 * Looks at the disk. */
bool content_is_outdated(struct tree *t, const struct node_row *row, const char *arg,
                         const struct generation *gen, struct base_seen *ret);
/* The generation that the cache has of it, with a reference; NULL. */
struct generation *content_cached(struct tree *t, const struct node_row *row, const char *arg);
/* How much of its path names no people; 0: all. */
int subject_logged(const struct node_row *row, const char *arg);
/* No counts tell whether it has changed. */
bool content_is_always_new(const struct node_row *row, const char *arg);

/* Words for people; status.c. "EIO, HTTP 500, error code X, requestId Y", as far as is known. */
void words_codes(const struct qx_fail *f, struct buf *out);
/* " (50 %), part 2 of 4", as far as is known. */
void words_progress(const struct board_job *job, struct buf *out);

#endif
