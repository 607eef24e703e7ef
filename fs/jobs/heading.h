/* heading.h: the first rows of a table: what its columns are. */
#ifndef QXFS_JOBS_HEADING_H
#define QXFS_JOBS_HEADING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/jobs/render.h>

struct column {
	char *tag;       /* first row: the export tag; tags repeat */
	char *text;      /* second: the question's text; "" in contacts */
	char *import_id; /* third, "" if it has none. Together with the choice it does not repeat */
	char *choice_id; /* "": none */
	char *zone;      /* what a date is in: "Z", "America/Denver"; "": no date */
	bool is_label;   /* the labels of the column before it */
	char *name;      /* unique, also where case makes no difference; never empty */
};

struct heading {
	struct column *columns;
	size_t count;
	uint64_t rows_at; /* where the first row behind the headings begins */
};

enum heading_kind {
	HEADING_RESPONSES, /* three rows, the third says the ImportIds */
	HEADING_CONTACTS,  /* one row */
};

/* -EBADMSG: not such a table; -EFBIG: over 100,000 columns or 32 MB of headings. */
int heading_read(const struct render_input *in, enum heading_kind kind, struct heading *ret);
/* The first one that came with this ImportId: an embedded field behind the service's own may be
 * named so. SIZE_MAX: there is none. */
size_t heading_column(const struct heading *h, const char *import_id);
void heading_done(struct heading *h);

/* column_names.c: gives every column its name. -ENOMEM. */
int column_names(struct column *columns, size_t count);

#endif
