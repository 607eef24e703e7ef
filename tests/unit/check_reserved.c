/* check_reserved.c: who has had which name: kept, written, read, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <qxfs/base/sys.h>

#include "../../fs/tree/reserved.h"

static struct reserved *read_all(const char *text, size_t len)
{
	struct reserved *r = reserved_new();
	assert_non_null(r);
	assert_int_equal(reserved_read(r, text, len), 0);
	return r;
}

static struct reserved *from(const char *text)
{
	return read_all(text, strlen(text));
}

static void written_is(const struct reserved *r, const char *expected)
{
	struct buf out = { 0 };
	reserved_write(r, &out);
	assert_string_equal(buf_text(&out), expected);
	buf_done(&out);
}

static void test_the_first_bearer_keeps_the_name(void **state)
{
	(void)state;
	struct reserved *r = reserved_new();
	assert_null(reserved_owner(r, "trust"));
	assert_int_equal(reserved_bear(r, "trust", "SV_1"), 0);
	assert_int_equal(reserved_bear(r, "trust", "SV_2"), 0);
	assert_int_equal(reserved_bear(r, "other", "SV_2"), 0);
	assert_string_equal(reserved_owner(r, "trust"), "SV_1");
	assert_string_equal(reserved_owner(r, "other"), "SV_2");
	assert_true(reserved_has_news(r));
	written_is(r, "SV_1 trust\nSV_2 other\n");
	reserved_free(r);
}

static void test_what_was_read_is_no_news(void **state)
{
	(void)state;
	struct reserved *r = from("SV_1 a name of words\nCG_2  blank\nSV_3 last");
	assert_false(reserved_has_news(r));
	assert_string_equal(reserved_owner(r, "a name of words"), "SV_1");
	assert_string_equal(reserved_owner(r, " blank"), "CG_2");
	assert_int_equal(reserved_bear(r, "last", "SV_3"), 0);
	assert_false(reserved_has_news(r));
	written_is(r, "SV_1 a name of words\nCG_2  blank\nSV_3 last\n");
	reserved_free(r);
}

static void test_lines_that_are_none_are_left_out(void **state)
{
	static const char text[] =
		"\n \nSV_1\nSV_1 \n../x name\nSV_2 nul\0name\nSV_3 good\nSV_4 good\n";
	char text_long[3000] = "SV_1 ";
	(void)state;
	struct reserved *r = read_all(text, sizeof(text) - 1);
	written_is(r, "SV_3 good\n");
	memset(text_long + 5, 'x', sizeof(text_long) - 6);
	assert_int_equal(reserved_read(r, text_long, strlen(text_long)), 0);
	memset(text_long, 'I', 100);
	assert_int_equal(reserved_read(r, text_long, 200), 0);
	written_is(r, "SV_3 good\n");
	reserved_free(r);
}

static void test_ours_do_not_take_what_the_file_has(void **state)
{
	(void)state;
	struct reserved *file = from("SV_1 trust\n"), *ours = reserved_new();
	assert_int_equal(reserved_bear(ours, "trust", "SV_2"), 0);
	assert_int_equal(reserved_bear(ours, "new", "SV_2"), 0);
	assert_int_equal(reserved_add(file, ours, true), 0);
	assert_string_equal(reserved_owner(file, "trust"), "SV_1");
	assert_string_equal(reserved_owner(file, "new"), "SV_2");
	assert_true(reserved_has_news(file));
	reserved_free(file);
	reserved_free(ours);
}

static const char *key(size_t i)
{
	static char text[32];
	(void)snprintf(text, sizeof(text), "name %zu", i);
	return text;
}

/* Borne names do not count, however many there are. */
static void test_of_names_that_nobody_bears_the_last_are_kept(void **state)
{
	(void)state;
	struct reserved *r = reserved_new(), *again = reserved_new();
	struct buf out = { 0 };
	for (size_t i = 0; i < 3 * RESERVED_SPARE; i++)
		assert_int_equal(reserved_bear(r, key(i), "SV_1"), 0);
	reserved_write(r, &out);
	assert_int_equal(reserved_read(again, buf_text(&out), out.len), 0);
	buf_done(&out);
	for (size_t i = 0; i < 3 * RESERVED_SPARE; i++)
		assert_string_equal(reserved_owner(again, key(i)), "SV_1");

	assert_int_equal(reserved_bear(again, key(0), "SV_1"), 0);
	reserved_write(again, &out);
	reserved_free(r);
	r = read_all(buf_text(&out), out.len);
	assert_non_null(reserved_owner(r, key(0)));
	assert_null(reserved_owner(r, key(1)));
	assert_null(reserved_owner(r, key(2 * RESERVED_SPARE - 1)));
	assert_non_null(reserved_owner(r, key(2 * RESERVED_SPARE)));
	assert_non_null(reserved_owner(r, key(3 * RESERVED_SPARE - 1)));
	buf_done(&out);
	reserved_free(again);
	reserved_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_bearer_keeps_the_name),
		cmocka_unit_test(test_what_was_read_is_no_news),
		cmocka_unit_test(test_lines_that_are_none_are_left_out),
		cmocka_unit_test(test_ours_do_not_take_what_the_file_has),
		cmocka_unit_test(test_of_names_that_nobody_bears_the_last_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
