/* check_board.c: what failed is told with what to do, and until it is settled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <qxfs/base/sys.h>
#include <qxfs/jobs/board.h>

static int set_up(void **state)
{
	*state = board_new();
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	board_free(*state);
	return 0;
}

static void test_a_failure_without_a_remedy_gets_one(void **state)
{
	static const int errors[] = { EIO, ENOSPC, EDQUOT, EFBIG, ENOMEM, ETIMEDOUT, EBADMSG };
	struct board_failure failure;
	struct qx_fail fail;

	for (size_t i = 0; i < countof(errors); i++) {
		fail_set(&fail, errors[i], "it is so");
		board_failed(*state, "a", &fail);
		assert_true(board_failure_of(*state, "a", &failure));
		assert_string_equal(failure.fail.why, "it is so");
		assert_true(strlen(failure.fail.remedy) > 20);
		assert_string_equal(words_stop(failure.fail.remedy), "");
		assert_true(fail.remedy[0] == '\0');
	}
	fail_set(&fail, ENOSPC, "it is so");
	board_failed(*state, "a", &fail);
	assert_true(board_failure_of(*state, "a", &failure));
	assert_non_null(strstr(failure.fail.remedy, "cache_dir="));
}

static void test_its_own_remedy_stays(void **state)
{
	struct board_failure failure;
	struct qx_fail fail;

	fail_set(&fail, EIO, "it is so");
	fail_remedy(&fail, "Do this.");
	board_failed(*state, "a", &fail);
	assert_true(board_failure_of(*state, "a", &failure));
	assert_string_equal(failure.fail.remedy, "Do this.");
}

static void test_the_last_one_counts_until_it_is_settled(void **state)
{
	struct board_failure failure, *all = NULL;
	struct qx_fail fail;
	size_t n = 0;

	for (int i = 0; i < BOARD_FAILURES + 2; i++) {
		fail_set(&fail, i % 2 ? EIO : EACCES, "failure %d", i);
		board_failed(*state, i % 2 ? "odd" : "even", &fail);
	}
	assert_true(board_failure_of(*state, "odd", &failure));
	assert_string_equal(failure.fail.why, "failure 65");
	board_settled(*state, "odd");
	assert_false(board_failure_of(*state, "odd", &failure));
	assert_true(board_failure_of(*state, "even", &failure));
	assert_int_equal(board_failures(*state, &all, &n), 0);
	assert_int_equal(n, BOARD_FAILURES);
	assert_string_equal(all[0].fail.why, "failure 65");
	assert_true(all[0].settled && !all[1].settled);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_failure_without_a_remedy_gets_one, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(test_its_own_remedy_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_last_one_counts_until_it_is_settled,
		                                set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
