/* fuzz_json.c: bytes from the service, read as an envelope. */
#include <qxfs/base/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *j = NULL;
	if (json_parse((const char *)data, size, &j) == 0) {
		(void)json_str(j, "meta.error.errorCode");
		(void)json_len(j, "result.elements");
		(void)json_at(j, "result.elements", 0);
	}
	json_free(j);
	return 0;
}
