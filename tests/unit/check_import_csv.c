/* check_import_csv.c: contacts from tables: what each heading becomes, what is refused and where,
 * what is held, and that all rows come out again, once, as they were. */
#include "imports.h"

#include <errno.h>

#define CSV "contacts-csv"
#define LIST(contacts) "{\"contacts\":[" contacts "]}\n"

static void sent(const char *table, const char *expected)
{
	assert_bodies(CSV, &plain, table, strlen(table), expected);
}

static void refused(const char *table, const char *why)
{
	assert_refused(CSV, &plain, table, strlen(table), EINVAL, why);
}

static void held(const char *table, const char *why)
{
	assert_held(CSV, &plain, table, strlen(table), why);
}

/* --- headings ----------------------------------------------------------------------------------
 */

static void test_each_spelling_is_known(void **state)
{
	static const struct {
		const char *heading, *member;
	} rows[] = {
		{ "email", "email" },
		{ "Email", "email" },
		{ "E-Mail", "email" },
		{ "e_mail", "email" },
		{ "E-MAIL ADDRESS", "email" },
		{ "Email Address", "email" },
		{ "PrimaryEmail", "email" },
		{ "Recipient Email", "email" },
		{ "RecipientEmail", "email" },
		{ "firstName", "firstName" },
		{ "First Name", "firstName" },
		{ "first_name", "firstName" },
		{ "firstname", "firstName" },
		{ "Given Name", "firstName" },
		{ "forename", "firstName" },
		{ "RecipientFirstName", "firstName" },
		{ "Last Name", "lastName" },
		{ "lastName", "lastName" },
		{ "SURNAME", "lastName" },
		{ "family-name", "lastName" },
		{ "RecipientLastName", "lastName" },
		{ "Phone", "phone" },
		{ "Phone Number", "phone" },
		{ "telephone", "phone" },
		{ "Telephone number", "phone" },
		{ "extRef", "extRef" },
		{ "ExternalDataReference", "extRef" },
		{ "External Data Reference", "extRef" },
		{ "External Reference", "extRef" },
		{ " Email ", "email" },
	};
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char table[100], expected[100];
		(void)snprintf(table, sizeof(table), "%s\nx@y\n", rows[i].heading);
		(void)snprintf(expected, sizeof(expected), LIST("{\"%s\":\"x@y\"}"),
		               rows[i].member);
		sent(table, expected);
	}
	sent("email,Language\nx@y,DE\n", LIST("{\"email\":\"x@y\",\"language\":\"DE\"}"));
}

static void test_other_columns_become_embedded_data(void **state)
{
	(void)state;
	sent("email,Segment,First Name,Q \"1\"\nx@y,Gold,Ada,1\n",
	     LIST("{\"email\":\"x@y\",\"firstName\":\"Ada\",\"embeddedData\":{\"Segment\":\"Gold\","
	          "\"Q \\\"1\\\"\":\"1\"}}"));
	sent("Straße,email\nAllee 1,x@y\n",
	     LIST("{\"email\":\"x@y\",\"embeddedData\":{\"Straße\":\"Allee 1\"}}"));
	/* a column of ours that embedded data are called like: shapes.c */
	sent("email,embeddedData.EMAIL,embeddedData.other\nx@y,a,b\n",
	     LIST("{\"email\":\"x@y\",\"embeddedData\":{\"EMAIL\":\"a\",\"embeddedData.other\":"
	          "\"b\"}}"));
}

static void test_ids_and_the_lists_opt_out_are_never_sent(void **state)
{
	(void)state;
	sent("contactId,contactLookupId,Contact ID 2,email,mailingListUnsubscribed,Refused "
	     "because\n"
	     "CID_1,CGC_1,z,x@y,true,no\n",
	     LIST("{\"email\":\"x@y\",\"embeddedData\":{\"Contact ID 2\":\"z\"}}"));
	sent("id,email\nMLRP_1,x@y\nCID_2,z@y\n7,a@y\n",
	     LIST("{\"email\":\"x@y\"},{\"email\":\"z@y\"},{\"email\":\"a@y\",\"embeddedData\":{"
	          "\"id\":\"7\"}}"));
}

static void test_an_export_of_ours_comes_out_as_it_went_in(void **state)
{
	(void)state;
	/* an embedded field may be called nearly, or exactly, as one of the columns */
	sent("contactId,contactLookupId,firstName,lastName,email,phone,extRef,language,"
	     "unsubscribed,"
	     "mailingListUnsubscribed,E-Mail,embeddedData.Phone,emial\r\n"
	     "CID_1,CGC_1,Ada,\"O\"\"Neill, \nx\",a@x,+49 30 0001,007,DE,true,false,e,p,m\r\n"
	     "CID_2,CGC_2,,,b@x,,,,false,true,,,\r\n",
	     LIST("{\"firstName\":\"Ada\",\"lastName\":\"O\\\"Neill, \\nx\",\"email\":\"a@x\","
	          "\"phone\":\"+49 30 "
	          "0001\",\"extRef\":\"007\",\"language\":\"DE\",\"unsubscribed\":true,"
	          "\"embeddedData\":{\"E-Mail\":\"e\",\"Phone\":\"p\",\"emial\":\"m\"}},"
	          "{\"email\":\"b@x\"}"));
	sent("id,firstName,lastName,email,externalDataReference,language,unsubscribed\r\n"
	     "MLRP_1,Ada,L,a@x,0012,null,false\r\n",
	     LIST("{\"firstName\":\"Ada\",\"lastName\":\"L\",\"email\":\"a@x\",\"extRef\":"
	          "\"0012\"}"));
}

static void test_headings_that_cannot_be_used(void **state)
{
	static const struct {
		const char *table, *why;
	} rows[] = {
		{ "Segment,Language\nx,y\n",
		  "line 1: no column is an e-mail address, a name, a phone "
		  "number or an external data reference" },
		{ "x@y.org,Ada\nz@y.org,Bob\n",
		  "line 1: the first row holds a contact instead of headings" },
		{ "email,A,A\nx@y,1,2\n", "line 1: columns 2 and 3 are both called “A”" },
		{ "\n\nemail,E-Mail\nx@y,z@y\n",
		  "line 3: “email” and “E-Mail” both mean the e-mail address" },
		{ "\n", "the file has no row" },
	};
	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		refused(rows[i].table, rows[i].why);
	refused("", "the file is empty");
}

static void test_a_misspelled_heading_is_held(void **state)
{
	static const struct {
		const char *heading, *near;
	} rows[] = {
		{ "emial", "email" },          { "Emal", "email" },
		{ "Fxrst Name", "firstName" }, { "lastnam", "lastName" },
		{ "phne", "phone" },           { "Un-subscribd", "unsubscribed" },
		{ "langvage", "language" },    { "exterf", "extRef" },
	};
	char table[100], why[200];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *other = strcmp(rows[i].near, "email") == 0 ? "firstName" : "email";
		(void)snprintf(table, sizeof(table), "%s,%s\nx@y,1\n", other, rows[i].heading);
		(void)snprintf(
			why, sizeof(why),
			"the heading “%s” is likely “%s” misspelled: as it is, it would become "
			"embedded data",
			rows[i].heading, rows[i].near);
		held(table, why);
	}
	held("email,email2\nx@y,z@y\n", ""); /* there is one already */
	held("email,Segment\nx@y,Gold\n", "");
	held("email,emailings\nx@y,Gold\n", "");
}

/* --- cells -------------------------------------------------------------------------------------
 */

static void test_blank_cells_are_left_out(void **state)
{
	struct verdict v;
	static const char table[] = "email,firstName,Segment\nx@y,, \n,,\n\n  ,\t,\nz@y,Bob,Gold\n";

	(void)state;
	sent(table,
	     LIST("{\"email\":\"x@y\"},{\"email\":\"z@y\",\"firstName\":\"Bob\",\"embeddedData\":{"
	          "\"Segment\":\"Gold\"}}"));
	judged(CSV, &plain, BYTES(table), &v);
	assert_int_equal(v.rows, 2);
	verdict_done(&v);
}

static void test_values_are_not_changed(void **state)
{
	(void)state;
	sent("email,lastName,phone,A\n"
	     "x@y,  Müller ,0049 007,\" 00,7\r\n\t\"\"q\"\" \\ \x01\x7f \"\n",
	     LIST("{\"email\":\"x@y\",\"lastName\":\"  Müller \",\"phone\":\"0049 007\","
	          "\"embeddedData\":{\"A\":\" 00,7\\r\\n\\t\\\"q\\\" \\\\ \\u0001\x7f \"}}"));
	sent("email,A\nx@y,5\" tall\n",
	     LIST("{\"email\":\"x@y\",\"embeddedData\":{\"A\":\"5\\\" tall\"}}"));
}

static void test_opt_outs(void **state)
{
	static const struct import_context allowed = { .target_name = "",
		                                       .allow_resubscribe = true };
	static const char *const yes[] = { "true", "TRUE", "Yes", "1", " true " };
	static const char *const no[] = { "false", "No", "0", "FALSE " };
	char table[100];

	(void)state;
	for (size_t i = 0; i < countof(yes); i++) {
		(void)snprintf(table, sizeof(table), "email,unsubscribed\nx@y,%s\n", yes[i]);
		sent(table, LIST("{\"email\":\"x@y\",\"unsubscribed\":true}"));
		held(table, "");
		assert_held(CSV, &allowed, table, strlen(table), "");
	}
	for (size_t i = 0; i < countof(no); i++) {
		(void)snprintf(table, sizeof(table), "email,Opted Out\nx@y,%s\n", no[i]);
		sent(table, LIST("{\"email\":\"x@y\"}"));
		held(table, "");
		assert_bodies(CSV, &allowed, table, strlen(table),
		              LIST("{\"email\":\"x@y\",\"unsubscribed\":false}"));
		assert_held(CSV, &allowed, table, strlen(table),
		            "unsubscribed=false for 1 contacts: people who opted out would get "
		            "mail again");
	}
	refused("email,unsubscribed\nx@y,\nz@y,maybe\n",
	        "line 3, column “unsubscribed”: unsubscribed is neither true nor false");
}

static void test_what_is_no_email_address(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "x", "the e-mail address has no @" },
		{ "x@y@z", "the e-mail address has more than one @" },
		{ "@y", "the e-mail address has nothing on one side of its @" },
		{ "x@", "the e-mail address has nothing on one side of its @" },
		{ "x y@z", "the e-mail address has a blank, a comma or a bracket in it" },
		{ "\"x@y,z@y\"", "the e-mail address has a blank, a comma or a bracket in it" },
		{ "Ada <x@y>", "the e-mail address has a blank, a comma or a bracket in it" },
		{ "x@y;z@y", "the e-mail address has a blank, a comma or a bracket in it" },
	};
	static const char *const fine[] = { "x@y", "x.y+z@a-b.example", "jürgen@müller.example",
		                            "o'neill@x.org" };
	char table[100], why[200];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		(void)snprintf(table, sizeof(table),
		               "firstName,E-Mail\r\n\"A\r\nB\",a@b\r\nC,%s\r\n", rows[i].text);
		(void)snprintf(why, sizeof(why), "line 4, column “E-Mail”: %s", rows[i].why);
		refused(table, why);
	}
	for (size_t i = 0; i < countof(fine); i++) {
		char expected[100];
		(void)snprintf(table, sizeof(table), "email\n %s \n", fine[i]);
		(void)snprintf(expected, sizeof(expected), LIST("{\"email\":\"%s\"}"), fine[i]);
		sent(table, expected);
	}
}

static void test_all_rows_with_faults_are_told_at_once(void **state)
{
	struct buf table = { 0 };
	struct verdict v;

	(void)state;
	buf_add_str(&table, "email\na@b\nx\n\"\r\ny\"\nok@z\n");
	for (int i = 0; i < 25; i++)
		buf_add_str(&table, "no\n");
	judged(CSV, &plain, table.data, table.len, &v);
	assert_string_equal(v.why, "line 3, column “email”: the e-mail address has no @");
	assert_non_null(strstr(buf_text(&v.report), "27 rows are to be mended:\n  line 3, "));
	assert_non_null(strstr(buf_text(&v.report), "\n  line 4, column “email”"));
	assert_non_null(strstr(buf_text(&v.report), "\n  line 7, column “email”"));
	assert_non_null(strstr(buf_text(&v.report), "\n  and 7 more, the last in line 31\n"));
	verdict_done(&v);
	buf_done(&table);
}

static void add_letters(struct buf *b, const char *letter, int n)
{
	while (n-- > 0)
		buf_add_str(b, letter);
}

static void test_limits_of_embedded_data_count_characters(void **state)
{
	struct verdict v;

	(void)state;
	for (int more = 0; more < 2; more++) {
		struct buf table = { 0 };
		buf_add_str(&table, "email,A\nx@y,");
		add_letters(&table, "é", 1024 + more);
		judged(CSV, &plain, table.data, table.len, &v);
		assert_string_equal(
			v.why, more ? "line 2, column “A”: the value has over 1,024 characters, "
				      "the most that embedded data takes"
				    : "");
		verdict_done(&v);
		buf_clear(&table);
		buf_add_str(&table, "email,");
		add_letters(&table, "é", 200 + more);
		buf_add_str(&table, "\nx@y,1\n");
		judged(CSV, &plain, table.data, table.len, &v);
		assert_string_equal(v.why,
		                    more ? "line 1: the heading of column 2 has over 200 characters"
		                         : "");
		verdict_done(&v);
		buf_done(&table);
	}
}

static void test_numbers_that_a_spreadsheet_rounded_are_held(void **state)
{
	static const struct {
		const char *text;
		bool held;
	} rows[] = {
		{ "4.9E+11", true },   { "4E+12", true },         { "\"4,91517E+11\"", true },
		{ "4.9e+11", false },  { "4.9E-11", false },      { "49E+11", false },
		{ "4.9E+1", false },   { "4.9E+11 kg", false },   { "E+11", false },
		{ "A4.9E+11", false }, { "491517000000", false }, { "4.E+11", false },
	};
	char table[100];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		(void)snprintf(table, sizeof(table), "email,Phone\nx@y,1\nz@y,%s\n", rows[i].text);
		held(table, rows[i].held
		                    ? "line 3: a number like 4.9E+11 is one that a spreadsheet "
		                      "rounded: its last digits are lost"
		                    : "");
	}
}

/* --- rows --------------------------------------------------------------------------------------
 */

static void test_rows_that_do_not_fit_the_heading(void **state)
{
	(void)state;
	refused("email,A\nx@y,1,2\n",
	        "line 2, column “3”: this row has more cells than there are headings");
	sent("email,A\nx@y,1,, \n", LIST("{\"email\":\"x@y\",\"embeddedData\":{\"A\":\"1\"}}"));
	refused("email,,A\nx@y,,1\nx@y,5,1\n", "line 3, column “2”: this column has no heading");
	sent("email,,A,,\nx@y,,1,,\n", LIST("{\"email\":\"x@y\",\"embeddedData\":{\"A\":\"1\"}}"));
	refused("email,A\n\"x@y,1\nz@y,2\n",
	        "line 2: a quote (\") is opened in this row and never closed");
}

static void test_a_file_that_may_be_cut_is_held(void **state)
{
	static const char cut[] =
		"line 4, the last row, has fewer cells than there are headings: the file "
		"may be cut";
	(void)state;
	held("email,A,B\nx@y,1,2\n\nz@y,1\n", cut);
	held("email,A,B\nx@y,1,2\n\nz@y", cut);
	held("email,A,B\nx@y,1\nz@y,2\n", ""); /* that is how it is written */
	held("email,A,B\nx@y,1\nz@y,2,3\n", "");
	held("email,A,B\nx@y,1,2\nz@y,1,", "");
}

static void test_separators_and_ends_of_lines(void **state)
{
	static const char *const tables[] = {
		"email,A\nx@y,\"1;\t,\"\nz@y,2\n",
		"email,A\r\nx@y,\"1;\t,\"\r\nz@y,2\r\n",
		"email,A\rx@y,\"1;\t,\"\rz@y,2",
		"email;A\nx@y;\"1;\t,\"\nz@y;2",
		"email\tA\r\nx@y\t\"1;\t,\"\r\nz@y\t2\r\n",
		"\357\273\277email;A\r\n\r\nx@y;\"1;\t,\"\r\n\r\nz@y;2\r\n\r\n",
		"sep=;\r\nemail;A\r\nx@y;\"1;\t,\"\r\nz@y;2\r\n",
		"sep=;\nemail;A\nx@y;\"1;\t,\"\nz@y;2\n",
		"\"sep=|\"\nemail|A\nx@y|\"1;\t,\"\nz@y|2\n",
		"\r\n\"email\",\"A\"\r\n\"x@y\",\"1;\t,\"\r\n\"z@y\",\"2\"\r\n",
	};
	(void)state;
	for (size_t i = 0; i < countof(tables); i++)
		sent(tables[i], LIST("{\"email\":\"x@y\",\"embeddedData\":{\"A\":\"1;\\t,\"}},"
		                     "{\"email\":\"z@y\",\"embeddedData\":{\"A\":\"2\"}}"));
	refused("sep=;\r\nemail;A\r\nx;1\r\n",
	        "line 3, column “email”: the e-mail address has no @");
	refused("email,A\r\rx,1\r", "line 3, column “email”: the e-mail address has no @");
}

static void test_nothing_to_do(void **state)
{
	static const char *const tables[] = { "email,firstName\r\n", "email",
		                              "email,contactId\n,CID_1\n",
		                              "email,unsubscribed\n,false\n" };
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < countof(tables); i++) {
		judged(CSV, &plain, tables[i], strlen(tables[i]), &v);
		assert_int_equal(v.err, 0);
		assert_true(v.nothing);
		assert_int_equal(v.n_parts, 0);
		verdict_done(&v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_spelling_is_known),
		cmocka_unit_test(test_other_columns_become_embedded_data),
		cmocka_unit_test(test_ids_and_the_lists_opt_out_are_never_sent),
		cmocka_unit_test(test_an_export_of_ours_comes_out_as_it_went_in),
		cmocka_unit_test(test_headings_that_cannot_be_used),
		cmocka_unit_test(test_a_misspelled_heading_is_held),
		cmocka_unit_test(test_blank_cells_are_left_out),
		cmocka_unit_test(test_values_are_not_changed),
		cmocka_unit_test(test_opt_outs),
		cmocka_unit_test(test_what_is_no_email_address),
		cmocka_unit_test(test_all_rows_with_faults_are_told_at_once),
		cmocka_unit_test(test_limits_of_embedded_data_count_characters),
		cmocka_unit_test(test_numbers_that_a_spreadsheet_rounded_are_held),
		cmocka_unit_test(test_rows_that_do_not_fit_the_heading),
		cmocka_unit_test(test_a_file_that_may_be_cut_is_held),
		cmocka_unit_test(test_separators_and_ends_of_lines),
		cmocka_unit_test(test_nothing_to_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
