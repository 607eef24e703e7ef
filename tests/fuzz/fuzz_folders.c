/* fuzz_folders.c: names below dates/ and with/: any program on the machine looks them up. What is
 * taken becomes sound members of a POST; what is refused, a sentence. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/json.h>

#include "../../fs/tree/dates.h"
#include "../../fs/tree/params.h"

#define NOW_S 1773181800 /* 2026-03-10 */
#define FORMS (PARAMS_JSON | PARAMS_XML_SAV | PARAMS_LABELS | PARAMS_UNFINISHED | PARAMS_WORKBOOK)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fact)
{
	if (!fact)
		abort();
}

static void is_object(const struct buf *members)
{
	struct buf body = { 0 };
	struct json *j = NULL;

	buf_addf(&body, "{%s}", buf_text(members));
	must(json_parse(buf_text(&body), body.len, &j) == 0);
	json_free(j);
	buf_done(&body);
}

static void is_refusal(int r, const struct qx_fail *why)
{
	must(r == -ENOENT && why->err == ENOENT && why->why[0]);
}

/* Names that were used are kept as lines of a file. */
static bool is_a_line(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name < ' ' || *name == 0x7f)
			return false;
	return true;
}

static void try_dates(const char *name, const struct zone *zone)
{
	struct buf members = { 0 };
	struct qx_fail why = { 0 };
	struct dates d;

	int r = dates_parse(name, zone, NOW_S, &d, &why);
	if (r == 0) {
		must(d.start_s < d.end_s && d.until_s > NOW_S && is_a_line(name));
		dates_members(&d, &members);
		must(members.len > 0);
		is_object(&members);
	} else {
		is_refusal(r, &why);
	}
	buf_done(&members);
}

/* What suits a file suits its folder, and is the same. */
static void try_params(const char *name)
{
	struct buf folder = { 0 };
	struct qx_fail why = { 0 };

	int r = params_parse(name, PARAMS_FOLDER, &folder, &why);
	if (r == 0)
		is_object(&folder);
	else
		is_refusal(r, &why);
	for (unsigned form = 1; form <= FORMS; form++) {
		struct buf file = { 0 };
		int of_file = params_parse(name, form, &file, &why);
		must(of_file == 0 ? r == 0 && strcmp(buf_text(&file), buf_text(&folder)) == 0
		                  : file.len == 0);
		if (of_file < 0)
			is_refusal(of_file, &why);
		buf_done(&file);
	}
	buf_done(&folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = strndup((const char *)data, size);
	struct zone *zone = NULL;

	if (name && zone_new("UTC", &zone) == 0) {
		try_dates(name, zone);
		try_params(name);
	}
	zone_free(zone);
	free(name);
	return 0;
}
