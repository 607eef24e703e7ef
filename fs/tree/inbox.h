/* inbox.h: import folders in the tree: their rows, and the entries that lie in them.
 *
 * Each folder whose row has ROW_IMPORTS gets a block of rows: import/, send/, done/, check/ and
 * what is in them. An entry's argument ends in its id in the journal, so that its node stays
 * through moves; its names are the journal's. Whatever lies here may change at any moment: the
 * kernel keeps neither names nor attributes.
 *
 * Threads: functions that only read the journal from any, FUSE workers too; those that change it
 * from disk workers. All are called without tree.lock. */
#ifndef QXFS_TREE_INBOX_H
#define QXFS_TREE_INBOX_H

#include <limits.h>

#include <qxfs/jobs/drops.h>

#include "house.h"

/* What lies in a folder now, in the order of names: an array that the caller frees. */
struct inbox_item {
	const struct node_row *row;
	int64_t id;
	char name[NAME_MAX + 1];
};
int inbox_list(struct tree *t, const struct node_row *dir, const char *arg, struct inbox_item **ret,
               size_t *ret_n);
int64_t inbox_entry_id(const char *arg); /* -1: none */
bool inbox_is_entry(const struct node_row *row);
bool inbox_is_rejected(const struct node_row *row);
/* The folder of a row and its argument, as the journal names it. -EINVAL: it is no import folder.
 */
int inbox_folder(const struct node_row *dir, const char *arg, struct drop_folder *ret);
/* The argument of an entry of a folder, and its row too. -ENAMETOOLONG */
int inbox_entry_arg(const char *dir_arg, int64_t id, char arg[ARG_MAX_BYTES]);
int inbox_entry_place(const struct node_row *dir, const char *dir_arg, int64_t id,
                      const struct node_row **ret_row, char arg[ARG_MAX_BYTES]);
/* What waits, is held or has failed below a path of the mount, for STATUS.txt; the same for
 * programs: `"imports":{…}`. Returns the moment of the last change. reports.c */
int64_t inbox_status(struct tree *t, const char *prefix, struct buf *out);
void inbox_put_status(struct tree *t, struct buf *out);
/* One entry, for `qxfs why`: its state's word. */
const char *inbox_say(struct tree *t, const char *arg, struct buf *text);

/* A handle for reading or writing; open_text and open_data for the rest. */
int inbox_open(struct tree *t, struct node *n, int flags, const struct tree_caller *who,
               struct tree_handle **ret);

/* why.c: a path of the mount, resolved as lookups do, through links too; words in `why`. */
struct spot {
	const struct node_row *row;
	char arg[ARG_MAX_BYTES];
	bool tentative;
};
int spot_find(struct tree *t, const char *path, struct spot *spot, struct qx_fail *why);

/* inbox_setup.c */
int inbox_begin(struct tree *t);
void inbox_end(struct tree *t); /* before jobs_free */

#endif
