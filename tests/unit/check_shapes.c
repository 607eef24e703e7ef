/* check_shapes.c: from a spool's lines to each form, also of elements that mean harm. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../fs/jobs/shapes.h"

struct made {
	int err;
	uint64_t len;
	char text[8192];
	struct qx_fail fail;
};

static int full_disk(void *arg, uint64_t upto)
{
	(void)arg;
	(void)upto;
	return -ENOSPC;
}

static void make(enum shape shape, const char *lines, struct shape_input in, struct made *ret)
{
	FILE *spool = tmpfile(), *out = tmpfile();

	assert_non_null(spool);
	assert_non_null(out);
	assert_int_equal(write(fileno(spool), lines, strlen(lines)), strlen(lines));
	memset(ret, 0, sizeof(*ret));
	in.spool_fd = fileno(spool);
	in.spool_len += strlen(lines);
	ret->err = shape_write(shape, &in, fileno(out), &ret->len, &ret->fail);
	assert_true(pread(fileno(out), ret->text, sizeof(ret->text) - 1, 0) >= 0);
	(void)fclose(spool);
	(void)fclose(out);
}

static void assert_made(enum shape shape, const char *lines, const char *expected)
{
	struct made m;
	make(shape, lines, (struct shape_input){ 0 }, &m);
	assert_int_equal(m.err, 0);
	assert_string_equal(m.text, expected);
	assert_int_equal(m.len, strlen(expected));
}

static void test_lines_and_arrays(void **state)
{
	(void)state;
	assert_made(SHAPE_NDJSON, "", "");
	assert_made(SHAPE_JSON, "", "[]\n");
	assert_made(SHAPE_NDJSON, "{\"a\":1}\n{\"b\":1e400}\n", "{\"a\":1}\n{\"b\":1e400}\n");
	assert_made(SHAPE_JSON, "{\"a\":1}\n{\"b\":2}\n", "[{\"a\":1},\n{\"b\":2}]\n");
}

#define HEAD "contactId,firstName,lastName,email,phone,extRef,language,unsubscribed"

static void test_embedded_data_are_columns_in_order_of_their_first_appearance(void **state)
{
	(void)state;
	assert_made(SHAPE_CONTACTS, "", HEAD "\r\n");
	assert_made(
		SHAPE_CONTACTS,
		"{\"contactId\":\"C1\",\"embeddedData\":{\"z\":\"1\",\"a.b\":2}}\n"
		"{\"contactId\":\"C2\",\"embeddedData\":null}\n"
		"{\"contactId\":\"C3\",\"embeddedData\":{\"a.b\":null,\"new\":true,\"z\":[1]}}\n",
		HEAD ",z,a.b,new\r\nC1,,,,,,,,1,2,\r\nC2,,,,,,,,,,\r\nC3,,,,,,,,[1],,true\r\n");
}

static void test_names_of_ours_and_odd_ones_are_told_apart(void **state)
{
	(void)state;
	assert_made(SHAPE_CONTACTS,
	            "{\"contactId\":\"C1\",\"embeddedData\":{\"EMAIL\":\"e\",\"\":\"x\","
	            "\"q\\\"\\n\":\"y\"}}\n",
	            HEAD ",embeddedData.EMAIL,,\"q\"\"\n\"\r\nC1,,,,,,,,e,x,y\r\n");
}

static void test_values_are_quoted_and_not_cut(void **state)
{
	(void)state;
	assert_made(SHAPE_CONTACTS,
	            "{\"contactId\":\"a\\u0000b,\\\"\\r\\n\",\"email\":{\"x\":1},\"phone\":1.50}\n",
	            HEAD "\r\n\"a\xef\xbf\xbd"
	                 "b,\"\"\r\n\",,,\"{\"\"x\"\":1}\",1.50,,,\r\n");
}

static void test_nested_members_and_the_mark(void **state)
{
	struct made m;

	(void)state;
	make(SHAPE_DISTRIBUTIONS,
	     "{\"id\":\"EMD_1\",\"headers\":{\"subject\":\"s\"},\"stats\":[]}\n",
	     (struct shape_input){ .bom = true }, &m);
	assert_int_equal(m.err, 0);
	assert_non_null(strstr(m.text, "\xef\xbb\xbfid,requestType,"));
	assert_non_null(
		strstr(m.text, ",modifiedDate,subject,fromName,mailingListId,linkType,sent,"));
	assert_non_null(strstr(m.text, "\r\nEMD_1,,,,,,s,,,,,,,,\r\n"));
}

static void test_what_cannot_be_written_has_words(void **state)
{
	struct made m;

	(void)state;
	make(SHAPE_CONTACTS, "{}\n", (struct shape_input){ .room = full_disk }, &m);
	assert_int_equal(m.err, -ENOSPC);
	assert_int_equal(m.fail.err, ENOSPC);
	assert_true(m.fail.remedy[0]);
	/* a spool that is shorter than it was written */
	make(SHAPE_NDJSON, "{}\n", (struct shape_input){ .spool_len = 1 }, &m);
	assert_int_equal(m.err, -EIO);
	assert_int_equal(m.fail.err, EIO);
}

static void test_too_many_fields_are_an_error_not_a_shortened_file(void **state)
{
	char *line = malloc(1 << 20);
	size_t n = 0;
	struct made m;

	(void)state;
	assert_non_null(line);
	n += (size_t)sprintf(line, "{\"embeddedData\":{");
	for (int i = 0; i < 5000; i++)
		n += (size_t)sprintf(line + n, "%s\"f%d\":1", i ? "," : "", i);
	(void)sprintf(line + n, "}}\n");
	make(SHAPE_CONTACTS, line, (struct shape_input){ 0 }, &m);
	free(line);
	assert_int_equal(m.err, -EFBIG);
	assert_int_equal(m.fail.err, EFBIG);
	assert_int_equal(m.text[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_and_arrays),
		cmocka_unit_test(test_embedded_data_are_columns_in_order_of_their_first_appearance),
		cmocka_unit_test(test_names_of_ours_and_odd_ones_are_told_apart),
		cmocka_unit_test(test_values_are_quoted_and_not_cut),
		cmocka_unit_test(test_nested_members_and_the_mark),
		cmocka_unit_test(test_what_cannot_be_written_has_words),
		cmocka_unit_test(test_too_many_fields_are_an_error_not_a_shortened_file),
	};
	return cmocka_run_group_tests_name("shapes", tests, NULL, NULL);
}
