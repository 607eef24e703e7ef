/* ops_poll.c: poll(2) of .qxfs/events; of any other file it says what the kernel says itself. */
#include "ops.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "pollers.h"

struct poller {
	const struct tree_handle *handle;
	struct fuse_pollhandle *ph;
	struct poller *next;
};

struct pollers {
	struct events *events;
	struct notifier *notifier;
	struct events_listener listener;
	struct task wake;
	pthread_mutex_t lock;
	struct poller *first; /* guarded by lock */
};

static void drop(struct poller *x)
{
	fuse_pollhandle_destroy(x->ph);
	free(x);
}

/* Whoever has it is the only one to know it. */
static struct poller *take(struct pollers *p, const struct tree_handle *h)
{
	pthread_mutex_lock(&p->lock);
	struct poller **link = &p->first;
	while (*link && (*link)->handle != h)
		link = &(*link)->next;
	struct poller *x = *link;
	if (x)
		*link = x->next;
	pthread_mutex_unlock(&p->lock);
	return x;
}

static struct poller *take_all(struct pollers *p)
{
	pthread_mutex_lock(&p->lock);
	struct poller *all = p->first;
	p->first = NULL;
	pthread_mutex_unlock(&p->lock);
	return all;
}

/* Notifier. Who is woken and joins again is not of this round, which would never end. */
static void wake_all(struct task *task)
{
	struct pollers *p = container_of(task, struct pollers, wake);

	for (struct poller *x = take_all(p), *next; x; x = next) {
		next = x->next;
		(void)fuse_lowlevel_notify_poll(x->ph); /* fails when nobody polls any more */
		drop(x);
	}
}

static void happened(struct events_listener *l, const struct event *event)
{
	struct pollers *p = container_of(l, struct pollers, listener);
	(void)event;

	(void)notifier_post(p->notifier, &p->wake); /* a mount that ends wakes nobody */
}

int pollers_new(struct events *events, struct notifier *notifier, struct pollers **ret)
{
	struct pollers *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->events = events;
	p->notifier = notifier;
	p->wake.fn = wake_all;
	p->listener.fn = happened;
	pthread_mutex_init(&p->lock, NULL);
	*ret = p;
	return events ? events_listen(events, &p->listener) : 0;
}

void pollers_join(struct pollers *p, const struct tree_handle *h, struct fuse_pollhandle *ph)
{
	struct poller *x = malloc(sizeof(*x));

	pollers_leave(p, h);
	if (!x) {
		fuse_pollhandle_destroy(ph);
		return;
	}
	pthread_mutex_lock(&p->lock);
	*x = (struct poller){ .handle = h, .ph = ph, .next = p->first };
	p->first = x;
	pthread_mutex_unlock(&p->lock);
}

void pollers_leave(struct pollers *p, const struct tree_handle *h)
{
	struct poller *x = take(p, h);
	if (x)
		drop(x);
}

void pollers_stop(struct pollers *p)
{
	if (p->events)
		events_unlisten(p->events, &p->listener);
	p->events = NULL;
}

void pollers_free(struct pollers *p)
{
	if (!p)
		return;
	pollers_stop(p);
	for (struct poller *x = take_all(p), *next; x; x = next) {
		next = x->next;
		drop(x);
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* First it joins, then it looks: what comes between wakes it. */
void ops_poll(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi,
              struct fuse_pollhandle *ph)
{
	struct front *f = front_of(req);
	struct tree_handle *h = handle_of(fi);
	unsigned ready = POLLIN | POLLRDNORM;
	(void)node;

	if (ph && h->is_events)
		pollers_join(f->pollers, h, ph);
	else if (ph)
		fuse_pollhandle_destroy(ph);
	if (!h->is_events)
		ready |= POLLOUT | POLLWRNORM;
	else if (!tree_has_events(f->tree, h))
		ready = 0;
	(void)fuse_reply_poll(req, ready); /* fails only with the connection */
}
