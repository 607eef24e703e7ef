/* house.h: what the files of this room share.
 *
 * A place is a row with its argument, and lives as long as a node of it does or something is known
 * of it. A node is what the kernel knows: one generation of a data file, one version of a text, a
 * folder.
 *
 *   place ──current──► node (ready)     served by lookups while it is fresh
 *         └─pending──► node (pending)   served by lookups afterwards, until it is filled
 *
 * Guards: everything below is guarded by tree.lock (rank 1) unless it says otherwise. Under it only
 * memory is touched; files, boards and callbacks come before or after. */
#ifndef QXFS_TREE_HOUSE_H
#define QXFS_TREE_HOUSE_H

#include <pthread.h>

#include <qxfs/jobs/jobs.h>
#include <qxfs/tree/config.h>
#include <qxfs/tree/tree.h>

#include "nodes.h"

#define ARG_MAX_BYTES 160

/* A version of a text; immutable, refcounted. */
struct text {
	atomic_int refs;
	size_t len;
	int64_t mtime_s;
	char bytes[];
};

struct place {
	struct place *next; /* in its hash chain */
	const struct node_row *row;
	char *arg;
	uint64_t ino;
	struct node *current, *pending;
	unsigned nodes; /* that exist */

	/* data */
	struct generation *gen; /* the newest known */
	int64_t touched_ms;     /* not fresh whatever the clock says, until a fill that was wanted
	                           after this moment; 0: not touched */
	bool stale;             /* served unchecked: the account was unreachable */
	int64_t retry_ms;       /* served stale until then */

	/* texts */
	int64_t rendered_ms;

	/* a survey's folder: what its last GET said */
	bool seen;
	int64_t seen_ms, responses, columns;
	int64_t looked_s; /* calendar: a listing of it asked whether its files are current */
};

struct node {
	struct node *next; /* in its hash chain */
	uint64_t id;
	struct place *place;
	uint64_t lookups;
	unsigned pins;  /* handles and operations */
	bool ready;     /* data: filled */
	bool refilled;  /* data: its bytes were evicted and came again: the kernel may hold an old
	                   size */
	bool tentative; /* a folder that nobody has confirmed */
	struct generation *gen; /* data, ready */
	struct text *text;
	int64_t mtime_s;   /* data: fixed when the node was made */
	uint64_t estimate; /* data, pending */
};

struct table {
	void **chains;
	size_t n_chains, n; /* n_chains: a power of two */
};

/* The list of surveys with their names; immutable, refcounted. */
struct catalog {
	atomic_int refs;
	struct list *list;
	char **names;    /* of items, same order */
	size_t *by_name; /* indexes, sorted by name */
};

struct op;

struct tree {
	struct tree_config config;    /* immutable */
	struct jobs *jobs;            /* immutable */
	int64_t born_s;               /* immutable */
	pthread_mutex_t catalog_lock; /* rank 1, before `lock`: one thread makes a catalog */
	pthread_mutex_t lock;
	struct table places, nodes;
	uint64_t next_id;
	struct catalog *catalog;
	struct found *found;   /* ids found by name, not in the list; guarded by catalog_lock */
	struct absent *absent; /* ids the service did not know, for a minute */
	struct op *ops;
	bool stopping;
	int64_t list_retry_ms; /* a refresh of the list failed: the old one does until then */
	pthread_cond_t no_ops;
};

/* A handle with what it holds. */
struct handle {
	struct tree_handle pub; /* first */
	struct node *node;
	struct text *text;
	struct generation *gen;
	struct listing *listing;
};

/* catalog.c */
int catalog_new(struct list *list, struct catalog **ret); /* takes a reference of the list */
struct catalog *catalog_ref(struct catalog *c);
void catalog_unref(struct catalog *c);
const char *catalog_name(const struct catalog *c, const struct list_item *item);
/* The survey of that name; also "ANYTHING [SV_x]". NULL: none. */
const struct list_item *catalog_find_name(const struct catalog *c, const char *name);
/* The present catalog with a reference; NULL before the first list. Takes tree.lock. */
struct catalog *tree_catalog(struct tree *t);
/* Puts a new list in place, with what was found by name. Any thread; takes tree.lock. */
int tree_set_list(struct tree *t, struct list *list);
/* An id that no list shows exists after all, or does not. Takes tree.lock. */
void tree_found(struct tree *t, const struct survey_seen *seen);
void tree_absent(struct tree *t, const char *id);
bool tree_is_absent(struct tree *t, const char *id);
void tree_forget_found(struct tree *t);
/* jobs' event. */
void tree_seen(void *arg, const struct survey_seen *seen);

/* tree.c: call with tree.lock held */
struct node *node_find(struct tree *t, uint64_t id);
struct place *place_find(struct tree *t, const struct node_row *row, const char *arg);
struct place *place_get(struct tree *t, const struct node_row *row, const char *arg);
void place_release(struct tree *t, struct place *p); /* frees it if nothing is known of it */
struct node *node_new(struct tree *t, struct place *p);
/* Gives a data node its generation and, unless that is served unchecked, its time: the one the node
 * has shown, for who made or checked the generation was told it; or what another mount has shown.
 */
void node_fill(struct node *n, struct generation *gen);
void node_release(struct tree *t, struct node *n); /* frees it if nobody holds it */
/* tree.c: call without it */
/* The child `name` of a folder: -ENOENT. *ret_tentative: nobody has confirmed it. */
int resolve(struct tree *t, const struct node_row *dir, const char *dir_arg, const char *name,
            const struct node_row **ret_row, char arg[ARG_MAX_BYTES], bool *ret_tentative);
/* A node of that place for the kernel, one lookup more. */
int present(struct tree *t, const struct node_row *row, const char *arg, bool tentative,
            struct tree_entry *ret);
/* Another mount may have published; a forgotten place may have a file. One look at the disk. */
struct generation *look_on_disk(struct tree *t, const struct node_row *row, const char *arg);
void tree_key(struct tree *t, const struct node_row *row, const char *arg, struct buf *out);
void text_unref(struct text *text);

/* checks.c: call without it */
/* Does a survey's folder hold an expired file, and should its listing ask about it? Says yes once
 * in each freshness. */
bool folder_must_ask(struct tree *t, const char *id);
/* What the GET of a survey means for its exports: those that it finds unchanged are fresh again. */
void renew_exports(struct tree *t, const struct survey_seen *seen);

/* attrs.c: call with tree.lock held */
void node_attr(const struct tree *t, const struct node *n, struct stat *ret);
void row_attr(const struct tree *t, const struct node_row *row, uint64_t ino, struct stat *ret);
double node_attr_ttl(const struct tree *t, const struct node *n);
double node_entry_ttl(const struct tree *t, const struct node *n);
bool place_is_fresh(const struct tree *t, const struct place *p);
int64_t pending_mtime(struct tree *t, const struct place *p);
/* Both kinds of response are exported. -1: the service did not say. */
int64_t counted_responses(const int64_t counts[FACTS_COUNTS]);
uint64_t pending_estimate(struct tree *t, const struct place *p);
uint64_t row_ino(const struct tree *t, const struct node_row *row, const char *arg);

/* listing.c */
int listing_new(struct tree *t, const struct node_row *dir, const char *arg, struct listing **ret);
void listing_free(struct listing *l);

/* opens.c: the caller has pinned the node */
bool list_is_fresh(struct tree *t, const struct catalog *c);
/* A handle of a ready node's data. -ENOENT: it was evicted, or is damaged: lose_data() then. */
int open_data(struct tree *t, struct node *n, struct generation *gen, bool refilled,
              struct tree_handle **ret);
int open_folder(struct tree *t, struct node *n, struct tree_handle **ret);
/* The data is gone: the node is pending again. */
void lose_data(struct tree *t, struct node *n, struct generation *gen);

#endif
