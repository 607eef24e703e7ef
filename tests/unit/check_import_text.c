/* check_import_text.c: whatever charset a file is in: it comes out as UTF-8, places in the file are
 * known, and what is no text is refused with line and byte. */
#include "imports.h"

#include <errno.h>

#define CSV "contacts-csv"
#define JSON "contacts-json"
#define LIST(contacts) "{\"contacts\":[" contacts "]}\n"

static const struct import_context latin = { .target_name = "", .charset = "windows-1252" };
static const struct import_context japanese = { .target_name = "", .charset = "Shift_JIS" };
static const struct import_context stateful = { .target_name = "", .charset = "ISO-2022-JP" };
static const struct import_context utf8 = { .target_name = "", .charset = "utf-8" };
static const struct import_context unknown = { .target_name = "", .charset = "klingon" };

/* "email,A\nö@x,😀\n" and its likes */
#define ROWS LIST("{\"email\":\"\xc3\xb6@x\",\"embeddedData\":{\"A\":\"\xf0\x9f\x98\x80\"}}")

static const struct {
	const char *kind;
	const struct import_context *context;
	const char *bytes;
	size_t len;
	const char *expected;
} files[] = {
	{ CSV, &plain, BYTES("email,A\n\xc3\xb6@x,\xf0\x9f\x98\x80\n"), ROWS },
	{ CSV, &plain,
	  BYTES("\xef\xbb\xbf"
	        "email,A\n\xc3\xb6@x,\xf0\x9f\x98\x80"),
	  ROWS },
	{ CSV, &utf8, BYTES("email,A\r\n\xc3\xb6@x,\xf0\x9f\x98\x80\r\n"), ROWS },
	{ CSV, &latin,
	  BYTES("\xef\xbb\xbf"
	        "email,A\n\xc3\xb6@x,\xf0\x9f\x98\x80"),
	  ROWS }, /* the mark wins */
	{ CSV, &plain,
	  BYTES("\xff\xfe"
	        "e\0m\0a\0i\0l\0,\0A\0\r\0\n\0\xf6\0@\0x\0,\0\x3d\xd8\x00\xde\r\0\n\0"),
	  ROWS },
	{ CSV, &plain, BYTES("\xfe\xff\0e\0m\0a\0i\0l\0\t\0A\0\n\0\xf6\0@\0x\0\t\xd8\x3d\xde\x00"),
	  ROWS },
	{ JSON, &plain,
	  BYTES("\xff\xfe"
	        "[\0{\0\"\0e\0m\0a\0i\0l\0\"\0:\0\"\0\xf6\0@\0x\0\"\0}\0]\0"),
	  LIST("{\"email\":\"\xc3\xb6@x\"}") },
	{ CSV, &latin, BYTES("email;A\r\n\xf6@x;\x80 5\r\nz@x;\xe4\r\n"),
	  LIST("{\"email\":\"\xc3\xb6@x\",\"embeddedData\":{\"A\":\"\xe2\x82\xac 5\"}},"
	       "{\"email\":\"z@x\",\"embeddedData\":{\"A\":\"\xc3\xa4\"}}") },
	{ CSV, &japanese, BYTES("email,A\nx@y,\x83\x5c\x93\xfa\n"),
	  LIST("{\"email\":\"x@y\",\"embeddedData\":{\"A\":\"\xe3\x82\xbd\xe6\x97\xa5\"}}") },
	{ CSV, &stateful, BYTES("email,A\nx@y,\x1b$BF|K\\\x1b(B\nz@y,\x1b$BF|\x1b(B\n"),
	  LIST("{\"email\":\"x@y\",\"embeddedData\":{\"A\":\"\xe6\x97\xa5\xe6\x9c\xac\"}},"
	       "{\"email\":\"z@y\",\"embeddedData\":{\"A\":\"\xe6\x97\xa5\"}}") },
	{ JSON, &latin, BYTES("[{\"email\":\"\xf6@x\"}]"), LIST("{\"email\":\"\xc3\xb6@x\"}") },
};

static void test_every_charset_comes_out_as_utf8(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(files); i++)
		assert_bodies(files[i].kind, files[i].context, files[i].bytes, files[i].len,
		              files[i].expected);
}

static void test_what_is_no_text(void **state)
{
	static const struct {
		const struct import_context *context;
		const char *bytes;
		size_t len;
		const char *why;
	} rows[] = {
		{ &plain, BYTES("email,A\nx@y,\"\n\xe4\"\n"),
		  "line 3: byte 15 of the file is no UTF-8" },
		{ &plain, BYTES("email,A\r\rx@y,\xc3("),
		  "line 3: byte 14 of the file is no UTF-8" },
		{ &plain, BYTES("email\nx@y\xc3"), "line 2: byte 10 of the file is no UTF-8" },
		{ &plain, BYTES("email\nx@\xed\xa0\x80\n"),
		  "line 2: byte 9 of the file is no UTF-8" },
		{ &plain, BYTES("email\nx@\xc0\x80\n"), "line 2: byte 9 of the file is no UTF-8" },
		{ &plain, BYTES("email\nx@y\0\n"),
		  "line 2: byte 10 of the file is a NUL: this is no text, or UTF-16 without a "
		  "mark" },
		{ &plain, BYTES("e\0m\0a\0i\0l\0\n\0"),
		  "line 1: byte 2 of the file is a NUL: this is no text, or UTF-16 without a "
		  "mark" },
		{ &plain,
		  BYTES("\xff\xfe"
		        "e\0m\0a\0i\0l\0\n\0\x3d\xd8"
		        "b\0"),
		  "line 2: byte 15 of the file is no UTF-16" },
		{ &plain,
		  BYTES("\xff\xfe"
		        "e\0m\0a\0i\0l\0\n\0\x00\xdc"
		        "b\0"),
		  "line 2: byte 15 of the file is no UTF-16" },
		{ &plain,
		  BYTES("\xff\xfe"
		        "e\0m\0a\0i\0l\0\n\0b"),
		  "line 2: byte 15 of the file is no UTF-16" },
		{ &plain,
		  BYTES("\xff\xfe"
		        "a\0\0\0"),
		  "line 1: byte 5 of the file is a NUL: this is no text, or UTF-16 without a "
		  "mark" },
		{ &latin, BYTES("email\nx@y\x81\n"),
		  "line 2: byte 10 of the file is no windows-1252" },
		{ &latin, BYTES("email\nx@y\n\0"),
		  "line 3: there is a NUL in it: this is no text, or no windows-1252" },
		{ &japanese, BYTES("email\nx@y\x83"),
		  "line 2: byte 10 of the file is no Shift_JIS" },
		{ &unknown, BYTES("email\nx@y\n"),
		  "this machine does not know the charset “klingon”" },
		{ &unknown, BYTES("e"), "this machine does not know the charset “klingon”" },
		{ &plain, BYTES(""), "the file is empty" },
		{ &unknown, BYTES(""), "this machine does not know the charset “klingon”" },
		{ &plain, BYTES("\xef\xbb\xbf"), "the file has no row" },
		{ &plain, BYTES("\xef\xbb"), "line 1: byte 1 of the file is no UTF-8" },
	};
	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		assert_refused(CSV, rows[i].context, rows[i].bytes, rows[i].len, EINVAL,
		               rows[i].why);
	assert_refused(JSON, &plain, BYTES("[{\"email\":\n\"\xe4\"}]"), EINVAL,
	               "line 2: byte 13 of the file is no UTF-8");
}

static void test_the_report_says_how_it_was_read(void **state)
{
	static const struct {
		size_t file;
		const char *line;
	} rows[] = {
		{ 0, "read as UTF-8, cells between commas\n" },
		{ 4, "read as UTF-16, cells between commas\n" },
		{ 5, "read as UTF-16, cells between tabs\n" },
		{ 7, "read as windows-1252, cells between semicolons\n" },
	};
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		size_t f = rows[i].file;
		judged(files[f].kind, files[f].context, files[f].bytes, files[f].len, &v);
		assert_non_null(strstr(buf_text(&v.report), rows[i].line));
		verdict_done(&v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_charset_comes_out_as_utf8),
		cmocka_unit_test(test_what_is_no_text),
		cmocka_unit_test(test_the_report_says_how_it_was_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
