/* xlsx_about.c: the last sheet: what is not as it was in the export. */
#include "xlsx.h"

#include <stdio.h>
#include <string.h>

#include <qxfs/base/sys.h>

static int line(struct xlsx *x, const char *what, const char *text)
{
	int r = xlsx_put(x, x->row, 0, what, strlen(what), NULL, NULL);
	if (r == 0)
		r = xlsx_put(x, x->row, 1, text, strlen(text), NULL, NULL);
	x->row++;
	return r;
}

static int number_line(struct xlsx *x, const char *what, uint64_t number)
{
	int r = xlsx_put(x, x->row, 0, what, strlen(what), NULL, NULL);
	if (r == 0 && worksheet_write_number(x->sheet, x->row, 1, (double)number, NULL) != 0)
		r = -EIO;
	x->row++;
	return r;
}

static int cut_line(struct xlsx *x, const struct cut *cut)
{
	char text[64];
	const char *column =
		cut->column < x->heading.count ? x->heading.columns[cut->column].name : "";

	(void)snprintf(text, sizeof(text), "row %llu", (unsigned long long)cut->row);
	int r = xlsx_put(x, x->row, 0, text, strlen(text), NULL, NULL);
	if (r == 0)
		r = xlsx_put(x, x->row, 1, cut->id, strlen(cut->id), NULL, NULL);
	if (r == 0)
		r = xlsx_put(x, x->row, 2, column, strlen(column), NULL, NULL);
	(void)snprintf(text, sizeof(text), "%zu bytes", cut->bytes);
	if (r == 0)
		r = xlsx_put(x, x->row, 3, text, strlen(text), NULL, NULL);
	x->row++;
	return r;
}

static int cut_cells(struct xlsx *x)
{
	if (x->cuts_count == 0)
		return line(x, "Cells cut", "none");
	int r = line(x, "Cells cut", "at 32,767 characters, which is all that a cell holds:");
	for (size_t i = 0; i < x->cuts_count && r == 0; i++)
		r = cut_line(x, &x->cuts[i]);
	if (r == 0 && x->more_cuts > 0)
		r = number_line(x, "and more, not listed:", x->more_cuts);
	return r;
}

static int cut_columns(struct xlsx *x)
{
	if (x->heading.count <= COLUMNS_MAX)
		return line(x, "Columns left out", "none");
	int r = line(x, "Columns left out",
	             "behind the 16,384th, which is all that a sheet holds:");
	for (size_t i = COLUMNS_MAX; i < x->heading.count && r == 0; i++)
		r = line(x, "", x->heading.columns[i].name);
	return r;
}

int xlsx_about(struct xlsx *x)
{
	char moment[32] = "";

	int r = xlsx_sheet(x, "About");
	if (r == 0 && x->in->exported_s > 0)
		r = line(x, "Exported", sys_format_time(x->in->exported_s, moment));
	if (r == 0)
		r = number_line(x, "Rows", x->rows);
	if (r == 0 && x->has_texts)
		r = line(x, "Dates are in", zone_name(x->in->zone));
	if (r == 0 && x->schema_failed)
		r = line(x, "Types",
		         "schema.json could not be read: answers that are numbers are texts here");
	if (r == 0)
		r = cut_cells(x);
	if (r == 0)
		r = cut_columns(x);
	if (r == 0 && worksheet_set_column(x->sheet, 0, 2, 24, NULL) != 0)
		r = -EIO;
	return r;
}
