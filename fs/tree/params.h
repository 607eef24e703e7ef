/* params.h: the name of a folder below with/ as parameters of an export (API.md 3.2).
 *
 *   with/useLabels=true,questionIds=QID1+QID12,timeZone=Europe%2FBerlin/responses.csv
 *
 * KEY=VALUE, joined by commas, in any order, each key once. In a value the characters / , = % are
 * written %2F %2C %3D %25, and + in an item of a list %2B. (%XX stands for any byte but NUL; the
 * whole must be UTF-8.) What a value may be is the key's type:
 *
 *   bool      true or false
 *   int       a whole number; count: above 0
 *   moment    as in dates/: 20260115T080000Z, 2026-01-15T08:00:00+02:00
 *   text      not empty
 *   zone      a name of the service's list, or UTC, which is its default and is left out
 *   uuid      the id of a saved filter
 *   list      items joined by '+', none of them empty; nothing at all: the empty list
 *
 * The keys are the table in params.c, which params_help() prints. Some go with some files only; a
 * folder is well-formed when it suits one of them, so files are asked about one by one.
 *
 * Pure; any thread. Errors: -ENOENT, as the lookup is to be answered, with words for people;
 * -ENOMEM. */
#ifndef QXFS_TREE_PARAMS_H
#define QXFS_TREE_PARAMS_H

#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>

/* What a file is, for the parameters that do not suit all. */
enum params_form {
	PARAMS_FOLDER = 0,          /* the folder itself */
	PARAMS_JSON = 1 << 0,       /* format json, ndjson */
	PARAMS_XML_SAV = 1 << 1,    /* format xml, spss */
	PARAMS_LABELS = 1 << 2,     /* sets useLabels itself */
	PARAMS_UNFINISHED = 1 << 3, /* sets exportResponsesInProgress itself */
	PARAMS_WORKBOOK = 1 << 4    /* made here: its cells are typed by what the export says */
};

/* `form`: params_form bits. Appends the members of the export's POST to *out, without a comma
 * around them: "limit":10,"useLabels":true. Names that mean the same give equal bytes: they stand
 * in the table's order. They may be none at all (timeZone=UTC). On failure nothing is appended. */
int params_parse(const char *name, unsigned form, struct buf *out, struct qx_fail *why);
/* Appends a row of a Markdown table for each key: `limit` | count | what it does; then the zones.
 */
void params_help(struct buf *out);

#endif
