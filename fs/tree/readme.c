/* readme.c: README.txt and the list of surveys as a table. */
#include "house.h"

#include <qxfs/base/sys.h>
#include <qxfs/base/utf8.h>

#define NEVER_CHANGED_S 1577836800 /* 2020-01-01 */

/* Empty ones would do; a person who looks shall know why. */
int64_t text_mark(struct tree *t, const char *arg, struct buf *out)
{
	(void)t, (void)arg;
	buf_add_str(out, "Indexers and thumbnailers leave this folder alone: each file that they "
	                 "open would be an export.\n");
	return NEVER_CHANGED_S;
}

int64_t text_readme(struct tree *t, const char *arg, struct buf *out)
{
	(void)arg;
	buf_add_str(
		out,
		"This folder is a Qualtrics account, seen as files (qxfs).\n"
		"\n"
		"Which file?\n"
		"  excel/NAME.xlsx                            for Excel: texts, numbers, dates\n"
		"  surveys/by-name/NAME/responses.plain.csv   one header row: R, pandas, "
		"LibreOffice\n"
		"  surveys/by-name/NAME/responses.csv   the same as the service makes it\n"
		"  surveys/by-name/NAME/responses.sav   for SPSS\n"
		"  surveys/by-name/NAME/codebook.csv    what the columns and codes mean\n"
		"  surveys/index.csv                    the list of surveys: open it in Excel\n"
		"  STATUS.txt                           what is ready, running or failed\n"
		"\n"
		"Good to know\n"
		"- Looking costs nothing: listing folders never starts an export.\n"
		"- The first open of a responses.csv asks the service for an export and waits for\n"
		"  it, seconds to minutes. Ctrl-C ends the wait, not the export: open it again\n"
		"  later. STATUS.txt and `qxfs status` tell how far it is.\n"
		"- Until a file was opened its size is an estimate, and too large on purpose.\n"
		"- responses.csv has three header rows, as the service makes it: tags, question\n"
		"  texts, ImportIds. In pandas: read_csv(path, skiprows=[1, 2]).\n");
	buf_addf(out,
	         "- A file that was opened once is kept for %lld seconds; after that an open asks\n"
	         "  whether the survey has changed, and exports it anew only then. `touch FILE`\n"
	         "  asks for a full export at the next open.\n"
	         "- A survey that no list shows is found by its id: surveys/SV_.../\n"
	         "- Why did it fail? `qxfs why FILE`, or STATUS.txt beside it.\n"
	         "- What is copied into a folder named import/ is imported into the REAL account; "
	         "into\n"
	         "  check/ it is only looked at. NAME.report.txt beside it tells what will be or "
	         "was\n"
	         "  done. Everything else is read-only.\n",
	         (long long)t->config.fresh_s);
	return t->born_s;
}

/* The service has no request for a single directory: what its list said. */
int64_t text_directory(struct tree *t, const char *arg, struct buf *out)
{
	struct catalog *c = tree_catalog(t, LIST_DIRECTORIES, "");
	const struct list_item *item = c ? list_find(c->list, arg) : NULL;

	if (item)
		buf_add_str(out, item->field[DIRECTORY_WHOLE]);
	else
		buf_addf(out, "{\"directoryId\":\"%s\"}", arg);
	buf_add_str(out, "\n");
	int64_t when_s = item ? c->list->fetched_s : t->born_s;
	catalog_unref(c);
	return when_s;
}

int64_t text_surveys_index(struct tree *t, const char *arg, struct buf *out)
{
	(void)arg;
	struct catalog *c = tree_catalog(t, LIST_SURVEYS, "");

	if (t->config.csv_bom)
		buf_add_str(out, UTF8_BOM);
	buf_add_str(out, "id,name,owner,active,created,modified,path\r\n");
	for (size_t i = 0; c && i < c->list->n; i++) {
		const struct list_item *item = &c->list->items[i];
		if (!hole_shows(t, HOLE_SURVEY, c, item))
			continue;
		const char *const cells[] = {
			item->id,
			item->field[SURVEY_NAME],
			item->field[SURVEY_OWNER],
			item->field[SURVEY_ACTIVE],
			item->field[SURVEY_CREATED],
			item->field[SURVEY_MODIFIED],
		};
		for (size_t k = 0; k < countof(cells); k++) {
			buf_add_csv(out, cells[k]);
			buf_add_str(out, ",");
		}
		buf_addf(out, "surveys/%s\r\n", item->id);
	}
	int64_t when_s = c ? c->list->fetched_s : t->born_s;
	catalog_unref(c);
	return when_s;
}
