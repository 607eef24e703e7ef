/* keeper.c: notes, one after the other. */
#include "keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define RETRY_MS 100 /* another mount has the lock, for the time of a few small writes */

struct keeper {
	struct tree *tree;
	struct errand errand;
	struct note *first; /* guarded by tree.lock: the one being written stays until it is */
	bool running;       /* guarded by tree.lock: the errand is on its way */
};

int keeper_new(struct tree *t, struct keeper **ret)
{
	struct keeper *k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->tree = t;
	*ret = k;
	return 0;
}

struct note *note_new(const char *arg)
{
	size_t n = strlen(arg);
	struct note *note = n < ARG_MAX_BYTES ? calloc(1, sizeof(*note)) : NULL;
	if (note)
		memcpy(note->arg, arg, n + 1);
	return note;
}

static struct note *first_note(struct keeper *k)
{
	pthread_mutex_lock(&k->tree->lock);
	struct note *n = k->first;
	pthread_mutex_unlock(&k->tree->lock);
	return n;
}

/* While it is written others may find it. */
static void drop_first(struct keeper *k)
{
	pthread_mutex_lock(&k->tree->lock);
	struct note *n = k->first;
	k->first = n->next;
	pthread_mutex_unlock(&k->tree->lock);
	free(n);
}

/* False: the lock is held by somebody. */
static bool write_all(struct keeper *k)
{
	qx_auto_fd lock = dirs_state_lock(k->tree->config.dirs);

	if (lock == -EAGAIN)
		return false;
	for (const struct note *n; (n = first_note(k)); drop_first(k)) {
		int r = lock < 0 ? lock : n->write(k->tree, n);
		if (r < 0)
			log_warn("tree", "%s cannot be kept: %s", n->what, strerror(-r));
	}
	return true;
}

static void write_notes(struct errand *e)
{
	struct keeper *k = container_of(e, struct keeper, errand);
	bool all = write_all(k);

	pthread_mutex_lock(&k->tree->lock);
	bool more = k->first != NULL;
	k->running = more;
	pthread_mutex_unlock(&k->tree->lock);
	if (more)
		jobs_errand(k->tree->jobs, e, all ? 0 : RETRY_MS);
}

void keep(struct tree *t, struct note *n)
{
	struct keeper *k = t->keeper;

	if (!n)
		return;
	pthread_mutex_lock(&k->tree->lock);
	struct note **last = &k->first;
	while (*last)
		last = &(*last)->next;
	*last = n;
	bool idle = !k->running;
	k->running = true;
	pthread_mutex_unlock(&k->tree->lock);
	if (!idle)
		return;
	k->errand.fn = write_notes;
	jobs_errand(k->tree->jobs, &k->errand, 0);
}

void keeper_each(struct tree *t, void (*fn)(void *arg, const struct note *n), void *arg)
{
	pthread_mutex_lock(&t->lock);
	for (const struct note *n = t->keeper->first; n; n = n->next)
		fn(arg, n);
	pthread_mutex_unlock(&t->lock);
}

void keeper_free(struct keeper *k)
{
	if (!k)
		return;
	if (k->first)
		(void)write_all(k);
	while (k->first)
		drop_first(k);
	free(k);
}
