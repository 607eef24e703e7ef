/* import_kinds.c: what may be imported, and what becomes of other documents: a row each. */
#include <qxfs/jobs/import_kinds.h>

#include <string.h>
#include <strings.h>

#include <qxfs/base/sys.h>

#include "import_judge.h"

static const struct import_kind kinds[] = {
	{
		.name = "contacts-csv",
		.what = "Contacts from a table",
		.target = TARGET_LIST,
		.extension = ".csv",
		.start = EP_IMPORT_CONTACTS,
		.progress = EP_IMPORT_CONTACTS_PROGRESS,
		.reader = &import_reader_csv,
	},
	{
		.name = "contacts-json",
		.what = "Contacts from JSON",
		.target = TARGET_LIST,
		.extension = ".json",
		.start = EP_IMPORT_CONTACTS,
		.progress = EP_IMPORT_CONTACTS_PROGRESS,
		.reader = &import_reader_json,
	},
	{
		.name = "old-contacts-csv",
		.what = "Contacts from a table",
		.target = TARGET_OLD_LIST,
		.extension = ".csv",
		.start = EP_OLD_IMPORT,
		.progress = EP_OLD_IMPORT_PROGRESS,
		.reader = &import_reader_csv,
	},
	{
		.name = "old-contacts-json",
		.what = "Contacts from JSON",
		.target = TARGET_OLD_LIST,
		.extension = ".json",
		.start = EP_OLD_IMPORT,
		.progress = EP_OLD_IMPORT_PROGRESS,
		.reader = &import_reader_json,
	},
	{
		.name = "directory-csv",
		.what = "Contacts from a table",
		.target = TARGET_DIRECTORY,
		.extension = ".csv",
		.start = EP_CREATE_CONTACT,
		.progress = EP_WHOAMI,
		.reader = &import_reader_csv,
	},
	{
		.name = "directory-json",
		.what = "Contacts from JSON",
		.target = TARGET_DIRECTORY,
		.extension = ".json",
		.start = EP_CREATE_CONTACT,
		.progress = EP_WHOAMI,
		.reader = &import_reader_json,
	},
	{
		.name = "responses-csv",
		.what = "Responses from a table",
		.target = TARGET_SURVEY,
		.extension = ".csv",
		.start = EP_IMPORT_RESPONSES,
		.progress = EP_IMPORT_RESPONSES_PROGRESS,
		.listens = true,
		.reader = &import_reader_responses,
	},
	{
		.name = "responses-tsv",
		.what = "Responses from a table",
		.target = TARGET_SURVEY,
		.extension = ".tsv",
		.start = EP_IMPORT_RESPONSES,
		.progress = EP_IMPORT_RESPONSES_PROGRESS,
		.listens = true,
		.reader = &import_reader_tsv,
	},
	{
		.name = "responses-url",
		.what = "Responses from an address",
		.target = TARGET_SURVEY,
		.extension = ".url",
		.start = EP_IMPORT_RESPONSES,
		.progress = EP_IMPORT_RESPONSES_PROGRESS,
		.reader = &import_reader_url,
	},
	{
		.name = "survey-qsf",
		.what = "A survey from a QSF",
		.target = TARGET_SURVEYS,
		.extension = ".qsf",
		.start = EP_CREATE_SURVEY,
		.progress = EP_WHOAMI,
		.reader = &import_reader_qsf,
	},
	{
		.name = "survey-txt",
		.what = "A survey from a text",
		.target = TARGET_SURVEYS,
		.extension = ".txt",
		.start = EP_CREATE_SURVEY,
		.progress = EP_WHOAMI,
		.reader = &import_reader_txt,
	},
	{
		.name = "survey-doc",
		.what = "A survey from a Word document",
		.target = TARGET_SURVEYS,
		.extension = ".doc",
		.start = EP_CREATE_SURVEY,
		.progress = EP_WHOAMI,
		.reader = &import_reader_doc,
	},
};

#define AS_CSV "Save it as “CSV UTF-8” (in LibreOffice: Text CSV, UTF-8) and copy that here."
#define AS_TABLE "Rename it to .csv: commas, semicolons and tabs between its cells are all read."
#define AS_SURVEY \
	"Export the survey as .qsf in Qualtrics, or save it as plain text (.txt) or Word 97-2003 " \
	"(.doc)."

#define ON(target) (1u << (target))
#define CONTACTS (ON(TARGET_LIST) | ON(TARGET_OLD_LIST) | ON(TARGET_DIRECTORY))
#define RESPONSES ON(TARGET_SURVEY)
#define SURVEYS ON(TARGET_SURVEYS)

/* Documents that people drop and nothing here reads. */
static const struct {
	const char *extensions;
	unsigned targets;
	const char *advice;
} advices[] = {
	{ ".xlsx .xls .xlsm .xlsb .ods .numbers .pdf .docx .doc .odt .rtf .pages .xml .html .zip "
	  ".gz .sqlite",
	  CONTACTS | RESPONSES, AS_CSV },
	{ ".vcf .ldif", CONTACTS, AS_CSV },
	{ ".tsv .tab .txt", CONTACTS, AS_TABLE },
	{ ".ndjson .jsonl", CONTACTS, "Make one list of it, [{…}, {…}], and copy that as .json." },
	{ ".sav .por .rds .dta .json .ndjson .jsonl .parquet", RESPONSES, AS_CSV },
	{ ".tab .txt", RESPONSES, "Rename it to .tsv, if there are tabs between its cells." },
	{ ".qsf", RESPONSES, "It is a survey: copy it into surveys/import/." },
	{ ".docx .odt .rtf .pages .pdf .html .zip .xlsx .xls .ods .csv .tsv .json .xml .sav",
	  SURVEYS, AS_SURVEY },
};

static bool ends_in(const char *text, const char *tail)
{
	size_t n = strlen(text), m = strlen(tail);
	return n > m && strcasecmp(text + n - m, tail) == 0;
}

const struct import_kind *import_kind(enum import_target target, const char *name)
{
	for (size_t i = 0; i < countof(kinds); i++)
		if (kinds[i].target == target && ends_in(name, kinds[i].extension))
			return &kinds[i];
	return NULL;
}

static bool is_listed(const char *extensions, const char *name)
{
	char extension[16];

	for (const char *at = extensions; *at;) {
		size_t n = strcspn(at, " ");
		memcpy(extension, at, n);
		extension[n] = '\0';
		if (ends_in(name, extension))
			return true;
		at += n + strspn(at + n, " ");
	}
	return false;
}

const char *import_advice(enum import_target target, const char *name)
{
	if (import_kind(target, name))
		return NULL;
	for (size_t i = 0; i < countof(advices); i++)
		if (advices[i].targets & ON(target) && is_listed(advices[i].extensions, name))
			return advices[i].advice;
	return NULL;
}

const struct import_kind *import_kind_named(const char *name)
{
	for (size_t i = 0; i < countof(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

void import_extensions(enum import_target target, struct buf *out)
{
	const char *blank = "";

	for (size_t i = 0; i < countof(kinds); i++) {
		if (kinds[i].target != target)
			continue;
		buf_addf(out, "%s%s", blank, kinds[i].extension);
		blank = " ";
	}
}
