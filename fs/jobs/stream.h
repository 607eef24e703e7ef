/* stream.h: a snapshot of a long list: what streams.c and stream_pages.c share.
 *
 *   stream_open ─► idle ─stream_read, stream_want─► a page: call ► disk ─► idle, or the next page
 *
 * What readers see is guarded by jobs.streams_lock: how many ids there are, and how it ended. The
 * rest is the jobs thread's while the stream runs; `running` is set by whoever starts it. A stream
 * is freed by the last of: its readers, its being the newest of its key, its running. */
#ifndef QXFS_JOBS_STREAM_H
#define QXFS_JOBS_STREAM_H

#include <qxfs/jobs/streams.h>

#include "job.h"
#include "seen.h"
#include "stream_room.h"

struct stream {
	struct jobs *jobs;
	struct recipe recipe; /* its own */

	/* guarded by jobs->streams_lock */
	struct stream *next; /* in jobs->streams */
	bool kept;           /* it is there */
	int readers;
	bool running;
	int64_t begun_s; /* calendar: its first page was asked for; 0: not yet */
	uint64_t n;      /* ids that can be read */
	uint64_t asked;  /* places that readers have come to */
	int ahead;       /* pages since one was heard of */
	bool complete;
	int err; /* why the next page could not be had; 0 */
	bool final;
	struct stream *former; /* complete; read instead if `stale` */
	bool stale;
	int64_t stale_ms;  /* served old since then */
	struct spill *ids; /* set before n > 0 */

	/* jobs thread */
	struct stream *next_active;
	struct stream_want *wants;
	uid_t uid;
	struct task poke;
	struct call call;
	struct task call_over;
	bool call_live;
	struct task disk_task;
	char *page_url;
	struct circle pages;
	struct qx_fail fail;

	/* the pool's, while its task is queued or runs */
	struct json *page;
	struct seen seen;
	uint64_t more; /* ids of the page */
	int disk_err;
};

/* streams.c: call with streams_lock held */
/* What stream_read says of a place. */
int stream_judge(const struct stream *s, uint64_t at);
/* A page is worth having though nobody waits for it. */
bool stream_wants_ahead(const struct stream *s);
/* What is unused now: it, and what it held; for stream_free_all without the lock. */
struct stream *stream_take_unused(struct stream *s);
/* streams.c: call without it */
void stream_free_all(struct stream *unused);
/* stream_pages.c: a task of the jobs thread that starts an idle stream */
void stream_poked(struct task *task);

#endif
