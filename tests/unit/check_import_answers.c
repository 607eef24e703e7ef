/* check_import_answers.c: the table of kinds; what the service's answers say; templates. */
#include "imports.h"

#include <errno.h>

#include <qxfs/base/json.h>

/* --- kinds -------------------------------------------------------------------------------------
 */

static void test_names_choose_the_kind(void **state)
{
	static const struct {
		enum import_target target;
		const char *name, *kind;
	} rows[] = {
		{ TARGET_LIST, "a.csv", "contacts-csv" },
		{ TARGET_LIST, "A.B.JSON", "contacts-json" },
		{ TARGET_LIST, "a.tsv", NULL },
		{ TARGET_LIST, ".csv", NULL },
		{ TARGET_LIST, "csv", NULL },
		{ TARGET_LIST, "a.csv~", NULL },
		{ TARGET_OLD_LIST, "a.csv", "old-contacts-csv" },
		{ TARGET_OLD_LIST, "a.json", "old-contacts-json" },
		{ TARGET_DIRECTORY, "a.csv", "directory-csv" },
		{ TARGET_DIRECTORY, "a.json", "directory-json" },
		{ TARGET_SURVEY, "a.csv", "responses-csv" },
		{ TARGET_SURVEY, "a.Tsv", "responses-tsv" },
		{ TARGET_SURVEY, "a.url", "responses-url" },
		{ TARGET_SURVEY, "a.json", NULL },
		{ TARGET_SURVEYS, "a.qsf", "survey-qsf" },
		{ TARGET_SURVEYS, "a.txt", "survey-txt" },
		{ TARGET_SURVEYS, "a.doc", "survey-doc" },
		{ TARGET_SURVEYS, "a.docx", NULL },
	};
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct import_kind *kind = import_kind(rows[i].target, rows[i].name);
		assert_int_equal(kind != NULL, rows[i].kind != NULL);
		if (!kind)
			continue;
		assert_string_equal(kind->name, rows[i].kind);
		assert_ptr_equal(import_kind_named(kind->name), kind);
		assert_int_equal(kind->target, rows[i].target);
		assert_null(import_advice(rows[i].target, rows[i].name));
		assert_int_equal(kind->listens, rows[i].target == TARGET_SURVEY &&
		                                        strcmp(rows[i].kind, "responses-url") != 0);
	}
	assert_null(import_kind_named("contacts"));
}

static void test_other_documents_have_advice(void **state)
{
	static const struct {
		enum import_target target;
		const char *name, *word;
	} rows[] = {
		{ TARGET_LIST, "a.xlsx", "CSV UTF-8" },
		{ TARGET_LIST, "a.ODS", "CSV UTF-8" },
		{ TARGET_LIST, "a.numbers", "CSV UTF-8" },
		{ TARGET_LIST, "a.pdf", "CSV UTF-8" },
		{ TARGET_LIST, "a.tsv", "Rename" },
		{ TARGET_LIST, "a.ndjson", ".json" },
		{ TARGET_DIRECTORY, "a.xls", "CSV UTF-8" },
		{ TARGET_OLD_LIST, "a.vcf", "CSV UTF-8" },
		{ TARGET_SURVEY, "a.xlsx", "CSV UTF-8" },
		{ TARGET_SURVEY, "a.json", "CSV UTF-8" },
		{ TARGET_SURVEY, "a.sav", "CSV UTF-8" },
		{ TARGET_SURVEY, "a.qsf", "surveys/import/" },
		{ TARGET_SURVEYS, "a.docx", "97-2003" },
		{ TARGET_SURVEYS, "a.pdf", "97-2003" },
	};
	static const char *const none[] = { "a",          "Cedd4100", "a.filepart",
		                            "a.csv.tmp",  "xlsx",     ".xlsx",
		                            "lu1234.tmp", "a.sh",     "a.csv" };
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *advice = import_advice(rows[i].target, rows[i].name);
		assert_non_null(advice);
		assert_non_null(strstr(advice, rows[i].word));
	}
	for (size_t i = 0; i < countof(none); i++)
		assert_null(import_advice(TARGET_LIST, none[i]));
}

static void test_extensions_are_listed(void **state)
{
	static const char *const expected[] = { [TARGET_LIST] = ".csv .json",
		                                [TARGET_OLD_LIST] = ".csv .json",
		                                [TARGET_DIRECTORY] = ".csv .json",
		                                [TARGET_SURVEY] = ".csv .tsv .url",
		                                [TARGET_SURVEYS] = ".qsf .txt .doc" };
	(void)state;
	for (enum import_target target = 0; target < TARGETS_; target++) {
		struct buf out = { 0 };
		import_extensions(target, &out);
		assert_string_equal(buf_text(&out), expected[target]);
		buf_done(&out);
	}
}

/* Who starts a job is polled; an import is never repeated where it could be done twice. */
static void test_the_endpoints_of_kinds(void **state)
{
	static const char *const kinds[] = {
		"contacts-csv",  "contacts-json",  "old-contacts-csv", "old-contacts-json",
		"directory-csv", "directory-json", "responses-csv",    "responses-tsv",
		"responses-url", "survey-qsf",     "survey-txt",       "survey-doc"
	};
	(void)state;
	for (size_t i = 0; i < countof(kinds); i++) {
		const struct import_kind *kind = import_kind_named(kinds[i]);
		const struct endpoint_row *start = endpoint_row(kind->start);
		assert_string_equal(start->method, "POST");
		assert_int_equal(start->starts_job, kind->progress != EP_WHOAMI);
		assert_string_equal(endpoint_row(kind->progress)->method, "GET");
		assert_int_equal(endpoint_row(kind->progress)->repeat, REPEAT_ALWAYS);
		assert_int_equal(start->repeat, strncmp(kinds[i], "responses", 9) == 0 ? REPEAT_KEY
		                                : strncmp(kinds[i], "survey", 6) == 0
		                                        ? REPEAT_LOOK
		                                        : REPEAT_NEVER);
	}
}

/* --- answers -----------------------------------------------------------------------------------
 */

static struct json *parse(const char *text)
{
	struct json *j = NULL;
	assert_int_equal(json_parse(text, strlen(text), &j), 0);
	return j;
}

static void test_what_a_start_says(void **state)
{
	static const struct {
		const char *kind, *text;
		int r;
		const char *job, *id;
		size_t unprocessed;
		bool over;
	} rows[] = {
		{ "contacts-csv",
		  "{\"result\":{\"id\":\"PGRS_1\",\"contacts\":{\"unprocessed\":[0,7]},\"status\":"
		  "\"in progress\"}}",
		  0, "PGRS_1", "", 2, false },
		{ "contacts-csv", "{\"result\":{\"id\":\"PGRS_1\"}}", 0, "PGRS_1", "", 0, false },
		{ "contacts-csv",
		  "{\"result\":{\"id\":\"PGRS_1\",\"contacts\":{\"unprocessed\":{}}}}", 0, "PGRS_1",
		  "", 0, false },
		{ "contacts-csv", "{\"result\":{\"progressId\":\"PGRS_1\"}}", -EBADMSG, "", "", 0,
		  false },
		{ "contacts-csv", "{\"result\":{\"id\":\"\"}}", -EBADMSG, "", "", 0, false },
		{ "contacts-csv", "{\"result\":{\"id\":7}}", -EBADMSG, "", "", 0, false },
		{ "contacts-csv", "{\"id\":\"PGRS_1\"}", -EBADMSG, "", "", 0, false },
		{ "contacts-csv",
		  "{\"result\":{\"id\":"
		  "\"012345678901234567890123456789012345678901234567890123456789012345678901234567"
		  "8"
		  "90123456789012345678901234567890123456789012345678901234567890123456789\"}}",
		  -EBADMSG, "", "", 0, false },
		{ "old-contacts-json", "{\"result\":{\"id\":\"PGRS_1\"}}", 0, "PGRS_1", "", 0,
		  false },
		{ "responses-tsv",
		  "{\"result\":{\"progressId\":\"IMP_1\",\"status\":\"inProgress\"}}", 0, "IMP_1",
		  "", 0, false },
		{ "responses-url", "{\"result\":{\"id\":\"IMP_1\"}}", -EBADMSG, "", "", 0, false },
		{ "survey-qsf", "{\"result\":{\"id\":\"SV_1\",\"name\":\"x\"}}", 0, "", "SV_1", 0,
		  true },
		{ "survey-txt", "{\"result\":{}}", -EBADMSG, "", "", 0, false },
		{ "directory-csv", "{\"result\":{\"id\":\"CID_1\"}}", 0, "", "CID_1", 0, true },
	};
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct json *j = parse(rows[i].text);
		struct import_answer a;
		assert_int_equal(import_read_start(import_kind_named(rows[i].kind), j, &a),
		                 rows[i].r);
		if (rows[i].r == 0) {
			assert_string_equal(a.job, rows[i].job);
			assert_string_equal(a.result_id, rows[i].id);
			assert_int_equal(a.over, rows[i].over);
			assert_int_equal(json_len(a.unprocessed, NULL), rows[i].unprocessed);
			assert_int_equal(a.added, rows[i].over);
			assert_false(a.failed);
		}
		json_free(j);
	}
}

#define COUNTS(added, updated, failed) \
	"\"contacts\":{\"count\":{\"added\":" #added ",\"updated\":" #updated \
	",\"failed\":" #failed "}}"

static void test_what_a_progress_says(void **state)
{
	static const struct {
		const char *kind, *result;
		bool over, failed, nothing;
		double percent;
		uint64_t added, updated, refused;
	} rows[] = {
		{ "contacts-csv",
		  "\"percentComplete\":40.5,\"status\":\"in progress\"," COUNTS(0, 0, 0), false,
		  false, false, 40.5, 0, 0, 0 },
		{ "contacts-csv",
		  "\"percentComplete\":100,\"status\":\"in progress\"," COUNTS(0, 0, 0), false,
		  false, false, 100, 0, 0, 0 },
		{ "contacts-csv",
		  "\"percentComplete\":100.0,\"status\":\"complete\"," COUNTS(3, 2, 1), true, false,
		  false, 100, 3, 2, 1 },
		{ "contacts-csv",
		  "\"percentComplete\":100,\"status\":\"complete\"," COUNTS(0, 0, 0), true, false,
		  true, 100, 0, 0, 0 },
		{ "contacts-csv", "\"percentComplete\":100,\"status\":\"complete\"", true, false,
		  false, 100, 0, 0, 0 },
		{ "contacts-csv",
		  "\"percentComplete\":100,\"status\":\"complete\"," COUNTS(-5, 1.5, [2]), true,
		  false, true, 100, 0, 0, 0 },
		{ "contacts-csv", "\"percentComplete\":100,\"status\":\"failed\"," COUNTS(0, 0, 0),
		  true, true, false, 100, 0, 0, 0 },
		{ "old-contacts-csv", "\"percentComplete\":0.0", false, false, false, 0, 0, 0, 0 },
		{ "old-contacts-csv", "\"percentComplete\":100.0", true, false, false, 100, 0, 0,
		  0 },
		{ "old-contacts-csv", "\"percentComplete\":100.0," COUNTS(0, 0, 0), true, false,
		  false, 100, 0, 0, 0 },
		{ "responses-csv", "\"percentComplete\":0.0,\"status\":\"inProgress\"", false,
		  false, false, 0, 0, 0, 0 },
		{ "responses-csv", "\"status\":\"complete\"", true, false, false, -1, 0, 0, 0 },
		{ "responses-csv", "\"percentComplete\":100.0,\"status\":\"failed\"", true, true,
		  false, 100, 0, 0, 0 },
	};
	char text[400];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct import_answer a;
		(void)snprintf(text, sizeof(text), "{\"result\":{%s}}", rows[i].result);
		struct json *j = parse(text);
		assert_int_equal(import_read_progress(import_kind_named(rows[i].kind), j, &a), 0);
		assert_int_equal(a.over, rows[i].over);
		assert_int_equal(a.failed, rows[i].failed);
		assert_int_equal(a.nothing, rows[i].nothing);
		assert_true(a.percent == rows[i].percent);
		assert_int_equal(a.added, rows[i].added);
		assert_int_equal(a.updated, rows[i].updated);
		assert_int_equal(a.refused, rows[i].refused);
		json_free(j);
	}
}

static void test_words_and_addresses_of_a_progress(void **state)
{
	struct json *j = parse("{\"result\":{\"status\":\"failed\",\"invalidEmails\":[\"x\"]},"
	                       "\"meta\":{\"error\":{\"errorMessage\":\"Bad\\n\\u001b[31mrow\"}}}");
	struct import_answer a;

	(void)state;
	assert_int_equal(import_read_progress(import_kind_named("contacts-csv"), j, &a), 0);
	assert_string_equal(a.why, "the service says: Bad  [31mrow");
	assert_int_equal(json_len(a.invalid_emails, NULL), 1);
	json_free(j);
	j = parse("{\"result\":{\"x\":1}}");
	assert_int_equal(import_read_progress(import_kind_named("contacts-csv"), j, &a), -EBADMSG);
	json_free(j);
}

static void test_the_legacy_import_has_another_form(void **state)
{
	static const struct {
		const char *kind;
		int http;
		const char *code;
		bool other;
	} rows[] = {
		{ "old-contacts-csv", 415, "", true },  { "old-contacts-json", 400, "GPR_1", true },
		{ "old-contacts-csv", 413, "", true },  { "old-contacts-csv", 400, "X_1", false },
		{ "old-contacts-csv", 500, "", false }, { "old-contacts-csv", 404, "GPR_1", false },
		{ "contacts-csv", 415, "", false },     { "survey-qsf", 415, "", false },
	};
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct qx_fail fail = { .http = rows[i].http };
		(void)snprintf(fail.code, sizeof(fail.code), "%s", rows[i].code);
		assert_int_equal(import_other_form(import_kind_named(rows[i].kind), &fail),
		                 rows[i].other);
	}
}

/* --- templates ---------------------------------------------------------------------------------
 */

static void test_templates(void **state)
{
	static const char *const fields[] = { "Segment", "a,b", "Email", NULL };
	static const struct {
		enum import_target target;
		const char *expected;
	} rows[] = {
		{ TARGET_LIST, "firstName,lastName,email,phone,extRef,language,unsubscribed,"
		               "Segment,\"a,b\",embeddedData.Email\r\n" },
		{ TARGET_DIRECTORY, "firstName,lastName,email,phone,extRef,language,unsubscribed,"
		                    "Segment,\"a,b\",embeddedData.Email\r\n" },
		{ TARGET_OLD_LIST, "firstName,lastName,email,externalDataReference,language,"
		                   "unsubscribed,Segment,\"a,b\",embeddedData.Email\r\n" },
		{ TARGET_SURVEY, "Segment,\"a,b\",Email\r\n" },
	};
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct buf out = { 0 };
		import_template(rows[i].target, fields, &out);
		assert_string_equal(buf_text(&out), rows[i].expected);
		buf_done(&out);
	}
	struct buf out = { 0 };
	import_template(TARGET_LIST, NULL, &out);
	assert_string_equal(buf_text(&out),
	                    "firstName,lastName,email,phone,extRef,language,unsubscribed\r\n");
	buf_clear(&out);
	import_template(TARGET_SURVEYS, NULL, &out);
	assert_string_equal(buf_text(&out), "");
	buf_done(&out);
}

/* Filled in, it is what it promises. */
static void test_a_template_can_be_imported(void **state)
{
	static const char *const fields[] = { "Segment", "Email", NULL };
	struct buf out = { 0 };

	(void)state;
	import_template(TARGET_LIST, fields, &out);
	buf_add_str(&out, "Ada,L,x@y,1,2,DE,true,Gold,e\r\n");
	assert_bodies("contacts-csv", &plain, out.data, out.len,
	              "{\"contacts\":[{\"firstName\":\"Ada\",\"lastName\":\"L\",\"email\":\"x@y\","
	              "\"phone\":\"1\","
	              "\"extRef\":\"2\",\"language\":\"DE\",\"unsubscribed\":true,\"embeddedData\":"
	              "{\"Segment\":\"Gold\","
	              "\"Email\":\"e\"}}]}\n");
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_choose_the_kind),
		cmocka_unit_test(test_other_documents_have_advice),
		cmocka_unit_test(test_extensions_are_listed),
		cmocka_unit_test(test_the_endpoints_of_kinds),
		cmocka_unit_test(test_what_a_start_says),
		cmocka_unit_test(test_what_a_progress_says),
		cmocka_unit_test(test_words_and_addresses_of_a_progress),
		cmocka_unit_test(test_the_legacy_import_has_another_form),
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_a_template_can_be_imported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
