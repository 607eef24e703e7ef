/* jobs.h: what takes time. One job for each cache key, however many want it (and, after a touch,
 * one more that waits for the first).
 *
 * Threads: jobs_want, jobs_drop, jobs_want_list from any thread, holding no lock. Everything is
 * decided on the jobs thread; `done` and the events come from it and may not wait. Disk work runs
 * on the pool, network work in api/. Errors: `fail` of a result carries errno and words; it is
 * valid during the callback only.
 */
#ifndef QXFS_JOBS_JOBS_H
#define QXFS_JOBS_JOBS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <qxfs/api/client.h>
#include <qxfs/base/events.h>
#include <qxfs/base/worker.h>
#include <qxfs/jobs/board.h>
#include <qxfs/jobs/lists.h>
#include <qxfs/jobs/render.h>
#include <qxfs/jobs/shapes.h>
#include <qxfs/store/cache.h>
#include <qxfs/store/spill.h>
#include <qxfs/store/unpack.h>

struct jobs;

/* What a GET of a survey said: for sizes, for names of ids that no list shows. */
struct survey_seen {
	const char *id, *name, *created, *last_modified; /* name … may be NULL */
	int64_t counts[FACTS_COUNTS];                    /* -1: not said */
	uint64_t questions; /* a hash of all but counts and dates; 0: not said */
	int64_t columns;    /* of an export, about; -1 */
	bool on_pool;       /* told by a disk worker, which may write small files */
	int refused;        /* 403 or 404, and only `id` is set besides: it is not given out; 0 */
};
/* Nothing was added to, taken from, or changed in the survey since these facts were noted, and the
 * export holds what was counted then. */
bool survey_is_as_in(const struct gen_facts *was, const struct survey_seen *seen);

/* Both kinds of response are exported. -1: the service did not say. */
int64_t counted_responses(const int64_t counts[FACTS_COUNTS]);

/* refresh=: what is fetched of a survey that has changed. */
enum refresh_how { REFRESH_APPEND, REFRESH_FULL };

struct jobs_config {
	struct client *client; /* borrowed, outlives the jobs */
	struct cache *cache;
	struct dirs *dirs;
	int64_t fresh_s;          /* what was checked so lately is not asked about */
	int64_t max_stale_s;      /* … and so lately, served unchecked when the account is away */
	enum refresh_how refresh; /* full: never only what is new, and never on a survey's word */
	int64_t job_timeout_ms;   /* an export that does not move for so long has failed */
	uint64_t split_at;        /* so many bytes the service exports at once; more in parts */
	double polls_per_minute;  /* what polling may use of the account: share × limit */
	const struct zone *zone;  /* of dates in xlsx; borrowed */
	enum legacy_contacts legacy;
	struct events *events; /* borrowed; NULL: nobody is told */
	/* From the jobs thread or a disk worker. */
	void (*seen)(void *arg, const struct survey_seen *seen);
	void *arg;
};

enum job_kind {
	JOB_EXPORT,   /* start, poll, download, unpack: the survey's responses */
	JOB_DOCUMENT, /* one GET whose `result` is kept, re-indented or verbatim */
	JOB_PAGES,    /* the elements of all pages of a list, in a shape */
	JOB_DERIVED,  /* made here from others */
	JOB_LIVE,     /* one GET of any path, its pages joined: for this one want, kept nowhere */
	JOB_KINDS_
};

/* How an export that is there already is known to be current. */
enum job_check {
	JOB_CHECK_COUNTS, /* a GET of the survey: its counts and its date of modification */
	JOB_CHECK_NONE    /* nothing tells: it is made anew */
};

#define RECIPE_ARGS 2
#define RECIPE_BASES 2

/* What is to be made: all that determines the bytes. */
struct recipe {
	enum job_kind kind;
	const char *key;     /* cache key: account, request, every parameter that changes bytes; of
	                        live ones nothing is kept, and no two are one */
	const char *subject; /* path in the mount, for people */
	int logged;          /* so much of it may stand in logs, which name no people; 0: all */
	const char *args[RECIPE_ARGS + 1]; /* for the {} of the endpoint, NULL after the last; an
	                                      export's: the survey */
	enum endpoint ep;                  /* documents, pages, live */
	const char *query;                 /* documents, pages, live: NULL or "format=qsf" */
	bool verbatim;                     /* documents: the bytes as they came */
	const char *body;                  /* exports, pages: JSON of the POST; NULL */
	enum job_check check;              /* exports */
	enum text_rows rows;               /* exports */
	bool whole;                        /* exports: of all that the survey counts */
	bool grows;                        /* exports: what is new can be put behind the rest */
	bool has_span;                     /* exports in CSV: rows outside … */
	int64_t from_s, to_s;              /* … are counted (calendar; to_s is behind it) */
	bool utf16;                        /* exports: the service's UTF-16 becomes UTF-8 */
	bool bom;                          /* -o csv_bom: a BOM before the text */
	enum shape shape;                  /* pages */
	const char *id_member;             /* streams: of each element; constant */
	bool (*is_id)(const char *text);   /* streams: others are left out */
	const struct render_row *render;   /* derived */
	const char *pick;                  /* derived: for a render row that picks */
	const struct recipe *bases[RECIPE_BASES]; /* derived: what from; NULL after the last */
};

#define WANT_RUNNING \
	1 /* as full_since_ms: no comparing, but a job that runs already, and for all of it, will \
	   * do */

struct want;
struct want_result {
	struct generation *gen; /* on success; borrowed: generation_ref to keep it */
	struct spill *live;     /* of a live one instead; borrowed: spill_ref */
	uint64_t live_length;
	bool kept;                  /* the old generation is still current */
	bool stale;                 /* the account is unreachable: the old one, not checked */
	const struct qx_fail *fail; /* fail->err != 0: failure */
};
typedef void want_done_fn(struct want *w, const struct want_result *result);

/* Memory and strings are the caller's until `done`, which comes exactly once. */
struct want {
	struct recipe recipe;
	int64_t full_since_ms; /* a touch (sys_now_ms): no comparing, and nothing that was asked for
	                          before; 0: none */
	int64_t mtime_s;       /* what the file shows; kept with the generation */
	bool looking;          /* nobody has seen that yet: an unchanged document keeps its own */
	bool background;       /* nobody waits for it: it gives way to people, until one joins */
	uid_t uid;
	char program[16];    /* of who waits, for people; "": unknown */
	int64_t deadline_ms; /* sys_now_ms(): then ETIMEDOUT, the job goes on; 0: none */
	want_done_fn *done;
	void *arg;

	/* jobs.c's own: jobs thread only */
	struct jobs *jobs;
	struct want *next;
	struct task arrive, drop;
};

int jobs_new(const struct jobs_config *config, struct jobs **ret);
void jobs_want(struct jobs *j, struct want *w);
/* Nobody waits for it any more: done comes soon with ECANCELED; the job goes on, but for a live
 * one, which is of no use to anybody else. The caller makes
 * sure that `done` has not come yet, or that it runs on the jobs thread. */
void jobs_drop(struct jobs *j, struct want *w);
/* For `done`: takes back a jobs_drop that has not run yet, so that the want can be freed. */
void jobs_undrop(struct jobs *j, struct want *w);

/* Fetches all pages of a list, or joins who fetches it; writes it to the state folder; `done` once,
 * on the jobs thread, with the new list (borrowed), or NULL and the failure. */
struct list_want {
	enum list_id id;
	const char *of; /* "": the account's */
	uid_t uid;
	int64_t deadline_ms;
	bool former; /* there is one to show instead if the account is away */
	void (*done)(struct list_want *w, struct list *list, const struct qx_fail *fail);
	void (*page)(struct list_want *w, size_t items); /* progress; may be NULL */
	void *arg;
	struct jobs *jobs;
	struct list_want *next;
	struct task arrive, drop;
};
void jobs_want_list(struct jobs *j, struct list_want *w);
void jobs_drop_list(struct jobs *j, struct list_want *w);
void jobs_undrop_list(struct jobs *j, struct list_want *w);

/* Small work for other rooms: `fn`, `delay_ms` from now, on a disk worker, or, if it is `prompt`
 * and touches no file, on the jobs thread, which no slow disk holds up. From any thread; the
 * errand's memory is the caller's until `fn`, which may ask for it again. One that is not due when
 * the room ends does not come any more. */
struct errand {
	void (*fn)(struct errand *e);
	bool prompt;
	struct jobs *jobs;
	struct task task, timer;
};
void jobs_errand(struct jobs *j, struct errand *e, int64_t delay_ms);

struct board *jobs_board(struct jobs *j);

/* Every want is answered with ECANCELED, now and from now on. Waits until that is so. */
void jobs_stop(struct jobs *j);
/* After client_stop: waits for what still runs on the disk, ends the threads. */
void jobs_free(struct jobs *j);
/* What was served old at since_ms (sys_now_ms) is served again without asking: the account is away,
 * or this one thing fails. Not when the account has come back since. Any thread. */
bool jobs_old_may_rest(const struct jobs *j, int64_t since_ms);

#endif
