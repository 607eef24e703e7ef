/* endpoints.c: what the service offers, one row for each endpoint. The figures: API.md section 2.
 */
#include <qxfs/api/endpoints.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

#define SURVEY "/API/v3/surveys/{}"
#define EXPORTS SURVEY "/export-responses"
#define DIRECTORY "/API/v3/directories/{}"
#define MAILINGLIST DIRECTORY "/mailinglists/{}"
#define OLD_MAILINGLIST "/API/v3/mailinglists/{}"

/* API.md 7.3 */
#define ADMINS_ONLY \
	"A directory's contacts need the rights of a directory administrator: ask your " \
	"Qualtrics administrator for them. Mailing lists can be read without."

static const struct endpoint_row rows[] = {
	[EP_WHOAMI] = {
		.name = "whoami",
		.method = "GET",
		.path = "/API/v3/whoami",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "the account",
	},
	/* Repeated although it is a POST: a token that nobody uses only grows old. */
	[EP_OAUTH_TOKEN] = {
		.name = "oauth_token",
		.method = "POST",
		.path = "/oauth2/token",
		.calls_per_minute = 500,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.mints = true,
		.says = "access_token",
		.what = "the OAuth client's access token",
	},
	[EP_SURVEYS] = {
		.name = "surveys",
		.method = "GET",
		.path = "/API/v3/surveys",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the list of surveys",
	},
	[EP_SURVEY] = {
		.name = "survey",
		.method = "GET",
		.path = SURVEY,
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "the survey",
	},
	/* Repeated although it is a POST: an export that nobody fetches costs only itself. */
	[EP_EXPORT_START] = {
		.name = "export_start",
		.method = "POST",
		.path = EXPORTS,
		.calls_per_minute = 100,
		.starts_job = true,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "the start of the survey's export",
	},
	[EP_EXPORT_PROGRESS] = {
		.name = "export_progress",
		.method = "GET",
		.path = EXPORTS "/{}",
		.calls_per_minute = 1000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.says = "result.status",
		.what = "the progress of the survey's export",
	},
	[EP_EXPORT_FILE] = {
		.name = "export_file",
		.method = "GET",
		.path = EXPORTS "/{}/file",
		.calls_per_minute = 100,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_FILE,
		.what = "the survey's export file",
	},
	[EP_DEFINITION] = {
		.name = "definition",
		.method = "GET",
		.path = "/API/v3/survey-definitions/{}",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "the survey's definition",
	},
	[EP_SCHEMA] = {
		.name = "schema",
		.method = "GET",
		.path = SURVEY "/response-schema",
		.calls_per_minute = 60,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "the schema of the survey's responses",
	},
	[EP_LANGUAGES] = {
		.name = "languages",
		.method = "GET",
		.path = SURVEY "/languages",
		.calls_per_minute = 2000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "the survey's languages",
	},
	[EP_FILTERS] = {
		.name = "filters",
		.method = "GET",
		.path = SURVEY "/filters",
		.calls_per_minute = 100,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the survey's filters",
	},
	[EP_RESPONSE] = {
		.name = "response",
		.method = "GET",
		.path = SURVEY "/responses/{}",
		.calls_per_minute = 240,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "the response",
	},
	[EP_QUOTAS] = {
		.name = "quotas",
		.method = "GET",
		.path = SURVEY "/quotas",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the survey's quotas",
	},
	[EP_DISTRIBUTIONS] = {
		.name = "distributions",
		.method = "GET",
		.path = "/API/v3/distributions",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the survey's distributions",
	},
	[EP_DISTRIBUTION] = {
		.name = "distribution",
		.method = "GET",
		.path = "/API/v3/distributions/{}",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "the distribution",
	},
	[EP_DISTRIBUTION_LINKS] = {
		.name = "distribution_links",
		.method = "GET",
		.path = "/API/v3/distributions/{}/links",
		.calls_per_minute = 500,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the distribution's links",
	},
	[EP_DISTRIBUTION_HISTORY] = {
		.name = "distribution_history",
		.method = "GET",
		.path = "/API/v3/distributions/{}/history",
		.calls_per_minute = 300,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the distribution's history",
	},
	[EP_DIRECTORIES] = {
		.name = "directories",
		.method = "GET",
		.path = "/API/v3/directories",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the list of directories",
	},
	[EP_CONTACTS] = {
		.name = "contacts",
		.method = "GET",
		.path = DIRECTORY "/contacts",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the directory's contacts",
		.remedy_403 = ADMINS_ONLY,
	},
	[EP_CONTACT] = {
		.name = "contact",
		.method = "GET",
		.path = DIRECTORY "/contacts/{}",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "the contact",
		.remedy_403 = ADMINS_ONLY,
	},
	[EP_OPTED_OUT] = {
		.name = "opted_out",
		.method = "GET",
		.path = DIRECTORY "/contacts/optedOutContacts",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the directory's contacts that opted out",
		.remedy_403 = ADMINS_ONLY,
	},
	/* Repeated although it is a POST: it reads. */
	[EP_SEARCH] = {
		.name = "search",
		.method = "POST",
		.path = DIRECTORY "/contacts/search",
		.calls_per_minute = 500,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the search for contacts",
		.most = 10000,
		.remedy_403 = ADMINS_ONLY,
	},
	[EP_MAILINGLISTS] = {
		.name = "mailinglists",
		.method = "GET",
		.path = DIRECTORY "/mailinglists",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the directory's mailing lists",
	},
	[EP_MAILINGLIST] = {
		.name = "mailinglist",
		.method = "GET",
		.path = MAILINGLIST,
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "the mailing list",
	},
	[EP_MEMBERS] = {
		.name = "members",
		.method = "GET",
		.path = MAILINGLIST "/contacts",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the mailing list's contacts",
	},
	[EP_MEMBERS_BOUNCED] = {
		.name = "members_bounced",
		.method = "GET",
		.path = MAILINGLIST "/bouncedContacts",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the mailing list's bounced contacts",
	},
	[EP_MEMBERS_OPTED_OUT] = {
		.name = "members_opted_out",
		.method = "GET",
		.path = MAILINGLIST "/optedOutContacts",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the mailing list's contacts that opted out",
	},
	[EP_OLD_MAILINGLISTS] = {
		.name = "old_mailinglists",
		.method = "GET",
		.path = "/API/v3/mailinglists",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the list of mailing lists",
	},
	[EP_OLD_MAILINGLIST] = {
		.name = "old_mailinglist",
		.method = "GET",
		.path = OLD_MAILINGLIST,
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "the mailing list",
	},
	[EP_OLD_MEMBERS] = {
		.name = "old_members",
		.method = "GET",
		.path = OLD_MAILINGLIST "/contacts",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NEXT,
		.answer = ANSWER_JSON,
		.what = "the mailing list's contacts",
	},
	/* Contact imports: a second one adds people twice where nothing tells them apart, so whether an
	 * unanswered one arrived is for a person to decide. */
	[EP_IMPORT_CONTACTS] = {
		.name = "import_contacts",
		.method = "POST",
		.path = MAILINGLIST "/transactioncontacts",
		.calls_per_minute = 100,
		.starts_job = true,
		.repeat = REPEAT_NEVER,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.says = "result.id",
		.what = "the import of contacts",
	},
	[EP_IMPORT_CONTACTS_PROGRESS] = {
		.name = "import_contacts_progress",
		.method = "GET",
		.path = MAILINGLIST "/transactioncontacts/{}",
		.calls_per_minute = 500,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "the progress of the import of contacts",
	},
	[EP_CREATE_CONTACT] = {
		.name = "create_contact",
		.method = "POST",
		.path = DIRECTORY "/contacts",
		.calls_per_minute = 500,
		.repeat = REPEAT_NEVER,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.says = "result.id",
		.what = "the new contact",
	},
	[EP_OLD_IMPORT] = {
		.name = "old_import",
		.method = "POST",
		.path = OLD_MAILINGLIST "/contactimports",
		.calls_per_minute = 3000,
		.starts_job = true,
		.repeat = REPEAT_NEVER,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.says = "result.id",
		.what = "the import of contacts",
	},
	[EP_OLD_IMPORT_PROGRESS] = {
		.name = "old_import_progress",
		.method = "GET",
		.path = OLD_MAILINGLIST "/contactimports/{}",
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "the progress of the import of contacts",
	},
	[EP_IMPORT_RESPONSES] = {
		.name = "import_responses",
		.method = "POST",
		.path = SURVEY "/import-responses",
		.calls_per_minute = 100,
		.starts_job = true,
		.repeat = REPEAT_KEY,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.says = "result.progressId",
		.what = "the import of responses",
	},
	[EP_IMPORT_RESPONSES_PROGRESS] = {
		.name = "import_responses_progress",
		.method = "GET",
		.path = SURVEY "/import-responses/{}",
		.calls_per_minute = 100,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.says = "result.status",
		.what = "the progress of the import of responses",
	},
	/* 15 at once (API.md 5.3): no job, its answer is its end. */
	[EP_CREATE_SURVEY] = {
		.name = "create_survey",
		.method = "POST",
		.path = "/API/v3/surveys",
		.calls_per_minute = 3000,
		.repeat = REPEAT_LOOK,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.says = "result.id",
		.what = "the new survey",
	},
	/* Slower than whatever has no row or line of its own: paths.c. */
	[EP_API] = {
		.name = "api",
		.method = "GET",
		.path = "/API/v3/",
		.any_path = true,
		.calls_per_minute = 60,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "this path of the API",
	},
	[EP_API_MANY] = {
		.name = "api_many",
		.method = "GET",
		.path = "/API/v3/",
		.any_path = true,
		.calls_per_minute = 3000,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "this path of the API",
	},
	[EP_API_RARE] = {
		.name = "api_rare",
		.method = "GET",
		.path = "/API/v3/",
		.any_path = true,
		.calls_per_minute = 5,
		.repeat = REPEAT_ALWAYS,
		.pages = PAGE_NONE,
		.answer = ANSWER_JSON,
		.what = "this path of the API",
	},
};
static_assert(countof(rows) == EP_N_, "every endpoint has its row");

const struct endpoint_row *endpoint_row(enum endpoint ep)
{
	return &rows[ep];
}

static size_t count_holes(const char *path)
{
	size_t n = 0;
	for (const char *hole = path; (hole = strstr(hole, "{}")); hole += 2)
		n++;
	return n;
}

/* Encoding saves us from '/' and '?'; an empty or a dotted segment would still change the path. */
static bool is_segment(const char *arg)
{
	return arg[0] && strcmp(arg, ".") != 0 && strcmp(arg, "..") != 0;
}

/* Each component by itself, so that a '/' is all that stays as it is. */
static int add_components(const char *path, struct buf *out)
{
	char *own = strdup(path), *rest = own;
	int r = own ? 0 : -ENOMEM;

	for (char *one; r == 0 && (one = strsep(&rest, "/"));) {
		if (!is_segment(one))
			r = -EINVAL;
		buf_add_url(out, one);
		buf_add_str(out, rest ? "/" : "");
	}
	free(own);
	return r;
}

static int any_path(enum endpoint ep, const char *const args[], struct buf *out)
{
	struct buf path = { 0 };

	int r = args && args[0] && !args[1] ? add_components(args[0], &path) : -EINVAL;
	if (r == 0) {
		buf_add_str(out, rows[ep].path);
		buf_add(out, path.data, path.len);
		r = buf_failed(&path) || buf_failed(out) ? -ENOMEM : 0;
	}
	buf_done(&path);
	return r;
}

int endpoint_path(enum endpoint ep, const char *const args[], struct buf *out)
{
	const char *path = rows[ep].path;
	size_t n = 0;

	if (rows[ep].any_path)
		return any_path(ep, args, out);

	for (; args && args[n]; n++)
		if (!is_segment(args[n]))
			return -EINVAL;
	if (n != count_holes(path))
		return -EINVAL;

	for (const char *hole; (hole = strstr(path, "{}")); path = hole + 2) {
		buf_add(out, path, (size_t)(hole - path));
		buf_add_url(out, *args++);
	}
	buf_add_str(out, path);
	return buf_failed(out) ? -ENOMEM : 0;
}
