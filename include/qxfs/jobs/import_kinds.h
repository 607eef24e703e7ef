/* import_kinds.h: what may be imported, a row for each kind; reading a file before it is sent, and
 * making the requests of it. Pure but for reading the file's bytes.
 *
 * A file is judged while it is written: bytes are fed in order, and at the end there is a verdict.
 * What was judged is sent in parts: spans of whole rows, each within the service's limits
 * (API.md 8.1: 10,000 contacts and 5 MB; 4.1: 5 MB). A part's body is made again from the same
 * bytes at any time, so it is never stored.
 *
 * Threads: constant tables: any; a judge belongs to one thread at a time. Memory does not grow with
 * the file (a row of 1 MB at most, 2,000 columns).
 */
#ifndef QXFS_JOBS_IMPORT_KINDS_H
#define QXFS_JOBS_IMPORT_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/api/endpoints.h>
#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>
#include <qxfs/base/json.h>
#include <qxfs/store/journal.h>

/* Where it is dropped. */
enum import_target {
	TARGET_LIST,      /* mailinglists/CG_x */
	TARGET_OLD_LIST,  /* mailinglists/ML_x */
	TARGET_DIRECTORY, /* directories/POOL_x */
	TARGET_SURVEY,    /* surveys/SV_x: responses */
	TARGET_SURVEYS,   /* surveys: a new survey */
	TARGETS_
};

struct judge;
struct import_kind {
	const char *name; /* "contacts-csv" */
	const char *what; /* "contacts from a table": for people */
	enum import_target target;
	const char *extension;  /* ".csv", compared without regard to case */
	enum endpoint start;    /* sends a part */
	enum endpoint progress; /* polls its job; EP_WHOAMI: the answer of `start` is the end */
	bool listens;           /* needs `known` columns: a survey's schema or header */
	/* private: import_kinds.c */
	const struct import_reader *reader;
};
const struct import_kind *import_kind(enum import_target target, const char *name); /* NULL: no
                                                                                       import */
const struct import_kind *import_kind_named(const char *name);
/* A known document that is none of ours here: how to save it ("save it as CSV UTF-8 …"); NULL. */
const char *import_advice(enum import_target target, const char *name);
/* ".csv .json": for messages. Appends. */
void import_extensions(enum import_target target, struct buf *out);

/* What is known of the target. Borrowed while the judge lives. */
struct import_context {
	const char *target_name; /* "Customers": for the report; may be "" */
	const char *charset;     /* -o import_charset=, NULL: UTF-8 or UTF-16 by BOM */
	bool allow_resubscribe;
	bool second_form;           /* of the legacy import: a JSON body (import_other_form) */
	const char *const *columns; /* TARGET_SURVEY: ImportIds (and tags) of its columns, NULL at
	                               the end; NULL: unknown, the header is then not compared */
};

struct verdict {
	int err;                              /* 0, EINVAL, EFBIG: positive errno */
	char why[ENTRY_WHY], next[ENTRY_WHY]; /* of err: a sentence with line or field; what to do
	                                       */
	char held[ENTRY_WHY];                 /* a likely mistake: why it should be held; "" */
	uint64_t rows;
	bool nothing; /* nothing would change: our own export, unchanged columns only, or no rows */
	struct buf report; /* lines for people: each column and what it becomes, opt-outs touched …
	                    */
	struct part *parts; /* n, rows, first_row, from, to are set */
	size_t n_parts;
};
void verdict_done(struct verdict *v);

int judge_new(const struct import_kind *kind, const struct import_context *context,
              struct judge **ret);
/* Not 0: the verdict stands already, the rest need not be fed. */
int judge_feed(struct judge *j, const void *bytes, size_t len);
/* Once, at the end: fills the verdict. 0 or -ENOMEM; the file's faults are in the verdict. */
int judge_end(struct judge *j, struct verdict *ret);
void judge_free(struct judge *j);
/* From a file: feeds it from its start. */
int judge_file(const struct import_kind *kind, const struct import_context *context, int fd,
               struct verdict *ret);

/* The request's body of a part. */
struct import_body {
	struct buf bytes; /* may hold NULs */
	char content_type[120];
	char charset[16]; /* of the header named so (API.md 4.1); "": none */
	struct buf name;  /* of a new survey: what to look for where no answer came; "" else */
};
int import_body(const struct import_kind *kind, const struct import_context *context,
                const char *file_name, int fd, const struct part *part, struct import_body *ret,
                struct qx_fail *fail);

void import_body_done(struct import_body *b); /* empty again */

/* What an answer says. */
struct import_answer {
	char job[130];      /* of `start`; "": none */
	char result_id[70]; /* a new survey's id */
	bool over, failed;
	double percent; /* -1: unknown */
	uint64_t added, updated, refused;
	bool nothing; /* all counts are 0 at 100 %: the target does not exist (API.md 8.1) */
	const struct json *unprocessed;    /* array of indexes, from the start's answer; NULL */
	const struct json *invalid_emails; /* array; NULL */
	char why[ENTRY_WHY];               /* of failed, the service's words */
};
/* 0; -EBADMSG: it is no such answer. Borrowed from `answer`. */
int import_read_start(const struct import_kind *kind, const struct json *answer,
                      struct import_answer *ret);
int import_read_progress(const struct import_kind *kind, const struct json *answer,
                         struct import_answer *ret);
/* The start was refused for the form of its body, and there is another: send the part again with
 * context->second_form the other way. */
bool import_other_form(const struct import_kind *kind, const struct qx_fail *fail);
/* Rows of a part that the service refused: by their indexes within it, sorted, or by their e-mail
 * addresses, sorted as strcasecmp does. */
struct import_refused {
	const uint64_t *rows;
	size_t n;
	const char *const *addresses;
	size_t n_addresses;
	const char *reason; /* for all of them */
};
/* Writes them, in their own columns plus the reason, to `out_fd` at its end (a heading first, if it
 * is empty). */
int import_reject(const struct import_kind *kind, const struct import_context *context, int fd,
                  const struct part *part, const struct import_refused *refused, int out_fd);

/* TEMPLATE.csv of a target: standard columns, then `fields` (the list's embedded data), NULL at the
 * end. */
void import_template(enum import_target target, const char *const *fields, struct buf *out);
/* The same with the fields of one of our exports, of which `table` is the beginning; if it is none,
 * or its heading is longer, without any. */
void import_template_like(enum import_target target, const char *table, size_t len,
                          struct buf *out);

#endif
