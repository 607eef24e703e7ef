/* check_poll.c: the polling law: bounds, shares, and what the service's percentage may do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../fs/jobs/poll.h"

static int64_t after(int64_t elapsed_ms, double percent, int running, double polls_per_minute)
{
	const struct poll_state s = { .elapsed_ms = elapsed_ms,
		                      .percent = percent,
		                      .running = running,
		                      .polls_per_minute = polls_per_minute };
	return poll_interval_ms(&s);
}

static int64_t after_prior(int64_t elapsed_ms, double percent)
{
	const struct poll_state s = { .elapsed_ms = elapsed_ms,
		                      .prior_ms = 20000,
		                      .percent = percent,
		                      .running = 1,
		                      .polls_per_minute = 800 };
	return poll_interval_ms(&s);
}

static void test_who_knows_how_long_it_took_before_asks_shortly_before_that(void **state)
{
	(void)state;
	assert_int_equal(after_prior(0, -1), 18000);
	assert_int_equal(after_prior(10000, 1), 8000);
	assert_int_equal(after_prior(17999, 50), 250); /* never more often than that */
	assert_int_equal(after_prior(18000, 0), 1341); /* then as ever */
	assert_int_equal(after_prior(18000, 99), 250);
}

static void test_the_first_poll_comes_after_a_quarter_second(void **state)
{
	(void)state;
	assert_int_equal(after(0, -1, 1, 800), 250);
}

static void test_the_interval_grows_with_the_root_of_the_time(void **state)
{
	(void)state;
	assert_int_equal(after(10000, 0, 1, 800), 1000);
	assert_int_equal(after(40000, 0, 1, 800), 2000);
	assert_int_equal(after(1000000, 0, 1, 800), 10000);
}

static void test_a_percentage_shortens_it_by_at_most_15_percent_of_the_elapsed(void **state)
{
	(void)state;
	/* 90 % after 100 s: 60 % of the 11 s that remain, not the 3.2 s of the law */
	assert_int_equal(after(100000, 0, 1, 800), 3162);
	assert_int_equal(after(100000, 99, 1, 800), 606);
	/* 1 % after 1 s promises 99 s more; it is not believed */
	assert_int_equal(after(4000, 1, 1, 800), 600);
	assert_int_equal(after(100000, 100, 1, 800), 3162);
}

static void test_many_jobs_share_the_polls_of_a_minute(void **state)
{
	(void)state;
	assert_int_equal(after(0, -1, 15, 800), 1125);
	assert_int_equal(after(0, -1, 15, 80), 11250);
}

static void test_nothing_waits_longer_than_half_a_minute(void **state)
{
	(void)state;
	assert_int_equal(after(86400000, 0, 1, 800), 30000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_poll_comes_after_a_quarter_second),
		cmocka_unit_test(test_who_knows_how_long_it_took_before_asks_shortly_before_that),
		cmocka_unit_test(test_the_interval_grows_with_the_root_of_the_time),
		cmocka_unit_test(
			test_a_percentage_shortens_it_by_at_most_15_percent_of_the_elapsed),
		cmocka_unit_test(test_many_jobs_share_the_polls_of_a_minute),
		cmocka_unit_test(test_nothing_waits_longer_than_half_a_minute),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
