/* check_json.c: what is no JSON is refused, what is of another type reads as absent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <qxfs/base/json.h>
#include <qxfs/base/sys.h>

static struct json *parse(const char *text)
{
	struct json *j = NULL;
	if (json_parse(text, strlen(text), &j) != 0)
		fail_msg("refused: %s", text);
	return j;
}

static void check_refused(const char *text, size_t len)
{
	struct json *j = NULL;
	int r = json_parse(text, len, &j);
	if (r != -EBADMSG || j)
		fail_msg("%d for: %.*s", r, (int)len, text);
}

static void test_what_is_no_json_is_refused(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"",
		" ",
		"{",
		"}",
		"[",
		"nonsense",
		"{a:1}",
		"{'a':1}",
		"{\"a\":'x'}",
		"{\"a\":NaN}",
		"{\"a\":Infinity}",
		"{\"a\":-Infinity}",
		"{\"a\":nan}",
		"{\"a\":True}",
		"{\"a\":tru}",
		"{\"a\":truee}",
		"{\"a\":1,}",
		"{,}",
		"{\"a\":[1,]}",
		"{\"a\":[,]}",
		"{\"a\":[1 2]}",
		"{\"a\" 1}",
		"{\"a\":1 \"b\":2}",
		"{\"a\":}",
		"{1:1}",
		"{\"a\":1]",
		"{\"a\":[1}",
		"{\"a\":01}",
		"{\"a\":-01}",
		"{\"a\":+1}",
		"{\"a\":.5}",
		"{\"a\":-.5}",
		"{\"a\":1.}",
		"{\"a\":1.e5}",
		"{\"a\":1e}",
		"{\"a\":1e+}",
		"{\"a\":-}",
		"{\"a\":--1}",
		"{\"a\":0x1}",
		"{\"a\":\"\t\"}",
		"{\"a\":\"\n\"}",
		"{\"a\":\"\x01\"}",
		"{\"\n\":1}",
		"{\"a\":\"\\x\"}",
		"{\"a\":\"\\'\"}",
		"{\"a\":\"\\u12\"}",
		"{\"a\":\"\\u12g4\"}",
		"{\"a\":\"\\\"}",
		"{\"a\":1}}",
		"{\"a\":1} x",
		"{}\"",
		"{}1",
		"{}-",
		"{}nul",
		"{\"a\":1} {}",
		"{\"a\":1},",
		"{/**/}",
		"{} //",
		"\xef\xbb\xbf{}",
		"{\"a\":\"\xff\"}",
		"{\"a\":\"\xc0\x80\"}",
		"{\"a\":\"\xed\xa0\x80\"}",
		"{\"a\":\"\xf4\x90\x80\x80\"}",
		"{\"a\":\"\xc3\"}",
		"{\"a\":\xc2\xa0 1}",
		"{\"a\":\v1}",
		"{}\f",
		"{\"a\":\"x",
	};
	for (size_t i = 0; i < countof(rows); i++)
		check_refused(rows[i], strlen(rows[i]));
	check_refused("{}\0", 3);
	check_refused("{\"a\":\"\0\"}", 9);
	check_refused("{\0}", 3);
}

static void test_the_root_must_be_an_object(void **state)
{
	(void)state;
	static const char *const rows[] = { "[]", "1", "\"text\"", "null", "true", "[{}]" };
	for (size_t i = 0; i < countof(rows); i++)
		check_refused(rows[i], strlen(rows[i]));
}

static void test_a_value_cut_anywhere_is_refused(void **state)
{
	(void)state;
	static const char text[] =
		"{\"meta\":{\"s\":\"x\\u00e4\xe2\x82\xac\"},\"n\":[1,-2.5e3,true]}";
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		check_refused(text, len);
	json_free(parse(text));
}

static void test_white_space_around_the_value_is_fine(void **state)
{
	(void)state;
	struct json *j = parse(" \t\r\n{ \"a\" :\n1 }\r\n \t");
	json_free(j);
}

/* {"a":{"a": .. {"a":1} .. }} */
static void nest(char *out, int depth)
{
	out[0] = '\0';
	for (int i = 0; i < depth; i++)
		out = stpcpy(out, "{\"a\":");
	out = stpcpy(out, "1");
	for (int i = 0; i < depth; i++)
		out = stpcpy(out, "}");
}

static void test_32_levels_are_read_and_33_refused(void **state)
{
	(void)state;
	char text[33 * 6 + 2];
	nest(text, 32);
	json_free(parse(text));
	nest(text, 33);
	check_refused(text, strlen(text));
}

/* {"a":[unit,unit,…]} of `n` units. */
static size_t repeat(char *out, const char *unit, size_t n)
{
	char *end = stpcpy(out, "{\"a\":[");
	for (size_t i = 0; i < n; i++)
		end = stpcpy(stpcpy(end, i > 0 ? "," : ""), unit);
	return (size_t)(stpcpy(end, "]}") - out);
}

/* A few bytes of the service's become many of ours. */
static void test_what_would_fill_the_memory_is_refused(void **state)
{
	static const struct {
		const char *unit;
		size_t fine, too_many;
	} rows[] = { { "{}", 80000, 90000 }, { "[]", 80000, 90000 }, { "0", 800000, 900000 } };
	char *text = malloc(4 << 20);
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		repeat(text, rows[i].unit, rows[i].fine);
		json_free(parse(text));
		check_refused(text, repeat(text, rows[i].unit, rows[i].too_many));
	}
	/* In a string they are but text. */
	memset(text, ',', 4 << 20);
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + (4 << 20) - 3, "\"}", 3);
	json_free(parse(text));
	free(text);
}

static void test_fields_are_found_by_dotted_path(void **state)
{
	(void)state;
	struct json *j = parse("{\"meta\":{\"error\":{\"errorCode\":\"QVAL_1\"}},\"x\":7}");
	int64_t n = 0;
	assert_string_equal(json_str(j, "meta.error.errorCode"), "QVAL_1");
	const struct json *error = json_get(j, "meta.error");
	assert_string_equal(json_str(error, "errorCode"), "QVAL_1");
	assert_string_equal(json_str(json_get(error, "errorCode"), NULL), "QVAL_1");
	assert_ptr_equal(json_get(j, ""), j);
	assert_true(json_int(j, "x", &n));
	assert_int_equal(n, 7);
	assert_null(json_get(j, "meta.errors"));
	assert_null(json_get(j, "meta.error.errorCode.more"));
	assert_null(json_get(j, "x.y"));
	assert_null(json_get(j, "met"));
	assert_null(json_get(NULL, "meta"));
	json_free(j);
}

static void test_a_member_is_found_by_its_whole_name(void **state)
{
	(void)state;
	struct json *j = parse("{\"a\":{\"b\":1},\"a.b\":\"2\",\"\":\"3\",\"n\":null,\"l\":[4]}");
	assert_string_equal(json_str(json_member(j, "a.b"), NULL), "2");
	assert_string_equal(json_str(json_member(j, ""), NULL), "3");
	assert_ptr_equal(json_member(j, "a"), json_get(j, "a"));
	assert_null(json_member(j, "n"));
	assert_null(json_member(j, "none"));
	assert_null(json_member(json_get(j, "l"), "0"));
	assert_null(json_member(NULL, "a"));
	json_free(j);
}

static void test_a_field_of_another_type_reads_as_absent(void **state)
{
	(void)state;
	static const char *const keys[] = { "s", "i", "d", "b", "n", "a", "o", "none" };
	struct json *j = parse("{\"s\":\"1\",\"i\":1,\"d\":1.0,\"b\":true,\"n\":null,"
	                       "\"a\":[1],\"o\":{\"k\":1}}");
	for (size_t i = 0; i < countof(keys); i++) {
		const char *key = keys[i];
		int64_t whole = 42;
		double real = 42;
		bool flag = false;
		assert_int_equal(json_str(j, key) != NULL, *key == 's');
		assert_int_equal(json_int(j, key, &whole), *key == 'i');
		assert_int_equal(whole, *key == 'i' ? 1 : 42);
		assert_int_equal(json_double(j, key, &real), *key == 'i' || *key == 'd');
		assert_int_equal(json_bool(j, key, &flag), *key == 'b');
		assert_int_equal(flag, *key == 'b');
		assert_int_equal(json_is_array(j, key), *key == 'a');
		assert_int_equal(json_is_object(j, key), *key == 'o');
		assert_int_equal(json_len(j, key), *key == 'a' || *key == 'o');
		assert_int_equal(json_at(j, key, 0) != NULL, *key == 'a');
	}
	json_free(j);
}

static void test_a_string_with_nul_reads_as_absent(void **state)
{
	(void)state;
	struct json *j = parse("{\"a\":\"x\\u0000y\",\"b\":\"\"}");
	assert_null(json_str(j, "a"));
	assert_string_equal(json_str(j, "b"), "");
	json_free(j);
}

static void test_text_keeps_a_string_with_nul(void **state)
{
	(void)state;
	static const char text[] = "{\"a\":\"x\\u0000y\",\"b\":1}";
	struct json *j;
	struct buf b = { 0 };
	assert_int_equal(json_parse(text, strlen(text), &j), 0);
	assert_true(json_text(j, "a", &b));
	assert_string_equal(buf_text(&b), "x\xef\xbf\xbdy");
	assert_false(json_text(j, "b", &b));
	buf_done(&b);
	json_free(j);
}

static void test_escapes_become_utf8(void **state)
{
	(void)state;
	struct json *j =
		parse("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\ude00\xc3\xa4\"}");
	assert_string_equal(json_str(j, "a"), "\"\\/\b\f\n\r\t\xc3\xa4\xf0\x9f\x98\x80\xc3\xa4");
	json_free(j);
}

static void test_integers_that_do_not_fit_read_as_absent(void **state)
{
	(void)state;
	static const struct {
		const char *number;
		bool fits;
		int64_t value;
	} rows[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "-1", true, -1 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775807", true, -INT64_MAX },
		{ "9223372036854775808", false, 0 },
		{ "18446744073709551615", false, 0 },
		{ "18446744073709551616", false, 0 },
		{ "99999999999999999999999", false, 0 },
		{ "-9223372036854775808", false, 0 }, /* cannot be told from the next */
		{ "-9223372036854775809", false, 0 },
		{ "1.0", false, 0 },
		{ "1e3", false, 0 },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		char text[64];
		int64_t n = 0;
		(void)snprintf(text, sizeof(text), "{\"n\":%s}", rows[i].number);
		struct json *j = parse(text);
		if (json_int(j, "n", &n) != rows[i].fits || n != rows[i].value)
			fail_msg("%s read as %lld", text, (long long)n);
		json_free(j);
	}
}

static void test_a_number_beyond_double_reads_as_absent(void **state)
{
	(void)state;
	double d = 42;
	struct json *j = parse("{\"a\":1e999,\"b\":-2.5e-1,\"c\":-1e999}");
	assert_false(json_double(j, "a", &d));
	assert_false(json_double(j, "c", &d));
	assert_true(json_double(j, "b", &d));
	assert_true(d > -0.2500001 && d < -0.2499999);
	json_free(j);
}

static void test_arrays_are_read_in_order(void **state)
{
	(void)state;
	struct json *j =
		parse("{\"result\":{\"elements\":[{\"id\":\"a\"},{\"id\":\"b\"}],\"e\":[]}}");
	assert_int_equal(json_len(j, "result.elements"), 2);
	assert_string_equal(json_str(json_at(j, "result.elements", 1), "id"), "b");
	assert_null(json_at(j, "result.elements", 2));
	assert_null(json_at(j, "result.e", 0));
	assert_int_equal(json_len(j, "result"), 2);
	json_free(j);
}

static void test_of_a_key_that_comes_twice_the_last_wins(void **state)
{
	(void)state;
	int64_t n = 0;
	struct json *j = parse("{\"a\":1,\"a\":2}");
	assert_true(json_int(j, "a", &n));
	assert_int_equal(n, 2);
	json_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_no_json_is_refused),
		cmocka_unit_test(test_the_root_must_be_an_object),
		cmocka_unit_test(test_a_value_cut_anywhere_is_refused),
		cmocka_unit_test(test_white_space_around_the_value_is_fine),
		cmocka_unit_test(test_32_levels_are_read_and_33_refused),
		cmocka_unit_test(test_what_would_fill_the_memory_is_refused),
		cmocka_unit_test(test_fields_are_found_by_dotted_path),
		cmocka_unit_test(test_a_member_is_found_by_its_whole_name),
		cmocka_unit_test(test_a_field_of_another_type_reads_as_absent),
		cmocka_unit_test(test_a_string_with_nul_reads_as_absent),
		cmocka_unit_test(test_text_keeps_a_string_with_nul),
		cmocka_unit_test(test_escapes_become_utf8),
		cmocka_unit_test(test_integers_that_do_not_fit_read_as_absent),
		cmocka_unit_test(test_a_number_beyond_double_reads_as_absent),
		cmocka_unit_test(test_arrays_are_read_in_order),
		cmocka_unit_test(test_of_a_key_that_comes_twice_the_last_wins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
