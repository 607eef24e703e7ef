/* xlsx.c: a table as a workbook, row after row.
 *
 * libxlsxwriter in constant-memory mode keeps one row and writes the others to a temporary file in
 * the scratch folder. Texts are only ever written as texts: no formula, no link comes of them. */
#include "xlsx.h"

#include "cells.h"
#include "table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#define ROWS_MAX 1048576 /* of a sheet, with its headings */
#define DATE_WIDTH 19
#define QUESTION_HEIGHT 45

static int from_lxw(lxw_error e)
{
	return e == LXW_NO_ERROR ? 0 : e == LXW_ERROR_MEMORY_MALLOC_FAILED ? -ENOMEM : -EIO;
}

/* --- sheets ---------------------------------------------------------------------------------- */

int xlsx_sheet(struct xlsx *x, const char *name)
{
	x->sheet = workbook_add_worksheet(x->book, name);
	if (!x->sheet) /* no memory, or no temporary file */
		return -EIO;
	x->sheets[x->count++] = x->sheet;
	x->row = 0;
	return 0;
}

int xlsx_put(struct xlsx *x, uint32_t row, size_t column, const char *text, size_t len,
             lxw_format *format, bool *ret_cut)
{
	bool cut = false;
	const char *clean = cell_text(text, len, &x->work, ret_cut ? ret_cut : &cut);

	if (!clean)
		return -ENOMEM;
	return from_lxw(worksheet_write_string(x->sheet, row, (lxw_col_t)column, clean, format));
}

/* "StartDate (Europe/Berlin)" */
static int put_name(struct xlsx *x, size_t column)
{
	const struct column *c = &x->heading.columns[column];
	struct buf name = { 0 };

	buf_add_str(&name, c->name);
	if (x->columns[column].kind == CELL_DATE && c->zone[0])
		buf_addf(&name, " (%s)",
		         x->columns[column].from ? zone_name(x->in->zone) : c->zone);
	int r = buf_failed(&name) ? -ENOMEM : 0;
	if (r == 0)
		r = xlsx_put(x, 0, column, name.data, name.len, x->bold, NULL);
	buf_done(&name);
	if (r == 0 && x->columns[column].kind == CELL_DATE)
		r = from_lxw(worksheet_set_column(x->sheet, (lxw_col_t)column, (lxw_col_t)column,
		                                  DATE_WIDTH, NULL));
	return r;
}

static size_t shown_columns(const struct xlsx *x)
{
	return x->heading.count < COLUMNS_MAX ? x->heading.count : COLUMNS_MAX;
}

static int begin_sheet(struct xlsx *x)
{
	char name[32];
	int r;

	if (x->count == SHEETS_MAX)
		return -EFBIG;
	(void)snprintf(name, sizeof(name), x->count > 0 ? "%s %u" : "%s", x->sheet_name,
	               x->count + 1);
	r = xlsx_sheet(x, name);
	for (size_t i = 0; i < shown_columns(x) && r == 0; i++)
		r = put_name(x, i);
	x->row = 1;
	if (r < 0 || !x->has_texts)
		return r;

	r = from_lxw(worksheet_set_row(x->sheet, 1, QUESTION_HEIGHT, x->question));
	for (size_t i = 0; i < shown_columns(x) && r == 0; i++) {
		const char *text = x->heading.columns[i].text;
		r = xlsx_put(x, 1, i, text, strlen(text), x->question, NULL);
	}
	x->row = 2;
	return r;
}

/* When its last row is there. */
static int end_sheet(struct xlsx *x)
{
	uint32_t first = x->has_texts ? 1 : 0; /* the arrows stand on the last heading */

	worksheet_freeze_panes(x->sheet, first + 1, 0);
	return from_lxw(worksheet_autofilter(x->sheet, first, 0,
	                                     x->row > first ? x->row - 1 : first,
	                                     (lxw_col_t)(shown_columns(x) - 1)));
}

/* --- cells ----------------------------------------------------------------------------------- */

static void remember_cut(struct xlsx *x, size_t column, size_t len)
{
	if (x->cuts_count == CUTS_MAX) {
		x->more_cuts++;
		return;
	}
	x->cuts[x->cuts_count] = (struct cut){ .row = x->rows + 1, .column = column, .bytes = len };
	x->cuts_count++;
	x->cuts_of_row++;
}

static int put_text(struct xlsx *x, size_t column, const char *text, size_t len)
{
	bool cut = false;
	int r = xlsx_put(x, x->row, column, text, len, NULL, &cut);
	if (cut)
		remember_cut(x, column, len);
	return r;
}

static int put_cell(void *arg, size_t column, const char *text, size_t len)
{
	struct xlsx *x = arg;
	lxw_col_t col = (lxw_col_t)column;
	double number;
	bool truth;

	if (x->row == ROWS_MAX) {
		int r = end_sheet(x);
		if (r == 0)
			r = begin_sheet(x);
		if (r < 0)
			return r;
	}
	if (column == x->id_column)
		(void)snprintf(x->id, sizeof(x->id), "%s", text);
	if (len == 0 || column >= COLUMNS_MAX)
		return 0;
	if (strlen(text) != len || column >= x->heading.count) /* it holds a NUL; has no heading */
		return put_text(x, column, text, len);

	switch (x->columns[column].kind) {
	case CELL_NUMBER:
		if (cell_number(text, &number))
			return from_lxw(
				worksheet_write_number(x->sheet, x->row, col, number, NULL));
		break;
	case CELL_TRUTH:
		if (cell_truth(text, &truth))
			return from_lxw(
				worksheet_write_boolean(x->sheet, x->row, col, truth, NULL));
		break;
	case CELL_DATE:
		if (cell_date(text, x->columns[column].from, x->in->zone, &number))
			return from_lxw(
				worksheet_write_number(x->sheet, x->row, col, number, x->date));
		break;
	case CELL_TEXT:
		break;
	}
	return put_text(x, column, text, len);
}

static int put_row_end(void *arg, size_t cells)
{
	struct xlsx *x = arg;

	for (; x->cuts_of_row > 0; x->cuts_of_row--)
		memcpy(x->cuts[x->cuts_count - x->cuts_of_row].id, x->id, sizeof(x->id));
	x->id[0] = '\0';
	x->rows++;
	/* an empty line where a sheet ends begins the next one, as any row does */
	int r = cells == 0 ? put_cell(x, 0, "", 0) : 0;
	x->row++;
	/* libxlsxwriter does not look whether its writes arrive */
	return r == 0 && ferror(x->sheet->file) ? -ENOSPC : r;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int open_book(struct xlsx *x)
{
	lxw_doc_properties about = { .created = (time_t)x->in->exported_s };
	lxw_workbook_options options = { .constant_memory = LXW_TRUE };
	int len = snprintf(x->path, sizeof(x->path), "%s/out.xlsx", x->in->scratch);

	if (len < 0 || (size_t)len >= sizeof(x->path))
		return -ENAMETOOLONG;
	/* else it would go to $TMPDIR and /tmp without a word */
	if (access(x->in->scratch, W_OK | X_OK) < 0)
		return -errno;
	qx_auto_free char *folder = strdup(x->in->scratch); /* not const for libxlsxwriter */
	options.tmpdir = folder;
	x->book = folder ? workbook_new_opt(x->path, &options) : NULL;
	if (!x->book)
		return -ENOMEM;

	x->bold = workbook_add_format(x->book);
	x->question = workbook_add_format(x->book);
	x->date = workbook_add_format(x->book);
	if (!x->bold || !x->question || !x->date)
		return -ENOMEM;
	format_set_bold(x->bold);
	format_set_text_wrap(x->question);
	format_set_align(x->question, LXW_ALIGN_VERTICAL_TOP);
	format_set_num_format(x->date, "yyyy-mm-dd hh:mm:ss");
	return from_lxw(workbook_set_properties(x->book, &about));
}

static int fill(struct xlsx *x)
{
	static const struct table_fns fns = { put_cell, put_row_end };

	int r = open_book(x);
	if (r == 0)
		r = begin_sheet(x);
	if (r == 0)
		r = table_read(x->in, x->heading.rows_at, 0, &fns, x, NULL);
	if (r == 0)
		r = end_sheet(x);
	if (r == 0)
		r = xlsx_about(x);
	return r;
}

static int make(struct xlsx *x, enum heading_kind kind, bool labels)
{
	int r = heading_read(x->in, kind, &x->heading);
	if (r < 0)
		return r;
	x->columns = calloc(x->heading.count, sizeof(*x->columns));
	x->cuts = calloc(CUTS_MAX, sizeof(*x->cuts));
	if (!x->columns || !x->cuts)
		r = -ENOMEM;
	x->id_column = x->heading.count;
	if (r == 0 && kind == HEADING_RESPONSES)
		r = xlsx_types(x, labels);
	if (r == 0)
		r = fill(x);
	if (r == 0)
		r = xlsx_close(x);
	else
		xlsx_drop(x);

	for (size_t i = 0; i < x->zones_count; i++)
		zone_free(x->zones[i]);
	buf_done(&x->work);
	free(x->columns);
	free(x->cuts);
	heading_done(&x->heading);
	return r;
}

static int render_xlsx(const struct render_input *in, struct render_out *out,
                       enum heading_kind kind, bool labels)
{
	struct xlsx *x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->in = in;
	x->out = out;
	x->has_texts = kind == HEADING_RESPONSES;
	x->sheet_name = kind == HEADING_RESPONSES ? "Responses" : "Contacts";
	int r = make(x, kind, labels);
	free(x);
	return r;
}

int xlsx_render_labels(const struct render_input *in, struct render_out *out)
{
	return render_xlsx(in, out, HEADING_RESPONSES, true);
}

int xlsx_render_codes(const struct render_input *in, struct render_out *out)
{
	return render_xlsx(in, out, HEADING_RESPONSES, false);
}

int xlsx_render_contacts(const struct render_input *in, struct render_out *out)
{
	return render_xlsx(in, out, HEADING_CONTACTS, false);
}
