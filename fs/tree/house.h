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
	unsigned users; /* operations in flight */

	/* data */
	struct generation *gen; /* the newest known */
	bool expired;           /* touched: not fresh whatever the clock says */
	bool full;              /* touched: the next fill asks for no comparison */
	unsigned touches;       /* so that a fill that began before one does not hide it */
	bool stale;             /* served unchecked: the account was unreachable */
	int64_t retry_s;        /* served stale until then: calendar */

	/* texts */
	int64_t rendered_ms;

	/* a survey's folder: what its last GET said */
	bool seen;
	int64_t seen_s, responses, columns;
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

	/* a folder: what the kernel may keep of its listing */
	unsigned listings;     /* handles */
	bool mixed;            /* they list different versions */
	uint64_t kept_version; /* what the newest of them lists */
	int64_t kept_ms;       /* since when it is kept; 0: it is not */
};

struct table {
	void **chains;
	size_t n_chains, n; /* n_chains: a power of two */
};

/* The list of surveys with their names; immutable, refcounted. */
struct catalog {
	atomic_int refs;
	uint64_t version; /* 1 for the mount's first; set with tree.lock held */
	struct list *list;
	char **names;    /* of items, same order */
	size_t *by_name; /* indexes, sorted by name */
};

struct op;

struct tree {
	struct tree_config config; /* immutable */
	struct jobs *jobs;         /* immutable */
	int64_t born_s;            /* immutable */
	pthread_mutex_t lock;
	struct table places, nodes;
	uint64_t next_id;
	struct catalog *catalog;
	uint64_t catalogs;     /* how many there were */
	struct found *found;   /* ids found by name, not in the list */
	struct absent *absent; /* ids the service did not know, for a minute */
	struct op *ops;
	bool stopping;
	int64_t list_tried_s; /* the last refresh of the list that failed */
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
void node_release(struct tree *t, struct node *n); /* frees it if nobody holds it */
/* tree.c: call without it */
/* The child `name` of a folder: -ENOENT. *ret_tentative: nobody has confirmed it. */
int resolve(struct tree *t, const struct node_row *dir, const char *dir_arg, const char *name,
            const struct node_row **ret_row, char arg[ARG_MAX_BYTES], bool *ret_tentative);
/* A node of that place for the kernel, one lookup more. */
int present(struct tree *t, const struct node_row *row, const char *arg, bool tentative,
            struct tree_entry *ret);
void tree_key(struct tree *t, const struct node_row *row, const char *arg, struct buf *out);
void text_unref(struct text *text);

/* How long the kernel may keep a folder, its attributes, its listing. */
#define FOLDER_TTL_S 60

/* attrs.c: call with tree.lock held */
void node_attr(const struct tree *t, const struct node *n, struct stat *ret);
void row_attr(const struct tree *t, const struct node_row *row, uint64_t ino, struct stat *ret);
double node_attr_ttl(const struct tree *t, const struct node *n);
double node_entry_ttl(const struct tree *t, const struct node *n);
bool place_is_fresh(const struct tree *t, const struct place *p);
int64_t pending_mtime(struct tree *t, const struct place *p);
uint64_t pending_estimate(struct tree *t, const struct place *p);
uint64_t row_ino(const struct tree *t, const struct node_row *row, const char *arg);

/* listing.c */
int listing_new(struct tree *t, const struct node_row *dir, const char *arg, struct listing **ret);
void listing_free(struct listing *l);
/* A handle on a listing of this node begins: what the kernel may keep of it, what it has kept.
 * Ends with listing_closed. Both with tree.lock held. */
void listing_opened(struct node *n, const struct listing *l, struct tree_handle *h);
void listing_closed(struct node *n);

/* opens.c */
bool list_is_fresh(struct tree *t, const struct catalog *c);

#endif
