/* table.c: CSV cell by cell, with libcsv.
 *
 * libcsv is told that no byte is a blank (else it trims cells), and reports each CR and LF: so CRLF
 * can be told from CR LF around an empty line, which is a row where a table has one column. */
#include "table.h"

#include "render_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <csv.h>
#include <qxfs/base/utf8.h>

#define CELL_MAX (16 * 1024 * 1024)
#define CELL_STEP 4096

struct reader {
	const struct table_fns *fns;
	void *arg;
	size_t column;
	uint64_t rows;
	bool after_cr; /* an LF would be the second half of a CRLF */
	int err;
};

static void on_cell(void *text, size_t len, void *arg)
{
	struct reader *r = arg;

	r->after_cr = false;
	if (r->err == 0)
		r->err = r->fns->cell(r->arg, r->column, text, len);
	r->column++;
}

static void on_row_end(int byte, void *arg)
{
	struct reader *r = arg;
	bool is_second_half = byte == '\n' && r->after_cr && r->column == 0;

	r->after_cr = byte == '\r';
	if (is_second_half)
		return;
	if (r->err == 0)
		r->err = r->fns->row_end(r->arg, r->column);
	r->column = 0;
	r->rows++;
}

static int no_blank(unsigned char byte)
{
	(void)byte;
	return 0;
}

static int feed(struct csv_parser *p, struct reader *r, const char *bytes, size_t len)
{
	if (csv_parse(p, bytes, len, on_cell, on_row_end, r) != len)
		return -ENOMEM; /* nothing else fails, as we are not strict */
	if (p->entry_pos > CELL_MAX)
		return -EBADMSG;
	return r->err;
}

/* Up to the end of row number `rows`; returns how many bytes that took. */
static size_t feed_rows(struct csv_parser *p, struct reader *r, const char *bytes, size_t len,
                        uint64_t rows)
{
	size_t n = 0;

	while (n < len && r->err == 0 && r->rows < rows)
		r->err = feed(p, r, bytes + n++, 1);
	return n;
}

static int skip_bom(const struct render_input *in, uint64_t *at)
{
	char bom[UTF8_BOM_BYTES] = "";
	ssize_t n = render_read(in->base_fd, bom, sizeof(bom), *at, in->base_len);
	if (n == UTF8_BOM_BYTES && memcmp(bom, UTF8_BOM, UTF8_BOM_BYTES) == 0)
		*at += UTF8_BOM_BYTES;
	return n < 0 ? (int)n : 0;
}

static int skip_second_half(const struct render_input *in, const struct reader *r, uint64_t *at)
{
	char byte = 0;
	ssize_t n = r->after_cr ? render_read(in->base_fd, &byte, 1, *at, in->base_len) : 0;
	if (n == 1 && byte == '\n')
		++*at;
	return n < 0 ? (int)n : 0;
}

static int read_all(const struct render_input *in, uint64_t *at, uint64_t rows,
                    struct csv_parser *p, struct reader *r)
{
	char piece[RENDER_PIECE];

	while (rows == 0 || r->rows < rows) {
		ssize_t n = render_read(in->base_fd, piece, sizeof(piece), *at, in->base_len);
		if (n <= 0)
			return (int)n;
		int err = render_go_on(in);
		if (err < 0)
			return err;
		if (rows > 0)
			n = (ssize_t)feed_rows(p, r, piece, (size_t)n, rows);
		else
			r->err = feed(p, r, piece, (size_t)n);
		*at += (uint64_t)n;
		if (r->err < 0)
			return r->err;
	}
	return skip_second_half(in, r, at);
}

int table_read(const struct render_input *in, uint64_t from, uint64_t rows,
               const struct table_fns *fns, void *arg, uint64_t *ret_end)
{
	struct reader r = { .fns = fns, .arg = arg };
	struct csv_parser p;

	if (csv_init(&p, CSV_APPEND_NULL | CSV_REPALL_NL) != 0)
		return -ENOMEM;
	csv_set_space_func(&p, no_blank);
	if (in->tabs)
		csv_set_delim(&p, '\t');
	csv_set_blk_size(&p, CELL_STEP);

	int err = from == 0 ? skip_bom(in, &from) : 0;
	if (err == 0)
		err = read_all(in, &from, rows, &p, &r);
	if (err == 0 && (rows == 0 || r.rows < rows)) {
		if (csv_fini(&p, on_cell, on_row_end, &r) != 0)
			err = -ENOMEM;
		else
			err = r.err;
	}
	csv_free(&p);
	if (err == 0 && rows > 0 && r.rows < rows)
		err = -EBADMSG;
	if (err == 0 && ret_end)
		*ret_end = from;
	return err;
}
