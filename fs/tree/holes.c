/* holes.c: what may stand in the holes of the table's paths: a row each.
 *
 * A component is an id, or a name that a list gives. An id is good when a list shows it or when it
 * is well-formed and nobody has said that there is none; a name is good when the list shows it, or
 * when the list was never fetched. What is good without being shown is tentative: OPENDIR, OPEN or
 * READLINK settle it. A name that is right by its form alone is never in doubt. */
#include "house.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <qxfs/api/paths.h>
#include <qxfs/base/sys.h>

#include "ids.h"
#include "search.h"
#include "spans.h"

enum part_style {
	PART_ID,      /* the component is the item's id, and so is its name in the folder */
	PART_NAME_OF, /* the name leads to the item's id: the component is the id */
	PART_NAME     /* the component stays the name */
};

static int check_api_folder(const char *name, const struct zone *zone, struct qx_fail *why)
{
	(void)zone;
	return path_check_folder(name, why);
}

static int check_api_path(const char *name, const struct zone *zone, struct qx_fail *why)
{
	(void)zone;
	return path_check_last(name, why);
}

static int check_email(const char *name, const struct zone *zone, struct qx_fail *why)
{
	(void)zone;
	return search_check_email(name, why);
}

static int check_search(const char *name, const struct zone *zone, struct qx_fail *why)
{
	(void)zone;
	return search_check(name, why);
}

static const struct {
	enum list_id list;
	enum part_style style;
	unsigned choice;                       /* only items with this choice; 0: all */
	bool (*well_formed)(const char *text); /* may exist though no list shows it */
	const char *missing;                   /* why there is no such thing, for people */
	/* Right or wrong by its form: 0, or -ENOENT, -ENOMEM with words. Else NULL. */
	int (*check)(const char *name, const struct zone *zone, struct qx_fail *why);
	bool personal; /* it may name people: not for logs */
} holes[] = {
	[HOLE_NONE] = { .missing = "there is no such file here" },
	[HOLE_SURVEY] = { LIST_SURVEYS, PART_ID, 0, id_is_survey,
	                  "a survey is found by its id (SV_...) or, in surveys/by-name, by its "
	                  "name; an id that the service did not know is asked again after a "
	                  "minute",
	                  NULL, false },
	[HOLE_SURVEY_NAME] = { LIST_SURVEYS, PART_NAME_OF, 0, NULL,
	                       "no survey of this account's list has this name", NULL, false },
	[HOLE_ACTIVE] = { LIST_SURVEYS, PART_NAME_OF, CHOICE_ACTIVE, NULL,
	                  "no active survey has this name", NULL, false },
	[HOLE_MINE] = { LIST_SURVEYS, PART_NAME_OF, CHOICE_MINE, NULL,
	                "no survey that you own has this name", NULL, false },
	[HOLE_RECENT] = { LIST_SURVEYS, PART_NAME_OF, CHOICE_RECENT, NULL,
	                  "none of the surveys that were modified last has this name", NULL,
	                  false },
	[HOLE_EXCEL] = { LIST_SURVEYS, PART_NAME_OF, 0, NULL,
	                 "no survey of this account's list has this name", NULL, false },
	[HOLE_FILTER] = { LIST_FILTERS, PART_NAME, 0, NULL,
	                  "the survey has no saved filter of this name", NULL, false },
	[HOLE_RESPONSE] = { LIST_NONE, PART_ID, 0, id_is_response,
	                    "a response is found by its id: responses/R_....json", NULL, false },
	[HOLE_DISTRIBUTION] = { LIST_DISTRIBUTIONS, PART_ID, 0, NULL,
	                        "the survey has no distribution of this id", NULL, false },
	[HOLE_DIRECTORY] = { LIST_DIRECTORIES, PART_ID, 0, id_is_directory,
	                     "a directory is found by its id (POOL_...)", NULL, false },
	[HOLE_CONTACT] = { LIST_NONE, PART_ID, 0, id_is_contact,
	                   "a contact is found by its id: contacts/CID_....json", NULL, false },
	[HOLE_MEMBER] = { LIST_NONE, PART_ID, 0, id_is_member,
	                  "a contact of a mailing list is found by its Recipient ID or its Contact "
	                  "ID: contacts/CGC_....json, contacts/CID_....json",
	                  NULL, false },
	[HOLE_MAILINGLIST] = { LIST_MAILINGLISTS, PART_ID, 0, id_is_mailinglist,
	                       "a mailing list is found by its id (CG_..., ML_...) or, in "
	                       "mailinglists/by-name, by its name",
	                       NULL, false },
	[HOLE_MAILINGLIST_NAME] = { LIST_MAILINGLISTS, PART_NAME_OF, 0, NULL,
	                            "no mailing list has this name", NULL, false },
	[HOLE_EMAIL] = { .style = PART_NAME, .check = check_email, .personal = true },
	[HOLE_SEARCH] = { .style = PART_NAME, .check = check_search, .personal = true },
	[HOLE_DATES] = { .style = PART_NAME, .check = span_check_dates },
	[HOLE_ENTRY] = { .missing = "no file of this name lies here" },
	[HOLE_WITH] = { .style = PART_NAME, .check = span_check_with },
	[HOLE_API_FOLDER] = { .style = PART_NAME, .check = check_api_folder },
	[HOLE_API_PATH] = { .style = PART_NAME, .check = check_api_path },
};
static_assert(countof(holes) == HOLES_, "every hole has its row");

enum hole hole_of_part(const struct node_row *row, int i)
{
	/* The row with parts == i + 1 whose name has a hole brought that component in. */
	while (row->id != ROW_ROOT && (row->hole == HOLE_NONE || row->parts != i + 1))
		row = node_row(row->parent);
	return row->hole;
}

bool hole_is_personal(enum hole hole)
{
	return holes[hole].personal;
}

/* Names in this hole are requests, right or wrong by their form. */
static bool hole_is_request(enum hole hole)
{
	return holes[hole].check != NULL;
}

bool hole_is_kept(enum hole hole)
{
	return hole_is_request(hole) && !hole_is_personal(hole);
}

enum list_id hole_list(enum hole hole)
{
	return holes[hole].list;
}

int hole_check(struct tree *t, enum hole hole, const char *name, struct qx_fail *why)
{
	return holes[hole].check(name, t->zone, why);
}

/* -o only= */
static bool is_admitted(const struct tree *t, enum hole hole, const char *id)
{
	const char *at = t->config.only;
	size_t len = strlen(id);

	if (!at || holes[hole].list != LIST_SURVEYS)
		return true;
	while ((at = strstr(at, id))) {
		bool begins = at == t->config.only || strchr(":,", at[-1]);
		if (begins && strchr(":,", at[len])) /* or the end */
			return true;
		at += len;
	}
	return false;
}

bool hole_shows(const struct tree *t, enum hole hole, const struct catalog *c,
                const struct list_item *item)
{
	return is_admitted(t, hole, item->id) &&
	       (!holes[hole].choice || catalog_has_choice(c, item, holes[hole].choice));
}

const char *hole_name(enum hole hole, const struct catalog *c, const struct list_item *item)
{
	return holes[hole].style == PART_ID ? item->id : catalog_name(c, item);
}

const char *hole_part(enum hole hole, const struct catalog *c, const struct list_item *item)
{
	return holes[hole].style == PART_NAME ? catalog_name(c, item) : item->id;
}

/* What the list of a hole below `dir_arg` belongs to. */
static const char *list_of(enum hole hole, const char *dir_arg)
{
	return list_row(holes[hole].list)->of ? dir_arg : "";
}

/* The component for a name, borrowed from the name or the catalog; NULL: there is none. */
static const char *part_for(struct tree *t, enum hole hole, const char *dir_arg,
                            const struct catalog *c, const char *name)
{
	const struct list_item *item = NULL;

	if (c && holes[hole].style == PART_ID)
		item = list_find(c->list, name);
	else if (c)
		item = catalog_find_name(c, name);
	if (item && hole_shows(t, hole, c, item))
		return holes[hole].style == PART_NAME ? name : hole_part(hole, c, item);
	if (holes[hole].well_formed)
		return holes[hole].well_formed(name) && is_admitted(t, hole, name) &&
		                       !tree_is_absent(t, name)
		               ? name
		               : NULL;
	/* Nobody knows the names of an object's list before it was fetched. */
	return !c && list_row(holes[hole].list)->of && id_is_sound(dir_arg) ? name : NULL;
}

/* Of names nobody says whether only= leaves them out. */
static void say_missing(struct tree *t, enum hole hole, const char *name, struct qx_fail *why)
{
	bool may_be_left_out = t->config.only && holes[hole].list == LIST_SURVEYS;

	if (may_be_left_out && holes[hole].style == PART_ID && !is_admitted(t, hole, name))
		fail_set(why, ENOENT, "this mount was made with an only= that does not name it");
	else
		fail_set(why, ENOENT, "%s", holes[hole].missing);
	if (may_be_left_out)
		fail_remedy(why, "Mount again with another only=, or ask who did.");
	else if (holes[hole].list != LIST_NONE && holes[hole].style != PART_ID)
		fail_remedy(why,
		            "`ls` shows those that there are; names are written as it shows them.");
}

int hole_resolve(struct tree *t, const struct node_row *row, const char *dir_arg, const char *name,
                 char arg[ARG_MAX_BYTES], struct qx_fail *why)
{
	enum hole hole = row->hole;
	struct catalog *c = NULL;
	struct qx_fail unread;
	int r = -ENOENT;

	if (holes[hole].check) {
		r = hole_check(t, hole, name, why ? why : &unread);
		return r == 0 && !arg_join(dir_arg, name, arg) ? -ENAMETOOLONG : r;
	}
	if (holes[hole].list != LIST_NONE)
		c = tree_catalog(t, holes[hole].list, list_of(hole, dir_arg));
	const char *part = part_for(t, hole, dir_arg, c, name);
	if (part && arg_join(dir_arg, part, arg)) {
		r = 0;
	} else if (why) {
		say_missing(t, hole, name, why);
	}
	catalog_unref(c);
	return r;
}

bool part_is_shown(struct tree *t, const struct node_row *row, const char *arg, int i)
{
	char part[ARG_MAX_BYTES], of[ARG_MAX_BYTES] = "";
	enum hole hole = hole_of_part(row, i);

	if (holes[hole].list == LIST_NONE)
		return holes[hole].well_formed == NULL;
	if (!arg_part(arg, i, part) || (i > 0 && !arg_part(arg, 0, of)))
		return false;
	const struct catalog *c = catalog_now(t, holes[hole].list, list_of(hole, of));
	if (!c)
		return false;
	return holes[hole].style == PART_NAME ? catalog_find_name(c, part) != NULL
	                                      : list_find(c->list, part) != NULL;
}

bool is_tentative(struct tree *t, const struct node_row *row, const char *arg)
{
	for (int i = 0; i < row->parts; i++)
		if (!part_is_shown(t, row, arg, i))
			return true;
	return false;
}
