/* streams.h: lists that may hold millions: a folder of contacts.
 *
 * A stream is a snapshot of such a list while its pages come: ids in a file without a name, in the
 * pages' order, each once. Whoever opens the folder while the newest snapshot is fresh reads that
 * one, and asks for nothing that is there. A page is asked for when a reader needs it, or when one
 * has come near: a reader that stops costs a few pages, one that only opens none.
 *
 * A page that fails fails that place. Who asks for it again has it asked for again, unless the
 * service's answer was final (403, a circle): then the next who opens the folder begins anew. While
 * the account is unreachable a former complete snapshot is read instead.
 *
 * Threads: any, holding no lock; stream_read reads a local file. `done` of a want comes from the
 * jobs thread. Guards: jobs.streams_lock (rank 2). Errors: negative errno; the words are on the
 * board, under the recipe's subject.
 */
#ifndef QXFS_JOBS_STREAMS_H
#define QXFS_JOBS_STREAMS_H

#include <stdint.h>
#include <sys/types.h>

#include <qxfs/base/worker.h>
#include <qxfs/jobs/jobs.h>

struct stream;
#define STREAM_ID_BYTES 40 /* of the longest id, with its NUL; longer ones are left out */

/* One more reader of what the recipe (its id_member and is_id set) lists; copied. -ENOMEM. */
int stream_open(struct jobs *j, const struct recipe *recipe, struct stream **ret);
void stream_close(struct stream *s);

/* The id at a place, from 0. -ENOENT: past the last; -EAGAIN: its page is not there, see
 * stream_want; other: it cannot be had (never -ENOENT, which readdir(3) takes for the end). */
int stream_read(struct stream *s, uint64_t at, char ret_id[STREAM_ID_BYTES]);

/* Memory is the caller's until `done`, which comes exactly once: 0 when stream_read has something
 * other to say than -EAGAIN; -EIO after the deadline; -ECANCELED after stream_drop. */
struct stream_want {
	struct stream *stream; /* may be closed meanwhile */
	uint64_t at;
	uid_t uid;
	int64_t deadline_ms; /* sys_now_ms(); 0: none */
	void (*done)(struct stream_want *w, int err);

	/* streams.c's own: jobs thread only */
	struct stream_want *next;
	struct task arrive, drop;
};
void stream_want(struct stream_want *w);
void stream_drop(struct stream_want *w);
/* For `done`, as jobs_undrop. */
void stream_undrop(struct stream_want *w);

#endif
