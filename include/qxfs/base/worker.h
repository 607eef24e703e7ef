/* worker.h: threads. The only place that starts one.
 *
 * A task is owned by the caller, usually embedded in the object it works on, and may be queued in
 * one place at a time; it may be queued again from inside its own function and may be freed there.
 *
 * A worker is one named thread that runs tasks one after the other, at once or at a moment.
 * A pool is n named threads that take tasks in order.
 */
#ifndef QXFS_BASE_WORKER_H
#define QXFS_BASE_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;
typedef void task_fn(struct task *task);

struct task {
	task_fn *fn;
	int64_t at_ms; /* when it is due (sys_now_ms); 0: at once. guarded by the queue's lock */
	struct task *next; /* guarded by the queue's lock */
	bool queued;       /* guarded by the queue's lock */
};

/* The object that embeds `member`. */
#define container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Starts a thread with all signals blocked and a name of at most 15 characters. */
int thread_start(pthread_t *ret, const char *name, void *(*fn)(void *), void *arg);

struct worker;
int worker_new(const char *name, struct worker **ret);
/* Queues a task; one that is already queued keeps the earlier of its two moments. Any thread.
 * False: the worker is being stopped and has not taken it. */
bool worker_post(struct worker *w, struct task *t);
bool worker_post_at(struct worker *w, struct task *t, int64_t at_ms);
/* Takes a task out of the queue; true if it was there. Only on the worker's own thread can the
 * caller be sure that the task is not running. */
bool worker_cancel(struct worker *w, struct task *t);
bool worker_is_me(const struct worker *w);
/* Runs what is due, then ends the thread; tasks that are not yet due are dropped unrun. */
void worker_stop(struct worker *w);
void worker_free(struct worker *w);

struct pool;
int pool_new(const char *name, unsigned threads, struct pool **ret);
void pool_post(struct pool *p, struct task *t); /* any thread */
/* Runs all that is queued, then ends the threads. */
void pool_stop(struct pool *p);
void pool_free(struct pool *p);

#endif
