/* imports.h: what the checks of imports share: judging bytes in pieces, bodies of all parts. */
#ifndef QXFS_CHECK_IMPORTS_H
#define QXFS_CHECK_IMPORTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <qxfs/base/sys.h>
#include <qxfs/jobs/import_kinds.h>

/* A string with NULs in it, and its length. */
#define BYTES(text) text, sizeof(text) - 1

static const struct import_context plain = { .target_name = "Customers" };

static inline int file_with(const void *bytes, size_t len)
{
	int fd = memfd_create("import", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, bytes, len), 0);
	return fd;
}

/* In pieces of `step` bytes, each at an address of its own, so that a sanitizer sees what is read
 * behind them. */
static inline void judge_pieces(const char *kind, const struct import_context *context,
                                const void *bytes, size_t len, size_t step, struct verdict *ret)
{
	struct judge *j = NULL;

	assert_non_null(import_kind_named(kind));
	assert_int_equal(judge_new(import_kind_named(kind), context, &j), 0);
	for (size_t at = 0; at < len; at += step) {
		size_t n = len - at < step ? len - at : step;
		char *piece = malloc(n);
		assert_non_null(piece);
		memcpy(piece, (const char *)bytes + at, n);
		(void)judge_feed(j, piece, n);
		free(piece);
	}
	assert_int_equal(judge_end(j, ret), 0);
	judge_free(j);
}

static inline void assert_same_verdict(const struct verdict *a, const struct verdict *b)
{
	assert_int_equal(a->err, b->err);
	assert_string_equal(a->why, b->why);
	assert_string_equal(a->next, b->next);
	assert_string_equal(a->held, b->held);
	assert_int_equal(a->rows, b->rows);
	assert_int_equal(a->nothing, b->nothing);
	assert_string_equal(buf_text(&a->report), buf_text(&b->report));
	assert_int_equal(a->n_parts, b->n_parts);
	for (size_t i = 0; i < a->n_parts; i++)
		assert_memory_equal(&a->parts[i], &b->parts[i], sizeof(a->parts[i]));
}

/* The verdict, whichever pieces the bytes come in. */
static inline void judged(const char *kind, const struct import_context *context, const void *bytes,
                          size_t len, struct verdict *ret)
{
	static const size_t steps[] = { 1, 2, 3, 7, 4096 };

	judge_pieces(kind, context, bytes, len, len ? len : 1, ret);
	for (size_t i = 0; i < countof(steps) && len < 100000; i++) {
		struct verdict other;
		judge_pieces(kind, context, bytes, len, steps[i], &other);
		assert_same_verdict(ret, &other);
		verdict_done(&other);
	}
	qx_auto_fd fd = file_with(bytes, len);
	struct verdict other;
	assert_int_equal(judge_file(import_kind_named(kind), context, fd, &other), 0);
	assert_same_verdict(ret, &other);
	verdict_done(&other);
}

/* The bodies of all parts, each with a newline behind it. */
static inline void add_bodies(const char *kind, const struct import_context *context,
                              const void *bytes, size_t len, const struct verdict *v,
                              struct buf *out)
{
	qx_auto_fd fd = file_with(bytes, len);

	for (size_t i = 0; i < v->n_parts; i++) {
		struct import_body body;
		struct qx_fail fail;
		int r = import_body(import_kind_named(kind), context, "file.name", fd, &v->parts[i],
		                    &body, &fail);
		assert_string_equal(fail.why, "");
		assert_int_equal(r, 0);
		buf_add(out, body.bytes.data, body.bytes.len);
		buf_add_str(out, "\n");
		import_body_done(&body);
	}
}

static inline void assert_bodies(const char *kind, const struct import_context *context,
                                 const void *bytes, size_t len, const char *expected)
{
	struct verdict v;
	struct buf out = { 0 };

	judged(kind, context, bytes, len, &v);
	assert_string_equal(v.why, "");
	assert_int_equal(v.err, 0);
	add_bodies(kind, context, bytes, len, &v, &out);
	assert_string_equal(buf_text(&out), expected);
	buf_done(&out);
	verdict_done(&v);
}

static inline void assert_refused(const char *kind, const struct import_context *context,
                                  const void *bytes, size_t len, int err, const char *why)
{
	struct verdict v;

	judged(kind, context, bytes, len, &v);
	assert_string_equal(v.why, why);
	assert_int_equal(v.err, err);
	assert_true(v.next[0]);
	assert_int_equal(v.n_parts, 0);
	assert_true(v.report.len > 0);
	verdict_done(&v);
}

static inline void assert_held(const char *kind, const struct import_context *context,
                               const void *bytes, size_t len, const char *held)
{
	struct verdict v;

	judged(kind, context, bytes, len, &v);
	assert_string_equal(v.why, "");
	assert_string_equal(v.held, held);
	verdict_done(&v);
}

#endif
