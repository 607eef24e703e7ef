/* shapes.h: in which form the elements of a list's pages are given: a row each in shapes.c.
 * Constant; any thread. */
#ifndef QXFS_JOBS_SHAPES_H
#define QXFS_JOBS_SHAPES_H

enum shape {
	SHAPE_NDJSON,        /* an element on each line */
	SHAPE_JSON,          /* an array of them */
	SHAPE_CONTACTS,      /* CSV: a directory's contacts */
	SHAPE_FOUND,         /* CSV: contacts that a search has found */
	SHAPE_MEMBERS,       /* CSV: a mailing list's contacts */
	SHAPE_OLD_MEMBERS,   /* CSV: those of a list without XM Directory */
	SHAPE_DISTRIBUTIONS, /* CSV: distributions of a survey */
	SHAPE_LINKS,         /* CSV: the personal links of a distribution */
	SHAPE_HISTORY,       /* CSV: what became of each of its messages */
	SHAPES_
};

#endif
