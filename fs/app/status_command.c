/* status_command.c: qxfs status: once, as JSON, watched, or as a check for monitoring. */
#include "commands.h"

#include "ask.h"
#include "mounts.h"
#include "paint.h"
#include "report.h"
#include "say.h"
#include "spot.h"

#include <qxfs/base/sys.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOME_AND_CLEAR "\033[H\033[J"

/* As Nagios and its kin understand it. */
enum { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL };

struct look {
	bool json, watch, check;
	struct buf text;
	size_t silent;
	int worst; /* of a check */
};

/* --- one mount's answer --- */

static void warn(struct buf *out, int *worst, int level, const char *words)
{
	buf_addf(out, "%s%s", out->len ? ", " : "", words);
	*worst = level > *worst ? level : *worst;
}

static void warn_of_imports(const struct json *s, struct buf *out, int *worst)
{
	static const char *const states[] = { "failed", "uncertain", "refused", "held" };
	char path[40], words[60];

	for (size_t i = 0; i < countof(states); i++) {
		int64_t n = 0;
		(void)snprintf(path, sizeof(path), "imports.%s", states[i]);
		if (!json_int(s, path, &n) || n <= 0)
			continue;
		(void)snprintf(words, sizeof(words), "%lld import%s %s", (long long)n,
		               n == 1 ? "" : "s", states[i]);
		warn(out, worst, CHECK_WARNING, words);
	}
}

static void check_one(const char *point, const struct json *s, struct look *look)
{
	struct buf out = { 0 };
	int worst = CHECK_OK;
	size_t failed = 0;
	char words[60];

	if (json_bool_or(s, "token_refused", false))
		warn(&out, &worst, CHECK_CRITICAL,
		     json_bool_or(s, "oauth", false) ? "the OAuth client is refused"
		                                     : "the token is refused");
	if (json_bool_or(s, "imports.stopped", false))
		warn(&out, &worst, CHECK_CRITICAL, "imports are stopped");
	if (!json_bool_or(s, "reachable", true))
		warn(&out, &worst, CHECK_WARNING, "the account cannot be reached");
	warn_of_imports(s, &out, &worst);
	for (size_t i = 0; i < json_len(s, "failures"); i++)
		failed += !json_bool_or(json_at(s, "failures", i), "settled", false);
	(void)snprintf(words, sizeof(words), "%zu file%s failed", failed, failed == 1 ? "" : "s");
	if (failed > 0)
		warn(&out, &worst, CHECK_WARNING, words);
	static const char *const levels[] = { "OK", "WARNING", "CRITICAL" };
	buf_addf(&look->text, "QXFS %s: ", levels[worst]);
	say_clean(&look->text, point);
	buf_addf(&look->text, " %s\n", out.len ? buf_text(&out) : "answers");
	look->worst = worst > look->worst ? worst : look->worst;
	buf_done(&out);
}

static void add_json(const char *point, const struct buf *answer, const char *problem,
                     struct look *look)
{
	struct buf *out = &look->text;

	buf_add_str(out, out->len > 1 ? ",\n{\"dir\":" : "{\"dir\":");
	buf_add_json(out, point);
	buf_add_str(out, problem ? ",\"problem\":" : ",\"status\":");
	if (problem)
		buf_add_json(out, problem);
	else
		buf_add(out, buf_text(answer), answer->len);
	buf_add_str(out, "}");
}

static void add_silence(const char *point, const struct qx_fail *fail, struct look *look)
{
	if (look->json) {
		add_json(point, NULL, fail->why, look);
	} else if (look->check) {
		buf_add_str(&look->text, "QXFS CRITICAL: ");
		say_clean(&look->text, point);
		buf_addf(&look->text, " %s\n", fail->why);
		look->worst = CHECK_CRITICAL;
	} else {
		(void)say_fail(fail);
	}
	look->silent++;
}

/* Other users' mounts are none of ours. one: the daemon's own answer is the whole. */
static void add_mount(const char *point, bool one, struct look *look)
{
	struct qx_fail fail = { 0 };
	struct buf answer = { 0 };
	struct json *parsed = NULL;

	int r = ask(point, CONTROL_STATUS, "", &answer, &parsed, &fail);
	if (r == -EACCES && !one)
		return;
	if (r < 0)
		add_silence(point, &fail, look);
	else if (look->check)
		check_one(point, parsed, look);
	else if (look->json && one)
		buf_add(&look->text, buf_text(&answer), answer.len);
	else if (look->json)
		add_json(point, &answer, NULL, look);
	else
		report_status(point, parsed, isatty(STDOUT_FILENO), &look->text);
	json_free(parsed);
	buf_done(&answer);
}

/* --- one, or all --- */

static int look_at_one(const char *path, struct look *look)
{
	struct qx_fail fail = { 0 };
	struct spot spot;

	int r = find_spot(path, &spot, &fail);
	if (r < 0)
		add_silence(path, &fail, look);
	else
		add_mount(spot.mount->point, true, look);
	spot_done(&spot);
	return look->silent ? STATUS_REFUSED : STATUS_OK;
}

static int look_at_all(struct look *look)
{
	struct mounts mounts;
	size_t found = 0;

	int r = mounts_read(&mounts);
	if (r < 0) {
		say("/proc/self/mountinfo cannot be read: %s", strerror(-r));
		return STATUS_REFUSED;
	}
	buf_add_str(&look->text, look->json ? "[" : "");
	for (size_t i = 0; i < mounts.n; i++) {
		const struct mount *one = &mounts.list[i];
		if (!mounts_shows(&mounts, one))
			continue;
		found++;
		add_mount(one->point, false, look);
	}
	if (look->json)
		buf_add_str(&look->text, "]\n");
	else if (look->text.len == 0 && look->silent == 0)
		buf_add_str(&look->text, found == 0 ? "There is no qxfs mount on this machine.\n"
		                                    : "No qxfs mount on this machine is yours.\n");
	if (look->check && found == 0)
		look->worst = CHECK_CRITICAL;
	mounts_done(&mounts);
	return look->silent ? STATUS_REFUSED : STATUS_OK;
}

static int look_once(const char *path, struct look *look)
{
	look->text.len = look->silent = 0;
	int status = path ? look_at_one(path, look) : look_at_all(look);
	if (look->watch)
		(void)fputs(HOME_AND_CLEAR, stdout);
	if (!look->json && !look->check && paint_wanted(STDOUT_FILENO))
		paint(&look->text);
	int printed = print(&look->text);
	return printed != STATUS_OK ? printed : look->check ? look->worst : status;
}

/* Until somebody ends it. */
static int watch(const char *path, struct look *look)
{
	const struct timespec second = { .tv_sec = 1 };
	int status;

	if (!isatty(STDOUT_FILENO)) {
		say("qxfs status -w draws on a terminal; scripts use --json or --check");
		return STATUS_REFUSED;
	}
	do {
		status = look_once(path, look);
	} while (status == STATUS_OK && nanosleep(&second, NULL) == 0);
	return status;
}

int command_status(int argc, char *const argv[])
{
	struct look look = { 0 };
	const struct flag flags[] = {
		{ "--json", &look.json },
		{ "--check", &look.check },
		{ "-w", &look.watch },
		{ NULL, NULL },
	};
	const char *path;

	if (!take_arguments(argc, argv, flags, &path))
		return STATUS_REFUSED;
	if (look.json + look.check + look.watch > 1) {
		say("one of -w, --json and --check is wanted");
		return STATUS_REFUSED;
	}
	int status = look.watch ? watch(path, &look) : look_once(path, &look);
	buf_done(&look.text);
	return status;
}
