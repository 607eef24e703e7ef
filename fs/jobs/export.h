/* export.h: what an export's job does beside the common way, see job.h. Jobs thread, but for what
 * says otherwise. */
#ifndef QXFS_JOBS_EXPORT_H
#define QXFS_JOBS_EXPORT_H

#include <stdbool.h>

#include <qxfs/base/buf.h>
#include <qxfs/jobs/board.h>
#include <qxfs/store/unpack.h>

struct job;
struct jobs;
struct want;
struct split; /* of a job: it is asked for in parts; NULL: as a whole */

/* What its POST asks for. */
enum asks {
	ASKS_ALL,
	ASKS_ALL_AND_TOKEN, /* and for what the next one can continue with */
	ASKS_NEW            /* what came since the old generation */
};
struct asked {
	enum asks what;
	struct buf body;   /* owned */
	bool adopted;      /* nobody of ours wanted it first */
	bool taken_up;     /* from its record; the service has not answered about it yet */
	bool recorded;     /* who follows us finds it */
	bool over;         /* the service has done its part, and the record says so: no slot */
	bool left;         /* at its end: its record stays, and its slot, unless it is over */
	struct buf record; /* what a dead mount left of it, then our own; owned; the pool's, while
	                      disk_live */
	int64_t renewed_s; /* the time that an unchanged one shows; the same */
};

/* exports.c: the POST, and what follows. */
void export_start(struct job *job);
/* exports.c: asks how far it is, now. */
void export_poll(struct job *job);
/* exports.c: 404 of a finished export's file */
void export_file_missing(struct job *job);
/* exports.c: what is new could not be had, or cannot be appended: all of it instead. */
void export_all(struct job *job, const char *why);
/* append.c; pool: publishes what came behind the old generation. */
void append_publish(struct job *job);

/* --- split.c, split_join.c: what is too large for the service is asked for in parts (DESIGN.md 3)
 * ---------- */

/* Before the first POST: is it known that the whole is too large? Then job->split is made. */
void split_recall(struct job *job);
/* The service has failed what was asked for. True: something else is asked for now, or the job has
 * failed in words of its own; false: that is no matter of size. */
bool split_instead(struct job *job);
/* It has done so. True: there is nothing to fetch. */
bool split_ends(struct job *job);
/* The POST for the present part; NULL: no memory. */
const char *split_body(struct job *job);
/* The dates cannot be had. True: it goes on without. */
bool split_without_dates(struct job *job);
/* What came is damaged, each time. True: it was of the dates, and goes on without. */
bool split_is_damaged(struct job *job);
/* The service takes no wish for a continuation token. */
void split_without_token(struct job *job);
/* How the text is made that is fetched. */
enum text_rows split_rows_as(const struct job *job);
/* Pool: where a part is unpacked to; negative errno. */
int split_part_fd(struct job *job);
int split_part_room(void *arg, uint64_t upto);
/* A part is unpacked and verified: its rows are joined, then the next one is asked for. */
void split_fetched(struct job *job);
/* What people are shown of it. */
void split_show(const struct job *job, struct board_job *row);
void split_free(struct split *s); /* NULL is fine */

/* --- adopt.c: exports that another mount began, see record.h ---------------------------------- */

struct adoption;
/* Begins a job for each that it finds by `begin`, on the jobs thread, unless there is one. NULL: no
 * memory. */
struct adoption *adoption_new(struct jobs *j, void (*begin)(struct jobs *j, const struct want *w));
/* Looks at once; any thread, when jobs->adoption is set. */
void adoption_begin(struct adoption *a);
void adoption_free(struct adoption *a);
/* Jobs thread: a job was left that nobody follows; looks again in a minute, or when the account
 * answers again. */
void adoption_expect(struct adoption *a);
/* Pool: the record of the draft's key, if a dead mount left one. */
void export_recall(struct job *job);
/* Jobs thread: goes on with it. False: there is none that is worth it. */
bool export_resume(struct job *job);
/* Jobs thread: the POST is answered, or the service has done its part; notes it, then `then`. */
void export_note(struct job *job, void (*then)(struct job *job));
/* Jobs thread: what is noted is no use to anybody: nobody follows it. */
void export_forget(struct job *job);
/* Jobs thread: an adopted one that nobody waits for, when there is nothing to follow. */
bool export_is_unwanted(const struct job *job);
void export_quit(struct job *job);
/* Jobs thread: one that has not come to its end: can it be followed later, by whomever? */
bool export_outlives(const struct job *job);
/* Of all mounts of the account. */
int export_running(const struct jobs *j);
/* job.c: the event that the service has taken the export. */
void job_tell_begun(const struct job *job);

#endif
