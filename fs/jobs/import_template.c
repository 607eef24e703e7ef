/* import_template.c: a table to fill in. */
#include "import_columns.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

static void add(struct buf *out, bool *first, const char *heading)
{
	buf_add_str(out, *first ? "" : ",");
	buf_add_csv(out, heading);
	*first = false;
}

static void add_embedded(struct buf *out, bool *first, const char *name)
{
	struct buf heading = { 0 };

	add_embedded_heading(&heading, name);
	add(out, first, buf_text(&heading));
	out->failed = out->failed || buf_failed(&heading);
	buf_done(&heading);
}

void import_template(enum import_target target, const char *const *fields, struct buf *out)
{
	bool contacts =
		target == TARGET_LIST || target == TARGET_OLD_LIST || target == TARGET_DIRECTORY;
	bool first = true;

	for (enum field f = 0; contacts && f < FIELDS_; f++)
		if (field_name(f, target))
			add(out, &first, field_name(f, target));
	for (; fields && *fields; fields++) {
		if (contacts)
			add_embedded(out, &first, *fields);
		else
			add(out, &first, *fields);
	}
	if (!first)
		buf_add_str(out, "\r\n");
}

/* --- the fields of a table that is there ---------------------------------------------------------
 */

struct first_row {
	char *cells[COLUMNS_MAX + 1];
	size_t n;
	bool over, failed;
};

static void take_cell(void *text, size_t len, void *arg)
{
	struct first_row *row = arg;

	if (row->over || row->n == COLUMNS_MAX)
		return;
	row->cells[row->n] = strndup(text ? text : "", text ? len : 0);
	row->failed = row->failed || !row->cells[row->n];
	row->n += row->cells[row->n] != NULL;
}

static void take_end(int c, void *arg)
{
	struct first_row *row = arg;

	(void)c;
	row->over = true;
}

void import_template_like(enum import_target target, const char *table, size_t len, struct buf *out)
{
	struct first_row *row = calloc(1, sizeof(*row));
	struct csv_parser parser;

	if (!row || csv_init(&parser, 0) != 0) {
		free(row);
		out->failed = true;
		return;
	}
	(void)csv_parse(&parser, table, len, take_cell, take_end, row);
	csv_free(&parser);
	size_t own = row->over ? columns_own((const char *const *)row->cells, row->n) : 0;
	const char *fields[COLUMNS_MAX + 1] = { NULL };
	for (size_t i = own; own && i < row->n; i++)
		fields[i - own] = embedded_name(row->cells[i]);
	out->failed = out->failed || row->failed;
	import_template(target, fields, out);
	for (size_t i = 0; i < row->n; i++)
		free(row->cells[i]);
	free(row);
}
