/* check_visitors.c: crawlers by their names, budgets by session and user, windows of ten minutes.
 */
#include "../../fs/tree/visitors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct tree_caller caller(const char *program, pid_t session, uid_t uid)
{
	struct tree_caller who = { .uid = uid, .session = session };
	snprintf(who.program, sizeof(who.program), "%s", program);
	return who;
}

static bool crawls(const char *crawlers, const char *program)
{
	struct visitors *v = visitors_new(crawlers, 1);
	const struct tree_caller who = caller(program, 1, 1);
	assert_non_null(v);
	bool is = visitor_is_crawler(v, &who);
	visitors_free(v);
	return is;
}

static void test_crawlers_are_known_by_the_beginnings_of_their_names(void **state)
{
	(void)state;
	assert_true(crawls(NULL, "updatedb.plocat"));
	assert_true(crawls(NULL, "tracker-miner-f"));
	assert_true(crawls(NULL, "baloo_file_extr"));
	assert_false(crawls(NULL, "cp"));
	assert_false(crawls(NULL, ""));
	assert_true(crawls("a:bee", "beetle"));
	assert_true(crawls("a::bee:", "bee"));
	assert_false(crawls("a::bee:", "be"));
	assert_false(crawls("", "updatedb"));
	assert_false(crawls(":", "x"));
	assert_true(crawls("a_name_longer_than_the_kernel_keeps", "a_name_longer_t"));
	assert_false(crawls("a_name_longer_than_the_kernel_keeps", "a_name_longer"));
}

static int spend(struct visitors *v, const struct tree_caller *who, int64_t now_ms)
{
	struct qx_fail fail;
	fail_clear(&fail);
	int r = visitor_spend(v, who, now_ms, &fail);
	assert_int_equal(-r, fail.err);
	assert_true(r == 0 || (strstr(fail.why, "export_budget=") && fail.remedy[0]));
	return r;
}

static void test_a_budget_is_a_sessions_and_comes_back(void **state)
{
	(void)state;
	struct visitors *v = visitors_new("", 2);
	const struct tree_caller a = caller("cp", 7, 1), same = caller("cat", 7, 1),
				 b = caller("cp", 8, 1), unknown = caller("cp", 0, 1),
				 samba = caller("smbd", 7, 1), other = caller("smbd", 7, 2);
	assert_int_equal(spend(v, &a, 1000), 0);
	assert_int_equal(spend(v, &same, 2000), 0);
	assert_int_equal(spend(v, &a, 3000), -EDQUOT);
	assert_int_equal(spend(v, &a, 600999), -EDQUOT);
	assert_int_equal(spend(v, &b, 3000), 0);
	assert_int_equal(spend(v, &unknown, 3000), 0);
	assert_int_equal(spend(v, &samba, 3000), 0);
	assert_int_equal(spend(v, &samba, 3000), -EDQUOT); /* its user's, as the unknown one */
	assert_int_equal(spend(v, &other, 3000), 0);
	assert_int_equal(spend(v, &a, 601000), 0);
	visitors_free(v);
	v = visitors_new("", 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(spend(v, &a, i), 0);
	visitors_free(v);
}

static void test_many_sessions_are_remembered_and_the_oldest_forgotten(void **state)
{
	(void)state;
	struct visitors *v = visitors_new("", 1);
	for (int i = 1; i <= 256; i++) {
		const struct tree_caller who = caller("cp", i, 1);
		assert_int_equal(spend(v, &who, i), 0);
	}
	const struct tree_caller first = caller("cp", 1, 1), last = caller("cp", 256, 1),
				 more = caller("cp", 257, 1);
	assert_int_equal(spend(v, &first, 300), -EDQUOT);
	assert_int_equal(spend(v, &last, 300), -EDQUOT);
	assert_int_equal(spend(v, &more, 300), 0);
	assert_int_equal(spend(v, &last, 300), -EDQUOT);
	assert_int_equal(spend(v, &more, 300), -EDQUOT);
	visitors_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crawlers_are_known_by_the_beginnings_of_their_names),
		cmocka_unit_test(test_a_budget_is_a_sessions_and_comes_back),
		cmocka_unit_test(test_many_sessions_are_remembered_and_the_oldest_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
