/* params.c: the parameters are a table, so are the forms they do not suit and those that exclude
 * each other; their types are one in param_values.c. A parameter that the service learns is a row.
 *
 * Values are kept as the JSON they become; what the service would refuse is refused here, for its
 * answer names no file and comes after a wait. What is its default is sent nevertheless if it was
 * asked for: the defaults that are documented are not all beyond doubt. */
#include "params.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <qxfs/base/sys.h>

#include "param_values.h"

/* --- the tables --- */

/* In the order of the members. */
enum param_id {
	PARAM_START,
	PARAM_END,
	PARAM_LIMIT,
	PARAM_LABELS,
	PARAM_LABEL_COLUMNS,
	PARAM_BREAKOUT,
	PARAM_SEEN,
	PARAM_MULTI_SEEN,
	PARAM_ORDER,
	PARAM_COMMA,
	PARAM_ZONE,
	PARAM_NEWLINE,
	PARAM_QUESTIONS,
	PARAM_EMBEDDED,
	PARAM_METADATA,
	PARAM_FILTER,
	PARAM_UNFINISHED,
	PARAM_BY_MODIFIED,
	PARAM_WEIGHTS,
	PARAM_FORMAT,
	PARAM_COMPRESS,
	PARAM_ALLOW_CONTINUATION,
	PARAM_CONTINUATION,
	PARAMS_
};

static const struct param {
	const char *name;
	enum param_type type;
	unsigned not_in; /* enum params_form */
	const char *doc;
} params[] = {
	/* name, type, forms it is refused in, what it does */
	[PARAM_START] = { "startDate", TYPE_MOMENT, 0, "recorded at that moment or later" },
	[PARAM_END] = { "endDate", TYPE_MOMENT, 0, "recorded before that moment" },
	[PARAM_LIMIT] = { "limit", TYPE_COUNT, 0, "so many responses, the oldest" },
	[PARAM_LABELS] = { "useLabels", TYPE_BOOL, PARAMS_JSON | PARAMS_LABELS | PARAMS_WORKBOOK,
	                   "texts of choices instead of codes" },
	[PARAM_LABEL_COLUMNS] = { "includeLabelColumns", TYPE_BOOL, PARAMS_LABELS | PARAMS_WORKBOOK,
	                          "a column of codes and one of texts" },
	[PARAM_BREAKOUT] = { "breakoutSets", TYPE_BOOL, PARAMS_JSON,
	                     "a column for each choice of a question with several answers" },
	[PARAM_SEEN] = { "seenUnansweredRecode", TYPE_INT, PARAMS_JSON,
	                 "stands for: seen, not answered" },
	[PARAM_MULTI_SEEN] = { "multiselectSeenUnansweredRecode", TYPE_INT, PARAMS_JSON,
	                       "the same for questions with several answers" },
	[PARAM_ORDER] = { "includeDisplayOrder", TYPE_BOOL, PARAMS_JSON,
	                  "columns with the order in which choices were shown" },
	[PARAM_COMMA] = { "formatDecimalAsComma", TYPE_BOOL, PARAMS_JSON | PARAMS_WORKBOOK,
	                  "3,5 instead of 3.5" },
	[PARAM_ZONE] = { "timeZone", TYPE_ZONE, PARAMS_JSON | PARAMS_WORKBOOK,
	                 "of the dates in the file" },
	[PARAM_NEWLINE] = { "newlineReplacement", TYPE_TEXT,
	                    PARAMS_JSON | PARAMS_XML_SAV | PARAMS_WORKBOOK,
	                    "stands for line breaks within answers" },
	[PARAM_QUESTIONS] = { "questionIds", TYPE_LIST, 0, "these questions only: QID1+QID2" },
	[PARAM_EMBEDDED] = { "embeddedDataIds", TYPE_LIST, 0, "these embedded data only" },
	[PARAM_METADATA] = { "surveyMetadataIds", TYPE_LIST, 0,
	                     "these metadata only: startDate+duration" },
	[PARAM_FILTER] = { "filterId", TYPE_UUID, 0, "a saved filter" },
	[PARAM_UNFINISHED] = { "exportResponsesInProgress", TYPE_BOOL, PARAMS_UNFINISHED,
	                       "only responses in progress" },
	[PARAM_BY_MODIFIED] = { "sortByLastModifiedDate", TYPE_BOOL, 0,
	                        "order, and startDate and endDate, by the date of change" },
	[PARAM_WEIGHTS] = { "includeWaveWeights", TYPE_BOOL, 0, "weights of panels and waves" },
	[PARAM_FORMAT] = { "format", TYPE_REFUSED, 0, "the file's ending says it" },
	[PARAM_COMPRESS] = { "compress", TYPE_REFUSED, 0, "qxfs unpacks what the service sends" },
	[PARAM_ALLOW_CONTINUATION] = { "allowContinuation", TYPE_REFUSED, 0,
	                               "qxfs fetches what is new by itself" },
	[PARAM_CONTINUATION] = { "continuationToken", TYPE_REFUSED, 0,
	                         "qxfs fetches what is new by itself" },
};
static_assert(countof(params) == PARAMS_, "every parameter has its row");

/* Not both: neither is false. */
static const struct {
	enum param_id one, other;
} exclusions[] = {
	{ PARAM_LABELS, PARAM_LABEL_COLUMNS },
	{ PARAM_FILTER, PARAM_BY_MODIFIED },
};

static const struct {
	unsigned form;
	const char *files; /* for the help */
	const char *why;
} forms[] = {
	{ PARAMS_JSON, "json, ndjson", "the service's JSON does not take it" },
	{ PARAMS_XML_SAV, "xml, sav", "only CSV and TSV take it" },
	{ PARAMS_LABELS, ".labels.", "a .labels. file has the texts of choices by itself" },
	{ PARAMS_UNFINISHED, ".unfinished.", "an .unfinished. file sets it by itself" },
	{ PARAMS_WORKBOOK, "xlsx", "the cells of a workbook are made from an export without it" },
};

static const char *param_at(size_t i)
{
	return i < countof(params) ? params[i].name : NULL;
}

/* --- one KEY=VALUE --- */

static int refuse_value(const struct param *p, const char *value, size_t len, struct qx_fail *why)
{
	fail_set(why, ENOENT, "'%.*s' is no value of %s", param_shown(len), value, p->name);
	param_value_explain(p->type, p->name, value, len, why);
	return -ENOENT;
}

static const struct param *find_key(const char *key, size_t len)
{
	for (size_t i = 0; i < countof(params); i++)
		if (strlen(params[i].name) == len && strncmp(params[i].name, key, len) == 0)
			return &params[i];
	return NULL;
}

/* --- all of them --- */

struct asked {
	bool given[PARAMS_];
	struct buf json[PARAMS_]; /* empty: given, but not to be sent */
};

static int take(struct asked *a, const char *piece, size_t len, struct qx_fail *why)
{
	const char *equals = memchr(piece, '=', len);
	size_t key_len = equals ? (size_t)(equals - piece) : len;
	const struct param *p = find_key(piece, key_len);

	if (!p && (equals || len > 0))
		return param_refuse_key("exports have no parameter", piece, key_len, param_at,
		                        "The README lists them.", why);
	if (!equals) {
		fail_set(why, ENOENT, "'%.*s' is not KEY=VALUE", param_shown(len), piece);
		fail_remedy(why, "Write as useLabels=true,limit=100; a comma within a value is "
		                 "%%2C.");
		return -ENOENT;
	}
	if (p->type == TYPE_REFUSED) {
		fail_set(why, ENOENT, "%s is not set here: %s", p->name, p->doc);
		fail_remedy(why, "Leave it out.");
		return -ENOENT;
	}

	size_t i = (size_t)(p - params);
	const char *value = equals + 1;
	size_t value_len = len - key_len - 1;
	if (a->given[i]) {
		fail_set(why, ENOENT, "%s is given twice", p->name);
		fail_remedy(why, "Leave one of them out.");
		return -ENOENT;
	}
	a->given[i] = true;
	if (!param_value_read(p->type, value, value_len, &a->json[i]))
		return refuse_value(p, value, value_len, why);
	return 0;
}

static int take_all(struct asked *a, const char *name, struct qx_fail *why)
{
	int r;

	for (;;) {
		size_t len = strcspn(name, ",");
		r = take(a, name, len, why);
		if (r < 0 || !name[len])
			return r;
		name += len + 1;
	}
}

/* In force: given, and not switched off. */
static bool is_on(const struct asked *a, enum param_id id)
{
	return a->given[id] && strcmp(buf_text(&a->json[id]), "false") != 0;
}

static int check_together(const struct asked *a, struct qx_fail *why)
{
	for (size_t i = 0; i < countof(exclusions); i++) {
		enum param_id one = exclusions[i].one;
		enum param_id other = exclusions[i].other;
		if (is_on(a, one) && is_on(a, other)) {
			fail_set(why, ENOENT, "%s and %s exclude each other", params[one].name,
			         params[other].name);
			fail_remedy(why, "Leave one of them out.");
			return -ENOENT;
		}
	}
	/* Both are written alike, so they sort as texts. */
	if (a->given[PARAM_START] && a->given[PARAM_END] &&
	    strcmp(buf_text(&a->json[PARAM_START]), buf_text(&a->json[PARAM_END])) >= 0) {
		fail_set(why, ENOENT, "startDate is not before endDate");
		fail_remedy(why, "Nothing would lie between them: endDate is the first moment that "
		                 "no longer belongs.");
		return -ENOENT;
	}
	return 0;
}

static int check_form(const struct asked *a, unsigned form, struct qx_fail *why)
{
	for (size_t i = 0; i < countof(params); i++) {
		for (size_t j = 0; j < countof(forms); j++) {
			if (!a->given[i] || !(params[i].not_in & form & forms[j].form))
				continue;
			fail_set(why, ENOENT, "%s is not for this file: %s", params[i].name,
			         forms[j].why);
			fail_remedy(why, "Leave it out, or read another file of the folder.");
			return -ENOENT;
		}
	}
	return 0;
}

static int put(const struct asked *a, struct buf *out, struct qx_fail *why)
{
	struct buf members = { 0 };
	int r = 0;

	for (size_t i = 0; i < countof(params); i++) {
		if (buf_failed(&a->json[i]))
			members.failed = true;
		if (a->json[i].len > 0)
			buf_addf(&members, "%s\"%s\":%s", members.len > 0 ? "," : "",
			         params[i].name, buf_text(&a->json[i]));
	}
	if (buf_failed(&members))
		r = fail_set(why, ENOMEM, "there is no memory left");
	else
		buf_add(out, buf_text(&members), members.len);
	buf_done(&members);
	return r;
}

int params_parse(const char *name, unsigned form, struct buf *out, struct qx_fail *why)
{
	struct asked a = { 0 };

	int r = take_all(&a, name, why);
	if (r == 0)
		r = check_together(&a, why);
	if (r == 0)
		r = check_form(&a, form, why);
	if (r == 0)
		r = put(&a, out, why);
	for (size_t i = 0; i < countof(params); i++)
		buf_done(&a.json[i]);
	return r;
}

/* --- for people --- */

static void help_limits(size_t id, struct buf *out)
{
	const char *before = "; not in ";

	for (size_t j = 0; j < countof(forms); j++) {
		if (!(params[id].not_in & forms[j].form))
			continue;
		buf_addf(out, "%s%s", before, forms[j].files);
		before = ", ";
	}
	for (size_t j = 0; j < countof(exclusions); j++) {
		if (exclusions[j].one == id)
			buf_addf(out, "; not with %s", params[exclusions[j].other].name);
		if (exclusions[j].other == id)
			buf_addf(out, "; not with %s", params[exclusions[j].one].name);
	}
}

void params_help(struct buf *out)
{
	const char *zone;

	for (size_t i = 0; i < countof(params); i++) {
		buf_addf(out, "| `%s` | %s | %s", params[i].name, param_type_name(params[i].type),
		         params[i].doc);
		help_limits(i, out);
		buf_add_str(out, " |\n");
	}
	buf_add_str(out, "\nTime zones: UTC");
	for (size_t i = 0; (zone = param_zone_at(i)) != NULL; i++)
		buf_addf(out, ", %s", zone);
	buf_add_str(out, ".\n");
}
