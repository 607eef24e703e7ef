/* check_import_surveys.c: new surveys from files: which are refused, and the form they are sent in.
 */
#include "imports.h"

#include <errno.h>

#define QSF "survey-qsf"
#define TXT "survey-txt"
#define DOC "survey-doc"
#define WORD "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#define SQ "{\"Element\":\"SQ\",\"Payload\":{\"Element\":\"x\"}}"

static void refused(const char *kind, const char *text, const char *why)
{
	assert_refused(kind, &plain, text, strlen(text), EINVAL, why);
}

static void check_form(const char *kind, const char *file_name, const void *bytes, size_t len,
                       const char *name, const char *own_name, const char *type, const void *sent,
                       size_t sent_len)
{
	struct import_body body;
	struct qx_fail fail;
	struct verdict v;
	char boundary[100], head[1000], tail[200];

	judged(kind, &plain, bytes, len, &v);
	assert_string_equal(v.why, "");
	assert_int_equal(v.n_parts, 1);
	assert_int_equal(v.rows, 1);
	qx_auto_fd fd = file_with(bytes, len);
	assert_int_equal(
		import_body(import_kind_named(kind), &plain, file_name, fd, v.parts, &body, &fail),
		0);
	assert_int_equal(sscanf(body.content_type, "multipart/form-data; boundary=%99s", boundary),
	                 1);
	(void)snprintf(head, sizeof(head),
	               "--%s\r\nContent-Disposition: form-data; name=\"name\"\r\n"
	               "Content-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n"
	               "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\n"
	               "Content-Type: %s\r\n\r\n",
	               boundary, name, boundary, own_name, type);
	(void)snprintf(tail, sizeof(tail), "\r\n--%s--\r\n", boundary);
	assert_int_equal(body.bytes.len, strlen(head) + sent_len + strlen(tail));
	assert_memory_equal(body.bytes.data, head, strlen(head));
	assert_memory_equal(body.bytes.data + strlen(head), sent, sent_len);
	assert_memory_equal(body.bytes.data + strlen(head) + sent_len, tail, strlen(tail));
	assert_string_equal(buf_text(&body.name), name);
	import_body_done(&body);
	verdict_done(&v);
}

/* --- QSF ---------------------------------------------------------------------------------------
 */

#define QSF_TYPE "application/vnd.qualtrics.survey.qsf"

static void check_qsf(const char *file_name, const char *text, const char *name)
{
	bool marked = strncmp(text, "\xef\xbb\xbf", 3) == 0;
	check_form(QSF, file_name, text, strlen(text), name, "survey.qsf", QSF_TYPE,
	           text + 3 * marked, strlen(text) - 3 * marked);
}

static void test_a_qsf_goes_as_it_is_under_its_own_name(void **state)
{
	(void)state;
	check_qsf("a.qsf",
	          "{\"SurveyEntry\":{\"x\":{\"SurveyName\":\"no\"},\"SurveyName\":\"Gäste "
	          "\\ud83d\\ude00\"},\r\n"
	          "\"SurveyElements\":[{\"SurveyName\":\"no\"}, " SQ " ], \"n\":1.0e400}\n",
	          "Gäste \xf0\x9f\x98\x80");
	check_qsf("a.qsf",
	          "\xef\xbb\xbf{\"SurveyElements\":[" SQ
	          "],\"SurveyEntry\":{\"SurveyName\":\"A\\r\\nB: x\"}}",
	          "A  B: x");
	/* keys twice, as the service's own files may have them */
	check_qsf("b.qsf",
	          "{\"SurveyElements\":[" SQ
	          "],\"SurveyEntry\":{\"a\":1,\"a\":2,\"SurveyName\":\"N\"}}",
	          "N");
	check_qsf("Gäste 1.2.qsf",
	          "{\"SurveyEntry\":{\"SurveyName\":null},\"SurveyElements\":[" SQ "]}",
	          "Gäste 1.2");
	check_qsf("c.QSF", "{\"SurveyEntry\":{\"SurveyName\":\" \"},\"SurveyElements\":[" SQ "]}",
	          "Survey");
	check_qsf("d\r\n\"d.qsf", "{\"SurveyEntry\":{},\"SurveyElements\":[" SQ "]}", "d  \"d");
}

static void test_what_is_no_qsf(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "{\"result\":{\"SurveyEntry\":{},\"SurveyElements\":[]},\"meta\":{}}",
		  "this is an answer of the API, in which the survey is the member “result”" },
		{ "{\"SurveyElements\":[]}", "this is no QSF: it has no SurveyEntry" },
		{ "{\"SurveyEntry\":[],\"SurveyElements\":[]}",
		  "this is no QSF: it has no SurveyEntry" },
		{ "{\"SurveyEntry\":{}}", "this is no QSF: it has no SurveyElements" },
		{ "{\"SurveyEntry\":{},\"SurveyElements\":{}}",
		  "this is no QSF: it has no SurveyElements" },
		{ "{\"SurveyEntry\":{\"SurveyElements\":[]}}",
		  "this is no QSF: it has no SurveyElements" },
		{ "[]", "this is no QSF: it has no SurveyEntry" },
		{ "{\"SurveyEntry\":{},\"SurveyElements\":[{\"Element\":\"BL\",\"Payload\":{"
		  "\"Element\":\"SQ\"}}]}",
		  "no question was found in it: the service would make an empty survey" },
		{ "{\"SurveyEntry\":{},\n\"SurveyElements\":[}",
		  "line 2, column 19: “}” cannot stand here: this is no JSON" },
		{ "{\"SurveyEntry\":{},\n",
		  "line 2, column 1: the file ends before its JSON does" },
		{ "{\"SurveyEntry\":{},\n\"\xe4\"", "line 2: byte 21 of the file is no UTF-8" },
	};
	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		refused(QSF, rows[i].text, rows[i].why);
	assert_refused(QSF, &plain, BYTES("\xff\xfe{\0}\0"), EINVAL,
	               "a QSF is UTF-8, this is UTF-16");
}

static void test_a_survey_cannot_be_split(void **state)
{
	static const char *const heads[] = { "{\"SurveyElements\":[" SQ
		                             "],\"SurveyEntry\":{\"SurveyName\":\"",
		                             "1. Question?\n", WORD };
	static const char *const tails[] = { "\"}}", "", "" };
	static const char *const kinds[] = { QSF, TXT, DOC };
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < countof(kinds); i++) {
		for (int more = 0; more < 2; more++) {
			struct buf file = { 0 };
			buf_add_str(&file, heads[i]);
			while (file.len < 5000000 + (size_t)more - strlen(tails[i]))
				buf_add_str(&file, "x");
			buf_add_str(&file, tails[i]);
			judge_pieces(kinds[i], &plain, file.data, file.len, 100000, &v);
			assert_int_equal(v.err, more ? EFBIG : 0);
			assert_string_equal(v.why, more ? "the file has over 5000000 bytes, the "
			                                  "most that the service takes"
			                                : "");
			verdict_done(&v);
			buf_done(&file);
		}
	}
}

/* --- text --------------------------------------------------------------------------------------
 */

static void test_texts_in_both_forms(void **state)
{
	static const char *const texts[] = {
		"1. How old are you?\n\nyoung\nold\n",
		"Title\r\n\r\n12. How?\r\n",
		"1. \xc3\x84lter?",
		"[[AdvancedFormat]]\n[[Question:MC]]\nHow?\n[[Choices]]\na\nb\n",
		"\xef\xbb\xbf[[AdvancedFormat]]\r\n\r\n[[Question:MC]]\r\nWho?\r\n",
	};
	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		size_t mark = strncmp(texts[i], "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
		check_form(TXT, "My survey.txt", texts[i], strlen(texts[i]), "My survey",
		           "survey.txt", "text/plain", texts[i] + mark, strlen(texts[i]) - mark);
	}
	check_form(TXT, ".txt",
	           BYTES("\xfe\xff\0"
	                 "1\0.\0 \0?\0\n"),
	           ".txt", "survey.txt", "text/plain", "1. ?\n", 5);
}

static void test_a_text_without_questions(void **state)
{
	static const char none[] =
		"no question was found in it: the service would make an empty survey";
	static const char *const texts[] = {
		"Hello\n",  "1.\nHow?\n",         "1 How?\n",
		"1.How?\n", "Question 1. How?\n", "[[AdvancedFormat]]\n1. How?\n",
		"\n"
	};
	(void)state;
	for (size_t i = 0; i < countof(texts); i++)
		refused(TXT, texts[i], none);
	refused(TXT, "[[Question:MC]]\nHow?\n",
	        "it has [[Question:…]] but not [[AdvancedFormat]] above it, without which the "
	        "service reads no "
	        "such marks");
	refused(TXT, "1. How?\nB\xe4r\n", "line 2: byte 10 of the file is no UTF-8");
	refused(TXT, "", "the file is empty");
}

/* --- Word --------------------------------------------------------------------------------------
 */

static void test_word(void **state)
{
	static const char doc[] = WORD "\0\0--\r\n\xff";

	(void)state;
	check_form(DOC, "Old survey.DOC", BYTES(doc), "Old survey", "survey.doc",
	           "application/msword", BYTES(doc));
	assert_refused(DOC, &plain, BYTES("PK\x03\x04 docx"), EINVAL,
	               "this is a document of a newer Word (.docx) under another name");
	assert_refused(DOC, &plain, BYTES("{\\rtf1 }"), EINVAL,
	               "this is no document of Word 97-2003");
	assert_refused(DOC, &plain, BYTES("\xd0\xcf"), EINVAL,
	               "this is no document of Word 97-2003");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_qsf_goes_as_it_is_under_its_own_name),
		cmocka_unit_test(test_what_is_no_qsf),
		cmocka_unit_test(test_a_survey_cannot_be_split),
		cmocka_unit_test(test_texts_in_both_forms),
		cmocka_unit_test(test_a_text_without_questions),
		cmocka_unit_test(test_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
