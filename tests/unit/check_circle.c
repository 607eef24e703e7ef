/* check_circle.c: an address is new once; however many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../fs/jobs/circle.h"

static void test_an_address_is_new_once(void **state)
{
	struct circle c = { 0 };

	(void)state;
	assert_true(circle_enter(&c, "https://x/?skipToken=a"));
	assert_true(circle_enter(&c, "https://x/?skipToken=b"));
	assert_true(circle_enter(&c, ""));
	assert_false(circle_enter(&c, "https://x/?skipToken=a"));
	assert_false(circle_enter(&c, ""));
	assert_int_equal(c.n, 3);
	circle_done(&c);
	assert_true(circle_enter(&c, "https://x/?skipToken=a"));
	circle_done(&c);
}

static void test_it_grows_and_forgets_none(void **state)
{
	struct circle c = { 0 };
	char url[64];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 20000; i++) {
			(void)snprintf(url, sizeof(url), "https://x/?skipToken=%d", i);
			assert_int_equal(circle_enter(&c, url), round == 0);
		}
	}
	assert_int_equal(c.n, 20000);
	assert_true(c.size >= 40000);
	circle_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_address_is_new_once),
		cmocka_unit_test(test_it_grows_and_forgets_none),
	};
	return cmocka_run_group_tests_name("circle", tests, NULL, NULL);
}
