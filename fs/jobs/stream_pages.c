/* stream_pages.c: the pages of a snapshot: asked for, written to its file, told to who waits.
 *
 * Pages come one after the other: each names the next. One that fails is asked for again under the
 * same address when somebody wants it. */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/json.h>
#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define PAGES_MAX 100000
#define FOLDER_BOUND_MS 10000 /* without network */

/* --- the pool -------------------------------------------------------------------------------- */

static int take_id(struct stream *s, const struct json *element, struct buf *out)
{
	const char *id = json_str(element, s->recipe.id_member);
	char record[STREAM_ID_BYTES] = { 0 };

	if (!id || strlen(id) >= STREAM_ID_BYTES || !s->recipe.is_id(id))
		return 0;
	int r = seen_enter(&s->seen, id);
	if (r <= 0)
		return r;
	memcpy(record, id, strlen(id));
	buf_add(out, record, sizeof(record));
	s->more++;
	return 0;
}

static int write_page(struct stream *s, struct buf *out)
{
	size_t n = json_len(s->page, "result.elements");
	off_t end = (off_t)(s->n * STREAM_ID_BYTES);
	int r = s->ids ? 0 : spill_new(s->jobs->config.cache, &s->ids);

	for (size_t i = 0; i < n && r == 0; i++)
		r = take_id(s, json_at(s->page, "result.elements", i), out);
	if (r == 0 && buf_failed(out))
		r = -ENOMEM;
	if (r == 0)
		r = spill_reserve(s->ids, (s->n + s->more) * STREAM_ID_BYTES);
	if (r == 0 && lseek(spill_fd(s->ids), end, SEEK_SET) < 0) /* readers only pread */
		r = -errno;
	return r == 0 ? sys_write_all(spill_fd(s->ids), buf_text(out), out->len) : r;
}

static void written(struct task *task);

static void write_ids(struct task *task)
{
	struct stream *s = container_of(task, struct stream, disk_task);
	struct buf out = { 0 };

	s->more = 0;
	s->disk_err = write_page(s, &out);
	buf_done(&out);
	json_free(s->page);
	s->page = NULL;
	s->disk_task.fn = written;
	worker_post(s->jobs->worker, &s->disk_task);
}

/* --- the jobs thread ------------------------------------------------------------------------- */

static void show(struct stream *s)
{
	struct board_job row = { .state = "listing", .phrase = "is being listed", .percent = -1 };

	row.started_s = s->begun_s;
	strncpy(row.subject, s->recipe.subject, sizeof(row.subject) - 1);
	for (const struct stream_want *w = s->wants; w; w = w->next)
		row.waiters++;
	board_show(s->jobs->board, s, &row);
}

/* Answers a want that is in no list any more, and lets go of what it held. */
static void answer(struct stream_want *w, int err)
{
	struct stream *s = w->stream;

	w->done(w, err);
	stream_close(s);
}

/* Those that have something to hear now, or all with an error. */
static void answer_wants(struct stream *s, int err)
{
	struct stream_want **link = &s->wants, *told = NULL;

	pthread_mutex_lock(&s->jobs->streams_lock);
	while (*link) {
		struct stream_want *w = *link;
		if (!err && stream_judge(s, w->at) == -EAGAIN) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		w->next = told;
		told = w;
	}
	pthread_mutex_unlock(&s->jobs->streams_lock);
	while (told) {
		struct stream_want *w = told;
		told = w->next;
		answer(w, err);
	}
}

static void page_came(struct task *task);

/* Network thread. */
static void on_page(struct call *call)
{
	struct stream *s = call->arg;
	worker_post(s->jobs->worker, &s->call_over);
}

static void next_page(struct stream *s)
{
	struct call *call = &s->call;

	show(s);
	memset(call, 0, sizeof(*call));
	call->ep = s->recipe.ep;
	for (int i = 0; i < RECIPE_ARGS; i++)
		call->args[i] = s->recipe.args[i];
	call->query = s->recipe.query;
	call->page_url = s->page_url;
	call->class = CLASS_PERSON;
	call->uid = s->uid;
	call->sink_fd = -1;
	call->bound_ms = s->former ? jobs_stale_bound_ms(s->jobs) : FOLDER_BOUND_MS;
	call->on_done = on_page;
	call->arg = s;
	s->call_over.fn = page_came;
	s->call_live = true;
	client_start(s->jobs->config.client, call);
}

static void leave_active(struct stream *s)
{
	struct stream **link = &s->jobs->active;
	while (*link != s)
		link = &(*link)->next_active;
	*link = s->next_active;
}

/* The next page, or a rest until somebody starts it again: it may be gone then. Who comes in
 * between finds it running or starts it, so both are said under the lock. */
static void go_on(struct stream *s)
{
	struct jobs *j = s->jobs;
	struct stream *unused = NULL;

	pthread_mutex_lock(&j->streams_lock);
	bool more = !j->stopping && (s->wants || stream_wants_ahead(s));
	if (more && !s->begun_s) {
		s->begun_s = sys_wall_s();
	} else if (!more) {
		leave_active(s);
		s->running = false;
		unused = stream_take_unused(s);
	}
	pthread_mutex_unlock(&j->streams_lock);
	if (more) {
		next_page(s);
		return;
	}
	board_remove(j->board, s); /* by its address only */
	stream_free_all(unused);
	jobs_check_idle(j);
}

static void begin(struct stream *s)
{
	s->next_active = s->jobs->active;
	s->jobs->active = s;
	go_on(s);
}

void stream_poked(struct task *task)
{
	begin(container_of(task, struct stream, poke));
}

/* Lock held: the snapshot begins to answer for itself. */
static struct stream *take_former(struct stream *s)
{
	struct stream *former = s->former;

	s->former = NULL;
	if (!former)
		return NULL;
	former->readers--;
	return stream_take_unused(former);
}

/* s->fail says why there is no next page. What is not final may come right when it is asked for
 * again. */
static void failed(struct stream *s, bool final)
{
	struct stream *unused = NULL;

	if (s->fail.err == ENOENT)
		s->fail.err = EIO;
	pthread_mutex_lock(&s->jobs->streams_lock);
	bool stale = s->fail.unreachable && !s->n && s->former &&
	             !client_is_refused(s->jobs->config.client) &&
	             sys_wall_s() - s->former->begun_s < s->jobs->config.max_stale_s;
	s->stale = stale;
	s->stale_ms = sys_now_ms();
	s->err = stale ? 0 : s->fail.err;
	s->final = final;
	if (s->fail.http == 403 || s->fail.http == 404) /* it is nobody's any more */
		unused = take_former(s);
	pthread_mutex_unlock(&s->jobs->streams_lock);
	stream_free_all(unused);
	if (stale) {
		client_look(s->jobs->config.client);
	} else {
		(void)board_failed(s->jobs->board, s->recipe.subject, &s->fail);
		log_warn("jobs", "%s: %s (HTTP %d, %s, requestId %s)", s->recipe.subject,
		         s->fail.why, s->fail.http, s->fail.code, s->fail.request_id);
	}
	answer_wants(s, stale ? 0 : -s->fail.err);
	go_on(s);
}

static void fail_on_disk(struct stream *s)
{
	int err = s->disk_err == -EDQUOT ? ENOSPC : -s->disk_err;

	fail_set(&s->fail, err, "the list of %s cannot be kept in the cache: %s",
	         endpoint_row(s->recipe.ep)->what, strerror(err));
	fail_remedy(&s->fail, err == ENOSPC ? "Make room on the disk that holds the cache, or name "
	                                      "another with -o cache_dir=."
	                                    : "Look at the disk that holds the cache.");
	failed(s, true);
}

static void written(struct task *task)
{
	struct stream *s = container_of(task, struct stream, disk_task);

	if (s->disk_err < 0) {
		fail_on_disk(s);
		return;
	}
	pthread_mutex_lock(&s->jobs->streams_lock);
	s->n += s->more;
	s->ahead++;
	s->complete = !s->page_url;
	struct stream *unused = take_former(s);
	pthread_mutex_unlock(&s->jobs->streams_lock);
	stream_free_all(unused);
	board_settled(s->jobs->board, s->recipe.subject);
	answer_wants(s, 0);
	go_on(s);
}

/* One that fails is asked for again under the same address. */
static void page_came(struct task *task)
{
	struct stream *s = container_of(task, struct stream, call_over);
	struct call *call = &s->call;

	s->call_live = false;
	if (s->jobs->stopping) {
		call_clear(call);
		go_on(s);
	} else if (call->fail.err) {
		int http = call->fail.http;
		s->fail = call->fail;
		call_clear(call);
		failed(s, http >= 400 && http < 500 && http != 429);
	} else if (call->next_page &&
	           (s->pages.n >= PAGES_MAX || !circle_enter(&s->pages, call->next_page))) {
		fail_set(&s->fail, EIO, "the service's pages of %s lead in a circle, or never end",
		         endpoint_row(s->recipe.ep)->what);
		call_clear(call);
		failed(s, true);
	} else {
		free(s->page_url);
		s->page_url = call->next_page;
		call->next_page = NULL;
		s->page = call->answer;
		call->answer = NULL;
		call_clear(call);
		s->disk_task.fn = write_ids;
		pool_post(s->jobs->pool, &s->disk_task);
	}
}

/* --- wants ----------------------------------------------------------------------------------- */

static void want_arrives(struct task *task)
{
	struct stream_want *w = container_of(task, struct stream_want, arrive);
	struct stream *s = w->stream;
	struct jobs *j = s->jobs;
	bool starts = false;

	pthread_mutex_lock(&j->streams_lock);
	int r = stream_judge(s, w->at);
	if (r == -EAGAIN && !j->stopping) {
		s->err = 0; /* asked for again */
		starts = !s->running;
		s->running = true;
		if (w->at >= s->asked)
			s->asked = w->at + 1;
	}
	pthread_mutex_unlock(&j->streams_lock);
	if (r != -EAGAIN || j->stopping) {
		answer(w, j->stopping ? -ECANCELED : r == -ENOENT ? 0 : r);
		return;
	}
	s->uid = w->uid;
	w->next = s->wants;
	s->wants = w;
	jobs_watch_deadline(j, w->deadline_ms);
	if (starts)
		begin(s);
	else
		show(s);
}

/* Takes a want out of its stream. */
static bool unlink_want(const struct stream_want *w)
{
	struct stream_want **link = &w->stream->wants;
	while (*link && *link != w)
		link = &(*link)->next;
	if (!*link)
		return false;
	*link = w->next;
	return true;
}

static void want_drops(struct task *task)
{
	struct stream_want *w = container_of(task, struct stream_want, drop);
	if (!unlink_want(w))
		return;
	show(w->stream);
	answer(w, -ECANCELED);
}

void stream_want(struct stream_want *w)
{
	struct jobs *j = w->stream->jobs;

	pthread_mutex_lock(&j->streams_lock);
	w->stream->readers++;
	pthread_mutex_unlock(&j->streams_lock);
	w->next = NULL;
	w->arrive = (struct task){ .fn = want_arrives };
	w->drop = (struct task){ .fn = want_drops };
	worker_post(j->worker, &w->arrive);
}

void stream_drop(struct stream_want *w)
{
	worker_post(w->stream->jobs->worker, &w->drop);
}

void stream_undrop(struct stream_want *w)
{
	worker_cancel(w->stream->jobs->worker, &w->drop);
}

/* The first want of the stream whose time is up, taken out. */
static struct stream_want *overdue(struct stream *s, int64_t now_ms, int64_t *next_ms)
{
	for (struct stream_want **link = &s->wants; *link; link = &(*link)->next) {
		struct stream_want *w = *link;
		if (w->deadline_ms && w->deadline_ms <= now_ms) {
			*link = w->next;
			return w;
		}
		if (w->deadline_ms && (!*next_ms || w->deadline_ms < *next_ms))
			*next_ms = w->deadline_ms;
	}
	return NULL;
}

void streams_deadlines(struct jobs *j, int64_t now_ms, int64_t *next_ms)
{
	for (struct stream *s = j->active; s; s = s->next_active) {
		struct stream_want *w;
		struct qx_fail fail;
		while ((w = overdue(s, now_ms, next_ms))) {
			fail_set(&fail, EIO, "the next page of %s takes too long",
			         endpoint_row(s->recipe.ep)->what);
			fail_remedy(&fail, "It is still being asked for: list the folder again.");
			(void)board_failed(j->board, s->recipe.subject, &fail);
			answer(w, -EIO);
		}
	}
}

void streams_stop(struct jobs *j)
{
	for (struct stream *s = j->active; s; s = s->next_active) {
		answer_wants(s, -ECANCELED);
		if (s->call_live)
			client_cancel(j->config.client, &s->call);
	}
}
