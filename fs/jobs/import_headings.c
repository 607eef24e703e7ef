/* import_headings.c: do these columns fit this survey? */
#include "import_headings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/json.h>
#include <qxfs/base/sys.h>

#include "import_columns.h"

/* What every survey has (API.md 3.4): tags and ImportIds. */
static const char *const metadata[] = {
	"StartDate",
	"EndDate",
	"Status",
	"IPAddress",
	"Progress",
	"Duration (in seconds)",
	"Finished",
	"RecordedDate",
	"ResponseId",
	"RecipientLastName",
	"RecipientFirstName",
	"RecipientEmail",
	"ExternalReference",
	"ExternalDataReference",
	"LocationLatitude",
	"LocationLongitude",
	"DistributionChannel",
	"UserLanguage",
	"LastModifiedDate",
	"startDate",
	"endDate",
	"status",
	"ipAddress",
	"progress",
	"duration",
	"finished",
	"recordedDate",
	"_recordId",
	"recipientLastName",
	"recipientFirstName",
	"recipientEmail",
	"externalDataReference",
	"externalReference",
	"locationLatitude",
	"locationLongitude",
	"distributionChannel",
	"userLanguage",
	"lastModifiedDate",
};

void headings_add_tag(struct headings *h, const char *text, size_t len)
{
	buf_add(&h->tags, text, len);
	buf_add(&h->tags, "", 1);
	h->n_tags++;
}

void headings_add_id(struct headings *h, const char *text, size_t len)
{
	static const char begin[] = "{\"ImportId\"";

	buf_add(&h->ids, text, len);
	buf_add(&h->ids, "", 1);
	h->n_ids++;
	h->has_ids = h->has_ids || strncmp(text, begin, sizeof(begin) - 1) == 0;
}

void headings_done(struct headings *h)
{
	buf_done(&h->tags);
	buf_done(&h->ids);
	*h = (struct headings){ 0 };
}

/* --- names that are known ----------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct names {
	const char **at; /* sorted, borrowed */
	size_t n;
};

static int sort_names(const char *const *columns, struct names *ret)
{
	size_t n = 0;

	while (columns[n])
		n++;
	ret->at = calloc(n + 1, sizeof(*ret->at));
	if (!ret->at)
		return -ENOMEM;
	memcpy(ret->at, columns, n * sizeof(*ret->at));
	ret->n = n;
	qsort(ret->at, n, sizeof(*ret->at), compare);
	return 0;
}

static bool is_known(const struct names *names, const char *name)
{
	return bsearch(&name, names->at, names->n, sizeof(*names->at), compare);
}

static bool is_metadata(const char *name)
{
	for (size_t i = 0; i < countof(metadata); i++)
		if (strcmp(metadata[i], name) == 0)
			return true;
	return false;
}

/* A question has columns of its own for its choices, rows, texts and times: "QID4030_6",
 * "Q3_1_TEXT", "QID22#1_1"; each round of a loop has "2_QID4". */
static bool is_part_of_known(const struct names *names, const char *name)
{
	char base[200];
	size_t digits = strspn(name, "0123456789");
	const char *question = digits > 0 && name[digits] == '_' ? name + digits + 1 : name;
	size_t len = strlen(question);

	if (len >= sizeof(base))
		return false;
	memcpy(base, question, len + 1);
	while (base[0] && !is_known(names, base)) {
		char *cut = base + strlen(base) - 1;
		while (cut > base && *cut != '_' && *cut != '#')
			cut--;
		*cut = '\0';
	}
	return base[0] != '\0';
}

/* The order in which things were shown: "FL_20_DO", "BL_1_DO". */
static bool is_order(const char *name)
{
	return strncmp(name, "FL_", 3) == 0 || strncmp(name, "BL_", 3) == 0;
}

/* --- each column -------------------------------------------------------------------------------
 */

/* "QID36" and its choice, by which columns differ (API.md 3.4). */
static bool take_id(const char *text, size_t len, struct buf *id, struct buf *key)
{
	struct json *j = NULL;

	if (json_parse(text, len, &j) < 0)
		return false;
	bool found = json_text(j, "ImportId", id) && id->len > 0;
	buf_add(key, buf_text(id), id->len);
	buf_add_str(key, "\n");
	json_add(j, "choiceId", key);
	if (json_get(j, "IsLabelsColumn"))
		buf_add_str(key, "\nlabels");
	json_free(j);
	return found;
}

struct checking {
	const struct headings *h;
	const struct names *names; /* NULL: not compared */
	struct buf keys;           /* of the columns, each with a NUL behind it */
	size_t matches, strangers;
	struct headings_fault *fault, stranger;
};

static void set_fault(struct headings_fault *f, size_t column, const char *tag, const char *id,
                      const char *why, const char *next)
{
	if (f->why)
		return;
	f->column = column;
	(void)shown_name(tag, f->tag);
	(void)shown_name(id, f->id);
	f->why = why;
	f->next = next;
}

static void check_column(struct checking *c, size_t i, const char *tag, const char *id_cell)
{
	struct buf id = { 0 }, key = { 0 };
	bool three = c->h->has_ids;
	bool good = three ? take_id(id_cell, strlen(id_cell), &id, &key) : tag[0] != '\0';
	const char *name = three ? buf_text(&id) : tag;

	if (!good)
		set_fault(c->fault, i, tag, "",
		          three ? "has no ImportId in the third row" : "has no heading",
		          "Keep the heading rows as an export of the survey has them.");
	else if (c->names && !is_metadata(name) && !is_order(name)) {
		bool fits = is_known(c->names, name) || is_part_of_known(c->names, name);
		c->matches += fits;
		c->strangers += !fits;
		if (!fits)
			set_fault(&c->stranger, i, tag, name, "is not in this survey",
			          "Take the column out, or correct its heading: the survey's own "
			          "responses.csv shows them all.");
	}
	buf_add_str(&c->keys, three ? buf_text(&key) : tag);
	buf_add(&c->keys, "", 1);
	c->keys.failed = c->keys.failed || buf_failed(&id) || buf_failed(&key);
	buf_done(&id);
	buf_done(&key);
}

/* A key that is there twice; "": none. -ENOMEM */
static int find_twice(const struct checking *c, const char **ret)
{
	const char **keys = calloc(c->h->n_tags + 1, sizeof(*keys));
	const char *at = buf_text(&c->keys);

	*ret = NULL;
	if (!keys || buf_failed(&c->keys)) {
		free(keys);
		return -ENOMEM;
	}
	for (size_t i = 0; i < c->h->n_tags; i++, at += strlen(at) + 1)
		keys[i] = at;
	qsort(keys, c->h->n_tags, sizeof(*keys), compare);
	for (size_t i = 1; i < c->h->n_tags && !*ret; i++)
		if (strcmp(keys[i - 1], keys[i]) == 0)
			*ret = keys[i];
	free(keys);
	return 0;
}

/* The last column of that key. */
static void tell_twice(struct checking *c, const char *key)
{
	const char *at = buf_text(&c->keys), *tag = buf_text(&c->h->tags);
	const char *name = tag;
	size_t column = 0;

	for (size_t i = 0; i < c->h->n_tags; i++, at += strlen(at) + 1, tag += strlen(tag) + 1) {
		if (strcmp(at, key) != 0)
			continue;
		column = i + 1;
		name = tag;
	}
	char id[sizeof(c->fault->id)];
	size_t len = strcspn(key, "\n");
	len = len < sizeof(id) ? len : sizeof(id) - 1;
	memcpy(id, key, len);
	id[len] = '\0';
	set_fault(c->fault, column, name, id, "stands there twice", "Leave one of them out.");
}

static int check_columns(struct checking *c)
{
	const char *tag = buf_text(&c->h->tags), *id = buf_text(&c->h->ids), *twice;

	for (size_t i = 0; i < c->h->n_tags && !c->fault->why; i++) {
		check_column(c, i + 1, tag, c->h->has_ids ? id : "");
		tag += strlen(tag) + 1;
		id += c->h->has_ids ? strlen(id) + 1 : 0;
	}
	if (c->fault->why)
		return 0;
	int r = find_twice(c, &twice);
	if (r < 0)
		return r;
	if (twice)
		tell_twice(c, twice);
	else if (c->strangers > 0 && c->matches == 0)
		set_fault(c->fault, 0, "", "", "none of the columns is in this survey",
		          "Is it of another survey? Its own responses.csv shows its columns.");
	else if (c->strangers > 0)
		*c->fault = c->stranger;
	return 0;
}

int headings_check(const struct headings *h, const char *const *columns,
                   struct headings_fault *fault)
{
	struct names names = { 0 };
	struct checking c = { .h = h, .fault = fault };

	*fault = (struct headings_fault){ 0 };
	if (buf_failed(&h->tags) || buf_failed(&h->ids))
		return -ENOMEM;
	if (h->has_ids && h->n_ids != h->n_tags) {
		set_fault(fault, 0, "", "",
		          "the third row has another number of cells than the first",
		          "Keep the heading rows as an export of the survey has them.");
		return 0;
	}
	int r = columns ? sort_names(columns, &names) : 0;
	if (r < 0)
		return r;
	c.names = columns ? &names : NULL;
	r = check_columns(&c);
	free(names.at);
	buf_done(&c.keys);
	return r;
}
