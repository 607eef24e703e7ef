/* waits.h: an operation that waits for a handle: what waits.c and doubts.c share. The jobs
 * thread's, but for what says otherwise. */
#ifndef QXFS_TREE_WAITS_H
#define QXFS_TREE_WAITS_H

#include "contents.h"
#include "house.h"
#include "long_waits.h"

#define ARG_DEPTH 2 /* components of an argument */

struct op {
	struct op *next; /* guarded by tree.lock */
	struct tree *tree;
	enum tree_verb verb;
	struct node *node; /* pinned */
	int64_t until_s;   /* calendar: the content's name means another request then; 0: never */
	bool again;        /* what filled it could not be opened: asked for once more */
	bool looking;      /* a folder that is known asks what has changed in it: */
	unsigned due;      /* these */
	int64_t look_until_ms;
	enum row_id looked; /* the document that was asked for last, of op->of */
	bool posted;        /* guarded by tree.lock: jobs/ has the want */
	bool cancelled;     /* guarded by tree.lock: before that */
	tree_done_fn *done;
	void *done_arg;
	enum { OP_BEGINS, OP_WANTS_DOCUMENT, OP_WANTS_LIST, OP_WANTS_CONTENT } step;
	struct tree_caller who;
	struct long_wait *wait;     /* NULL: not to be told */
	struct want want;           /* of a survey or of the content */
	struct list_want list_want; /* of a list */
	bool asked[ARG_DEPTH + 1];  /* what has been asked for already: of each component, itself */
	int asking;                 /* which of them now */
	int64_t deadline_ms;        /* 0: none */
	struct content content;
	const struct node_row *row; /* of the node */
	char arg[ARG_MAX_BYTES];    /* of the node */
	char of[ARG_MAX_BYTES];     /* what the wanted list belongs to */
};

/* pay.c: 0; -EDQUOT, and the reason is told; looks at the disk */
int op_pay(struct op *op);

/* doubts.c: take tree.lock */
/* The next component, from the top, that nobody has confirmed and nobody was asked about; the
 * number of components if none is left. */
int op_next_doubt(struct op *op);
/* After everything was asked for: a name that its list does not show is none. */
bool op_is_known_missing(struct op *op);
/* The list of the account has just been asked for it. */
void op_remember_missing(struct op *op);
/* The survey does not exist: who asked for something of it need not ask again at once. */
void op_remember_absent(struct op *op);
/* Its open has failed so: if open_wait= did it, qxfs why shall say so. */
void op_remember_gave_up(struct op *op, const struct qx_fail *fail);

#endif
