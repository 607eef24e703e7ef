/* import_rows.c: libcsv is fed line by line, so that the place of a row's end is known when it
 * tells of it. It is told that no byte is a blank (else it trims cells), and reports each CR and
 * LF, so that CRLF is told from an empty line. */
#include "import_rows.h"

#include <string.h>

#define FIELD_BEGUN 2 /* libcsv's pstate within a cell */
#define CELL_STEP 4096

void rows_init(struct rows *r, const struct rows_fns *fns, void *arg)
{
	memset(r, 0, sizeof(*r));
	r->fns = fns;
	r->arg = arg;
	r->line = r->row_line = 1;
	r->head_last = '\n';
}

static int no_blank(unsigned char byte)
{
	(void)byte;
	return 0;
}

static bool open_csv(struct rows *r)
{
	if (csv_init(&r->csv, CSV_APPEND_NULL | CSV_REPALL_NL) != 0) {
		r->fault = ROWS_NO_MEMORY;
		return false;
	}
	r->has_csv = true;
	csv_set_space_func(&r->csv, no_blank);
	csv_set_blk_size(&r->csv, CELL_STEP);
	csv_set_delim(&r->csv, (unsigned char)r->separator);
	return true;
}

static bool is_over(const struct rows *r)
{
	return r->fault != ROWS_FINE || r->stopped;
}

/* --- rows --------------------------------------------------------------------------------------
 */

static void on_cell(void *text, size_t len, void *arg)
{
	struct rows *r = arg;

	if (!is_over(r))
		r->fns->cell(r->arg, r->column, text, len);
	r->column++;
}

static void on_row_end(int byte, void *arg)
{
	struct rows *r = arg;
	(void)byte;
	r->row_is_over = true;
}

/* The next one begins at a place of the file. */
static void give_row(struct rows *r, uint64_t next)
{
	struct row_at at = { .from = r->row_from,
		             .line = r->row_line,
		             .cells = r->column,
		             .len = r->row_len,
		             .text = r->keeps_text ? buf_text(&r->text) : NULL };

	if (buf_failed(&r->text))
		r->fault = ROWS_NO_MEMORY;
	if (!is_over(r))
		r->fns->row(r->arg, &at);
	r->row_is_over = false;
	r->column = 0;
	r->row_len = 0;
	r->row_from = next;
	r->row_line = r->line;
	buf_clear(&r->text);
}

static void keep(struct rows *r, const char *bytes, size_t len)
{
	r->row_len += len;
	if (r->keeps_text)
		buf_add(&r->text, bytes, len);
	if (r->row_len > ROW_BYTES_MAX)
		r->fault = ROWS_TOO_LONG;
}

/* At most one line. */
static void feed_line(struct rows *r, const char *bytes, size_t len)
{
	char last = bytes[len - 1];

	keep(r, bytes, len);
	if (is_over(r))
		return;
	if (csv_parse(&r->csv, bytes, len, on_cell, on_row_end, r) != len)
		r->fault = ROWS_NO_MEMORY; /* nothing else fails, as we are not strict */
	r->line += last == '\r' || (last == '\n' && !(r->was_cr && len == 1));
	r->was_cr = last == '\r';
	r->after_cr = r->was_cr && r->row_is_over;
}

static size_t line_length(const char *piece, size_t len)
{
	const char *lf = memchr(piece, '\n', len);
	size_t n = lf ? (size_t)(lf - piece) + 1 : len;
	const char *cr = memchr(piece, '\r', n);
	return cr ? (size_t)(cr - piece) + 1 : n;
}

static void feed_piece(struct rows *r, uint64_t piece_at, const char *piece, size_t len)
{
	for (size_t n = 0; n < len && !is_over(r);) {
		if (r->after_cr && piece[n] == '\n') {
			n++;
			if (r->row_is_over)
				keep(r, piece + n - 1, 1);
			else /* of a "sep=" line */
				r->row_from = text_place(r->mode, piece_at, piece, n);
			r->was_cr = false;
		} else if (!r->row_is_over) {
			size_t line = line_length(piece + n, len - n);
			feed_line(r, piece + n, line);
			n += line;
			if (r->after_cr)
				continue; /* the row's end may have a second half */
		}
		r->after_cr = false;
		if (r->row_is_over)
			give_row(r, text_place(r->mode, piece_at, piece, n));
	}
}

/* --- the first line ----------------------------------------------------------------------------
 */

static const char separators[] = ",;\t";

/* Behind this byte: a quote opens a cell only at its beginning. */
static bool is_quoted(bool quoted, char last, char c)
{
	return quoted ? c != '"' : c == '"' && strchr(",;\t|\n\"", last) && last;
}

const char *rows_separator_name(char separator)
{
	return separator == ';'    ? "semicolons"
	       : separator == '\t' ? "tabs"
	       : separator == '|'  ? "bars"
	                           : "commas";
}

static char most_frequent(const char *line, size_t len, char likely)
{
	size_t counts[sizeof(separators) - 1] = { 0 }, best = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		const char *which = line[i] ? strchr(separators, line[i]) : NULL;
		quoted = is_quoted(quoted, i > 0 ? line[i - 1] : '\n', line[i]);
		if (which && !quoted)
			counts[which - separators]++;
	}
	if (likely && counts[strchr(separators, likely) - separators] > 0)
		return likely;
	for (size_t i = 1; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (counts[i] > counts[best])
			best = i;
	return separators[best];
}

/* "sep=;": how long that line is, 0 when it is none. */
static size_t told_separator(struct rows *r)
{
	const char *line = buf_text(&r->head);
	size_t len = r->head.len;

	while (len > 0 && strchr("\r\n", line[len - 1]))
		len--;
	if (len == 7 && line[0] == '"' && line[6] == '"') {
		line++;
		len = 5;
	}
	if (len != 5 || strncmp(line, "sep=", 4) != 0 || !strchr(",;\t|", line[4]))
		return 0;
	r->separator = line[4];
	return r->head.len;
}

static void begin_rows(struct rows *r)
{
	size_t told = told_separator(r);

	if (told == 0)
		r->separator = most_frequent(buf_text(&r->head), r->head.len, r->likely);
	if (!open_csv(r))
		return;
	r->line += told > 0;
	r->row_line = r->line;
	r->row_from = text_place(r->mode, r->head_at, buf_text(&r->head), told);
	if (told == 0)
		feed_piece(r, r->head_at, buf_text(&r->head), r->head.len);
	else
		r->was_cr = r->after_cr = buf_text(&r->head)[told - 1] == '\r';
	buf_done(&r->head);
}

/* Gathers it; returns how much of the piece it took. Empty lines before it are only counted. */
static size_t take_head(struct rows *r, const struct text *t, const char *piece, size_t len)
{
	size_t n = 0;
	bool whole = false;

	while (n < len && !whole) {
		char c = piece[n];
		bool is_end = (c == '\n' || c == '\r') && !r->head_quoted;
		if (is_end && r->head.len == 0) {
			r->line += c == '\r' || !r->was_cr;
			r->was_cr = c == '\r';
			n++;
			continue;
		}
		if (r->head.len == 0)
			r->head_at = text_place(t->mode, t->piece_at, piece, n);
		r->was_cr = false;
		/* CRLF: the LF is not waited for: it may be the last byte of all. */
		buf_add(&r->head, &c, 1);
		n++;
		r->head_quoted = is_quoted(r->head_quoted, r->head_last, c);
		r->head_last = c;
		whole = is_end;
		if (r->head.len > ROW_BYTES_MAX)
			r->fault = ROWS_TOO_LONG;
		if (buf_failed(&r->head))
			r->fault = ROWS_NO_MEMORY;
		if (is_over(r))
			return len;
	}
	if (whole)
		begin_rows(r);
	return n;
}

void rows_feed(struct rows *r, const struct text *t, const char *piece, size_t len)
{
	size_t n = 0;

	r->mode = t->mode;
	while (!r->has_csv && n < len && !is_over(r))
		n += take_head(r, t, piece + n, len - n);
	if (n < len)
		feed_piece(r, text_place(t->mode, t->piece_at, piece, n), piece + n, len - n);
}

void rows_end(struct rows *r)
{
	if (!r->has_csv && r->head.len > 0 && !is_over(r))
		begin_rows(r);
	if (!r->has_csv || is_over(r))
		return;
	if (r->csv.quoted && r->csv.pstate == FIELD_BEGUN) {
		r->fault = ROWS_OPEN_QUOTE;
		return;
	}
	if (!r->row_is_over && csv_fini(&r->csv, on_cell, on_row_end, r) != 0)
		r->fault = ROWS_NO_MEMORY;
	if (r->row_is_over)
		give_row(r, 0);
}

void rows_resume(struct rows *r, uint64_t from)
{
	r->row_is_over = r->after_cr = r->was_cr = false;
	r->column = 0;
	r->row_len = 0;
	r->row_from = from;
	buf_clear(&r->text);
}

void rows_done(struct rows *r)
{
	if (r->has_csv)
		csv_free(&r->csv);
	r->has_csv = false;
	buf_done(&r->head);
	buf_done(&r->text);
}
