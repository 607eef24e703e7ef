/* fuzz_document.c: bytes from the service, read as a document and as an envelope.
 *
 * Beyond "no sanitizer speaks": how the bytes are cut into pieces makes no difference; what came
 * out goes through again unchanged; and our two readers agree on what is JSON.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <qxfs/base/document.h>
#include <qxfs/base/json.h>
#include <qxfs/base/sys.h>

#include <qxfs/base/strict.h>

#define MAX_BYTES (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* abort() where assert() would vanish under NDEBUG. */
static void must(bool fact)
{
	if (!fact)
		abort();
}

static int check(const char *bytes, size_t len, size_t piece, unsigned depth)
{
	struct strict *s = NULL;
	int r = strict_new(depth, &s);
	for (size_t i = 0; i < len && r == 0; i += piece)
		r = strict_feed(s, bytes + i, piece < len - i ? piece : len - i);
	if (r == 0)
		r = strict_finish(s);
	strict_free(s);
	return r;
}

static int64_t extract(const char *bytes, size_t len, struct buf *out)
{
	qx_auto_fd in_fd = memfd_create("in", MFD_CLOEXEC);
	qx_auto_fd out_fd = memfd_create("out", MFD_CLOEXEC);
	must(in_fd >= 0 && out_fd >= 0 && sys_write_all(in_fd, bytes, len) == 0);

	int64_t r = document_extract(in_fd, "result", DOCUMENT_INDENTED, out_fd, MAX_BYTES);
	char *copy = r > 0 ? malloc((size_t)r) : NULL;
	if (copy) {
		must(pread(out_fd, copy, (size_t)r, 0) == (ssize_t)r);
		buf_add(out, copy, (size_t)r);
	}
	free(copy);
	return r;
}

static void check_again(const struct buf *out)
{
	struct buf envelope = { 0 }, again = { 0 };
	buf_add_str(&envelope, "{\"result\":");
	buf_add(&envelope, out->data, out->len);
	buf_add_str(&envelope, "}");
	int64_t r = extract(envelope.data, envelope.len, &again);
	must(r == (int64_t)out->len && memcmp(again.data, out->data, out->len) == 0);
	buf_done(&envelope);
	buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct json *j = NULL;
	struct buf out = { 0 };

	int strict = check(bytes, size, SIZE_MAX, 32);
	must(check(bytes, size, 1, 32) == strict);
	must(check(bytes, size, 7, 32) == strict);

	must(json_parse(bytes, size, &j) == strict);
	if (j) {
		(void)json_str(j, "meta.error.errorCode");
		(void)json_at(j, "result.elements", 0);
	}

	int64_t r = extract(bytes, size, &out);
	must(r > 0 || r == -EBADMSG || r == -EFBIG);
	if (r > 0)
		check_again(&out);
	if (r > 0 && strict == 0)
		must(json_get(j, "result") || strncmp(out.data, "null", 4) == 0);

	buf_done(&out);
	json_free(j);
	return 0;
}
