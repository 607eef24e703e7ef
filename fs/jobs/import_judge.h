/* import_judge.h: what the files of imports share: a judge, and the readers it asks.
 *
 * A judge reads a file once, from its first byte to its last, and ends in a verdict. The same
 * readers read a part of it again to make its body, or to give back rows that were refused: then
 * `again` is set, and nothing is said about what the file holds, as that was said.
 *
 *     bytes ─► text (UTF-8) ─► reader: rows, tokens ─► contacts … ─► plan, or a body, or refused
 * rows
 */
#ifndef QXFS_JOBS_IMPORT_JUDGE_H
#define QXFS_JOBS_IMPORT_JUDGE_H

#include <qxfs/jobs/import_kinds.h>

#include "import_plan.h"
#include "import_text.h"

#define PART_BYTES_MAX 5000000 /* API.md 8.1, 4.1 */
#define PART_CONTACTS_MAX 10000

struct import_reader {
	bool is_text;                  /* takes UTF-8; else the bytes as they are */
	bool has_rows;                 /* that are counted when a part is read again */
	uint64_t max_bytes;            /* of a file that cannot be split; 0: any */
	int (*begin)(struct judge *j); /* -ENOMEM */
	void (*take)(struct judge *j, const char *piece, size_t len);
	void (*end)(struct judge *j);
	void (*report)(struct judge *j, struct buf *out); /* of a file that is fine */
	void (*done)(struct judge *j);
	/* A part again: from the file to again->out. */
	int (*body)(struct judge *j, int fd, const char *file_name, struct import_body *ret,
	            struct qx_fail *fail);
	int (*reject)(struct judge *j, int fd); /* NULL: it has no rows */
};
/* import_csv.c, import_json.c, import_responses.c, import_survey.c, import_url.c */
extern const struct import_reader import_reader_csv, import_reader_json, import_reader_responses,
	import_reader_tsv, import_reader_qsf, import_reader_txt, import_reader_doc,
	import_reader_url;

/* A part that is read again. */
struct again {
	const struct part *part; /* NULL: the whole file, without its rows */
	struct buf *out;         /* its body; NULL: rows are given back */
	struct import_refused refused;
	bool heading; /* `lines` begins with one */
	struct buf lines;
	uint64_t seen; /* rows of the file, from 1: the one that is read */
	size_t next;   /* of the refused ones */
};

#define COMPLAINTS_MAX 20

struct judge {
	const struct import_kind *kind;
	const struct import_context *context;
	struct again *again; /* NULL: it is judged */
	struct text text;
	struct plan plan;
	void *own; /* the reader's */
	uint64_t fed;
	uint64_t line; /* being read; the reader's word, for what is no text */
	bool over;     /* the verdict stands, or all that is wanted was read */
	bool no_memory;

	int err;
	char why[ENTRY_WHY], next[ENTRY_WHY], held[ENTRY_WHY];
	bool nothing;
	size_t n_complaints; /* rows with faults; the first is in err, why, next */
	struct buf complaints;
	uint64_t last_complaint; /* its line */
};

/* A judge that reads again; the caller's `again` lives as long. -ENOMEM */
int judge_again(const struct import_kind *kind, const struct import_context *context,
                struct again *again, struct judge **ret);
/* Reads a span of the file into the reader: through `text`, if it takes that. It may end before.
 * -errno */
int judge_read(struct judge *j, int fd, uint64_t from, uint64_t to);

/* --- import_faults.c --- */

/* The file is no good, and reading on would say no more. */
void judge_refuse(struct judge *j, int err, const char *next, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same of one row: the rest is looked at, to tell of all at once. */
void judge_complain(struct judge *j, uint64_t line, const char *next, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* A likely mistake; the first counts. */
void judge_hold(struct judge *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
void judge_text(struct judge *j); /* the fault of its text */
struct rows;
void judge_rows(struct judge *j, const struct rows *rows); /* their fault, if there is one */
/* A part of a table again: its heading, from the beginning of the file on; then the part's rows,
 * which are elsewhere, unless nobody knows where: then the former has read them too. */
int judge_read_heading(struct judge *j, int fd);
int judge_read_rows(struct judge *j, struct rows *rows, int fd);
struct tokens;
void judge_tokens(struct judge *j, const struct tokens *tokens); /* likewise */
void judge_no_memory(struct judge *j);
/* plan_add, and what is to be said when it fails. what: "the contact". */
void judge_plan(struct judge *j, uint64_t from, uint64_t line, size_t bytes, const char *what);

/* --- import_contacts.c: what the readers of contacts share --- */

struct contact;
struct columns;
/* Limits of the target. */
void contacts_begin(struct judge *j, struct contact *c);
/* A contact is whole: it is planned, or put into the body. from: where its row or object begins. */
void contacts_take(struct judge *j, struct contact *c, uint64_t from, uint64_t line);
/* A flaw of a value: names line and column. */
struct flaw;
struct column;
void contacts_complain(struct judge *j, uint64_t line, const char *where, const char *name,
                       const struct flaw *flaw);
/* Headings that are likely misspelled: held. */
void contacts_check_near(struct judge *j, const struct columns *columns);
/* All is read. */
void contacts_end(struct judge *j, const struct contact *c);
void contacts_report(struct judge *j, const struct contact *c, const struct columns *columns,
                     struct buf *out);
/* Around the contacts in ret->bytes: the form of the target. meta: NULL: none. */
int contacts_body(struct judge *j, const struct buf *meta, struct import_body *ret);
/* Whether the row that is read is one of those to be given back; it is then counted as given. */
bool contacts_is_wanted(struct judge *j, const struct contact *c);

#endif
