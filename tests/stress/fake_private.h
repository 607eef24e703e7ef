/* fake_private.h: what the two halves of the fake tree share. */
#ifndef QXFS_TESTS_FAKE_PRIVATE_H
#define QXFS_TESTS_FAKE_PRIVATE_H

#include <pthread.h>

#include "fake_tree.h"
#include <qxfs/base/worker.h>

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

/* fake_tree.c: the caller holds t->lock. */
struct node *fake_node(struct tree *t, uint64_t id);

/* fake_opens.c */
void fake_free_handles(struct tree *t);

#endif
