/* check_import_responses.c: responses from tables and addresses: headings that fit the survey, rows
 * that stay as they are, parts that each have the headings. */
#include "imports.h"

#include <errno.h>

#define CSV "responses-csv"
#define TSV "responses-tsv"
#define HEAD \
	"StartDate,Q1,\"Q,2_1\",Segment\r\nStart Date,\"How\nold?\",b,Segment\r\n" \
	"\"{\"\"ImportId\"\":\"\"startDate\"\",\"\"timeZone\"\":\"\"Z\"\"}\",\"{\"\"ImportId\"\":" \
	"\"\"QID1\"\"}\"," \
	"\"{\"\"ImportId\"\":\"\"QID2\"\",\"\"choiceId\"\":\"\"1\"\"}\",\"{\"\"ImportId\"\":" \
	"\"\"Segment\"\"}\"\r\n"

static const char *const survey_columns[] = { "QID1",      "Q1",   "QID2", "Q,2", "Segment",
	                                      "QID4_TEXT", "QID7", "Q7",   NULL };
static const struct import_context survey = { .target_name = "Guests", .columns = survey_columns };

static void refused(const char *kind, const char *table, const char *why)
{
	assert_refused(kind, &survey, table, strlen(table), EINVAL, why);
}

static void test_rows_stay_as_they_are(void **state)
{
	(void)state;
	assert_bodies(CSV, &survey, BYTES(HEAD "2026-01-01 00:00:00,1,,\"a\nb\"\r\n,,,\r\n"),
	              HEAD "2026-01-01 00:00:00,1,,\"a\nb\"\r\n,,,\r\n\n");
	assert_bodies(CSV, &survey, BYTES("\xef\xbb\xbf" HEAD "x,007,\"\",1"),
	              HEAD "x,007,\"\",1\n");
	assert_bodies(CSV, &survey, BYTES("Q1,Segment\n1,\xc3\xa4\n"),
	              "Q1,Segment\n1,\xc3\xa4\n\n");
	assert_bodies(CSV, &survey, BYTES("Q1,Segment\n1,a"), "Q1,Segment\n1,a\n");
	assert_bodies(CSV, &survey, BYTES("Q1,Segment\n1,a\n2,b\n\n3,\"c\n\"\n"),
	              "Q1,Segment\n1,a\n2,b\n3,\"c\n\"\n\n");
	assert_bodies(TSV, &survey, BYTES("Q1\tSegment\tQ,2\n1\ta,b\t\n"),
	              "Q1\tSegment\tQ,2\n1\ta,b\t\n\n");
	assert_bodies(TSV, &survey,
	              BYTES("\xff\xfeQ\0"
	                    "1\0\t\0Q\0"
	                    "7\0\n\0\xe4\0\t\0"
	                    "1\0\n\0"),
	              "Q1\tQ7\n\xc3\xa4\t1\n\n");
}

static void test_semicolons_become_commas(void **state)
{
	(void)state;
	assert_bodies(CSV, &survey,
	              BYTES("Q1;Segment\r\n1,5;\"a;\"\"b\"\"\"\r\n;\r\n2;\"x\ny\"\r\n"),
	              "Q1,Segment\r\n\"1,5\",\"a;\"\"b\"\"\"\r\n,\r\n2,\"x\ny\"\r\n\n");
}

static void check_type(const char *kind, const char *table, const char *type)
{
	struct import_body body;
	struct qx_fail fail;
	struct verdict v;
	qx_auto_fd fd = file_with(table, strlen(table));

	judged(kind, &survey, table, strlen(table), &v);
	assert_string_equal(v.why, "");
	assert_int_equal(v.n_parts, 1);
	assert_int_equal(
		import_body(import_kind_named(kind), &survey, "a", fd, v.parts, &body, &fail), 0);
	assert_string_equal(body.content_type, type);
	assert_string_equal(body.charset, "UTF-8");
	import_body_done(&body);
	verdict_done(&v);
}

static void test_the_type_says_what_separates_the_cells(void **state)
{
	(void)state;
	check_type(CSV, "Q1,Q7\n1,2\n", "text/csv");
	check_type(CSV, "Q1;Q7\n1;2\n", "text/csv");
	check_type(CSV, "Q1\tQ7\n1\t2\n", "text/tsv");
	check_type(TSV, "Q1\tQ,2_1\tQ,2_2\n1\t2\t3\n", "text/tsv");
	check_type(TSV, "Q1,Q7\n1,2\n", "text/csv");
	check_type(TSV, "Q1\n1\n", "text/csv");
}

#define IDS(a, b) "\"{\"\"ImportId\"\":\"\"" a "\"\"}\",\"{\"\"ImportId\"\":\"\"" b "\"\"}\"\n"

static void test_columns_that_fit(void **state)
{
	static const char *const names[] = {
		"QID1",        "QID1_TEXT",         "2_QID1",
		"QID7_4_TEXT", "QID7#1_1",          "QID4_TEXT",
		"FL_20_DO",    "QID7_DO",           "_recordId",
		"duration",    "externalReference", "QID7_FIRST_CLICK",
	};
	static const char *const tags[] = { "StartDate", "Duration (in seconds)", "Q7_1",
		                            "Q1_NPS_GROUP" };
	char table[300];
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < countof(names) + countof(tags); i++) {
		if (i < countof(names))
			(void)snprintf(table, sizeof(table),
			               "a,b\nx,y\n\"{\"\"ImportId\"\":\"\"%s\"\"}\","
			               "\"{\"\"ImportId\"\":\"\"QID2\"\"}\"\n1,2\n",
			               names[i]);
		else
			(void)snprintf(table, sizeof(table), "%s,Segment\n1,2\n",
			               tags[i - countof(names)]);
		judged(CSV, &survey, table, strlen(table), &v);
		assert_string_equal(v.why, "");
		assert_int_equal(v.rows, 1);
		assert_non_null(strstr(buf_text(&v.report), "its headings fit the survey\n"));
		verdict_done(&v);
	}
}

static void test_columns_that_do_not_fit(void **state)
{
	static const struct {
		const char *table, *why;
	} rows[] = {
		{ "a,b\nx,y\n" IDS("QID1", "QID99") "1,2\n",
		  "line 1: column 2, “b” (QID99), is not in this survey" },
		{ "a,b\nx,y\n" IDS("QID10", "QID1") "1,2\n",
		  "line 1: column 1, “a” (QID10), is not in this survey" },
		{ "Q1,Nonsense\n1,2\n", "line 1: column 2, “Nonsense”, is not in this survey" },
		{ "\nQ9,Name\n1,2\n", "line 2: none of the columns is in this survey" },
		{ "a,b\nx,y\n" IDS("QID8", "startDate") "1,2\n",
		  "line 1: none of the columns is in this survey" },
		{ "a,b\nx,y\n" IDS("QID1", "QID1") "1,2\n",
		  "line 1: column 2, “b” (QID1), stands there twice" },
		{ "Q1,Q1\n1,2\n", "line 1: column 2, “Q1”, stands there twice" },
		{ "Q1,\n1,2\n", "line 1: column 2, “”, has no heading" },
		{ "a,b\nx,y\n\"{\"\"ImportId\"\":\"\"QID1\"\"}\",x\n1,2\n",
		  "line 1: column 2, “b”, has no ImportId in the third row" },
		{ "a,b\nx,y\n\"{\"\"ImportId\"\":\"\"QID1\"\"}\"\n1,2\n",
		  "line 1: the third row has another number of cells than the first" },
	};
	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		refused(CSV, rows[i].table, rows[i].why);
	/* nobody knows yet */
	struct verdict v;
	judged(CSV, &plain, BYTES("Q1,Nonsense\n1,2\n"), &v);
	assert_string_equal(v.why, "");
	assert_non_null(strstr(buf_text(&v.report), "were not yet compared"));
	verdict_done(&v);
	/* a choice is a column of its own; tags repeat */
	judged(CSV, &survey,
	       BYTES("a,a\nx,y\n\"{\"\"ImportId\"\":\"\"QID1\"\",\"\"choiceId\"\":\"\"1\"\"}\","
	             "\"{\"\"ImportId\"\":\"\"QID1\"\",\"\"choiceId\"\":2}\"\n1,2\n"),
	       &v);
	assert_string_equal(v.why, "");
	verdict_done(&v);
}

static void test_rows_that_do_not_fit(void **state)
{
	(void)state;
	refused(CSV, "Q1,Q7\n1,2,3\n", "line 2: this row has 3 cells, but there are 2 headings");
	refused(CSV, "Q1,Q7\n1\n\"a\nb\",2\n",
	        "line 2: this row has 1 cells, but there are 2 headings");
	refused(CSV, HEAD "1,2\n1,2,3,4\n",
	        "line 5: this row has 2 cells, but there are 4 headings");
	refused(CSV, HEAD "1,2,3,4\n\"1,2\n",
	        "line 6: a quote (\") is opened in this row and never closed");
	refused(CSV, "\r\n", "the file has no row");
	refused(CSV, "Q1\nx\xe4\n", "line 2: byte 5 of the file is no UTF-8");
	assert_held(CSV, &survey, BYTES(HEAD "1,2,3,4\n1,2"),
	            "line 6, the last row, has fewer cells than there are headings: the file may "
	            "be cut");
	assert_held(CSV, &survey, BYTES("Q1,Q7\n1"),
	            "line 2, the last row, has fewer cells than there are headings: the file may "
	            "be cut");
	assert_held(CSV, &survey, BYTES(HEAD "1,2,3,4\n,,,"), "");
}

static void test_headings_alone_are_nothing(void **state)
{
	static const char *const tables[] = { HEAD, "Q1,Q7\n", "Q1,Q7" };
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < countof(tables); i++) {
		judged(CSV, &survey, tables[i], strlen(tables[i]), &v);
		assert_string_equal(v.why, "");
		assert_true(v.nothing);
		assert_int_equal(v.rows, 0);
		verdict_done(&v);
	}
}

/* Each part begins with the headings, and all rows are there once. */
static void check_split(const char *head, unsigned rows, bool anew)
{
	struct buf file = { 0 }, got = { 0 }, row = { 0 }, expected = { 0 };
	char separator = anew ? ';' : ',';
	size_t head_len = strlen(head);
	struct verdict v;

	buf_add_str(&file, head);
	for (unsigned i = 0; i < rows; i++) {
		buf_clear(&row);
		buf_addf(&row, "%u%c\"", i, separator);
		for (unsigned k = 0; k < 100 + i % 900; k++)
			buf_add_str(&row, k % 100 == 99 ? "\r\n" : "\"\"");
		buf_add_str(&row, "\"\r\n");
		buf_add(&file, row.data, row.len);
		row.data[strcspn(row.data, ";,")] = ',';
		buf_add(&expected, row.data, row.len);
	}
	judge_pieces(CSV, &plain, file.data, file.len, 65536, &v);
	assert_string_equal(v.why, "");
	assert_int_equal(v.rows, rows);
	assert_true(v.n_parts > 1);
	qx_auto_fd fd = file_with(file.data, file.len);
	for (size_t i = 0; i < v.n_parts; i++) {
		struct import_body body;
		struct qx_fail fail;
		assert_int_equal(import_body(import_kind_named(CSV), &plain, "a", fd, &v.parts[i],
		                             &body, &fail),
		                 0);
		assert_true(body.bytes.len <= 5000000);
		if (i + 1 < v.n_parts)
			assert_true(body.bytes.len > 4990000);
		char *commas = strdup(head);
		for (char *c = commas; anew && *c; c++)
			*c = *c == ';' ? ',' : *c;
		assert_memory_equal(body.bytes.data, commas, head_len);
		free(commas);
		buf_add(&got, body.bytes.data + head_len, body.bytes.len - head_len);
		import_body_done(&body);
	}
	assert_int_equal(got.len, expected.len);
	assert_memory_equal(got.data, expected.data, got.len);
	verdict_done(&v);
	buf_done(&file);
	buf_done(&got);
	buf_done(&row);
	buf_done(&expected);
}

static void test_large_tables_are_split_at_rows(void **state)
{
	(void)state;
	check_split("Q1,Q7\r\n", 12000, false);
	check_split("a,b\r\nx,\"y\r\nz\"\r\n\"{\"\"ImportId\"\":\"\"QID1\"\"}\",\"{"
	            "\"\"ImportId\"\":\"\"QID7\"\"}\"\r\n",
	            12000, false);
	check_split("Q1;Q7\r\n", 12000, true);
}

/* --- addresses ---------------------------------------------------------------------------------
 */

#define URL "responses-url"

static void test_addresses(void **state)
{
	static const struct {
		const char *file, *format, *url;
	} rows[] = {
		{ "https://example.org/a.csv", "csv", "https://example.org/a.csv" },
		{ " \r\n\thttps://example.org/a.TSV?x=\"1\"&y=b.csv \r\n\r\n", "tsv",
		  "https://example.org/a.TSV?x=\\\"1\\\"&y=b.csv" },
		{ "\xef\xbb\xbfHTTPS://example.org:8443/x#a.tsv\n", "csv",
		  "HTTPS://example.org:8443/x#a.tsv" },
		{ "[InternetShortcut]\r\nURL=https://example.org/a.csv\r\nIconIndex=0\r\n", "csv",
		  "https://example.org/a.csv" },
	};
	char expected[300];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		(void)snprintf(expected, sizeof(expected),
		               "{\"format\":\"%s\",\"fileUrl\":\"%s\",\"charset\":\"UTF-8\"}\n",
		               rows[i].format, rows[i].url);
		assert_bodies(URL, &survey, rows[i].file, strlen(rows[i].file), expected);
	}
	struct verdict v;
	judged(URL, &survey, BYTES("https://example.org/secret?token=1"), &v);
	assert_non_null(strstr(buf_text(&v.report), "from example.org, as CSV"));
	assert_null(strstr(buf_text(&v.report), "secret"));
	verdict_done(&v);
}

static void test_what_is_no_address(void **state)
{
	static const struct {
		const char *file, *why;
	} rows[] = {
		{ "http://example.org/a.csv", "the address does not begin with https://" },
		{ "file:///etc/passwd", "the address does not begin with https://" },
		{ "https://", "the address names no host" },
		{ "https:///a", "the address names no host" },
		{ "https://:80/a", "the address names no host" },
		{ "https://me:word@example.org/",
		  "the address holds a user or a password, which the service would be told" },
		{ "https://example.org/a b",
		  "the address has a blank or a letter beyond ASCII in it" },
		{ "https://example.org/\xc3\xa4",
		  "the address has a blank or a letter beyond ASCII in it" },
		{ "https://a.org\nhttps://b.org\n", "the file has more than one address" },
		{ "\n \n", "the file has no address" },
		{ "[InternetShortcut]\nIconIndex=0\n", "the file has no address" },
		{ "", "the file is empty" },
	};
	struct buf longer = { 0 };

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		refused(URL, rows[i].file, rows[i].why);
	buf_add_str(&longer, "https://example.org/");
	while (longer.len <= 2000)
		buf_add_str(&longer, "a");
	refused(URL, longer.data, "the address has over 2,000 characters");
	buf_done(&longer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_stay_as_they_are),
		cmocka_unit_test(test_semicolons_become_commas),
		cmocka_unit_test(test_the_type_says_what_separates_the_cells),
		cmocka_unit_test(test_columns_that_fit),
		cmocka_unit_test(test_columns_that_do_not_fit),
		cmocka_unit_test(test_rows_that_do_not_fit),
		cmocka_unit_test(test_headings_alone_are_nothing),
		cmocka_unit_test(test_large_tables_are_split_at_rows),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_what_is_no_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
