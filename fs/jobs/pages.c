/* pages.c: fetching a list: page after page until nextPage is null; short and empty pages mean
 * nothing. A page that fails fails the whole list: half a listing is never shown, the former one
 * stays. A circle of pages, or too many, is an error. */
#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/hash.h>
#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define PAGES_MAX 10000

static void next_page(struct list_job *lj);

static void answer_all(struct list_job *lj, struct list *list, const struct qx_fail *fail)
{
	while (lj->wants) {
		struct list_want *w = lj->wants;
		lj->wants = w->next;
		w->done(w, list, fail);
	}
}

static void over(struct list_job *lj)
{
	const char *name = list_row(lj->id)->name;
	struct list *made = lj->made;

	lj->made = NULL;
	lj->live = false;
	free(lj->page_url);
	lj->page_url = NULL;
	free(lj->pages_seen);
	lj->pages_seen = NULL;
	lj->n_pages = 0;
	board_remove(lj->jobs->board, lj);
	if (!lj->fail.err)
		board_settled(lj->jobs->board, name);
	else if (lj->fail.err != ECANCELED)
		board_failed(lj->jobs->board, name, &lj->fail);
	answer_all(lj, lj->fail.err ? NULL : made, &lj->fail);
	list_unref(made);
	jobs_check_idle(lj->jobs);
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

/* Notes that this page is asked for; false if it was already, or if there are too many. */
static bool new_page(struct list_job *lj, const char *url)
{
	const char *const parts[] = { url, NULL };
	uint64_t hash = hash_u64(parts);

	for (size_t i = 0; i < lj->n_pages; i++)
		if (lj->pages_seen[i] == hash)
			return false;
	if (lj->n_pages >= PAGES_MAX)
		return false;
	uint64_t *seen = realloc(lj->pages_seen, (lj->n_pages + 1) * sizeof(*seen));
	if (!seen)
		return false;
	lj->pages_seen = seen;
	seen[lj->n_pages++] = hash;
	return true;
}

static int take_elements(struct list_job *lj)
{
	const struct json *answer = lj->call.answer;
	size_t n = json_len(answer, "result.elements");

	if (!json_is_array(answer, "result.elements"))
		return fail_set(&lj->fail, EIO, "the service's list of %s has no elements",
		                list_row(lj->id)->name);
	for (size_t i = 0; i < n; i++) {
		const struct json *element = json_at(answer, "result.elements", i);
		int r = element ? list_add(lj->made, element) : 0;
		if (r < 0)
			return fail_set(&lj->fail, -r, "the list of %s does not fit into memory",
			                list_row(lj->id)->name);
	}
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
	else if (lj->call.fail.err)
		lj->fail = lj->call.fail;
	else
		(void)take_elements(lj); /* lj->fail says it */

	free(lj->page_url);
	lj->page_url = lj->call.next_page;
	lj->call.next_page = NULL;
	call_clear(&lj->call);

	if (!lj->fail.err && lj->page_url && !new_page(lj, lj->page_url))
		fail_set(&lj->fail, EIO,
		         "the service's pages of %s lead in a circle, or are over %d",
		         list_row(lj->id)->name, PAGES_MAX);
	if (lj->fail.err) {
		over(lj);
	} else if (lj->page_url) {
		next_page(lj);
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
	lj->call.ep = list_row(lj->id)->ep;
	lj->call.page_url = lj->page_url;
	lj->call.class = CLASS_PERSON;
	lj->call.uid = lj->wants ? lj->wants->uid : 0;
	lj->call.sink_fd = -1;
	lj->call.bound_ms = 10000;
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
	strncpy(row.subject, list_row(lj->id)->name, sizeof(row.subject) - 1);
	board_show(lj->jobs->board, lj, &row);
}

static void answer_one(struct list_want *w, int err, const char *why)
{
	struct qx_fail fail;
	fail_set(&fail, err, "%s", why);
	w->done(w, NULL, &fail);
}

static void want_arrives(struct task *task)
{
	struct list_want *w = container_of(task, struct list_want, arrive);
	struct list_job *lj = &w->jobs->lists[w->id];

	if (w->jobs->stopping) {
		answer_one(w, ECANCELED, "the mount is being ended");
		return;
	}
	w->next = lj->wants;
	lj->wants = w;
	jobs_watch_deadline(w->jobs, w->deadline_ms);
	if (lj->live)
		return;
	fail_clear(&lj->fail);
	lj->live = true;
	lj->made = list_new(lj->id);
	if (!lj->made) {
		fail_set(&lj->fail, ENOMEM, "no memory");
		over(lj);
		return;
	}
	show(lj);
	next_page(lj);
}

static void want_drops(struct task *task)
{
	struct list_want *w = container_of(task, struct list_want, drop);
	struct list_want **link = &w->jobs->lists[w->id].wants;
	while (*link && *link != w)
		link = &(*link)->next;
	if (!*link)
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
	if (!lj->live)
		return;
	fail_set(&fail, ECANCELED, "the mount is being ended");
	answer_all(lj, NULL, &fail);
	if (lj->calling)
		client_cancel(lj->jobs->config.client, &lj->call);
}
