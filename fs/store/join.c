/* join.c: the files of one archive become one text. */
#include "join.h"

#include <errno.h>
#include <string.h>

#include <qxfs/base/sys.h>
#include <qxfs/base/utf8.h>

#define HEADING_MAX (4 << 20)

static bool is_table(const struct join *j)
{
	return j->rows_as == ROWS_CSV || j->rows_as == ROWS_TSV;
}

static char separator(const struct join *j)
{
	return j->rows_as == ROWS_TSV ? '\t' : ',';
}

/* The first row of a later file that has no heading. */
static int check_first(struct join *j, const char *bytes, size_t len)
{
	for (size_t n = 0; n < len && j->in_first; n++) {
		j->first_quoted ^= bytes[n] == '"';
		j->first_cells += !j->first_quoted && bytes[n] == separator(j);
		j->in_first = bytes[n] != '\n' || j->first_quoted;
	}
	return !j->in_first && j->first_cells != j->cells ? -EBADMSG : 0;
}

/* A quote opens and closes cells; two within one close and open it again. */
static void keep_heading(struct join *j, const char *bytes, size_t len)
{
	size_t n = 0;

	while (n < len && j->rows < HEADING_ROWS) {
		j->quoted ^= bytes[n] == '"';
		j->cells += j->rows == 0 && !j->quoted && bytes[n] == separator(j);
		j->rows += bytes[n] == '\n' && !j->quoted;
		n++;
	}
	buf_add(&j->heading, bytes, n);
	if (j->heading.len > HEADING_MAX) { /* then none is repeated */
		buf_clear(&j->heading);
		j->rows = HEADING_ROWS;
	}
}

static int pass(struct join *j, const char *bytes, size_t len)
{
	if (len == 0)
		return 0;
	if (is_table(j) && j->files == 0 && j->rows < HEADING_ROWS)
		keep_heading(j, bytes, len);
	if (buf_failed(&j->heading))
		return -ENOMEM;
	if (j->in_first && check_first(j, bytes, len) < 0)
		return -EBADMSG;
	j->last = bytes[len - 1];
	return j->sink(j->arg, bytes, len);
}

/* What the last file left open. */
static int end_line(struct join *j)
{
	const char *end = is_table(j) ? "\r\n" : "\n";

	if (!j->last || j->last == '\n')
		return 0;
	return pass(j, end, strlen(end));
}

/* It is no heading: what was held back as one goes out. */
static int give_back(struct join *j)
{
	size_t held = j->same;

	j->differs = true;
	j->same = 0;
	int r = end_line(j);
	j->in_first = is_table(j);
	j->first_quoted = false;
	j->first_cells = 0;
	size_t bom =
		held >= UTF8_BOM_BYTES && memcmp(j->heading.data, UTF8_BOM, UTF8_BOM_BYTES) == 0
			? UTF8_BOM_BYTES
			: 0;
	return r == 0 && held > bom ? pass(j, j->heading.data + bom, held - bom) : r;
}

/* Of a later file: as long as it goes on like the heading, nothing goes out. */
static size_t skip_heading(struct join *j, const char *bytes, size_t len)
{
	size_t n = 0;

	while (n < len && j->same < j->heading.len && bytes[n] == j->heading.data[j->same]) {
		j->same++;
		n++;
	}
	return n;
}

int join_feed(struct join *j, const char *bytes, size_t len)
{
	size_t n = 0;
	int r = 0;

	if (j->files == 0 || len == 0)
		return pass(j, bytes, len);
	if (!j->differs) {
		n = skip_heading(j, bytes, len);
		if (j->same == j->heading.len) {
			j->differs = true;
			j->same = 0;
			r = end_line(j);
		} else if (n < len) {
			r = give_back(j);
		}
	}
	return r < 0 ? r : pass(j, bytes + n, len - n);
}

int join_end(struct join *j)
{
	int r = j->files > 0 && !j->differs && j->same > 0 ? give_back(j) : 0;

	if (r == 0 && j->in_first && j->first_cells != j->cells) /* it ended within its first row */
		r = -EBADMSG;
	j->in_first = false;
	j->files++;
	j->differs = false;
	j->same = 0;
	return r;
}

void join_done(struct join *j)
{
	buf_done(&j->heading);
}
