/* check_endpoints.c: every row of the table can be used, and a path cannot be left by an argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <qxfs/api/endpoints.h>

static size_t count_holes(const char *path)
{
	size_t n = 0;
	for (; (path = strstr(path, "{}")); path += 2)
		n++;
	return n;
}

static void test_every_row_is_complete(void **state)
{
	(void)state;
	for (int ep = 0; ep < EP_N_; ep++) {
		const struct endpoint_row *row = endpoint_row(ep);
		assert_non_null(row->name);
		assert_non_null(row->what);
		assert_true(strcmp(row->method, "GET") == 0 || strcmp(row->method, "POST") == 0);
		assert_true(row->mints || strncmp(row->path, "/API/v3/", 8) == 0);
		assert_in_range(row->calls_per_minute, 1, 3000);
		assert_true(count_holes(row->path) <= 3); /* struct call: three and a NULL */
		for (int other = 0; other < ep; other++)
			assert_string_not_equal(row->name, endpoint_row(other)->name);
	}
}

static void test_the_figures_of_the_service_are_kept(void **state)
{
	(void)state;
	assert_int_equal(endpoint_row(EP_OAUTH_TOKEN)->calls_per_minute, 500);
	assert_int_equal(endpoint_row(EP_EXPORT_START)->calls_per_minute, 100);
	assert_int_equal(endpoint_row(EP_EXPORT_PROGRESS)->calls_per_minute, 1000);
	assert_int_equal(endpoint_row(EP_EXPORT_FILE)->calls_per_minute, 100);
	assert_int_equal(endpoint_row(EP_IMPORT_CONTACTS)->calls_per_minute, 100);
	assert_int_equal(endpoint_row(EP_IMPORT_CONTACTS_PROGRESS)->calls_per_minute, 500);
	assert_int_equal(endpoint_row(EP_CREATE_CONTACT)->calls_per_minute, 500);
	assert_int_equal(endpoint_row(EP_IMPORT_RESPONSES)->calls_per_minute, 100);
	assert_int_equal(endpoint_row(EP_IMPORT_RESPONSES_PROGRESS)->calls_per_minute, 100);
	for (int ep = 0; ep < EP_N_; ep++)
		assert_int_equal(endpoint_row(ep)->starts_job,
		                 ep == EP_EXPORT_START || ep == EP_IMPORT_CONTACTS ||
		                         ep == EP_OLD_IMPORT || ep == EP_IMPORT_RESPONSES);
}

static void check_path(enum endpoint ep, const char *const args[], const char *expected)
{
	struct buf out = { 0 };
	assert_int_equal(endpoint_path(ep, args, &out), 0);
	assert_string_equal(buf_text(&out), expected);
	buf_done(&out);
}

static void test_arguments_fill_the_holes(void **state)
{
	(void)state;
	const char *none[] = { NULL };
	const char *one[] = { "SV_1", NULL };
	const char *two[] = { "SV_1", "ES_2", NULL };
	const char *three[] = { "POOL_1", "CG_2", "PGRS_3", NULL };

	check_path(EP_WHOAMI, none, "/API/v3/whoami");
	check_path(EP_SURVEYS, NULL, "/API/v3/surveys");
	check_path(EP_SURVEY, one, "/API/v3/surveys/SV_1");
	check_path(EP_EXPORT_START, one, "/API/v3/surveys/SV_1/export-responses");
	check_path(EP_EXPORT_PROGRESS, two, "/API/v3/surveys/SV_1/export-responses/ES_2");
	check_path(EP_IMPORT_CONTACTS_PROGRESS, three,
	           "/API/v3/directories/POOL_1/mailinglists/CG_2/transactioncontacts/PGRS_3");
	check_path(EP_EXPORT_FILE, two, "/API/v3/surveys/SV_1/export-responses/ES_2/file");
}

static void test_arguments_are_encoded(void **state)
{
	(void)state;
	const char *args[] = { "a/../b?c#d e%f\n{}", "\xc3\xa9", NULL };
	check_path(EP_EXPORT_PROGRESS, args,
	           "/API/v3/surveys/a%2F..%2Fb%3Fc%23d%20e%25f%0A%7B%7D/export-responses/%C3%A9");
}

static void test_arguments_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	static const char *const rows[][4] = {
		{ NULL },                 /* too few */
		{ "SV_1", "ES_1", NULL }, /* too many */
		{ "", NULL },             /* would name the list */
		{ ".", NULL },            /* the same */
		{ "..", NULL },           /* would name its parent */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = { 0 };
		buf_add_str(&out, "before");
		assert_int_equal(endpoint_path(EP_SURVEY, rows[i], &out), -EINVAL);
		assert_string_equal(buf_text(&out), "before");
		buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_is_complete),
		cmocka_unit_test(test_the_figures_of_the_service_are_kept),
		cmocka_unit_test(test_arguments_fill_the_holes),
		cmocka_unit_test(test_arguments_are_encoded),
		cmocka_unit_test(test_arguments_that_do_not_fit_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
