/* shared.c: the file that the mounts of an account share.
 *
 *     byte 0            LOCK_FILE: while the file is read and written
 *     byte 1 + place    held by the mount of that place as long as it lives
 *
 * The locks are those of open file descriptions: they go with the fd, so with the process, whatever
 * becomes of it. The content is read and written whole; what a kill in the middle left does not
 * fit its sum, and is as good as a new file: the buckets are empty then and the dead mounts' jobs
 * forgotten, which a 429 would tell.
 *
 * Nobody looks at the file while nothing happens. Who begins touches its mode, which wakes the
 * others (inotify); they open a pidfd of the newcomer, which tells of its end. */
#include "shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/hash.h>
#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define TOPIC "limits"
#define PLACES EAGER_MAX
#define VERSION 1
#define STANDS_STILL_MS 2000     /* who holds the lock for so long is stopped */
#define ORPHANS_MS (10 * 60000L) /* nobody has taken them up: most exports have ended by then */

enum { LOCK_FILE, LOCK_PLACES };

struct place {
	int32_t pid; /* 0: free */
	int32_t requests, jobs;
	struct governor_eager eager;
};

struct content {
	uint32_t version, size;
	char boot[SHARED_BOOT];
	uint64_t deaths;
	int32_t orphans;
	int64_t orphans_ms; /* when the last of them came */
	struct governor_common common;
	struct place places[PLACES];
	uint64_t sum; /* of all before it */
};

struct watched {
	int pidfd; /* -1: none */
	int32_t pid;
};

struct shared {
	int fd;
	int at; /* our place; -1: not looked yet, or there is none */
	char boot[SHARED_BOOT];
	struct content content;
	int64_t busy_ms; /* the lock could not be had since then; 0: it could */
	bool alone;      /* begun without the lock: nothing is written */
	bool said;       /* why, once */
	int epoll_fd, inotify_fd;
	struct watched watched[PLACES];
};

/* --- locks ----------------------------------------------------------------------------------- */

static int lock_byte(int fd, int byte, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

/* Of another open file: our own locks do not show. */
static bool lives(int fd, int place)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = LOCK_PLACES + place,
		.l_len = 1,
	};
	return fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

/* --- the content ----------------------------------------------------------------------------- */

static uint64_t sum_of(const struct content *c)
{
	return hash_quick(c, offsetof(struct content, sum));
}

static void make_new(struct content *c, const char *boot)
{
	memset(c, 0, sizeof(*c));
	c->version = VERSION;
	c->size = sizeof(*c);
	(void)snprintf(c->boot, sizeof(c->boot), "%s", boot);
}

static bool anybody_lives(int fd)
{
	for (int i = 0; i < PLACES; i++)
		if (lives(fd, i))
			return true;
	return false;
}

/* -EPROTO: it is no file of ours, but somebody uses it. */
static int read_content(int fd, const char *boot, struct content *ret)
{
	struct content c;

	ssize_t n = pread(fd, &c, sizeof(c), 0);
	if (n < 0)
		return -errno;
	bool whole = n == sizeof(c) && c.version == VERSION && c.size == sizeof(c);
	bool other = n >= (ssize_t)(2 * sizeof(uint32_t)) && !whole && c.version != 0;
	if (other && anybody_lives(fd))
		return -EPROTO;
	if (!whole || c.sum != sum_of(&c) || strncmp(c.boot, boot, sizeof(c.boot)) != 0)
		make_new(&c, boot);
	*ret = c;
	return 0;
}

static int write_content(int fd, struct content *c)
{
	c->sum = sum_of(c);
	ssize_t n = pwrite(fd, c, sizeof(*c), 0);
	if (n < 0)
		return -errno;
	return n == sizeof(*c) ? 0 : -ENOSPC;
}

/* --- who has died ---------------------------------------------------------------------------- */

static void forget_orphans(struct content *c, int64_t now_ms)
{
	if (c->orphans && now_ms - c->orphans_ms >= ORPHANS_MS)
		c->orphans = 0;
}

static void bury(struct content *c, struct place *place, int64_t now_ms)
{
	if (place->jobs > 0) {
		c->orphans += place->jobs;
		c->orphans_ms = now_ms;
	}
	c->deaths++;
	*place = (struct place){ 0 };
}

static void bury_dead(const struct shared *s, struct content *c, int64_t now_ms)
{
	for (int i = 0; i < PLACES; i++)
		if (i != s->at && c->places[i].pid && !lives(s->fd, i))
			bury(c, &c->places[i], now_ms);
	forget_orphans(c, now_ms);
}

/* --- who begins and ends --------------------------------------------------------------------- */

static void unwatch(struct watched *w)
{
	if (w->pidfd >= 0)
		close(w->pidfd); /* which also takes it out of the epoll */
	*w = (struct watched){ .pidfd = -1 };
}

/* A pid of another namespace, or of nobody any more: then its end is seen when we look. */
static void watch(struct shared *s, struct watched *w, int32_t pid)
{
	/* once: it stays readable for ever */
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };

	w->pid = pid;
	w->pidfd = pidfd_open(pid, 0);
	if (w->pidfd >= 0 && epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, w->pidfd, &event) < 0)
		unwatch(w);
}

static void watch_others(struct shared *s)
{
	for (int i = 0; i < PLACES && s->epoll_fd >= 0; i++) {
		int32_t pid = i == s->at ? 0 : s->content.places[i].pid;
		if (s->watched[i].pid == pid)
			continue;
		unwatch(&s->watched[i]);
		if (pid)
			watch(s, &s->watched[i], pid);
	}
}

/* Without it the others' ends are seen when there is something to do. */
static void watch_file(struct shared *s)
{
	struct epoll_event event = { .events = EPOLLIN };
	char path[40];

	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	event.data.fd = s->inotify_fd;
	if (s->epoll_fd >= 0 && s->inotify_fd >= 0 &&
	    inotify_add_watch(s->inotify_fd, path, IN_ATTRIB) >= 0 &&
	    epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->inotify_fd, &event) == 0)
		return;
	log_debug(TOPIC, "other mounts cannot be watched: %s", strerror(errno));
	sys_close_cleanup(&s->epoll_fd);
	s->epoll_fd = -1;
}

int shared_watch_fd(const struct shared *s)
{
	return s->epoll_fd;
}

void shared_attend(struct shared *s)
{
	struct epoll_event events[PLACES + 1];
	char words[4096];

	/* What they tell is in the file; an end is told once. */
	(void)epoll_wait(s->epoll_fd, events, countof(events), 0);
	while (read(s->inotify_fd, words, sizeof(words)) > 0)
		;
}

/* --- open and close -------------------------------------------------------------------------- */

void shared_boot(char ret[SHARED_BOOT])
{
	struct buf text = { 0 };

	ret[0] = '\0';
	if (sys_read_file_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 100, &text) == 0)
		(void)snprintf(ret, SHARED_BOOT, "%.*s", (int)strcspn(buf_text(&text), "\n"),
		               buf_text(&text));
	buf_done(&text);
}

struct shared *shared_new(int fd, const char *boot)
{
	struct shared *s = calloc(1, sizeof(*s));
	if (!s) {
		close(fd);
		return NULL;
	}
	s->fd = fd;
	s->at = -1;
	(void)snprintf(s->boot, sizeof(s->boot), "%s", boot);
	for (int i = 0; i < PLACES; i++)
		s->watched[i].pidfd = -1;
	watch_file(s);
	return s;
}

void shared_free(struct shared *s)
{
	if (!s)
		return;
	for (int i = 0; i < PLACES; i++)
		unwatch(&s->watched[i]);
	sys_close_cleanup(&s->inotify_fd);
	sys_close_cleanup(&s->epoll_fd);
	close(s->fd);
	free(s);
}

/* The first look: under the lock. */
static int take_place(struct shared *s, int64_t now_ms)
{
	for (int i = 0; i < PLACES; i++) {
		if (lock_byte(s->fd, LOCK_PLACES + i, F_WRLCK) < 0)
			continue;
		if (s->content.places[i].pid)
			bury(&s->content, &s->content.places[i], now_ms);
		s->at = i;
		(void)fchmod(s->fd, 0600); /* the others wake, and watch us */
		return 0;
	}
	return -EUSERS;
}

/* --- one look -------------------------------------------------------------------------------- */

static void fill_others(const struct shared *s, struct governor_others *ret)
{
	*ret = (struct governor_others){ .jobs = s->content.orphans };
	for (int i = 0; i < PLACES; i++) {
		const struct place *place = &s->content.places[i];
		if (i == s->at || !place->pid)
			continue;
		ret->requests += place->requests;
		ret->jobs += place->jobs;
		if (place->eager.until_ms)
			ret->eager[ret->n_eager++] = place->eager;
	}
}

/* Soon over; unless the mount that has it is stopped. */
static bool busy(struct shared *s, int64_t now_ms)
{
	if (!s->busy_ms)
		s->busy_ms = now_ms;
	return now_ms - s->busy_ms < STANDS_STILL_MS;
}

/* Under the lock: what the file says, with our place in it. */
static int look(struct shared *s, int64_t now_ms)
{
	int r = read_content(s->fd, s->boot, &s->content);
	if (r == 0 && s->at < 0)
		r = take_place(s, now_ms);
	if (r < 0)
		return r;
	bury_dead(s, &s->content, now_ms);
	s->content.places[s->at].pid = getpid();
	watch_others(s);
	return 0;
}

static void say_alone(struct shared *s, int err)
{
	if (s->said)
		return;
	s->said = true;
	log_warn(TOPIC, "the limits of this account are not shared with its other mounts: %s",
	         err == EPROTO   ? "they are of another version of qxfs; mount those again"
	         : err == EUSERS ? "there are too many of them"
	                         : strerror(err));
}

bool shared_begin(struct shared *s, struct governor *g, int64_t now_ms)
{
	struct governor_others others;

	int r = lock_byte(s->fd, LOCK_FILE, F_WRLCK);
	if ((r == -EAGAIN || r == -EACCES) && busy(s, now_ms))
		return false;
	if (r == 0) {
		s->busy_ms = 0;
		r = look(s, now_ms);
		if (r < 0)
			(void)lock_byte(s->fd, LOCK_FILE, F_UNLCK);
	}
	s->alone = r < 0;
	if (s->alone) { /* with what was known last, and what was decided since */
		say_alone(s, -r);
		return true;
	}
	fill_others(s, &others);
	governor_meet(g, &s->content.common, &others);
	return true;
}

void shared_end(struct shared *s, struct governor *g)
{
	if (s->alone)
		return;
	struct place *own = &s->content.places[s->at];
	governor_share(g, &s->content.common, &own->eager);
	own->requests = governor_requests(g);
	own->jobs = governor_jobs(g);
	int r = write_content(s->fd, &s->content);
	(void)lock_byte(s->fd, LOCK_FILE, F_UNLCK);
	if (r < 0)
		log_debug(TOPIC, "what is in use cannot be told: %s", strerror(-r));
}

void shared_adopt(struct shared *s)
{
	if (s->content.orphans > 0)
		s->content.orphans--;
}

uint64_t shared_deaths(const struct shared *s)
{
	return s->content.deaths;
}
