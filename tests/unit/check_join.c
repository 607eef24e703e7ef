/* check_join.c: files of one archive become one text, however they are cut into pieces. */
#include "../../fs/store/join.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int take(void *arg, const void *bytes, size_t len)
{
	buf_add(arg, bytes, len);
	return 0;
}

static void join(enum text_rows rows_as, const char *const *files, size_t step, struct buf *out)
{
	struct join j = { .rows_as = rows_as, .sink = take, .arg = out };

	for (; *files; files++) {
		size_t len = strlen(*files);
		for (size_t n = 0; n < len; n += step)
			assert_int_equal(join_feed(&j, *files + n, len - n < step ? len - n : step),
			                 0);
		assert_int_equal(join_end(&j), 0);
	}
	join_done(&j);
}

#define HEAD "a,b\r\n\"x\r\ny\",\"z \"\"\r\n\"\r\n\"{}\",\"{}\"\r\n"

static void test_joined_texts(void **state)
{
	static const struct {
		enum text_rows rows_as;
		const char *files[5];
		const char *text;
	} rows[] = {
		{ ROWS_CSV,
		  { HEAD "1,2\r\n", HEAD "3,4\r\n", HEAD "5,6\r\n" },
		  HEAD "1,2\r\n3,4\r\n5,6\r\n" },
		{ ROWS_CSV,
		  { HEAD "1,2\r\n", "3,4\r\n", "5,6\r\n" },
		  HEAD "1,2\r\n3,4\r\n5,6\r\n" },
		/* the last line has no end */
		{ ROWS_CSV, { HEAD "1,2", HEAD "3,4", "5,6" }, HEAD "1,2\r\n3,4\r\n5,6" },
		/* a row that begins as the heading does; a file that is cut within it */
		{ ROWS_CSV,
		  { HEAD "1,2\r\n", "a,b\r\n3,4\r\n", "a,b\r\n\"x" },
		  HEAD "1,2\r\na,b\r\n3,4\r\na,b\r\n\"x" },
		/* nothing but a heading; nothing at all */
		{ ROWS_CSV, { HEAD, HEAD, "", HEAD "3,4\r\n" }, HEAD "3,4\r\n" },
		{ ROWS_CSV, { "", "" }, "" },
		{ ROWS_CSV,
		  { "\xef\xbb\xbf" HEAD "1,2\r\n", "\xef\xbb\xbf" HEAD "3,4\r\n" },
		  "\xef\xbb\xbf" HEAD "1,2\r\n3,4\r\n" },
		{ ROWS_LINES,
		  { "{\"a\":1}\n", "{\"a\":1}\n{}", "{\"a\":2}\n" },
		  "{\"a\":1}\n{\"a\":1}\n{}\n{\"a\":2}\n" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t step = 1; step < 50; step++) {
			struct buf out = { 0 };
			join(rows[i].rows_as, rows[i].files, step, &out);
			assert_string_equal(buf_text(&out), rows[i].text);
			buf_done(&out);
		}
	}
}

static void test_a_file_of_another_table_is_refused(void **state)
{
	static const char *const others[] = { "a,b,c\r\n", "a\r\n1\r\n", "\"a,b\"\r\n", "x",
		                              "a,b,c" };
	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct buf out = { 0 };
		struct join j = { .rows_as = ROWS_CSV, .sink = take, .arg = &out };
		assert_int_equal(join_feed(&j, HEAD "1,2\r\n", strlen(HEAD "1,2\r\n")), 0);
		assert_int_equal(join_end(&j), 0);
		int r = join_feed(&j, others[i], strlen(others[i]));
		assert_int_equal(r == 0 ? join_end(&j) : r, -EBADMSG);
		join_done(&j);
		buf_done(&out);
	}
}

static int refuse(void *arg, const void *bytes, size_t len)
{
	(void)arg, (void)bytes, (void)len;
	return -ENOSPC;
}

static void test_what_the_sink_says_is_told(void **state)
{
	struct join j = { .rows_as = ROWS_LINES, .sink = refuse };
	(void)state;
	assert_int_equal(join_feed(&j, "a", 1), -ENOSPC);
	join_done(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joined_texts),
		cmocka_unit_test(test_a_file_of_another_table_is_refused),
		cmocka_unit_test(test_what_the_sink_says_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
