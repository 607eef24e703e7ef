/* nodes.c: the table. */
#include "nodes.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <qxfs/base/sys.h>

#include "ids.h"

#define SURVEY "/surveys/{survey}"
#define DIRECTORY "/directories/{directory}"
#define MAILINGLIST "/mailinglists/{mailinglist}"
#define MARK "tells indexers that there is nothing for them here"
#define TOKENS "useNewPaginationScheme=true"
#define EMBEDDED "includeEmbedded=true&" TOKENS

#define NODE(at, of, words, ...) \
	{ \
		.path = (at), .kind = (of), .doc = (words), __VA_ARGS__ \
	}
#define DIR(path, set, doc) NODE(path, NODE_DIR, doc, .flags = (set))
#define LISTED(path, of, set, doc) NODE(path, NODE_DIR, doc, .flags = (set), .list = (of))
#define LINK(path, doc) NODE(path, NODE_LINK, doc, .flags = 0)
#define TEXT(path, fn, set, doc) \
	NODE(path, NODE_TEXT, doc, .flags = (set), .source = { .kind = SOURCE_TEXT, .text = (fn) })
#define DATA(path, doc, ...) NODE(path, NODE_DATA, doc, .source = { __VA_ARGS__ })
#define GET(path, from, doc) DATA(path, doc, .kind = SOURCE_DOCUMENT, .ep = (from))
#define QSF(path, from, doc) \
	DATA(path, doc, .kind = SOURCE_DOCUMENT, .ep = (from), .query = "format=qsf", \
	     .verbatim = true)
#define PART(path, from, which, with, doc) \
	DATA(path, doc, .kind = SOURCE_DOCUMENT, .ep = (from), .args = (which), .query = (with))
#define PAGES(path, from, which, with, as, doc) \
	DATA(path, doc, .kind = SOURCE_PAGES, .ep = (from), .args = (which), .query = (with), \
	     .shape = (as))
#define STREAM(path, from, which, with, id, form, words, ...) \
	NODE(path, NODE_DIR, words, \
	     .source = { .kind = SOURCE_STREAM, \
	                 .ep = (from), \
	                 .args = (which), \
	                 .query = (with), \
	                 .member = (id), \
	                 .is_id = (form), \
	                 __VA_ARGS__ })
#define FOUND(path, of, as, doc) \
	NODE(path, of, doc, \
	     .source = { .kind = SOURCE_PAGES, \
	                 .ep = EP_SEARCH, \
	                 .args = "0", \
	                 .query = "includeEmbedded=true", \
	                 .shape = (as) })
#define MEMBERS(path, from, old_from, shown, old_shown, words) \
	NODE(path, NODE_DATA, words, .flags = (old_from) ? 0 : ROW_XM_ONLY, \
	     .source = { .kind = SOURCE_PAGES, \
	                 .ep = (from), \
	                 .args = "d0", \
	                 .query = EMBEDDED, \
	                 .shape = (shown), \
	                 .old_ep = (old_from), \
	                 .old_shape = (old_shown) })
#define MADE(path, doc) DATA(path, doc, .kind = SOURCE_DERIVED)

static struct node_row rows[ROWS_MAX_] = {
	[ROW_ROOT] = DIR("/", 0, "the account"),
	[ROW_README] = TEXT("/README.txt", text_readme, 0, "what is here and which file to open"),
	[ROW_STATUS] = TEXT("/STATUS.txt", text_status, 0,
	                    "for people: what is ready, running, failed, and what to do"),
	[ROW_TRACKER_MARK] = TEXT("/.trackerignore", text_mark, 0, MARK),
	[ROW_MEDIA_MARK] = TEXT("/.nomedia", text_mark, 0, MARK),
	[ROW_INDEX_MARK] = TEXT("/.metadata_never_index", text_mark, 0, MARK),
	[ROW_WHOAMI] = GET("/whoami.json", EP_WHOAMI, "the user that the token belongs to"),
	[ROW_EXCEL] = LISTED("/excel", LIST_SURVEYS, 0,
	                     "every survey's responses.xlsx under the survey's name"),
	[ROW_EXCEL_FILE] =
		MADE("/excel/{excel}.xlsx", "the same file as surveys/SV_.../responses.xlsx"),
	[ROW_SURVEYS] = LISTED("/surveys", LIST_SURVEYS, ROW_IMPORTS, "a folder for each survey"),
	[ROW_SURVEYS_INDEX] =
		TEXT("/surveys/index.csv", text_surveys_index, 0, "the list of surveys as a table"),
	[ROW_BY_NAME] = LISTED("/surveys/by-name", LIST_SURVEYS, 0,
	                       "the same folders under the surveys' names"),
	[ROW_BY_NAME_LINK] = LINK("/surveys/by-name/{name}", "a link to the survey's folder"),
	[ROW_ACTIVE] = LISTED("/surveys/active", LIST_SURVEYS, 0,
	                      "those that take responses, under their names"),
	[ROW_ACTIVE_LINK] = LINK("/surveys/active/{active}", "a link to the survey's folder"),
	[ROW_MINE] = LISTED("/surveys/mine", LIST_SURVEYS, 0,
	                    "those that the token's user owns, under their names"),
	[ROW_MINE_LINK] = LINK("/surveys/mine/{mine}", "a link to the survey's folder"),
	[ROW_RECENT] = LISTED("/surveys/recent", LIST_SURVEYS, 0,
	                      "the 50 that were modified last, under their names"),
	[ROW_RECENT_LINK] = LINK("/surveys/recent/{recent}", "a link to the survey's folder"),
	[ROW_SURVEY] = DIR(SURVEY, ROW_FORMS | ROW_IMPORTS,
	                   "one survey; found by its id also when no list shows it"),
	[ROW_SURVEY_STATUS] = TEXT(SURVEY "/STATUS.txt", text_survey_status, 0,
	                           "for people: the state of this survey's files"),
	[ROW_SURVEY_JSON] = GET(SURVEY "/survey.json", EP_SURVEY,
	                        "questions, blocks, flow, counts of responses"),
	[ROW_DEFINITION] =
		GET(SURVEY "/definition.json", EP_DEFINITION, "the survey as its editor knows it"),
	[ROW_QSF] = QSF(SURVEY "/survey.qsf", EP_DEFINITION,
	                "the survey as a file that Qualtrics imports again"),
	[ROW_SCHEMA] = GET(SURVEY "/schema.json", EP_SCHEMA,
	                   "columns of the responses: types, codes, labels"),
	[ROW_LANGUAGES] =
		GET(SURVEY "/languages.json", EP_LANGUAGES, "the languages it can be taken in"),
	[ROW_QUOTAS] =
		PAGES(SURVEY "/quotas.json", EP_QUOTAS, NULL, NULL, SHAPE_JSON, "its quotas"),
	[ROW_CODEBOOK] =
		MADE(SURVEY "/codebook.csv", "columns, questions, types, codes, labels as a table"),
	[ROW_DISTRIBUTIONS_CSV] =
		PAGES(SURVEY "/distributions.csv", EP_DISTRIBUTIONS, "", "surveyId={0}",
	              SHAPE_DISTRIBUTIONS, "its mailings and links as a table"),
	[ROW_DISTRIBUTIONS] =
		LISTED(SURVEY "/distributions", LIST_DISTRIBUTIONS, 0, "a folder for each of them"),
	[ROW_DISTRIBUTION] = DIR(SURVEY "/distributions/{distribution}", 0, "one mailing"),
	[ROW_DISTRIBUTION_JSON] =
		PART(SURVEY "/distributions/{distribution}/distribution.json", EP_DISTRIBUTION, "1",
	             "surveyId={0}", "what was sent, when, to whom"),
	[ROW_DISTRIBUTION_LINKS] =
		PAGES(SURVEY "/distributions/{distribution}/links.csv", EP_DISTRIBUTION_LINKS, "1",
	              "surveyId={0}", SHAPE_LINKS, "the personal links"),
	[ROW_DISTRIBUTION_HISTORY] =
		PAGES(SURVEY "/distributions/{distribution}/history.csv", EP_DISTRIBUTION_HISTORY,
	              "1", "surveyId={0}", SHAPE_HISTORY, "what became of each message"),
	[ROW_NOW] = DIR(SURVEY "/now", ROW_FORMS, "the responses, never older than a minute"),
	[ROW_FILTERS] =
		LISTED(SURVEY "/filters", LIST_FILTERS, 0, "a folder for each saved filter"),
	[ROW_FILTER] = DIR(SURVEY "/filters/{filter}", ROW_FORMS,
	                   "the responses that this filter lets through"),
	[ROW_DATES] = DIR(SURVEY "/dates", 0,
	                  "responses of a span of time, found by name; those used are listed"),
	[ROW_SPAN] = DIR(SURVEY "/dates/{dates}", ROW_FORMS,
	                 "those recorded then: 2026-01-15, 2026-01, 2026-01-01.., last-7-days"),
	[ROW_WITH] = DIR(SURVEY "/with", 0,
	                 "responses as parameters want them, found by name; those used are listed"),
	[ROW_PARAMETERS] =
		DIR(SURVEY "/with/{with}", ROW_FORMS,
	            "exported with these parameters: useLabels=true,questionIds=QID1+QID2"),
	[ROW_RESPONSES] =
		DIR(SURVEY "/responses", 0, "single responses, found by name: R_....json"),
	[ROW_RESPONSE_JSON] = GET(SURVEY "/responses/{response}.json", EP_RESPONSE, "one response"),
	[ROW_DIRECTORY_LINK] = LINK("/directory", "a link to the account's default directory"),
	[ROW_DIRECTORIES] = LISTED("/directories", LIST_DIRECTORIES, 0,
	                           "XM Directory: a folder for each directory of people"),
	[ROW_DIRECTORY] = DIR(DIRECTORY, ROW_IMPORTS, "one directory"),
	[ROW_DIRECTORY_JSON] =
		TEXT(DIRECTORY "/directory.json", text_directory, 0,
	             "its name, count, criteria of deduplication, as the list has them"),
	[ROW_CONTACTS_CSV] = PAGES(DIRECTORY "/contacts.csv", EP_CONTACTS, "0", TOKENS,
	                           SHAPE_CONTACTS, "its contacts as a table"),
	[ROW_CONTACTS_JSON] = PAGES(DIRECTORY "/contacts.json", EP_CONTACTS, "0", TOKENS,
	                            SHAPE_JSON, "the same as JSON: an array"),
	[ROW_CONTACTS_NDJSON] = PAGES(DIRECTORY "/contacts.ndjson", EP_CONTACTS, "0", TOKENS,
	                              SHAPE_NDJSON, "the same, a contact on each line"),
	[ROW_CONTACTS_XLSX] = MADE(DIRECTORY "/contacts.xlsx", "the same for Excel"),
	[ROW_CONTACTS_OUT] = PAGES(DIRECTORY "/opted-out.csv", EP_OPTED_OUT, "0", TOKENS,
	                           SHAPE_CONTACTS, "those who want no messages at all"),
	[ROW_CONTACTS] = STREAM(DIRECTORY "/contacts", EP_CONTACTS, "0", TOKENS, "contactId",
	                        id_is_contact, "single contacts; millions are listed as they come"),
	[ROW_CONTACT_JSON] = PART(DIRECTORY "/contacts/{contact}.json", EP_CONTACT, "01", NULL,
	                          "one contact: dates, embedded data, its mailing lists"),
	[ROW_BY_EMAIL] =
		DIR(DIRECTORY "/by-email", 0, "contacts by their e-mail address, found by name"),
	[ROW_EMAIL_LINK] =
		FOUND(DIRECTORY "/by-email/{email}", NODE_LINK, SHAPE_JSON,
	              "a link to the contact, or to the search if several have the address"),
	[ROW_SEARCHES] =
		DIR(DIRECTORY "/search", 0, "contacts that meet conditions, found by name"),
	[ROW_SEARCH] =
		DIR(DIRECTORY "/search/{search}", 0, "those with lastName=Smith,language=EN"),
	[ROW_SEARCH_CSV] = FOUND(DIRECTORY "/search/{search}/contacts.csv", NODE_DATA, SHAPE_FOUND,
	                         "as a table; fewer than 10,000, else it is refused"),
	[ROW_SEARCH_JSON] = FOUND(DIRECTORY "/search/{search}/contacts.json", NODE_DATA, SHAPE_JSON,
	                          "the same as JSON: an array"),
	[ROW_MAILINGLISTS] = LISTED("/mailinglists", LIST_MAILINGLISTS, 0,
	                            "a folder for each mailing list of all directories"),
	[ROW_LISTS_BY_NAME] = LISTED("/mailinglists/by-name", LIST_MAILINGLISTS, 0,
	                             "the same folders under the lists' names"),
	[ROW_LISTS_BY_NAME_LINK] =
		LINK("/mailinglists/by-name/{mailinglist-name}", "a link to the list's folder"),
	[ROW_MAILINGLIST] = DIR(MAILINGLIST, ROW_IMPORTS, "one mailing list"),
	[ROW_MAILINGLIST_JSON] =
		DATA(MAILINGLIST "/list.json", "its name, owner, dates", .kind = SOURCE_DOCUMENT,
	             .ep = EP_MAILINGLIST, .args = "d0", .old_ep = EP_OLD_MAILINGLIST),
	[ROW_MEMBERS_CSV] =
		MEMBERS(MAILINGLIST "/contacts.csv", EP_MEMBERS, EP_OLD_MEMBERS, SHAPE_MEMBERS,
	                SHAPE_OLD_MEMBERS, "its contacts as a table, with their embedded data"),
	[ROW_MEMBERS_JSON] = MEMBERS(MAILINGLIST "/contacts.json", EP_MEMBERS, EP_OLD_MEMBERS,
	                             SHAPE_JSON, SHAPE_JSON, "the same as JSON: an array"),
	[ROW_MEMBERS_NDJSON] =
		MEMBERS(MAILINGLIST "/contacts.ndjson", EP_MEMBERS, EP_OLD_MEMBERS, SHAPE_NDJSON,
	                SHAPE_NDJSON, "the same, a contact on each line"),
	[ROW_MEMBERS_XLSX] = MADE(MAILINGLIST "/contacts.xlsx", "the same for Excel"),
	[ROW_MEMBERS_BOUNCED] =
		MEMBERS(MAILINGLIST "/bounced.csv", EP_MEMBERS_BOUNCED, EP_WHOAMI, SHAPE_MEMBERS,
	                SHAPE_MEMBERS, "those whom messages did not reach"),
	[ROW_MEMBERS_OUT] =
		MEMBERS(MAILINGLIST "/opted-out.csv", EP_MEMBERS_OPTED_OUT, EP_WHOAMI,
	                SHAPE_MEMBERS, SHAPE_MEMBERS, "those who want no messages of this list"),
	[ROW_MEMBERS] = STREAM(MAILINGLIST "/contacts", EP_MEMBERS, "d0", TOKENS, "contactLookupId",
	                       id_is_recipient, "its contacts one by one, by their Recipient IDs",
	                       .old_ep = EP_OLD_MEMBERS, .old_member = "id"),
	[ROW_MEMBER_JSON] = DATA(MAILINGLIST "/contacts/{member}.json",
	                         "one of them, with both of its ids; also by its Contact ID",
	                         .kind = SOURCE_DERIVED, .made = "one contact"),
	[ROW_QXFS] = DIR("/.qxfs", ROW_OWNER_ONLY | ROW_UNLISTED,
	                 "about the mount, for its owner; found by name"),
	[ROW_QXFS_STATUS] = TEXT("/.qxfs/status.json", text_status_json, ROW_OWNER_ONLY,
	                         "account, host, limits, cache, jobs, failures"),
	[ROW_QXFS_LIMITS] = TEXT("/.qxfs/limits.json", text_limits, ROW_OWNER_ONLY,
	                         "the account's limits, and what is in use of them"),
	[ROW_QXFS_JOBS] =
		TEXT("/.qxfs/jobs", text_jobs, ROW_OWNER_ONLY, "a line for each running job"),
	[ROW_QXFS_ERRORS] = TEXT("/.qxfs/errors", text_errors, ROW_OWNER_ONLY,
	                         "the last failures, each with its cause and what to do"),
	[ROW_QXFS_EVENTS] = NODE(
		"/.qxfs/events",
		NODE_EVENTS,
		"what happened, a line each, also while it is read; at its end it can be polled",
		.flags = ROW_OWNER_ONLY),
	[ROW_API] = DIR("/.qxfs/api", ROW_OWNER_ONLY | ROW_OPTION_API,
	                "with -o api: any GET of the API, fetched anew by each open, kept nowhere"),
	[ROW_API_FOLDER] =
		DIR("/.qxfs/api/{folder}", ROW_OWNER_ONLY | ROW_OPTION_API | ROW_DEEP,
	            "the folders of a path, of any name and any depth; they list nothing"),
	[ROW_API_PATH] =
		NODE("/.qxfs/api/{path}.json", NODE_LIVE,
	             "what a GET of that path says, also PATH?QUERY.json; of a list all its pages",
	             .flags = ROW_OWNER_ONLY | ROW_OPTION_API | ROW_DEEP,
	             .source = { .kind = SOURCE_PATH }),
};

/* Paths of the rows that nodes_init() adds. */
static char made_paths[ROWS_MAX_ - ROWS_FIXED_][80];
static int n_rows;

static const struct {
	const char *name;
	enum hole hole;
} hole_names[] = {
	{ "survey", HOLE_SURVEY },
	{ "name", HOLE_SURVEY_NAME },
	{ "active", HOLE_ACTIVE },
	{ "mine", HOLE_MINE },
	{ "recent", HOLE_RECENT },
	{ "excel", HOLE_EXCEL },
	{ "filter", HOLE_FILTER },
	{ "response", HOLE_RESPONSE },
	{ "distribution", HOLE_DISTRIBUTION },
	{ "directory", HOLE_DIRECTORY },
	{ "contact", HOLE_CONTACT },
	{ "member", HOLE_MEMBER },
	{ "email", HOLE_EMAIL },
	{ "search", HOLE_SEARCH },
	{ "mailinglist", HOLE_MAILINGLIST },
	{ "mailinglist-name", HOLE_MAILINGLIST_NAME },
	{ "dates", HOLE_DATES },
	{ "with", HOLE_WITH },
	{ "entry", HOLE_ENTRY },
	{ "folder", HOLE_API_FOLDER },
	{ "path", HOLE_API_PATH },
};
static_assert(countof(hole_names) == HOLES_ - 1, "every hole has its name");

static enum hole hole_named(const char *name, size_t len)
{
	for (size_t i = 0; i < countof(hole_names); i++)
		if (strlen(hole_names[i].name) == len &&
		    strncmp(hole_names[i].name, name, len) == 0)
			return hole_names[i].hole;
	return HOLE_NONE;
}

static enum row_id find_parent(const char *path, size_t len)
{
	for (int i = 0; i < n_rows; i++)
		if (strlen(rows[i].path) == len && strncmp(rows[i].path, path, len) == 0)
			return (enum row_id)i;
	return ROW_ROOT;
}

static void add_forms(const struct node_row *dir)
{
	for (int f = 0; f < FORMS_; f++) {
		const struct form *form = form_row((enum form_id)f);
		char *path = made_paths[n_rows - ROWS_FIXED_];

		(void)snprintf(path, sizeof(made_paths[0]), "%s/%s", dir->path, form->name);
		rows[n_rows++] = (struct node_row){
			.path = path,
			.kind = NODE_DATA,
			.source = { .kind = form->members ? SOURCE_FORM : SOURCE_DERIVED,
			            .form = form },
			.flags = form->flags & FORM_LISTED ? 0 : ROW_UNLISTED,
			.doc = form->doc,
		};
	}
}

/* Path below the folder, kind, what it is. */
static const struct {
	const char *path;
	enum node_kind kind;
	text_fn *text;
	const char *doc;
} inbox_rows[INBOX_ROWS_] = {
	[INBOX_IMPORT] = { "import", NODE_DIR, NULL,
	                   "files copied here are imported into the account" },
	[INBOX_CHECK] = { "check", NODE_DIR, NULL,
	                  "files copied here are only looked at: see their reports" },
	[INBOX_SEND] = { "import/send", NODE_DIR, NULL,
	                 "a file moved here is sent at once, whatever held it" },
	[INBOX_DONE] = { "import/done", NODE_DIR, NULL, "what has been imported, for some days" },
	[INBOX_ENTRY] = { "import/{entry}", NODE_SPOOL, NULL, "a file that was copied here" },
	[INBOX_REPORT] = { "import/{entry}.report.txt", NODE_TEXT, text_report,
	                   "for people: what will be or was done with it, and why" },
	[INBOX_RESULT] = { "import/{entry}.result.json", NODE_TEXT, text_result,
	                   "the same for programs, when it is over" },
	[INBOX_REJECTED] = { "import/{entry}.rejected.csv", NODE_SPOOL, NULL,
	                     "the rows that were refused, with the reason" },
	[INBOX_TEMPLATE] = { "import/TEMPLATE.csv", NODE_TEXT, text_template,
	                     "a table to fill in: the columns that are understood here" },
};
static_assert(IMPORT_ROWS_ == INBOX_ROWS_, "every row of an import folder has its place");

static void add_inbox(struct node_row *above)
{
	above->block = (enum row_id)n_rows;
	for (int i = 0; i < INBOX_ROWS_; i++) {
		char *path = made_paths[n_rows - ROWS_FIXED_];

		(void)snprintf(path, sizeof(made_paths[0]), "%s/%s", above->path,
		               inbox_rows[i].path);
		rows[n_rows++] = (struct node_row){
			.path = path,
			.kind = inbox_rows[i].kind,
			.source = { .kind = inbox_rows[i].text ? SOURCE_TEXT : SOURCE_NONE,
			            .text = inbox_rows[i].text },
			.doc = inbox_rows[i].doc,
			.block = above->block,
			.is_inbox = inbox_rows[i].kind == NODE_DIR,
		};
	}
}

static void complete(struct node_row *row)
{
	const char *slash = strrchr(row->path, '/');
	row->id = (enum row_id)(row - rows);
	row->name = slash + 1;
	row->suffix = "";
	row->parent = find_parent(row->path, (size_t)(slash - row->path));
	if (row->name[0] == '{') {
		const char *end = strchr(row->name, '}');
		row->hole = hole_named(row->name + 1, (size_t)(end - row->name) - 1);
		row->suffix = end + 1;
	}
	if (row->source.kind == SOURCE_DERIVED && row->id != ROW_EXCEL_FILE)
		row->source.render = render_find(row->source.made ? row->source.made : row->name);
	row->parts = 0;
	for (const char *p = row->path; (p = strchr(p, '{')); p++)
		row->parts++;
}

/* Children in the order of the table. */
static void link_children(void)
{
	for (int i = n_rows - 1; i > ROW_ROOT; i--) {
		struct node_row *above = &rows[rows[i].parent];
		rows[i].next = above->first_child;
		above->first_child = (enum row_id)i;
	}
}

void nodes_init(void)
{
	if (n_rows)
		return;
	n_rows = ROWS_FIXED_;
	for (int i = 0; i < ROWS_FIXED_; i++) {
		if (!(rows[i].flags & ROW_FORMS))
			continue;
		rows[i].forms = (enum row_id)n_rows;
		add_forms(&rows[i]);
	}
	for (int i = 0; i < ROWS_FIXED_; i++)
		if (rows[i].flags & ROW_IMPORTS)
			add_inbox(&rows[i]);
	for (int i = 0; i < n_rows; i++)
		complete(&rows[i]);
	link_children();
}

enum row_id nodes_count(void)
{
	return (enum row_id)n_rows;
}

const struct node_row *node_row(enum row_id id)
{
	return &rows[id];
}

const struct node_row *node_form(enum row_id dir, enum form_id form)
{
	return &rows[(int)rows[dir].forms + (int)form];
}

const struct node_row *node_child(const struct node_row *dir, const char *name)
{
	for (enum row_id i = dir->first_child; i != ROW_ROOT; i = rows[i].next)
		if (rows[i].hole == HOLE_NONE && strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

const struct node_row *node_pattern(const struct node_row *dir)
{
	for (enum row_id i = dir->first_child; i != ROW_ROOT; i = rows[i].next)
		if (rows[i].hole != HOLE_NONE)
			return &rows[i];
	return NULL;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);
	return n > m && strcmp(name + n - m, suffix) == 0;
}

const struct node_row *node_pattern_of(const struct node_row *dir, const char *name)
{
	const struct node_row *best = NULL;

	for (enum row_id i = dir->first_child; i != ROW_ROOT; i = rows[i].next)
		if (rows[i].hole != HOLE_NONE && ends_in(name, rows[i].suffix) &&
		    (!best || strlen(rows[i].suffix) > strlen(best->suffix)))
			best = &rows[i];
	return best;
}

const struct node_row *node_inside(const struct node_row *dir)
{
	return dir->flags & ROW_DEEP ? &rows[dir->parent] : dir;
}

const struct node_row *node_above(const struct node_row *row, char arg[ARG_MAX_BYTES])
{
	const struct node_row *above = &rows[row->parent];
	char *last = row->hole == HOLE_NONE ? NULL : strrchr(arg, '/');

	if (row->hole != HOLE_NONE)
		*(last ? last : arg) = 0;
	if (!(row->flags & ROW_DEEP) || !arg[0])
		return above;
	enum row_id i = above->first_child;
	while (rows[i].kind != NODE_DIR || !(rows[i].flags & ROW_DEEP))
		i = rows[i].next;
	return &rows[i];
}

const struct node_row *node_target(const struct node_row *row)
{
	return row->id == ROW_EXCEL_FILE ? node_form(ROW_SURVEY, FORM_XLSX) : row;
}

const struct node_row *node_base(const struct node_row *row)
{
	const char *name = row->source.render->base;
	const struct node_row *base = NULL;

	for (enum row_id dir = row->parent; !base && dir != ROW_ROOT; dir = rows[dir].parent)
		base = node_child(&rows[dir], name);
	return base;
}

void node_base_arg(const struct node_row *row, const char *arg, char out[ARG_MAX_BYTES])
{
	size_t n = 0;

	for (int i = node_base(row)->parts; i > 0; i--)
		n += strcspn(arg + n, "/") + (i > 1);
	memcpy(out, arg, n);
	out[n] = 0;
}

bool arg_part(const char *arg, int i, char out[ARG_MAX_BYTES])
{
	for (; i > 0; i--) {
		arg = strchr(arg, '/');
		if (!arg)
			return false;
		arg++;
	}
	size_t n = strcspn(arg, "/");
	if (n == 0 || n >= ARG_MAX_BYTES)
		return false;
	memcpy(out, arg, n);
	out[n] = 0;
	return true;
}

bool arg_join(const char *arg, const char *part, char out[ARG_MAX_BYTES])
{
	size_t n = strlen(arg), m = strlen(part);
	if (m == 0 || n + 1 + m >= ARG_MAX_BYTES)
		return false;
	memcpy(out, arg, n);
	if (n)
		out[n++] = '/';
	memcpy(out + n, part, m + 1);
	return true;
}

void node_subject(const struct node_row *row, const char *arg, struct buf *out)
{
	for (const char *p = row->path + 1; *p; p++) {
		if (*p != '{') {
			buf_add(out, p, 1);
			continue;
		}
		size_t n = row->flags & ROW_DEEP ? strlen(arg) : strcspn(arg, "/");
		buf_add(out, arg, n);
		arg += n + (arg[n] == '/');
		p = strchr(p, '}');
	}
}
