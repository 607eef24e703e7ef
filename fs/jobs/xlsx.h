/* xlsx.h: a workbook while it is written. */
#ifndef QXFS_JOBS_XLSX_H
#define QXFS_JOBS_XLSX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlsxwriter.h>

#include "heading.h"
#include "render_out.h"

#define SHEETS_MAX 64     /* 67 million rows; each has a file open until the end */
#define COLUMNS_MAX 16384 /* of a sheet */
#define CUTS_MAX 10000
#define ZONES_MAX 4

enum cell_kind { CELL_TEXT, CELL_NUMBER, CELL_TRUTH, CELL_DATE };

struct xlsx_column {
	enum cell_kind kind;
	const struct zone *from; /* of dates: what the export names. NULL: not known here */
};

/* A cell that was cut: for the About sheet. */
struct cut {
	uint64_t row; /* of the base, the first behind the headings is 1 */
	size_t column;
	size_t bytes; /* of the whole text */
	char id[32];  /* the response's */
};

struct xlsx {
	const struct render_input *in;
	struct render_out *out;
	struct heading heading;
	bool has_texts; /* a second row with the questions */
	const char *sheet_name;

	struct xlsx_column *columns; /* heading.count of them */
	struct zone *zones[ZONES_MAX];
	size_t zones_count;
	bool schema_failed;

	char path[160]; /* of the workbook, in in->scratch */
	lxw_workbook *book;
	lxw_worksheet *sheet;                  /* the present one */
	lxw_worksheet *sheets[SHEETS_MAX + 1]; /* and About */
	uint64_t sizes[SHEETS_MAX + 1];        /* bytes of their rows */
	unsigned count;
	lxw_format *bold, *question, *date;
	uint32_t row; /* the next one of this sheet */
	uint64_t rows;
	size_t id_column; /* heading.count: none */
	char id[32];      /* of the present row */

	struct cut *cuts;
	size_t cuts_count, cuts_of_row;
	uint64_t more_cuts;
	struct buf work;
};

/* xlsx_types.c: which column is what. */
int xlsx_types(struct xlsx *x, bool labels);
/* xlsx_about.c: the last sheet. */
int xlsx_about(struct xlsx *x);
/* xlsx.c: a new sheet; a text or number in it. */
int xlsx_sheet(struct xlsx *x, const char *name);
int xlsx_put(struct xlsx *x, uint32_t row, size_t column, const char *text, size_t len,
             lxw_format *format, bool *ret_cut);
/* xlsx_close.c: closes the workbook, checks it and copies it to out; or gives it up. */
int xlsx_close(struct xlsx *x);
void xlsx_drop(struct xlsx *x);

#endif
