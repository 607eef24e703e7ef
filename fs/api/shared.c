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
 * Nobody looks at the file while nothing happens, and who has nothing to tell does not write. Who
 * begins, or ends a job while another mount waits to begin one, touches its mode, which wakes the
 * others (inotify); they open a pidfd of a newcomer, which tells of its end. */
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

#include <qxfs/base/hash.h>
#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define TOPIC "limits"
#define PLACES EAGER_MAX
#define VERSION 2
#define STANDS_STILL_MS 2000 /* who holds the lock for so long is stopped */
#define ORPHANS_MAX 64       /* more than any account may run */
#define OWED_MS 30000        /* who unmounts has gone by then */

enum { LOCK_FILE, LOCK_PLACES };

struct place {
	int32_t pid; /* 0: free */
	int32_t requests, jobs;
	struct governor_eager eager;
};

struct content {
	uint32_t version, size;
	char boot[SYS_BOOT_ID];
	uint64_t deaths;
	int64_t n_orphans;
	int64_t orphans_ms[ORPHANS_MAX]; /* when each came, the oldest first */
	struct place places[PLACES];
	struct governor_common common; /* the last but the sum, see is_unchanged */
	uint64_t sum;                  /* of all before it */
};

struct watched {
	int pidfd; /* -1: none */
	int32_t pid;
};

struct shared {
	int fd;
	int at; /* our place; -1: not looked yet, or there is none */
	char boot[SYS_BOOT_ID];
	struct content content;
	struct content was; /* what the file said at the present look; version 0: nothing */
	int owed;           /* jobs of others that we follow, counted with the orphans still */
	int settled;        /* of these, at the present look */
	int64_t owed_ms;    /* since then, the last of them */
	int spared;         /* orphans that do not pay for it: we left them ourselves meanwhile */
	int left;           /* jobs of ours that nobody follows, which the others do not know yet */
	int64_t now_ms;     /* of the present look */
	int64_t busy_ms;    /* the lock could not be had since then; 0: it could */
	bool alone;         /* begun without the lock: nothing is written */
	bool said;          /* why, once */
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
static int read_content(struct shared *s)
{
	int fd = s->fd;
	struct content c;

	ssize_t n = pread(fd, &c, sizeof(c), 0);
	if (n < 0)
		return -errno;
	bool whole = n == sizeof(c) && c.version == VERSION && c.size == sizeof(c);
	bool other = n >= (ssize_t)(2 * sizeof(uint32_t)) && !whole && c.version != 0;
	if (other && anybody_lives(fd))
		return -EPROTO;
	bool sound = whole && c.sum == sum_of(&c) && c.n_orphans >= 0 &&
	             c.n_orphans <= ORPHANS_MAX && strncmp(c.boot, s->boot, sizeof(c.boot)) == 0;
	if (sound)
		s->was = c;
	else
		s->was.version = 0;
	if (!sound)
		make_new(&c, s->boot);
	s->content = c;
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

static void add_orphans(struct content *c, int n, int64_t now_ms)
{
	for (; n > 0 && c->n_orphans < ORPHANS_MAX; n--)
		c->orphans_ms[c->n_orphans++] = now_ms;
}

/* Which of them has found somebody is not known: those that stay counted longest do stay. */
static void drop_orphans(struct content *c, int n)
{
	c->n_orphans -= n;
	memmove(c->orphans_ms, c->orphans_ms + n, (size_t)c->n_orphans * sizeof(*c->orphans_ms));
}

static void forget_orphans(struct content *c, int64_t now_ms)
{
	int n = 0;

	while (n < c->n_orphans && now_ms - c->orphans_ms[n] >= SHARED_ORPHAN_MS)
		n++;
	drop_orphans(c, n);
}

static void forget_debt(struct shared *s, int64_t now_ms)
{
	if (now_ms - s->owed_ms >= OWED_MS)
		s->owed = 0;
	if (!s->owed)
		s->spared = 0;
}

/* What was taken up since the others could last read of it. Who left a job that we follow
 * may be alive for a moment: it is an orphan then. Or it never is one, for a record outlives
 * orphans, and this file. */
static void settle(struct shared *s)
{
	struct content *c = &s->content;

	forget_debt(s, s->now_ms);
	int there = (int)c->n_orphans > s->spared ? (int)c->n_orphans - s->spared : 0;
	s->settled = s->owed < there ? s->owed : there;
	drop_orphans(c, s->settled);
}

static void bury(struct content *c, struct place *place, int64_t now_ms)
{
	add_orphans(c, place->jobs, now_ms);
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
	*ret = (struct governor_others){ .jobs = (int)s->content.n_orphans };
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
	int r = read_content(s);
	if (r == 0 && s->at < 0)
		r = take_place(s, now_ms);
	if (r < 0)
		return r;
	s->now_ms = now_ms;
	bury_dead(s, &s->content, now_ms);
	add_orphans(&s->content, s->left, now_ms);
	settle(s);
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

bool shared_is_alone(const struct shared *s)
{
	return s->alone;
}

/* The buckets leak by themselves: only what the governor put into them is news. */
static bool is_unchanged(const struct shared *s, const struct governor *g)
{
	return !governor_has_news(g) &&
	       memcmp(&s->was, &s->content, offsetof(struct content, common)) == 0;
}

/* A job of ours has ended, and another mount waits for a place to begin one. */
static bool is_awaited(const struct shared *s)
{
	if (s->content.places[s->at].jobs >= s->was.places[s->at].jobs)
		return false;
	for (int i = 0; i < PLACES; i++) {
		const struct place *place = &s->content.places[i];
		bool eager = i != s->at && place->pid && place->eager.until_ms >= s->now_ms;
		if (eager && endpoint_row((enum endpoint)place->eager.ep)->starts_job)
			return true;
	}
	return false;
}

void shared_end(struct shared *s, struct governor *g)
{
	if (s->alone)
		return;
	struct place *own = &s->content.places[s->at];
	governor_share(g, &s->content.common, &own->eager);
	own->requests = governor_requests(g);
	own->jobs = governor_jobs(g);
	bool wake = is_awaited(s);
	int r = is_unchanged(s, g) ? 0 : write_content(s->fd, &s->content);
	(void)lock_byte(s->fd, LOCK_FILE, F_UNLCK);
	if (r < 0) { /* a full disk: all of it is told at a later look */
		say_alone(s, -r);
		return;
	}
	governor_told(g);
	s->owed -= s->settled;
	s->left = 0;
	if (wake)
		(void)fchmod(s->fd, 0600);
}

void shared_adopt(struct shared *s, int n, int64_t now_ms)
{
	forget_debt(s, now_ms);
	s->spared = s->spared > n ? s->spared - n : 0; /* it may be one of them */
	s->owed += n;
	s->owed_ms = now_ms;
}

void shared_leave(struct shared *s, int n)
{
	s->left += n;
	if (s->owed)
		s->spared += n;
}

uint64_t shared_deaths(const struct shared *s)
{
	return s->content.deaths;
}
