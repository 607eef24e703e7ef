/* behind.c: a small piece of work on a thread of its own. */
#include "behind.h"

#include <qxfs/base/worker.h>

static void *run(void *arg)
{
	struct behind *b = arg;
	bool again = true;

	while (again) {
		b->fn(b->arg);
		pthread_mutex_lock(&b->lock);
		again = b->again;
		b->again = false;
		b->runs = again;
		pthread_mutex_unlock(&b->lock);
	}
	return NULL;
}

void behind_init(struct behind *b, void (*fn)(void *arg), void *arg)
{
	*b = (struct behind){ .fn = fn, .arg = arg };
	pthread_mutex_init(&b->lock, NULL);
}

void behind_run(struct behind *b)
{
	pthread_mutex_lock(&b->lock);
	bool runs = b->runs;
	b->again = runs;
	b->runs = true;
	pthread_mutex_unlock(&b->lock);
	if (runs)
		return;
	if (b->is_there) /* the former is at its end */
		pthread_join(b->thread, NULL);
	b->is_there = thread_start(&b->thread, "behind", run, b) == 0;
	if (b->is_there)
		return;
	pthread_mutex_lock(&b->lock);
	b->runs = false;
	pthread_mutex_unlock(&b->lock);
}

void behind_done(struct behind *b)
{
	if (b->is_there)
		pthread_join(b->thread, NULL);
	pthread_mutex_destroy(&b->lock);
}
