/* job.h: what the files of this room share: one job, its states, its three kinds of waiting.
 *
 *   NEW ──► CHECKING ──► STARTING ──► POLLING ──► FETCHING ──► UNPACKING ──► PUBLISHING ──► READY
 *    │  ▲      │            ▲           │  ▲         │  │ ▲        │
 *    ▼  │      └► READY     └───────────┘  └─poll    │  │ └────────┘ a damaged download, once more
 *  ELSEWHERE   (unchanged)    vanished: once anew ◄──┘  └► PUBLISHING (unpacked while it came)
 *  another has the key; NEW ─► POLLING: it died, and its export is followed      any ──► FAILED
 *  What was to be appended and cannot be goes from any of them back to STARTING, once.
 *
 * A document goes NEW ► FETCHING ► UNPACKING ► PUBLISHING ► READY; so do pages, collected;
 * a derived file NEW ► BASES ► RENDERING ► PUBLISHING ► READY; a live one NEW ► FETCHING ► READY.
 *
 * A job waits for a call, for the disk, or for a moment; each comes back to the jobs thread as a
 * step. Everything here is the jobs thread's, but for what says otherwise. */
#ifndef QXFS_JOBS_JOB_H
#define QXFS_JOBS_JOB_H

#include <qxfs/jobs/jobs.h>
#include <qxfs/store/unpack.h>

#include "circle.h"
#include "export.h"
#include "list_job.h"

enum job_state {
	JOB_NEW,
	JOB_ELSEWHERE,
	JOB_CHECKING,
	JOB_STARTING,
	JOB_POLLING,
	JOB_FETCHING,
	JOB_UNPACKING,
	JOB_BASES,
	JOB_RENDERING,
	JOB_PUBLISHING,
	JOB_READY,
	JOB_FAILED,
	JOB_STATES_
};

struct job;
typedef void job_step(struct job *job);

struct job {
	struct jobs *jobs;
	struct job *next;
	enum job_state state;
	struct recipe recipe;  /* its strings are the job's own */
	bool full, background; /* background: nobody has waited for it yet */
	int64_t full_since_ms; /* of the want that began it */
	int64_t mtime_s;
	bool looking; /* nobody has seen mtime_s; neither changes once it is published */
	uid_t uid;
	struct want *wants;

	/* what it found out */
	struct generation *old, *made;
	bool stale;
	bool waited;      /* another mount, or an older job of ours, had the key */
	int64_t asked_ms; /* the content was asked for then; 0: not yet */
	struct gen_facts facts;
	char progress_id[130], file_id[130];
	struct asked asked; /* of an export, as the next two */
	struct split *split;
	int64_t columns;     /* of the survey, about; 0: not known */
	bool unchanged;      /* the survey, since `old` */
	char request_id[64]; /* the service's last word on it */
	double percent;
	int64_t started_ms, moved_ms, posted_ms, expected_s;
	int restarts, damages, missing;
	struct qx_fail fail;

	/* the three kinds of waiting */
	struct call call;
	bool call_live;
	job_step *call_then;
	struct task call_over; /* posted by the network thread */
	bool disk_live;
	job_step *disk_then;
	job_step *disk_fn;     /* runs on the pool, while disk_live */
	struct task disk_task; /* on the pool, then on the worker */
	job_step *timer_then;
	struct task timer;

	bool slot; /* holds one of the account's job slots */

	/* fetch.c: the download and who follows it */
	struct draft *draft;
	struct follow follow;
	bool following;         /* an unpack worker reads along */
	_Atomic bool refetched; /* the transport began again; set by the network thread */
	uint64_t shown_bytes;   /* network thread, while call_live */
	struct unpacked unpacked;

	/* collect.c: the page just fetched; live.c too: what comes after it */
	struct json *page; /* the pool's, while disk_live */
	char *page_url;
	uint64_t spooled;
	size_t elements, page_elements; /* of all pages so far; of the last */
	struct circle pages;

	/* live.c: the pool's, while disk_live */
	struct spill *answer, *result, *out; /* the envelope, its result, what is served */
	uint64_t out_length;
	bool listed; /* it is a list: `out` has elements of its pages */
	/* derive.c */
	struct generation *bases[RECIPE_BASES];
	int next_base;
	bool base_live;    /* base_want is with the room */
	bool render_waits; /* for one of the renderers' places */
	struct want base_want;
	struct qx_fail base_fail;

	int disk_err;
	struct qx_fail disk_fail;
};

/* What logs call it, for "%.*s"; see recipe.h. */
#define JOB_LOGGED(job) recipe_logged(&(job)->recipe), (job)->recipe.subject
/* How many unpack workers may wait for bytes: the others stay free for what does not wait. */
#define FOLLOWERS_MAX 2

struct stream;
struct jobs {
	struct jobs_config config;
	struct worker *worker;
	struct pool *pool;
	struct board *board;
	struct job *live;
	struct list_job *lists;
	int running; /* jobs that hold a slot */
	struct adoption *adoption;
	int followers, renderers; /* unpack workers that wait for bytes, that render */
	/* Set by the jobs thread; the pool's long work looks, too. */
	_Atomic bool stopping;
	struct task deadline;
	struct task stop_task;
	struct errand tidy; /* once a day */
	pthread_mutex_t stop_lock;
	pthread_cond_t stopped;
	bool stop_done; /* guarded by stop_lock */
	bool idle;      /* guarded by stop_lock: nothing live while stopping */

	/* streams.c */
	struct stream *active; /* pages of them are being fetched: jobs thread */
	pthread_mutex_t streams_lock;
	struct stream *streams; /* guarded by streams_lock: the newest of each key */
};

/* job.c */
void job_move(struct job *job, enum job_state state);
void job_show(struct job *job);
/* Takes the key and makes the draft, then goes the way of the recipe's kind. */
void job_begin(struct job *job);
void job_call(struct job *job, job_step *then); /* its in part has been set */
void job_disk(struct job *job, job_step *fn, job_step *then);
/* Pool: draft_reserve of the draft's data, as a `room` whose arg is the job. */
int job_room_for_data(void *arg, uint64_t upto);
void job_later(struct job *job, int64_t ms, job_step *then);
/* The end: `made`, or `old`, which is current or stale. */
void job_succeed(struct job *job);
/* The end: `old` is as new as anything, and its freshness begins again. */
void job_renew(struct job *job);
/* The end: job->fail says why. */
void job_fail(struct job *job);
/* The end after a step of the pool: in its words, else the file "cannot be `done`". */
void job_fail_disk(struct job *job, const char *done);
/* job->fail from the call that just failed; then the call is cleared. */
void job_take_call_fail(struct job *job);
void job_release_slot(struct job *job);
void job_take_slot(struct job *job);
void job_abandon(struct job *job); /* the room is being stopped */
void job_answer(struct job *job, const struct want_result *result);
void job_free(struct job *job);
void call_prepare(struct job *job, enum endpoint ep); /* job->call anew, with the recipe's args */

/* What job_begin leads to, with a draft: exports.c, fetch.c, collect.c, derive.c. */
void export_begin(struct job *job);
void fetch_begin(struct job *job);
void collect_begin(struct job *job);
void derive_begin(struct job *job);
void document_unpack(struct job *job); /* documents.c, disk: the result out of its envelope */
/* fetch.c */
void fetch_publish(struct job *job); /* the draft's data, as job->unpacked says */
void fetch_fail(struct job *job);    /* the end: the disk's step has said why */
/* stale.c */
int64_t job_bound_ms(const struct job *job);   /* of its call */
bool stale_judge(struct job *job);             /* is `old` served? If not, job->fail says why */
bool stale_ends_access(const struct job *job); /* does job->fail end access to `old`? */
void stale_end_access(struct job *job);        /* pool */
/* live.c */
void live_begin(struct job *job);
void live_unwanted(struct job *job); /* its one want has gone */
/* jobs.c */
/* How long the network is tried when there is something to serve instead. Any thread. */
int64_t jobs_stale_bound_ms(const struct jobs *j);
void jobs_check_idle(struct jobs *j);
void jobs_watch_deadline(struct jobs *j, int64_t at_ms);

#endif
