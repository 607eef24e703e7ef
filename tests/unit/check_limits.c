/* check_limits.c: the governor against a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <qxfs/api/limits.h>
#include <qxfs/base/sys.h>

static const struct governor_config usual = {
	.requests = 30,
	.jobs = 15,
	.brand_per_minute = 3000,
	.share = 0.8,
};

static struct governor *make(const struct governor_config *config)
{
	struct governor *g = governor_new(config);
	assert_non_null(g);
	return g;
}

static struct ticket *queue_many(struct governor *g, size_t n, struct ticket like)
{
	struct ticket *t = calloc(n, sizeof(*t));
	assert_non_null(t);
	for (size_t i = 0; i < n; i++) {
		t[i] = like;
		governor_queue(g, &t[i]);
	}
	return t;
}

/* How many may go at this moment. `keep`: they do not end. */
static int drain(struct governor *g, int64_t now_ms, bool keep, int64_t *ret_wait_ms)
{
	int n = 0;
	for (struct ticket *t; (t = governor_next(g, now_ms, ret_wait_ms)); n++) {
		if (keep)
			continue;
		governor_request_over(g);
		if (endpoint_row(t->ep)->starts_job)
			governor_job_over(g);
	}
	return n;
}

static void check_next(struct governor *g, int64_t now_ms, const struct ticket *expected)
{
	int64_t wait_ms;
	struct ticket *t = governor_next(g, now_ms, &wait_ms);
	assert_ptr_equal(t, expected);
	governor_request_over(g);
}

/* --- buckets --------------------------------------------------------------------------------- */

static void test_80_of_100_go_at_once_then_one_each_750_ms(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	struct ticket *t = queue_many(g, 100, (struct ticket){ .ep = EP_EXPORT_START });
	int64_t wait_ms, now_ms = 5000;

	assert_int_equal(drain(g, now_ms, false, &wait_ms), 80);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(wait_ms, 750);
		assert_int_equal(drain(g, now_ms + 749, false, &wait_ms), 0);
		assert_int_equal(wait_ms, 1);
		now_ms += 750;
		assert_int_equal(drain(g, now_ms, false, &wait_ms), 1);
	}
	assert_int_equal(wait_ms, -1);
	free(t);
	governor_free(g);
}

static void test_the_rate_holds_over_ten_minutes(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	struct ticket *t = queue_many(g, 5000, (struct ticket){ .ep = EP_EXPORT_FILE });
	int64_t wait_ms = 0, sent = 0, now_ms = 0;

	while (now_ms < 600000) {
		sent += drain(g, now_ms, false, &wait_ms);
		assert_true(wait_ms > 0);
		now_ms += wait_ms; /* exactly as long as it was told */
	}
	assert_in_range(sent, 80 + 80 * 10 - 1, 80 + 80 * 10);
	free(t);
	governor_free(g);
}

static void test_other_endpoints_do_not_wait_for_a_full_bucket(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	struct ticket *t = queue_many(g, 81, (struct ticket){ .ep = EP_EXPORT_START });
	struct ticket other = { .ep = EP_SURVEY };
	int64_t wait_ms;

	assert_int_equal(drain(g, 0, false, &wait_ms), 80);
	governor_queue(g, &other);
	check_next(g, 0, &other);
	free(t);
	governor_free(g);
}

static void test_the_brand_is_counted_over_all_endpoints(void **state)
{
	(void)state;
	struct governor_config config = usual;
	config.brand_per_minute = 50; /* 40 with the share */
	struct governor *g = make(&config);
	struct ticket *a = queue_many(g, 25, (struct ticket){ .ep = EP_SURVEY });
	struct ticket *b = queue_many(g, 25, (struct ticket){ .ep = EP_EXPORT_PROGRESS });
	int64_t wait_ms;

	assert_int_equal(drain(g, 0, false, &wait_ms), 40);
	assert_int_equal(wait_ms, 1500);
	assert_int_equal(drain(g, 1500, false, &wait_ms), 1);
	free(a);
	free(b);
	governor_free(g);
}

static void test_a_tiny_share_still_lets_one_go(void **state)
{
	(void)state;
	struct governor_config config = usual;
	config.share = 0.001; /* 3 a minute of the brand, 0.1 of the endpoint */
	struct governor *g = make(&config);
	struct ticket *t = queue_many(g, 2, (struct ticket){ .ep = EP_EXPORT_FILE });
	int64_t wait_ms;

	assert_int_equal(drain(g, 0, false, &wait_ms), 1);
	assert_true(wait_ms > 1000);
	assert_int_equal(drain(g, wait_ms, false, &wait_ms), 1);
	free(t);
	governor_free(g);
}

/* --- slots ----------------------------------------------------------------------------------- */

static void test_never_more_than_30_in_flight(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	struct ticket *t = queue_many(g, 100, (struct ticket){ .ep = EP_SURVEY });
	int64_t wait_ms;
	struct governor_view view;

	assert_int_equal(drain(g, 0, true, &wait_ms), 30);
	assert_int_equal(wait_ms, -1); /* only an end helps, not time */
	assert_int_equal(drain(g, 100000, true, &wait_ms), 0);
	governor_view(g, &view);
	assert_int_equal(view.requests, 30);
	assert_int_equal(view.waiting, 70);
	governor_request_over(g);
	assert_int_equal(drain(g, 100000, true, &wait_ms), 1);
	free(t);
	governor_free(g);
}

static void test_never_more_than_15_jobs(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	struct ticket *t = queue_many(g, 20, (struct ticket){ .ep = EP_EXPORT_START });
	struct ticket read = { .ep = EP_SURVEY };
	int64_t wait_ms;

	for (int i = 0; i < 15; i++) {
		assert_non_null(governor_next(g, 0, &wait_ms));
		governor_request_over(g); /* the request ends, its job runs on */
	}
	assert_null(governor_next(g, 0, &wait_ms));
	assert_int_equal(wait_ms, -1);
	governor_queue(g, &read);
	check_next(g, 0, &read);
	governor_job_over(g);
	assert_non_null(governor_next(g, 0, &wait_ms));
	free(t);
	governor_free(g);
}

static void test_background_never_takes_the_last_two_slots(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	struct ticket *t =
		queue_many(g, 40, (struct ticket){ .ep = EP_SURVEY, .class = CLASS_BACKGROUND });
	struct ticket person[3] = { 0 };
	int64_t wait_ms;

	assert_int_equal(drain(g, 0, true, &wait_ms), 28);
	assert_int_equal(drain(g, 70000, true, &wait_ms), 0); /* not even when it is old */
	for (int i = 0; i < 3; i++) {
		person[i] = (struct ticket){ .ep = EP_SURVEY, .queued_ms = 70000 };
		governor_queue(g, &person[i]);
	}
	assert_int_equal(drain(g, 70000, true, &wait_ms), 2);
	free(t);
	governor_free(g);
}

static void test_background_never_takes_the_last_two_jobs(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	struct ticket quiet = { .ep = EP_EXPORT_START, .class = CLASS_BACKGROUND };
	struct ticket loud = { .ep = EP_EXPORT_START };
	struct ticket *t = queue_many(g, 15, quiet);
	int64_t wait_ms;

	assert_int_equal(drain(g, 0, true, &wait_ms), 13);
	assert_int_equal(wait_ms, -1);
	struct ticket *u = queue_many(g, 3, loud);
	assert_int_equal(drain(g, 0, true, &wait_ms), 2);
	free(t);
	free(u);
	governor_free(g);
}

/* --- order ----------------------------------------------------------------------------------- */

static void test_order_is_class_then_user_then_length_then_age(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	struct ticket background = { .ep = EP_SURVEY, .class = CLASS_BACKGROUND, .uid = 9 };
	struct ticket import = { .ep = EP_SURVEY, .class = CLASS_IMPORT, .uid = 8, .queued_ms = 1 };
	struct ticket brief = { .ep = EP_SURVEY, .uid = 1, .expected_ms = 10, .queued_ms = 2 };
	struct ticket lengthy = { .ep = EP_SURVEY, .uid = 1, .expected_ms = 90, .queued_ms = 3 };
	struct ticket younger = { .ep = EP_SURVEY, .uid = 1, .expected_ms = 10, .queued_ms = 4 };
	struct ticket other = { .ep = EP_SURVEY, .uid = 2, .queued_ms = 5 };

	governor_queue(g, &background);
	governor_queue(g, &import);
	governor_queue(g, &younger);
	governor_queue(g, &brief);
	governor_queue(g, &lengthy);
	governor_queue(g, &other);
	check_next(g, 10, &lengthy); /* user 1's longest */
	check_next(g, 10, &other);   /* user 2's turn */
	check_next(g, 10, &brief);
	check_next(g, 10, &younger);
	check_next(g, 10, &import);
	check_next(g, 10, &background);
	governor_free(g);
}

static void test_users_take_turns(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	struct ticket *crowd = queue_many(g, 20, (struct ticket){ .ep = EP_SURVEY, .uid = 1000 });
	struct ticket *few =
		queue_many(g, 3, (struct ticket){ .ep = EP_SURVEY, .uid = 1001, .queued_ms = 5 });
	struct ticket *one =
		queue_many(g, 1, (struct ticket){ .ep = EP_SURVEY, .uid = 0, .queued_ms = 6 });
	static const uid_t expected[] = { 1000, 1001, 0, 1000, 1001, 1000, 1001, 1000, 1000 };
	int64_t wait_ms;

	for (size_t i = 0; i < countof(expected); i++) {
		struct ticket *t = governor_next(g, 10, &wait_ms);
		assert_int_equal(t->uid, expected[i]);
		governor_request_over(g);
	}
	free(crowd);
	free(few);
	free(one);
	governor_free(g);
}

static void test_what_is_older_than_a_minute_goes_first(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	struct ticket older = { .ep = EP_SURVEY, .class = CLASS_BACKGROUND, .queued_ms = 1000 };
	struct ticket old = { .ep = EP_SURVEY, .class = CLASS_IMPORT, .queued_ms = 2000 };
	struct ticket person = { .ep = EP_SURVEY, .queued_ms = 3000 };

	governor_queue(g, &old);
	governor_queue(g, &person);
	governor_queue(g, &older);
	check_next(g, 62000, &older);
	check_next(g, 62000, &old);
	check_next(g, 62000, &person);

	governor_queue(g, &older);
	governor_queue(g, &person);
	check_next(g, 60999, &person); /* a minute less a millisecond */
	governor_free(g);
}

static void test_a_retry_waits_for_its_moment_and_a_withdrawn_one_is_gone(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	struct ticket first = { .ep = EP_SURVEY },
		      later = { .ep = EP_SURVEY, .not_before_ms = 900 };
	struct ticket gone = { .ep = EP_SURVEY };
	int64_t wait_ms;

	governor_queue(g, &later);
	governor_queue(g, &first);
	governor_queue(g, &gone);
	assert_true(governor_withdraw(g, &gone));
	assert_false(governor_withdraw(g, &gone));
	check_next(g, 500, &first);
	assert_null(governor_next(g, 500, &wait_ms));
	assert_int_equal(wait_ms, 400);
	assert_false(governor_withdraw(g, &first));
	check_next(g, 900, &later);
	governor_queue(g, &gone); /* the end of the list is still in order */
	check_next(g, 900, &gone);
	governor_free(g);
}

/* --- refusals -------------------------------------------------------------------------------- */

static void test_a_429_holds_its_endpoint_and_no_other(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	struct ticket *t = queue_many(g, 10, (struct ticket){ .ep = EP_EXPORT_FILE });
	struct ticket other = { .ep = EP_SURVEY };
	int64_t wait_ms;

	governor_refused(g, EP_EXPORT_FILE, 1000, 5000);
	governor_refused(g, EP_EXPORT_FILE, 1001, 3000); /* a shorter one changes nothing */
	assert_int_equal(drain(g, 1001, false, &wait_ms), 0);
	assert_int_equal(wait_ms, 3999);
	governor_queue(g, &other);
	check_next(g, 1001, &other);

	/* The service's bucket was full: one goes, the others drop by drop. */
	assert_int_equal(drain(g, 5000, false, &wait_ms), 1);
	assert_int_equal(wait_ms, 750);
	assert_int_equal(drain(g, 5750, false, &wait_ms), 1);
	free(t);
	governor_free(g);
}

static int jobs_max(const struct governor *g)
{
	struct governor_view view;
	governor_view(g, &view);
	return view.jobs_max;
}

static void test_a_429_on_a_job_halves_the_jobs_for_a_while(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	int64_t wait_ms;

	governor_refused(g, EP_EXPORT_FILE, 0, 10);
	assert_int_equal(jobs_max(g), 15); /* starts no job */
	governor_refused(g, EP_EXPORT_START, 1000, 2000);
	assert_int_equal(jobs_max(g), 7);
	governor_refused(g, EP_EXPORT_START, 1500, 2500); /* was under way with the first: no news
	                                                   */
	assert_int_equal(jobs_max(g), 7);
	governor_refused(g, EP_EXPORT_START, 3000, 4000);
	governor_refused(g, EP_EXPORT_START, 5000, 6000);
	governor_refused(g, EP_EXPORT_START, 7000, 8000);
	governor_refused(g, EP_EXPORT_START, 9000, 9500);
	assert_int_equal(jobs_max(g), 1); /* never none */

	assert_null(governor_next(g, 9000 + 29999, &wait_ms));
	assert_int_equal(jobs_max(g), 1);
	assert_null(governor_next(g, 9000 + 30000, &wait_ms));
	assert_int_equal(jobs_max(g), 2);
	assert_null(governor_next(g, 9000 + 100 * 30000, &wait_ms));
	assert_int_equal(jobs_max(g), 15);
	governor_free(g);
}

static void test_a_job_waits_for_the_regrown_limit_only(void **state)
{
	(void)state;
	struct governor *g = make(&usual);
	struct ticket *t = queue_many(g, 9, (struct ticket){ .ep = EP_EXPORT_START });
	int64_t wait_ms;

	for (int i = 0; i < 8; i++) {
		assert_non_null(governor_next(g, 0, &wait_ms));
		governor_request_over(g);
	}
	governor_refused(g, EP_EXPORT_START, 0, 100); /* 7 from now on, 8 run */
	assert_null(governor_next(g, 1000, &wait_ms));
	assert_int_equal(wait_ms, 2 * 30000 - 1000);
	assert_null(governor_next(g, 59999, &wait_ms));
	assert_non_null(governor_next(g, 60000, &wait_ms));
	free(t);
	governor_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_80_of_100_go_at_once_then_one_each_750_ms),
		cmocka_unit_test(test_the_rate_holds_over_ten_minutes),
		cmocka_unit_test(test_other_endpoints_do_not_wait_for_a_full_bucket),
		cmocka_unit_test(test_the_brand_is_counted_over_all_endpoints),
		cmocka_unit_test(test_a_tiny_share_still_lets_one_go),
		cmocka_unit_test(test_never_more_than_30_in_flight),
		cmocka_unit_test(test_never_more_than_15_jobs),
		cmocka_unit_test(test_background_never_takes_the_last_two_slots),
		cmocka_unit_test(test_background_never_takes_the_last_two_jobs),
		cmocka_unit_test(test_order_is_class_then_user_then_length_then_age),
		cmocka_unit_test(test_users_take_turns),
		cmocka_unit_test(test_what_is_older_than_a_minute_goes_first),
		cmocka_unit_test(test_a_retry_waits_for_its_moment_and_a_withdrawn_one_is_gone),
		cmocka_unit_test(test_a_429_holds_its_endpoint_and_no_other),
		cmocka_unit_test(test_a_429_on_a_job_halves_the_jobs_for_a_while),
		cmocka_unit_test(test_a_job_waits_for_the_regrown_limit_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
