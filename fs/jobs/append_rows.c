/* append_rows.c: do these rows follow on those? The headings are the same, byte for byte, all new
 * rows are recorded at the last old one or later, in order, and none of them stands there already.
 *
 * The last old row is found from the end: rows end with CRLF, and a line end within a cell is a
 * bare LF (API.md 3.4). Where a cell holds a CRLF all the same, what follows it has not the columns
 * of a row, and the search goes on. ResponseIds are looked for as bytes, wherever they may stand:
 * an answer that quotes one costs a full export, which is no harm. */
#include "append.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/json.h>
#include <qxfs/base/sys.h>

#include "heading.h"
#include "table.h"

#define ROW_MAX (1024 * 1024) /* a longer last row is not looked at */
#define ROW_TRIES 64
#define ID_TAIL (64ULL * 1024 * 1024) /* so much of the old file is searched for ResponseIds */
#define ID_BYTES 32
#define ID_PREFIX "R_"
#define DATE_BYTES 32
#define PIECE 65536

struct judge {
	const struct append_files *files;
	struct qx_fail *fail;
	size_t columns, date_column, id_column;
	char date[DATE_BYTES], id[ID_BYTES]; /* of the row that is being read */
	char last[DATE_BYTES];               /* of the row before it; "": none */
	char (*ids)[ID_BYTES];               /* of the new rows */
	size_t n, cap;
	bool only_one; /* it is the old file's last row */
};

static int refuse(const struct judge *j, const char *why)
{
	return fail_set(j->fail, EBADMSG, "%s", why);
}

/* --- a row ----------------------------------------------------------------------------------- */

/* Moments are compared as texts: as both begin with the year and are equally long, that is right.
 */
static bool is_date(const char *text)
{
	size_t len = strlen(text);
	return len >= 19 && strspn(text, "0123456789") == 4 &&
	       strspn(text, "0123456789-: T.Z") == len;
}

static bool is_id(const char *text)
{
	return strncmp(text, ID_PREFIX, strlen(ID_PREFIX)) == 0 && strlen(text) > 8 &&
	       strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") ==
	               strlen(text);
}

static int add_id(struct judge *j)
{
	if (j->n == j->cap) {
		size_t cap = j->cap ? 2 * j->cap : 256;
		char(*ids)[ID_BYTES] = reallocarray(j->ids, cap, sizeof(*ids));
		if (!ids)
			return -ENOMEM;
		j->ids = ids;
		j->cap = cap;
	}
	memcpy(j->ids[j->n++], j->id, ID_BYTES);
	return 0;
}

/* date and id are a row's. */
static int take(struct judge *j)
{
	if (!is_date(j->date))
		return refuse(j, "a new response has no recorded date");
	if (!is_id(j->id))
		return refuse(j, "a new response has no ResponseId");
	if (j->last[0] && (strlen(j->last) != strlen(j->date) || strcmp(j->date, j->last) < 0))
		return refuse(j, "a new response is recorded before the one it would follow");
	memcpy(j->last, j->date, sizeof(j->last));
	return j->only_one ? 0 : add_id(j);
}

static void keep(char *out, size_t size, const char *text, size_t len)
{
	bool fits = len < size && !memchr(text, '\0', len);
	memcpy(out, fits ? text : "", fits ? len + 1 : 1);
}

/* --- CSV and TSV ----------------------------------------------------------------------------- */

static int take_cell(void *arg, size_t column, const char *text, size_t len)
{
	struct judge *j = arg;

	if (column == j->date_column)
		keep(j->date, sizeof(j->date), text, len);
	if (column == j->id_column)
		keep(j->id, sizeof(j->id), text, len);
	return 0;
}

static int take_row(void *arg, size_t cells)
{
	struct judge *j = arg;

	if (cells != j->columns)
		return refuse(j, "a row has not as many cells as its heading");
	return take(j);
}

static const struct table_fns fns = { take_cell, take_row };

static struct render_input input_of(const struct append_files *f, int fd, uint64_t length)
{
	return (struct render_input){
		.base_fd = fd,
		.base_len = length,
		.tabs = f->rows_as == ROWS_TSV,
		.schema_fd = -1,
	};
}

static int read_heading(struct judge *j, const struct render_input *in, uint64_t *ret_rows_at)
{
	struct heading h;

	int r = heading_read(in, HEADING_RESPONSES, &h);
	if (r < 0)
		return r == -EBADMSG ? refuse(j, "what came has no heading") : r;
	j->columns = h.count;
	j->date_column = heading_column(&h, "recordedDate");
	j->id_column = heading_column(&h, "_recordId");
	*ret_rows_at = h.rows_at;
	heading_done(&h);
	return 0;
}

/* The end of the old file: its last row, and so much before it. */
struct tail {
	char *bytes;
	size_t len;
	uint64_t at;
};

static int read_tail(const struct append_files *f, uint64_t rows_at, struct tail *ret)
{
	uint64_t len = f->old_length - rows_at;

	ret->len = len < ROW_MAX ? (size_t)len : ROW_MAX;
	ret->at = f->old_length - ret->len;
	ret->bytes = malloc(ret->len + 1);
	if (!ret->bytes)
		return -ENOMEM;
	return pread(f->old_fd, ret->bytes, ret->len, (off_t)ret->at) == (ssize_t)ret->len ? 0
	                                                                                   : -EIO;
}

static bool ends_with(const struct tail *t, size_t end, const char *what)
{
	size_t len = strlen(what);
	return end >= len && memcmp(t->bytes + end - len, what, len) == 0;
}

/* Reads what stands behind a line end; -EBADMSG: that is no row. */
static int try_row(struct judge *j, uint64_t at)
{
	const struct append_files *f = j->files;
	const struct render_input in = input_of(f, f->old_fd, f->old_length);

	j->last[0] = j->date[0] = j->id[0] = '\0';
	j->only_one = true;
	int r = table_read(&in, at, 0, &fns, j, NULL);
	j->only_one = false;
	return r;
}

static int last_row(struct judge *j, const struct tail *t, uint64_t rows_at)
{
	int tries = 0, r = -EBADMSG;

	if (!ends_with(t, t->len, "\r\n"))
		return refuse(j, "the file that is there does not end with a row's end");
	for (size_t end = t->len - 1; end > 0 && tries < ROW_TRIES && r == -EBADMSG; end--) {
		if (!ends_with(t, end, "\r\n"))
			continue;
		tries++;
		r = try_row(j, t->at + end);
	}
	if (r == -EBADMSG && t->at == rows_at && tries < ROW_TRIES)
		r = try_row(j, rows_at);
	fail_clear(j->fail);
	return r == -EBADMSG ? refuse(j, "the last row of the file that is there is not understood")
	                     : r;
}

static int judge_table(struct judge *j, uint64_t *ret_from)
{
	const struct append_files *f = j->files;
	const struct render_input in = input_of(f, f->new_fd, f->new_length);
	struct tail t = { 0 };

	int r = read_heading(j, &in, ret_from);
	if (r < 0)
		return r;
	if (j->date_column == SIZE_MAX || j->id_column == SIZE_MAX)
		return refuse(j, "the columns that tell what is new are missing");
	if (f->old_length < *ret_from || sys_begin_alike(f->old_fd, f->new_fd, *ret_from) <= 0)
		return refuse(j, "the headings are others now");
	if (f->old_length > *ret_from) {
		r = read_tail(f, *ret_from, &t);
		if (r == 0)
			r = last_row(j, &t, *ret_from);
		free(t.bytes);
	}
	j->date[0] = j->id[0] = '\0';
	return r < 0 ? r : table_read(&in, *ret_from, 0, &fns, j, NULL);
}

/* --- NDJSON ---------------------------------------------------------------------------------- */

static int take_object(struct judge *j, const char *line, size_t len)
{
	struct json *object = NULL;

	int r = json_parse(line, len, &object);
	if (r < 0)
		return r == -EBADMSG ? refuse(j, "a line is no JSON object") : r;
	const char *date = json_str(object, "values.recordedDate");
	const char *id = json_str(object, "responseId");
	keep(j->date, sizeof(j->date), date ? date : "", date ? strlen(date) : 0);
	keep(j->id, sizeof(j->id), id ? id : "", id ? strlen(id) : 0);
	json_free(object);
	return take(j);
}

static int last_line(struct judge *j)
{
	struct tail t = { 0 };

	int r = read_tail(j->files, 0, &t);
	size_t begin = t.len > 0 ? t.len - 1 : 0;
	while (r == 0 && begin > 0 && t.bytes[begin - 1] != '\n')
		begin--;
	if (r == 0 && !ends_with(&t, t.len, "\n"))
		r = refuse(j, "the file that is there does not end with a line's end");
	else if (r == 0 && begin == 0 && t.at > 0)
		r = refuse(j, "the last line of the file that is there is too long");
	j->only_one = true;
	if (r == 0)
		r = take_object(j, t.bytes + begin, t.len - begin);
	j->only_one = false;
	free(t.bytes);
	return r;
}

static int read_lines(struct judge *j, FILE *in)
{
	char *line = NULL;
	size_t size = 0;
	uint64_t left = j->files->new_length;
	int r = fseeko(in, 0, SEEK_SET) < 0 ? -errno : 0;

	while (r == 0 && left > 0) {
		ssize_t n = getline(&line, &size, in);
		if (n <= 0 || (uint64_t)n > left || line[n - 1] != '\n')
			r = refuse(j, "what came ends within a line");
		else
			r = take_object(j, line, (size_t)n);
		left -= r == 0 ? (uint64_t)n : 0;
	}
	free(line);
	return r;
}

static int judge_lines(struct judge *j)
{
	int r = j->files->old_length ? last_line(j) : 0;
	if (r < 0)
		return r;
	int fd = fcntl(j->files->new_fd, F_DUPFD_CLOEXEC, 0);
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	if (!in) {
		r = -errno;
		sys_close_cleanup(&fd);
		return r;
	}
	r = read_lines(j, in);
	(void)fclose(in);
	return r;
}

/* --- ResponseIds ----------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool is_new_id(const struct judge *j, const char *at, size_t len)
{
	char id[ID_BYTES];
	size_t n = 0;

	while (n < len && n < sizeof(id) - 1 &&
	       ((at[n] >= '0' && at[n] <= '9') || (at[n] >= 'A' && at[n] <= 'Z') ||
	        (at[n] >= 'a' && at[n] <= 'z') || at[n] == '_'))
		n++;
	memcpy(id, at, n);
	id[n] = '\0';
	return bsearch(id, j->ids, j->n, sizeof(*j->ids), by_id) != NULL;
}

/* Pieces overlap by an id. */
static int search_old(const struct judge *j)
{
	const struct append_files *f = j->files;
	uint64_t at = f->old_length > ID_TAIL ? f->old_length - ID_TAIL : 0;
	char *piece = malloc(PIECE);
	int r = piece ? 0 : -ENOMEM;

	while (r == 0 && at < f->old_length) {
		uint64_t left = f->old_length - at;
		size_t len = left < PIECE ? (size_t)left : PIECE;
		if (pread(f->old_fd, piece, len, (off_t)at) != (ssize_t)len)
			r = -EIO;
		const char *p = piece, *end = piece + len;
		while (r == 0 && (p = memmem(p, (size_t)(end - p), ID_PREFIX, 2)) != NULL) {
			if (is_new_id(j, p, (size_t)(end - p)))
				r = refuse(j, "a response came that is there already");
			p++;
		}
		at += len == left ? len : len - ID_BYTES;
	}
	free(piece);
	return r;
}

static int check_ids(const struct judge *j)
{
	qsort(j->ids, j->n, sizeof(*j->ids), by_id);
	for (size_t i = 1; i < j->n; i++)
		if (strcmp(j->ids[i - 1], j->ids[i]) == 0)
			return refuse(j, "a response came twice");
	return search_old(j);
}

/* --- the whole ------------------------------------------------------------------------------- */

static int check_end(const struct judge *j)
{
	const struct append_files *f = j->files;
	char end[2] = "";

	if (f->rows_as == ROWS_LINES) /* each of its lines was seen to end */
		return 0;
	if (f->new_length < 2 || pread(f->new_fd, end, 2, (off_t)f->new_length - 2) != 2 ||
	    memcmp(end, "\r\n", 2) != 0)
		return refuse(j, "what came does not end with a row's end");
	return 0;
}

static int check_number(const struct judge *j)
{
	if (j->n == 0)
		return refuse(j, "nothing new came yet");
	if ((uint64_t)j->n > (uint64_t)j->files->most)
		return refuse(j, "more came than the survey counted");
	return 0;
}

int append_judge(const struct append_files *f, struct append_found *ret, struct qx_fail *fail)
{
	struct judge j = { .files = f, .fail = fail };

	*ret = (struct append_found){ 0 };
	int r = f->rows_as == ROWS_LINES ? judge_lines(&j) : judge_table(&j, &ret->from);
	if (r == 0)
		r = check_end(&j);
	if (r == 0)
		r = check_number(&j);
	if (r == 0)
		r = check_ids(&j);
	ret->rows = (int64_t)j.n;
	free(j.ids);
	if (r == -EBADMSG && !fail->err)
		(void)refuse(&j, "what came is not understood");
	return r;
}
