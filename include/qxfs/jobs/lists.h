/* lists.h: the service's lists, whole: a table of which there are, and what is kept of an element.
 * A list is immutable and refcounted; kept in the state folder as one JSON object a line.
 * Threads: a list from any; loading reads a local file. */
#ifndef QXFS_JOBS_LISTS_H
#define QXFS_JOBS_LISTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/api/endpoints.h>
#include <qxfs/base/fail.h>
#include <qxfs/base/json.h>
#include <qxfs/store/dirs.h>

enum list_id {
	LIST_NONE,
	LIST_SURVEYS,
	LIST_FILTERS,
	LIST_DISTRIBUTIONS,
	LIST_DIRECTORIES,
	LIST_MAILINGLISTS,
	LIST_N_
};
#define LIST_FIELDS 6
#define LIST_OF_BYTES 65 /* of the id of what a list belongs to, with its NUL */

/* Fields, in the order of the list's row. */
enum survey_field { SURVEY_NAME, SURVEY_OWNER, SURVEY_ACTIVE, SURVEY_CREATED, SURVEY_MODIFIED };
enum filter_field { FILTER_NAME, FILTER_CREATED };
enum directory_field { DIRECTORY_DEFAULT, DIRECTORY_WHOLE };
enum mailinglist_field {
	MAILINGLIST_NAME,
	MAILINGLIST_OWNER,
	MAILINGLIST_DIRECTORY, /* "": of an account without XM Directory */
	MAILINGLIST_CREATED,
	MAILINGLIST_MODIFIED
};
#define LIST_WHOLE "*" /* in place of a member: the element, as JSON on one line */
#define LIST_ABOVE "^" /* the id of the object whose list showed the element */

/* Mailing lists of accounts without XM Directory, which have endpoints and ids of their own. */
enum legacy_contacts {
	LEGACY_AUTO, /* if the account has no directories, or refuses them */
	LEGACY_ON,
	LEGACY_OFF
};

struct list_row {
	const char *name; /* "surveys": also its file's name, and what people read */
	enum endpoint ep;
	bool of;           /* one for each survey, else one for the account */
	const char *query; /* with the survey's id behind it; NULL: the id is the endpoint's
	                      argument */
	const char *id_member;
	const char *id_prefix;           /* of every id: "SV_" */
	const char *fields[LIST_FIELDS]; /* members kept, as text; NULL after the last */
	int name_field, born_field;      /* which of them; -1: it has none */
	int modified_field;
	bool optional;          /* an account whose token is refused it is mounted all the same */
	enum list_id each;      /* it is what the lists of each of these show; LIST_NONE */
	const char *old_prefix; /* of ids in accounts without XM Directory; NULL: none */
};
const struct list_row *list_row(enum list_id id);

struct list_item {
	const char *id;
	const char *field[LIST_FIELDS]; /* "" where the service said nothing */
};

struct list {
	atomic_int refs;
	enum list_id id;
	char of[LIST_OF_BYTES]; /* "" for the account's */
	int64_t fetched_s;      /* calendar */
	size_t n;
	struct list_item *items; /* sorted by id, each id once */
	/* lists.c's own */
	size_t cap, bytes;
	char **blocks;
	size_t n_blocks;
};

/* -ENAMETOOLONG: no id that the service makes. */
int list_new(enum list_id id, const char *of, struct list **ret);
struct list *list_ref(struct list *l);
void list_unref(struct list *l);
/* Adds an element of the service's answer; one without a well-formed id is left out. `above`: what
 * LIST_ABOVE stands for, or "". -ENOMEM; -EFBIG: more than a list may hold. */
int list_add(struct list *l, const struct json *element, const char *above);
/* The same from texts; NULL is "". */
int list_add_texts(struct list *l, const char *id, const char *const field[LIST_FIELDS]);
/* Sorted, each id once; then it is immutable. */
void list_seal(struct list *l);
const struct list_item *list_find(const struct list *l, const char *id);

int list_save(const struct list *l, const struct dirs *dirs);
/* -ENOENT, -EBADMSG. */
int list_load(enum list_id id, const char *of, const struct dirs *dirs, struct list **ret);

/* The moment of an item, as ISO 8601 or as milliseconds since 1970 (API.md 7.4 knows both):
 * calendar seconds; 0: it tells none. */
int64_t list_moment(const struct list_item *item, int field);

/* An id as the service makes them: letters, digits, '_' and '-', at most 64. */
int id_is_sound(const char *id);

#endif
