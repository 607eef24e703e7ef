/* check_utf16.c: UTF-16 in pieces of any size becomes UTF-8, or is damaged. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <qxfs/base/buf.h>

#include "../../fs/store/utf16.h"

static int add(void *arg, const void *bytes, size_t len)
{
	buf_add(arg, bytes, len);
	return 0;
}

static int refuse(void *arg, const void *bytes, size_t len)
{
	(void)arg, (void)bytes, (void)len;
	return -ENOSPC;
}

static int convert(const char *in, size_t len, size_t piece, struct buf *out)
{
	struct utf16 *u = utf16_new(add, out);
	int r = 0;

	assert_non_null(u);
	for (size_t at = 0; at < len && r == 0; at += piece)
		r = utf16_feed(u, in + at, piece < len - at ? piece : len - at);
	if (r == 0)
		r = utf16_end(u);
	utf16_free(u);
	return r;
}

static void check(const char *in, size_t len, const char *want, size_t want_len)
{
	for (size_t piece = 1; piece <= len + 1; piece++) {
		struct buf out = { 0 };
		assert_int_equal(convert(in, len, piece, &out), 0);
		assert_int_equal(out.len, want_len);
		if (want_len)
			assert_memory_equal(out.data, want, want_len);
		buf_done(&out);
	}
}

#define CHECK(in, want) check(in, sizeof(in) - 1, want, sizeof(want) - 1)

static void test_characters_of_every_length(void **state)
{
	(void)state;
	CHECK("\xff\xfe"
	      "a\0\xe4\0\xac\x20\x3c\xd8\x5c\xdf\t\0\r\0\n\0",
	      "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\x9c\t\r\n");
	CHECK("\xff\xfe", "");
}

static void test_what_has_no_mark_is_passed_on(void **state)
{
	(void)state;
	CHECK("a\tb\r\n", "a\tb\r\n");
	CHECK("\xef\xbb\xbf\xc3\xa4", "\xef\xbb\xbf\xc3\xa4");
	CHECK("a", "a");
	CHECK("", "");
}

static void test_a_long_text_in_large_pieces(void **state)
{
	(void)state;
	size_t n = 100000;
	char *in = malloc(2 + 4 * n), *want = malloc(4 * n);
	assert_true(in && want);
	memcpy(in, "\xff\xfe", 2);
	for (size_t i = 0; i < n; i++) {
		memcpy(in + 2 + 4 * i, "\x3c\xd8\x5c\xdf", 4);
		memcpy(want + 4 * i, "\xf0\x9f\x8d\x9c", 4);
	}
	for (size_t piece = 4095; piece < 4100; piece++) {
		struct buf out = { 0 };
		assert_int_equal(convert(in, 2 + 4 * n, piece, &out), 0);
		assert_int_equal(out.len, 4 * n);
		assert_memory_equal(out.data, want, 4 * n);
		buf_done(&out);
	}
	free(in);
	free(want);
}

static void test_half_characters_are_damage(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		size_t len;
	} bad[] = {
		{ "\xff\xfe\x3c\xd8", 4 },         /* half a pair at the end */
		{ "\xff\xfe\x3c\xd8\x61\x00", 6 }, /* and in the middle */
		{ "\xff\xfe\x5c\xdf\x61\x00", 6 }, /* the other half alone */
		{ "\xff\xfe\x61\x00\x62", 5 },     /* an odd byte */
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (size_t piece = 1; piece <= bad[i].len; piece++) {
			struct buf out = { 0 };
			assert_int_equal(convert(bad[i].in, bad[i].len, piece, &out), -EBADMSG);
			buf_done(&out);
		}
}

static void test_the_sinks_error_ends_it(void **state)
{
	(void)state;
	struct utf16 *u = utf16_new(refuse, NULL);
	assert_non_null(u);
	assert_int_equal(utf16_feed(u, "\xff\xfe\x61\x00", 4), -ENOSPC);
	utf16_free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters_of_every_length),
		cmocka_unit_test(test_what_has_no_mark_is_passed_on),
		cmocka_unit_test(test_a_long_text_in_large_pieces),
		cmocka_unit_test(test_half_characters_are_damage),
		cmocka_unit_test(test_the_sinks_error_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
