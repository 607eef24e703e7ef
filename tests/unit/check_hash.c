/* check_hash.c: names that last on disk never change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <qxfs/base/hash.h>

#define PARTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* printf '\0\0\0\0\0\0\0\2ab\0\0\0\0\0\0\0\1c' | sha256sum */
static void test_names_are_the_same_as_ever(void **state)
{
	(void)state;
	char hex[HASH_HEX_SIZE];
	hash_hex(hex, PARTS("ab", "c"));
	assert_string_equal(hex, "601d5476e2ccfe2c87a2bba7a3226597");
	hash_hex(hex, (const char *const[]){ NULL });
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb924");
	assert_true(hash_u64((const char *const[]){ NULL }) == 0xe3b0c44298fc1c14ULL);
}

static void test_where_one_part_ends_makes_a_difference(void **state)
{
	(void)state;
	uint64_t n = hash_u64(PARTS("ab", "c"));
	assert_true(n == hash_u64(PARTS("ab", "c")));
	assert_true(n != hash_u64(PARTS("a", "bc")));
	assert_true(n != hash_u64(PARTS("abc")));
	assert_true(n != hash_u64(PARTS("ab", "c", "")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_the_same_as_ever),
		cmocka_unit_test(test_where_one_part_ends_makes_a_difference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
