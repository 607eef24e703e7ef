/* import_faults.c: what is wrong with a file, in words: where it is, and what to do. Nothing of a
 * person's data is repeated, but names of columns. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "import_columns.h"
#include "import_judge.h"
#include "import_rows.h"
#include "import_tokens.h"

/* --- faults ------------------------------------------------------------------------------------
 */

__attribute__((format(printf, 3, 0))) static void put_words(char *out, size_t size,
                                                            const char *format, va_list args)
{
	(void)vsnprintf(out, size, format, args); /* words that are too long are cut */
	utf8_trim(out);
}

void judge_refuse(struct judge *j, int err, const char *next, const char *format, ...)
{
	va_list args;

	j->over = true;
	if (j->err)
		return;
	j->err = err;
	va_start(args, format);
	put_words(j->why, sizeof(j->why), format, args);
	va_end(args);
	(void)snprintf(j->next, sizeof(j->next), "%s", next);
}

void judge_complain(struct judge *j, uint64_t line, const char *next, const char *format, ...)
{
	char words[ENTRY_WHY];
	va_list args;

	va_start(args, format);
	put_words(words, sizeof(words), format, args);
	va_end(args);
	if (!j->err) {
		j->err = EINVAL;
		(void)snprintf(j->why, sizeof(j->why), "%s", words);
		(void)snprintf(j->next, sizeof(j->next), "%s", next);
	}
	if (j->n_complaints < COMPLAINTS_MAX)
		buf_addf(&j->complaints, "  %s\n", words);
	j->n_complaints++;
	j->last_complaint = line;
}

void judge_hold(struct judge *j, const char *format, ...)
{
	va_list args;

	if (j->held[0])
		return;
	va_start(args, format);
	put_words(j->held, sizeof(j->held), format, args);
	va_end(args);
}

void judge_no_memory(struct judge *j)
{
	j->no_memory = j->over = true;
}

void judge_plan(struct judge *j, uint64_t from, uint64_t line, size_t bytes, const char *what)
{
	switch (plan_add(&j->plan, from, bytes)) {
	case PLAN_FINE:
		break;
	case PLAN_ROW_TOO_LARGE:
		judge_refuse(j, EFBIG, "Shorten it: it cannot be split.",
		             "line %llu: %s takes over %d bytes, the most that the service takes "
		             "at once",
		             (unsigned long long)line, what, PART_BYTES_MAX);
		break;
	case PLAN_TOO_MANY:
		judge_refuse(
			j, EFBIG,
			"Import them into a mailing list of the directory: that takes any number.",
			"line %llu: these are over %zu contacts, and a directory's are sent one by "
			"one",
			(unsigned long long)line, j->plan.max_parts);
		break;
	case PLAN_NO_MEMORY:
		judge_no_memory(j);
		break;
	}
}

void judge_rows(struct judge *j, const struct rows *rows)
{
	unsigned long long line = rows->row_line;

	switch (rows->fault) {
	case ROWS_FINE:
		break;
	case ROWS_TOO_LONG:
		judge_refuse(j, EFBIG, "Look for a quote (\") there that is never closed.",
		             "line %llu: the row that begins here has over %d bytes", line,
		             ROW_BYTES_MAX);
		break;
	case ROWS_OPEN_QUOTE:
		judge_refuse(
			j, EINVAL,
			"Close it; a quote that belongs to the text is written twice (\"\"). Or "
			"the file is cut: copy it again.",
			"line %llu: a quote (\") is opened in this row and never closed", line);
		break;
	case ROWS_NO_MEMORY:
		judge_no_memory(j);
		break;
	}
}

/* --- JSON --------------------------------------------------------------------------------------
 */

static void refuse_bad(struct judge *j, const struct tokens *tokens)
{
	char what[16] = "this byte";
	const char *next =
		"Correct it there, or write the file anew with a program that writes JSON.";

	if (isprint((unsigned char)tokens->bad))
		(void)snprintf(what, sizeof(what), "“%c”", tokens->bad);
	if (tokens->depth == 0 && tokens->line > 1)
		next = "Put all into one list: [{…}, {…}].";
	judge_refuse(j, EINVAL, next,
	             "line %llu, column %llu: %s cannot stand here: this is no JSON",
	             (unsigned long long)tokens->line, (unsigned long long)tokens->column, what);
}

void judge_tokens(struct judge *j, const struct tokens *tokens)
{
	unsigned long long line = tokens->line;
	char shown[SHOWN_SIZE];

	switch (tokens->fault) {
	case TOKENS_FINE:
		break;
	case TOKENS_BAD:
		refuse_bad(j, tokens);
		break;
	case TOKENS_CUT:
		judge_refuse(j, EINVAL, "Copy it again.",
		             "line %llu, column %llu: the file ends before its JSON does", line,
		             (unsigned long long)tokens->column);
		break;
	case TOKENS_TWICE:
		judge_refuse(j, EINVAL, "Leave one of them out.",
		             "line %llu: “%s” stands twice in one object", line,
		             shown_name(tokens->key, shown));
		break;
	case TOKENS_TOO_MANY:
		judge_refuse(j, EFBIG, "Leave fields out.",
		             "line %llu: an object has over %d fields", line, TOKEN_KEYS_MAX);
		break;
	case TOKENS_TOO_LONG:
		judge_refuse(j, EFBIG, "Shorten it.", "line %llu: a text has over %d bytes", line,
		             TOKEN_BYTES_MAX);
		break;
	case TOKENS_NO_MEMORY:
		judge_no_memory(j);
		break;
	}
}

/* --- a file that is no text --------------------------------------------------------------------
 */

static void refuse_nul(struct judge *j)
{
	static const char next[] = "Save it as UTF-8 (in Excel: “CSV UTF-8”).";
	unsigned long long line = j->line, at = j->text.fault_at + 1;

	if (j->text.fault_at == UINT64_MAX)
		judge_refuse(j, EINVAL, next,
		             "line %llu: there is a NUL in it: this is no text, or no %s", line,
		             text_name(&j->text));
	else
		judge_refuse(
			j, EINVAL, next,
			"line %llu: byte %llu of the file is a NUL: this is no text, or UTF-16 "
			"without a mark",
			line, at);
}

void judge_text(struct judge *j)
{
	unsigned long long line = j->line, at = j->text.fault_at + 1;

	switch (j->text.fault) {
	case TEXT_FINE:
		break;
	case TEXT_INVALID:
		judge_refuse(j, EINVAL,
		             "Save it as UTF-8 (in Excel: “CSV UTF-8”), or name its charset with "
		             "-o import_charset=, for example windows-1252.",
		             "line %llu: byte %llu of the file is no %s", line, at,
		             text_name(&j->text));
		break;
	case TEXT_NUL:
		refuse_nul(j);
		break;
	case TEXT_NO_CHARSET:
		judge_refuse(j, EINVAL, "`iconv -l` lists the names that -o import_charset= takes.",
		             "this machine does not know the charset “%.40s”", j->text.charset);
		break;
	}
}
