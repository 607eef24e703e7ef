/* endpoints.h: the service's endpoints as a table. A new one is one row in fs/api/endpoints.c;
 * retry, paging, limits and logging follow from the row.
 *
 * Source of each figure: API.md section 2 (calls per minute), 3.1 and 5 (paths).
 * Threads: constant data; any.
 */
#ifndef QXFS_API_ENDPOINTS_H
#define QXFS_API_ENDPOINTS_H

#include <stdbool.h>

#include <qxfs/base/buf.h>

enum endpoint {
	EP_WHOAMI,
	EP_OAUTH_TOKEN, /* client.c mints with it; nobody else asks for it */
	EP_SURVEYS,
	EP_SURVEY,
	EP_EXPORT_START,
	EP_EXPORT_PROGRESS,
	EP_EXPORT_FILE,
	EP_DEFINITION,
	EP_SCHEMA,
	EP_LANGUAGES,
	EP_FILTERS,
	EP_RESPONSE,
	EP_QUOTAS,
	EP_DISTRIBUTIONS,
	EP_DISTRIBUTION,
	EP_DISTRIBUTION_LINKS,
	EP_DISTRIBUTION_HISTORY,
	EP_DIRECTORIES,
	EP_CONTACTS,
	EP_CONTACT,
	EP_OPTED_OUT,
	EP_SEARCH,
	EP_MAILINGLISTS,
	EP_MAILINGLIST,
	EP_MEMBERS,
	EP_MEMBERS_BOUNCED,
	EP_MEMBERS_OPTED_OUT,
	/* of an account without XM Directory */
	EP_OLD_MAILINGLISTS,
	EP_OLD_MAILINGLIST,
	EP_OLD_MEMBERS,
	/* imports */
	EP_IMPORT_CONTACTS,
	EP_IMPORT_CONTACTS_PROGRESS,
	EP_CREATE_CONTACT,
	EP_OLD_IMPORT,
	EP_OLD_IMPORT_PROGRESS,
	EP_IMPORT_RESPONSES,
	EP_IMPORT_RESPONSES_PROGRESS,
	EP_CREATE_SURVEY,
	/* any path, in three speeds: paths.h says which */
	EP_API,
	EP_API_MANY,
	EP_API_RARE,
	EP_N_
};

/* What may be done with a request that may or may not have arrived. */
enum repeat_rule {
	REPEAT_ALWAYS, /* reads; export POSTs: a second job costs only itself */
	REPEAT_KEY,    /* carries an Idempotency-Key */
	REPEAT_LOOK,   /* look first whether it took effect */
	REPEAT_NEVER   /* uncertain: a person decides */
};

enum page_style { PAGE_NONE, PAGE_NEXT };      /* NEXT: result.elements and result.nextPage */
enum answer_kind { ANSWER_JSON, ANSWER_FILE }; /* FILE: any length, to the caller's fd */

struct endpoint_row {
	const char *name;   /* for logs: "export_start" */
	const char *method; /* "GET", "POST" */
	const char *path; /* "/API/v3/surveys/{}/export-responses"; each {} takes the next argument
	                   */
	bool any_path;    /* its one argument is a path of any length behind `path` */
	int calls_per_minute; /* of the brand, before `share` */
	bool starts_job;      /* takes one of the 15 job slots until client_job_over() */
	enum repeat_rule repeat;
	enum page_style pages;
	enum answer_kind answer;
	bool mints; /* an OAuth client's token: sent with its secret, answered without envelope */
	const char *says; /* "result.status": a text, without which it is no answer; NULL: any */
	const char *what; /* "the list of surveys": for messages to people */
	int most;         /* elements that its pages give at most (API.md 7.3); 0: any number */
	const char *remedy_403; /* what else a refusal means than for other endpoints; NULL */
};

const struct endpoint_row *endpoint_row(enum endpoint ep);

/* Appends the path with its arguments percent-encoded; of a row with any_path each component of the
 * one. -EINVAL when their number does not fit or one is empty, "." or "..". */
int endpoint_path(enum endpoint ep, const char *const args[], struct buf *out);

#endif
