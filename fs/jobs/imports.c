/* imports.c: which submission is sent next.
 *
 *     poke ─► scan (pool: takes the sender's lock, asks the journal) ─► begin what is due
 *       ▲                                                                │
 *       └── a timer: something is due later; another mount sends ◄───────┘ */
#include "send.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define OTHERS_MS 2000 /* another mount sends: looked at again while there is work */
#define LOCKED_MS 5000 /* a program has the file open, by the lock file beside it */
#define SWEEP_MS 3600000
#define SWEEP_LEAST_S 1   /* between two: what could not be removed is tried again */
#define UNDECIDED_MS 5000 /* the journal's disk was full: tried again after */
#define DRAIN_S 10
#define LIVE_MAX 8 /* submissions at once; each is one job of the account's fifteen */

/* --- what a scan asks ---------------------------------------------------------------------------
 */

/* LibreOffice's and Office's. */
static bool is_locked(struct journal *j, const struct entry *e)
{
	char name[ENTRY_NAME + 16];
	struct entry lock;

	(void)snprintf(name, sizeof(name), ".~lock.%s#", e->name);
	if (journal_find(j, e->folder, name, &lock) == 0)
		return true;
	(void)snprintf(name, sizeof(name), "~$%s", e->name);
	return journal_find(j, e->folder, name, &lock) == 0;
}

static bool is_hurried(struct imports *im, int64_t id)
{
	bool found = false;

	pthread_mutex_lock(&im->stop_lock);
	for (size_t i = 0; i < countof(im->hurried); i++)
		found = found || im->hurried[i] == id;
	pthread_mutex_unlock(&im->stop_lock);
	return found;
}

/* When it may go out: a moment; 0: something will tell. */
static int64_t due_ms(struct imports *im, const struct entry *e)
{
	int64_t now_ms = sys_now_ms();

	if (e->state != ENTRY_QUEUED)
		return now_ms;
	if (drops_is_written(im->config.drops, e->id))
		return 0;
	if (is_locked(im->config.journal, e))
		return now_ms + LOCKED_MS;
	int64_t waits_s = e->changed_s + im->config.delay_s - sys_wall_s();
	if (e->pushed || e->sent_before || waits_s < 0 || is_hurried(im, e->id))
		waits_s = 0;
	if (waits_s > im->config.delay_s) /* the clock was set back */
		waits_s = im->config.delay_s;
	return now_ms + waits_s * 1000;
}

/* What is done goes when its time is over, what crashes left once an hour. When the next goes: a
 * moment; 0: none. Pool. */
static int64_t sweep(struct imports *im)
{
	struct journal *j = im->config.journal;
	int64_t due_s;

	if (sys_now_ms() >= im->sweep_ms) {
		im->sweep_ms = sys_now_ms() + SWEEP_MS;
		(void)journal_sweep(j, im->config.keep_s);
	}
	int r = journal_sweep_due(j, im->config.keep_s, &due_s);
	if (r == 0 && due_s <= sys_wall_s()) {
		(void)journal_vanish(j, im->config.keep_s);
		r = journal_sweep_due(j, im->config.keep_s, &due_s);
	}
	if (r < 0 || due_s == INT64_MAX)
		return 0;
	int64_t in_s = due_s - sys_wall_s();
	return sys_now_ms() + (in_s > SWEEP_LEAST_S ? in_s : SWEEP_LEAST_S) * 1000;
}

static void scan_done(struct task *task);

/* Pool. */
static void scan(struct task *task)
{
	struct imports *im = container_of(task, struct imports, scan);
	struct journal *j = im->config.journal;

	im->scan_err = im->holds ? 0 : journal_sender_take(j);
	im->holds = im->holds || im->scan_err == 0;
	if (im->holds && im->elsewhere)
		events_say(im->config.jobs->config.events, EVENT_SENDER_TAKEN, "",
		           "this mount sends the imports now; another one did until it ended or "
		           "had no more");
	im->elsewhere = !im->holds && im->scan_err == -EAGAIN;
	if (im->elsewhere)
		log_debug("import", "another mount sends");
	if (im->holds)
		(void)journal_adopt(j);
	im->undecided = drops_decide_late(im->config.drops) < 0;
	int r = journal_work(j, &im->found, &im->n_found);
	if (r < 0) {
		im->found = NULL;
		im->n_found = 0;
		im->scan_err = r;
	}
	im->due_ms = calloc(im->n_found + 1, sizeof(*im->due_ms));
	for (size_t i = 0; im->due_ms && i < im->n_found; i++)
		im->due_ms[i] = due_ms(im, &im->found[i]);
	im->vanish_ms = im->holds ? sweep(im) : 0;
	/* Who has nothing to send does not keep the others from it. */
	if (im->holds && im->n_found == 0) {
		journal_sender_give(j);
		im->holds = false;
	}
	im->scan.fn = scan_done;
	worker_post(im->config.jobs->worker, &im->scan);
}

/* --- what is begun ------------------------------------------------------------------------------
 */

static bool is_live(const struct imports *im, const struct entry *e, bool *ret_target)
{
	*ret_target = false;
	for (const struct sending *s = im->live; s; s = s->next) {
		*ret_target = *ret_target || strcmp(s->entry.folder, e->folder) == 0;
		if (s->entry.id == e->id)
			return true;
	}
	return false;
}

static size_t count_live(const struct imports *im)
{
	size_t n = 0;
	for (const struct sending *s = im->live; s; s = s->next)
		n++;
	return n;
}

/* What the account refused, or was away for, waits longer. */
static void add_retries(struct imports *im)
{
	for (size_t i = 0; im->due_ms && i < im->n_found; i++)
		for (size_t k = 0; k < countof(im->retries); k++)
			if (im->retries[k].id == im->found[i].id && im->due_ms[i] &&
			    im->retries[k].at_ms > im->due_ms[i])
				im->due_ms[i] = im->retries[k].at_ms;
}

/* An earlier one of its target waits still. */
static bool is_behind(const struct imports *im, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (im->due_ms[k] && strcmp(im->found[k].folder, im->found[i].folder) == 0)
			return true;
	return false;
}

static void begin(struct imports *im, const struct entry *e)
{
	struct sending *s = calloc(1, sizeof(*s));
	if (!s)
		return; /* the next look finds it again */
	s->imports = im;
	s->entry = *e;
	s->next = im->live;
	im->live = s;
	send_begin(s);
}

static void begin_due(struct imports *im, int64_t *next_ms)
{
	int64_t now_ms = sys_now_ms();

	add_retries(im);
	for (size_t i = 0; im->due_ms && i < im->n_found; i++) {
		bool target;
		if (!im->due_ms[i] || is_live(im, &im->found[i], &target) || target ||
		    is_behind(im, i))
			continue;
		if (im->due_ms[i] > now_ms) {
			if (!*next_ms || im->due_ms[i] < *next_ms)
				*next_ms = im->due_ms[i];
		} else if (count_live(im) < LIVE_MAX) {
			begin(im, &im->found[i]);
		}
	}
}

static void look(struct task *task)
{
	struct imports *im = container_of(task, struct imports, look);

	if (im->stopping)
		return;
	if (im->scanning) {
		im->again = true;
		return;
	}
	im->scanning = true;
	im->again = im->stale = false;
	im->scan.fn = scan;
	pool_post(im->config.jobs->pool, &im->scan);
}

static void look_later(struct task *task)
{
	struct imports *im = container_of(task, struct imports, look_later);
	look(&im->look);
}

/* Whoever waits for the network is tried now. */
static void back(struct task *task)
{
	struct imports *im = container_of(task, struct imports, back);

	im->returns++;
	for (size_t i = 0; i < countof(im->retries); i++)
		if (im->retries[i].away)
			im->retries[i].at_ms = 0;
	look(&im->look);
}

static void on_back(void *arg)
{
	struct imports *im = arg;
	worker_post(im->config.jobs->worker, &im->back);
}

static void tell_stopped(struct imports *im)
{
	pthread_mutex_lock(&im->stop_lock);
	im->idle = im->stopping && !im->scanning && !im->live;
	pthread_cond_broadcast(&im->stopped);
	pthread_mutex_unlock(&im->stop_lock);
}

static void scan_done(struct task *task)
{
	struct imports *im = container_of(task, struct imports, scan);
	int64_t next_ms = 0;

	im->scanning = false;
	if (im->stale)
		im->again = true; /* what was found may be over by now */
	else if (!im->stopping && im->holds)
		begin_due(im, &next_ms);
	else if (!im->stopping && im->n_found)
		next_ms = sys_now_ms() + OTHERS_MS;
	if (im->undecided && (!next_ms || next_ms > sys_now_ms() + UNDECIDED_MS))
		next_ms = sys_now_ms() + UNDECIDED_MS;
	if (im->vanish_ms && !im->stopping && (!next_ms || next_ms > im->vanish_ms))
		next_ms = im->vanish_ms;
	if (im->scan_err < 0 && im->scan_err != -EAGAIN)
		log_warn("import", "the journal cannot be read: %s", strerror(-im->scan_err));
	free(im->found);
	free(im->due_ms);
	im->found = NULL;
	im->due_ms = NULL;
	im->n_found = 0;
	if (next_ms)
		worker_post_at(im->config.jobs->worker, &im->look_later, next_ms);
	if (im->again)
		look(&im->look);
	tell_stopped(im);
}

void send_over(struct sending *s)
{
	struct imports *im = s->imports;
	struct sending **link = &im->live;

	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	board_remove(im->config.jobs->board, s);
	send_free(s);
	im->stale = true;
	look(&im->look);
	tell_stopped(im);
}

void imports_retry_later(struct imports *im, int64_t id, int64_t ms, bool away)
{
	size_t oldest = 0;

	for (size_t i = 0; i < countof(im->retries); i++) {
		if (im->retries[i].id == id) {
			oldest = i;
			break;
		}
		if (im->retries[i].at_ms < im->retries[oldest].at_ms)
			oldest = i;
	}
	im->retries[oldest].tries =
		im->retries[oldest].id == id ? im->retries[oldest].tries + 1 : 1;
	im->retries[oldest].id = id;
	im->retries[oldest].away = away;
	im->retries[oldest].at_ms = sys_now_ms() + ms;
}

unsigned imports_tries(const struct imports *im, int64_t id)
{
	for (size_t i = 0; i < countof(im->retries); i++)
		if (im->retries[i].id == id)
			return im->retries[i].tries;
	return 0;
}

/* --- the door -----------------------------------------------------------------------------------
 */

int imports_new(const struct imports_config *config, struct imports **ret)
{
	struct imports *im = calloc(1, sizeof(*im));
	if (!im)
		return -ENOMEM;
	im->config = *config;
	im->look.fn = look;
	im->look_later.fn = look_later;
	im->back.fn = back;
	pthread_mutex_init(&im->stop_lock, NULL);
	pthread_cond_init(&im->stopped, NULL);
	client_on_back(config->client, BACK_IMPORTS, on_back, im);
	*ret = im;
	return 0;
}

void imports_poke(struct imports *im)
{
	worker_post(im->config.jobs->worker, &im->look);
}

void imports_hurry(struct imports *im, int64_t id)
{
	if (is_hurried(im, id))
		return;
	pthread_mutex_lock(&im->stop_lock);
	im->hurried[im->n_hurried++ % countof(im->hurried)] = id;
	pthread_mutex_unlock(&im->stop_lock);
	imports_poke(im);
}

static void stop(struct task *task)
{
	struct imports *im = container_of(task, struct imports, stop);

	pthread_mutex_lock(&im->stop_lock);
	im->stopping = true;
	pthread_mutex_unlock(&im->stop_lock);
	worker_cancel(im->config.jobs->worker, &im->look_later);
	for (struct sending *s = im->live, *next; s; s = next) {
		next = s->next;
		send_stop(s);
	}
	tell_stopped(im);
}

void imports_drain(struct imports *im)
{
	struct timespec until;

	pthread_mutex_lock(&im->stop_lock);
	bool first = !im->stop.fn;
	im->stop.fn = stop;
	pthread_mutex_unlock(&im->stop_lock);
	if (first && !worker_post(im->config.jobs->worker, &im->stop))
		return;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DRAIN_S;
	pthread_mutex_lock(&im->stop_lock);
	int r = 0;
	while (!im->idle && r == 0)
		r = pthread_cond_timedwait(&im->stopped, &im->stop_lock, &until);
	pthread_mutex_unlock(&im->stop_lock);
}

void imports_end(struct imports *im)
{
	client_on_back(im->config.client, BACK_IMPORTS, NULL, NULL);
	pthread_mutex_lock(&im->stop_lock);
	while (im->stop.fn && !im->idle)
		pthread_cond_wait(&im->stopped, &im->stop_lock);
	pthread_mutex_unlock(&im->stop_lock);
}

void imports_free(struct imports *im)
{
	if (!im)
		return;
	if (im->holds)
		journal_sender_give(im->config.journal);
	pthread_cond_destroy(&im->stopped);
	pthread_mutex_destroy(&im->stop_lock);
	free(im);
}
