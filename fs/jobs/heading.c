/* heading.c: the first rows of a table (API.md 3.4). */
#include "heading.h"

#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/json.h>

#define COLUMNS_MAX 100000
#define BYTES_MAX (32 * 1024 * 1024)

enum { TAGS, TEXTS, IDS };

struct maker {
	struct heading *h;
	size_t cap;
	size_t bytes;
	int row;
	bool has_ids;
};

/* NULL: no memory. */
static char *copy(const char *text, size_t len)
{
	struct buf b = { 0 };
	buf_add_text(&b, text, len);
	return buf_steal(&b);
}

static int set(char **field, char *text)
{
	if (!text)
		return -ENOMEM;
	free(*field);
	*field = text;
	return 0;
}

static int add_column(struct maker *m, const char *text, size_t len)
{
	struct heading *h = m->h;

	if (h->count == COLUMNS_MAX)
		return -EFBIG;
	if (h->count == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 64;
		struct column *more = reallocarray(h->columns, cap, sizeof(*more));
		if (!more)
			return -ENOMEM;
		h->columns = more;
		m->cap = cap;
	}
	struct column *c = &h->columns[h->count++];
	*c = (struct column){ .text = strdup(""),
		              .import_id = strdup(""),
		              .choice_id = strdup(""),
		              .zone = strdup("") };
	if (!c->text || !c->import_id || !c->choice_id || !c->zone)
		return -ENOMEM;
	return set(&c->tag, copy(text, len));
}

static int take_member(const struct json *j, const char *member, char **field)
{
	struct buf b = { 0 };
	int64_t number;

	if (json_int(j, member, &number))
		buf_addf(&b, "%lld", (long long)number);
	else if (!json_text(j, member, &b))
		return 0;
	return set(field, buf_steal(&b));
}

/* {"ImportId":"QID1","choiceId":"2"}; what is not of that form says nothing. */
static int take_ids(struct maker *m, struct column *c, const char *text, size_t len)
{
	struct json *j = NULL;

	if (json_parse(text, len, &j) < 0)
		return 0;
	int r = take_member(j, "ImportId", &c->import_id);
	if (r == 0)
		r = take_member(j, "choiceId", &c->choice_id);
	if (r == 0)
		r = take_member(j, "timeZone", &c->zone);
	if (!json_bool(j, "IsLabelsColumn", &c->is_label))
		c->is_label = json_str(j, "IsLabelsColumn") != NULL;
	m->has_ids = m->has_ids || c->import_id[0];
	json_free(j);
	return r;
}

static int take_cell(void *arg, size_t column, const char *text, size_t len)
{
	struct maker *m = arg;

	m->bytes += len + sizeof(struct column);
	if (m->bytes > BYTES_MAX)
		return -EFBIG;
	if (m->row == TAGS)
		return add_column(m, text, len);
	if (column >= m->h->count)
		return 0;
	struct column *c = &m->h->columns[column];
	return m->row == TEXTS ? set(&c->text, copy(text, len)) : take_ids(m, c, text, len);
}

static int take_row_end(void *arg, size_t cells)
{
	struct maker *m = arg;
	(void)cells;
	m->row++;
	return 0;
}

int heading_read(const struct render_input *in, enum heading_kind kind, struct heading *ret)
{
	static const struct table_fns fns = { take_cell, take_row_end };
	struct maker m = { .h = ret };

	*ret = (struct heading){ 0 };
	int r = table_read(in, 0, kind == HEADING_RESPONSES ? 3 : 1, &fns, &m, &ret->rows_at);
	if (r == 0 && (ret->count == 0 || (kind == HEADING_RESPONSES && !m.has_ids)))
		r = -EBADMSG;
	if (r == 0)
		r = column_names(ret->columns, ret->count);
	if (r < 0)
		heading_done(ret);
	return r;
}

size_t heading_column(const struct heading *h, const char *import_id)
{
	for (size_t i = 0; i < h->count; i++)
		if (strcmp(h->columns[i].import_id, import_id) == 0)
			return i;
	return SIZE_MAX;
}

void heading_done(struct heading *h)
{
	for (size_t i = 0; i < h->count; i++) {
		struct column *c = &h->columns[i];
		free(c->tag);
		free(c->text);
		free(c->import_id);
		free(c->choice_id);
		free(c->zone);
		free(c->name);
	}
	free(h->columns);
	*h = (struct heading){ 0 };
}
