/* opens.h: what opens.c and waits.c share. */
#ifndef QXFS_TREE_OPENS_H
#define QXFS_TREE_OPENS_H

#include "house.h"

struct handle;
/* tree.lock held; NULL: no memory. */
struct handle *handle_new(struct tree *t, struct node *n);
/* One that reads a file, whose descriptor is the handle's then, and closed on failure; an fd that
 * is an error is handed on. Takes tree.lock. */
int handle_of_file(struct tree *t, struct node *n, int fd, uint64_t length, struct handle **ret);
/* The node stays until it is let go. Take tree.lock; NULL: there is none. */
struct node *node_pin(struct tree *t, uint64_t id);
void node_unpin(struct tree *t, struct node *n);

/* The caller has pinned the node. */
/* A handle of a ready node's data. -ENOENT: it was evicted, or is damaged: lose_data() then. */
int open_data(struct tree *t, struct node *n, struct generation *gen, bool refilled,
              struct tree_handle **ret);
/* What a job has just fetched for it. */
int open_live(struct tree *t, struct node *n, const struct want_result *result,
              struct tree_handle **ret);
/* happened.c: the lines of .qxfs/events. */
int open_events(struct tree *t, struct node *n, struct tree_handle **ret);
/* A link's target. `gen`: what was found for it, or NULL. As email_target. */
int open_link(struct tree *t, struct node *n, struct generation *gen, struct tree_handle **ret);
int open_folder(struct tree *t, struct node *n, struct tree_handle **ret);
/* The list that a folder shows is there and fresh. Takes tree.lock. */
bool listing_is_there(struct tree *t, const struct node_row *row, const char *arg);
/* entries.c: an entry whose page is not there. */
void entry_wait(struct tree *t, const struct tree_ask *ask, const struct tree_caller *who,
                tree_done_fn *done, void *arg);
void entry_cancel(struct tree *t, const void *arg); /* tree.lock held */
/* The data is gone: the node is pending again. Takes tree.lock. */
void lose_data(struct tree *t, struct node *n, struct generation *gen);

/* At the end of the mount: what a lazy unmount has left open. */
void close_handles(struct tree *t);

/* An open that was answered, for the audit; err: 0 or negative errno. Call without tree.lock. */
void tell_audit(struct tree *t, const struct node *n, const struct tree_caller *who, int err,
                const struct tree_handle *h);

#endif
