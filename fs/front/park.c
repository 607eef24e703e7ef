/* park.c: the lot, where a request waits.
 *
 *              lot_park              tree_wait returned
 *   request ──────────────► PARKING ────────────────────► PARKED
 *                              │                            │  │
 *                              │ done                  done │  │ the caller gives up, lot_close
 *                              ▼                            ▼  ▼
 *                           CLAIMED                        CLAIMED ──► reply, once, by the claimer
 *
 * Rules, each learnt the hard way (STYLE.md 3.5):
 *  - Only the claimer touches the request, and it unregisters from interrupts before it replies:
 *    that waits out a callback still running, which libfuse calls under the request's mutex.
 *  - Registering takes that mutex too, and may call back at once: no lock of ours is held then, the
 *    callback only flags, and nobody but `done` may claim before the registration is over. `done`
 *    cannot come before tree_wait, which follows it.
 *  - A wait is given up only after tree_wait has returned, so that tree_cancel finds it.
 *  - The waiter is freed by the last of: lot_park, the tree's `done`, the watcher's look,
 * lot_close.
 *
 * The kernel tells of an interrupt once. So the watcher looks at the caller's pending signals, and
 * when they need not end the wait, again every 50 ms for as long as the request is parked.
 *
 * A listing is answered by that thread too: it is read from local files, which `done` may not.
 */
#include "park.h"

#include <qxfs/base/sys.h>
#include <qxfs/base/worker.h>

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#include "answer.h"
#include "caller.h"
#include "notify.h"

#define LOOK_EVERY_MS 50

enum state { PARKING, PARKED, CLAIMED };

struct waiter {
	struct lot *lot;
	fuse_req_t req; /* the claimer's */
	pid_t tid;
	enum state state; /* guarded by lot->lock */
	bool interrupted; /* guarded by lot->lock */
	bool looking;     /* guarded by lot->lock: `look` is queued or runs, and has a ref */
	bool told;        /* the watcher's: a signal was seen that need not end the wait */
	unsigned refs;    /* guarded by lot->lock */
	struct waiter *next, **link;  /* guarded by lot->lock: in lot->waiters */
	struct waiter *next_given_up; /* lot_close's, once it has claimed */
	struct task look;             /* the watcher's */
	struct late_answer answer;    /* the claimer's */
	struct parked what;           /* immutable */
	struct task late;             /* the claimer's */
	struct tree_handle *handle;   /* the claimer's */
};

struct lot {
	struct tree *tree;
	struct notifier *notifier;
	struct worker *watcher;
	pthread_mutex_t lock;
	pthread_cond_t empty;   /* count fell to 0 */
	struct waiter *waiters; /* guarded by lock */
	unsigned count;         /* guarded by lock */
	bool closed;            /* guarded by lock */
};

int lot_new(struct tree *tree, struct notifier *notifier, struct lot **ret)
{
	struct lot *lot = calloc(1, sizeof(*lot));
	if (!lot)
		return -ENOMEM;

	int err = worker_new("park", &lot->watcher);
	if (err < 0) {
		free(lot);
		return err;
	}
	lot->tree = tree;
	lot->notifier = notifier;
	pthread_mutex_init(&lot->lock, NULL);
	pthread_cond_init(&lot->empty, NULL);
	*ret = lot;
	return 0;
}

void lot_free(struct lot *lot)
{
	if (!lot)
		return;
	worker_free(lot->watcher);
	pthread_cond_destroy(&lot->empty);
	pthread_mutex_destroy(&lot->lock);
	free(lot);
}

/* Life of a waiter. */

static void look(struct task *task);

/* Has the references of lot_park and of `done`. */
static int waiter_new(struct lot *lot, fuse_req_t req, const struct parked *what, pid_t tid,
                      struct waiter **ret)
{
	int err = 0;
	struct waiter *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct waiter){
		.lot = lot, .req = req, .what = *what, .tid = tid, .state = PARKING, .refs = 2
	};
	w->look.fn = look;

	pthread_mutex_lock(&lot->lock);
	if (lot->closed) {
		err = -EINTR;
	} else if (lot->count >= LOT_MAX) {
		err = -ENFILE;
	} else {
		lot->count++;
		w->next = lot->waiters;
		w->link = &lot->waiters;
		if (w->next)
			w->next->link = &w->next;
		lot->waiters = w;
	}
	pthread_mutex_unlock(&lot->lock);

	if (err < 0) {
		free(w);
		return err;
	}
	*ret = w;
	return 0;
}

static void waiter_unref(struct waiter *w)
{
	struct lot *lot = w->lot;

	pthread_mutex_lock(&lot->lock);
	bool last = --w->refs == 0;
	if (last) {
		*w->link = w->next;
		if (w->next)
			w->next->link = w->link;
		if (--lot->count == 0)
			pthread_cond_broadcast(&lot->empty);
	}
	pthread_mutex_unlock(&lot->lock);
	if (last)
		free(w);
}

/* True for exactly one caller. `done` may claim from PARKING on, whoever gives up from PARKED on.
 */
static bool claim(struct waiter *w, enum state from)
{
	pthread_mutex_lock(&w->lot->lock);
	bool mine = w->state >= from && w->state != CLAIMED;
	if (mine)
		w->state = CLAIMED;
	pthread_mutex_unlock(&w->lot->lock);
	return mine;
}

/* The caller has claimed it and holds a reference. */
static void give_up(struct waiter *w)
{
	fuse_req_interrupt_func(w->req, NULL, NULL);
	(void)fuse_reply_err(w->req, EINTR); /* fails only when nobody asks any more */
	tree_cancel(w->lot->tree, w);
}

/* The end of the job. */

static void answered(struct late_answer *a)
{
	waiter_unref(container_of(a, struct waiter, answer));
}

static void answer_late(struct task *task)
{
	struct waiter *w = container_of(task, struct waiter, late);

	w->what.answer(w->lot->tree, w->req, &w->what, w->handle);
	waiter_unref(w);
}

static void done(void *arg, int err, struct tree_handle *handle)
{
	struct waiter *w = arg;
	struct lot *lot = w->lot;

	if (!claim(w, PARKING)) {
		if (handle)
			tree_close(lot->tree, handle);
		waiter_unref(w);
		return;
	}

	fuse_req_interrupt_func(w->req, NULL, NULL);
	if (err == 0 && w->what.answer) {
		w->late.fn = answer_late;
		w->handle = handle;
		worker_post(lot->watcher, &w->late); /* keeps the reference of `done` */
		return;
	}
	if (err == 0 && handle->attr_changed) {
		w->answer = (struct late_answer){
			.tree = lot->tree, .req = w->req, .handle = handle, .then = answered
		};
		answer_open_late(&w->answer, lot->notifier); /* keeps the reference of `done` */
		return;
	}
	if (err == 0)
		answer_open(lot->tree, w->req, handle);
	else /* a cancelled wait is the tree's way to say that the mount ends */
		(void)fuse_reply_err(w->req, err == -ECANCELED ? EINTR : -err);
	waiter_unref(w);
}

/* Interrupts. */

/* Caller holds lot->lock, and posts `look` when it is free again if this says so. */
static bool begin_look(struct waiter *w)
{
	if (w->state != PARKED || !w->interrupted || w->looking)
		return false;
	w->looking = true;
	w->refs++;
	return true;
}

/* libfuse calls this under the request's mutex: no reply from here. */
static void interrupted(fuse_req_t req, void *data)
{
	struct waiter *w = data;
	(void)req;

	pthread_mutex_lock(&w->lot->lock);
	w->interrupted = true;
	bool post = begin_look(w);
	pthread_mutex_unlock(&w->lot->lock);
	if (post)
		worker_post(w->lot->watcher, &w->look);
}

static bool is_claimed(struct waiter *w)
{
	pthread_mutex_lock(&w->lot->lock);
	bool claimed = w->state == CLAIMED;
	pthread_mutex_unlock(&w->lot->lock);
	return claimed;
}

static void look(struct task *task)
{
	struct waiter *w = container_of(task, struct waiter, look);

	if (!is_claimed(w)) {
		if (caller_stays(w->tid, w->told)) {
			w->told = true;
			worker_post_at(w->lot->watcher, &w->look, sys_now_ms() + LOOK_EVERY_MS);
			return;
		}
		if (claim(w, PARKED))
			give_up(w);
	}
	waiter_unref(w);
}

/* Parking. */

void lot_park(struct lot *lot, fuse_req_t req, const struct parked *what,
              const struct tree_caller *who)
{
	struct tree_caller known = *who;
	struct waiter *w;
	int err = waiter_new(lot, req, what, who->pid, &w);
	if (err < 0) {
		(void)fuse_reply_err(req, -err);
		return;
	}

	fuse_req_interrupt_func(req, interrupted, w);
	caller_describe(who->pid, known.program, &known.session);
	tree_wait(lot->tree, &what->ask, &known, done, w); /* req may be gone from here on */

	pthread_mutex_lock(&lot->lock);
	bool late = false;
	if (w->state == PARKING) {
		late = lot->closed;
		w->state = late ? CLAIMED : PARKED;
	}
	bool post = begin_look(w);
	pthread_mutex_unlock(&lot->lock);

	if (post)
		worker_post(lot->watcher, &w->look);
	if (late)
		give_up(w);
	waiter_unref(w);
}

/* Marks the lot closed and claims whatever is parked; what is still parking sees the mark itself.
 */
static struct waiter *close_and_claim(struct lot *lot)
{
	struct waiter *list = NULL;

	pthread_mutex_lock(&lot->lock);
	lot->closed = true;
	for (struct waiter *w = lot->waiters; w; w = w->next) {
		if (w->state != PARKED)
			continue;
		w->state = CLAIMED;
		w->refs++;
		w->next_given_up = list;
		list = w;
	}
	pthread_mutex_unlock(&lot->lock);
	return list;
}

void lot_close(struct lot *lot)
{
	struct waiter *next;

	for (struct waiter *w = close_and_claim(lot); w; w = next) {
		next = w->next_given_up;
		give_up(w);
		waiter_unref(w);
	}

	pthread_mutex_lock(&lot->lock);
	while (lot->count > 0)
		pthread_cond_wait(&lot->empty, &lot->lock);
	pthread_mutex_unlock(&lot->lock);
	worker_stop(lot->watcher);
}
