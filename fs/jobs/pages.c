/* pages.c: fetching a list: page after page until nextPage is null; short and empty pages mean
 * nothing. A page that fails fails the whole list: half a listing is never shown, the former one
 * stays. A circle of pages, or too many, is an error. */
#include "job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define PAGES_MAX 10000
#define BOUND_MS 10000 /* of each page, without network */

static void next_page(struct list_job *lj);

static void answer_all(struct list_job *lj, struct list *list, const struct qx_fail *fail)
{
	while (lj->wants) {
		struct list_want *w = lj->wants;
		lj->wants = w->next;
		w->done(w, list, fail);
	}
}

/* The list's folder, as people know it. */
static void subject_of(const struct list_job *lj, char out[BOARD_SUBJECT])
{
	(void)snprintf(out, BOARD_SUBJECT, "%s%s%s%s", lj->of[0] ? "surveys/" : "", lj->of,
	               lj->of[0] ? "/" : "", list_row(lj->id)->name);
}

/* Frees the job; whoever wants the list while it is answered begins a new one. */
static void over(struct list_job *lj)
{
	struct jobs *j = lj->jobs;
	char subject[BOARD_SUBJECT];

	struct list_job **link = &j->lists;
	while (*link != lj)
		link = &(*link)->next;
	*link = lj->next;

	subject_of(lj, subject);
	board_remove(j->board, lj);
	if (!lj->fail.err)
		board_settled(j->board, subject);
	else if (lj->fail.err != ECANCELED)
		board_failed(j->board, subject, &lj->fail);
	answer_all(lj, lj->fail.err ? NULL : lj->made, &lj->fail);
	list_unref(lj->made);
	walk_done(lj);
	free(lj->page_url);
	circle_done(&lj->pages);
	free(lj);
	jobs_check_idle(j);
}

static void saved(struct task *task)
{
	struct list_job *lj = container_of(task, struct list_job, save_task);
	if (lj->save_err < 0) /* it is known, but the next mount must ask again */
		log_warn("jobs", "the list of %s cannot be kept: %s", list_row(lj->id)->name,
		         strerror(-lj->save_err));
	over(lj);
}

/* Pool. */
static void save(struct task *task)
{
	struct list_job *lj = container_of(task, struct list_job, save_task);
	list_seal(lj->made);
	lj->save_err = list_save(lj->made, lj->jobs->config.dirs);
	lj->save_task.fn = saved;
	worker_post(lj->jobs->worker, &lj->save_task);
}

static int take_elements(struct list_job *lj, const struct json *answer)
{
	size_t n = json_len(answer, "result.elements");

	if (!json_is_array(answer, "result.elements"))
		return fail_set(&lj->fail, EIO, "the service's list of %s has no elements",
		                list_row(lj->id)->name);
	for (size_t i = 0; i < n; i++) {
		const struct json *element = json_at(answer, "result.elements", i);
		int r = element ? walk_take(lj, element) : 0;
		if (r < 0)
			return fail_set(&lj->fail, -r, "the list of %s does not fit into memory",
			                list_row(lj->id)->name);
	}
	lj->begun = true;
	for (struct list_want *w = lj->wants; w; w = w->next)
		if (w->page)
			w->page(w, lj->made->n);
	return 0;
}

static void page_over(struct task *task)
{
	struct list_job *lj = container_of(task, struct list_job, call_over);

	lj->calling = false;
	if (lj->jobs->stopping)
		fail_set(&lj->fail, ECANCELED, "the mount is being ended");
	else if (!lj->fail.err && lj->call.fail.err)
		lj->fail = lj->call.fail;

	struct json *page = lj->call.answer;
	lj->call.answer = NULL;
	free(lj->page_url);
	lj->page_url = lj->call.next_page;
	lj->call.next_page = NULL;
	call_clear(&lj->call);

	if (!lj->fail.err && lj->page_url &&
	    (lj->pages.n >= PAGES_MAX || !circle_enter(&lj->pages, lj->page_url)))
		fail_set(&lj->fail, EIO,
		         "the service's pages of %s lead in a circle, or are over %d",
		         list_row(lj->id)->name, PAGES_MAX);
	/* This one is taken while the next one is on its way; a failure is seen when that comes. */
	bool more = !lj->fail.err && lj->page_url;
	if (more)
		next_page(lj);
	if (!lj->fail.err)
		(void)take_elements(lj, page); /* lj->fail says it */
	json_free(page);
	if (more)
		return;
	if (walk_on(lj)) {
		next_page(lj);
	} else if (lj->fail.err) {
		over(lj);
	} else {
		lj->save_task.fn = save;
		pool_post(lj->jobs->pool, &lj->save_task);
	}
}

/* Network thread. */
static void on_page(struct call *call)
{
	struct list_job *lj = call->arg;
	worker_post(lj->jobs->worker, &lj->call_over);
}

static void next_page(struct list_job *lj)
{
	memset(&lj->call, 0, sizeof(lj->call));
	walk_ask(lj, &lj->call);
	lj->call.page_url = lj->page_url;
	lj->call.class = CLASS_PERSON;
	lj->call.uid = lj->wants ? lj->wants->uid : 0;
	lj->call.sink_fd = -1;
	bool old_does = lj->wants && lj->wants->former;
	lj->call.bound_ms = old_does && !client_is_reachable(lj->jobs->config.client)
	                            ? jobs_stale_bound_ms(lj->jobs)
	                            : BOUND_MS;
	lj->call.on_done = on_page;
	lj->call.arg = lj;
	lj->call_over.fn = page_over;
	lj->calling = true;
	client_start(lj->jobs->config.client, &lj->call);
}

static void show(struct list_job *lj)
{
	struct board_job row = { .state = "listing", .phrase = "is being listed", .percent = -1 };
	row.started_s = sys_wall_s();
	subject_of(lj, row.subject);
	board_show(lj->jobs->board, lj, &row);
}

static void answer_one(struct list_want *w, int err, const char *why)
{
	struct qx_fail fail;
	fail_set(&fail, err, "%s", why);
	w->done(w, NULL, &fail);
}

static struct list_job *find(struct jobs *j, enum list_id id, const char *of)
{
	struct list_job *lj = j->lists;
	while (lj && (lj->id != id || strcmp(lj->of, of) != 0))
		lj = lj->next;
	return lj;
}

static struct list_job *begin(struct jobs *j, enum list_id id, const char *of)
{
	struct list_job *lj = calloc(1, sizeof(*lj));
	if (!lj || list_new(id, of, &lj->made) < 0) {
		free(lj);
		return NULL;
	}
	lj->jobs = j;
	lj->id = id;
	memcpy(lj->of, of, strlen(of) + 1); /* list_new has judged its length */
	walk_begin(lj);
	lj->next = j->lists;
	j->lists = lj;
	return lj;
}

static void want_arrives(struct task *task)
{
	struct list_want *w = container_of(task, struct list_want, arrive);
	struct jobs *j = w->jobs;

	if (j->stopping) {
		answer_one(w, ECANCELED, "the mount is being ended");
		return;
	}
	struct list_job *lj = find(j, w->id, w->of);
	bool fresh = !lj;
	if (fresh)
		lj = begin(j, w->id, w->of);
	if (!lj) {
		answer_one(w, ENOMEM, "no memory");
		return;
	}
	w->next = lj->wants;
	lj->wants = w;
	jobs_watch_deadline(j, w->deadline_ms);
	if (!fresh)
		return;
	show(lj);
	next_page(lj);
}

static void want_drops(struct task *task)
{
	struct list_want *w = container_of(task, struct list_want, drop);
	struct list_job *lj = find(w->jobs, w->id, w->of);
	struct list_want **link = lj ? &lj->wants : NULL;
	while (link && *link && *link != w)
		link = &(*link)->next;
	if (!link || !*link)
		return;
	*link = w->next;
	answer_one(w, ECANCELED, "the wait was given up");
}

void jobs_want_list(struct jobs *j, struct list_want *w)
{
	w->jobs = j;
	w->next = NULL;
	w->arrive = (struct task){ .fn = want_arrives };
	w->drop = (struct task){ .fn = want_drops };
	worker_post(j->worker, &w->arrive);
}

void jobs_drop_list(struct jobs *j, struct list_want *w)
{
	worker_post(j->worker, &w->drop);
}

void jobs_undrop_list(struct jobs *j, struct list_want *w)
{
	worker_cancel(j->worker, &w->drop);
}

void pages_deadlines(struct list_job *lj, int64_t now_ms, int64_t *next_ms)
{
	for (struct list_want **link = &lj->wants; *link;) {
		struct list_want *w = *link;
		if (w->deadline_ms && w->deadline_ms <= now_ms) {
			*link = w->next;
			answer_one(w, ETIMEDOUT, "the list takes too long; it is fetched behind");
			continue;
		}
		if (w->deadline_ms && (!*next_ms || w->deadline_ms < *next_ms))
			*next_ms = w->deadline_ms;
		link = &w->next;
	}
}

void pages_stop(struct list_job *lj)
{
	struct qx_fail fail;
	fail_set(&fail, ECANCELED, "the mount is being ended");
	answer_all(lj, NULL, &fail);
	if (lj->calling)
		client_cancel(lj->jobs->config.client, &lj->call);
}
