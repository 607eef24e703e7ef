/* asked.h: what the checks of the client share: a world of a scripted server and one client, calls
 * that are waited for. Comes after check_http.c, which has the server. */
#ifndef QXFS_CHECK_ASKED_H
#define QXFS_CHECK_ASKED_H

#include <qxfs/api/client.h>

struct world {
	struct server server;
	struct client *client;
	int moved; /* network thread, read after the client has stopped */
};

static inline int world_setup(void **state,
                              struct client *(*make)(struct world *w, const char *base))
{
	struct world *w = calloc(1, sizeof(*w));
	char base[100];

	server_start(&w->server);
	snprintf(base, sizeof(base), "http://127.0.0.1:%d", w->server.port);
	w->client = make(w, base);
	*state = w;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;
	client_free(w->client);
	server_end(&w->server);
	free(w);
	return 0;
}

struct asked {
	struct call call;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int done; /* guarded by lock */
	uint64_t bytes[64];
	size_t n_bytes;
};

static inline void asked_is_over(struct call *call)
{
	struct asked *a = container_of(call, struct asked, call);
	pthread_mutex_lock(&a->lock);
	a->done++;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

static inline void asked_init(struct asked *a, const struct call *call)
{
	*a = (struct asked){ .call = *call };
	a->call.sink_fd = -1; /* or the caller's, from here on */
	a->call.on_done = asked_is_over;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
}

static inline void asked_await(struct asked *a)
{
	pthread_mutex_lock(&a->lock);
	while (!a->done)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

/* It has ended, once; its answer is gone then. */
static inline void asked_done(struct asked *a)
{
	assert_int_equal(a->done, 1);
	call_clear(&a->call);
	if (a->call.sink_fd >= 0)
		close(a->call.sink_fd);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
}

#endif
