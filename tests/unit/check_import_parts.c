/* check_import_parts.c: which rows go into which request: within the service's limits, each once,
 * in order; and refused rows come back as they were. */
#include "imports.h"

#include <errno.h>

#include <qxfs/base/json.h>

/* --- what was sent -----------------------------------------------------------------------------
 */

/* The e-mail addresses of a body's contacts, one a line. */
static void add_emails(const struct buf *body, struct buf *out)
{
	struct json *j = NULL;

	assert_int_equal(json_parse(body->data, body->len, &j), 0);
	for (size_t i = 0; i < json_len(j, "contacts"); i++)
		buf_addf(out, "%s\n", json_str(json_at(j, "contacts", i), "email"));
	json_free(j);
}

enum form { FORM_CSV, FORM_CSV_16, FORM_CSV_LATIN, FORM_JSON, FORM_JSON_OBJECT };
static const struct {
	const char *kind, *charset;
} forms[] = {
	[FORM_CSV] = { "contacts-csv", NULL },
	[FORM_CSV_16] = { "contacts-csv", NULL },
	[FORM_CSV_LATIN] = { "contacts-csv", "windows-1252" },
	[FORM_JSON] = { "contacts-json", NULL },
	[FORM_JSON_OBJECT] = { "contacts-json", NULL },
};

static void widen(struct buf *b)
{
	struct buf wide = { 0 };

	buf_add_str(&wide, "\xff\xfe");
	for (size_t i = 0; i < b->len; i++) {
		buf_add(&wide, b->data + i, 1);
		buf_add(&wide, "", 1);
	}
	buf_done(b);
	*b = wide;
}

/* `rows` contacts whose values have about `width` bytes; the addresses go to `emails`. */
static void make_file(enum form form, unsigned rows, unsigned width, struct buf *out,
                      struct buf *emails)
{
	bool json = form == FORM_JSON || form == FORM_JSON_OBJECT;

	buf_add_str(out, form == FORM_JSON          ? "[ \n"
	                 : form == FORM_JSON_OBJECT ? "{\"contacts\": [\n"
	                                            : "email,A,First Name\r\n");
	for (unsigned i = 0; i < rows; i++) {
		unsigned n = 1 + (i * 7919u) % (2 * width);
		if (json)
			buf_addf(out, "%s{\"A\": \"", i ? ",\n" : "");
		else
			buf_addf(out, "p%u@x,\"", i);
		for (unsigned k = 0; k < n; k++)
			buf_add_str(out, k % 50 == 49 ? (json ? "\\n" : "\n") : "v");
		if (json)
			buf_addf(out, "\", \"email\": \"p%u@x\"}", i);
		else
			buf_add_str(out, "\",\"Jo\"\"e\"\r\n");
		if (i % 1000 == 0 && !json)
			buf_add_str(out, "\r\n,,\r\n"); /* no contacts */
		buf_addf(emails, "p%u@x\n", i);
	}
	buf_add_str(out, form == FORM_JSON ? "\n]\n" : form == FORM_JSON_OBJECT ? "\n] }" : "");
	if (form == FORM_CSV_16)
		widen(out);
	assert_false(buf_failed(out));
}

static void check_parts(enum form form, unsigned rows, unsigned width)
{
	struct import_context context = { .target_name = "", .charset = forms[form].charset };
	struct buf file = { 0 }, emails = { 0 }, got = { 0 };
	const struct import_kind *kind = import_kind_named(forms[form].kind);
	struct verdict v, other;
	uint64_t next = 1;

	make_file(form, rows, width, &file, &emails);
	judge_pieces(forms[form].kind, &context, file.data, file.len, file.len, &v);
	assert_string_equal(v.why, "");
	assert_int_equal(v.rows, rows);
	judge_pieces(forms[form].kind, &context, file.data, file.len, 1021, &other);
	assert_same_verdict(&v, &other);
	verdict_done(&other);

	qx_auto_fd fd = file_with(file.data, file.len);
	for (size_t i = 0; i < v.n_parts; i++) {
		struct import_body body;
		struct qx_fail fail;
		assert_int_equal(v.parts[i].n, i);
		assert_int_equal(v.parts[i].first_row, next);
		assert_in_range(v.parts[i].rows, 1, 10000);
		assert_true(v.parts[i].from < v.parts[i].to && v.parts[i].to <= file.len);
		next += v.parts[i].rows;
		assert_int_equal(import_body(kind, &context, "a", fd, &v.parts[i], &body, &fail),
		                 0);
		assert_string_equal(body.content_type, "application/json");
		assert_true(body.bytes.len <= 5000000);
		/* as few requests as the limits allow */
		if (i + 1 < v.n_parts && v.parts[i].rows < 10000)
			assert_true(body.bytes.len + 20000 + 4 * width > 5000000);
		add_emails(&body.bytes, &got);
		import_body_done(&body);
	}
	assert_int_equal(next, rows + 1);
	assert_string_equal(buf_text(&got), buf_text(&emails));
	verdict_done(&v);
	buf_done(&file);
	buf_done(&emails);
	buf_done(&got);
}

static void test_all_rows_are_sent_once_and_in_order(void **state)
{
	(void)state;
	for (size_t form = 0; form < countof(forms); form++) {
		check_parts(form, 1, 10);
		check_parts(form, 10000, 10);
		check_parts(form, 10001, 10);
		check_parts(form, 25000, 100); /* by number */
		check_parts(form, 16000, 500); /* by bytes */
	}
}

/* The largest body that fits, and one byte more. */
static void test_the_limit_of_bytes_is_that_of_what_is_sent(void **state)
{
	static const size_t frame =
		sizeof("{\"contacts\":[{\"email\":\"x@y\",\"lastName\":\"\"}]}") - 1;

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		struct buf file = { 0 };
		struct verdict v;
		/* a quote is one byte in the table, doubled, and two in JSON */
		buf_add_str(&file, "email,lastName\nx@y,\"");
		size_t letters = 5000000 - frame + more - 2 * 1000;
		for (int i = 0; i < 1000; i++)
			buf_add_str(&file, "\"\"");
		for (size_t i = 0; i < letters; i++)
			buf_add_str(&file, "l");
		buf_add_str(&file, "\"\n");
		judge_pieces("contacts-csv", &plain, file.data, file.len, 65536, &v);
		assert_int_equal(v.err, more ? EFBIG : 0);
		assert_string_equal(v.why,
		                    more ? "line 2: the contact takes over 5000000 bytes, the most "
		                           "that the service takes at once"
		                         : "");
		if (!more) {
			struct buf body = { 0 };
			add_bodies("contacts-csv", &plain, file.data, file.len, &v, &body);
			assert_int_equal(body.len, 5000001); /* and a newline of add_bodies() */
			buf_done(&body);
		}
		verdict_done(&v);
		buf_done(&file);
	}
}

static void test_what_cannot_be_split(void **state)
{
	struct buf file = { 0 };
	struct verdict v;

	(void)state;
	buf_add_str(&file, "email,A\nz@y,1\nx@y,\"");
	for (int i = 0; i < 600000; i++)
		buf_add_str(&file, "0123456789\n");
	judge_pieces("contacts-csv", &plain, file.data, file.len, 65536, &v);
	assert_int_equal(v.err, EFBIG);
	assert_string_equal(v.why, "line 3: the row that begins here has over 5000000 bytes");
	verdict_done(&v);
	buf_clear(&file);

	buf_add_str(&file, "[{},\n{\"email\":\"x@y\",\"embeddedData\":{\"a\":[");
	for (int i = 0; i < 600000; i++)
		buf_add_str(&file, "\"0123456789\",");
	buf_add_str(&file, "1]}}]");
	judge_pieces("contacts-json", &plain, file.data, file.len, 65536, &v);
	assert_int_equal(v.err, EFBIG);
	assert_string_equal(v.why,
	                    "line 2: the contact takes over 5000000 bytes, the most that the "
	                    "service takes at once");
	verdict_done(&v);
	buf_clear(&file);

	buf_add_str(&file, "email");
	for (int i = 0; i < 2000; i++)
		buf_addf(&file, ",c%d", i);
	buf_add_str(&file, "\n");
	judge_pieces("contacts-csv", &plain, file.data, file.len, 65536, &v);
	assert_int_equal(v.err, EFBIG);
	assert_string_equal(v.why, "line 1: there are over 2000 columns");
	verdict_done(&v);
	buf_done(&file);
}

/* --- the other targets -------------------------------------------------------------------------
 */

static void test_a_directory_takes_them_one_by_one(void **state)
{
	static const char table[] = "email,First Name,Segment\nx@y,Ada,\n\nz@y,,Gold\n";
	struct buf file = { 0 };
	struct verdict v;

	(void)state;
	assert_bodies("directory-csv", &plain, BYTES(table),
	              "{\"email\":\"x@y\",\"firstName\":\"Ada\"}\n"
	              "{\"email\":\"z@y\",\"embeddedData\":{\"Segment\":\"Gold\"}}\n");
	assert_bodies("directory-json", &plain,
	              BYTES("{\"contacts\":[{\"email\":\"x@y\"},{\"email\":\"z@y\"}]}"),
	              "{\"email\":\"x@y\"}\n{\"email\":\"z@y\"}\n");
	for (int more = 0; more < 2; more++) {
		buf_clear(&file);
		buf_add_str(&file, "email\n");
		for (int i = 0; i < 10000 + more; i++)
			buf_add_str(&file, "x@y\n");
		judge_pieces("directory-csv", &plain, file.data, file.len, 65536, &v);
		assert_int_equal(v.err, more ? EFBIG : 0);
		assert_string_equal(v.why,
		                    more ? "line 10002: these are over 10000 contacts, and a "
		                           "directory's are sent one by one"
		                         : "");
		assert_int_equal(v.n_parts, more ? 0 : 10000);
		verdict_done(&v);
	}
	buf_done(&file);
}

static void test_a_legacy_list_takes_a_file_or_json(void **state)
{
	static const char table[] = "email,externalDataReference,phone\nx@y,007,1\n";
	static const char contacts[] = "[{\"email\":\"x@y\",\"externalDataReference\":\"007\","
				       "\"embeddedData\":{\"phone\":\"1\"}}]";
	static const struct import_context second = { .target_name = "", .second_form = true };
	char expected[1000], boundary[100];
	struct import_body body;
	struct qx_fail fail;
	struct verdict v;

	(void)state;
	judged("old-contacts-csv", &plain, BYTES(table), &v);
	assert_int_equal(v.n_parts, 1);
	qx_auto_fd fd = file_with(BYTES(table));
	for (int again = 0; again < 2; again++) {
		assert_int_equal(import_body(import_kind_named("old-contacts-csv"), &plain, "a.csv",
		                             fd, v.parts, &body, &fail),
		                 0);
		assert_int_equal(
			sscanf(body.content_type, "multipart/form-data; boundary=%99s", boundary),
			1);
		(void)snprintf(expected, sizeof(expected),
		               "--%s\r\nContent-Disposition: form-data; name=\"contacts\"; "
		               "filename=\"contacts.json\"\r\nContent-Type: "
		               "application/json\r\n\r\n%s\r\n--%s--\r\n",
		               boundary, contacts, boundary);
		assert_string_equal(buf_text(&body.bytes), expected);
		import_body_done(&body);
	}
	verdict_done(&v);
	(void)snprintf(expected, sizeof(expected), "%s\n", contacts);
	assert_bodies("old-contacts-csv", &second, BYTES(table), expected);
	assert_bodies("old-contacts-json", &second,
	              BYTES("[{\"email\":\"x@y\",\"External Reference\":\"007\",\"phone\":\"1\"}]"),
	              expected);
}

/* --- refused rows ------------------------------------------------------------------------------
 */

struct refusal {
	uint64_t rows[4];
	size_t n;
	const char *addresses[4];
	size_t n_addresses;
};

static void rejected(const char *kind, const struct import_context *context, const void *bytes,
                     size_t len, const struct refusal *of_parts, const char *reason,
                     struct buf *out)
{
	struct verdict v;
	qx_auto_fd fd = file_with(bytes, len);
	qx_auto_fd to = file_with("", 0);

	judge_pieces(kind, context, bytes, len, len, &v);
	assert_string_equal(v.why, "");
	for (size_t i = 0; i < v.n_parts; i++) {
		const struct import_refused refused = { .rows = of_parts[i].rows,
			                                .n = of_parts[i].n,
			                                .addresses = of_parts[i].addresses,
			                                .n_addresses = of_parts[i].n_addresses,
			                                .reason = reason };
		assert_int_equal(import_reject(import_kind_named(kind), context, fd, &v.parts[i],
		                               &refused, to),
		                 0);
	}
	verdict_done(&v);
	char *text = calloc(1, 100000);
	assert_non_null(text);
	assert_true(pread(to, text, 99999, 0) >= 0);
	buf_add_str(out, text);
	free(text);
}

static void test_refused_rows_come_back_in_their_own_columns(void **state)
{
	static const struct refusal two = { .rows = { 1, 2 }, .n = 2 },
				    by_address = { .addresses = { "B@x", "c@X", "e@x" },
		                                   .n_addresses = 3 };
	static const struct import_context latin = { .target_name = "", .charset = "windows-1252" };
	static const struct {
		const char *kind;
		const struct import_context *context;
		const char *text, *expected;
	} rows[] = {
		{ "contacts-csv", &plain,
		  "\xef\xbb\xbf"
		  "contactId;E-Mail;A\n1;a@x;\n;;\n2;b@x;\" \"\"q\"\"\n,\"\n3;c@x\n4;d@x;z\n",
		  "contactId,E-Mail,A,Refused because\r\n2,b@x,\" \"\"q\"\"\n,\",\"no, not so\"\r\n"
		  "3,c@x,,\"no, not so\"\r\n" },
		{ "contacts-csv", &latin, "email,A\na@x,1\nb@x,\xe4\nc@x,3\n",
		  "email,A,Refused because\r\nb@x,\xc3\xa4,\"no, not so\"\r\nc@x,3,\"no, not "
		  "so\"\r\n" },
		{ "contacts-json", &plain,
		  "[{\"email\":\"a@x\",\"embeddedData\":{\"Z\":\"z\",\"email\":1}},{},\n"
		  "{\"First Name\":\"B\\u00e9\",\"email\":\"b@x\",\"embeddedData\":{\"n\":[1,{}]}},"
		  "{\"email\":\"c@x\",\"unsubscribed\":true,\"embeddedData\":{\"Z\":null,\"email\":"
		  "\",\"}}]",
		  "email,Z,embeddedData.email,First Name,n,unsubscribed,Refused because\r\n"
		  "b@x,,,B\xc3\xa9,\"[1,{}]\",,\"no, not so\"\r\nc@x,,\",\",,,true,\"no, not "
		  "so\"\r\n" },
	};
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct buf out = { 0 };
		rejected(rows[i].kind, rows[i].context, rows[i].text, strlen(rows[i].text), &two,
		         "no, not so", &out);
		assert_string_equal(buf_text(&out), rows[i].expected);
		buf_clear(&out);
		rejected(rows[i].kind, rows[i].context, rows[i].text, strlen(rows[i].text),
		         &by_address, "no, not so", &out);
		assert_string_equal(buf_text(&out), rows[i].expected);
		buf_done(&out);
	}
}

static void test_refused_rows_of_several_parts_have_one_heading(void **state)
{
	/* p1@x is another part's */
	static const struct refusal of_parts[] = {
		{ .rows = { 0, 9999 }, .n = 2 },
		{ .addresses = { "p1@x" }, .n_addresses = 1 },
		{ .rows = { 1 }, .n = 1 },
	};

	(void)state;
	for (enum form form = FORM_CSV; form <= FORM_JSON_OBJECT; form++) {
		struct import_context context = { .target_name = "",
			                          .charset = forms[form].charset };
		struct buf file = { 0 }, emails = { 0 }, out = { 0 };
		make_file(form, 20003, 1, &file, &emails);
		rejected(forms[form].kind, &context, file.data, file.len, of_parts, "no", &out);
		bool json = form >= FORM_JSON;
		assert_string_equal(
			buf_text(&out),
			json ? "A,email,Refused "
			       "because\r\nv,p0@x,no\r\nvv,p9999@x,no\r\nvv,p20001@x,no\r\n"
			     : "email,A,First Name,Refused because\r\np0@x,v,\"Jo\"\"e\",no\r\n"
			       "p9999@x,vv,\"Jo\"\"e\",no\r\np20001@x,vv,\"Jo\"\"e\",no\r\n");
		buf_done(&file);
		buf_done(&emails);
		buf_done(&out);
	}
}

static void test_a_spool_that_changed_is_not_sent(void **state)
{
	static const char table[] = "email\nx@y\nz@y\n";
	struct import_body body;
	struct qx_fail fail;
	struct verdict v;

	(void)state;
	judged("contacts-csv", &plain, BYTES(table), &v);
	qx_auto_fd fd = file_with("email\nx@y\n", 10);
	assert_int_equal(import_body(import_kind_named("contacts-csv"), &plain, "a.csv", fd,
	                             v.parts, &body, &fail),
	                 -EIO);
	assert_string_equal(fail.why, "the file in the spool is not what was judged");
	assert_null(body.bytes.data);
	verdict_done(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_rows_are_sent_once_and_in_order),
		cmocka_unit_test(test_the_limit_of_bytes_is_that_of_what_is_sent),
		cmocka_unit_test(test_what_cannot_be_split),
		cmocka_unit_test(test_a_directory_takes_them_one_by_one),
		cmocka_unit_test(test_a_legacy_list_takes_a_file_or_json),
		cmocka_unit_test(test_refused_rows_come_back_in_their_own_columns),
		cmocka_unit_test(test_refused_rows_of_several_parts_have_one_heading),
		cmocka_unit_test(test_a_spool_that_changed_is_not_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
