/* nodes.c: the table. Sizes of cells: a recorded CSV of 24 columns has 17 bytes a cell
 * (API.md 3.4), but one may hold an essay; JSON repeats names. An estimate errs upward: too small
 * loses data silently (research/EXPERIMENTS.md 3). */
#include "nodes.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include <qxfs/base/sys.h>

#define LIST(of) \
	{ \
		.listed = true, .list = (of) \
	}
#define TEXT(fn) \
	{ \
		.text = (fn) \
	}
#define GET(ep) \
	{ \
		.is_document = true, .document = (ep) \
	}
#define EXPORT(body, bytes) \
	{ \
		.export_body = (body), .cell_bytes = (bytes) \
	}
#define NONE \
	{ \
		0 \
	}
#define ROW(path, kind, source, flags, doc) \
	{ \
		path, kind, source, flags, doc, 0, 0, NULL, false \
	}

static struct node_row rows[] = {
	/* path, kind, source, flags, what it is */
	[ROW_ROOT] = ROW("/", NODE_DIR, NONE, 0, "the account"),
	[ROW_README] = ROW("/README.txt", NODE_TEXT, TEXT(text_readme), 0,
	                   "what is here and which file to open"),
	[ROW_STATUS] = ROW("/STATUS.txt", NODE_TEXT, TEXT(text_status), 0,
	                   "for people: what is ready, running, failed, and what to do"),
	[ROW_WHOAMI] = ROW("/whoami.json", NODE_DATA, GET(EP_WHOAMI), 0,
	                   "the user that the token belongs to"),
	[ROW_SURVEYS] =
		ROW("/surveys", NODE_DIR, LIST(LIST_SURVEYS), 0, "a folder for each survey"),
	[ROW_SURVEYS_INDEX] = ROW("/surveys/index.csv", NODE_TEXT, TEXT(text_surveys_index), 0,
	                          "the list of surveys as a table"),
	[ROW_BY_NAME] = ROW("/surveys/by-name", NODE_DIR, LIST(LIST_SURVEYS), 0,
	                    "the same folders under the surveys' names"),
	[ROW_BY_NAME_LINK] =
		ROW("/surveys/by-name/{name}", NODE_LINK, NONE, 0, "a link to the survey's folder"),
	[ROW_SURVEY] = ROW("/surveys/{survey}", NODE_DIR, NONE, 0,
	                   "one survey; found by its id also when no list shows it"),
	[ROW_SURVEY_STATUS] =
		ROW("/surveys/{survey}/STATUS.txt", NODE_TEXT, TEXT(text_survey_status), 0,
	            "for people: the state of this survey's files"),
	[ROW_SURVEY_JSON] = ROW("/surveys/{survey}/survey.json", NODE_DATA, GET(EP_SURVEY), 0,
	                        "questions, blocks, flow, counts of responses"),
	[ROW_RESPONSES_CSV] =
		ROW("/surveys/{survey}/responses.csv", NODE_DATA,
	            EXPORT("{\"format\":\"csv\"}", 1000), 0,
	            "all finished responses, byte for byte as the service exports them; "
	            "the first open waits for the export"),
	[ROW_QXFS] = ROW("/.qxfs", NODE_DIR, NONE, ROW_OWNER_ONLY | ROW_UNLISTED,
	                 "about the mount, for its owner; found by name"),
	[ROW_QXFS_STATUS] = ROW("/.qxfs/status.json", NODE_TEXT, TEXT(text_status_json),
	                        ROW_OWNER_ONLY, "account, host, limits, cache, jobs, failures"),
	[ROW_QXFS_JOBS] = ROW("/.qxfs/jobs", NODE_TEXT, TEXT(text_jobs), ROW_OWNER_ONLY,
	                      "a line for each running job"),
	[ROW_QXFS_ERRORS] = ROW("/.qxfs/errors", NODE_TEXT, TEXT(text_errors), ROW_OWNER_ONLY,
	                        "the last failures, each with its cause and what to do"),
};
static_assert(countof(rows) == ROWS_, "every row is there");

static enum row_id find_parent(const char *path, size_t len)
{
	for (int i = 0; i < ROWS_; i++)
		if (strlen(rows[i].path) == len && strncmp(rows[i].path, path, len) == 0)
			return (enum row_id)i;
	return ROW_ROOT;
}

void nodes_init(void)
{
	for (int i = 0; i < ROWS_; i++) {
		struct node_row *row = &rows[i];
		const char *slash = strrchr(row->path, '/');
		row->id = (enum row_id)i;
		row->name = slash + 1;
		row->is_pattern = row->name[0] == '{';
		row->parent = find_parent(row->path, (size_t)(slash - row->path));
	}
}

const struct node_row *node_row(enum row_id id)
{
	return &rows[id];
}

const struct node_row *node_child(const struct node_row *dir, const char *name)
{
	for (int i = ROW_ROOT + 1; i < ROWS_; i++)
		if (rows[i].parent == dir->id && !rows[i].is_pattern &&
		    strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

const struct node_row *node_pattern(const struct node_row *dir)
{
	for (int i = ROW_ROOT + 1; i < ROWS_; i++)
		if (rows[i].parent == dir->id && rows[i].is_pattern)
			return &rows[i];
	return NULL;
}

void node_subject(const struct node_row *row, const char *arg, struct buf *out)
{
	for (const char *p = row->path + 1; *p; p++) {
		if (*p == '{') {
			buf_add_str(out, arg);
			p = strchr(p, '}');
		} else {
			buf_add(out, p, 1);
		}
	}
}

bool survey_id_is_well_formed(const char *text)
{
	size_t n = strlen(text);
	if (n < 3 + 8 || n > 3 + 32 || strncmp(text, "SV_", 3) != 0)
		return false;
	for (const char *c = text + 3; *c; c++)
		if (!isalnum((unsigned char)*c))
			return false;
	return true;
}
