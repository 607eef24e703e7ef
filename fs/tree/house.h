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

#include <qxfs/tree/config.h>
#include <qxfs/tree/tree.h>

#include "contents.h"
#include "nodes.h"
#include "shown.h"

/* A version of a text; immutable, refcounted. */
struct text {
	atomic_int refs;
	size_t len;
	int64_t mtime_s;
	char bytes[];
};

/* A list's refresh failed: the old one does for a while. */
struct list_rest {
	int64_t until_ms; /* 0: it has not */
	bool away;        /* the network was: until it is there again */
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
	int64_t touched_ms;     /* not fresh until a fill that was wanted after it; 0 */
	bool outdated;          /* made from a base that has a newer generation */
	struct base_seen base;  /* that base; zeros: none */
	bool stale;             /* served unchecked: the account was unreachable */
	int64_t stale_ms;       /* since when */
	int64_t until_s;        /* calendar: then its name means another request; 0: never */
	int64_t gave_up_s;      /* calendar: open_wait= ended the last open of it that failed; 0 */

	int64_t rendered_ms; /* texts */

	/* a survey's folder: what its last GET said */
	bool seen;
	int64_t seen_ms, responses, columns;

	/* a folder that asks whether its files are current */
	int64_t looked_s; /* calendar: a listing asked for its documents */
	int64_t asked_s;  /* and for its exports; the survey's also for dates/ and with/ */
	int64_t bare_ms;  /* nothing of it is in the cache, as far as is known, until then */

	/* the folder of a list that belongs to an object */
	struct catalog *catalog; /* NULL: never fetched */
	bool loaded;             /* the disk was asked for it */
	struct list_rest rest;
	bool noted; /* a folder whose name is a request: that it was opened */
};

struct node {
	struct node *next; /* in its hash chain */
	uint64_t id;
	struct place *place;
	uint64_t lookups;
	unsigned pins;          /* handles and operations */
	bool ready;             /* data: filled */
	bool refilled;          /* data: evicted and made again: the kernel may hold an old size */
	struct generation *gen; /* data, ready */
	struct text *text;
	int64_t mtime_s;   /* data: fixed when the node was made */
	uint64_t estimate; /* data, pending; live: once opened, the longest that an open has got */

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

struct op;
struct entry_op;
struct handle;

struct tree {
	struct tree_config config;     /* immutable */
	struct zone *zone;             /* immutable: of days and of dates in workbooks */
	struct jobs *jobs;             /* immutable */
	struct drops *drops;           /* immutable; NULL: there is no journal */
	struct visitors *visitors;     /* immutable */
	struct audit *audit;           /* immutable; NULL: none */
	struct prefetch *prefetch;     /* immutable; NULL: none */
	struct long_waits *long_waits; /* immutable; NULL: none are told */
	struct imports *imports;       /* immutable; likewise, or the mount is read-only */
	int64_t born_s;                /* immutable */
	pthread_mutex_t catalog_lock;  /* rank 1, before `lock`: one thread makes a catalog */
	pthread_mutex_t lock;
	struct table places, nodes;
	uint64_t next_id;
	struct catalog *catalogs[LIST_N_]; /* of the account's lists */
	uint64_t versions;                 /* of catalogs: how many there were */
	struct found *found; /* ids found by name, not in the list; guarded by catalog_lock */
	struct reserved *reserved[LIST_N_]; /* names not in their file yet; catalog_lock */
	struct absent *absent;              /* ids the service did not know, for a minute */
	struct keeper *keeper;              /* immutable */
	struct op *ops;
	struct entry_op *entry_ops;
	struct handle *handles; /* open ones: a lazy unmount may never close them */
	bool stopping;
	struct list_rest rests[LIST_N_];
	pthread_cond_t no_ops;
};

/* tree.c: call with tree.lock held */
struct node *node_find(struct tree *t, uint64_t id);
struct place *place_find(struct tree *t, const struct node_row *row, const char *arg);
struct place *place_get(struct tree *t, const struct node_row *row, const char *arg);
/* That of what a derived one is made from; NULL: nothing is known of it. */
struct place *place_base(struct tree *t, const struct node_row *row, const char *arg);
void place_release(struct tree *t, struct place *p); /* frees it if nothing is known of it */
struct node *node_new(struct tree *t, struct place *p);
/* Gives a data node its generation and, unless that is served unchecked, its time: the one the node
 * has shown, as who made or checked it was told; or what another mount has shown. */
void node_fill(struct node *n, struct generation *gen);
void node_release(struct tree *t, struct node *n); /* frees it if nobody holds it */
/* What a touch of the place does. */
int place_touch(struct tree *t, struct place *p, struct tree_name ret[TREE_NAMES]);
/* tree.c: call without it */
/* The child `name` of a folder: -ENOENT, with words in `why` if it is not NULL. */
int resolve(struct tree *t, const struct node_row *dir, const char *dir_arg, const char *name,
            const struct node_row **ret_row, char arg[ARG_MAX_BYTES], struct qx_fail *why);
/* A node of that place for the kernel, one lookup more. */
int present(struct tree *t, const struct node_row *row, const char *arg, struct tree_entry *ret);
struct text *text_new(const struct buf *from, int64_t mtime_s); /* NULL: no memory; opens.c */
void text_unref(struct text *text);
/* The place of a node, copied: row and argument. -ENOENT */
int place_of(struct tree *t, uint64_t id, const struct node_row **ret_row, char arg[ARG_MAX_BYTES]);

#define FOLDER_TTL_S 60 /* the kernel may keep a folder, its attributes, its listing */

/* checks.c: something of that file's folder is in the cache; lock held. */
void folder_has_files(struct tree *t, const struct place *p);
/* attrs.c: call with tree.lock held */
void node_attr(struct tree *t, const struct node *n, struct stat *ret);
void row_attr(const struct tree *t, const struct node_row *row, uint64_t ino, struct stat *ret);
double node_attr_ttl(struct tree *t, const struct node *n);
double node_entry_ttl(struct tree *t, const struct node *n);
bool place_is_fresh(const struct tree *t, const struct place *p);
/* A search or a list that has found nothing. */
bool generation_is_empty_list(const struct generation *gen);
int64_t pending_mtime(struct tree *t, const struct place *p);
uint64_t pending_estimate(struct tree *t, const struct place *p);
uint64_t row_ino(const struct tree *t, const struct node_row *row, const char *arg);
uint64_t row_parent_ino(const struct tree *t, const struct node_row *row, const char *arg);

/* links.c: call with tree.lock held */
/* Where a link leads, relative to its folder. */
void link_target(struct tree *t, const struct node_row *row, const char *arg, struct buf *out);
/* The folder that it leads to; false: nowhere. */
bool link_follow(struct tree *t, const struct node_row **row, char arg[ARG_MAX_BYTES]);
/* Rows that are not in every folder of their kind. */
bool row_is_there(struct tree *t, const struct node_row *row, const char *arg);

/* emails.c: links whose target a search tells. Call without it; reads local files. */
/* What was found and is fresh, with a reference; NULL: somebody has to search. */
struct generation *email_found(struct tree *t, const struct node_row *row, const char *arg);
/* Appends where the link leads. -ENODATA: nobody has the address; -ENOENT: the generation's data is
 * gone; -ENOMEM, -EIO. */
int email_target(struct tree *t, const char *arg, struct generation *gen, struct buf *out);
/* As long as any, for the size that is shown; pure. */
void email_longest(const char *arg, struct buf *out);

/* inbox.c: call without tree.lock */
/* The child of an import folder: as resolve(). */
int inbox_resolve(struct tree *t, const struct node_row *dir, const char *dir_arg, const char *name,
                  const struct node_row **ret_row, char arg[ARG_MAX_BYTES], struct qx_fail *why);
/* Attributes of an entry or of its rejected rows. -ENOENT */
int inbox_stat(struct tree *t, const struct node_row *row, const char *arg, struct stat *ret);

#endif
