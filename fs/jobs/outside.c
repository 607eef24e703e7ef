/* outside.c: how many rows of an export lie outside the span that was asked for, by the date that
 * the service recorded and by the one on which somebody began: which of them it compares is
 * disputed (API.md 3.2). */
#include "outside.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <qxfs/base/sys.h>

#include "heading.h"
#include "table.h"

static const char *const dates[OUTSIDE_DATES] = {
	[OUTSIDE_RECORDED] = "recordedDate",
	[OUTSIDE_STARTED] = "startDate",
};

struct outside {
	int64_t from_s, to_s;
	size_t column[OUTSIDE_DATES]; /* SIZE_MAX: not in this export */
	int64_t found[OUTSIDE_DATES];
};

/* "2026-01-15 08:00:00", of the zone that is the default: UTC. */
static bool is_within(const struct outside *o, const char *text)
{
	const char *rest;
	int64_t at_s;

	if (!sys_parse_clock(text, &at_s, &rest) || (*rest && sys_parse_time(text, &at_s) < 0))
		return true;
	return at_s >= o->from_s && at_s < o->to_s;
}

static int take_cell(void *arg, size_t column, const char *text, size_t len)
{
	struct outside *o = arg;

	(void)len;
	for (size_t i = 0; i < countof(o->column); i++)
		if (o->column[i] == column && !is_within(o, text))
			o->found[i]++;
	return 0;
}

static int take_row(void *arg, size_t cells)
{
	(void)arg, (void)cells;
	return 0;
}

int outside_count(int fd, uint64_t length, int64_t from_s, int64_t to_s, int64_t ret[OUTSIDE_DATES])
{
	const struct render_input in = { .base_fd = fd, .base_len = length, .schema_fd = -1 };
	static const struct table_fns fns = { .cell = take_cell, .row_end = take_row };
	struct outside o = { .from_s = from_s, .to_s = to_s };
	struct heading h;
	uint64_t end;

	int r = heading_read(&in, HEADING_RESPONSES, &h);
	if (r < 0)
		return r;
	for (size_t k = 0; k < countof(dates); k++)
		o.column[k] = heading_column(&h, dates[k]);
	r = table_read(&in, h.rows_at, 0, &fns, &o, &end);
	heading_done(&h);
	for (size_t k = 0; r == 0 && k < countof(dates); k++)
		ret[k] = o.column[k] == SIZE_MAX ? -1 : o.found[k];
	return r;
}
