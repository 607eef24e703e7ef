/* fake_tree.c: tree.h for the tests of front/. */
#include "fake_tree.h"

#include <qxfs/base/sys.h>
#include <qxfs/base/worker.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NODES_MAX (1 << 20) /* ids are never given twice */
#define NODE_BIG 2
#define NODE_LINK 3
#define NODE_ENTRIES 16 /* the first entry of the big folder */
#define NODE_FILES (NODE_ENTRIES + BIG_ENTRIES)

struct node {
	unsigned file;
	unsigned version;
	uint64_t lookups;
	unsigned handles;
	bool ready;
	bool attr_changed;
	bool retired;
};

struct wait {
	struct task task;
	struct tree *tree;
	enum tree_verb verb;
	uint64_t node;
	tree_done_fn *done;
	void *arg;
	bool timed;     /* ends on the jobs thread, by its task */
	bool cancelled; /* guarded by tree->lock */
	int err;
	struct wait *next; /* guarded by tree->lock */
};

struct handle {
	struct tree_handle h; /* first */
	char *memory;
	struct handle *next, **link; /* guarded by tree->lock: in tree->handles */
};

struct tree {
	struct fake_config config;
	struct worker *jobs;
	pthread_mutex_t lock;
	pthread_cond_t waits_changed;
	uint64_t *current;         /* guarded by lock: node of each file */
	struct node *nodes;        /* guarded by lock */
	uint64_t next_node;        /* guarded by lock */
	uint64_t dice;             /* guarded by lock */
	struct wait *waits;        /* guarded by lock */
	struct handle *handles;    /* guarded by lock: open */
	bool stopped;              /* guarded by lock */
	struct fake_counts counts; /* guarded by lock */
};

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

/* Names of the big folder: 3 to 250 characters. */
static void big_name(unsigned i, char out[256])
{
	unsigned len = 8 + i * 7919 % 242;
	memset(out, 'x', len);
	out[len] = '\0';
	(void)snprintf(out, 9, "%07u", i);
	out[7] = '-';
}

/* Nodes. Callers hold t->lock. */

static struct node *node_of(struct tree *t, uint64_t id)
{
	return id < t->next_node ? &t->nodes[id] : NULL;
}

static void fill_attr(struct tree *t, uint64_t id, struct stat *st, double *ttl_s)
{
	const struct node *n = &t->nodes[id];

	*st = (struct stat){ .st_ino = id, .st_nlink = 1, .st_mode = S_IFREG | 0444 };
	st->st_uid = getuid();
	st->st_mtime = 1700000000;
	*ttl_s = t->config.ttl_s;
	if (id == TREE_ROOT || id == NODE_BIG) {
		st->st_mode = S_IFDIR | 0755;
		st->st_nlink = 2;
	} else if (id == NODE_LINK) {
		st->st_mode = S_IFLNK | 0777;
	} else if (id < NODE_FILES) {
		st->st_size = (off_t)id;
	} else if (n->ready && !n->attr_changed) {
		st->st_ino = NODE_FILES + n->file; /* the name's */
		st->st_size = (off_t)fake_length(n->file, n->version);
	} else {
		st->st_ino = NODE_FILES + n->file;
		st->st_size = FAKE_ESTIMATE;
		if (!n->ready)
			*ttl_s = 0;
	}
}

static void count_lookup(struct tree *t, uint64_t id)
{
	t->nodes[id].lookups++;
	t->counts.lookups++;
}

static bool is_big_entry(const char *name, unsigned *ret)
{
	char right[256];
	*ret = (unsigned)strtoul(name, NULL, 10);
	if (*ret >= BIG_ENTRIES)
		return false;
	big_name(*ret, right);
	return strcmp(name, right) == 0;
}

static uint64_t find(struct tree *t, uint64_t parent, const char *name)
{
	unsigned i;

	if (parent == NODE_BIG)
		return is_big_entry(name, &i) ? NODE_ENTRIES + i : 0;
	if (parent != TREE_ROOT)
		return 0;
	if (strcmp(name, "big") == 0)
		return NODE_BIG;
	if (strcmp(name, "link") == 0)
		return NODE_LINK;
	if (name[0] != 'f' || strlen(name) != 5)
		return 0;
	i = (unsigned)strtoul(name + 1, NULL, 10);
	return i < t->config.files ? t->current[i] : 0;
}

static uint64_t new_node(struct tree *t, unsigned file, unsigned version)
{
	uint64_t id = t->next_node;
	if (id == NODES_MAX)
		abort(); /* the test is too long */
	t->next_node++;
	t->nodes[id] = (struct node){ .file = file, .version = version };
	return id;
}

struct tree *fake_new(const struct fake_config *config)
{
	struct tree *t = calloc(1, sizeof(*t));
	t->config = *config;
	t->dice = config->dice;
	t->current = calloc(config->files, sizeof(*t->current));
	t->nodes = calloc(NODES_MAX, sizeof(*t->nodes));
	t->next_node = NODE_FILES;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->waits_changed, NULL);
	for (uint64_t id = 0; id < NODE_FILES; id++)
		t->nodes[id].ready = true;
	for (unsigned i = 0; i < config->files; i++)
		t->current[i] = new_node(t, i, 0);
	if (worker_new("jobs", &t->jobs) < 0)
		abort();
	return t;
}

int tree_lookup(struct tree *t, uint64_t parent, const char *name, struct tree_entry *ret)
{
	pthread_mutex_lock(&t->lock);
	uint64_t id = find(t, parent, name);
	if (id) {
		*ret = (struct tree_entry){ .node = id };
		fill_attr(t, id, &ret->attr, &ret->attr_ttl_s);
		/* Names of data files are asked for each time: they get new nodes. */
		ret->entry_ttl_s = id < NODE_FILES ? t->config.ttl_s : 0;
		count_lookup(t, id);
	}
	pthread_mutex_unlock(&t->lock);
	return id ? 0 : -ENOENT;
}

void tree_forget(struct tree *t, uint64_t node, uint64_t lookups)
{
	pthread_mutex_lock(&t->lock);
	struct node *n = node_of(t, node);
	if (node != TREE_ROOT && (!n || n->lookups < lookups))
		t->counts.overlaps++;
	else if (node != TREE_ROOT)
		n->lookups -= lookups;
	t->counts.forgets += lookups;
	pthread_mutex_unlock(&t->lock);
}

int tree_getattr(struct tree *t, uint64_t node, struct stat *ret, double *ret_ttl_s)
{
	int err = 0;
	pthread_mutex_lock(&t->lock);
	if (node_of(t, node))
		fill_attr(t, node, ret, ret_ttl_s);
	else
		err = -ENOENT;
	pthread_mutex_unlock(&t->lock);
	return err;
}

int tree_readlink(struct tree *t, uint64_t node, struct buf *out)
{
	(void)t;
	if (node != NODE_LINK)
		return -EINVAL;
	buf_add_str(out, "f0000");
	return 0;
}

int tree_touch(struct tree *t, uint64_t node, const struct tree_caller *who, struct tree_name *ret)
{
	*ret = (struct tree_name){ .parent = TREE_ROOT, .name = "any" };
	return node >= NODE_FILES && tree_is_owner(t, who->uid) ? 0 : -EPERM;
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
	if (!node_of(t, node))
		err = -ENOENT;
	else if (!t->nodes[node].ready)
		err = -EAGAIN;
	else
		*ret = new_handle(t, node, verb == TREE_OPENDIR);
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

void tree_wait(struct tree *t, enum tree_verb verb, uint64_t node, int flags,
               const struct tree_caller *who, tree_done_fn *done, void *arg)
{
	struct wait *w = calloc(1, sizeof(*w));
	(void)flags, (void)who;
	if (!w)
		abort();
	*w = (struct wait){ .task.fn = end_timed,
		            .tree = t,
		            .verb = verb,
		            .node = node,
		            .done = done,
		            .arg = arg };

	pthread_mutex_lock(&t->lock);
	t->counts.waits++;
	w->cancelled = t->stopped;
	bool inside = t->stopped || t->nodes[node].ready;
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

void fake_replace(struct tree *t, unsigned file)
{
	pthread_mutex_lock(&t->lock);
	struct node *old = &t->nodes[t->current[file]];
	old->retired = true;
	t->current[file] = new_node(t, file, old->version + 1);
	pthread_mutex_unlock(&t->lock);
}

unsigned fake_version(struct tree *t, unsigned file)
{
	pthread_mutex_lock(&t->lock);
	unsigned version = t->nodes[t->current[file]].version;
	pthread_mutex_unlock(&t->lock);
	return version;
}

struct fake_counts fake_count(struct tree *t)
{
	pthread_mutex_lock(&t->lock);
	struct fake_counts counts = t->counts;
	for (uint64_t id = NODE_FILES; id < t->next_node; id++) {
		const struct node *n = &t->nodes[id];
		if (n->retired && n->handles == 0 && n->lookups > 0)
			counts.leaked++;
	}
	pthread_mutex_unlock(&t->lock);
	return counts;
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

void fake_free(struct tree *t)
{
	worker_free(t->jobs);
	/* The kernel sends no RELEASE for what was open when the connection ended. */
	for (struct handle *h = t->handles, *next; h; h = next) {
		next = h->next;
		free_handle(h);
	}
	pthread_cond_destroy(&t->waits_changed);
	pthread_mutex_destroy(&t->lock);
	free(t->nodes);
	free(t->current);
	free(t);
}

/* Listings. */

static int entry_at(struct tree *t, const struct tree_handle *h, size_t index, char name[256],
                    uint64_t *ret_id)
{
	if (h->node == NODE_BIG) {
		if (index >= BIG_ENTRIES)
			return -ENOENT;
		big_name((unsigned)index, name);
		*ret_id = NODE_ENTRIES + index;
		return 0;
	}
	if (index >= t->config.files + 2)
		return -ENOENT;
	if (index < t->config.files) {
		(void)snprintf(name, 256, "f%04u", (unsigned)index);
		*ret_id = t->current[index];
	} else {
		*ret_id = index == t->config.files ? NODE_BIG : NODE_LINK;
		(void)snprintf(name, 256, "%s", *ret_id == NODE_BIG ? "big" : "link");
	}
	return 0;
}

/* The contract borrows the name from the handle; a thread reads one entry at a time. */
static _Thread_local char entry_name[256];

int tree_dirent(struct tree *t, const struct tree_handle *h, size_t index, const char **ret_name,
                struct stat *ret_ino_and_type)
{
	double ttl_s;
	uint64_t id;

	pthread_mutex_lock(&t->lock);
	int err = entry_at(t, h, index, entry_name, &id);
	if (err == 0)
		fill_attr(t, id, ret_ino_and_type, &ttl_s);
	pthread_mutex_unlock(&t->lock);
	*ret_name = entry_name;
	return err;
}

int tree_dirent_lookup(struct tree *t, const struct tree_handle *h, size_t index,
                       const char **ret_name, struct tree_entry *ret)
{
	uint64_t id;

	pthread_mutex_lock(&t->lock);
	int err = entry_at(t, h, index, entry_name, &id);
	if (err == 0) {
		*ret = (struct tree_entry){ .node = id };
		fill_attr(t, id, &ret->attr, &ret->attr_ttl_s);
		ret->entry_ttl_s = id < NODE_FILES ? t->config.ttl_s : 0;
		count_lookup(t, id);
	}
	pthread_mutex_unlock(&t->lock);
	*ret_name = entry_name;
	return err;
}

uint64_t tree_parent_ino(struct tree *t, const struct tree_handle *h)
{
	(void)t, (void)h;
	return TREE_ROOT;
}

/* The rest. */

int tree_disk(struct tree *t, uint64_t *ret_total, uint64_t *ret_free, uint64_t *ret_files)
{
	*ret_total = UINT64_C(4096) * 1000;
	*ret_free = UINT64_C(4096) * 250;
	*ret_files = t->config.files;
	return 0;
}

int tree_status(struct tree *t, struct buf *out)
{
	(void)t;
	/* Longer than one piece of control.h. */
	for (unsigned i = 0; i < 5000; i++)
		buf_addf(out, "%07u\n", i);
	return 0;
}

int tree_why(struct tree *t, const char *path, struct buf *out)
{
	(void)t;
	if (!*path)
		return -ENOENT;
	buf_add_json(out, path);
	return 0;
}

bool tree_is_owner(const struct tree *t, uid_t uid)
{
	(void)t;
	return uid == 0 || uid == getuid();
}
