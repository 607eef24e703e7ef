/* lists.h: the service's lists, whole: a table of which there are, and what is kept of an element.
 * A list is immutable and refcounted; kept in the state folder as one JSON object a line.
 * Threads: a list from any; loading reads a local file. */
#ifndef QXFS_JOBS_LISTS_H
#define QXFS_JOBS_LISTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/api/endpoints.h>
#include <qxfs/base/fail.h>
#include <qxfs/base/json.h>
#include <qxfs/store/dirs.h>

enum list_id { LIST_SURVEYS, LIST_N_ };
#define LIST_FIELDS 6

/* Fields of LIST_SURVEYS, in the order of its row. */
enum survey_field { SURVEY_NAME, SURVEY_OWNER, SURVEY_ACTIVE, SURVEY_CREATED, SURVEY_MODIFIED };

struct list_row {
	const char *name; /* "surveys": also its file's name */
	enum endpoint ep;
	const char *id_member;
	const char *id_prefix;           /* of every id: "SV_" */
	const char *fields[LIST_FIELDS]; /* members kept, as text; NULL after the last */
};
const struct list_row *list_row(enum list_id id);

struct list_item {
	const char *id;
	const char *field[LIST_FIELDS]; /* "" where the service said nothing */
};

struct list {
	atomic_int refs;
	enum list_id id;
	int64_t fetched_s; /* calendar */
	size_t n;
	struct list_item *items; /* sorted by id, each id once */
	/* lists.c's own */
	size_t cap, bytes;
	char **blocks;
	size_t n_blocks;
};

struct list *list_new(enum list_id id);
struct list *list_ref(struct list *l);
void list_unref(struct list *l);
/* Adds an element of the service's answer; one without a well-formed id is left out. -ENOMEM;
 * -EFBIG: more than a list may hold. */
int list_add(struct list *l, const struct json *element);
/* Sorted, each id once; then it is immutable. */
void list_seal(struct list *l);
const struct list_item *list_find(const struct list *l, const char *id);

int list_save(const struct list *l, const struct dirs *dirs);
int list_load(enum list_id id, const struct dirs *dirs, struct list **ret); /* -ENOENT, -EBADMSG */

/* An id as the service makes them: letters, digits, '_' and '-', at most 64. */
int id_is_sound(const char *id);

#endif
