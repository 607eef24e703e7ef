/* http.c: the network thread.
 *
 *     posted tasks ─► due timers ─► curl_multi_perform ─► ended flights ─► on_done ─►
 * curl_multi_poll
 *
 * Only the inbox is shared. Callbacks may call anything of the door: http_start and http_abort only
 * note (a handle joins and leaves the multi in the loop, never inside one of its own callbacks),
 * and on_done always comes from deliver().
 */
#include <qxfs/api/http.h>

#include "flight.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define CONNECTIONS_KEPT 32L /* as many as requests may be in flight: limits.h */
#define FORGET_FRESH_S 2
#define SLEPT_MS 5000       /* shorter ones break no connection */
#define LOOK_ASLEEP_MS 1000 /* while requests are under way: no event tells of a suspend */

struct tasks {
	struct task *head, **tail;
};

struct http {
	CURLM *multi;
	pthread_t thread;
	bool joined; /* the owner's */

	pthread_mutex_t lock; /* http.lock */
	struct tasks ready;   /* guarded by lock: at_ms 0, in order of arrival */
	struct task *timers;  /* guarded by lock: sorted by at_ms */
	bool stopping;        /* guarded by lock: http_stop was called */
	bool closed;          /* guarded by lock: nothing is run any more */

	/* network thread only */
	struct flight *flights;
	int watch_fd; /* -1: none */
	struct task *watch_task;
	bool refusing; /* stopping, as the loop has seen it */
	bool forgot;
	int64_t forgot_ms; /* by awake_ms() */
	int64_t asleep_ms; /* how long this machine has slept since it started */
	http_sleep_fn *on_sleep;
	void *on_sleep_arg;
};

/* --- tasks ----------------------------------------------------------------------------------- */

static void append(struct tasks *list, struct task *t)
{
	t->next = NULL;
	*list->tail = t;
	list->tail = &t->next;
}

static struct task *take_first(struct tasks *list)
{
	struct task *t = list->head;
	if (!t)
		return NULL;
	list->head = t->next;
	if (!list->head)
		list->tail = &list->head;
	t->queued = false;
	return t;
}

static void add_timer(struct http *h, struct task *t)
{
	struct task **link = &h->timers;
	while (*link && (*link)->at_ms <= t->at_ms)
		link = &(*link)->next;
	t->next = *link;
	*link = t;
}

static void remove_timer(struct http *h, struct task *t)
{
	struct task **link = &h->timers;
	while (*link && *link != t)
		link = &(*link)->next;
	if (*link)
		*link = t->next;
}

/* Caller holds h->lock. True if the task was queued or moved forward. */
static bool queue(struct http *h, struct task *t, int64_t at_ms)
{
	if (h->closed || (t->queued && t->at_ms <= at_ms))
		return false;
	if (t->queued)
		remove_timer(h, t); /* among the timers: it was not due at once */
	t->queued = true;
	t->at_ms = at_ms;
	if (at_ms == 0)
		append(&h->ready, t);
	else
		add_timer(h, t);
	return true;
}

static bool is_me(const struct http *h)
{
	return pthread_equal(pthread_self(), h->thread);
}

void http_post(struct http *h, struct task *t)
{
	pthread_mutex_lock(&h->lock);
	bool news = queue(h, t, 0);
	pthread_mutex_unlock(&h->lock);
	/* Fails only for want of a socket, and then http_new had failed. */
	if (news && !is_me(h))
		(void)curl_multi_wakeup(h->multi);
}

void http_post_at(struct http *h, struct task *t, int64_t at_ms)
{
	pthread_mutex_lock(&h->lock);
	(void)queue(h, t, at_ms > 0 ? at_ms : 0);
	pthread_mutex_unlock(&h->lock);
}

/* The next task to run, NULL when none is due. */
static struct task *next_task(struct http *h, int64_t now_ms)
{
	pthread_mutex_lock(&h->lock);
	h->refusing = h->stopping;
	while (h->timers && h->timers->at_ms <= now_ms) {
		struct task *due = h->timers;
		h->timers = due->next;
		due->at_ms = 0;
		append(&h->ready, due);
	}
	struct task *t = take_first(&h->ready);
	pthread_mutex_unlock(&h->lock);
	return t;
}

static void run_tasks(struct http *h)
{
	for (struct task *t; (t = next_task(h, sys_now_ms()));)
		t->fn(t); /* may free t */
}

/* --- transfers ------------------------------------------------------------------------------- */

int http_start(struct http *h, struct transfer *t)
{
	struct flight *f;

	t->outcome = OUTCOME_ABORTED;
	t->local_err = t->status = 0;
	t->retry_after_s = t->length = t->date_s = -1;
	t->written = 0;
	t->answer = (struct buf){ 0 };
	t->content_type_in[0] = t->problem[0] = '\0';

	int r = flight_new(t, &f);
	if (r < 0)
		return r;
	t->flight = f;
	f->next = h->flights;
	h->flights = f;
	return 0;
}

void http_abort(struct http *h, struct transfer *t)
{
	(void)h;
	t->flight->aborted = true;
}

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t awake_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC); /* the clock by which libcurl ages its connections */
}

void http_forget_connections(struct http *h)
{
	h->forgot = true;
	h->forgot_ms = awake_ms();
}

/* 7.88 cannot close idle connections when told to. It can refuse to reuse those older than the
 * moment, in whole seconds, and until that tells them apart it can refuse to reuse any.
 *
 * Reuse has a price: when a kept connection dies before the first byte of its answer, libcurl asks
 * again by itself. So a request that must not arrive twice gets a connection of its own. */
static void set_reuse(const struct http *h, const struct transfer *t, CURL *easy)
{
	int64_t age_s = (awake_ms() - h->forgot_ms) / 1000;

	if (t->once || (h->forgot && age_s < FORGET_FRESH_S))
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	else if (h->forgot)
		curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)(age_s - 1));
}

static void join_multi(struct http *h, struct flight *f)
{
	set_reuse(h, f->t, f->easy);
	f->joined_ms = sys_now_ms();
	if (curl_multi_add_handle(h->multi, f->easy) == CURLM_OK)
		f->in_multi = true;
	else
		flight_conclude(f, CURLE_OUT_OF_MEMORY);
}

static void leave_multi(struct http *h, struct flight *f)
{
	if (f->in_multi)
		(void)curl_multi_remove_handle(h->multi, f->easy); /* it is in */
	f->in_multi = false;
}

/* What waits for its answer on a connection that is dead would wait for its whole limit. Of what
 * must not arrive twice the answer may be on its way all the same: nobody else can tell. */
static void break_flights(struct http *h, int64_t slept_ms)
{
	for (struct flight *f = h->flights; f; f = f->next) {
		bool since = f->joined_ms + slept_ms > sys_now_ms();
		if (f->ended || !f->in_multi || f->t->once || since)
			continue;
		leave_multi(h, f);
		flight_conclude_slept(f);
	}
}

/* After a suspend every connection is dead, but libcurl, whose clock stood still, believes in them.
 */
static void notice_sleep(struct http *h)
{
	int64_t asleep_ms = clock_ms(CLOCK_BOOTTIME) - awake_ms();
	int64_t slept_ms = asleep_ms - h->asleep_ms;

	h->asleep_ms = asleep_ms;
	if (slept_ms < SLEPT_MS)
		return;
	http_forget_connections(h);
	break_flights(h, slept_ms);
	if (h->on_sleep)
		h->on_sleep(h->on_sleep_arg, slept_ms);
}

static void admit(struct http *h)
{
	for (struct flight *f = h->flights; f; f = f->next) {
		if (f->ended)
			continue;
		if (f->aborted || h->refusing) {
			leave_multi(h, f);
			flight_conclude_aborted(f);
		} else if (!f->in_multi) {
			join_multi(h, f);
		}
	}
}

static void collect(struct http *h)
{
	int left;
	for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left));) {
		struct flight *f = NULL;
		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode code = m->data.result;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&f);
		if (f->aborted)
			flight_conclude_aborted(f);
		else
			flight_conclude(f, code);
	}
}

static struct flight *take_ended(struct http *h)
{
	for (struct flight **link = &h->flights; *link; link = &(*link)->next) {
		struct flight *f = *link;
		if (!f->ended)
			continue;
		*link = f->next;
		return f;
	}
	return NULL;
}

/* True if on_done came to anybody: they may have begun something new. */
static bool deliver(struct http *h)
{
	bool any = false;
	for (struct flight *f; (f = take_ended(h)); any = true) {
		struct transfer *t = f->t;
		leave_multi(h, f);
		flight_free(f);
		t->flight = NULL;
		t->on_done(t); /* may free t */
	}
	return any;
}

/* --- the loop -------------------------------------------------------------------------------- */

/* Milliseconds that may be slept as far as tasks go; INT_MAX: for ever. */
static int sleep_ms(struct http *h)
{
	int64_t ms = INT_MAX;

	pthread_mutex_lock(&h->lock);
	if (h->ready.head || h->stopping)
		ms = 0;
	else if (h->timers)
		ms = h->timers->at_ms - sys_now_ms();
	pthread_mutex_unlock(&h->lock);
	if (h->flights && ms > LOOK_ASLEEP_MS)
		ms = LOOK_ASLEEP_MS;
	return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

/* True when http_stop was called and nothing is left to run. */
static bool may_end(struct http *h)
{
	pthread_mutex_lock(&h->lock);
	h->closed = h->stopping && !h->ready.head && !h->flights;
	bool end = h->closed;
	for (struct task *t = end ? h->timers : NULL; t; t = t->next)
		t->queued = false;
	pthread_mutex_unlock(&h->lock);
	return end;
}

void http_on_sleep(struct http *h, http_sleep_fn *fn, void *arg)
{
	h->on_sleep = fn;
	h->on_sleep_arg = arg;
}

void http_watch(struct http *h, int fd, struct task *t)
{
	h->watch_fd = fd;
	h->watch_task = t;
}

static void sleep_until(struct http *h, int ms)
{
	struct curl_waitfd watched = { .fd = h->watch_fd, .events = CURL_WAIT_POLLIN };
	bool any = h->watch_fd >= 0;

	(void)curl_multi_poll(h->multi, any ? &watched : NULL, any ? 1 : 0, ms, NULL);
	if (any && watched.revents)
		h->watch_task->fn(h->watch_task);
}

static void *run(void *arg)
{
	struct http *h = arg;
	int running;

	do {
		notice_sleep(h);
		run_tasks(h);
		admit(h);
		(void)curl_multi_perform(h->multi, &running); /* errors reach their flights */
		collect(h);
		admit(h); /* what a callback aborted */
		int ms = deliver(h) ? 0 : sleep_ms(h);
		if (ms > 0)
			sleep_until(h, ms);
	} while (!may_end(h));
	return NULL;
}

int http_new(struct http **ret)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	struct http *h = calloc(1, sizeof(*h));
	if (!h) {
		curl_global_cleanup();
		return -ENOMEM;
	}
	pthread_mutex_init(&h->lock, NULL);
	h->ready.tail = &h->ready.head;
	h->watch_fd = -1;
	h->asleep_ms = clock_ms(CLOCK_BOOTTIME) - awake_ms();
	h->multi = curl_multi_init();
	int r = -ENOMEM;
	if (h->multi &&
	    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT) == CURLM_OK)
		r = thread_start(&h->thread, "network", run, h);
	if (r < 0) {
		h->joined = true;
		http_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void http_stop(struct http *h)
{
	if (h->joined)
		return;
	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	pthread_mutex_unlock(&h->lock);
	(void)curl_multi_wakeup(h->multi);
	pthread_join(h->thread, NULL);
	h->joined = true;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	http_stop(h);
	curl_multi_cleanup(h->multi); /* NULL is fine: it says so and does nothing */
	curl_global_cleanup();
	pthread_mutex_destroy(&h->lock);
	free(h);
}
