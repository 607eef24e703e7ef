/* listing.h: an open folder: its names as they were when it was opened. */
#ifndef QXFS_TREE_LISTING_H
#define QXFS_TREE_LISTING_H

#include <qxfs/jobs/streams.h>

#include "house.h"

/* A handle with what it holds. */
struct handle {
	struct tree_handle pub;         /* first */
	struct handle *previous, *next; /* of the tree's open ones */
	struct node *node;
	struct text *text;
	struct generation *gen;
	struct spill *live; /* whose fd it reads */
	struct listing *listing;
	struct drop_handle *drop; /* of an import folder's file */
	/* of .qxfs/events: a place in it is `skipped` behind the offset that the reader gives, for
	   lines that went before it came; up to `seen` it was read */
	_Atomic uint64_t skipped, seen;
};

struct listing {
	const struct node_row *dir;
	const struct node_row **fixed; /* rows of the table */
	size_t n_fixed;
	const struct node_row *pattern; /* the rest: an element of the catalog each; NULL: none */
	struct catalog *catalog;        /* held; NULL: its names are its components */
	size_t *chosen;                 /* indexes of its items; NULL: all of them */
	size_t n_items;
	struct inbox_item *inbox; /* what lies in an import folder; then n_items of these */
	char **names;             /* where there is no catalog and no stream: n_items of them */
	uint64_t version;         /* of what is listed: equal only if all names are */
	struct stream *stream;    /* instead of a catalog; NULL */
	char arg[ARG_MAX_BYTES];
	uint64_t parent_ino;
};

int listing_new(struct tree *t, const struct node_row *dir, const char *arg, struct listing **ret);
void listing_free(struct listing *l);

/* A handle on a listing of this node begins: what the kernel may keep of it, what it has kept.
 * Ends with listing_closed. Both with tree.lock held. */
void listing_opened(struct node *n, const struct listing *l, struct tree_handle *h);
void listing_closed(struct node *n);

#endif
