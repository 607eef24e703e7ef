/* check_import_json.c: contacts from JSON: which members are sent, which are not, what is refused
 * and where, transaction data. */
#include "imports.h"

#include <errno.h>

#define JSON "contacts-json"
#define LIST(contacts) "{\"contacts\":[" contacts "]}\n"

static void sent(const char *text, const char *expected)
{
	assert_bodies(JSON, &plain, text, strlen(text), expected);
}

static void refused(const char *text, const char *why)
{
	assert_refused(JSON, &plain, text, strlen(text), EINVAL, why);
}

static void held(const char *text, const char *why)
{
	assert_held(JSON, &plain, text, strlen(text), why);
}

static void test_both_forms(void **state)
{
	(void)state;
	sent("[{\"email\":\"x@y\"},{\"email\":\"z@y\"}]",
	     LIST("{\"email\":\"x@y\"},{\"email\":\"z@y\"}"));
	sent("\xef\xbb\xbf { \"contacts\" : [\n{ \"email\" : \"x@y\" }\n] }\n",
	     LIST("{\"email\":\"x@y\"}"));
	sent("[{\"email\":\"x@y\"}, {}, {\"unsubscribed\":false}, {\"firstName\":\"\"}]",
	     LIST("{\"email\":\"x@y\"}"));
}

static void test_members_have_the_spellings_of_headings(void **state)
{
	(void)state;
	sent("[{\"E-Mail\":\"x@y\",\"First Name\":\"Ada\",\"Segment\":\"Gold\",\"n\":7,\"t\":true,"
	     "\"externalDataReference\":\"007\"}]",
	     LIST("{\"email\":\"x@y\",\"firstName\":\"Ada\",\"extRef\":\"007\",\"embeddedData\":{"
	          "\"Segment\":\"Gold\",\"n\":7,\"t\":true}}"));
	held("[{\"firstName\":\"x\",\"emial\":\"x@y\"}]",
	     "the heading “emial” is likely “email” misspelled: as it is, it would become embedded "
	     "data");
	held("[{\"email\":\"x@y\",\"embeddedData\":{\"phne\":\"1\"}}]", "");
}

static void test_an_export_of_ours_comes_out_as_it_went_in(void **state)
{
	(void)state;
	sent("[{\"contactId\":\"CID_1\",\"contactLookupId\":\"CGC_1\",\"firstName\":\"Ad\\u00e9\","
	     "\"lastName\":null,\"email\":\"a@x\",\"phone\":\"+49 "
	     "030\",\"extRef\":\"007\",\"language\":\"DE\","
	     "\"unsubscribed\":true,\"mailingListUnsubscribed\":false,\"embeddedData\":{\"email\":"
	     "\"e\","
	     "\"n\":1.50,\"big\":123456789012345678901234567890,\"b\":false,\"no\":null,\"s\":\"\","
	     "\"a\":[1, {\"x\":[ ]}],\"\":\"nameless\",\"E-Mail\":\"f\"}},\n"
	     "{\"contactId\":\"CID_2\",\"firstName\":\"\",\"email\":\"b@x\","
	     "\"embeddedData\":null,\"transactionData\":[],\"stats\":{\"a\":[1]},\"skipped\":false,"
	     "\"creationDate\":1,\"lastModified\":2,\"emailDomain\":\"x\",\"writeBlanks\":false,"
	     "\"directoryUnsubscribed\":true,\"directoryUnsubscribeDate\":3,"
	     "\"mailingListMembership\":{\"CG_1\":{}}},\n"
	     "{\"id\":\"MLRP_1\",\"email\":\"c@x\",\"externalDataReference\":\"1\",\"language\":"
	     "\"null\","
	     "\"responseHistory\":[],\"emailHistory\":[{\"a\":1}]}]",
	     LIST("{\"firstName\":\"Ad\xc3\xa9\",\"email\":\"a@x\",\"phone\":\"+49 "
	          "030\",\"extRef\":\"007\","
	          "\"language\":\"DE\",\"unsubscribed\":true,\"embeddedData\":{\"email\":\"e\","
	          "\"n\":1.50,"
	          "\"big\":123456789012345678901234567890,\"b\":false,\"a\":[1,{\"x\":[]}],\"E-"
	          "Mail\":\"f\"}},"
	          "{\"email\":\"b@x\",\"unsubscribed\":true},{\"email\":\"c@x\",\"extRef\":"
	          "\"1\"}"));
}

static void test_values_are_not_changed(void **state)
{
	(void)state;
	sent("[{\"email\":\"\\u0078@\\ud83d\\ude00\",\"lastName\":\"\\\"\\\\\\/"
	     "\\b\\f\\n\\r\\t\\u0001\\ud800\",\"phone\":4912,"
	     "\"extRef\":1e5}]",
	     LIST("{\"email\":\"x@\xf0\x9f\x98\x80\",\"lastName\":\"\\\"\\\\/"
	          "\\b\\f\\n\\r\\t\\u0001\xef\xbf\xbd\","
	          "\"phone\":\"4912\",\"extRef\":\"1e5\"}"));
	held("[\n{\"email\":\"x@y\"},\n{\"email\":\"x@y\",\"phone\":4.9E+11}]",
	     "line 3: a number like 4.9E+11 is one that a spreadsheet rounded: its last digits are "
	     "lost");
}

static void test_opt_outs(void **state)
{
	static const struct import_context allowed = { .target_name = "",
		                                       .allow_resubscribe = true };
	static const char text[] =
		"[{\"email\":\"x@y\",\"unsubscribed\":false},{\"email\":\"z@y\",\"unsubscribed\":"
		"\"FALSE\"},{\"email\":\"a@y\",\"unsubscribed\":0},{\"email\":\"b@y\","
		"\"unsubscribed\":true}]";
	(void)state;
	sent(text, LIST("{\"email\":\"x@y\"},{\"email\":\"z@y\"},{\"email\":\"a@y\"},{\"email\":"
	                "\"b@y\",\"unsubscribed\":true}"));
	assert_bodies(JSON, &allowed, text, strlen(text),
	              LIST("{\"email\":\"x@y\",\"unsubscribed\":false},{\"email\":\"z@y\","
	                   "\"unsubscribed\":false},"
	                   "{\"email\":\"a@y\",\"unsubscribed\":false},{\"email\":\"b@y\","
	                   "\"unsubscribed\":true}"));
	assert_held(JSON, &allowed, text, strlen(text),
	            "unsubscribed=false for 3 contacts: people who opted out would get mail again");
}

static void test_what_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "[\n{\"email\":\n\"x\"}]", "line 3, field “email”: the e-mail address has no @" },
		{ "[{\"email\":\"x@y\"},\n{\"email\":[\"x@y\"]}]",
		  "line 2, field “email”: a list or an object cannot be a value here" },
		{ "[{\"Segment\":{\"a\":1},\"email\":\"x@y\"}]",
		  "line 1, field “Segment”: a list or an object cannot be a value here" },
		{ "[{\"firstName\":true}]", "line 1, field “firstName”: the value is no text" },
		{ "[{\"email\":\"x@y\",\"unsubscribed\":\"maybe\"}]",
		  "line 1, field “unsubscribed”: unsubscribed is neither true nor false" },
		{ "[{\"email\":\"x@y\",\"unsubscribed\":2}]",
		  "line 1, field “unsubscribed”: unsubscribed is neither true nor false" },
		{ "[{\"email\":\"x@y\",\"firstName\":\"a\\u0000b\"}]",
		  "line 1, field “firstName”: the text holds a NUL" },
		{ "[{\"email\":\"x@y\",\"embeddedData\":\"a\"}]",
		  "line 1, field “embeddedData”: this must be an object, { … }" },
		{ "[{\"email\":\"x@y\",\"embeddedData\":[]}]",
		  "line 1, field “embeddedData”: this must be an object, { … }" },
		{ "[{\"email\":\"x@y\",\"E-Mail\":\"x@y\"}]",
		  "line 1, field “E-Mail”: another field of this contact means the same" },
		{ "[{\"email\":\"x@y\",\n\"\\u0065mail\":\"x@y\"}]",
		  "line 2: “email” stands twice in one object" },
		{ "[{\"email\":\"x@y\",\"embeddedData\":{\"a\":1,\n\"b\":{\"c\":1,\"c\":2}}}]",
		  "line 2: “c” stands twice in one object" },
		{ "{\"contacts\":[],\"contacts\":[]}",
		  "line 1: “contacts” stands twice in one object" },
		{ "[\"x@y\"]", "line 1: a contact must be an object, {\"email\": …}" },
		{ "[[]]", "line 1: a contact must be an object, {\"email\": …}" },
		{ "{\"email\":\"x@y\"}\n{\"email\":\"z@y\"}\n",
		  "line 1: nobody knows what “email” is here" },
		{ "{\"contacts\":{}}", "line 1: “contacts” is no list" },
		{ "{}", "line 1: the file has no list of contacts" },
		{ "[{\"Segment\":\"a\"},{\"language\":\"DE\"}]",
		  "line 1: no contact has an e-mail address, a name, a phone number or an external "
		  "data reference" },
		{ "", "the file is empty" },
	};
	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		refused(rows[i].text, rows[i].why);
}

static void test_where_it_is_no_json(void **state)
{
	static const struct {
		const char *text, *where;
	} rows[] = {
		{ "[{\"email\":\"x@y\"},\n  {\"email\":\"x@y\",}]",
		  "line 2, column 18: “}” cannot stand here" },
		{ "[{\"ä\":\"ö\" \"email\":\"x@y\"}]",
		  "line 1, column 11: “\"” cannot stand here" },
		{ "[{'email':'x@y'}]", "line 1, column 3: “'” cannot stand here" },
		{ "[{\"email\":\"x@y\"}\n{\"email\":\"z@y\"}]",
		  "line 2, column 1: “{” cannot stand here" },
		{ "[{\"email\":\"x@y\"}]\n[]", "line 2, column 1: “[” cannot stand here" },
		{ "[{\"a\":truth}]", "line 1, column 7: “t” cannot stand here" },
		{ "[{\"a\":NaN}]", "line 1, column 7: “N” cannot stand here" },
		{ "[{\"a\":01}]", "line 1, column 7: “0” cannot stand here" },
		{ "[{\"a\":1 2}]", "line 1, column 9: “2” cannot stand here" },
		{ "[{\"a\":\"x\ny\"}]", "line 1, column 9: this byte cannot stand here" },
		{ "[{\"a\":\"\\x\"}]", "line 1, column 9: “x” cannot stand here" },
		{ "email,firstName\n", "line 1, column 1: “e” cannot stand here" },
		{ "\"x\"", "line 1, column 1: “\"” cannot stand here" },
	};
	char why[200];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		(void)snprintf(why, sizeof(why), "%s: this is no JSON", rows[i].where);
		refused(rows[i].text, why);
	}
	refused("[{\"email\":\"x@y\"},\n{\"ema",
	        "line 2, column 6: the file ends before its JSON does");
	refused("[{\"email\":\"x@y\"}", "line 1, column 17: the file ends before its JSON does");
	refused(" \n", "line 2, column 1: the file ends before its JSON does");
}

#define META "\"transactionMeta\":{\"batchId\":\"BT_1\",\"fields\":[\"date\"]}"

static void test_transaction_data(void **state)
{
	static const char with[] =
		"{\"email\":\"x@y\",\"transactionData\":{ \"date\" : \"1\", \"n\":[1,{}] }}";
	static const char without[] = "{\"email\":\"z@y\"}";
	static const char *const bad[] = { "{}",
		                           "{\"batchId\":\"BT_1\"}",
		                           "{\"batchId\":\"CG_1\",\"fields\":[\"a\"]}",
		                           "{\"batchId\":\"BT_1\",\"fields\":[]}",
		                           "{\"batchId\":\"BT_1\",\"fields\":[1]}",
		                           "{\"batchId\":\"BT_1\",\"fields\":\"a\"}",
		                           "\"BT_1\"",
		                           "[]" };
	char text[400];

	(void)state;
	for (int first = 0; first < 2; first++) {
		(void)snprintf(text, sizeof(text),
		               first ? "{" META ",\"contacts\":[%s,%s]}"
		                     : "{\"contacts\":[%s,%s]," META "}",
		               without, with);
		sent(text,
		     "{\"contacts\":[{\"email\":\"z@y\"},{\"email\":\"x@y\",\"transactionData\":"
		     "{\"date\":\"1\",\"n\":[1,{}]}}]," META "}\n");
	}
	/* only where it is used */
	(void)snprintf(text, sizeof(text), "{\"contacts\":[%s]," META "}", without);
	sent(text, LIST("{\"email\":\"z@y\"}"));
	(void)snprintf(text, sizeof(text), "[%s,\n%s]", without, with);
	refused(text, "line 2: transactionData is given, but not the batch it is for");
	for (size_t i = 0; i < countof(bad); i++) {
		(void)snprintf(text, sizeof(text), "{\"contacts\":[%s],\"transactionMeta\":%s}",
		               with, bad[i]);
		refused(text, "“transactionMeta” does not name a batch (batchId) and its fields");
	}
	refused("[{\"email\":\"x@y\",\"transactionData\":[1]}]",
	        "line 1, field “transactionData”: this must be an object, { … }");
	(void)snprintf(text, sizeof(text), "{\"contacts\":[%s]," META "}", with);
	assert_refused(
		"old-contacts-json", &plain, text, strlen(text), EINVAL,
		"line 1: transactionData can only be imported into a mailing list of a directory");
}

static void test_limits(void **state)
{
	struct buf text = { 0 };

	(void)state;
	for (int more = 0; more < 2; more++) {
		buf_add_str(&text, "[{\"email\":\"x@y\"");
		for (int i = 0; i < 1999 + more; i++)
			buf_addf(&text, ",\"f%d\":1", i);
		buf_add_str(&text, "}]");
		struct verdict v;
		judge_pieces(JSON, &plain, text.data, text.len, 1000, &v);
		assert_int_equal(v.err, more ? EFBIG : 0);
		assert_string_equal(v.why, more ? "line 1: an object has over 2000 fields" : "");
		verdict_done(&v);
		buf_clear(&text);
	}
	buf_add_str(&text, "[\n");
	for (int i = 0; i < 2001; i++)
		buf_addf(&text, "{\"email\":\"x@y\",\"embeddedData\":{\"f%d\":1}},\n", i);
	buf_add_str(&text, "{}]");
	struct verdict v;
	judge_pieces(JSON, &plain, text.data, text.len, 1000, &v);
	assert_int_equal(v.err, EFBIG);
	assert_string_equal(v.why, "line 2001: the contacts have over 2000 different fields");
	verdict_done(&v);
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_forms),
		cmocka_unit_test(test_members_have_the_spellings_of_headings),
		cmocka_unit_test(test_an_export_of_ours_comes_out_as_it_went_in),
		cmocka_unit_test(test_values_are_not_changed),
		cmocka_unit_test(test_opt_outs),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_where_it_is_no_json),
		cmocka_unit_test(test_transaction_data),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
