/* fuzz_render.c: a table and a schema from the service, read for every file that is made of them.
 *
 * The input is the base, then a byte 0x1e, then the schema. A workbook takes a hundred times as
 * long as the rest, so only inputs whose length is a multiple of 8 make them. Beyond "no sanitizer
 * speaks": how it ends is one of the ends that are promised, and plain.csv is the base behind its
 * own heading. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <qxfs/jobs/render.h>

#define SEPARATOR 0x1e

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* abort() where assert() would vanish under NDEBUG. */
static void must(bool fact)
{
	if (!fact)
		abort();
}

static int file_with(const uint8_t *bytes, size_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	must(fd >= 0 && sys_write_all(fd, bytes, len) == 0);
	return fd;
}

static char folder[] = "/tmp/qxfs-fuzz.XXXXXX";

static void remove_scratch(void)
{
	(void)rmdir(folder);
}

static char *scratch(void)
{
	static bool made;
	if (!made)
		must(mkdtemp(folder) != NULL && atexit(remove_scratch) == 0);
	made = true;
	return folder;
}

/* The rows of plain.csv are the last bytes of its base. */
static void check_plain(const uint8_t *base, size_t len, int out_fd, uint64_t made)
{
	char *text = calloc(1, made + 1);
	must(text && pread(out_fd, text, made, 0) == (ssize_t)made);
	const char *end = NULL; /* of the heading: the first CRLF outside quotes */
	bool quoted = false;
	for (const char *p = text; p < text + made && !end; p++) {
		quoted ^= *p == '"';
		if (!quoted && p[0] == '\r' && p[1] == '\n')
			end = p + 2;
	}
	must(end);
	size_t rest = (size_t)(text + made - end);
	must(rest <= len && memcmp(base + len - rest, end, rest) == 0);
	free(text);
}

static void check_row(const struct render_row *row, const struct render_input *in,
                      const uint8_t *base)
{
	struct qx_fail fail;
	uint64_t made = 0;

	qx_auto_fd out_fd = memfd_create("out", MFD_CLOEXEC);
	must(out_fd >= 0);
	int r = render(row, in, out_fd, &made, &fail);
	must(r == 0 || r == -EIO || r == -EFBIG || (row->picks && r == -ENOENT));
	must((r == 0) == (fail.err == 0));
	if (r == 0 && strcmp(row->name, "responses.plain.csv") == 0)
		check_plain(base, in->base_len, out_fd, made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *separator = size > 0 ? memchr(data, SEPARATOR, size) : NULL;
	size_t base_len = separator ? (size_t)(separator - data) : size;
	size_t schema_len = separator ? size - base_len - 1 : 0;
	struct zone *zone = NULL;

	must(zone_new("UTC", &zone) == 0);
	qx_auto_fd base_fd = file_with(data, base_len);
	qx_auto_fd schema_fd = file_with(separator ? separator + 1 : data, schema_len);
	struct render_input in = { .base_fd = base_fd,
		                   .base_len = base_len,
		                   .schema_fd = schema_fd,
		                   .schema_len = schema_len,
		                   .scratch = scratch(),
		                   .zone = zone,
		                   .pick = "CGC_1",
		                   .exported_s = 1 };
	for (size_t i = 0; i < render_rows_count; i++) {
		struct render_input own = in;
		if (strcmp(render_rows[i].base, "schema.json") == 0) {
			own.base_fd = schema_fd;
			own.base_len = schema_len;
		}
		if (!render_rows[i].needs_scratch || size % 8 == 0)
			check_row(&render_rows[i], &own, data);
	}
	zone_free(zone);
	return 0;
}
