/* import_survey.c: a new survey from a file (API.md 5.3): QSF, text, Word 97. The file goes as it
 * is, as one part of a form whose type says what it is. A survey without questions is refused: the
 * service would make an empty one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

#include "import_columns.h"
#include "import_form.h"
#include "import_judge.h"
#include "import_tokens.h"

#define FILE_MAX 5000000
#define NAME_MAX_BYTES 1000

struct survey {
	struct buf file; /* where it is read again */
	uint64_t questions;

	/* of QSF */
	struct tokens tokens;
	struct buf name;
	bool has_entry, has_elements, is_envelope;
	enum { KEY_OTHER, KEY_ENTRY, KEY_ELEMENTS, KEY_NAME, KEY_ELEMENT } top, key;

	/* of text */
	struct buf line; /* the beginning of the one that is read */
	bool is_advanced, has_tag;

	/* of Word */
	size_t head_len;
	unsigned char head[8];
};

static int survey_begin(struct judge *j)
{
	j->own = calloc(1, sizeof(struct survey));
	j->plan.max_bytes = FILE_MAX;
	return j->own ? 0 : -ENOMEM;
}

static void survey_done(struct judge *j)
{
	struct survey *s = j->own;

	if (!s)
		return;
	tokens_done(&s->tokens);
	buf_done(&s->file);
	buf_done(&s->name);
	buf_done(&s->line);
	free(s);
}

static void keep(struct judge *j, const char *piece, size_t len)
{
	struct survey *s = j->own;

	if (!j->again)
		return;
	buf_add(&s->file, piece, len);
	if (buf_failed(&s->file))
		judge_no_memory(j);
}

static void plan_whole(struct judge *j)
{
	if (!j->over && !j->again)
		judge_plan(j, 0, 1, (size_t)j->fed, "the survey");
}

static void refuse_empty(struct judge *j, const char *next)
{
	judge_refuse(j, EINVAL, next,
	             "no question was found in it: the service would make an empty survey");
}

/* --- QSF ---------------------------------------------------------------------------------------
 */

static void take_key(struct survey *s, const char *raw, size_t len)
{
	static const struct {
		unsigned depth;
		const char *key;
		int is;
	} keys[] = {
		{ 1, "\"SurveyEntry\"", KEY_ENTRY },
		{ 1, "\"SurveyElements\"", KEY_ELEMENTS },
		{ 2, "\"SurveyName\"", KEY_NAME },
		{ 3, "\"Element\"", KEY_ELEMENT },
	};
	int key = KEY_OTHER;

	for (size_t i = 0; i < countof(keys); i++)
		if (s->tokens.depth == keys[i].depth && strlen(keys[i].key) == len &&
		    memcmp(keys[i].key, raw, len) == 0)
			key = keys[i].is;
	s->key = key;
	if (s->tokens.depth == 1) {
		s->top = key;
		s->is_envelope = s->is_envelope || (len == 8 && memcmp(raw, "\"result\"", 8) == 0);
	}
}

static void on_token(void *arg, enum token token, const char *raw, size_t len)
{
	struct survey *s = arg;

	if (token == TOKEN_KEY) {
		take_key(s, raw, len);
		return;
	}
	if (s->tokens.depth == 2 && token == TOKEN_OBJECT)
		s->has_entry = s->has_entry || s->key == KEY_ENTRY;
	if (s->tokens.depth == 2 && token == TOKEN_ARRAY)
		s->has_elements = s->has_elements || s->key == KEY_ELEMENTS;
	if (token == TOKEN_STRING && s->top == KEY_ENTRY && s->key == KEY_NAME) {
		buf_clear(&s->name);
		(void)token_text(raw, len, &s->name); /* of a NUL the rest is left out */
	}
	if (token == TOKEN_STRING && s->top == KEY_ELEMENTS && s->key == KEY_ELEMENT)
		s->questions += len == 4 && memcmp(raw, "\"SQ\"", 4) == 0;
	s->key = KEY_OTHER;
}

/* A key twice is no fault here: the service's own files may have it. */
static int qsf_begin(struct judge *j)
{
	int r = survey_begin(j);
	struct survey *s = j->own;

	return r < 0 ? r : tokens_init(&s->tokens, j->again != NULL, false, on_token, s);
}

static void qsf_take(struct judge *j, const char *piece, size_t len)
{
	struct survey *s = j->own;

	keep(j, piece, len);
	tokens_feed(&s->tokens, &j->text, piece, len);
	j->line = s->tokens.begin_line;
	judge_tokens(j, &s->tokens);
}

static void qsf_end(struct judge *j)
{
	struct survey *s = j->own;
	static const char next[] =
		"Export the survey as .qsf in Qualtrics, or copy a survey.qsf of this "
		"mount.";

	tokens_end(&s->tokens);
	judge_tokens(j, &s->tokens);
	if (j->over || j->again)
		return;
	if (j->text.mode != TEXT_UTF8)
		judge_refuse(j, EINVAL, "Save it as UTF-8.", "a QSF is UTF-8, this is %s",
		             text_name(&j->text));
	else if (!s->has_entry && !s->has_elements && s->is_envelope)
		judge_refuse(
			j, EINVAL, "Save the member “result” alone.",
			"this is an answer of the API, in which the survey is the member “result”");
	else if (!s->has_entry)
		judge_refuse(j, EINVAL, next, "this is no QSF: it has no SurveyEntry");
	else if (!s->has_elements)
		judge_refuse(j, EINVAL, next, "this is no QSF: it has no SurveyElements");
	else if (s->questions == 0)
		refuse_empty(j, next);
	plan_whole(j);
}

static void qsf_report(struct judge *j, struct buf *out)
{
	const struct survey *s = j->own;
	char shown[SHOWN_SIZE];

	buf_addf(out, "%llu question%s\n", (unsigned long long)s->questions,
	         s->questions == 1 ? "" : "s");
	if (s->name.len > 0)
		buf_addf(out, "its name: %s\n", shown_name(buf_text(&s->name), shown));
}

/* --- text --------------------------------------------------------------------------------------
 */

#define LINE_MAX_BYTES 200 /* what is looked at of each */

static bool begins_with(const char *text, const char *head)
{
	return strncmp(text, head, strlen(head)) == 0;
}

/* "1. How old are you?" or, in the advanced form, "[[Question:MC]]". */
static void end_line(struct survey *s)
{
	const char *line = buf_text(&s->line);
	size_t digits = strspn(line, "0123456789");

	if (begins_with(line, "[[AdvancedFormat]]")) {
		s->is_advanced = true;
	} else if (begins_with(line, "[[Question:")) {
		s->has_tag = true;
		s->questions += s->is_advanced;
	} else if (!s->is_advanced && digits > 0 && line[digits] == '.') {
		size_t blanks = strspn(line + digits + 1, " \t");
		s->questions += blanks > 0 && line[digits + 1 + blanks];
	}
	buf_clear(&s->line);
}

static void txt_take(struct judge *j, const char *piece, size_t len)
{
	struct survey *s = j->own;

	keep(j, piece, len);
	for (size_t i = 0; i < len; i++) {
		j->line += piece[i] == '\n';
		if (piece[i] == '\n' || piece[i] == '\r')
			end_line(s);
		else if (s->line.len < LINE_MAX_BYTES)
			buf_add(&s->line, piece + i, 1);
	}
	if (buf_failed(&s->line))
		judge_no_memory(j);
}

static void txt_end(struct judge *j)
{
	struct survey *s = j->own;

	end_line(s);
	if (s->questions == 0 && s->has_tag && !s->is_advanced)
		judge_refuse(j, EINVAL, "Make [[AdvancedFormat]] its first line.",
		             "it has [[Question:…]] but not [[AdvancedFormat]] above it, without "
		             "which the "
		             "service reads no such marks");
	else if (s->questions == 0)
		refuse_empty(j,
		             s->is_advanced
		                     ? "Mark each question with [[Question:MC]] or another type."
		                     : "Begin each question with a number, a full stop and a blank "
		                       "(1. How old are you?), or use the advanced form.");
	plan_whole(j);
}

static void txt_report(struct judge *j, struct buf *out)
{
	const struct survey *s = j->own;

	buf_addf(out, "%llu question%s, in the %s form; read as %s\n",
	         (unsigned long long)s->questions, s->questions == 1 ? "" : "s",
	         s->is_advanced ? "advanced" : "simple", text_name(&j->text));
}

/* --- Word --------------------------------------------------------------------------------------
 */

static void doc_take(struct judge *j, const char *piece, size_t len)
{
	struct survey *s = j->own;

	keep(j, piece, len);
	for (; len > 0 && s->head_len < sizeof(s->head); len--)
		s->head[s->head_len++] = (unsigned char)*piece++;
}

static void doc_end(struct judge *j)
{
	static const unsigned char word97[] = { 0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1 };
	const struct survey *s = j->own;
	bool newer = s->head_len >= 4 && memcmp(s->head, "PK\x03\x04", 4) == 0;

	if (s->head_len < sizeof(word97) || memcmp(s->head, word97, sizeof(word97)) != 0)
		judge_refuse(j, EINVAL, "Save it as Word 97-2003 (.doc), or as plain text (.txt).",
		             newer ? "this is a document of a newer Word (.docx) under another name"
		                   : "this is no document of Word 97-2003");
	plan_whole(j);
}

static void doc_report(struct judge *j, struct buf *out)
{
	(void)j;
	buf_add_str(
		out,
		"a Word document, of which only the service can say how many questions it has\n");
}

/* --- the request -------------------------------------------------------------------------------
 */

/* Without its extension, and without what would end a line. */
static void name_from_file(const char *file_name, struct buf *out)
{
	const char *dot = strrchr(file_name, '.');
	size_t len = dot && dot > file_name ? (size_t)(dot - file_name) : strlen(file_name);

	buf_add(out, file_name, len < NAME_MAX_BYTES ? len : NAME_MAX_BYTES);
}

static void clean_name(struct buf *name)
{
	char *text = name->data;
	size_t blanks = text ? strspn(text, " \t\r\n") : 0;

	for (char *c = text; c && *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	if (!text || !text[blanks]) {
		buf_clear(name);
		buf_add_str(name, "Survey");
	}
	name->len = name->data ? strlen(name->data) : 0;
}

static int survey_body(struct judge *j, int fd, const char *file_name, struct import_body *ret,
                       const char *content_type, const char *own_name)
{
	struct survey *s = j->own;
	struct form form = { 0 };
	int r = judge_read(j, fd, 0, UINT64_MAX);

	if (r == 0 && j->kind->reader->is_text)
		(void)text_end(&j->text); /* it was judged */
	if (r < 0 || j->no_memory)
		return r < 0 ? r : -ENOMEM;
	if (s->name.len == 0)
		name_from_file(file_name, &s->name);
	clean_name(&s->name);
	form_add(&form, "name", NULL, "text/plain; charset=utf-8", buf_text(&s->name), s->name.len);
	form_add(&form, "file", own_name, content_type, buf_text(&s->file), s->file.len);
	buf_add(&ret->name, buf_text(&s->name), s->name.len);
	bool failed = buf_failed(&s->name) || buf_failed(&ret->name);
	r = form_end(&form, ret);
	return r < 0 ? r : failed ? -ENOMEM : 0;
}

static int qsf_body(struct judge *j, int fd, const char *file_name, struct import_body *ret,
                    struct qx_fail *fail)
{
	(void)fail;
	return survey_body(j, fd, file_name, ret, "application/vnd.qualtrics.survey.qsf",
	                   "survey.qsf");
}

static int txt_body(struct judge *j, int fd, const char *file_name, struct import_body *ret,
                    struct qx_fail *fail)
{
	(void)fail;
	return survey_body(j, fd, file_name, ret, "text/plain", "survey.txt");
}

static int doc_body(struct judge *j, int fd, const char *file_name, struct import_body *ret,
                    struct qx_fail *fail)
{
	(void)fail;
	return survey_body(j, fd, file_name, ret, "application/msword", "survey.doc");
}

const struct import_reader import_reader_qsf = {
	.is_text = true,
	.max_bytes = FILE_MAX,
	.begin = qsf_begin,
	.take = qsf_take,
	.end = qsf_end,
	.report = qsf_report,
	.done = survey_done,
	.body = qsf_body,
};

const struct import_reader import_reader_txt = {
	.is_text = true,
	.max_bytes = FILE_MAX,
	.begin = survey_begin,
	.take = txt_take,
	.end = txt_end,
	.report = txt_report,
	.done = survey_done,
	.body = txt_body,
};

const struct import_reader import_reader_doc = {
	.max_bytes = FILE_MAX,
	.begin = survey_begin,
	.take = doc_take,
	.end = doc_end,
	.report = doc_report,
	.done = survey_done,
	.body = doc_body,
};
