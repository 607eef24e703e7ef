/* fuzz_import_json.c: contacts in JSON, and surveys: as fuzz_import_csv.c. */
#include "import_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct import_context contexts[] = {
		{ .target_name = "" },
		{ .target_name = "a", .charset = "windows-1252", .allow_resubscribe = true },
		{ .target_name = "a", .second_form = true },
	};
	static const char *const kinds[] = { "contacts-json", "old-contacts-json", "directory-json",
		                             "survey-qsf" };

	for (size_t k = 0; k < countof(kinds); k++)
		fuzz_import(kinds[k], &contexts[(size + k) % countof(contexts)], data, size);
	return 0;
}
