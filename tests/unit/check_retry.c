/* check_retry.c: what is sent again, when, and what is never sent twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <qxfs/api/retry.h>
#include <qxfs/base/sys.h>

static struct attempt answered(int http)
{
	return (struct attempt){
		.n = 1, .outcome = OUTCOME_ANSWERED, .http = http, .retry_after_s = -1
	};
}

static struct attempt ended(enum outcome outcome)
{
	return (struct attempt){ .n = 1, .outcome = outcome, .retry_after_s = -1 };
}

static bool goes_again(struct attempt a)
{
	return retry_delay_ms(&a, 0) >= 0;
}

static void test_only_passing_troubles_are_repeated(void **state)
{
	(void)state;
	static const int passing[] = { 429, 500, 502, 503, 504 };
	static const int final[] = { 200, 202, 301, 302, 400, 401, 403,
		                     404, 409, 411, 413, 414, 415, 501 };

	for (size_t i = 0; i < countof(passing); i++)
		assert_true(goes_again(answered(passing[i])));
	for (size_t i = 0; i < countof(final); i++)
		assert_false(goes_again(answered(final[i])));

	assert_true(goes_again(ended(OUTCOME_UNRESOLVED)));
	assert_true(goes_again(ended(OUTCOME_REFUSED)));
	assert_true(goes_again(ended(OUTCOME_TIMEOUT)));
	assert_true(goes_again(ended(OUTCOME_BROKEN)));
	assert_true(goes_again(ended(OUTCOME_CUT)));
	assert_false(goes_again(ended(OUTCOME_TLS)));
	assert_false(goes_again(ended(OUTCOME_LOCAL)));
	assert_false(goes_again(ended(OUTCOME_ABORTED)));
}

static void test_what_may_have_arrived_is_repeated_only_by_rule(void **state)
{
	(void)state;
	static const struct {
		struct attempt a;
		bool certain; /* not to have taken effect */
	} rows[] = {
		{ { .n = 1, .outcome = OUTCOME_ANSWERED, .http = 429, .retry_after_s = -1 }, true },
		{ { .n = 1, .outcome = OUTCOME_REFUSED, .retry_after_s = -1 }, true },
		{ { .n = 1, .outcome = OUTCOME_UNRESOLVED, .retry_after_s = -1 }, true },
		{ { .n = 1, .outcome = OUTCOME_ANSWERED, .http = 500, .retry_after_s = -1 },
		  false },
		{ { .n = 1, .outcome = OUTCOME_ANSWERED, .http = 503, .retry_after_s = -1 },
		  false },
		{ { .n = 1, .outcome = OUTCOME_ANSWERED, .http = 504, .retry_after_s = 1 }, false },
		{ { .n = 1,
		    .outcome = OUTCOME_ANSWERED,
		    .http = 200,
		    .damaged = true,
		    .retry_after_s = -1 },
		  false },
		{ { .n = 1, .outcome = OUTCOME_TIMEOUT, .retry_after_s = -1 }, false },
		{ { .n = 1, .outcome = OUTCOME_BROKEN, .retry_after_s = -1 }, false },
		{ { .n = 1, .outcome = OUTCOME_CUT, .retry_after_s = -1 }, false },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct attempt a = rows[i].a;
		a.repeat = REPEAT_ALWAYS;
		assert_true(goes_again(a));
		a.repeat = REPEAT_KEY;
		assert_true(goes_again(a));
		a.repeat = REPEAT_LOOK;
		assert_int_equal(goes_again(a), rows[i].certain);
		a.repeat = REPEAT_NEVER;
		assert_int_equal(goes_again(a), rows[i].certain);
	}
}

static void test_the_delay_doubles_up_to_4_s_and_is_jittered_by_half(void **state)
{
	(void)state;
	static const int64_t full[] = { 250, 500, 1000, 2000, 4000, 4000, 4000 };

	for (int i = 0; i < (int)countof(full); i++) {
		struct attempt a = ended(OUTCOME_REFUSED);
		a.n = i + 1;
		a.bound_ms = INT32_MAX;
		assert_int_equal(retry_delay_ms(&a, 0), full[i] / 2);
		assert_int_equal(retry_delay_ms(&a, (uint64_t)full[i] / 2), full[i]);
		for (uint64_t dice = 0; dice < 100000; dice += 37)
			assert_in_range(retry_delay_ms(&a, dice), full[i] / 2, full[i]);
		assert_in_range(retry_delay_ms(&a, UINT64_MAX), full[i] / 2, full[i]);
	}
}

static void test_retry_after_is_obeyed_within_reason(void **state)
{
	(void)state;
	static const int64_t rows[][2] = {
		{ 0, 1000 },     { 1, 1000 },     { 7, 7000 },
		{ 120, 120000 }, { 121, 120000 }, { INT32_MAX, 120000 },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct attempt a = answered(429);
		a.retry_after_s = rows[i][0];
		assert_int_equal(retry_delay_ms(&a, 12345), rows[i][1]);
		a.http = 503;
		assert_int_equal(retry_delay_ms(&a, 12345), rows[i][1]);
	}
}

static void test_attempts_are_counted(void **state)
{
	(void)state;
	struct attempt a = answered(503);
	a.n = RETRY_ATTEMPTS - 1;
	assert_true(goes_again(a));
	a.n = RETRY_ATTEMPTS;
	assert_false(goes_again(a));

	a = answered(200);
	a.damaged = true;
	a.n = 2;
	assert_true(goes_again(a));
	a.n = 3;
	assert_false(goes_again(a));

	a = ended(OUTCOME_CUT);
	a.bound_ms = 30000;
	a.n = RETRY_ATTEMPTS;
	assert_false(goes_again(a));
}

static void test_a_network_that_is_away_is_tried_until_the_bound(void **state)
{
	(void)state;
	static const enum outcome away[] = { OUTCOME_UNRESOLVED, OUTCOME_REFUSED, OUTCOME_TIMEOUT,
		                             OUTCOME_BROKEN };
	for (size_t i = 0; i < countof(away); i++) {
		struct attempt a = ended(away[i]);
		a.n = 50;
		assert_false(goes_again(a)); /* no bound: attempts count */
		a.bound_ms = 30000;
		a.elapsed_ms = 1000;
		assert_int_equal(retry_delay_ms(&a, 0), 2000);
		a.elapsed_ms = 28500; /* the last attempt is at the bound, not beyond */
		assert_int_equal(retry_delay_ms(&a, 0), 1500);
		a.elapsed_ms = 29990; /* an answer was waited for until then: no second time */
		assert_int_equal(retry_delay_ms(&a, 0), away[i] == OUTCOME_TIMEOUT ? -1 : 10);
		a.elapsed_ms = 30000;
		assert_false(goes_again(a));
		a.elapsed_ms = INT64_MAX / 2;
		assert_false(goes_again(a));
	}
}

static void test_no_attempt_of_an_answered_call_is_later_than_the_bound(void **state)
{
	(void)state;
	struct attempt a = answered(429);
	a.retry_after_s = 60;
	a.bound_ms = 10000;
	assert_false(goes_again(a));
	a.bound_ms = 60000;
	assert_true(goes_again(a));
	a.elapsed_ms = 1;
	assert_false(goes_again(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_passing_troubles_are_repeated),
		cmocka_unit_test(test_what_may_have_arrived_is_repeated_only_by_rule),
		cmocka_unit_test(test_the_delay_doubles_up_to_4_s_and_is_jittered_by_half),
		cmocka_unit_test(test_retry_after_is_obeyed_within_reason),
		cmocka_unit_test(test_attempts_are_counted),
		cmocka_unit_test(test_a_network_that_is_away_is_tried_until_the_bound),
		cmocka_unit_test(test_no_attempt_of_an_answered_call_is_later_than_the_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
