/* desktop.c: see desktop.h.
 *
 *   listener (any thread) ──► table of slots ──► worker ──datagrams──► child: libnotify ──► D-Bus
 */
#include "desktop.h"

#include "desktop_words.h"
#include "shell.h"

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>
#include <qxfs/base/worker.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOPIC "desktop"
#define WAIT_S 10
#define REST (DESKTOP_SLOTS - 1) /* the slot of all that have none */
#define GATHER_MS 100            /* what comes at once is shown at once */
#define LOOK_MS 2000             /* how often it is seen whether the child lives */
#define END_MS 10000             /* for the child to show what it has got; … */
#define ENDING_MS 1000           /* … when the mount ends */
#define AGAIN_MS 60000           /* after a child that has died or hung */

/* What a child may know of ours: nothing that holds a credential. */
static const char *const env_names[] = { "HOME", "LANG", "LC_ALL", "XDG_RUNTIME_DIR",
	                                 "XDG_DATA_DIRS" };
#define BUS "DBUS_SESSION_BUS_ADDRESS"

struct slot {
	bool waits, changed;
	struct event event; /* the last of it */
};

struct desktop {
	struct events *events;
	struct events_listener listener;
	struct worker *worker;
	struct task work, look;
	char *env[countof(env_names) + 2];
	int stop_fd; /* eventfd: the mount ends */
	pthread_mutex_t lock;
	struct slot slots[REST];  /* guarded by lock */
	struct desktop_rest rest; /* guarded by lock */
	bool rest_changed;        /* guarded by lock */
	/* the worker's */
	pid_t child;          /* 0: none */
	int fd;               /* to it; -1 */
	int64_t not_until_ms; /* no other is started before */
};

int64_t desktop_wait_s(int64_t notify_s)
{
	if (notify_s >= 0)
		return notify_s;
	return geteuid() == 0 ? 0 : WAIT_S; /* a server's has no desktop */
}

/* --- the table ------------------------------------------------------------------------------- */

/* Lock held. */
static void begins(struct desktop *d, const struct event *event)
{
	for (int i = 0; i < REST; i++) {
		struct slot *s = &d->slots[i];
		if (s->waits || s->changed)
			continue;
		*s = (struct slot){ .waits = true, .changed = true, .event = *event };
		return;
	}
	if (d->rest.waiting == 0)
		d->rest = (struct desktop_rest){ 0 };
	d->rest.waiting++;
	d->rest_changed = true;
}

/* Lock held. */
static void ends(struct desktop *d, const struct event *event)
{
	for (int i = 0; i < REST; i++) {
		struct slot *s = &d->slots[i];
		if (!s->waits || strcmp(s->event.subject, event->subject) != 0)
			continue;
		*s = (struct slot){ .changed = true, .event = *event };
		return;
	}
	if (d->rest.waiting == 0)
		return;
	d->rest.waiting--;
	d->rest.over += event->kind == EVENT_WAIT_OVER;
	d->rest.failed += event->kind == EVENT_WAIT_FAILED;
	d->rest_changed = true;
}

/* From whom it happened to: may not wait. */
static void happened(struct events_listener *l, const struct event *event)
{
	struct desktop *d = container_of(l, struct desktop, listener);

	if (event->kind < EVENT_WAIT_LONG || event->kind > EVENT_WAIT_LEFT)
		return;
	pthread_mutex_lock(&d->lock);
	if (event->kind == EVENT_WAIT_LONG)
		begins(d, event);
	else
		ends(d, event);
	pthread_mutex_unlock(&d->lock);
	/* false: the mount has ended */
	(void)worker_post_at(d->worker, &d->work, sys_now_ms() + GATHER_MS);
}

/* What is new in a slot. */
static bool take(struct desktop *d, unsigned i, struct desktop_note *note)
{
	pthread_mutex_lock(&d->lock);
	bool *changed = i == REST ? &d->rest_changed : &d->slots[i].changed;
	bool any = *changed;
	if (any && i == REST)
		desktop_say_rest(&d->rest, note);
	else if (any)
		desktop_say(&d->slots[i].event, note);
	*changed = false;
	pthread_mutex_unlock(&d->lock);
	note->slot = i;
	return any;
}

/* Or its end, which came just now, is not shown yet. */
static bool is_waited(struct desktop *d)
{
	pthread_mutex_lock(&d->lock);
	bool any = d->rest.waiting > 0 || d->rest_changed;
	for (int i = 0; i < REST; i++)
		any = any || d->slots[i].waits || d->slots[i].changed;
	pthread_mutex_unlock(&d->lock);
	return any;
}

/* --- the child ------------------------------------------------------------------------------- */

static void start_child(struct desktop *d)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return;
	struct shell shell = { .command = DESKTOP_WORD,
		               .program = "/proc/self/exe",
		               .in_fd = ends[1],
		               .out_fd = -1,
		               .apart = true,
		               .env = d->env };
	int r = shell_spawn(&shell, &d->child);
	close(ends[1]);
	if (r == 0) {
		d->fd = ends[0];
		(void)worker_post_at(d->worker, &d->look, sys_now_ms() + LOOK_MS);
		return;
	}
	close(ends[0]);
	d->child = 0;
	d->not_until_ms = sys_now_ms() + AGAIN_MS;
	log_debug(TOPIC, "nothing can be shown: %s", strerror(-r));
}

/* It is gone, or goes by force. */
static void give_up_child(struct desktop *d, bool kill_first)
{
	(void)shell_wait(d->child, kill_first, true);
	sys_close_cleanup(&d->fd);
	d->fd = -1;
	d->child = 0;
	d->not_until_ms = sys_now_ms() + AGAIN_MS;
	log_debug(TOPIC, "what shows notifications has %s", kill_first ? "hung" : "died");
}

/* It has been told all, and shows it as long as it needs, but not for ever. */
static void end_child(struct desktop *d)
{
	qx_auto_fd pid_fd = pidfd_open(d->child, 0);
	struct pollfd p[] = { { .fd = pid_fd, .events = POLLIN },
		              { .fd = d->stop_fd, .events = POLLIN } };
	int64_t until_ms = sys_now_ms() + END_MS, left_ms = END_MS;

	(void)worker_cancel(d->worker, &d->look);
	sys_close_cleanup(&d->fd);
	d->fd = -1;
	while (pid_fd >= 0 && !p[0].revents && left_ms > 0) {
		if (poll(p, countof(p), (int)left_ms) < 0 && errno != EINTR)
			break;
		if (p[1].revents) {
			p[1].fd = -1;
			until_ms = sys_now_ms() + ENDING_MS;
		}
		left_ms = until_ms - sys_now_ms();
	}
	if (!p[0].revents) {
		give_up_child(d, true);
		return;
	}
	(void)shell_wait(d->child, false, true);
	d->child = 0;
}

static void look(struct task *task)
{
	struct desktop *d = container_of(task, struct desktop, look);
	siginfo_t info = { 0 };

	if (!d->child)
		return;
	if (waitid(P_PID, (id_t)d->child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid)
		give_up_child(d, false);
	else
		(void)worker_post_at(d->worker, &d->look, sys_now_ms() + LOOK_MS);
}

/* What nobody can show is not shown later either: the next change is. */
static void hand_over(struct desktop *d, const struct desktop_note *note)
{
	if (!d->child && note->verb != DESKTOP_CLOSE && sys_now_ms() >= d->not_until_ms)
		start_child(d);
	if (d->child &&
	    send(d->fd, note, sizeof(*note), MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(*note))
		give_up_child(d, true); /* it has died, or does not read any more */
}

static void work(struct task *task)
{
	struct desktop *d = container_of(task, struct desktop, work);
	struct desktop_note note;

	for (unsigned i = 0; i < DESKTOP_SLOTS; i++)
		if (take(d, i, &note))
			hand_over(d, &note);
	if (d->child && !is_waited(d))
		end_child(d);
}

/* --- life ------------------------------------------------------------------------------------ */

/* GLib would start a bus of its own where X11 is, and does not look where a login's bus is unless
 * it is told. *ret NULL: there is none. */
static int find_bus(char **ret)
{
	const char *bus = getenv(BUS), *folder = getenv("XDG_RUNTIME_DIR");
	char usual[64];

	*ret = NULL;
	if (bus && *bus)
		return asprintf(ret, BUS "=%s", bus) < 0 ? -ENOMEM : 0;
	if (!folder) {
		(void)snprintf(usual, sizeof(usual), "/run/user/%u", geteuid());
		folder = usual;
	}
	if (asprintf(ret, BUS "=unix:path=%s/bus", folder) < 0)
		return -ENOMEM;
	if (access(strchr(*ret, '/'), F_OK) < 0) {
		free(*ret);
		*ret = NULL;
	}
	return 0;
}

static int start(struct desktop *d, struct events *events)
{
	d->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = d->stop_fd < 0 ? -errno
	                       : shell_copy_env(env_names, countof(env_names),
	                                        d->env + 1) /* behind the bus */;
	if (r == 0)
		r = worker_new("desktop", &d->worker);
	if (r == 0)
		r = events_listen(events, &d->listener);
	if (r == 0)
		d->events = events;
	return r;
}

int desktop_new(struct events *events, int64_t notify_s, struct desktop **ret)
{
	char *bus;

	*ret = NULL;
	if (notify_s > 0 && !desktop_is_built())
		log_warn(TOPIC, "this qxfs was built without notifications: notify= does nothing");
	if (desktop_wait_s(notify_s) == 0 || !desktop_is_built())
		return 0;
	int r = find_bus(&bus);
	if (r < 0 || !bus)
		return r;
	struct desktop *d = calloc(1, sizeof(*d));
	if (!d) {
		free(bus);
		return -ENOMEM;
	}
	pthread_mutex_init(&d->lock, NULL);
	d->env[0] = bus;
	d->work.fn = work;
	d->look.fn = look;
	d->listener.fn = happened;
	d->fd = d->stop_fd = -1;
	r = start(d, events);
	if (r < 0)
		desktop_free(d);
	else
		*ret = d;
	return r;
}

void desktop_free(struct desktop *d)
{
	const uint64_t one = 1;

	if (!d)
		return;
	if (d->events)
		events_unlisten(d->events, &d->listener);
	if (d->worker) {
		(void)sys_write_all(d->stop_fd, &one, sizeof(one)); /* fails only when it is full */
		(void)worker_post(d->worker, &d->work);
		worker_stop(d->worker);
		worker_free(d->worker);
	}
	if (d->child)
		give_up_child(d, true);
	sys_close_cleanup(&d->stop_fd);
	for (size_t i = 0; i < countof(d->env); i++)
		free(d->env[i]);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
