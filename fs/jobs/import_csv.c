/* import_csv.c: contacts from a table: the first row says what the columns are, each other row is a
 * contact. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import_contact.h"
#include "import_judge.h"
#include "import_rows.h"

static const struct flaw extra_cell = {
	"this row has more cells than there are headings",
	"Name its column in the first row, or put cells with commas in them in quotes."
};
static const struct flaw nameless_cell = { "this column has no heading",
	                                   "Name it in the first row, or empty its cells." };

struct table {
	struct rows rows;
	struct contact contact;
	struct columns columns;
	bool has_heading;
	struct buf headings; /* of the first row, each with a NUL behind it */
	size_t n_headings;

	/* of this row */
	const struct flaw *flaw; /* the first */
	size_t flaw_column;
	struct buf cells; /* as CSV, where they may be given back */

	uint64_t short_rows, short_line; /* with fewer cells than headings; the last */
	bool last_is_short;
};

/* --- the heading -------------------------------------------------------------------------------
 */

static void trim(const char **text, size_t *len)
{
	while (*len > 0 && strchr(" \t\r\n", (*text)[*len - 1]))
		--*len;
	while (*len > 0 && strchr(" \t\r\n", **text)) {
		++*text;
		--*len;
	}
}

static void take_heading_cell(struct table *t, const char *text, size_t len)
{
	trim(&text, &len);
	buf_add(&t->headings, text, len);
	buf_add(&t->headings, "", 1);
	t->n_headings++;
}

static void add_column(struct judge *j, struct table *t, const char *heading, size_t i, size_t own)
{
	enum field field = column_field(j->kind->target, heading);

	if (own > 0 && i >= own)
		field = FIELD_EMBEDDED; /* whatever it is called */
	if (!heading[0])
		field = FIELD_NAMELESS;
	int r = columns_add(&t->columns, field, heading, strlen(heading), 0);
	if (r == -EFBIG)
		judge_refuse(j, EFBIG, "Leave columns out.", "line %llu: there are over %d columns",
		             (unsigned long long)t->rows.row_line, COLUMNS_MAX);
	else if (r < 0)
		judge_no_memory(j);
}

static void check_column(struct judge *j, const struct table *t, size_t i)
{
	const struct column *c = &t->columns.items[i];
	unsigned long long line = t->rows.row_line;
	char shown[SHOWN_SIZE], other[SHOWN_SIZE];

	if (c->field == FIELD_EMBEDDED &&
	    letters_of(c->heading, strlen(c->heading)) > EMBEDDED_NAME_MAX)
		judge_refuse(j, EINVAL, "Shorten it.",
		             "line %llu: the heading of column %zu has over %d characters", line,
		             i + 1, EMBEDDED_NAME_MAX);
	for (size_t k = 0; k < i && c->field != FIELD_NAMELESS; k++) {
		const struct column *before = &t->columns.items[k];
		if (strcmp(before->heading, c->heading) == 0)
			judge_refuse(j, EINVAL, "Leave one of them out, or rename it.",
			             "line %llu: columns %zu and %zu are both called “%s”", line,
			             k + 1, i + 1, shown_name(c->heading, shown));
		else if (c->field < FIELDS_ && before->field == c->field)
			judge_refuse(j, EINVAL, "Leave one of them out, or rename it.",
			             "line %llu: “%s” and “%s” both mean the %s", line,
			             shown_name(before->heading, other),
			             shown_name(c->heading, shown), field_row(c->field)->what);
	}
}

/* By which a person is known. */
static void check_usable(struct judge *j, const struct table *t)
{
	unsigned long long line = t->rows.row_line;
	bool is_contact = false;

	for (size_t i = 0; i < t->columns.n; i++) {
		if (t->columns.items[i].field < FIELDS_THAT_NAME)
			return;
		is_contact = is_contact || !email_flaw(t->columns.items[i].heading,
		                                       strlen(t->columns.items[i].heading));
	}
	if (is_contact)
		judge_refuse(j, EINVAL,
		             "Put a row above it that names the columns: email,firstName,lastName",
		             "line %llu: the first row holds a contact instead of headings", line);
	else
		judge_refuse(
			j, EINVAL, "Name the columns as TEMPLATE.csv does.",
			"line %llu: no column is an e-mail address, a name, a phone number or an "
			"external data reference",
			line);
}

static size_t find_own(const struct table *t)
{
	const char **headings = calloc(t->n_headings, sizeof(*headings));
	const char *at = buf_text(&t->headings);

	if (!headings)
		return 0;
	for (size_t i = 0; i < t->n_headings; i++, at += strlen(at) + 1)
		headings[i] = at;
	size_t own = columns_own(headings, t->n_headings);
	free(headings);
	return own;
}

static void write_reject_heading(struct judge *j, const struct table *t)
{
	struct buf *out = &j->again->lines;

	for (size_t i = 0; i < t->columns.n; i++) {
		buf_add_csv(out, t->columns.items[i].heading);
		buf_add_str(out, ",");
	}
	buf_add_str(out, REASON_HEADING "\r\n");
}

static void take_heading(struct judge *j, struct table *t)
{
	const char *at = buf_text(&t->headings);
	size_t own = buf_failed(&t->headings) ? 0 : find_own(t);

	t->has_heading = true;
	if (buf_failed(&t->headings))
		judge_no_memory(j);
	for (size_t i = 0; i < t->n_headings && !j->over; i++, at += strlen(at) + 1)
		add_column(j, t, at, i, own);
	buf_done(&t->headings);
	if (j->again) {
		if (j->again->heading)
			write_reject_heading(j, t);
		j->over = j->over || j->text.mode != TEXT_CHARSET; /* the part is elsewhere */
		return;
	}
	for (size_t i = 0; i < t->columns.n && !j->over; i++)
		check_column(j, t, i);
	if (!j->over)
		check_usable(j, t);
	if (!j->over && own == 0)
		contacts_check_near(j, &t->columns);
}

/* --- rows --------------------------------------------------------------------------------------
 */

static void note_flaw(struct table *t, const struct flaw *flaw, size_t column)
{
	if (t->flaw || !flaw)
		return;
	t->flaw = flaw;
	t->flaw_column = column;
}

static bool is_blank(const char *text, size_t len)
{
	trim(&text, &len);
	return len == 0;
}

static void on_cell(void *arg, size_t column, const char *text, size_t len)
{
	struct judge *j = arg;
	struct table *t = j->own;

	if (!t->has_heading) {
		take_heading_cell(t, text, len);
		return;
	}
	if (j->again && !j->again->out && column < t->columns.n) {
		buf_add_csv(&t->cells, text);
		buf_add_str(&t->cells, ",");
	}
	if (column >= t->columns.n || t->columns.items[column].field == FIELD_NAMELESS) {
		if (!is_blank(text, len))
			note_flaw(t, column >= t->columns.n ? &extra_cell : &nameless_cell, column);
		return;
	}
	note_flaw(t, contact_text(&t->contact, &t->columns.items[column], text, len), column);
}

static void give_back(struct judge *j, struct table *t, size_t cells)
{
	struct buf *out = &j->again->lines;

	buf_add(out, buf_text(&t->cells), t->cells.len);
	for (size_t i = cells; i < t->columns.n; i++)
		buf_add_str(out, ",");
	buf_add_csv(out, j->again->refused.reason);
	buf_add_str(out, "\r\n");
}

static void complain(struct judge *j, const struct table *t, uint64_t line)
{
	char number[24];
	bool has_name =
		t->flaw_column < t->columns.n && t->columns.items[t->flaw_column].heading[0];

	(void)snprintf(number, sizeof(number), "%zu", t->flaw_column + 1);
	contacts_complain(j, line, "column",
	                  has_name ? t->columns.items[t->flaw_column].heading : number, t->flaw);
}

static void end_contact(struct judge *j, struct table *t, const struct row_at *at)
{
	bool is_short = at->cells < t->columns.n;

	t->short_rows += is_short;
	t->last_is_short = is_short;
	if (is_short)
		t->short_line = at->line;
	if (t->flaw && !j->again) {
		complain(j, t, at->line);
		return;
	}
	if (j->again)
		j->again->seen++;
	if (contacts_is_wanted(j, &t->contact))
		give_back(j, t, at->cells);
	contacts_take(j, &t->contact, at->from, at->line);
}

static void on_row(void *arg, const struct row_at *at)
{
	struct judge *j = arg;
	struct table *t = j->own;

	if (at->cells == 0)
		return;
	if (!t->has_heading)
		take_heading(j, t);
	else if (t->flaw || !contact_is_empty(&t->contact))
		end_contact(j, t, at);
	contact_begin(&t->contact);
	t->flaw = NULL;
	buf_clear(&t->cells);
	t->rows.stopped = j->over;
}

/* --- the reader --------------------------------------------------------------------------------
 */

static int csv_begin(struct judge *j)
{
	static const struct rows_fns fns = { on_cell, on_row };
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	j->own = t;
	contacts_begin(j, &t->contact);
	rows_init(&t->rows, &fns, j);
	return 0;
}

static void csv_take(struct judge *j, const char *piece, size_t len)
{
	struct table *t = j->own;

	rows_feed(&t->rows, &j->text, piece, len);
	j->line = t->rows.line;
	judge_rows(j, &t->rows);
}

static void csv_end(struct judge *j)
{
	struct table *t = j->own;

	rows_end(&t->rows);
	judge_rows(j, &t->rows);
	if (!j->over && !t->has_heading)
		judge_refuse(j, EINVAL, "Name the columns in the first row, as TEMPLATE.csv does.",
		             "the file has no row");
	if (!j->over && !j->again && t->last_is_short && t->short_rows == 1)
		judge_hold(j,
		           "line %llu, the last row, has fewer cells than there are headings: the "
		           "file may "
		           "be cut",
		           (unsigned long long)t->short_line);
	contacts_end(j, &t->contact);
}

static void csv_report(struct judge *j, struct buf *out)
{
	struct table *t = j->own;

	buf_addf(out, "read as %s, cells between %s\n", text_name(&j->text),
	         rows_separator_name(t->rows.separator));
	contacts_report(j, &t->contact, &t->columns, out);
}

static void csv_done(struct judge *j)
{
	struct table *t = j->own;

	if (!t)
		return;
	rows_done(&t->rows);
	contact_done(&t->contact);
	columns_done(&t->columns);
	buf_done(&t->headings);
	buf_done(&t->cells);
	free(t);
}

static int read_part(struct judge *j, int fd)
{
	struct table *t = j->own;

	int r = judge_read_heading(j, fd);
	if (r == 0 && t->has_heading)
		r = judge_read_rows(j, &t->rows, fd);
	return r < 0 ? r : j->no_memory ? -ENOMEM : 0;
}

static int csv_body(struct judge *j, int fd, const char *file_name, struct import_body *ret,
                    struct qx_fail *fail)
{
	(void)file_name;
	(void)fail;
	int r = read_part(j, fd);
	return r < 0 ? r : contacts_body(j, NULL, ret);
}

const struct import_reader import_reader_csv = {
	.is_text = true,
	.has_rows = true,
	.begin = csv_begin,
	.take = csv_take,
	.end = csv_end,
	.report = csv_report,
	.done = csv_done,
	.body = csv_body,
	.reject = read_part,
};
