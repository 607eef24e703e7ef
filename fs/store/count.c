/* count.c: counts ends of rows that are in no cell, and objects that are in no string. */
#include "count.h"

#include "join.h"

static void feed_rows(struct row_count *c, const char *bytes, size_t len)
{
	bool table = c->as != ROWS_LINES;
	bool quoted = c->quoted;
	int64_t ends = 0;

	/* A quote opens and closes cells; two within one close and open it again. */
	for (size_t i = 0; i < len; i++) {
		quoted ^= table & (bytes[i] == '"');
		ends += (bytes[i] == '\n') & !quoted;
	}
	c->quoted = quoted;
	c->n += ends;
}

/* To the end of the string, or of what is there: most of a document is strings. */
static size_t skip_string(struct row_count *c, const char *bytes, size_t i, size_t len)
{
	for (; i < len && c->quoted; i++) {
		c->quoted = c->escaped || bytes[i] != '"';
		c->escaped = !c->escaped && bytes[i] == '\\';
	}
	return i;
}

/* Parsed by nobody: a hundred lines of a library's calls for each response would be slower than
 * its download. What is no JSON is found out by whoever reads it. */
static void feed_json(struct row_count *c, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		i = skip_string(c, bytes, i, len);
		char byte = i < len ? bytes[i] : '\0';
		if (byte == '"')
			c->quoted = true;
		if (byte == '{' && c->depth == 2 && c->in_list)
			c->n++;
		c->depth += (byte == '{' || byte == '[') - (byte == '}' || byte == ']');
		if (c->depth < 2)
			c->in_list = false;
		if (byte == '[' && c->depth == 2)
			c->in_list = true;
	}
}

void count_feed(struct row_count *c, const char *bytes, size_t len)
{
	if (len == 0)
		return;
	if (!c->first)
		c->first = bytes[0];
	c->last = bytes[len - 1];
	if (c->as != ROWS_NONE)
		feed_rows(c, bytes, len);
	else if (c->first == '{')
		feed_json(c, bytes, len);
}

int64_t count_rows(const struct row_count *c)
{
	int64_t heading = c->as == ROWS_CSV || c->as == ROWS_TSV ? HEADING_ROWS : 0;

	if (c->as == ROWS_NONE)
		return c->first == '{' && c->depth == 0 ? c->n : -1;
	int64_t rows = c->n + (c->last && c->last != '\n');
	return rows < heading ? -1 : rows - heading;
}
