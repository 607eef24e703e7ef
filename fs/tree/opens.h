/* opens.h: what opens.c and waits.c share. */
#ifndef QXFS_TREE_OPENS_H
#define QXFS_TREE_OPENS_H

#include "house.h"

/* Opens the data of a ready node that the caller has pinned. -ENOENT: it was evicted. */
int open_data(struct tree *t, struct node *n, struct generation *gen, bool refilled,
              struct tree_handle **ret);
/* Lists a folder whose node the caller has pinned. */
int open_folder(struct tree *t, struct node *n, struct tree_handle **ret);
/* The list that a folder shows is there and fresh. Takes tree.lock. */
bool listing_is_there(struct tree *t, const struct node_row *row, const char *arg);
/* Gives a node its generation. tree.lock held. */
void fill(struct node *n, struct generation *gen);

#endif
