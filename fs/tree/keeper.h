/* keeper.h: what only this room knows, written to small files in the state folder, behind.
 *
 * Mounts share the files, so each is read, changed and written anew with the state locked, by one
 * errand at a time. What cannot be written is told in the log and is not tried again: all of it is
 * a comfort. */
#ifndef QXFS_TREE_KEEPER_H
#define QXFS_TREE_KEEPER_H

#include "house.h"

struct keeper;

/* What is to be written. Belongs to the keeper once it was handed over. */
struct note {
	struct note *next;
	/* Disk worker; the state is locked, nothing else is. 0 or a negative errno. */
	int (*write)(struct tree *t, const struct note *n);
	const char *what; /* for the log: "a name below dates/" */
	int kind;         /* what `write` makes of these */
	char arg[ARG_MAX_BYTES];
};

int keeper_new(struct tree *t, struct keeper **ret);
/* After the room of jobs; what waited for another mount is tried once more. NULL is fine. */
void keeper_free(struct keeper *k);

/* A note about `arg`, zeroed otherwise; NULL: no memory. */
struct note *note_new(const char *arg);
/* Takes the note; NULL is fine. Takes tree.lock. */
void keep(struct tree *t, struct note *n);
/* Calls `fn` for each note that is not written yet. Takes tree.lock, and holds it meanwhile. */
void keeper_each(struct tree *t, void (*fn)(void *arg, const struct note *n), void *arg);

#endif
