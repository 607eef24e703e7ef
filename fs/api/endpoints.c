/* endpoints.c: what the service offers, one row for each endpoint. The figures: API.md section 2.
 */
#include <qxfs/api/endpoints.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <qxfs/base/sys.h>

#define SURVEY "/API/v3/surveys/{}"
#define EXPORTS SURVEY "/export-responses"

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

int endpoint_path(enum endpoint ep, const char *const args[], struct buf *out)
{
	const char *path = rows[ep].path;
	size_t n = 0;

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
