/* loop.c: the FUSE workers.
 *
 *   take a request ◄───────────────┐
 *     │ one: run it ───────────────┤
 *     │ none (EAGAIN): sleep in epoll until the device or `quit` is readable
 *     │ the connection has ended, or `quit`
 *     ▼
 *    end
 *
 * The device does not block, or a worker asleep in read(2) could not be told to end. Each worker
 * has its own epoll with EPOLLEXCLUSIVE on the device: one request wakes one of them. The end of
 * the connection wakes all, and so does `quit`, which is never read.
 */
#include "loop.h"

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>
#include <qxfs/base/worker.h>

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "order.h"

#define WORKERS 4

#ifdef ORDER_TOLD
char order_of_kernel;
#endif

struct loop_worker {
	struct loop *loop;
	pthread_t thread;
	int epoll;
	struct fuse_buf buf; /* the worker's; libfuse allocates it with malloc */
};

struct loop {
	struct fuse_session *fuse;
	int ended;            /* borrowed */
	int quit;             /* eventfd, for those asleep … */
	atomic_bool quitting; /* … and for those that never sleep, under load */
	sem_t go;             /* posted once for each worker when all are there */
	atomic_uint running;  /* workers that have not seen the connection's end */
	unsigned started;     /* the owner's */
	struct loop_worker workers[WORKERS];
};

static void sleep_until_something(const struct loop_worker *w)
{
	struct epoll_event event;

	/* A failure is EINTR (a debugger); the worker looks again. */
	(void)epoll_wait(w->epoll, &event, 1, -1);
}

/* One turn; false: no more will come. */
static bool take_one(struct loop_worker *w)
{
	struct fuse_session *fuse = w->loop->fuse;

	int got = fuse_session_receive_buf(fuse, &w->buf);
	if (got > 0) {
		order_after_request();
		fuse_session_process_buf(fuse, &w->buf);
	} else if (got == -EAGAIN) {
		sleep_until_something(w);
	} else if (got != -EINTR) {
		if (got < 0)
			log_error("front", "reading /dev/fuse: %s", strerror(-got));
		return false;
	}
	return true;
}

static void *serve(void *arg)
{
	struct loop_worker *w = arg;
	struct loop *loop = w->loop;
	bool more = true;

	/* The thread count never moves once the first request is answered. */
	while (sem_wait(&loop->go) < 0 && errno == EINTR)
		;
	while (more && !atomic_load(&loop->quitting))
		more = take_one(w);
	if (!more && atomic_fetch_sub(&loop->running, 1) == 1)
		(void)eventfd_write(loop->ended, 1); /* fails only when it is full, thus written */
	return NULL;
}

static int watch(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int start_worker(struct loop *loop, unsigned i)
{
	struct loop_worker *w = &loop->workers[i];
	char name[16];

	w->loop = loop;
	qx_auto_fd epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		return -errno;
	int err = watch(epoll, fuse_session_fd(loop->fuse), EPOLLIN | EPOLLEXCLUSIVE);
	if (err == 0)
		err = watch(epoll, loop->quit, EPOLLIN);
	if (err < 0)
		return err;

	(void)snprintf(name, sizeof(name), "fuse-%u", i);
	w->epoll = epoll;
	err = thread_start(&w->thread, name, serve, w);
	if (err < 0)
		return err;
	(void)sys_steal_fd(&epoll);
	return 0;
}

static int make_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static void let_go(struct loop *loop)
{
	for (unsigned i = 0; i < loop->started; i++)
		(void)sem_post(&loop->go); /* cannot overflow */
}

int loop_start(struct fuse_session *fuse, int ended, struct loop **ret)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	loop->fuse = fuse;
	loop->ended = ended;
	loop->running = WORKERS;
	sem_init(&loop->go, 0, 0);

	loop->quit = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int err = loop->quit < 0 ? -errno : make_nonblocking(fuse_session_fd(fuse));
	while (err == 0 && loop->started < WORKERS) {
		err = start_worker(loop, loop->started);
		if (err == 0)
			loop->started++;
	}
	if (err < 0) {
		loop_stop(loop);
		return err;
	}
	let_go(loop);
	*ret = loop;
	return 0;
}

void loop_stop(struct loop *loop)
{
	if (!loop)
		return;
	atomic_store(&loop->quitting, true);
	let_go(loop); /* those that were never let go */
	if (loop->quit >= 0)
		(void)eventfd_write(loop->quit, 1);

	for (unsigned i = 0; i < loop->started; i++) {
		pthread_join(loop->workers[i].thread, NULL);
		(void)close(loop->workers[i].epoll);
		free(loop->workers[i].buf.mem);
	}
	if (loop->quit >= 0)
		(void)close(loop->quit);
	sem_destroy(&loop->go);
	free(loop);
}
