/* check_buf.c: bytes that grow, and what is written into them: JSON, CSV, URLs; failures as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>
#include <qxfs/base/secret.h>
#include <qxfs/base/sys.h>

static void check_text(struct buf *b, const char *want)
{
	assert_false(buf_failed(b));
	assert_string_equal(buf_text(b), want);
	assert_int_equal(b->len, strlen(want));
	buf_done(b);
}

static void test_a_zeroed_buffer_is_empty_text(void **state)
{
	(void)state;
	struct buf b = { 0 };
	assert_string_equal(buf_text(&b), "");
	buf_done(&b);
}

static void test_bytes_may_hold_nul_and_a_nul_follows_them(void **state)
{
	(void)state;
	struct buf b = { 0 };
	buf_add(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
	buf_done(&b);
}

static void test_a_text_with_nuls_becomes_a_c_string(void **state)
{
	(void)state;
	struct buf b = { 0 };
	buf_add_text(&b, "", 0);
	assert_string_equal(buf_text(&b), "");
	buf_add_text(&b, "\0a\0\0b\0 and on", 6);
	assert_string_equal(buf_text(&b), "\xef\xbf\xbd"
	                                  "a\xef\xbf\xbd\xef\xbf\xbd"
	                                  "b\xef\xbf\xbd");
	assert_int_equal(b.len, strlen(buf_text(&b)));
	buf_done(&b);
}

static void test_many_small_additions_arrive_whole(void **state)
{
	(void)state;
	struct buf b = { 0 };
	for (int i = 0; i < 10000; i++)
		buf_addf(&b, "%04d", i);
	assert_int_equal(b.len, 40000);
	assert_memory_equal(b.data + 4 * 9999, "9999", 5);
	buf_done(&b);
}

static void test_a_long_format_is_not_cut(void **state)
{
	(void)state;
	for (int width = 1; width < 300; width++) {
		struct buf b = { 0 };
		buf_addf(&b, "<%*d>", width, 7);
		assert_int_equal(b.len, width + 2);
		assert_int_equal(b.data[b.len - 1], '>');
		buf_done(&b);
	}
}

static void test_without_memory_a_buffer_fails_and_keeps_what_it_has(void **state)
{
	(void)state;
	struct buf b = { 0 };
	buf_add_str(&b, "kept");
	buf_add(&b, "", SIZE_MAX / 2); /* never read: there is no room for it */
	buf_add_str(&b, "ignored");
	assert_true(buf_failed(&b));
	assert_string_equal(buf_text(&b), "kept");
	assert_null(buf_steal(&b));
	assert_false(buf_failed(&b));
	buf_done(&b);
}

static void test_stolen_bytes_leave_an_empty_buffer(void **state)
{
	(void)state;
	struct buf b = { 0 };
	buf_add_str(&b, "text");
	qx_auto_free char *text = buf_steal(&b);
	assert_string_equal(text, "text");
	assert_string_equal(buf_text(&b), "");
	qx_auto_free char *empty = buf_steal(&b);
	assert_string_equal(empty, "");
}

static void test_clear_keeps_the_memory(void **state)
{
	(void)state;
	struct buf b = { 0 };
	buf_add_str(&b, "old");
	const char *data = b.data;
	buf_clear(&b);
	assert_string_equal(buf_text(&b), "");
	buf_add_str(&b, "new");
	assert_ptr_equal(b.data, data);
	check_text(&b, "new");
}

static void test_json_strings_are_escaped_and_bad_utf8_replaced(void **state)
{
	(void)state;
	static const struct {
		const char *text, *json;
	} rows[] = {
		{ "", "\"\"" },
		{ "a\"b\\c/", "\"a\\\"b\\\\c/\"" },
		{ "\n\r\t\x01\x1f\x7f", "\"\\n\\r\\t\\u0001\\u001f\x7f\"" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		  "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "x\xff\xc0\x80y", "\"x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdy\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* a surrogate */
		{ "\xe0\x9f\xbf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* overlong */
		{ "\xf4\x90.", "\"\xef\xbf\xbd\xef\xbf\xbd.\"" },               /* above U+10FFFF */
		{ "\xf0\x8f.", "\"\xef\xbf\xbd\xef\xbf\xbd.\"" },               /* overlong */
		{ "\xe0\xa0\x80\xed\x9f\xbf\xf4\x8f\xbf\xbf",
		  "\"\xe0\xa0\x80\xed\x9f\xbf\xf4\x8f\xbf\xbf\"" },
		{ "cut \xe2\x82", "\"cut \xef\xbf\xbd\xef\xbf\xbd\"" },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct buf b = { 0 };
		buf_add_json(&b, rows[i].text);
		check_text(&b, rows[i].json);
	}
}

static void test_csv_cells_are_quoted_only_where_needed(void **state)
{
	(void)state;
	static const struct {
		const char *text, *csv;
	} rows[] = {
		{ NULL, "" },
		{ "", "" },
		{ "plain text", "plain text" },
		{ "a,b", "\"a,b\"" },
		{ "say \"hi\"", "\"say \"\"hi\"\"\"" },
		{ "\"", "\"\"\"\"" },
		{ "two\nlines", "\"two\nlines\"" },
		{ "cr\r", "\"cr\r\"" },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct buf b = { 0 };
		buf_add_csv(&b, rows[i].text);
		check_text(&b, rows[i].csv);
	}
}

static void test_urls_keep_only_unreserved_characters(void **state)
{
	(void)state;
	struct buf b = { 0 };
	buf_add_url(&b, "AZaz09-._~ /?#&=+%\xc3\xa4");
	check_text(&b, "AZaz09-._~%20%2F%3F%23%26%3D%2B%25%C3%A4");
}

static void test_a_failure_has_words_and_returns_its_errno(void **state)
{
	(void)state;
	struct qx_fail f = { .http = 500, .remedy = "old" };
	assert_int_equal(fail_set(&f, 5, "survey %s is gone", "SV_1"), -5);
	assert_int_equal(f.err, 5);
	assert_int_equal(f.http, 0);
	assert_string_equal(f.why, "survey SV_1 is gone");
	assert_string_equal(f.remedy, "");

	fail_remedy(&f, "Look at %s.", f.why);
	assert_string_equal(f.remedy, "Look at survey SV_1 is gone.");
	assert_int_equal(fail_set(&f, 6, "again: %s", f.why), -6);
	assert_string_equal(f.why, "again: survey SV_1 is gone");

	fail_clear(&f);
	assert_int_equal(f.err, 0);
	assert_string_equal(f.why, "");
}

static void test_a_long_failure_is_cut_between_characters(void **state)
{
	(void)state;
	struct qx_fail f;
	char text[2 * sizeof(f.why)];
	for (size_t shift = 0; shift < 4; shift++) {
		memset(text, 'x', sizeof(text));
		for (size_t i = shift; i + 5 < sizeof(text); i += 4)
			memcpy(text + i, "\xf0\x9f\x98\x80", 4);
		text[sizeof(text) - 1] = '\0';
		fail_set(&f, 5, "%s", text);
		size_t len = strlen(f.why);
		assert_in_range(len, sizeof(f.why) - 4, sizeof(f.why) - 1);
		assert_int_equal((len - 3 - shift) % 4, 0);
		assert_string_equal(f.why + len - 3, "\xe2\x80\xa6");
	}
}

static void test_a_failure_is_one_line_of_whole_characters(void **state)
{
	(void)state;
	struct qx_fail f;
	fail_set(&f, 5, "%s",
	         "a\n\tb\x7f\x1b[31m \xff\xc3 \xe2\x82 \xc2\x9b"
	         "c \xc3\xa4\xc2\xa0");
	assert_string_equal(f.why, "a  b  [31m ?? ?? \x20\x20"
	                           "c \xc3\xa4\xc2\xa0");
}

/* Half a path names another folder, and people paste remedies. */
static void test_a_remedy_that_is_cut_shows_it(void **state)
{
	(void)state;
	struct qx_fail f = { 0 };
	char path[sizeof(f.remedy)];

	memset(path, 'x', sizeof(path));
	path[sizeof(path) - sizeof("rm ")] = '\0';
	fail_remedy(&f, "rm %s", path);
	assert_string_equal(f.remedy + sizeof("rm ") - 1, path); /* it just fits */
	fail_remedy(&f, "rm  %s", path);
	assert_string_equal(f.remedy + strlen(f.remedy) - 3, "\xe2\x80\xa6");
}

static void test_a_secret_wipes_its_source_and_reads_back(void **state)
{
	(void)state;
	char text[] = "token-1234";
	char zeros[sizeof(text)] = { 0 };
	struct secret *s = secret_new(text);
	assert_non_null(s);
	assert_memory_equal(text, zeros, sizeof(text));
	assert_string_equal(secret_reveal(s), "token-1234");
	assert_int_equal(secret_len(s), 10);
	secret_free(s);
	secret_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_zeroed_buffer_is_empty_text),
		cmocka_unit_test(test_bytes_may_hold_nul_and_a_nul_follows_them),
		cmocka_unit_test(test_a_text_with_nuls_becomes_a_c_string),
		cmocka_unit_test(test_many_small_additions_arrive_whole),
		cmocka_unit_test(test_a_long_format_is_not_cut),
		cmocka_unit_test(test_without_memory_a_buffer_fails_and_keeps_what_it_has),
		cmocka_unit_test(test_stolen_bytes_leave_an_empty_buffer),
		cmocka_unit_test(test_clear_keeps_the_memory),
		cmocka_unit_test(test_json_strings_are_escaped_and_bad_utf8_replaced),
		cmocka_unit_test(test_csv_cells_are_quoted_only_where_needed),
		cmocka_unit_test(test_urls_keep_only_unreserved_characters),
		cmocka_unit_test(test_a_failure_has_words_and_returns_its_errno),
		cmocka_unit_test(test_a_long_failure_is_cut_between_characters),
		cmocka_unit_test(test_a_failure_is_one_line_of_whole_characters),
		cmocka_unit_test(test_a_remedy_that_is_cut_shows_it),
		cmocka_unit_test(test_a_secret_wipes_its_source_and_reads_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
