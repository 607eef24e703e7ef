/* forms.h: the forms in which responses can be read: a row each. Constant; any thread. */
#ifndef QXFS_TREE_FORMS_H
#define QXFS_TREE_FORMS_H

#include <stdbool.h>

#include <qxfs/store/unpack.h>

enum form_id {
	FORM_CSV,
	FORM_LABELS_CSV,
	FORM_PLAIN_CSV,
	FORM_XLSX,
	FORM_JSON,
	FORM_SAV,
	FORM_UNFINISHED_CSV,
	FORM_TSV,
	FORM_NDJSON,
	FORM_XML,
	FORM_LABELS_TSV,
	FORM_LABELS_XML,
	FORM_LABELS_SAV,
	FORM_UNFINISHED_JSON,
	FORM_CODES_XLSX,
	FORMS_
};

enum form_flag {
	FORM_LISTED = 1 << 0, /* else found by name */
	FORM_UNFINISHED = 1 << 1,
	FORM_UTF16 = 1 << 2, /* the service sends UTF-16, people get UTF-8 */
	FORM_GROWS = 1 << 3  /* new responses can be appended */
};

struct form {
	enum form_id id;
	const char *name;    /* "responses.csv" */
	const char *members; /* of the export's POST: "\"format\":\"csv\""; NULL: made here, see
	                        jobs/render.h */
	double cell_bytes;   /* over-estimate of a cell, for the size before it is known */
	unsigned flags;
	const char *doc;
	unsigned params; /* enum params_form: which parameters do not suit it */
	enum text_rows rows;
};

const struct form *form_row(enum form_id id);

#endif
