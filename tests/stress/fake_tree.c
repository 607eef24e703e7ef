/* fake_tree.c: tree.h for the tests of front/: nodes, names, listings. */
#include "fake_private.h"

#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

struct node *fake_node(struct tree *t, uint64_t id)
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

/* Names of data files get new nodes. */
static double name_ttl_s(const struct tree *t, uint64_t id)
{
	return id < NODE_FILES ? t->config.ttl_s : t->config.file_name_ttl_s;
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
		ret->entry_ttl_s = name_ttl_s(t, id);
		count_lookup(t, id);
	}
	pthread_mutex_unlock(&t->lock);
	return id ? 0 : -ENOENT;
}

void tree_forget(struct tree *t, uint64_t node, uint64_t lookups)
{
	pthread_mutex_lock(&t->lock);
	struct node *n = fake_node(t, node);
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
	if (fake_node(t, node))
		fill_attr(t, node, ret, ret_ttl_s);
	else
		err = -ENOENT;
	pthread_mutex_unlock(&t->lock);
	return err;
}

/* Caller holds t->lock. A new node with the next version is the file's from now on. */
static struct node *next_version(struct tree *t, unsigned file)
{
	struct node *old = &t->nodes[t->current[file]];
	old->retired = true;
	t->current[file] = new_node(t, file, old->version + 1);
	return &t->nodes[t->current[file]];
}

int tree_touch(struct tree *t, uint64_t node, const struct tree_caller *who,
               struct tree_name ret[TREE_NAMES])
{
	if (node < NODE_FILES || !tree_is_owner(t, who->uid))
		return -EPERM;

	const struct timespec touch = { .tv_nsec = 1000000L * t->config.touch_ms };
	(void)nanosleep(&touch, NULL);
	pthread_mutex_lock(&t->lock);
	unsigned file = t->nodes[node].file;
	next_version(t, file)->ready = true;
	pthread_mutex_unlock(&t->lock);
	*ret = (struct tree_name){ .parent = TREE_ROOT };
	(void)snprintf(ret->name, sizeof(ret->name), "f%04u", file);
	return 0;
}

void fake_replace(struct tree *t, unsigned file)
{
	pthread_mutex_lock(&t->lock);
	(void)next_version(t, file);
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

void fake_free(struct tree *t)
{
	worker_free(t->jobs);
	fake_free_handles(t);
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

int tree_dirent(struct tree *t, const struct tree_handle *h, size_t index,
                char ret_name[TREE_NAME_BYTES], struct stat *ret_ino_and_type)
{
	double ttl_s;
	uint64_t id;

	pthread_mutex_lock(&t->lock);
	int err = entry_at(t, h, index, ret_name, &id);
	if (err == 0)
		fill_attr(t, id, ret_ino_and_type, &ttl_s);
	pthread_mutex_unlock(&t->lock);
	return err;
}

int tree_dirent_lookup(struct tree *t, const struct tree_handle *h, size_t index,
                       char ret_name[TREE_NAME_BYTES], struct tree_entry *ret)
{
	uint64_t id;

	pthread_mutex_lock(&t->lock);
	int err = entry_at(t, h, index, ret_name, &id);
	if (err == 0) {
		*ret = (struct tree_entry){ .node = id };
		fill_attr(t, id, &ret->attr, &ret->attr_ttl_s);
		ret->entry_ttl_s = name_ttl_s(t, id);
		count_lookup(t, id);
	}
	pthread_mutex_unlock(&t->lock);
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

size_t tree_read_events(struct tree *t, struct tree_handle *h, uint64_t at, char *out, size_t size)
{
	(void)t, (void)h, (void)at, (void)out, (void)size;
	return 0; /* it has no such file */
}

bool tree_has_events(struct tree *t, const struct tree_handle *h)
{
	(void)t, (void)h;
	return false;
}

bool tree_is_audited(const struct tree *t)
{
	(void)t;
	return false;
}

bool tree_wants_program(const struct tree *t)
{
	(void)t;
	return false;
}

int tree_refresh(struct tree *t, const char *path, struct buf *out,
                 struct tree_name ret[TREE_NAMES])
{
	(void)t, (void)path, (void)out, (void)ret;
	return -ENOENT;
}

int tree_forget_files(struct tree *t, const char *path, struct buf *out)
{
	(void)t, (void)path, (void)out;
	return -ENOENT;
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
