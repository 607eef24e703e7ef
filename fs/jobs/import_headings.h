/* import_headings.h: the heading rows of a table of responses (API.md 3.4, 4.1): three, of which
 * the third holds the ImportIds, or one of export tags. Memory: the headings. */
#ifndef QXFS_JOBS_IMPORT_HEADINGS_H
#define QXFS_JOBS_IMPORT_HEADINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/base/buf.h>

#define RESPONSE_COLUMNS_MAX 20000

struct headings {
	struct buf tags, ids; /* of the first and the third row, each with a NUL behind it */
	size_t n_tags, n_ids;
	bool has_ids; /* a cell of the third row holds an ImportId */
};

void headings_add_tag(struct headings *h, const char *text, size_t len);
void headings_add_id(struct headings *h, const char *text, size_t len);
void headings_done(struct headings *h);

struct headings_fault {
	size_t column;        /* from 1; 0: of the whole */
	char tag[80], id[80]; /* of that column, for people */
	const char *why, *next;
};
/* Whether they make sense, and fit the columns of a survey: ImportIds and tags, NULL at the end;
 * NULL: not compared. -ENOMEM; 0: *fault says, if `why` is not NULL. */
int headings_check(const struct headings *h, const char *const *columns,
                   struct headings_fault *fault);

#endif
