/* shown.h: lists as the tree shows them, and what stands in the holes of paths.
 * Guards: tree.lock where it says so; functions that take it are called without. */
#ifndef QXFS_TREE_SHOWN_H
#define QXFS_TREE_SHOWN_H

#include <stdatomic.h>

#include <qxfs/jobs/jobs.h>

#include "nodes.h"

struct tree;
struct place;
struct reserved;

/* Which folders choose an item. */
enum choice { CHOICE_ACTIVE = 1 << 0, CHOICE_MINE = 1 << 1, CHOICE_RECENT = 1 << 2 };

/* A list with its names; immutable, refcounted. */
struct catalog {
	atomic_int refs;
	uint64_t version;  /* its own among all catalogs of the mount; set with tree.lock held */
	struct list *told; /* by the service */
	struct list *list; /* the same, with what was found besides */
	char **names;      /* of items, same order */
	size_t *by_name;   /* indexes, sorted by name */
	unsigned char *choices; /* of items, same order */
	int64_t newest_s;       /* the last moment that an item tells, 0: none does */
};

/* catalog.c. `told`: what `list` is made from. `user`: whose surveys are "mine". References both.
 * `kept`: who has had which name; NULL: names are not kept. */
int catalog_new(struct list *list, struct list *told, const char *user, struct reserved *kept,
                struct catalog **ret);
struct catalog *catalog_ref(struct catalog *c);
void catalog_unref(struct catalog *c);
const char *catalog_name(const struct catalog *c, const struct list_item *item);
/* The item of that name; also "ANYTHING [ID]". NULL: none. */
const struct list_item *catalog_find_name(const struct catalog *c, const char *name);
bool catalog_has_choice(const struct catalog *c, const struct list_item *item, unsigned choice);

/* catalogs.c: which catalog is the present one. `of`: "" or the object the list belongs to. */
/* With a reference; NULL: never fetched. Takes tree.lock; an object's may be read from the disk. */
struct catalog *tree_catalog(struct tree *t, enum list_id id, const char *of);
/* The same without the disk, borrowed; tree.lock held. */
struct catalog *catalog_now(struct tree *t, enum list_id id, const char *of);
/* Puts a list that the service has told in place, with what was found by name. Any thread; takes
 * catalog_lock and tree.lock; catalog_set is called with the former held. */
int catalog_set(struct tree *t, struct list *list);
int tree_set_list(struct tree *t, struct list *list);
/* The last refresh failed: it is not tried again for a while. Takes tree.lock. */
void tree_list_failed(struct tree *t, enum list_id id, const char *of);
bool tree_list_is_fresh(struct tree *t, const struct catalog *c);

/* found.c */
/* `list` with what was found besides; *ret untouched: nothing to add. Reads a small local file.
 * -ENOMEM. catalog_lock held. */
int found_add(struct tree *t, struct list *list, struct list **ret);
void tree_absent(struct tree *t, const char *id);
bool tree_is_absent(struct tree *t, const char *id);
void tree_forget_found(struct tree *t);
/* jobs' event. */
void tree_seen(void *arg, const struct survey_seen *seen);

/* holes.c */
/* What `name` stands for in the hole of `row`, below a folder with dir_arg: appended to `arg`.
 * -ENOENT, with words in `why` if it is not NULL. Takes tree.lock. */
int hole_resolve(struct tree *t, const struct node_row *row, const char *dir_arg, const char *name,
                 char arg[ARG_MAX_BYTES], struct qx_fail *why);
/* Nobody has confirmed that it exists: tree.lock held. */
bool is_tentative(struct tree *t, const struct node_row *row, const char *arg);
/* Component `i` of the argument is shown by its list. tree.lock held. */
bool part_is_shown(struct tree *t, const struct node_row *row, const char *arg, int i);
/* Whether such a name is right: 0, or -ENOENT, -ENOMEM with words. */
int hole_check(struct tree *t, enum hole hole, const char *name, struct qx_fail *why);
/* The list that names component `i` of a row's argument; LIST_NONE: it is an id, or a request. */
enum hole hole_of_part(const struct node_row *row, int i);
enum list_id hole_list(enum hole hole);
/* What stands in it may name people: not for logs. */
bool hole_is_personal(enum hole hole);
/* A request that is listed once it was used: used.h. */
bool hole_is_kept(enum hole hole);
/* The items of a catalog that a folder with this hole shows. */
bool hole_shows(const struct tree *t, enum hole hole, const struct catalog *c,
                const struct list_item *item);
/* Component, and name in the folder, of an item. */
const char *hole_part(enum hole hole, const struct catalog *c, const struct list_item *item);
const char *hole_name(enum hole hole, const struct catalog *c, const struct list_item *item);

/* By -o hide=. links.c */
bool row_is_hidden(const struct tree *t, const struct node_row *row);
/* When the freshness of the place's generation, which it has, ends or has ended: calendar; of what
 * lies in now/. attrs.c, with tree.lock held */
int64_t fresh_until_s(const struct tree *t, const struct place *p);
int64_t now_until_s(int64_t whole_s);
/* When all of an export was published last: what is new may have been appended since. */
int64_t whole_since_s(const struct generation *gen);

/* attrs.c: call with tree.lock held */
/* What has just been fetched or checked is what the place has now. */
void place_take(struct tree *t, struct place *p, struct generation *gen, int64_t until_s);
/* What a file shows, or would show if it were looked at now: then nobody has seen it. */
int64_t shown_mtime(struct tree *t, const struct node_row *row, const char *arg, bool *ret_unseen);

#endif
