/* check_paths.c: what may be asked for below .qxfs/api/, and as what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <qxfs/api/paths.h>
#include <qxfs/base/sys.h>

static int parse(const char *text, struct buf *path, struct buf *query, struct qx_fail *why)
{
	*path = *query = (struct buf){ 0 };
	*why = (struct qx_fail){ 0 };
	return path_parse(text, path, query, why);
}

static void becomes(const char *text, const char *path, const char *query)
{
	struct buf p, q;
	struct qx_fail why;

	if (parse(text, &p, &q, &why) < 0)
		fail_msg("%s: %s", text, why.why);
	assert_string_equal(buf_text(&p), path);
	assert_string_equal(buf_text(&q), query);
	buf_done(&p);
	buf_done(&q);
}

static void refused(const char *text, int err)
{
	struct buf p, q;
	struct qx_fail why;

	int r = parse(text, &p, &q, &why);
	if (r != -err)
		fail_msg("'%s' gives %d", text, r);
	assert_int_equal(why.err, err);
	assert_string_not_equal(why.why, "");
	assert_string_not_equal(why.remedy, "");
	assert_int_equal(p.len + q.len, 0);
	buf_done(&p);
	buf_done(&q);
}

static void test_a_path_is_asked_for_as_it_is_written(void **state)
{
	(void)state;
	becomes("whoami", "whoami", "");
	becomes("surveys/SV_3gbwq8aJgqPwQDP/quotas", "surveys/SV_3gbwq8aJgqPwQDP/quotas", "");
	becomes("directories/POOL_1/mailinglists/CG_1/contacts/CID_1/history",
	        "directories/POOL_1/mailinglists/CG_1/contacts/CID_1/history", "");
	becomes("surveys/SV_1/translations/zh-s", "surveys/SV_1/translations/zh-s", "");
	becomes("organizations/my.brand", "organizations/my.brand", "");
}

static void test_what_no_path_has_is_no_path(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",
		"/",
		"/surveys",
		"surveys/",
		"surveys//SV_1",
		".",
		"..",
		"surveys/..",
		"surveys/../users",
		"surveys/./SV_1",
		"...",
		".hidden",
		"surveys/.git",
		"a..b",
		"surveys.",
		"%2e%2e/users",
		"surveys%2f..%2fusers",
		"surveys/%53V_1",
		"a%00b",
		"a b",
		"a\tb",
		"a\nb",
		"a\\b",
		"a;b",
		"a:b",
		"a@b",
		"a#b",
		"a&b",
		"a=b",
		"a+b",
		"a*b",
		"~",
		"\xc3\xa9",
		"\xff",
		"http://evil.invalid/x",
		"surveys/SV_1\x7f",
		"\xef\xbc\x8e\xef\xbc\x8e", /* full-width dots */
	};
	for (size_t i = 0; i < countof(texts); i++)
		refused(texts[i], ENOENT);
}

static void test_secrets_logs_and_erasure_are_never_asked_for(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"users/UR_1/apitoken",
		"users/UR_1/apitokens",
		"oauth2/token",
		"oauth2/auth",
		"oauth/token",
		"oauth2",
		"logs",
		"logs/activitytypes",
		"op-erase-personal-data",
		"op-erase-personal-data/abc",
		"customer-data-requests",
		"customer-data-requests/1/files/2",
		"surveys/SV_1/delete-responses/x",
		"mtls/x",
		"client-certificates",
		"certificates/1",
		/* in any case, anywhere, with a query or something behind it */
		"USERS/UR_1/APITOKEN",
		"users/UR_1/ApiToken",
		"Logs",
		"OP-ERASE-personal-data",
		"users/UR_1/apitoken/x",
		"x/y/z/apitoken",
		"users/UR_1/apitoken?a=b",
		"logs?",
	};
	for (size_t i = 0; i < countof(texts); i++)
		refused(texts[i], EPERM);
	becomes("surveys/SV_logs/responses", "surveys/SV_logs/responses", "");
	becomes("organizations/logsinc", "organizations/logsinc", "");
}

static void test_queries_are_encoded_here(void **state)
{
	(void)state;
	becomes("surveys?offset=100", "surveys", "offset=100");
	becomes("a?b=1&c=2", "a", "b=1&c=2");
	becomes("a?b", "a", "b");
	becomes("a?b=", "a", "b=");
	becomes("a?d=2026-01-15T08:00:00Z", "a", "d=2026-01-15T08%3A00%3A00Z");
	becomes("a?b=c d#e", "a", "b=c%20d%23e");
	becomes("a?b=\xc3\xa9", "a", "b=%C3%A9");
	becomes("a?b=NQ==", "a", "b=NQ%3D%3D");
	becomes("a?b=1+1", "a", "b=1%2B1");
	becomes("a?b=?", "a", "b=%3F");
}

static void test_escapes_in_queries_stand_for_their_byte(void **state)
{
	(void)state;
	becomes("a?b=%2F..%2f", "a", "b=%2F..%2F");
	becomes("a?b=%26c%3D1", "a", "b=%26c%3D1");
	becomes("a?b=100%25", "a", "b=100%25");
	becomes("a?b=%2541", "a", "b=%2541"); /* read once */
	becomes("a?b=%41%0A", "a", "b=A%0A");
	becomes("a?b=%41", "a", "b=A");
}

static void test_what_is_no_query_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = { "a?",      "a?=",      "a?=b",    "a?b=1&",
		                             "a?&b=1",  "a?b&&c",   "a?b=%",   "a?b=%4",
		                             "a?b=%4g", "a?b=%00",  "a?b=%-1", "a?b=%\0201",
		                             "a?b=\n",  "a?b=\x7f", "a?b=% 41" };
	for (size_t i = 0; i < countof(texts); i++)
		refused(texts[i], ENOENT);
}

static void test_a_name_is_judged_by_its_form_alone(void **state)
{
	(void)state;
	struct qx_fail why = { 0 };

	assert_int_equal(path_check_folder("surveys", &why), 0);
	assert_int_equal(path_check_folder("apitoken", &why), 0); /* path_parse refuses it */
	assert_int_equal(path_check_folder("surveys?a=b", &why), -ENOENT);
	assert_int_equal(path_check_folder("..", &why), -ENOENT);
	assert_int_equal(path_check_folder("a%2fb", &why), -ENOENT);
	assert_int_equal(path_check_last("surveys?a=b", &why), 0);
	assert_int_equal(path_check_last("?a=b", &why), -ENOENT);
	assert_int_equal(path_check_last("surveys?", &why), -ENOENT);
	assert_int_equal(path_check_last("", &why), -ENOENT);
}

#define HOST "https://fra1.qualtrics.com"

static void test_a_page_lies_where_a_path_may(void **state)
{
	(void)state;
	struct qx_fail why = { 0 };
	static const char *const bad[] = {
		HOST,
		HOST "/",
		HOST "/oauth2/token",
		HOST "/API/v2/x",
		HOST "?/API/v3/x",
		HOST "/API/v3/users/UR_1/apitoken",
		HOST "/API/v3/users/UR_1/apitoken?x",
		HOST "/API/v3/users/UR_1/%61pitoken",
		HOST "/API/v3/users/UR_1%2Fapitoken",
		HOST "/API/v3/users/UR_1/%2561pitoken",
		HOST "/API/v3//logs",
		HOST "/API/v3/LOGS",
		HOST "/API/v3/logs;x=1",
		HOST "/API/v3/logs#x",
		HOST "/API/v3/../../oauth2/token",
		HOST "/API/v3/a/%2e%2e/%2e%2e/x",
		HOST "/API/v3/a\\logs",
		HOST "/API/v3/a%5clogs",
		HOST "/API/v3/%",
		HOST "/API/v3/a%00/logs",
		HOST "/api/v3/surveys",
	};
	for (size_t i = 0; i < countof(bad); i++)
		if (path_check_url(bad[i], &why) != -EPERM || why.err != EPERM)
			fail_msg("%s may be asked for", bad[i]);
	assert_int_equal(path_check_url(HOST "/API/v3/surveys?offset=100&x=logs/logs", &why), 0);
	assert_int_equal(path_check_url(HOST "/API/v3/surveys/", &why), 0);
	assert_int_equal(path_check_url(HOST "/API/v3/a%20b/c", &why), 0);
	assert_int_equal(path_check_url("http://127.0.0.1:4711/API/v3/whoami", &why), 0);
}

static void test_a_path_counts_among_the_calls_of_its_endpoint(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		enum endpoint ep;
	} rows[] = {
		{ "surveys", EP_SURVEYS },
		{ "surveys/SV_1", EP_SURVEY },
		{ "surveys/SV_1/response-schema", EP_SCHEMA },
		{ "surveys/SV_1/export-responses/ES_1/file", EP_EXPORT_FILE },
		{ "distributions/EMD_1/links", EP_DISTRIBUTION_LINKS },
		{ "surveys/SV_1/translations/DE", EP_LANGUAGES },
		{ "directories/POOL_1/samples", EP_API_MANY },
		{ "users", EP_API_MANY },
		{ "users/UR_1", EP_API_MANY },
		{ "distributions/sms", EP_API },
		{ "directories/POOL_1/segments/X/contacts", EP_API },
		{ "directories/POOL_1/mailinglists/CG_1/transactioncontacts/PGRS_1",
		  EP_IMPORT_CONTACTS_PROGRESS },
		{ "surveys/SV_1/import-responses/X", EP_IMPORT_RESPONSES_PROGRESS },
		{ "eventsubscriptions", EP_API },
		{ "usersx", EP_API },
		{ "organizations/current", EP_API_RARE },
		{ "directories/POOL_1/imports/api-import/jobs/1/report", EP_API_RARE },
		{ "directories/POOL_1/export-contacts", EP_API_RARE },
	};
	for (size_t i = 0; i < countof(rows); i++)
		if (path_endpoint(rows[i].path) != rows[i].ep)
			fail_msg("%s counts as %s", rows[i].path,
			         endpoint_row(path_endpoint(rows[i].path))->name);
}

static void test_the_slow_ones_are_slow_enough(void **state)
{
	(void)state;
	assert_int_equal(endpoint_row(EP_API)->calls_per_minute, 60);
	assert_int_equal(endpoint_row(EP_API_RARE)->calls_per_minute, 5);
	for (int ep = EP_API; ep <= EP_API_RARE; ep++)
		assert_string_equal(endpoint_row((enum endpoint)ep)->method, "GET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_path_is_asked_for_as_it_is_written),
		cmocka_unit_test(test_what_no_path_has_is_no_path),
		cmocka_unit_test(test_secrets_logs_and_erasure_are_never_asked_for),
		cmocka_unit_test(test_queries_are_encoded_here),
		cmocka_unit_test(test_escapes_in_queries_stand_for_their_byte),
		cmocka_unit_test(test_what_is_no_query_is_refused),
		cmocka_unit_test(test_a_name_is_judged_by_its_form_alone),
		cmocka_unit_test(test_a_page_lies_where_a_path_may),
		cmocka_unit_test(test_a_path_counts_among_the_calls_of_its_endpoint),
		cmocka_unit_test(test_the_slow_ones_are_slow_enough),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
