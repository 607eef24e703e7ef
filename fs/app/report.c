/* report.c: the daemon's JSON answers as people read them: short, aligned, what is absent left out.
 */
#include "report.h"

#include "say.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>

/* 1.5 GB, as disks are sold and as the service counts. */
static void add_bytes(struct buf *out, int64_t bytes)
{
	static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB" };
	double n = (double)bytes;
	size_t unit = 0;

	while (n >= 1000 && unit < 4) {
		n /= 1000;
		unit++;
	}
	buf_addf(out, unit > 0 && n < 100 ? "%.1f %s" : "%.0f %s", n, units[unit]);
}

static int64_t number(const struct json *j, const char *path)
{
	int64_t n = 0;
	return json_int(j, path, &n) ? n : 0;
}

/* Text of the service, or "" where there is none. */
static void add_text(struct buf *out, const struct json *j, const char *path)
{
	const char *text = json_str(j, path);
	if (text)
		say_clean(out, text);
}

static void report_account(const char *mountpoint, const struct json *s, struct buf *out)
{
	say_clean(out, mountpoint);
	buf_add_str(out, "\n  account   ");
	add_text(out, s, "host");
	if (json_bool_or(s, "token_refused", false) && json_bool_or(s, "oauth", false))
		buf_add_str(out, ": the OAuth client is refused; log in anew and mount again");
	else if (json_bool_or(s, "token_refused", false))
		buf_add_str(out, ": the token is refused; make a new one and mount again");
	else if (json_get(s, "reachable") && !json_bool_or(s, "reachable", false))
		buf_add_str(out, ": cannot be reached; what was opened before can still be read");
	else
		buf_add_str(out, ": answers");
	buf_add_str(out, "\n  mounted   ");
	add_text(out, s, "mounted");
	buf_add_str(out, " by qxfs ");
	add_text(out, s, "version");
	buf_add_str(out, "\n");
}

static void report_use(const struct json *s, struct buf *out)
{
	for (size_t i = 0; i < json_len(s, "lists"); i++) {
		const struct json *list = json_at(s, "lists", i);
		int at = (int)out->len;
		buf_add_str(out, "  ");
		add_text(out, list, "name");
		buf_addf(out, "%*s%" PRId64 ", listed ", 12 - (int)(out->len - (size_t)at), "",
		         number(list, "count"));
		add_text(out, list, "fetched");
		buf_add_str(out, "\n");
	}
	buf_add_str(out, "  cache     ");
	add_bytes(out, number(s, "cache.bytes"));
	buf_add_str(out, " of ");
	add_bytes(out, number(s, "cache.max_bytes"));
	buf_addf(out, ", %" PRId64 " files\n", number(s, "cache.generations"));
	buf_addf(out,
	         "  service   %" PRId64 " of %" PRId64 " requests, %" PRId64 " of %" PRId64
	         " exports, %" PRId64 " waiting\n",
	         number(s, "limits.requests"), number(s, "limits.requests_max"),
	         number(s, "limits.jobs"), number(s, "limits.jobs_max"),
	         number(s, "limits.waiting"));
}

#define BAR 20

/* What the service says of it, or else how much of the time is over that it took before. */
static double part_done(const struct json *job)
{
	double percent = 0;
	int64_t age = number(job, "age_s"), expected = number(job, "expected_s");

	if (json_double(job, "percent", &percent) && percent > 0)
		return percent / 100;
	return expected > 0 && age < expected ? (double)age / (double)expected : 0;
}

static void add_bar(const struct json *job, struct buf *out)
{
	int full = (int)(part_done(job) * BAR + 0.5);

	buf_add_str(out, "[");
	for (int i = 0; i < BAR; i++)
		buf_add_str(out, i < full ? "#" : ".");
	buf_add_str(out, "] ");
}

/* "2 waiting: cat of alice (2)". */
static void add_who(const struct json *job, struct buf *out)
{
	buf_addf(out, ", %" PRId64 " waiting", number(job, "waiters"));
	for (size_t i = 0; i < json_len(job, "who"); i++) {
		const struct json *who = json_at(job, "who", i);
		const char *program = json_str(who, "program");
		const struct passwd *user = getpwuid((uid_t)number(who, "uid"));

		buf_add_str(out, i ? ", " : ": ");
		say_clean(out, program && *program ? program : "a program");
		buf_add_str(out, " of ");
		if (user)
			say_clean(out, user->pw_name);
		else
			buf_addf(out, "user %" PRId64, number(who, "uid"));
		if (number(who, "count") > 1)
			buf_addf(out, " (%" PRId64 ")", number(who, "count"));
	}
	buf_add_str(out, "\n");
}

/* As long as it took before, if that is not over yet. */
static void add_rest(const struct json *job, struct buf *out)
{
	int64_t rest_s = number(job, "expected_s") - number(job, "age_s");

	if (number(job, "expected_s") <= 0)
		return;
	if (rest_s > 0)
		buf_addf(out, ", about %" PRId64 " s more", rest_s);
	buf_addf(out, ", took %" PRId64 " s before", number(job, "expected_s"));
}

static void report_jobs(const struct json *s, bool bars, struct buf *out)
{
	size_t n = json_len(s, "jobs");

	if (n == 0)
		return;
	buf_add_str(out, "  running\n");
	for (size_t i = 0; i < n; i++) {
		const struct json *job = json_at(s, "jobs", i);
		double percent = 0;
		buf_add_str(out, "    ");
		if (bars)
			add_bar(job, out);
		add_text(out, job, "path");
		buf_add_str(out, "  ");
		add_text(out, job, "state");
		if (json_double(job, "percent", &percent) && percent > 0)
			buf_addf(out, " %.0f %%", percent);
		if (number(job, "parts") > 0)
			buf_addf(out, ", part %" PRId64 " of %" PRId64, number(job, "part"),
			         number(job, "parts"));
		if (number(job, "bytes") > 0) {
			buf_add_str(out, ", ");
			add_bytes(out, number(job, "bytes"));
		}
		buf_add_str(out, ", since ");
		add_text(out, job, "since");
		add_rest(job, out);
		add_who(job, out);
	}
}

static void report_failure(const struct json *f, struct buf *out)
{
	buf_add_str(out, "    ");
	add_text(out, f, "when");
	buf_add_str(out, "  ");
	add_text(out, f, "path");
	buf_add_str(out, "  ");
	add_text(out, f, "errno");
	buf_add_str(out, "\n      ");
	add_text(out, f, "why");
	if (json_str(f, "remedy") && *json_str(f, "remedy")) {
		buf_add_str(out, "\n      ");
		add_text(out, f, "remedy");
	}
	if (json_str(f, "request_id") && *json_str(f, "request_id")) {
		buf_addf(out, "\n      HTTP %" PRId64 " ", number(f, "http"));
		add_text(out, f, "code");
		buf_add_str(out, ", request ");
		add_text(out, f, "request_id");
	}
	buf_add_str(out, "\n");
}

static void report_failures(const struct json *s, struct buf *out)
{
	size_t shown = 0;

	for (size_t i = 0; i < json_len(s, "failures"); i++) {
		const struct json *f = json_at(s, "failures", i);
		if (json_bool_or(f, "settled", false))
			continue;
		if (shown++ == 0)
			buf_add_str(out, "  failed\n");
		report_failure(f, out);
	}
}

void report_status(const char *mountpoint, const struct json *status, bool bars, struct buf *out)
{
	report_account(mountpoint, status, out);
	report_use(status, out);
	report_jobs(status, bars, out);
	report_failures(status, out);
}

void report_why(const struct json *why, struct buf *out)
{
	const char *text = json_str(why, "text");
	const char *rest = text ? text : "";

	/* Ready to print, in lines. */
	while (*rest) {
		size_t len = strcspn(rest, "\n");
		struct buf line = { 0 };
		buf_add(&line, rest, len);
		say_clean(out, buf_text(&line));
		buf_add_str(out, "\n");
		buf_done(&line);
		rest += len + (rest[len] == '\n');
	}
}
