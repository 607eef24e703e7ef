/* status.c: what is going on, for people (STATUS.txt) and for programs (.qxfs, control). Moments,
 * not ages, so that the bytes change only when something happens. */
#include "inbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#include "contents.h"
#include "spans.h"
#include "used.h"

static const char *moment(int64_t wall_s, char out[24])
{
	return sys_format_time(wall_s, out);
}

static int64_t later_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void words_codes(const struct qx_fail *f, struct buf *out)
{
	buf_add_str(out, strerrorname_np(f->err));
	if (f->http)
		buf_addf(out, ", HTTP %d", f->http);
	if (f->code[0])
		buf_addf(out, ", error code %s", f->code);
	if (f->request_id[0])
		buf_addf(out, ", requestId %s", f->request_id);
}

static void add_failure(struct buf *out, const struct board_failure *f)
{
	char when[24];
	buf_addf(out, "  %s  %s\n      cause: %s.\n", moment(f->when_s, when), f->subject,
	         f->fail.why);
	if (f->fail.remedy[0])
		buf_addf(out, "      what to do: %s\n", f->fail.remedy);
	buf_add_str(out, "      errno ");
	words_codes(&f->fail, out);
	buf_add_str(out, "\n");
}

void words_progress(const struct board_job *job, struct buf *out)
{
	if (job->percent > 0)
		buf_addf(out, " (%.0f %%)", job->percent);
	if (job->parts)
		buf_addf(out, ", part %d of %d", job->part, job->parts);
}

static void add_job(struct buf *out, const struct board_job *job)
{
	char when[24];
	buf_addf(out, "  %s %s", job->subject, job->phrase);
	words_progress(job, out);
	if (job->bytes)
		buf_addf(out, " (%.1f MB)", (double)job->bytes / 1e6);
	buf_addf(out, ", since %s", moment(job->started_s, when));
	if (job->waiters)
		buf_addf(out, ", %d waiting", job->waiters);
	buf_add_str(out, "\n");
}

/* What lies in .qxfs is told there, for its owner only. */
static bool is_below(const char *subject, const char *prefix)
{
	static const char ours[] = ".qxfs/";
	return strncmp(subject, prefix, strlen(prefix)) == 0 &&
	       strncmp(subject, ours, strlen(ours)) != 0;
}

/* Running and failed things whose path begins so. */
static void add_board(struct tree *t, const char *prefix, struct buf *out)
{
	struct board_job *jobs = NULL;
	struct board_failure *failures = NULL;
	size_t n_jobs = 0, n_failures = 0, shown = 0;

	buf_add_str(out, "Running\n");
	if (board_jobs(jobs_board(t->jobs), &jobs, &n_jobs) == 0)
		for (size_t i = 0; i < n_jobs; i++)
			if (is_below(jobs[i].subject, prefix) && ++shown)
				add_job(out, &jobs[i]);
	buf_add_str(out, shown ? "\n" : "  nothing\n\n");
	free(jobs);

	shown = 0;
	buf_add_str(out, "Failed\n");
	if (board_failures(jobs_board(t->jobs), &failures, &n_failures) == 0)
		for (size_t i = 0; i < n_failures; i++)
			if (!failures[i].settled && is_below(failures[i].subject, prefix) &&
			    ++shown)
				add_failure(out, &failures[i]);
	buf_add_str(out, shown ? "\n" : "  nothing\n\n");
	free(failures);
}

static void add_service(struct tree *t, struct buf *out)
{
	struct client_view view;
	client_view(t->config.client, &view);
	buf_addf(out, "Service   %s: %s\n", view.origin,
	         view.token_refused && view.oauth
	                 ? "the OAuth client is refused; log in anew and mount again"
	         : view.token_refused ? "the token is refused; make a new one and mount again"
	         : view.reachable     ? "answers"
	                          : "cannot be reached; what was opened before can still be read");
}

int64_t text_status(struct tree *t, const char *arg, struct buf *out)
{
	char when[24];
	struct catalog *c = tree_catalog(t, LIST_SURVEYS, "");

	(void)arg;
	buf_add_str(out, "The state of this mount (qxfs " QXFS_VERSION ")\n\n");
	add_service(t, out);
	buf_addf(out, "Mounted   %s\n", moment(t->born_s, when));
	if (c)
		buf_addf(out, "Surveys   %zu, listed %s\n\n", c->list->n,
		         moment(c->list->fetched_s, when));
	catalog_unref(c);
	add_board(t, "", out);
	int64_t imports_s = inbox_status(t, "", out);
	buf_add_str(out, "What each file is: README.txt. One file in detail: qxfs why PATH.\n");
	return later_of(board_changed_s(jobs_board(t->jobs)), imports_s);
}

static void add_file_state(struct tree *t, const struct node_row *row, const char *arg,
                           struct buf *out)
{
	char when[24];
	struct generation *gen = content_cached(t, row, arg);

	if (!gen && row->flags & ROW_UNLISTED)
		return;
	buf_addf(out, "  %-26s %s\n", row->name, row->doc);
	if (gen) {
		buf_addf(out, "  %-26s   on this disk: %llu bytes, made %s", "",
		         (unsigned long long)gen->length, moment(gen->facts.exported_s, when));
		if (generation_refusal(gen))
			buf_add_str(out, ", refused when it was last asked for\n");
		else
			buf_addf(out, ", last known current %s\n", moment(gen->checked_s, when));
	} else {
		buf_addf(out, "  %-26s   not fetched yet; the size shown is an estimate\n", "");
	}
	generation_unref(gen);
}

static void add_moment(struct buf *out, int64_t wall_s, const char *open)
{
	char when[24];
	buf_add_str(out, wall_s == INT64_MIN || wall_s == INT64_MAX ? open : moment(wall_s, when));
}

static void add_outside(struct buf *out, int64_t rows, const char *date)
{
	if (rows >= 0)
		buf_addf(out, "%lld of its rows %s outside that by the %s date", (long long)rows,
		         rows == 1 ? "lies" : "lie", date);
	else
		buf_addf(out, "it does not have the %s date", date);
}

/* What was asked for, and what came: which date the service compares is disputed. */
static void add_span(struct tree *t, const char *survey, const char *name, struct buf *out)
{
	const struct node_row *folder = node_pattern(node_row(ROW_DATES));
	const struct node_row *row = node_child(folder, "responses.csv");
	char arg[ARG_MAX_BYTES];
	int64_t from_s, to_s;

	if (!row || !arg_join(survey, name, arg) || span_of(name, t->zone, &from_s, &to_s) < 0)
		return;
	struct generation *gen = content_cached(t, row, arg);
	buf_addf(out, "  %-26s from ", name);
	add_moment(out, from_s, "the first");
	buf_add_str(out, to_s == INT64_MAX ? " on" : " to before ");
	add_moment(out, to_s, "");
	if (gen && (gen->facts.outside[0] >= 0 || gen->facts.outside[1] >= 0)) {
		buf_addf(out, ";\n  %-26s   ", "");
		add_outside(out, gen->facts.outside[OUTSIDE_RECORDED], "recorded");
		buf_add_str(out, ", ");
		add_outside(out, gen->facts.outside[OUTSIDE_STARTED], "start");
	}
	buf_add_str(out, "\n");
	generation_unref(gen);
}

static void add_spans(struct tree *t, const char *survey, struct buf *out)
{
	char **names = NULL;
	size_t n = 0;
	uint64_t version;

	if (used_names(t, node_row(ROW_DATES), survey, &names, &n, &version) == 0 && n > 0)
		buf_add_str(out, "Spans of dates/ that were opened, and what was asked\n");
	for (size_t i = 0; i < n; i++) {
		add_span(t, survey, names[i], out);
		free(names[i]);
	}
	free(names);
	buf_add_str(out, n > 0 ? "\n" : "");
}

int64_t text_survey_status(struct tree *t, const char *arg, struct buf *out)
{
	struct catalog *c = tree_catalog(t, LIST_SURVEYS, "");
	const struct list_item *item = c ? list_find(c->list, arg) : NULL;
	char prefix[ARG_MAX_BYTES + 16], when[24];
	int64_t modified_s;

	buf_addf(out, "Survey    %s\n", arg);
	if (item) {
		buf_addf(out, "Name      %s\n", catalog_name(c, item));
		if (sys_parse_time(item->field[SURVEY_MODIFIED], &modified_s) == 0)
			buf_addf(out, "Modified  %s\n", moment(modified_s, when));
	} else {
		buf_add_str(
			out,
			"          in no list of this account; opening a file here asks for it\n");
	}
	catalog_unref(c);
	add_service(t, out);

	buf_add_str(out, "\nFiles\n");
	for (enum row_id i = node_row(ROW_SURVEY)->first_child; i != ROW_ROOT;
	     i = node_row(i)->next)
		if (node_row(i)->kind == NODE_DATA)
			add_file_state(t, node_row(i), arg, out);
	buf_add_str(out, "\n");
	add_spans(t, arg, out);
	snprintf(prefix, sizeof(prefix), "surveys/%s/", arg);
	add_board(t, prefix, out);
	int64_t imports_s = inbox_status(t, prefix, out);
	buf_addf(
		out,
		"A file is asked for again %lld seconds after it was last known to be current; an\n"
		"edit that changes no count of responses is seen after `touch FILE`.\n",
		(long long)t->config.fresh_s);
	return later_of(board_changed_s(jobs_board(t->jobs)), imports_s);
}

static void add_who(const struct board_job *job, struct buf *out)
{
	buf_addf(out, "%d waiting", job->waiters);
	for (int i = 0; i < job->n_who; i++) {
		const struct board_who *who = &job->who[i];
		buf_add_str(out, i ? ", " : ": ");
		buf_add_plain(out, who->program[0] ? who->program : "a program");
		buf_addf(out, " of user %u (%d)", (unsigned)who->uid, who->count);
	}
	buf_add_str(out, "\n");
}

int64_t text_jobs(struct tree *t, const char *arg, struct buf *out)
{
	struct board_job *jobs = NULL;
	size_t n = 0;
	char when[24];

	(void)arg;
	if (board_jobs(jobs_board(t->jobs), &jobs, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct board_job *job = &jobs[i];
		buf_addf(out, "%s\t%s\t%.0f%%\t%llu bytes\tsince %s\t", job->subject, job->state,
		         job->percent > 0 ? job->percent : 0, (unsigned long long)job->bytes,
		         moment(job->started_s, when));
		if (job->expected_s)
			buf_addf(out, "took %lld s before\t", (long long)job->expected_s);
		else
			buf_add_str(out, "-\t");
		add_who(job, out);
	}
	free(jobs);
	return board_changed_s(jobs_board(t->jobs));
}

int64_t text_errors(struct tree *t, const char *arg, struct buf *out)
{
	struct board_failure *failures = NULL;
	size_t n = 0;
	char when[24];

	(void)arg;
	if (board_failures(jobs_board(t->jobs), &failures, &n) == 0) {
		for (size_t i = 0; i < n; i++) {
			const struct qx_fail *f = &failures[i].fail;
			buf_addf(out, "%s\t%s\t%s\tHTTP %d\t%s\t%s\t%s\t%s%s\n",
			         moment(failures[i].when_s, when), failures[i].subject,
			         strerrorname_np(f->err), f->http, f->code[0] ? f->code : "-",
			         f->request_id[0] ? f->request_id : "-", f->why, f->remedy,
			         failures[i].settled ? " (a later try succeeded)" : "");
		}
	}
	free(failures);
	return board_changed_s(jobs_board(t->jobs));
}

/* --- for programs ---------------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, "\"%s\":", name);
	buf_add_json(out, value);
}

static void put_moment(struct buf *out, const char *name, int64_t wall_s)
{
	char when[24];
	buf_addf(out, "\"%s\":\"%s\"", name, moment(wall_s, when));
}

static void put_who(const struct board_job *job, struct buf *out)
{
	buf_add_str(out, ",\"who\":[");
	for (int i = 0; i < job->n_who; i++) {
		buf_add_str(out, i ? ",{" : "{");
		put_text(out, "program", job->who[i].program);
		buf_addf(out, ",\"uid\":%u,\"count\":%d}", (unsigned)job->who[i].uid,
		         job->who[i].count);
	}
	buf_add_str(out, "]}");
}

static void put_jobs(struct tree *t, struct buf *out)
{
	struct board_job *jobs = NULL;
	size_t n = 0;

	buf_add_str(out, ",\n \"jobs\":[");
	if (board_jobs(jobs_board(t->jobs), &jobs, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		buf_add_str(out, i ? ",\n  {" : "\n  {");
		put_text(out, "path", jobs[i].subject);
		buf_add_str(out, ",");
		put_text(out, "state", jobs[i].state);
		buf_addf(out, ",\"percent\":%.1f,\"bytes\":%llu,",
		         jobs[i].percent > 0 ? jobs[i].percent : 0,
		         (unsigned long long)jobs[i].bytes);
		if (jobs[i].parts)
			buf_addf(out, "\"part\":%d,\"parts\":%d,", jobs[i].part, jobs[i].parts);
		put_moment(out, "since", jobs[i].started_s);
		buf_addf(out, ",\"age_s\":%lld,\"expected_s\":%lld,\"waiters\":%d",
		         (long long)(sys_wall_s() - jobs[i].started_s),
		         (long long)jobs[i].expected_s, jobs[i].waiters);
		put_who(&jobs[i], out);
	}
	free(jobs);
	buf_add_str(out, "]");
}

static void put_failures(struct tree *t, struct buf *out)
{
	struct board_failure *failures = NULL;
	size_t n = 0;

	buf_add_str(out, ",\n \"failures\":[");
	if (board_failures(jobs_board(t->jobs), &failures, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct qx_fail *f = &failures[i].fail;
		buf_add_str(out, i ? ",\n  {" : "\n  {");
		put_moment(out, "when", failures[i].when_s);
		buf_add_str(out, ",");
		put_text(out, "path", failures[i].subject);
		buf_addf(out, ",\"errno\":\"%s\",\"http\":%d,", strerrorname_np(f->err), f->http);
		put_text(out, "code", f->code);
		buf_add_str(out, ",");
		put_text(out, "request_id", f->request_id);
		buf_add_str(out, ",");
		put_text(out, "why", f->why);
		buf_add_str(out, ",");
		put_text(out, "remedy", f->remedy);
		buf_addf(out, ",\"settled\":%s}", failures[i].settled ? "true" : "false");
	}
	free(failures);
	buf_add_str(out, "]");
}

static void put_use(const struct client_view *client, struct buf *out)
{
	const struct governor_view *g = &client->governor;

	buf_addf(out,
	         "\"requests\":%d,\"requests_max\":%d,\"jobs\":%d,\"jobs_max\":%d,"
	         "\"waiting\":%d,\"refused_429\":%llu",
	         g->requests, g->requests_max, g->jobs, g->jobs_max, g->waiting,
	         (unsigned long long)client->refused_429);
}

static void put_limits(struct tree *t, struct buf *out)
{
	struct client_view client;
	struct cache_view cache;

	client_view(t->config.client, &client);
	cache_view(t->config.cache, &cache);
	buf_addf(out, ",\n \"reachable\":%s,\"oauth\":%s,\"token_refused\":%s",
	         client.reachable ? "true" : "false", client.oauth ? "true" : "false",
	         client.token_refused ? "true" : "false");
	if (client.dated)
		buf_addf(out, ",\"clock_ahead_s\":%lld", (long long)client.ahead_s);
	buf_add_str(out, ",\n \"folders\":{");
	put_text(out, "cache", t->config.cache_dir ? t->config.cache_dir : "");
	buf_add_str(out, ",");
	put_text(out, "state", t->config.state_dir ? t->config.state_dir : "");
	buf_add_str(out, "}");
	buf_addf(out, ",\n \"cache\":{\"bytes\":%llu,\"max_bytes\":%llu,\"generations\":%llu}",
	         (unsigned long long)cache.bytes, (unsigned long long)cache.max_bytes,
	         (unsigned long long)cache.generations);
	buf_add_str(out, ",\n \"limits\":{");
	put_use(&client, out);
	buf_add_str(out, "}");
}

/* Calls per minute of each endpoint: the service's word, what of it this mount may use, and what
 * all mounts have used of it lately. */
int64_t text_limits(struct tree *t, const char *arg, struct buf *out)
{
	struct client_view client;
	int64_t now_ms = sys_now_ms();

	(void)arg;
	client_view(t->config.client, &client);
	const struct governor_view *g = &client.governor;
	buf_add_str(out, "{");
	put_use(&client, out);
	buf_addf(out, ",\n \"share\":%.3f,\n \"endpoints\":[", t->config.share);
	for (int ep = 0; ep < EP_N_; ep++) {
		const struct endpoint_row *row = endpoint_row((enum endpoint)ep);
		int64_t held_ms = g->held_until_ms[ep] - now_ms;
		buf_add_str(out, ep ? ",\n  {" : "\n  {");
		put_text(out, "name", row->name);
		buf_addf(out,
		         ",\"per_minute\":%d,\"allowed_per_minute\":%.1f,\"used\":%.1f,"
		         "\"held_for_s\":%lld}",
		         row->calls_per_minute, g->allowed[ep],
		         governor_used(g, (enum endpoint)ep, now_ms),
		         (long long)(held_ms > 0 ? (held_ms + 999) / 1000 : 0));
	}
	buf_add_str(out, "\n ]}\n");
	return board_changed_s(jobs_board(t->jobs));
}

int64_t text_status_json(struct tree *t, const char *arg, struct buf *out)
{
	struct catalog *c = tree_catalog(t, LIST_SURVEYS, "");

	(void)arg;
	buf_add_str(out, "{");
	put_text(out, "version", QXFS_VERSION);
	buf_addf(out, ",\"pid\":%d,", (int)getpid());
	put_text(out, "account", t->config.account);
	buf_add_str(out, ",");
	put_text(out, "host", t->config.host);
	buf_add_str(out, ",");
	put_moment(out, "mounted", t->born_s);
	put_limits(t, out);
	buf_add_str(out, ",\n \"lists\":[");
	if (c) {
		buf_addf(out, "{\"name\":\"surveys\",\"count\":%zu,", c->list->n);
		put_moment(out, "fetched", c->list->fetched_s);
		buf_add_str(out, "}");
	}
	buf_add_str(out, "]");
	catalog_unref(c);
	put_jobs(t, out);
	put_failures(t, out);
	inbox_put_status(t, out);
	buf_add_str(out, "}\n");
	return board_changed_s(jobs_board(t->jobs));
}

int tree_status(struct tree *t, struct buf *out)
{
	(void)text_status_json(t, "", out);
	return buf_failed(out) ? -ENOMEM : 0;
}
