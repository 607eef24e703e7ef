/* import_commands.c: qxfs wait, send and discard. */
#include "commands.h"

#include "ask.h"
#include "paths.h"
#include "say.h"

#include <qxfs/base/sys.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 200
#define AWAY_MS 30000

enum {
	WAIT_NONE = 1,
	WAIT_PARTLY = 3,
	WAIT_FAILED = 4,
	WAIT_UNCERTAIN = 5,
	WAIT_HELD = 6,
	WAIT_AWAY = 75,
};

static const struct {
	const char *state;
	int status;
} ends[] = {
	{ "done", STATUS_OK },           { "same", STATUS_OK },
	{ "checked", STATUS_OK },        { "done with refusals", WAIT_PARTLY },
	{ "failed", WAIT_FAILED },       { "refused", WAIT_FAILED },
	{ "uncertain", WAIT_UNCERTAIN }, { "held", WAIT_HELD },
};

static int status_of(const char *state)
{
	for (size_t i = 0; i < countof(ends); i++)
		if (strcmp(ends[i].state, state) == 0)
			return ends[i].status;
	return WAIT_FAILED;
}

static int higher(int a, int b)
{
	return a > b ? a : b;
}

/* A file's line: where it is, how it stands, why. */
static void tell(const struct json *one)
{
	struct buf line = { 0 };
	const char *path = json_str(one, "path"), *state = json_str(one, "state");
	const char *why = json_str(one, "why"), *next = json_str(one, "next");
	int64_t added = 0, updated = 0, refused = 0;

	buf_addf(&line, "%s: %s", path ? path : "", state ? state : "");
	if (json_int(one, "added", &added) && json_int(one, "updated", &updated) &&
	    json_int(one, "refused", &refused) && added + updated + refused > 0)
		buf_addf(&line, " (%lld added, %lld updated, %lld refused)", (long long)added,
		         (long long)updated, (long long)refused);
	if (why && why[0])
		buf_addf(&line, ": %s", why);
	if (next && next[0])
		buf_addf(&line, ". %s", next);
	say("%s", buf_text(&line));
	buf_done(&line);
}

static int put(const char *given, enum control_verb verb, struct json **ret, char **ret_point)
{
	struct qx_fail fail = { 0 };
	int r = ask_about(given, verb, ret, ret_point, &fail);

	if (r < 0)
		say_fail(&fail);
	return r;
}

static bool is_away(const struct json *answer)
{
	bool reachable = true;
	(void)json_bool(answer, "reachable", &reachable);
	return !reachable;
}

/* Any of them waits for the account: it is away, or refuses the token. */
static bool is_stuck(const struct json *answer)
{
	for (size_t i = 0; i < json_len(answer, "submissions"); i++) {
		const struct json *one = json_at(answer, "submissions", i);
		const char *state = json_str(one, "state"), *why = json_str(one, "why");
		if (state && strcmp(state, "queued") == 0 && why && why[0])
			return true;
	}
	return false;
}

/* True: all of it is over; *ret_status: the highest. */
static bool all_over(const struct json *answer, int *ret_status)
{
	bool over = true;

	*ret_status = json_len(answer, "submissions") ? STATUS_OK : WAIT_NONE;
	for (size_t i = 0; i < json_len(answer, "submissions"); i++) {
		const struct json *one = json_at(answer, "submissions", i);
		const char *state = json_str(one, "state");
		bool this_is = false;
		(void)json_bool(one, "over", &this_is);
		over = over && this_is;
		if (this_is && state)
			*ret_status = higher(*ret_status, status_of(state));
	}
	return over;
}

static void tell_all(const struct json *answer)
{
	for (size_t i = 0; i < json_len(answer, "submissions"); i++)
		tell(json_at(answer, "submissions", i));
}

static int wait_for_one(const char *path)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	int64_t stuck_ms = 0;

	for (;;) {
		struct json *answer = NULL;
		int status;

		if (put(path, CONTROL_HURRY, &answer, NULL) < 0)
			return WAIT_NONE;
		bool over = all_over(answer, &status);
		bool stuck = is_away(answer) || is_stuck(answer);
		stuck_ms = !stuck ? 0 : stuck_ms ? stuck_ms : sys_now_ms();
		bool away = stuck_ms && sys_now_ms() - stuck_ms >= AWAY_MS;
		if (over && status == WAIT_NONE)
			say("%s: nothing of this name was given to be imported", path);
		if (over || away)
			tell_all(answer);
		if (away && !over)
			say("%s: the account cannot be reached, or refuses it; it is kept and sent "
			    "as soon as that is possible",
			    path);
		json_free(answer);
		if (over || away)
			return over ? status : WAIT_AWAY;
		nanosleep(&pause, NULL);
	}
}

/* Each of those that lie in it now, wherever it moves to meanwhile. */
static int wait_for_all(const struct json *answer, const char *mountpoint)
{
	int status = STATUS_OK;

	for (size_t i = 0; i < json_len(answer, "submissions"); i++) {
		const char *below = json_str(json_at(answer, "submissions", i), "path");
		struct buf path = { 0 };
		buf_addf(&path, "%s/%s", mountpoint, below ? below : "");
		status = higher(status, wait_for_one(buf_text(&path)));
		buf_done(&path);
	}
	return status;
}

static int wait_for(const char *path)
{
	struct json *answer = NULL;
	char *mountpoint = NULL;
	bool folder = false;

	if (put(path, CONTROL_HURRY, &answer, &mountpoint) < 0)
		return WAIT_NONE;
	(void)json_bool(answer, "folder", &folder);
	int status =
		folder ? wait_for_all(answer, mountpoint ? mountpoint : "") : wait_for_one(path);
	json_free(answer);
	free(mountpoint);
	return status;
}

static int do_one(const char *path, enum control_verb verb)
{
	struct json *answer = NULL;

	if (put(path, verb, &answer, NULL) < 0)
		return STATUS_REFUSED;
	int status = json_len(answer, "submissions") ? STATUS_OK : STATUS_REFUSED;
	if (status != STATUS_OK)
		say("%s: nothing of this name was given to be imported", path);
	else if (verb == CONTROL_SEND)
		tell(json_at(answer, "submissions", 0));
	json_free(answer);
	return status;
}

static int send_one(const char *path)
{
	return do_one(path, CONTROL_SEND);
}

static int discard_one(const char *path)
{
	return do_one(path, CONTROL_DISCARD);
}

int command_wait(int argc, char *const argv[])
{
	return paths_each(argc, argv, "wait", wait_for);
}

int command_send(int argc, char *const argv[])
{
	return paths_each(argc, argv, "send", send_one);
}

int command_discard(int argc, char *const argv[])
{
	return paths_each(argc, argv, "discard", discard_one);
}
