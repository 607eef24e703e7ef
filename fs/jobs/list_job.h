/* list_job.h: fetching a list: what pages.c and walk.c share. The jobs thread's, but for saving. */
#ifndef QXFS_JOBS_LIST_JOB_H
#define QXFS_JOBS_LIST_JOB_H

#include <qxfs/api/client.h>
#include <qxfs/base/worker.h>
#include <qxfs/jobs/lists.h>

#include "circle.h"

struct jobs;
struct list_want;

/* Where a list's pages come from just now. */
enum walk_stage {
	WALK_PLAIN, /* one endpoint */
	WALK_ABOVE, /* what it lies in: the directories */
	WALK_EACH,  /* the list of each of them */
	WALK_OLD    /* the account has none of them */
};

struct list_job {
	struct jobs *jobs;
	struct list_job *next;
	enum list_id id;
	char of[LIST_OF_BYTES];
	char query[LIST_OF_BYTES + 32];
	bool calling; /* call is the client's */
	struct list_want *wants;
	struct list *made;
	struct call call;
	struct task call_over;
	struct task save_task;
	char *page_url;
	struct circle pages;
	int save_err;
	struct qx_fail fail;

	/* walk.c */
	enum walk_stage stage;
	struct list *above; /* WALK_EACH: sealed */
	size_t at, reached; /* of these: the present one; how many did not refuse */
	bool begun;         /* the present source has given a page */
	struct qx_fail refusal;
};

/* walk.c: a list that lies in several places */
void walk_begin(struct list_job *lj);
/* What is asked now: endpoint, arguments, query. */
void walk_ask(struct list_job *lj, struct call *call);
/* An element of the present page. -ENOMEM, -EFBIG. */
int walk_take(struct list_job *lj, const struct json *element);
/* A source is over, or has failed with lj->fail: true if another one is to be asked. */
bool walk_on(struct list_job *lj);
void walk_done(struct list_job *lj);
/* pages.c */
void pages_stop(struct list_job *lj);
void pages_deadlines(struct list_job *lj, int64_t now_ms, int64_t *next_ms);

#endif
