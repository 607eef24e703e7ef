/* nodes.h: the node table: what exists, a row each. A new file is a row in nodes.c, a new form of
 * the responses one in forms.c.
 *
 * A row's path has at most one hole in each component: "{survey}", "{response}.json". What stands
 * in the holes is the node's argument, its components joined by '/': "SV_x", "SV_x/NAME"; it is
 * handed down to all rows beneath. A `place` is a row with its argument.
 *
 * A row with ROW_DEEP stands for paths of any length: its hole takes all components, and its
 * folders hold what stands beside them in the table. Patterns of one folder differ in their
 * suffixes.
 *
 * The forms of the responses exist in several folders: for each folder with FOLDER_FORMS and each
 * form, nodes_init() adds a row.
 * Threads: constant after nodes_init(); any. */
#ifndef QXFS_TREE_NODES_H
#define QXFS_TREE_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include <qxfs/api/endpoints.h>
#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>
#include <qxfs/jobs/lists.h>
#include <qxfs/jobs/render.h>
#include <qxfs/jobs/shapes.h>

#include "forms.h"
#include "rows.h"

struct tree;

#define ARG_MAX_BYTES 512 /* of an argument: an id and a name, with the NUL */

enum node_kind {
	NODE_DIR,
	NODE_LINK,
	NODE_SPOOL, /* a file in an import folder */
	NODE_TEXT,  /* made here from tables, never a request */
	NODE_DATA,  /* a generation: an export or a document */
	NODE_LIVE,  /* fetched anew by each open, which alone can read it */
	NODE_EVENTS /* what happened: grows under its readers, and can be polled */
};

enum row_flag {
	ROW_OWNER_ONLY = 1 << 0,
	ROW_UNLISTED = 1 << 1,   /* found by name only */
	ROW_FORMS = 1 << 2,      /* a folder that holds the responses in all their forms */
	ROW_XM_ONLY = 1 << 3,    /* not of mailing lists without XM Directory */
	ROW_DEEP = 1 << 4,       /* its hole takes components without end */
	ROW_OPTION_API = 1 << 5, /* only with -o api */
	ROW_IMPORTS = 1 << 6     /* a folder with import/ and check/ in it */
};

/* What may stand in a hole, and how it is known: a row each in holes.c. */
enum hole {
	HOLE_NONE,
	HOLE_SURVEY,
	HOLE_SURVEY_NAME,
	HOLE_ACTIVE,
	HOLE_MINE,
	HOLE_RECENT,
	HOLE_EXCEL,
	HOLE_FILTER,
	HOLE_RESPONSE,
	HOLE_DISTRIBUTION,
	HOLE_DIRECTORY,
	HOLE_CONTACT,
	HOLE_MEMBER,
	HOLE_EMAIL,
	HOLE_SEARCH,
	HOLE_MAILINGLIST,
	HOLE_MAILINGLIST_NAME,
	HOLE_DATES,
	HOLE_WITH,
	HOLE_ENTRY,
	HOLE_API_FOLDER,
	HOLE_API_PATH,
	HOLES_
};

/* Appends the text; returns the moment of its last change (calendar seconds). */
typedef int64_t text_fn(struct tree *t, const char *arg, struct buf *out);
text_fn text_readme, text_mark, text_surveys_index, text_directory; /* readme.c */
text_fn text_status, text_survey_status, text_status_json, text_limits, text_jobs,
	text_errors;                             /* status.c */
text_fn text_report, text_result, text_template; /* reports.c */

enum source_kind {
	SOURCE_NONE,
	SOURCE_TEXT,
	SOURCE_DOCUMENT,
	SOURCE_PAGES,
	SOURCE_STREAM,
	SOURCE_FORM,
	SOURCE_DERIVED,
	SOURCE_PATH /* the argument is a path of the API */
};

/* Where the content comes from. */
struct source {
	enum source_kind kind;
	text_fn *text;      /* TEXT */
	enum endpoint ep;   /* DOCUMENT: the `result` of this GET; PAGES: all its elements; STREAM:
	                       what a folder lists, which may be millions */
	const char *args;   /* for the {} of the endpoint: components by number, "01"; 'd': the
	                       directory of the mailing list that component 0 is; NULL: all */
	const char *query;  /* NULL, or "format=qsf"; "{0}" stands for component 0 */
	bool verbatim;      /* DOCUMENT: its bytes as they came, not re-indented */
	enum shape shape;   /* PAGES; of a link: JSON, and what is found says where it leads */
	const char *member; /* STREAM: the id of an element … */
	bool (*is_id)(const char *text); /* … which looks so */
	/* of mailing lists without XM Directory: that instead, of component 0, without a query */
	enum endpoint old_ep; /* EP_WHOAMI: none */
	enum shape old_shape;
	const char *old_member;
	const char *made; /* DERIVED: as which row of the renderers'; NULL: as its own name */
	/* set by nodes_init() */
	const struct form *form;         /* FORM, or DERIVED: one of the responses' */
	const struct render_row *render; /* DERIVED: how it is made */
};

struct node_row {
	const char *path;
	enum node_kind kind;
	struct source source;
	unsigned flags;
	const char *doc;

	enum list_id list; /* DIR: its children stand for elements of this list */

	/* set by nodes_init() */
	enum row_id id, parent;
	const char *name;              /* last component of the path */
	enum hole hole;                /* of the name; HOLE_NONE: the name is the name */
	const char *suffix;            /* behind the hole */
	int parts;                     /* components of its argument */
	enum row_id first_child, next; /* ROW_ROOT: none */
	enum row_id forms;             /* ROW_FORMS: the first of them */
	enum row_id block; /* the first of an import folder's rows, for each of them and for
	                      the folder with ROW_IMPORTS */
	bool is_inbox;     /* DIR: import/, send/, done/ or check/ */
};

void nodes_init(void); /* once, before the first thread that asks */
enum row_id nodes_count(void);
const struct node_row *node_row(enum row_id id);
/* The row of a form in a folder that has ROW_FORMS. */
const struct node_row *node_form(enum row_id dir, enum form_id form);
/* The child row of that very name, or NULL; patterns do not count. */
const struct node_row *node_child(const struct node_row *dir, const char *name);
/* The first child row with a hole, or NULL; the one with the longest suffix that this name has. */
const struct node_row *node_pattern(const struct node_row *dir);
const struct node_row *node_pattern_of(const struct node_row *dir, const char *name);
/* The row whose children stand in this folder: itself, unless it is deep. */
const struct node_row *node_inside(const struct node_row *dir);
/* The folder above a place, whose argument becomes the folder's. */
const struct node_row *node_above(const struct node_row *row, char arg[ARG_MAX_BYTES]);
/* The row that a name in this row's place leads to: itself, or that of which it is another name. */
const struct node_row *node_target(const struct node_row *row);
/* The row that a derived one is made from, in its folder or above, and the argument of its place.
 */
const struct node_row *node_base(const struct node_row *row);
void node_base_arg(const struct node_row *row, const char *arg, char out[ARG_MAX_BYTES]);
/* The path of a place, without the leading slash: "surveys/SV_x/responses.csv". */
void node_subject(const struct node_row *row, const char *arg, struct buf *out);
/* Component i of an argument, NUL-terminated; false if it has none, or too long a one. */
bool arg_part(const char *arg, int i, char out[ARG_MAX_BYTES]);
/* One component more; false if it is empty or too long. `out` is not `arg`. */
bool arg_join(const char *arg, const char *part, char out[ARG_MAX_BYTES]);

#endif
