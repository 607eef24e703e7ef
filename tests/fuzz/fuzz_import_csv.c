/* fuzz_import_csv.c: tables of contacts and of responses, from whoever wrote them.
 *
 * Beyond "no sanitizer speaks": the verdict is the same in whichever pieces the bytes come; what is
 * to be sent is JSON with as many contacts as were planned; refused rows come back as a table. */
#include "import_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const columns[] = { "QID1", "Q1", "QID2", "Segment", NULL };
	static const struct import_context contexts[] = {
		{ .target_name = "" },
		{ .target_name = "a", .charset = "windows-1252", .allow_resubscribe = true },
		{ .target_name = "a", .charset = "Shift_JIS", .second_form = true },
		{ .target_name = "a", .columns = columns },
	};
	static const char *const kinds[] = { "contacts-csv",  "old-contacts-csv", "directory-csv",
		                             "responses-csv", "responses-tsv",    "responses-url",
		                             "survey-txt",    "survey-doc" };

	for (size_t k = 0; k < countof(kinds); k++)
		fuzz_import(kinds[k], &contexts[(size + k) % countof(contexts)], data, size);
	return 0;
}
