/* nodes.h: the node table: what exists, a row each. A new file is a row in nodes.c.
 *
 * A row's path has at most one {…} in each component; what stands for it is the node's argument
 * ("SV_x"), handed down to all rows beneath. A `place` is a row with its argument.
 * Threads: constant after nodes_init(); any. */
#ifndef QXFS_TREE_NODES_H
#define QXFS_TREE_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include <qxfs/api/endpoints.h>
#include <qxfs/base/buf.h>
#include <qxfs/jobs/lists.h>

struct tree;

enum row_id {
	ROW_ROOT,
	ROW_README,
	ROW_STATUS,
	ROW_WHOAMI,
	ROW_SURVEYS,
	ROW_SURVEYS_INDEX,
	ROW_BY_NAME,
	ROW_BY_NAME_LINK,
	ROW_SURVEY,
	ROW_SURVEY_STATUS,
	ROW_SURVEY_JSON,
	ROW_RESPONSES_CSV,
	ROW_QXFS,
	ROW_QXFS_STATUS,
	ROW_QXFS_JOBS,
	ROW_QXFS_ERRORS,
	ROWS_
};

enum node_kind {
	NODE_DIR,
	NODE_LINK,
	NODE_TEXT, /* made here from tables, never a request */
	NODE_DATA  /* a generation: an export or a document */
};

enum row_flag {
	ROW_OWNER_ONLY = 1 << 0,
	ROW_UNLISTED = 1 << 1 /* found by name only */
};

/* Appends the text; returns the moment of its last change (calendar seconds). */
typedef int64_t text_fn(struct tree *t, const char *arg, struct buf *out);
text_fn text_readme, text_surveys_index;                                           /* readme.c */
text_fn text_status, text_survey_status, text_status_json, text_jobs, text_errors; /* status.c */

/* Where the content comes from. One of: */
struct source {
	bool listed; /* DIR: its {…} children are this list's elements */
	enum list_id list;
	text_fn *text;    /* TEXT */
	bool is_document; /* DATA: the `result` of this GET */
	enum endpoint document;
	const char *export_body; /* DATA: a response export with these parameters */
	double cell_bytes;       /* over-estimate of a cell, for the size before it is known */
};

struct node_row {
	const char *path;
	enum node_kind kind;
	struct source source;
	unsigned flags;
	const char *doc;

	/* set by nodes_init() */
	enum row_id id, parent;
	const char *name; /* last component of the path */
	bool is_pattern;  /* the name is a {…} */
};

void nodes_init(void); /* once, before the first thread that asks */
const struct node_row *node_row(enum row_id id);
/* The child row of that very name, or NULL; patterns do not count. */
const struct node_row *node_child(const struct node_row *dir, const char *name);
/* The child row that is a pattern, or NULL. */
const struct node_row *node_pattern(const struct node_row *dir);
/* The path of a place, without the leading slash: "surveys/SV_x/responses.csv". */
void node_subject(const struct node_row *row, const char *arg, struct buf *out);

/* A survey's id as the service makes them (API.md 5.1: SV_ and 11 to 15 letters and digits,
 * secondary: a few more are let through, and the service is asked). */
bool survey_id_is_well_formed(const char *text);

#endif
