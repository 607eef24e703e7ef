/* fake_opens.c: tree.h for the tests of front/: contents, handles, waits. */
#include "fake_private.h"

#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Contents. */

/* Larger than the two pages from which on libfuse splices. */
uint64_t fake_length(unsigned file, unsigned version)
{
	return 20000 + 37 * (uint64_t)file + 11 * (uint64_t)version;
}

#define PATTERN 9973 /* a prime, so that no page is like another */

static char pattern_at(uint64_t i)
{
	return (char)('!' + (i * 2654435761u >> 7) % 90);
}

char fake_byte(unsigned file, unsigned version, uint64_t off)
{
	if (off < 8) /* tells which version it is */
		return "0123456789abcdef"[version >> (28 - 4 * off) & 15];
	return pattern_at((off + file * 40503ul + version * 97ul) % PATTERN);
}

static char pattern[PATTERN];

static void fill_pattern(void)
{
	for (uint64_t i = 0; i < PATTERN; i++)
		pattern[i] = pattern_at(i);
}

/* The same bytes as fake_byte says, faster: most of the time of a test goes by here. */
static char *make_bytes(unsigned file, unsigned version)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint64_t length = fake_length(file, version);
	uint64_t off = 0;

	pthread_once(&once, fill_pattern);
	char *bytes = malloc(length);
	if (!bytes)
		abort();
	while (off < length) {
		uint64_t from = (off + file * 40503ul + version * 97ul) % PATTERN;
		uint64_t n = PATTERN - from < length - off ? PATTERN - from : length - off;
		memcpy(bytes + off, pattern + from, n);
		off += n;
	}
	for (off = 0; off < 8; off++)
		bytes[off] = fake_byte(file, version, off);
	return bytes;
}

static int make_fd(const char *bytes, uint64_t length)
{
	/* Some bytes more: they belong to a later generation and must not be served. */
	static const char later[8192] = "LATER";
	int fd = memfd_create("fake", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	int err = sys_write_all(fd, bytes, length);
	if (err == 0)
		err = sys_write_all(fd, later, sizeof(later));
	if (err < 0)
		close(fd);
	return err < 0 ? err : fd;
}

/* Opening. */

/* Caller holds t->lock; 0 is no handle: out of memory. */
static struct tree_handle *new_handle(struct tree *t, uint64_t id, bool is_dir)
{
	struct node *n = &t->nodes[id];
	struct handle *h = calloc(1, sizeof(*h));
	if (!h)
		abort();
	h->h = (struct tree_handle){ .node = id, .fd = -1, .is_dir = is_dir };
	if (!is_dir) {
		h->h.length = fake_length(n->file, n->version);
		h->h.keep_cache = true;
		h->h.attr_changed = n->attr_changed;
		n->attr_changed = false;
		h->memory = make_bytes(n->file, n->version);
		h->h.bytes = h->memory;
		if (n->file % 2 == 0) {
			h->h.fd = make_fd(h->memory, h->h.length);
			h->h.bytes = NULL;
		}
	}
	n->handles++;
	t->counts.handles++;
	h->next = t->handles;
	h->link = &t->handles;
	if (h->next)
		h->next->link = &h->next;
	t->handles = h;
	return &h->h;
}

static void free_handle(struct handle *h)
{
	if (h->h.fd >= 0)
		close(h->h.fd);
	free(h->memory);
	free(h);
}

void tree_close(struct tree *t, struct tree_handle *handle)
{
	struct handle *h = (struct handle *)(void *)handle;

	pthread_mutex_lock(&t->lock);
	t->counts.closes++;
	if (t->nodes[handle->node].handles-- == 0)
		t->counts.overlaps++;
	*h->link = h->next;
	if (h->next)
		h->next->link = h->link;
	pthread_mutex_unlock(&t->lock);
	free_handle(h);
}

int tree_open(struct tree *t, enum tree_verb verb, uint64_t node, int flags,
              const struct tree_caller *who, struct tree_handle **ret)
{
	int err = 0;
	(void)who;

	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EROFS;
	pthread_mutex_lock(&t->lock);
	if (!fake_node(t, node))
		err = -ENOENT;
	else if (!t->nodes[node].ready)
		err = -EAGAIN;
	else
		*ret = new_handle(t, node, verb == TREE_OPENDIR);
	if (err == 0 && verb == TREE_READLINK)
		(*ret)->bytes = "f0000";
	pthread_mutex_unlock(&t->lock);
	return err;
}

static uint64_t roll(struct tree *t, uint64_t sides)
{
	t->dice ^= t->dice << 13;
	t->dice ^= t->dice >> 7;
	t->dice ^= t->dice << 17;
	return t->dice % sides;
}

/* Caller holds t->lock; false: it was out already, and somebody else ends it. */
static bool take_wait(struct tree *t, struct wait *w)
{
	struct wait **link = &t->waits;
	while (*link && *link != w)
		link = &(*link)->next;
	if (!*link)
		return false;
	*link = w->next;
	t->counts.waiting--;
	pthread_cond_broadcast(&t->waits_changed);
	return true;
}

/* Ends a wait that was taken. */
static void end_wait(struct tree *t, struct wait *w, int err)
{
	struct tree_handle *h = NULL;

	pthread_mutex_lock(&t->lock);
	if (w->cancelled)
		err = -ECANCELED;
	if (err == 0)
		h = new_handle(t, w->node, w->verb == TREE_OPENDIR);
	t->counts.dones++;
	pthread_mutex_unlock(&t->lock);
	w->done(w->arg, err, h);
	free(w);
}

static void end_timed(struct task *task)
{
	struct wait *w = container_of(task, struct wait, task);
	struct tree *t = w->tree;

	pthread_mutex_lock(&t->lock);
	bool mine = take_wait(t, w);
	pthread_mutex_unlock(&t->lock);
	if (mine)
		end_wait(t, w, w->err);
}

void tree_wait(struct tree *t, const struct tree_ask *ask, const struct tree_caller *who,
               tree_done_fn *done, void *arg)
{
	struct wait *w = calloc(1, sizeof(*w));
	(void)who;
	if (!w)
		abort();
	*w = (struct wait){ .task.fn = end_timed,
		            .tree = t,
		            .verb = ask->verb,
		            .node = ask->node,
		            .done = done,
		            .arg = arg };

	pthread_mutex_lock(&t->lock);
	t->counts.waits++;
	w->cancelled = t->stopped;
	bool inside = t->stopped || t->nodes[ask->node].ready;
	int64_t at_ms = 0;
	if (!inside && t->config.dice) {
		w->timed = true;
		w->err = roll(t, 8) == 0 ? -EIO : 0;
		inside = roll(t, 5) == 0;
		if (roll(t, 3))
			at_ms = sys_now_ms() + (int64_t)roll(t, 12);
	}
	if (!inside) {
		w->next = t->waits;
		t->waits = w;
		t->counts.waiting++;
		pthread_cond_broadcast(&t->waits_changed);
		if (w->timed) /* under the lock: it may be over the moment it is posted */
			worker_post_at(t->jobs, &w->task, at_ms);
	}
	pthread_mutex_unlock(&t->lock);
	if (inside)
		end_wait(t, w, w->err);
}

void tree_cancel(struct tree *t, void *arg)
{
	pthread_mutex_lock(&t->lock);
	t->counts.cancels++;
	struct wait *w = t->waits;
	while (w && w->arg != arg)
		w = w->next;
	bool mine = false;
	if (w) {
		w->cancelled = true; /* a timed one ends in its own time */
		mine = !w->timed && take_wait(t, w);
	}
	pthread_mutex_unlock(&t->lock);
	if (mine)
		end_wait(t, w, -ECANCELED);
}

/* Takes out the waits for a node, or all (0) of those that nobody else will end. */
static struct wait *take_waits(struct tree *t, uint64_t node)
{
	struct wait *taken = NULL;
	for (struct wait *w = t->waits, *next; w; w = next) {
		next = w->next;
		if (w->timed || (node && w->node != node) || !take_wait(t, w))
			continue;
		w->next = taken;
		taken = w;
	}
	return taken;
}

static void end_waits(struct tree *t, struct wait *taken, int err)
{
	for (struct wait *w = taken, *next; w; w = next) {
		next = w->next;
		end_wait(t, w, err);
	}
}

void tree_stop(struct tree *t)
{
	pthread_mutex_lock(&t->lock);
	t->stopped = true;
	for (struct wait *w = t->waits; w; w = w->next)
		w->cancelled = true;
	struct wait *taken = take_waits(t, 0);
	pthread_mutex_unlock(&t->lock);
	end_waits(t, taken, -ECANCELED);
}

void fake_ready(struct tree *t, unsigned file, bool attr_changed)
{
	pthread_mutex_lock(&t->lock);
	struct node *n = &t->nodes[t->current[file]];
	n->ready = true;
	n->attr_changed = attr_changed;
	struct wait *taken = take_waits(t, t->current[file]);
	pthread_mutex_unlock(&t->lock);
	end_waits(t, taken, 0);
}

void fake_fail(struct tree *t, unsigned file, int err)
{
	pthread_mutex_lock(&t->lock);
	struct wait *taken = take_waits(t, t->current[file]);
	pthread_mutex_unlock(&t->lock);
	end_waits(t, taken, err);
}

unsigned fake_await(struct tree *t, unsigned waiting, unsigned ms)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}

	pthread_mutex_lock(&t->lock);
	while (t->counts.waiting != waiting &&
	       pthread_cond_timedwait(&t->waits_changed, &t->lock, &until) == 0)
		;
	unsigned now = t->counts.waiting;
	pthread_mutex_unlock(&t->lock);
	return now;
}

void fake_free_handles(struct tree *t)
{
	/* The kernel sends no RELEASE for what was open when the connection ended. */
	for (struct handle *h = t->handles, *next; h; h = next) {
		next = h->next;
		free_handle(h);
	}
}

/* --- import folders: this tree has none --------------------------------------------------------
 */

bool tree_is_spool(struct tree *t, uint64_t node)
{
	(void)t, (void)node;
	return false;
}

int tree_create(struct tree *t, uint64_t parent, const char *name, mode_t mode, int flags,
                const struct tree_caller *who, struct tree_entry *ret,
                struct tree_handle **ret_handle)
{
	(void)t, (void)parent, (void)name, (void)mode, (void)flags, (void)who, (void)ret;
	(void)ret_handle;
	return -EPERM;
}

int tree_write(struct tree_handle *h, const void *bytes, size_t len, uint64_t at)
{
	(void)h, (void)bytes, (void)len, (void)at;
	return -EROFS;
}

int tree_flush(struct tree_handle *h, const struct tree_caller *who)
{
	(void)h, (void)who;
	return 0;
}

int tree_fsync(struct tree_handle *h)
{
	(void)h;
	return 0;
}

int tree_set_attr(struct tree *t, uint64_t node, const struct tree_attr *set)
{
	(void)t, (void)node, (void)set;
	return -EPERM;
}

int tree_rename(struct tree *t, uint64_t parent, const char *name, uint64_t new_parent,
                const char *new_name, unsigned flags)
{
	(void)t, (void)parent, (void)name, (void)new_parent, (void)new_name, (void)flags;
	return -EPERM;
}

int tree_unlink(struct tree *t, uint64_t parent, const char *name)
{
	(void)t, (void)parent, (void)name;
	return -EPERM;
}

int tree_import(struct tree *t, enum tree_import_verb verb, const char *path, struct buf *out)
{
	(void)t, (void)verb, (void)path, (void)out;
	return -ENOENT;
}
