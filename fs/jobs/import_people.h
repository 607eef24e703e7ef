/* import_people.h: the reader of contacts in JSON: what its two files share. */
#ifndef QXFS_JOBS_IMPORT_PEOPLE_H
#define QXFS_JOBS_IMPORT_PEOPLE_H

#include "import_contact.h"
#include "import_judge.h"
#include "import_tokens.h"

#define META_MAX 16384 /* bytes of transactionMeta: room that is kept for it in each part */

struct people {
	struct tokens tokens;
	struct contact contact;
	struct columns columns;
	enum { AT_ROOT, AT_TOP, AT_LIST, AT_CONTACT, AT_EMBEDDED, AT_VALUE, AT_END } place;
	bool root_is_object, has_list;
	bool is_meta;              /* at the top, the key was transactionMeta */
	struct buf meta;           /* "": none */
	uint64_t transaction_line; /* of the first contact with such data; 0: none */

	/* of this contact */
	uint64_t contact_at, contact_line;
	unsigned fields_seen;    /* bits */
	const struct flaw *flaw; /* the first */
	uint64_t flaw_line;
	char flaw_name[SHOWN_SIZE];

	/* of this member */
	enum { MEMBER_NONE, MEMBER_EMBEDDED, MEMBER_TRANSACTION } special;
	size_t column; /* where it is none of these */
	struct buf name, text;

	/* a value of any form */
	int back;          /* the place it is in */
	struct buf *value; /* NULL: passed over */
	unsigned value_depth;
	bool value_comma;

	/* where rows may be given back: the values of this contact by column, SIZE_MAX: none */
	size_t *value_at; /* COLUMNS_MAX; NULL: they are not kept */
	struct buf values;
};

/* Transaction data need a batch, and fields, in transactionMeta (API.md 8.1). */
void people_check_meta(struct judge *j, const struct people *p);
int people_body(struct judge *j, int fd, const char *file_name, struct import_body *ret,
                struct qx_fail *fail);
int people_reject(struct judge *j, int fd);
void people_clear_values(struct people *p);
void people_keep(struct people *p, const char *text, size_t len);
void people_give_back(struct judge *j, struct people *p);
void people_done(struct people *p);

#endif
