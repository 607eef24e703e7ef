/* import_responses.c: responses from a table (API.md 4.1). Its rows are handed on as they lie, the
 * heading rows before each part; only a table with semicolons is written anew, with commas, for the
 * service reads commas and tabs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import_headings.h"
#include "import_judge.h"
#include "import_rows.h"

struct answers {
	struct rows rows;
	struct headings headings;
	uint64_t n_rows;        /* of the table, with headings */
	unsigned heading_rows;  /* 1 or 3; 0: not known yet */
	struct row_at early[2]; /* the first row; the second, while it may be a heading */
	struct buf early_text[2];

	bool anew;          /* rows are written anew */
	struct buf row;     /* this one, if so */
	struct buf heading; /* what precedes each part */

	uint64_t short_line; /* a row with too few cells: the last so far; 0: none */
	size_t short_cells;
};

static const char next_cells[] =
	"Put cells that hold a separator or a line's end in quotes, and write empty cells, too.";

/* --- rows --------------------------------------------------------------------------------------
 */

static void complain_cells(struct judge *j, const struct answers *a, uint64_t line, size_t cells)
{
	judge_complain(j, line, next_cells,
	               "line %llu: this row has %zu cells, but there are %zu headings",
	               (unsigned long long)line, cells, a->headings.n_tags);
}

static void take_again(struct judge *j, const struct buf *text)
{
	struct again *again = j->again;

	again->seen++;
	if (again->seen < again->part->first_row)
		return;
	buf_add(again->out, buf_text(text), text->len);
	if (buf_failed(again->out))
		judge_no_memory(j);
	if (again->seen + 1 >= again->part->first_row + again->part->rows)
		j->over = true;
}

/* A row of data. text: as it is sent; where it is only judged, as it lies there is none. */
static void take_row(struct judge *j, struct answers *a, const struct row_at *at,
                     const struct buf *text)
{
	if (j->again) {
		take_again(j, text);
		return;
	}
	if (a->short_line > 0) /* so it was not the last */
		complain_cells(j, a, a->short_line, a->short_cells);
	a->short_line = at->cells < a->headings.n_tags ? at->line : 0;
	a->short_cells = at->cells;
	if (at->cells > a->headings.n_tags)
		complain_cells(j, a, at->line, at->cells);
	judge_plan(j, at->from, at->line, a->anew ? text->len : at->len, "the response");
}

/* --- headings ----------------------------------------------------------------------------------
 */

static void check_headings(struct judge *j, struct answers *a)
{
	struct headings_fault f;
	char which[2 * sizeof(f.tag) + 16] = "";
	unsigned long long line = a->early[0].line;

	if (headings_check(&a->headings, j->context->columns, &f) < 0) {
		judge_no_memory(j);
		return;
	}
	if (!f.why)
		return;
	if (f.id[0] && strcmp(f.id, f.tag) != 0)
		(void)snprintf(which, sizeof(which), "“%s” (%s)", f.tag, f.id);
	else if (f.column > 0)
		(void)snprintf(which, sizeof(which), "“%s”", f.tag);
	if (f.column > 0)
		judge_refuse(j, EINVAL, f.next, "line %llu: column %zu, %s, %s", line, f.column,
		             which, f.why);
	else
		judge_refuse(j, EINVAL, f.next, "line %llu: %s", line, f.why);
}

/* All rows that may be headings were read. */
static void end_headings(struct judge *j, struct answers *a, const struct buf *third)
{
	a->heading_rows = third && a->headings.has_ids ? 3 : 1;
	a->headings.has_ids = a->heading_rows == 3;
	buf_add(&a->heading, buf_text(&a->early_text[0]), a->early_text[0].len);
	if (a->heading_rows == 3) {
		buf_add(&a->heading, buf_text(&a->early_text[1]), a->early_text[1].len);
		buf_add(&a->heading, buf_text(third), third->len);
	}
	j->plan.frame = a->heading.len;
	if (buf_failed(&a->heading))
		judge_no_memory(j);
	if (j->again) {
		buf_add(j->again->out, buf_text(&a->heading), a->heading.len);
		j->over = j->text.mode != TEXT_CHARSET; /* the part is elsewhere */
	} else {
		check_headings(j, a);
	}
	if (!j->over && a->heading_rows == 1 && a->n_rows > 1)
		take_row(j, a, &a->early[1], &a->early_text[1]);
}

static void take_early(struct judge *j, struct answers *a, const struct row_at *at,
                       const struct buf *text)
{
	if (a->n_rows < 2) {
		a->early[a->n_rows] = *at;
		buf_add(&a->early_text[a->n_rows], buf_text(text), text->len);
		if (buf_failed(&a->early_text[a->n_rows]))
			judge_no_memory(j);
		a->n_rows++;
		return;
	}
	end_headings(j, a, text);
	if (!j->over && a->heading_rows == 1)
		take_row(j, a, at, text);
	a->n_rows++;
	buf_done(&a->early_text[0]);
	buf_done(&a->early_text[1]);
}

/* --- the table ---------------------------------------------------------------------------------
 */

static void on_cell(void *arg, size_t column, const char *text, size_t len)
{
	struct judge *j = arg;
	struct answers *a = j->own;

	if (a->n_rows == 0)
		a->anew = a->rows.separator != ',' && a->rows.separator != '\t';
	if (a->anew) {
		buf_add(&a->row, ",", column > 0);
		buf_add_csv(&a->row, text);
	}
	if (a->n_rows == 0)
		headings_add_tag(&a->headings, text, len);
	else if (a->n_rows == 2)
		headings_add_id(&a->headings, text, len);
	if (column == RESPONSE_COLUMNS_MAX)
		judge_refuse(j, EFBIG, "Leave columns out.", "line %llu: there are over %d columns",
		             (unsigned long long)a->rows.row_line, RESPONSE_COLUMNS_MAX);
}

static void on_row(void *arg, const struct row_at *at)
{
	struct judge *j = arg;
	struct answers *a = j->own;
	/* Borrowed, for as long as this takes. */
	struct buf as_it_lies = { .data = a->rows.text.data, .len = at->len };
	struct buf *text = a->anew ? &a->row : &as_it_lies;

	if (at->cells == 0 || j->over)
		return;
	if (a->anew) {
		buf_add_str(&a->row, "\r\n");
		if (buf_failed(&a->row))
			judge_no_memory(j);
	}
	if (a->heading_rows == 0)
		take_early(j, a, at, text);
	else
		take_row(j, a, at, text);
	buf_clear(&a->row);
	a->rows.keeps_text = j->again || a->heading_rows == 0;
	a->rows.stopped = j->over;
}

/* --- the reader --------------------------------------------------------------------------------
 */

static int begin(struct judge *j, char likely)
{
	static const struct rows_fns fns = { on_cell, on_row };
	struct answers *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	j->own = a;
	j->plan.max_bytes = PART_BYTES_MAX;
	rows_init(&a->rows, &fns, j);
	a->rows.likely = likely;
	a->rows.keeps_text = true;
	return 0;
}

static int csv_begin(struct judge *j)
{
	return begin(j, 0);
}

static int tsv_begin(struct judge *j)
{
	return begin(j, '\t');
}

static void responses_take(struct judge *j, const char *piece, size_t len)
{
	struct answers *a = j->own;

	rows_feed(&a->rows, &j->text, piece, len);
	j->line = a->rows.line;
	judge_rows(j, &a->rows);
}

static void responses_end(struct judge *j)
{
	struct answers *a = j->own;

	rows_end(&a->rows);
	judge_rows(j, &a->rows);
	if (!j->over && a->n_rows == 0)
		judge_refuse(j, EINVAL,
		             "Begin with the heading rows of the survey's responses.csv.",
		             "the file has no row");
	if (!j->over && a->heading_rows == 0)
		end_headings(j, a, NULL);
	if (!j->over && !j->again && a->short_line > 0)
		judge_hold(j,
		           "line %llu, the last row, has fewer cells than there are headings: the "
		           "file may "
		           "be cut",
		           (unsigned long long)a->short_line);
}

static void responses_report(struct judge *j, struct buf *out)
{
	const struct answers *a = j->own;
	unsigned long long n = j->plan.rows;

	buf_addf(out, "read as %s, cells between %s; %u heading row%s, %zu columns\n",
	         text_name(&j->text), rows_separator_name(a->rows.separator), a->heading_rows,
	         a->heading_rows == 1 ? "" : "s", a->headings.n_tags);
	buf_addf(out, "%llu row%s, each a new response; sent in %zu request%s\n", n,
	         n == 1 ? "" : "s", j->plan.n, j->plan.n == 1 ? "" : "s");
	buf_add_str(out, j->context->columns
	                         ? "its headings fit the survey\n"
	                         : "its headings were not yet compared with the survey's\n");
}

static void responses_done(struct judge *j)
{
	struct answers *a = j->own;

	if (!a)
		return;
	rows_done(&a->rows);
	headings_done(&a->headings);
	buf_done(&a->early_text[0]);
	buf_done(&a->early_text[1]);
	buf_done(&a->row);
	buf_done(&a->heading);
	free(a);
}

static int responses_body(struct judge *j, int fd, const char *file_name, struct import_body *ret,
                          struct qx_fail *fail)
{
	struct answers *a = j->own;
	(void)file_name;
	(void)fail;

	int r = judge_read_heading(j, fd);
	if (r == 0)
		r = judge_read_rows(j, &a->rows, fd);
	(void)snprintf(ret->content_type, sizeof(ret->content_type),
	               a->rows.separator == '\t' ? "text/tsv" : "text/csv");
	(void)snprintf(ret->charset, sizeof(ret->charset), "UTF-8");
	return r < 0 ? r : j->no_memory ? -ENOMEM : 0;
}

const struct import_reader import_reader_responses = {
	.is_text = true,
	.has_rows = true,
	.begin = csv_begin,
	.take = responses_take,
	.end = responses_end,
	.report = responses_report,
	.done = responses_done,
	.body = responses_body,
};

const struct import_reader import_reader_tsv = {
	.is_text = true,
	.has_rows = true,
	.begin = tsv_begin,
	.take = responses_take,
	.end = responses_end,
	.report = responses_report,
	.done = responses_done,
	.body = responses_body,
};
