/* forms.c: the table. JSON knows no useLabels, and seven more (API.md 3.2): its forms have codes.
 *
 * Bytes of a cell: a recorded CSV of 24 columns has 17 (API.md 3.4), but one may hold an essay;
 * JSON and XML repeat names; SPSS keeps 2,000 bytes for a text (API.md 3.5). An estimate errs
 * upward: too small loses data silently (research/EXPERIMENTS.md 3). */
#include "forms.h"

#include <assert.h>

#include <qxfs/base/sys.h>

#include "params.h"

#define UNFINISHED ",\"exportResponsesInProgress\":true"
#define LABELS ",\"useLabels\":true"

static const struct form forms[] = {
	[FORM_CSV] = { FORM_CSV, "responses.csv", "\"format\":\"csv\"", 1000,
	               FORM_LISTED | FORM_GROWS,
	               "all finished responses, byte for byte as the service exports them; the "
	               "first open waits for the export",
	               0, ROWS_CSV },
	[FORM_LABELS_CSV] = { FORM_LABELS_CSV, "responses.labels.csv", "\"format\":\"csv\"" LABELS,
	                      80, FORM_LISTED | FORM_GROWS,
	                      "the same with the choices' texts instead of their codes",
	                      PARAMS_LABELS, ROWS_CSV },
	[FORM_PLAIN_CSV] = { FORM_PLAIN_CSV, "responses.plain.csv", NULL, 1000, FORM_LISTED,
	                     "responses.csv with a single header row, for tools that want a "
	                     "table",
	                     0, ROWS_NONE },
	[FORM_XLSX] = { FORM_XLSX, "responses.xlsx", NULL, 1200, FORM_LISTED,
	                "for Excel: choice texts, typed cells; made here", PARAMS_WORKBOOK,
	                ROWS_NONE },
	[FORM_CODES_XLSX] = { FORM_CODES_XLSX, "responses.codes.xlsx", NULL, 1200, 0,
	                      "for Excel: codes instead of choice texts", PARAMS_WORKBOOK,
	                      ROWS_NONE },
	[FORM_JSON] = { FORM_JSON, "responses.json", "\"format\":\"json\"", 1500, FORM_LISTED,
	                "the same as JSON: one object with the member responses", PARAMS_JSON,
	                ROWS_NONE },
	[FORM_SAV] = { FORM_SAV, "responses.sav", "\"format\":\"spss\"", 2200, FORM_LISTED,
	               "the same for SPSS, PSPP, R's haven", PARAMS_XML_SAV, ROWS_NONE },
	[FORM_UNFINISHED_CSV] = { FORM_UNFINISHED_CSV, "responses.unfinished.csv",
	                          "\"format\":\"csv\"" UNFINISHED, 40,
	                          FORM_LISTED | FORM_UNFINISHED,
	                          "only the responses that are still in progress",
	                          PARAMS_UNFINISHED, ROWS_CSV },
	[FORM_TSV] = { FORM_TSV, "responses.tsv", "\"format\":\"tsv\"", 1000,
	               FORM_UTF16 | FORM_GROWS, "tabs instead of commas, as UTF-8", 0, ROWS_TSV },
	[FORM_NDJSON] = { FORM_NDJSON, "responses.ndjson", "\"format\":\"ndjson\"", 1500,
	                  FORM_GROWS, "JSON, a response on each line", PARAMS_JSON, ROWS_LINES },
	[FORM_XML] = { FORM_XML, "responses.xml", "\"format\":\"xml\"", 1200, 0, "the same as XML",
	               PARAMS_XML_SAV, ROWS_NONE },
	[FORM_LABELS_TSV] = { FORM_LABELS_TSV, "responses.labels.tsv", "\"format\":\"tsv\"" LABELS,
	                      80, FORM_UTF16 | FORM_GROWS, "the same with labels", PARAMS_LABELS,
	                      ROWS_TSV },
	[FORM_LABELS_XML] = { FORM_LABELS_XML, "responses.labels.xml", "\"format\":\"xml\"" LABELS,
	                      160, 0, "the same with labels", PARAMS_LABELS | PARAMS_XML_SAV,
	                      ROWS_NONE },
	[FORM_LABELS_SAV] = { FORM_LABELS_SAV, "responses.labels.sav", "\"format\":\"spss\"" LABELS,
	                      2200, 0, "the same with labels", PARAMS_LABELS | PARAMS_XML_SAV,
	                      ROWS_NONE },
	[FORM_UNFINISHED_JSON] = { FORM_UNFINISHED_JSON, "responses.unfinished.json",
	                           "\"format\":\"json\"" UNFINISHED, 1500, FORM_UNFINISHED,
	                           "those that are still in progress, as JSON",
	                           PARAMS_UNFINISHED | PARAMS_JSON, ROWS_NONE },
};
static_assert(countof(forms) == FORMS_, "every form has its row");

const struct form *form_row(enum form_id id)
{
	return &forms[id];
}
