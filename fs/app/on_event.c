/* on_event.c: see on_event.h.
 *
 *   listener (any thread) ──► the queue ──► worker: spawn, write, read, wait ──► log
 */
#include "on_event.h"

#include "shell.h"

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>
#include <qxfs/base/worker.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOPIC "on_event"
#define COMMAND_MS 60000
#define ENDING_MS 5000
#define AGAIN_MS 60000
#define QUEUE_MAX 16
#define RECENT_MAX 64
#define PIECES_MAX 16 /* of its output at once: who writes without end is ended, too */
#define OUTPUT_MAX 800

/* What a command may know of ours: nothing that holds a credential. */
static const char *const env_names[] = {
	"PATH",
	"HOME",
	"USER",
	"LOGNAME",
	"LANG",
	"LC_ALL",
	"TZ",
	"XDG_CONFIG_HOME",
	"DISPLAY",
	"WAYLAND_DISPLAY",
	"XDG_RUNTIME_DIR",
	"DBUS_SESSION_BUS_ADDRESS",
};

struct recent {
	enum event_kind kind;
	char subject[EVENT_SUBJECT];
	int64_t at_ms; /* 0: free */
};

struct on_event {
	struct events *events;
	struct events_listener listener;
	struct worker *worker;
	struct task work;
	char *command;
	char *env[countof(env_names) + 1];
	int stop_fd;             /* eventfd: the mount ends */
	_Atomic int64_t stop_ms; /* until then; 0: it does not end */
	pthread_mutex_t lock;
	struct event queue[QUEUE_MAX];    /* guarded by lock: a ring */
	unsigned first, n;                /* guarded by lock */
	struct recent recent[RECENT_MAX]; /* guarded by lock */
};

/* --- what is to be run ----------------------------------------------------------------------- */

/* Lock held. Notes it, in place of the one that is longest ago. */
static bool is_repeated(struct on_event *o, const struct event *event)
{
	struct recent *oldest = &o->recent[0];
	int64_t now_ms = sys_now_ms();

	for (int i = 0; i < RECENT_MAX; i++) {
		struct recent *r = &o->recent[i];
		if (r->at_ms && now_ms - r->at_ms < AGAIN_MS && r->kind == event->kind &&
		    strcmp(r->subject, event->subject) == 0)
			return true;
		if (r->at_ms < oldest->at_ms)
			oldest = r;
	}
	oldest->kind = event->kind;
	oldest->at_ms = now_ms;
	memcpy(oldest->subject, event->subject, sizeof(oldest->subject));
	return false;
}

/* From whom it happened to: may not wait. */
static void happened(struct events_listener *l, const struct event *event)
{
	struct on_event *o = container_of(l, struct on_event, listener);
	const struct event_row *row = event_row(event->kind);
	const char *left_out = NULL;

	if (!row->command_from || (event->times ? event->times : 1) != row->command_from)
		return;
	pthread_mutex_lock(&o->lock);
	if (o->n == QUEUE_MAX)
		left_out = "too many wait already";
	else if (is_repeated(o, event))
		left_out = "it was run for the same within a minute";
	else
		o->queue[(o->first + o->n++) % QUEUE_MAX] = *event;
	pthread_mutex_unlock(&o->lock);
	if (left_out)
		log_warn(TOPIC, "not run for %s: %s", row->name, left_out);
	else
		(void)worker_post(o->worker, &o->work); /* false: the mount has ended */
}

static bool take(struct on_event *o, struct event *ret)
{
	pthread_mutex_lock(&o->lock);
	bool any = o->n > 0;
	if (any) {
		*ret = o->queue[o->first];
		o->first = (o->first + 1) % QUEUE_MAX;
		o->n--;
	}
	pthread_mutex_unlock(&o->lock);
	return any;
}

/* --- running --------------------------------------------------------------------------------- */

/* Reads what is there, but not for ever, keeps the beginning. False: there will be no more. */
static bool read_output(int fd, char output[OUTPUT_MAX], size_t *len)
{
	char rest[4096];

	for (int pieces = 0; pieces < PIECES_MAX; pieces++) {
		ssize_t got = read(fd, rest, sizeof(rest));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 && errno == EAGAIN;
		size_t room = OUTPUT_MAX - 1 - *len;
		size_t n = (size_t)got < room ? (size_t)got : room;
		memcpy(output + *len, rest, n);
		*len += n;
		output[*len] = '\0';
	}
	return true;
}

static int64_t end_of(const struct on_event *o, int64_t began_ms)
{
	int64_t stop_ms = atomic_load(&o->stop_ms), until_ms = began_ms + COMMAND_MS;

	return stop_ms && stop_ms < until_ms ? stop_ms : until_ms;
}

/* Until it ends, not until whatever it has left behind does. False: it took too long. */
static bool attend(struct on_event *o, pid_t pid, int fd, char output[OUTPUT_MAX])
{
	qx_auto_fd pid_fd = pidfd_open(pid, 0);
	struct pollfd p[] = {
		{ .fd = pid_fd, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
		{ .fd = o->stop_fd, .events = POLLIN },
	};
	int64_t began_ms = sys_now_ms();
	size_t len = 0;

	while (pid_fd >= 0 && !p[0].revents) {
		int64_t left_ms = end_of(o, began_ms) - sys_now_ms();
		if (left_ms <= 0)
			return false;
		if (poll(p, countof(p), (int)left_ms) < 0 && errno != EINTR)
			return false;
		if (p[1].revents && !read_output(fd, output, &len))
			p[1].fd = -1;
		if (p[2].revents) /* stop_ms says it from here on */
			p[2].fd = -1;
	}
	if (p[1].fd >= 0)
		(void)read_output(fd, output, &len);
	return pid_fd >= 0;
}

static void tell_end(const struct event *event, int status, bool in_time, char *output)
{
	const char *name = event_row(event->kind)->name;
	const char *colon = output[0] ? ": " : "";

	for (size_t n = strlen(output); n > 0 && output[n - 1] == '\n'; n--)
		output[n - 1] = '\0';
	if (!in_time)
		log_warn(TOPIC, "for %s: it took too long and was ended%s%s", name, colon, output);
	else if (WIFSIGNALED(status))
		log_warn(TOPIC, "for %s: it was ended by signal %d%s%s", name, WTERMSIG(status),
		         colon, output);
	else if (WEXITSTATUS(status) != 0)
		log_warn(TOPIC, "for %s: it has failed with status %d%s%s", name,
		         WEXITSTATUS(status), colon, output);
	else if (output[0])
		log_info(TOPIC, "for %s: it said: %s", name, output);
}

static void close_end(int *fd)
{
	sys_close_cleanup(fd);
	*fd = -1;
}

/* in, out: pairs of a pipe; what the child has is closed here. */
static int begin(struct on_event *o, const struct buf *json, int in[2], int out[2], pid_t *ret)
{
	const struct shell shell = { .command = o->command,
		                     .in_fd = in[0],
		                     .out_fd = out[1],
		                     .apart = true,
		                     .env = o->env };

	/* The pipe takes it all; who does not read it is no concern of ours. */
	(void)fcntl(in[1], F_SETFL, O_NONBLOCK);
	(void)fcntl(out[0], F_SETFL, O_NONBLOCK);
	(void)sys_write_all(in[1], json->data, json->len);
	int r = shell_spawn(&shell, ret);
	close_end(&in[0]);
	close_end(&in[1]);
	close_end(&out[1]);
	return r;
}

static void run(struct on_event *o, const struct event *event)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	char output[OUTPUT_MAX] = "";
	struct buf json = { 0 };
	pid_t pid = -1;

	event_json(event, &json);
	int r = buf_failed(&json) ? -ENOMEM : 0;
	if (r == 0 && (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0))
		r = -errno;
	if (r == 0)
		r = begin(o, &json, in, out, &pid);
	if (r == 0) {
		bool in_time = attend(o, pid, out[0], output);
		tell_end(event, shell_wait(pid, !in_time, true), in_time, output);
	} else {
		log_error(TOPIC, "it cannot be run: %s", strerror(-r));
	}
	for (int i = 0; i < 2; i++) {
		close_end(&in[i]);
		close_end(&out[i]);
	}
	buf_done(&json);
}

static void work(struct task *task)
{
	struct on_event *o = container_of(task, struct on_event, work);
	struct event event;

	while (take(o, &event))
		run(o, &event);
}

/* --- life ------------------------------------------------------------------------------------ */

int on_event_new(struct events *events, const char *command, struct on_event **ret)
{
	*ret = NULL;
	if (!command)
		return 0;
	struct on_event *o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	pthread_mutex_init(&o->lock, NULL);
	o->work.fn = work;
	o->listener.fn = happened;
	o->command = strdup(command);
	o->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = o->stop_fd < 0 ? -errno
	        : o->command   ? shell_copy_env(env_names, countof(env_names), o->env)
	                       : -ENOMEM;
	if (r == 0)
		r = worker_new("on_event", &o->worker);
	if (r == 0)
		r = events_listen(events, &o->listener);
	if (r < 0) {
		on_event_free(o);
		return r;
	}
	o->events = events;
	*ret = o;
	return 0;
}

void on_event_free(struct on_event *o)
{
	const uint64_t one = 1;

	if (!o)
		return;
	if (o->events)
		events_unlisten(o->events, &o->listener);
	atomic_store(&o->stop_ms, sys_now_ms() + ENDING_MS);
	if (o->worker) {
		(void)sys_write_all(o->stop_fd, &one, sizeof(one)); /* fails only when it is full */
		worker_stop(o->worker);
		worker_free(o->worker);
	}
	sys_close_cleanup(&o->stop_fd);
	for (size_t i = 0; i < countof(o->env); i++)
		free(o->env[i]);
	free(o->command);
	pthread_mutex_destroy(&o->lock);
	free(o);
}
