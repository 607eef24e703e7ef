/* split_rows.c: see split_rows.h. Ranges of bytes are copied, rows are only looked at: what is
 * served is what the service wrote. */
#include "split_rows.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/json.h>
#include <qxfs/base/sys.h>

#include "heading.h"

#define PIECE 65536
#define LINE_MAX_BYTES (64 << 20)
#define CELL_BYTES 40 /* ids and dates are shorter */

struct cell {
	size_t column; /* SIZE_MAX: there is none */
	char text[CELL_BYTES];
	size_t len; /* CELL_BYTES: too long */
};

struct scan {
	enum text_rows rows_as;
	int fd;
	uint64_t at, length; /* where the next byte is; of the file */
	uint64_t row_at;     /* where the present row began */
	struct qx_fail *fail;
	int (*row)(struct scan *s, void *arg, uint64_t end);
	void *arg;
	bool (*cancelled)(void *arg);
	void *cancelled_arg;

	size_t columns, column; /* of a table; in the present row */
	bool quoted;
	struct cell id, date;
	struct buf line; /* of ndjson */
};

static int refuse(struct qx_fail *fail, const char *why)
{
	return fail_set(fail, EBADMSG, "%s", why);
}

static int read_at(int fd, char *out, size_t want, uint64_t at, struct qx_fail *fail)
{
	ssize_t n;
	do
		n = pread(fd, out, want, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)want ? 0
	                          : fail_set(fail, EIO, "the cache's disk lost bytes of a part");
}

/* --- a row ----------------------------------------------------------------------------------- */

static void cell_put(struct cell *c, char byte)
{
	if (c->len < CELL_BYTES)
		c->text[c->len++] = byte;
}

static void cell_set(struct cell *c, const char *text)
{
	c->len = 0;
	for (; text && *text; text++)
		cell_put(c, *text);
}

static const char *cell_end(struct cell *c)
{
	c->text[c->len < CELL_BYTES ? c->len : 0] = '\0';
	return c->text;
}

/* The row ends before s->at. */
static int end_row(struct scan *s)
{
	if (s->rows_as == ROWS_LINES) {
		struct json *object = NULL;
		int r = buf_failed(&s->line) ? -ENOMEM
		                             : json_parse(buf_text(&s->line), s->line.len, &object);
		if (r < 0)
			return r == -EBADMSG ? refuse(s->fail, "a line of a part is no JSON object")
			                     : fail_set(s->fail, -r, "out of memory");
		cell_set(&s->id, json_str(object, "responseId"));
		json_free(object);
		buf_clear(&s->line);
	} else if (s->column + 1 != s->columns) {
		return refuse(s->fail, "a row of a part has not as many cells as its heading");
	}
	int r = s->row(s, s->arg, s->at);
	s->row_at = s->at;
	s->column = s->id.len = s->date.len = 0;
	return r;
}

static int feed_table(struct scan *s, const char *bytes, size_t len)
{
	char separator = s->rows_as == ROWS_TSV ? '\t' : ',';
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i++) {
		char c = bytes[i];
		s->at++;
		if (c == '"')
			s->quoted = !s->quoted;
		else if (!s->quoted && c == separator)
			s->column++;
		else if (!s->quoted && c == '\n')
			r = end_row(s);
		else if (c != '\r' && s->column == s->id.column)
			cell_put(&s->id, c);
		else if (c != '\r' && s->column == s->date.column)
			cell_put(&s->date, c);
	}
	return r;
}

static int feed_lines(struct scan *s, const char *bytes, size_t len)
{
	int r = 0;

	while (len > 0 && r == 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t n = end ? (size_t)(end - bytes) + 1 : len;
		if (s->line.len + n > LINE_MAX_BYTES)
			return refuse(s->fail, "a line of a part is too long");
		buf_add(&s->line, bytes, n);
		s->at += n;
		bytes += n;
		len -= n;
		r = end ? end_row(s) : 0;
	}
	return r;
}

/* From s->at to the end; a row more that has no end is one, too. */
static int scan_rows(struct scan *s)
{
	char piece[PIECE];
	int r = 0;

	s->row_at = s->at;
	while (r == 0 && s->at < s->length) {
		uint64_t left = s->length - s->at;
		size_t want = left < sizeof(piece) ? (size_t)left : sizeof(piece);
		if (s->cancelled && s->cancelled(s->cancelled_arg))
			return fail_set(s->fail, ECANCELED, "the mount is being ended");
		r = read_at(s->fd, piece, want, s->at, s->fail);
		if (r == 0)
			r = s->rows_as == ROWS_LINES ? feed_lines(s, piece, want)
			                             : feed_table(s, piece, want);
	}
	if (r == 0 && s->quoted)
		return refuse(s->fail, "a part ends within a row");
	return r == 0 && s->row_at < s->at ? end_row(s) : r;
}

/* --- the headings ---------------------------------------------------------------------------- */

/* A date in another zone than UTC is not read. */
static int read_heading(struct scan *s)
{
	const struct render_input in = {
		.base_fd = s->fd,
		.base_len = s->length,
		.tabs = s->rows_as == ROWS_TSV,
		.schema_fd = -1,
	};
	struct heading h;

	s->id.column = s->date.column = SIZE_MAX;
	if (s->rows_as == ROWS_LINES || s->length == 0)
		return 0;
	int r = heading_read(&in, HEADING_RESPONSES, &h);
	if (r < 0)
		return r == -EBADMSG ? refuse(s->fail, "a part has no headings")
		                     : fail_set(s->fail, -r, "the headings of a part are too long");
	s->columns = h.count;
	s->id.column = heading_column(&h, "_recordId");
	size_t date = heading_column(&h, "recordedDate");
	if (date != SIZE_MAX &&
	    (!h.columns[date].zone[0] || strcmp(h.columns[date].zone, "Z") == 0))
		s->date.column = date;
	s->at = h.rows_at;
	heading_done(&h);
	return 0;
}

/* --- what is kept ---------------------------------------------------------------------------- */

struct adding {
	struct split_text *t;
	int fd;
	uint64_t from; /* what is to be copied begins there */
};

static int write_piece(struct split_text *t, const char *bytes, size_t len, struct qx_fail *fail)
{
	t->last = bytes[len - 1];
	return sink_write(&t->out, bytes, len, fail);
}

/* What the rows before it left open is ended first. */
static int copy(struct split_text *t, int fd, uint64_t from, uint64_t to, struct qx_fail *fail)
{
	const char *end = t->rows_as == ROWS_LINES ? "\n" : "\r\n";
	char piece[PIECE];
	int r = 0;

	if (from < to && t->last && t->last != '\n')
		r = write_piece(t, end, strlen(end), fail);
	while (r == 0 && from < to) {
		size_t n = to - from < sizeof(piece) ? (size_t)(to - from) : sizeof(piece);
		r = read_at(fd, piece, n, from, fail);
		if (r == 0)
			r = write_piece(t, piece, n, fail);
		from += n;
	}
	return r;
}

static int take_row(struct scan *s, void *arg, uint64_t end)
{
	struct adding *a = arg;

	if (s->id.len == 0 || s->id.len == CELL_BYTES)
		return refuse(s->fail, "a row of a part has no ResponseId");
	int is_new = seen_enter(&a->t->ids, cell_end(&s->id));
	if (is_new < 0)
		return fail_set(s->fail, -is_new, "no room in the cache: %s", strerror(-is_new));
	if (is_new) {
		a->t->rows++;
		return 0;
	}
	int r = copy(a->t, a->fd, a->from, s->row_at, s->fail);
	a->from = end;
	return r;
}

/* The first part's headings are the file's. */
static int take_heading(struct split_text *t, struct scan *s)
{
	uint64_t len = s->at;

	if (t->rows_as == ROWS_LINES)
		return 0;
	if (s->id.column == SIZE_MAX) {
		fail_set(s->fail, EFBIG,
		         "it is more than the service exports at once, and has no ResponseId by "
		         "which its parts could be joined");
		fail_remedy(s->fail, "Add _recordId to surveyMetadataIds, or leave that out.");
		return -EFBIG;
	}
	if (t->head == 0) {
		t->head = len;
		return copy(t, s->fd, 0, len, s->fail);
	}
	int r = len == t->head ? sys_begin_alike(t->out.fd, s->fd, len) : 0;
	if (r < 0)
		return fail_set(s->fail, -r, "a part cannot be read from the cache: %s",
		                strerror(-r));
	if (r > 0)
		return 0;
	return fail_set(s->fail, ESTALE,
	                "the headings of its parts differ: the survey was edited while they were "
	                "exported");
}

static struct scan scan_of(const struct split_text *t, int fd, uint64_t length,
                           struct qx_fail *fail)
{
	return (struct scan){ .rows_as = t->rows_as,
		              .fd = fd,
		              .length = length,
		              .fail = fail,
		              .cancelled = t->cancelled,
		              .cancelled_arg = t->arg };
}

int split_add(struct split_text *t, int fd, uint64_t length, struct qx_fail *fail)
{
	struct scan s = scan_of(t, fd, length, fail);
	struct adding a = { .t = t, .fd = fd };

	if (length == 0)
		return 0;
	s.row = take_row;
	s.arg = &a;
	int r = read_heading(&s);
	if (r == 0)
		r = take_heading(t, &s);
	a.from = s.at;
	if (r == 0)
		r = scan_rows(&s);
	if (r == 0)
		r = copy(t, fd, a.from, length, fail);
	buf_done(&s.line);
	return r;
}

void split_text_clear(struct split_text *t)
{
	seen_done(&t->ids);
	t->head = t->out.length = 0;
	t->out.crc = 0;
	t->rows = 0;
	t->last = 0;
}

/* --- dates ----------------------------------------------------------------------------------- */

static int take_date(struct scan *s, void *arg, uint64_t end)
{
	struct split_dates *d = arg;
	const char *rest;
	int64_t at_s;

	(void)end;
	if (sys_parse_clock(cell_end(&s->date), &at_s, &rest) && !*rest)
		dates_add(d, at_s);
	else
		d->rows++;
	return 0;
}

int split_read_dates(const struct split_text *t, int fd, uint64_t length, struct split_dates *ret,
                     struct qx_fail *fail)
{
	struct scan s = scan_of(t, fd, length, fail);

	memset(ret, 0, sizeof(*ret));
	s.rows_as = ROWS_CSV;
	s.row = take_date;
	s.arg = ret;
	int r = read_heading(&s);
	return r < 0 ? r : scan_rows(&s);
}
