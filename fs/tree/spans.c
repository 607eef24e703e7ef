/* spans.c: names of folders below dates/ and with/ as what an export's POST says. */
#include "spans.h"

#include <errno.h>
#include <string.h>

#include <qxfs/base/sys.h>

#include "dates.h"
#include "params.h"

int span_check_dates(const char *name, const struct zone *zone, struct qx_fail *why)
{
	struct dates d;
	return dates_parse(name, zone, sys_wall_s(), &d, why);
}

/* A name is shown in messages and lists of jobs, a line each. */
static bool is_one_line(const char *name)
{
	for (const unsigned char *c = (const unsigned char *)name; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			return false;
	return true;
}

int span_check_with(const char *name, const struct zone *zone, struct qx_fail *why)
{
	struct buf members = { 0 };

	(void)zone;
	if (!is_one_line(name)) {
		fail_set(why, ENOENT, "a control character stands in the name");
		fail_remedy(why, "Write a line break as %%0A, a tab as %%09.");
		return -ENOENT;
	}
	int r = params_parse(name, PARAMS_FOLDER, &members, why);
	buf_done(&members);
	return r;
}

int span_add_dates(const char *name, const struct zone *zone, struct buf *out)
{
	struct qx_fail unread;
	struct dates d;

	int r = dates_parse(name, zone, sys_wall_s(), &d, &unread);
	if (r < 0)
		return r;
	buf_add_str(out, ",");
	dates_members(&d, out);
	return 0;
}

int span_of(const char *name, const struct zone *zone, int64_t *ret_from_s, int64_t *ret_to_s)
{
	struct qx_fail unread;
	struct dates d;

	int r = dates_parse(name, zone, sys_wall_s(), &d, &unread);
	if (r < 0)
		return r;
	*ret_from_s = d.start_s;
	*ret_to_s = d.end_s;
	return 0;
}

int span_add_with(const char *name, const struct form *form, struct buf *out)
{
	struct qx_fail unread;
	struct buf members = { 0 };

	int r = params_parse(name, form->params, &members, &unread);
	if (r == 0 && members.len > 0)
		buf_addf(out, ",%s", buf_text(&members));
	buf_done(&members);
	return r;
}

int span_suits(const struct node_row *row, const char *arg, struct qx_fail *why)
{
	struct qx_fail unread;
	struct buf members = { 0 };
	char name[ARG_MAX_BYTES];

	if (!row->source.form || node_row(row->parent)->hole != HOLE_WITH ||
	    !arg_part(arg, 1, name))
		return 0;
	int r = params_parse(name, row->source.form->params, &members, why ? why : &unread);
	buf_done(&members);
	return r;
}

bool span_is_uncounted(const char *name)
{
	struct qx_fail unread;
	struct buf members = { 0 };
	bool uncounted = true;

	/* Within a value a quote is escaped, so these are the members. */
	if (params_parse(name, PARAMS_FOLDER, &members, &unread) == 0)
		uncounted = strstr(buf_text(&members), "\"filterId\":") ||
		            strstr(buf_text(&members), "\"exportResponsesInProgress\":true");
	buf_done(&members);
	return uncounted;
}

int64_t span_until(const struct node_row *row, const char *arg, const struct zone *zone)
{
	struct qx_fail unread;
	struct dates d;
	char name[ARG_MAX_BYTES];

	if (node_row(row->parent)->hole != HOLE_DATES || !arg_part(arg, 1, name) ||
	    dates_parse(name, zone, sys_wall_s(), &d, &unread) < 0)
		return 0;
	return d.until_s == INT64_MAX ? 0 : d.until_s;
}
