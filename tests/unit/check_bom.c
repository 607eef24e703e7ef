/* check_bom.c: a BOM before a text that comes in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/sys.h>

#include "../../fs/store/bom.h"

static int add(void *arg, const void *bytes, size_t len)
{
	buf_add(arg, bytes, len);
	return 0;
}

static void becomes(const char *text, const char *expected)
{
	size_t len = strlen(text);

	for (size_t piece = 1; piece <= len + 1; piece++) {
		struct buf out = { 0 };
		struct bom b = { .sink = add, .arg = &out };
		for (size_t at = 0; at < len; at += piece)
			assert_int_equal(
				bom_feed(&b, text + at, piece < len - at ? piece : len - at), 0);
		assert_int_equal(bom_end(&b), 0);
		assert_string_equal(buf_text(&out), expected);
		buf_done(&out);
	}
}

static void test_a_text_gets_one(void **state)
{
	(void)state;
	becomes("StartDate,EndDate\r\n", "\xef\xbb\xbfStartDate,EndDate\r\n");
}

static void test_a_text_that_has_one_keeps_it(void **state)
{
	(void)state;
	becomes("\xef\xbb\xbfStartDate\r\n", "\xef\xbb\xbfStartDate\r\n");
	becomes("\xef\xbb\xbf", "\xef\xbb\xbf");
}

static void test_a_text_shorter_than_a_bom_is_whole(void **state)
{
	(void)state;
	becomes("", "\xef\xbb\xbf");
	becomes("a", "\xef\xbb\xbf"
	             "a");
	becomes("ab", "\xef\xbb\xbf"
	              "ab");
	becomes("abc", "\xef\xbb\xbf"
	               "abc");
	becomes("\xef\xbb", "\xef\xbb\xbf\xef\xbb"); /* half of one is none */
}

static int refuse(void *arg, const void *bytes, size_t len)
{
	(void)arg;
	(void)bytes;
	(void)len;
	return -ENOSPC;
}

static void test_what_the_sink_says_ends_it(void **state)
{
	(void)state;
	struct bom b = { .sink = refuse };
	assert_int_equal(bom_feed(&b, "abcd", 4), -ENOSPC);
	b = (struct bom){ .sink = refuse };
	assert_int_equal(bom_feed(&b, "ab", 2), 0);
	assert_int_equal(bom_end(&b), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_text_gets_one),
		cmocka_unit_test(test_a_text_that_has_one_keeps_it),
		cmocka_unit_test(test_a_text_shorter_than_a_bom_is_whole),
		cmocka_unit_test(test_what_the_sink_says_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
