/* split_plan.c: see split_plan.h. The first window has no start and the last no end, unless the
 * whole has: so no clock of ours decides what belongs to it, and what arrives while the parts are
 * fetched lies in the last one, which is asked for last. */
#include "split_plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <qxfs/base/json.h>
#include <qxfs/base/sys.h>

#define DAY_S INT64_C(86400)
#define FIRST_S INT64_C(1262304000) /* 2010: nothing is known of when its responses begin */

#define RETRY_WHOLE_S (7 * DAY_S)

bool plan_is_known(const struct facts_split *facts, uint64_t length, uint64_t most, int64_t now_s)
{
	int64_t age_s = now_s - facts->failed_s;

	if (facts->n > 0)
		return length >= most || (age_s >= 0 && age_s < RETRY_WHOLE_S);
	/* It has grown by appending. What one job has brought may come so again. */
	return length >= most && facts->part_bytes < most;
}

#define CELL_BYTES 2200 /* more than any form has in the mean (tree/forms.c) */

bool plan_may_be_size(int64_t responses, int64_t columns, uint64_t length, uint64_t most)
{
	if (responses < 0 || columns <= 0)
		return true;
	return length >= most / 2 ||
	       (double)responses * (double)columns * CELL_BYTES >= (double)most;
}

#define PARTS_FIRST 4 /* when nothing tells how large it is */
#define PARTS_AT_ONCE 16

/* It has grown since. */
int plan_parts(uint64_t length, uint64_t most)
{
	double parts = (double)length * 1.25 / (double)most + 1;

	return parts < PARTS_FIRST     ? PARTS_FIRST
	       : parts > PARTS_AT_ONCE ? PARTS_AT_ONCE
	                               : (int)parts;
}

/* --- what is asked for ----------------------------------------------------------------------- */

static bool is_on(const struct json *j, const char *name)
{
	bool on;
	return json_bool(j, name, &on) && on;
}

/* Where the order is not that of the recorded dates, or none is there, windows say nothing. */
static const char *hindrance(const struct json *j)
{
	int64_t limit;

	if (json_int(j, "limit", &limit))
		return "Ask for a smaller limit.";
	if (is_on(j, "sortByLastModifiedDate"))
		return "Leave sortByLastModifiedDate out, or ask for spans by startDate and "
		       "endDate.";
	if (is_on(j, "exportResponsesInProgress"))
		return "Responses in progress have no date to divide them by: ask for fewer "
		       "columns with questionIds in with/.";
	return NULL;
}

const char *plan_read(const char *body, struct split_plan *ret)
{
	struct split_plan p = { .whole = { INT64_MIN, INT64_MAX } };
	struct json *j = NULL;

	if (json_parse(body, strlen(body), &j) < 0)
		return "There is no memory left.";
	const char *why = hindrance(j);
	const char *from = json_str(j, "startDate"), *to = json_str(j, "endDate");
	if ((from && sys_parse_time(from, &p.whole.from_s) < 0) ||
	    (to && sys_parse_time(to, &p.whole.to_s) < 0))
		why = "Ask for spans by startDate and endDate.";
	json_free(j);
	*ret = p;
	return why;
}

/* Members are ours, so they are written in one way; in a value a quote is escaped, so what looks
 * like the member is it. These are moments and numbers. */
static void add_without(const char *body, const char *name, struct buf *out)
{
	char member[32];

	(void)snprintf(member, sizeof(member), ",\"%s\":", name);
	const char *at = strstr(body, member);
	if (at) {
		buf_add(out, body, (size_t)(at - body));
		at += strlen(member);
		body = at + strcspn(at, ",}");
	}
	buf_add_str(out, body);
}

static void add_moment(const char *name, int64_t at_s, struct buf *out)
{
	char text[21];
	buf_addf(out, ",\"%s\":\"%s\"", name, sys_format_time(at_s, text));
}

/* Neither columns nor their form: what is left of the parameters is which responses. */
static void add_dates(const char *body, struct buf *out)
{
	struct json *j = NULL;
	const char *filter =
		json_parse(body, strlen(body), &j) < 0 ? NULL : json_str(j, "filterId");

	buf_add_str(out, "{\"format\":\"csv\",\"surveyMetadataIds\":[\"recordedDate\"],"
	                 "\"questionIds\":[],\"embeddedDataIds\":[]");
	if (filter) {
		buf_add_str(out, ",\"filterId\":");
		buf_add_json(out, filter);
	}
	json_free(j);
}

static void add_all(const char *body, struct buf *out)
{
	static const char *const ours[] = { "startDate", "endDate", "limit" };
	struct buf text[countof(ours)] = { 0 };

	for (size_t i = 0; i < countof(ours); i++) {
		add_without(body, ours[i], &text[i]);
		out->failed = out->failed || buf_failed(&text[i]);
		body = buf_text(&text[i]);
	}
	buf_add(out, body, *body ? strlen(body) - 1 : 0); /* without its } */
	for (size_t i = 0; i < countof(ours); i++)
		buf_done(&text[i]);
}

void plan_body(const struct split_plan *p, const char *body, enum plan_asks asks, struct buf *out)
{
	struct split_window w = asks == PLAN_DATES ? p->whole : plan_window(p);

	if (asks == PLAN_DATES)
		add_dates(body, out);
	else
		add_all(body, out);
	if (w.from_s != INT64_MIN)
		add_moment("startDate",
		           w.from_s - (w.from_s > p->whole.from_s ? SPLIT_OVERLAP_S : 0), out);
	if (w.to_s != INT64_MAX)
		add_moment("endDate", w.to_s, out);
	if (asks == PLAN_ONE)
		buf_add_str(out, ",\"limit\":1");
	if (asks == PLAN_ALL_AND_TOKEN)
		buf_add_str(out, ",\"allowContinuation\":true");
	buf_add_str(out, "}");
}

/* --- dates ----------------------------------------------------------------------------------- */

/* When there is no room for more, each second one goes. */
void dates_add(struct split_dates *d, int64_t at_s)
{
	if (d->stride == 0)
		d->stride = 1;
	if (d->rows++ % d->stride != 0 || (d->n > 0 && at_s < d->at_s[d->n - 1]))
		return;
	if (d->n == SPLIT_SAMPLES) {
		d->n /= 2;
		for (int i = 0; i < d->n; i++)
			d->at_s[i] = d->at_s[2 * i];
		d->stride *= 2;
		if ((d->rows - 1) % d->stride != 0)
			return;
	}
	d->at_s[d->n++] = at_s;
}

/* How many of them are before a moment. */
static int dates_before(const struct split_dates *d, int64_t at_s)
{
	int n = 0, end = d->n;

	while (n < end) {
		int mid = n + (end - n) / 2;
		if (d->at_s[mid] < at_s)
			n = mid + 1;
		else
			end = mid;
	}
	return n;
}

/* --- windows --------------------------------------------------------------------------------- */

void plan_recall(struct split_plan *p, const int64_t *cuts, int n)
{
	for (int i = 0; i < n && p->n < FACTS_CUTS; i++) {
		int64_t last_s = p->n ? p->cuts[p->n - 1] : p->whole.from_s;
		if (cuts[i] > last_s && cuts[i] < p->whole.to_s)
			p->cuts[p->n++] = cuts[i];
	}
}

struct split_window plan_window(const struct split_plan *p)
{
	return (struct split_window){
		.from_s = p->at > 0 ? p->cuts[p->at - 1] : p->whole.from_s,
		.to_s = p->at < p->n ? p->cuts[p->at] : p->whole.to_s,
	};
}

bool plan_is_last(const struct split_plan *p)
{
	return p->at == p->n;
}

static void add_cut(struct split_plan *p, int at, int64_t cut_s)
{
	memmove(&p->cuts[at + 1], &p->cuts[at], (size_t)(p->n - at) * sizeof(p->cuts[0]));
	p->cuts[at] = cut_s;
	p->n++;
}

/* No response is known of it. An end that is open is the present moment; if our clock is not even
 * there yet, a day: it is divided again if need be. */
static struct split_window closed(struct split_window w, int64_t now_s)
{
	if (w.from_s == INT64_MIN)
		w.from_s = w.to_s > FIRST_S + 1 ? FIRST_S : 0;
	if (w.to_s == INT64_MAX)
		w.to_s = now_s > w.from_s + 1 ? now_s : w.from_s + DAY_S;
	return w;
}

/* Half of these lie in one second: it is parted from the others, before, or behind it. */
static int64_t beside(struct split_window w, const int64_t *at_s, int n)
{
	for (int i = 1; i < n; i++)
		if (at_s[i] > at_s[0])
			return at_s[i];
	return at_s[0] + 1 < w.to_s ? at_s[0] + 1 : at_s[0];
}

/* Into windows of equally many: of these dates, which lie in the present one. How many cuts. A cut
 * is behind the first of them. */
static int cut_evenly(struct split_plan *p, const int64_t *at_s, int n, int parts)
{
	int64_t last_s = at_s[0];
	int made = 0;

	for (int i = 1; i < parts && p->n < FACTS_CUTS; i++) {
		int64_t cut_s = at_s[(int64_t)n * i / parts];
		if (cut_s <= last_s)
			continue;
		add_cut(p, p->at + made++, cut_s);
		last_s = cut_s;
	}
	return made;
}

int plan_cut(struct split_plan *p, const struct split_dates *d, int64_t now_s, int parts)
{
	struct split_window w = plan_window(p);
	int first = w.from_s == INT64_MIN ? 0 : dates_before(d, w.from_s);
	int n = (w.to_s == INT64_MAX ? d->n : dates_before(d, w.to_s)) - first;

	if (n == 0)
		w = closed(w, now_s);
	if (w.from_s != INT64_MIN && w.to_s != INT64_MAX && w.to_s - w.from_s < 2)
		return -EDOM;
	if (p->n == FACTS_CUTS)
		return -E2BIG;
	if (n == 0)
		add_cut(p, p->at, w.from_s + (w.to_s - w.from_s) / 2);
	else if (cut_evenly(p, &d->at_s[first], n, parts) == 0)
		add_cut(p, p->at, beside(w, &d->at_s[first], n));
	return 0;
}

void plan_settle(struct split_plan *p, const uint64_t bytes[FACTS_CUTS + 1], uint64_t most)
{
	uint64_t together = bytes[0];
	int n = 0;

	for (int i = 0; i < p->n; i++) {
		if (together + bytes[i + 1] <= most) {
			together += bytes[i + 1];
			continue;
		}
		together = bytes[i + 1];
		p->cuts[n++] = p->cuts[i];
	}
	p->n = p->at = n;
}
