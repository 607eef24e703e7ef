/* import_contact.h: one contact, from cells or members to the JSON that is sent (API.md 8). What is
 * blank is left out; ids are never sent; unsubscribed=false only with allow_resubscribe.
 * Memory: the contact. Threads: one at a time. */
#ifndef QXFS_JOBS_IMPORT_CONTACT_H
#define QXFS_JOBS_IMPORT_CONTACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/base/buf.h>

#include "import_columns.h"

/* What is wrong with a value, and what to do. */
struct flaw {
	const char *why, *next;
};

struct contact {
	enum import_target target;
	bool allow_resubscribe;

	/* of this contact: its members, with commas between */
	struct buf fields, embedded;
	struct buf email;       /* as it is sent; "": none */
	struct buf transaction; /* an object, as it came; "": none */
	bool has_number;        /* a value like 4.9E+11: it was a long number once */
	bool has_name;          /* something by which a person is known */

	/* of all */
	uint64_t blanks;       /* cells */
	uint64_t opted_out;    /* contacts */
	uint64_t resubscribed; /* unsubscribed=false: left out, or sent where that is allowed */
	uint64_t nameless;     /* contacts by which nobody can be known */
};

void contact_begin(struct contact *c);
/* A cell, or a string of JSON without its escapes: valid UTF-8. NULL: it is fine. */
const struct flaw *contact_text(struct contact *c, struct column *column, const char *text,
                                size_t len);
/* A value of JSON as it is written, no string: a number, true, false, null, or a whole list. */
const struct flaw *contact_word(struct contact *c, struct column *column, const char *raw,
                                size_t len);
/* No value was there. */
bool contact_is_empty(const struct contact *c);
/* The whole of it: counted, and its length as JSON. */
size_t contact_end(struct contact *c);
void contact_add(const struct contact *c, struct buf *out);
void contact_done(struct contact *c);

/* NULL: it may be one. */
const struct flaw *email_flaw(const char *text, size_t len);
bool is_rounded_number(const char *text, size_t len);

#endif
