/* import_columns.h: what a heading means. Constant tables, and a list of columns that belongs to
 * whoever made it. */
#ifndef QXFS_JOBS_IMPORT_COLUMNS_H
#define QXFS_JOBS_IMPORT_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/base/buf.h>
#include <qxfs/jobs/import_kinds.h>

#define COLUMNS_MAX 2000
#define EMBEDDED_NAME_MAX 200   /* characters: API.md section 2 */
#define EMBEDDED_VALUE_MAX 1024 /* likewise */

/* Of a contact: API.md 8.1, 8.2. */
enum field {
	FIELD_FIRST_NAME,
	FIELD_LAST_NAME,
	FIELD_EMAIL,
	FIELD_PHONE,
	FIELD_REFERENCE,
	FIELD_LANGUAGE,
	FIELD_UNSUBSCRIBED,
	FIELDS_, /* those are sent under names of the service */
	FIELD_EMBEDDED = FIELDS_,
	FIELD_NEVER, /* an id of the service's, and what else its exports say and no import takes */
	FIELD_PERHAPS, /* "id": never where it holds one of the service's, else embedded data */
	FIELD_NAMELESS /* no heading */
};
#define FIELDS_THAT_NAME 5 /* the first: by one of them a person is known */

struct field_row {
	const char *name, *old_name; /* as it is sent; old_name: to a list without XM Directory,
	                                NULL: no such field there */
	const char *what;            /* "e-mail address": for people */
};
const struct field_row *field_row(enum field field);
const char *field_name(enum field field, enum import_target target); /* NULL: none there */

/* What a heading of a table, or a member of a contact, means; `own`: it stands where our own export
 * has its own columns, spelled as there. Never FIELD_NAMELESS. */
enum field column_field(enum import_target target, const char *heading);
/* A member of a contact in JSON: the above, and what only the service's own documents hold. */
enum field member_field(enum import_target target, const char *name);
/* The name of the embedded data: without "embeddedData." where that tells it apart from a column
 * of our exports (shapes.c). */
const char *embedded_name(const char *heading);
/* The other way round. */
void add_embedded_heading(struct buf *out, const char *name);
#define REASON_HEADING "Refused because" /* of NAME.rejected.csv: never sent */
/* A known heading of which this is within two letters, but is not it; NULL. */
const char *column_near(const char *heading, enum field *ret);
/* How many of these headings are, in their order and spelling, the columns of one of our own
 * exports; 0: it is none. */
size_t columns_own(const char *const *headings, size_t n);

struct column {
	enum field field;
	char *heading;   /* as it came */
	char *key;       /* of embedded data: `"Segment":`; NULL else */
	unsigned space;  /* headings of different ones may be the same */
	uint64_t values; /* that were not blank */
};
struct columns {
	struct column *items;
	size_t n, cap;
	uint16_t *index; /* by hash; NULL until columns_find is used */
};
/* -EFBIG: over COLUMNS_MAX; -ENOMEM. */
int columns_add(struct columns *c, enum field field, const char *heading, size_t len,
                unsigned space);
/* SIZE_MAX: it is not there. */
size_t columns_find(struct columns *c, const char *heading, size_t len, unsigned space);
void columns_done(struct columns *c);

/* A name for a message: without control characters, cut. */
#define SHOWN_SIZE 80
const char *shown_name(const char *name, char out[SHOWN_SIZE]);
/* Letters: code points of valid UTF-8. */
size_t letters_of(const char *text, size_t len);
/* A JSON string of valid UTF-8, with its quotes. */
void buf_add_text_json(struct buf *out, const char *text, size_t len);

#endif
