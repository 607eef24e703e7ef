/* check_document.c: documents come out as they came in, only the white space is ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <qxfs/base/document.h>
#include <qxfs/base/sys.h>

#define NO_LIMIT UINT64_MAX

static int file_with(const char *bytes, size_t len)
{
	int fd = memfd_create("check", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, bytes, len), 0);
	return fd;
}

/* What document_extract returns; what it wrote is in `out`. */
static int64_t extract_as(const char *in, size_t len, enum document_style style, uint64_t max_bytes,
                          struct buf *out)
{
	char piece[4096];
	qx_auto_fd in_fd = file_with(in, len);
	qx_auto_fd out_fd = file_with("", 0);
	int64_t r = document_extract(in_fd, "result", style, out_fd, max_bytes);

	assert_int_equal(lseek(out_fd, 0, SEEK_SET), 0);
	for (ssize_t n; (n = read(out_fd, piece, sizeof(piece))) > 0;)
		buf_add(out, piece, (size_t)n);
	return r;
}

static int64_t extract(const char *in, size_t len, uint64_t max_bytes, struct buf *out)
{
	return extract_as(in, len, DOCUMENT_INDENTED, max_bytes, out);
}

static void check_verbatim(const char *in, const char *want)
{
	struct buf out = { 0 };
	assert_int_equal(extract_as(in, strlen(in), DOCUMENT_VERBATIM, NO_LIMIT, &out),
	                 strlen(want));
	assert_string_equal(buf_text(&out), want);
	buf_done(&out);
}

static void test_verbatim_is_byte_for_byte(void **state)
{
	(void)state;
	check_verbatim("{\"meta\": {} , \"result\" :  { \"a\" :[1 ,\t2.50,\"x y\\u00e9\" ] "
	               ",\n\"b\":{ } }  }",
	               "{ \"a\" :[1 ,\t2.50,\"x y\\u00e9\" ] ,\n\"b\":{ } }");
	check_verbatim("{\"result\": 1.0e2 ,\"meta\": [ 3 ]}", "1.0e2");
	check_verbatim("{\"result\": \" a \" }", "\" a \"");
	check_verbatim("{ \"result\" :[ ] , \"x\":{ \"result\" : 2 } }", "[ ]");
}

static void check_becomes(const char *in, const char *want)
{
	struct buf out = { 0 };
	int64_t r = extract(in, strlen(in), NO_LIMIT, &out);
	assert_string_equal(buf_text(&out), want);
	assert_int_equal(r, strlen(want));
	buf_done(&out);
}

static void check_refused(const char *in, size_t len)
{
	struct buf out = { 0 };
	int64_t r = extract(in, len, NO_LIMIT, &out);
	if (r != -EBADMSG)
		fail_msg("%lld for: %.*s", (long long)r, (int)len, in);
	buf_done(&out);
}

static void test_the_member_is_cut_out_and_indented(void **state)
{
	(void)state;
	check_becomes(
		"{\"meta\":{\"result\":0},\"result\":{\"a\":[1,{\"b\":null}],\"c\":{}, \"d\" : "
		"[ ]},\"z\":[1]}\n",
		"{\n"
		"  \"a\": [\n"
		"    1,\n"
		"    {\n"
		"      \"b\": null\n"
		"    }\n"
		"  ],\n"
		"  \"c\": {},\n"
		"  \"d\": []\n"
		"}\n");
}

static void test_any_kind_of_value_is_cut_out(void **state)
{
	(void)state;
	static const char *const rows[] = { "{}", "[]",      "\"\"", "\"a,}]\\\"\"",
		                            "0",  "-1.5E+7", "true", "null" };
	for (size_t i = 0; i < countof(rows); i++) {
		struct buf in = { 0 }, want = { 0 };
		buf_addf(&in, " {\"a\":[],\r\n\t\"result\" : %s , \"b\":{}} ", rows[i]);
		buf_addf(&want, "%s\n", rows[i]);
		check_becomes(buf_text(&in), buf_text(&want));
		buf_done(&in);
		buf_done(&want);
	}
}

static void test_numbers_keep_their_text(void **state)
{
	(void)state;
	check_becomes("{\"result\":[12345678901234567890123, 1.10, 1E400, -0, 0.1e-7]}",
	              "[\n  12345678901234567890123,\n  1.10,\n  1E400,\n  -0,\n  0.1e-7\n]\n");
}

static void test_strings_and_keys_keep_their_escapes(void **state)
{
	(void)state;
	check_becomes("{\"result\":{\"\\u006b\\/\":\"\\u00e4\xc3\xa4\\/\\n "
	              "\\ud83d\\\\\",\"/\":\"{[,:\"}}",
	              "{\n  \"\\u006b\\/\": \"\\u00e4\xc3\xa4\\/\\n \\ud83d\\\\\",\n  \"/\": "
	              "\"{[,:\"\n}\n");
}

static void test_keys_that_come_twice_are_kept(void **state)
{
	(void)state;
	check_becomes("{\"result\":{\"a\":1,\"a\":2}}", "{\n  \"a\": 1,\n  \"a\": 2\n}\n");
}

static void test_only_a_member_at_the_top_is_meant(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"{\"a\":{\"result\":1}}",
		"{\"a\":[{\"result\":1}]}",
		"{\"results\":1}",
		"{\"resul\":1}",
		"{\"a\":\"result\"}",
		"{\"\":1}",
		"{}",
		"[\"result\", 1]",
		"\"result\"",
		"[{\"result\":1}]",
	};
	for (size_t i = 0; i < countof(rows); i++)
		check_refused(rows[i], strlen(rows[i]));
}

static void test_a_member_that_comes_twice_is_refused(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"{\"result\":1,\"result\":2}",
		"{\"result\":{},\"a\":1,\"result\":{}}",
		"{\"result\":1,\"r\\u0065sult\":2}",
	};
	for (size_t i = 0; i < countof(rows); i++)
		check_refused(rows[i], strlen(rows[i]));
}

static void test_a_cut_document_is_refused(void **state)
{
	(void)state;
	static const char text[] =
		"{\"meta\":1,\"result\":{\"s\":\"\\u00e4\xc3\xa4\",\"n\":[1,true]}}";
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		check_refused(text, len);
}

static void test_what_is_no_json_is_refused(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"{\"result\":1}x",
		"{\"result\":1}{}",
		"{\"result\":1}}",
		"{\"result\":1}]",
		"{\"result\":[}",
		"{\"result\":{]}",
		"{\"result\":1 2}",
		"{\"result\":[1 2]}",
		"{\"result\":[,]}",
		"{\"result\":NaN}",
		"{\"result\":01}",
		"{\"result\":'x'}",
		"{'result':1}",
		"{\"result\" 1}",
		"{\"result\":\"\n\"}",
		"{\"result\":\"\\q\"}",
		"{\"result\":\"\xff\"}",
		"{\"result\":\"\xc0\xaf\"}",
		"{\"result\":1,}",
		"\xef\xbb\xbf{\"result\":1}",
		"}{",
		"{}\"result\":[",
		"{\"result\":truefalse}",
		"{\"result\":1}\"",
		"{\"result\":1}\"x\\",
		"{\"result\":1}tru",
		"{\"result\":1}1",
		"{\"result\":1}-",
		"{\v\"result\":1}",
		"{\"result\":1\f}",
		"{\"result\":1}\v",
		"{\"result\":\"a\"\"b\"}",
	};
	for (size_t i = 0; i < countof(rows); i++)
		check_refused(rows[i], strlen(rows[i]));
}

static void nest(struct buf *b, size_t depth)
{
	buf_add_str(b, "{\"result\":");
	for (size_t i = 1; i < depth; i++)
		buf_add_str(b, "[");
	for (size_t i = 1; i < depth; i++)
		buf_add_str(b, "]");
	buf_add_str(b, "}");
}

static void test_512_levels_are_read_and_513_refused(void **state)
{
	(void)state;
	struct buf in = { 0 }, out = { 0 };
	nest(&in, 512);
	assert_true(extract(in.data, in.len, NO_LIMIT, &out) > 0);
	buf_clear(&in);
	nest(&in, 513);
	check_refused(in.data, in.len);
	buf_done(&in);
	buf_done(&out);
}

/* Every token lies once on the border of two pieces: the text is moved along by white space. */
static void test_where_a_piece_ends_makes_no_difference(void **state)
{
	(void)state;
	static const char doc[] =
		"{\"result\":{\"key\\u00e4\xe2\x82\xac\":[-1.5e7,true,\"\\\\\"]}}";
	struct buf in = { 0 }, out = { 0 };
	for (size_t shift = 0; shift < sizeof(doc); shift++) {
		buf_clear(&in);
		buf_clear(&out);
		for (size_t i = 0; i < 65536 - shift; i++)
			buf_add(&in, " ", 1);
		buf_add_str(&in, doc);
		assert_true(extract(in.data, in.len, NO_LIMIT, &out) > 0);
		assert_string_equal(buf_text(&out), "{\n  \"key\\u00e4\xe2\x82\xac\": [\n    "
		                                    "-1.5e7,\n    true,\n    \"\\\\\"\n  ]\n}\n");
	}
	buf_done(&in);
	buf_done(&out);
}

static void test_a_string_longer_than_any_buffer_is_kept(void **state)
{
	(void)state;
	const size_t len = 1000000;
	struct buf in = { 0 }, out = { 0 };
	buf_add_str(&in, "{\"result\":\"");
	for (size_t i = 0; i < len / 4; i++)
		buf_add_str(&in, i % 7 ? "a\\n\xc3\xa4" : "\\n\xc3\xa4");
	buf_add_str(&in, "\"}");
	int64_t r = extract(in.data, in.len, NO_LIMIT, &out);
	assert_int_equal(r, in.len - 10); /* without the envelope, with a newline */
	assert_memory_equal(out.data, in.data + 10, in.len - 11);
	buf_done(&in);
	buf_done(&out);
}

static void test_too_much_is_refused_at_the_byte(void **state)
{
	(void)state;
	static const char in[] = "{\"result\":[1]}";
	struct buf out = { 0 };
	const int64_t len = (int64_t)strlen("[\n  1\n]\n");
	assert_int_equal(extract(in, sizeof(in) - 1, (uint64_t)len, &out), len);
	for (int64_t max = 0; max < len; max++)
		assert_int_equal(extract(in, sizeof(in) - 1, (uint64_t)max, &out), -EFBIG);
	buf_done(&out);
}

static void test_the_input_is_read_from_its_start(void **state)
{
	(void)state;
	qx_auto_fd in_fd = file_with("{\"result\":1}", 12); /* stands at its end */
	qx_auto_fd out_fd = file_with("", 0);
	assert_int_equal(document_extract(in_fd, "result", DOCUMENT_INDENTED, out_fd, NO_LIMIT), 2);
}

static void test_a_full_disk_is_told(void **state)
{
	(void)state;
	qx_auto_fd in_fd = file_with("{\"result\":1}", 12);
	qx_auto_fd full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_int_equal(document_extract(in_fd, "result", DOCUMENT_INDENTED, full, NO_LIMIT),
	                 -ENOSPC);
	assert_int_equal(document_extract(-1, "result", DOCUMENT_INDENTED, full, NO_LIMIT), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verbatim_is_byte_for_byte),
		cmocka_unit_test(test_the_member_is_cut_out_and_indented),
		cmocka_unit_test(test_any_kind_of_value_is_cut_out),
		cmocka_unit_test(test_numbers_keep_their_text),
		cmocka_unit_test(test_strings_and_keys_keep_their_escapes),
		cmocka_unit_test(test_keys_that_come_twice_are_kept),
		cmocka_unit_test(test_only_a_member_at_the_top_is_meant),
		cmocka_unit_test(test_a_member_that_comes_twice_is_refused),
		cmocka_unit_test(test_a_cut_document_is_refused),
		cmocka_unit_test(test_what_is_no_json_is_refused),
		cmocka_unit_test(test_512_levels_are_read_and_513_refused),
		cmocka_unit_test(test_where_a_piece_ends_makes_no_difference),
		cmocka_unit_test(test_a_string_longer_than_any_buffer_is_kept),
		cmocka_unit_test(test_too_much_is_refused_at_the_byte),
		cmocka_unit_test(test_the_input_is_read_from_its_start),
		cmocka_unit_test(test_a_full_disk_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
