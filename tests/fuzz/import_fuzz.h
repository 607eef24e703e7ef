/* import_fuzz.h: what must hold of any file that is dropped to be imported. */
#ifndef QXFS_IMPORT_FUZZ_H
#define QXFS_IMPORT_FUZZ_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <qxfs/base/json.h>
#include <qxfs/base/sys.h>
#include <qxfs/jobs/import_kinds.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* abort() where assert() would vanish under NDEBUG. */
static inline void must(bool fact)
{
	if (!fact)
		abort();
}

static inline void fuzz_judge(const struct import_kind *kind, const struct import_context *context,
                              const uint8_t *data, size_t size, size_t step, struct verdict *ret)
{
	struct judge *j = NULL;

	must(judge_new(kind, context, &j) == 0);
	for (size_t at = 0; at < size; at += step)
		(void)judge_feed(j, data + at, size - at < step ? size - at : step);
	must(judge_end(j, ret) == 0);
	judge_free(j);
}

static inline void must_be_same(const struct verdict *a, const struct verdict *b)
{
	must(a->err == b->err && strcmp(a->why, b->why) == 0 && strcmp(a->next, b->next) == 0);
	must(strcmp(a->held, b->held) == 0 && a->rows == b->rows && a->nothing == b->nothing);
	must(strcmp(buf_text(&a->report), buf_text(&b->report)) == 0 && a->n_parts == b->n_parts);
	for (size_t i = 0; i < a->n_parts; i++)
		must(memcmp(&a->parts[i], &b->parts[i], sizeof(a->parts[i])) == 0);
}

/* How many contacts are in a body of their own kinds; SIZE_MAX: it is another. */
static inline size_t contacts_in(const struct import_kind *kind, const struct import_body *body)
{
	struct buf whole = { 0 };
	struct json *j = NULL;

	if (strcmp(body->content_type, "application/json") != 0)
		return SIZE_MAX;
	if (body->bytes.data[0] == '[')
		buf_add_str(&whole, "{\"contacts\":");
	buf_add(&whole, body->bytes.data, body->bytes.len);
	if (body->bytes.data[0] == '[')
		buf_add_str(&whole, "}");
	/* depth 32 is all that an envelope may have; a value may have more */
	int r = json_parse(buf_text(&whole), whole.len, &j);
	size_t n = r < 0 || kind->start == EP_IMPORT_RESPONSES ? SIZE_MAX
	           : kind->start == EP_CREATE_CONTACT          ? 1
	                                                       : json_len(j, "contacts");
	json_free(j);
	buf_done(&whole);
	return n;
}

static inline void fuzz_part(const struct import_kind *kind, const struct import_context *context,
                             int fd, const struct part *part)
{
	struct import_body body, again;
	struct qx_fail fail;
	const uint64_t rows[] = { 0, part->rows - 1 };

	must(import_body(kind, context, "a b.txt", fd, part, &body, &fail) == 0 && fail.err == 0);
	must(body.bytes.len > 0 && body.bytes.len <= 5001024 && body.content_type[0]);
	size_t n = contacts_in(kind, &body);
	must(n == SIZE_MAX || n == part->rows);
	must(import_body(kind, context, "a b.txt", fd, part, &again, &fail) == 0);
	must(again.bytes.len == body.bytes.len &&
	     memcmp(again.bytes.data, body.bytes.data, body.bytes.len) == 0);
	import_body_done(&body);
	import_body_done(&again);

	qx_auto_fd out = memfd_create("rejected", MFD_CLOEXEC);
	must(out >= 0);
	const char *const addresses[] = { "a@b.c" };
	const struct import_refused refused = { .rows = rows,
		                                .n = part->rows > 1 ? 2 : 1,
		                                .addresses = addresses,
		                                .n_addresses = 1,
		                                .reason = "a,\"b" };
	must(import_reject(kind, context, fd, part, &refused, out) == 0);
}

static inline void fuzz_import(const char *name, const struct import_context *context,
                               const uint8_t *data, size_t size)
{
	static const size_t steps[] = { 1, 2, 3, 5, 64 };
	const struct import_kind *kind = import_kind_named(name);
	struct verdict v, other;

	fuzz_judge(kind, context, data, size, size + 1, &v);
	fuzz_judge(kind, context, data, size, steps[size % countof(steps)], &other);
	must_be_same(&v, &other);
	verdict_done(&other);
	must(v.err == 0 || v.err == EINVAL || v.err == EFBIG);
	must((v.err != 0) == (v.why[0] != '\0'));
	must(v.err == 0 || v.n_parts == 0);

	qx_auto_fd fd = memfd_create("fuzz", MFD_CLOEXEC);
	must(fd >= 0 && sys_write_all(fd, data, size) == 0);
	uint64_t rows = 0;
	for (size_t i = 0; i < v.n_parts; i++) {
		must(v.parts[i].first_row == rows + 1 && v.parts[i].to <= size);
		rows += v.parts[i].rows;
		if (i < 4)
			fuzz_part(kind, context, fd, &v.parts[i]);
	}
	must(rows == v.rows);
	verdict_done(&v);
}

#endif
