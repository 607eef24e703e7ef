/* worker.c: the only place that starts threads.
 *
 * A worker sleeps in poll(2) on two fds. `timer` is a timerfd of CLOCK_BOOTTIME, set to the first
 * moment of `later`: a condition variable cannot wait by that clock, and would oversleep by the
 * length of a suspend. `wake` is an eventfd for what is due at once: a timer in the past would do,
 * but takes up to 100 us to fire. Both are still when nothing is due: an idle worker never wakes
 * up.
 *
 * Two lists: `ready` in order of arrival, `later` sorted by moment. What becomes due moves to the
 * end of `ready`, so neither list can starve the other.
 */
#include <qxfs/base/worker.h>

#include <qxfs/base/sys.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#define NAME_SIZE 16 /* what the kernel keeps, with the NUL */

/* Threads */

struct start {
	void *(*fn)(void *);
	void *arg;
	char name[NAME_SIZE];
};

static void *begin(void *arg)
{
	struct start start = *(struct start *)arg;
	free(arg);
	/* Here, not by the creator: what fn logs first bears the name already. */
	(void)pthread_setname_np(pthread_self(), start.name); /* nothing depends on it */
	return start.fn(start.arg);
}

int thread_start(pthread_t *ret, const char *name, void *(*fn)(void *), void *arg)
{
	struct start *start = malloc(sizeof(*start));
	if (!start)
		return -ENOMEM;
	*start = (struct start){ .fn = fn, .arg = arg };
	(void)snprintf(start->name, sizeof(start->name), "%s", name); /* cut is fine */

	/* A thread inherits the mask; signals belong to the main thread alone, but for those that
	 * tell of a thread's own fault: blocked, they end the process without a word of a
	 * sanitizer. */
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP };
	sigset_t all, before;
	sigfillset(&all);
	for (size_t i = 0; i < countof(faults); i++)
		sigdelset(&all, faults[i]);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(ret, NULL, begin, start);
	pthread_sigmask(SIG_SETMASK, &before, NULL);

	if (err)
		free(start);
	return -err;
}

/* Lists of tasks */

struct list {
	struct task *head;
	struct task *tail; /* meaningless while head is NULL */
};

static void append(struct list *l, struct task *t)
{
	t->next = NULL;
	if (l->head)
		l->tail->next = t;
	else
		l->head = t;
	l->tail = t;
}

static struct task *take_first(struct list *l)
{
	struct task *t = l->head;
	if (t) {
		l->head = t->next;
		t->next = NULL;
	}
	return t;
}

/* By moment; equal ones stay in order of arrival. Most tasks belong at the end. */
static void insert_sorted(struct list *l, struct task *t)
{
	if (!l->head || l->tail->at_ms <= t->at_ms) {
		append(l, t);
		return;
	}
	struct task **link = &l->head;
	while ((*link)->at_ms <= t->at_ms)
		link = &(*link)->next;
	t->next = *link;
	*link = t;
}

static bool remove_task(struct list *l, struct task *t)
{
	struct task *before = NULL;
	for (struct task *i = l->head; i; before = i, i = i->next) {
		if (i != t)
			continue;
		if (before)
			before->next = t->next;
		else
			l->head = t->next;
		if (l->tail == t)
			l->tail = before;
		t->next = NULL;
		return true;
	}
	return false;
}

/* Worker */

struct worker {
	pthread_t thread; /* the owner's */
	bool joined;      /* the owner's */
	int timer, wake;  /* set by worker_new */
	pthread_mutex_t lock;
	struct list ready; /* guarded by lock */
	struct list later; /* guarded by lock */
	int64_t armed_ms;  /* guarded by lock: what the timer was last set to; INT64_MAX: off */
	bool sleeping;     /* guarded by lock: asleep, or about to look at the fds */
	bool woken;        /* guarded by lock: `wake` was written and not yet read */
	bool stopping;     /* guarded by lock */
};

static _Thread_local const struct worker *me;

/* Sets the timer to the first moment of `later`. Caller holds w->lock. */
static void arm(struct worker *w)
{
	int64_t at_ms = w->later.head ? w->later.head->at_ms : INT64_MAX;
	if (at_ms == INT64_MAX && w->armed_ms == INT64_MAX)
		return;

	struct itimerspec when = { 0 };
	if (at_ms != INT64_MAX)
		when.it_value = (struct timespec){ at_ms / 1000, at_ms % 1000 * 1000000 };
	/* Fails only for times that are none. */
	(void)timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &when, NULL);
	w->armed_ms = at_ms;
}

/* Caller holds w->lock. */
static void wake_up(struct worker *w)
{
	if (w->sleeping && !w->woken)
		w->woken = eventfd_write(w->wake, 1) == 0; /* fails only when full; it never is */
}

/* Caller holds w->lock. */
static void prepare_sleep(struct worker *w)
{
	eventfd_t count;
	if (w->woken)
		(void)eventfd_read(w->wake, &count); /* only empties it */
	w->woken = false;
	w->sleeping = true;
	arm(w); /* also forgets that it fired */
}

/* Caller holds w->lock. */
static void move_due(struct worker *w)
{
	if (!w->later.head)
		return;
	int64_t now_ms = sys_now_ms();
	while (w->later.head && w->later.head->at_ms <= now_ms) {
		struct task *t = take_first(&w->later);
		t->at_ms = 0; /* "in ready" */
		append(&w->ready, t);
	}
}

/* The next task to run, NULL when there is none now. Taken out: the task is its owner's again. */
static struct task *next_task(struct worker *w, bool *ret_stop)
{
	pthread_mutex_lock(&w->lock);
	w->sleeping = false;
	*ret_stop = w->stopping;
	if (!w->stopping) /* worker_stop has moved what was due then */
		move_due(w);
	struct task *t = take_first(&w->ready);
	if (t)
		t->queued = false;
	else if (!w->stopping)
		prepare_sleep(w);
	pthread_mutex_unlock(&w->lock);
	return t;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	bool stop = false;

	me = w;
	for (;;) {
		struct task *t = next_task(w, &stop);
		if (t) {
			t->fn(t); /* may free t */
			continue;
		}
		if (stop)
			return NULL;
		/* Whatever ends it, the loop looks again. */
		struct pollfd fds[] = { { w->wake, POLLIN, 0 }, { w->timer, POLLIN, 0 } };
		(void)poll(fds, countof(fds), -1);
	}
}

int worker_new(const char *name, struct worker **ret)
{
	struct worker *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->armed_ms = INT64_MAX;
	pthread_mutex_init(&w->lock, NULL);

	w->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
	w->wake = w->timer < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
	int r = w->wake < 0 ? -errno : thread_start(&w->thread, name, work, w);
	if (r < 0) {
		w->joined = true; /* there is no thread */
		worker_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

bool worker_post(struct worker *w, struct task *t)
{
	return worker_post_at(w, t, 0);
}

/* An awake worker looks itself before it sleeps. Caller holds w->lock. */
static void enqueue(struct worker *w, struct task *t)
{
	if (t->at_ms == 0) {
		append(&w->ready, t);
		wake_up(w);
		return;
	}
	insert_sorted(&w->later, t);
	if (w->sleeping && t->at_ms < w->armed_ms)
		arm(w);
}

bool worker_post_at(struct worker *w, struct task *t, int64_t at_ms)
{
	if (at_ms < 0)
		at_ms = 0;

	pthread_mutex_lock(&w->lock);
	bool taken = !w->stopping;
	if (taken && !(t->queued && t->at_ms <= at_ms)) {
		if (t->queued)
			(void)remove_task(&w->later, t); /* there: it was not due at once */
		t->queued = true;
		t->at_ms = at_ms;
		enqueue(w, t);
	}
	pthread_mutex_unlock(&w->lock);
	return taken;
}

bool worker_cancel(struct worker *w, struct task *t)
{
	pthread_mutex_lock(&w->lock);
	bool was_there = t->queued && remove_task(t->at_ms == 0 ? &w->ready : &w->later, t);
	if (was_there)
		t->queued = false;
	/* The timer stays: at worst one wake-up too many. */
	pthread_mutex_unlock(&w->lock);
	return was_there;
}

bool worker_is_me(const struct worker *w)
{
	return me == w;
}

void worker_stop(struct worker *w)
{
	if (w->joined)
		return;

	pthread_mutex_lock(&w->lock);
	move_due(w);
	for (struct task *t; (t = take_first(&w->later));)
		t->queued = false;
	w->stopping = true;
	wake_up(w);
	pthread_mutex_unlock(&w->lock);

	pthread_join(w->thread, NULL);
	w->joined = true;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	worker_stop(w);
	sys_close_cleanup(&w->timer);
	sys_close_cleanup(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* Pool */

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a task came, or stopping */
	struct list ready;      /* guarded by lock */
	unsigned alive;         /* guarded by lock: threads that still look at ready */
	bool stopping;          /* guarded by lock */
	unsigned started;       /* the owner's: threads to join */
	pthread_t threads[];    /* the owner's */
};

static void *work_in_pool(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct task *t = take_first(&p->ready);
		if (t) {
			t->queued = false;
			pthread_mutex_unlock(&p->lock);
			t->fn(t); /* may free t */
			pthread_mutex_lock(&p->lock);
		} else if (p->stopping) {
			break;
		} else {
			pthread_cond_wait(&p->changed, &p->lock);
		}
	}
	p->alive--;
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int start_threads(struct pool *p, const char *name, unsigned threads)
{
	for (unsigned i = 0; i < threads; i++) {
		char numbered[NAME_SIZE];
		(void)snprintf(numbered, sizeof(numbered), "%.12s-%u", name, i % 100);

		pthread_mutex_lock(&p->lock);
		p->alive++;
		pthread_mutex_unlock(&p->lock);
		int r = thread_start(&p->threads[i], numbered, work_in_pool, p);
		if (r < 0)
			return r; /* pool_free ends the ones before */
		p->started++;
	}
	return 0;
}

int pool_new(const char *name, unsigned threads, struct pool **ret)
{
	struct pool *p = calloc(1, sizeof(*p) + threads * sizeof(p->threads[0]));
	if (!p)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);

	int r = start_threads(p, name, threads);
	if (r < 0) {
		pool_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void pool_post(struct pool *p, struct task *t)
{
	pthread_mutex_lock(&p->lock);
	/* A task may post another while the pool ends: the thread that runs it will look again. */
	if (p->alive > 0 && !t->queued) {
		t->queued = true;
		t->at_ms = 0;
		append(&p->ready, t);
		pthread_cond_signal(&p->changed);
	}
	pthread_mutex_unlock(&p->lock);
}

void pool_stop(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);

	for (unsigned i = 0; i < p->started; i++)
		pthread_join(p->threads[i], NULL);
	p->started = 0;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pool_stop(p);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
