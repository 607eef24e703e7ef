/* file_commands.c: qxfs fetch, refresh and forget. */
#include "commands.h"

#include "ask.h"
#include "paths.h"
#include "say.h"

#include <qxfs/base/sys.h>
#include <qxfs/base/worker.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE 15 /* as many as the service runs jobs */
#define TRIES 3    /* of an open that took too long, though nothing seems to run */
#define LOOK_MS 500
#define CLEAR_LINE "\r\033[K"

/* NULL after a sentence. json_free() it. */
static struct json *put(const char *path, enum control_verb verb)
{
	struct qx_fail fail = { 0 };
	struct json *parsed = NULL;

	if (ask_about(path, verb, &parsed, NULL, &fail) == 0)
		return parsed;
	say_fail(&fail);
	return NULL;
}

static void say_why(const char *path, const struct json *answer)
{
	const char *why = json_str(answer, "why");
	say("%s: %s", path, why && why[0] ? why : "there is no such file");
}

/* --- qxfs refresh, qxfs forget --- */

static bool refresh_one(const char *path)
{
	struct json *answer = put(path, CONTROL_REFRESH);
	bool done = false;

	if (answer && (!json_bool(answer, "refreshed", &done) || !done))
		say_why(path, answer);
	json_free(answer);
	return done;
}

int command_refresh(int argc, char *const argv[])
{
	struct paths paths;
	int status = paths_take(argc, argv, "refresh", &paths) ? STATUS_OK : STATUS_REFUSED;

	for (size_t i = 0; status == STATUS_OK && i < paths.n; i++)
		if (!refresh_one(paths.list[i]))
			status = STATUS_REFUSED;
	paths_done(&paths);
	return status;
}

static int forget_one(const char *path)
{
	struct json *answer = put(path, CONTROL_FORGET);
	bool found = false;
	int64_t removed = 0, open = 0;

	if (!answer)
		return STATUS_REFUSED;
	if (!json_bool(answer, "found", &found) || !found) {
		say_why(path, answer);
	} else if (json_int(answer, "removed", &removed) && json_int(answer, "open", &open)) {
		printf("%s: %lld removed from this disk\n", path, (long long)removed);
		if (open > 0)
			say("%s: %lld stay, since a program has them open; ask again when it has "
			    "closed them",
			    path, (long long)open);
	}
	json_free(answer);
	return found && open == 0 ? STATUS_OK : STATUS_REFUSED;
}

/* Not a folder's files but all that is cached of what the folder stands for. */
int command_forget(int argc, char *const argv[])
{
	int status = paths_each(argc, argv, "forget", forget_one);
	return fflush(stdout) == 0 ? status : STATUS_REFUSED;
}

/* --- qxfs fetch --- */

/* Opening is fetching; several threads, for each waits. */
struct fetching {
	struct paths paths;
	int *errs; /* of each, when `ended` counts it */
	atomic_size_t next, ended;
};

/* An open that open_wait= has ended leaves its job running. What is known of the file otherwise
 * does for a few more: it may be there by now, or a folder above it was asked for. */
static bool goes_on(const char *path, int *tries)
{
	struct qx_fail fail = { 0 };
	struct json *answer = NULL;

	(void)ask_about(path, CONTROL_WHY, &answer, NULL, &fail);
	const char *state = json_str(answer, "state");
	bool runs = state && strcmp(state, "running") == 0;
	bool failed = !state || strcmp(state, "failed") == 0;
	json_free(answer);
	return runs || (!failed && ++*tries < TRIES);
}

/* As open(), but for open_wait=. */
static int open_for_long(const char *path)
{
	int r, tries = 0;

	do {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		r = fd < 0 ? -errno : fd;
	} while (r == -ETIMEDOUT && goes_on(path, &tries));
	return r;
}

static void *open_them(void *arg)
{
	struct fetching *f = arg;

	for (;;) {
		size_t i = atomic_fetch_add(&f->next, 1);
		if (i >= f->paths.n)
			return NULL;
		int fd = open_for_long(f->paths.list[i]);
		f->errs[i] = fd < 0 ? -fd : 0;
		if (fd >= 0)
			close(fd);
		atomic_fetch_add(&f->ended, 1);
	}
}

/* "2 of 5, surveys/SV_x/responses.csv exporting, 42 %" */
static void show(const struct fetching *f, bool terminal)
{
	struct qx_fail fail = { 0 };
	struct buf line = { 0 };
	struct json *status = NULL;
	double percent = 0;

	if (!terminal)
		return;
	(void)ask_about(f->paths.list[0], CONTROL_STATUS, &status, NULL, &fail);
	buf_addf(&line, "%zu of %zu", atomic_load(&f->ended), f->paths.n);
	const struct json *job = json_len(status, "jobs") ? json_at(status, "jobs", 0) : NULL;
	const char *path = json_str(job, "path"), *state = json_str(job, "state");
	if (path && state) {
		buf_add_str(&line, ", ");
		say_clean(&line, path);
		buf_addf(&line, " %s", state);
		if (json_double(job, "percent", &percent) && percent > 0)
			buf_addf(&line, ", %.0f %%", percent);
	}
	fprintf(stderr, CLEAR_LINE "%.120s", buf_text(&line));
	json_free(status);
	buf_done(&line);
}

static void watch(struct fetching *f)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	const struct timespec first = { .tv_nsec = 20 * 1000000L };
	bool terminal = isatty(STDERR_FILENO);

	(void)nanosleep(&first, NULL);
	while (atomic_load(&f->ended) < f->paths.n) {
		show(f, terminal);
		(void)nanosleep(&pause, NULL);
	}
	if (terminal)
		fprintf(stderr, CLEAR_LINE);
}

/* What became of each, with the reason that the mount knows. */
static int tell_all(const struct fetching *f)
{
	int status = STATUS_OK;

	for (size_t i = 0; i < f->paths.n; i++) {
		struct json *answer = f->errs[i] ? put(f->paths.list[i], CONTROL_WHY) : NULL;
		const char *text = json_str(answer, "text");
		if (f->errs[i]) {
			status = STATUS_REFUSED;
			say("%s: %s%s%.*s", f->paths.list[i], strerror(f->errs[i]),
			    text ? ". " : "", text ? (int)strcspn(text, "\n") : 0,
			    text ? text : "");
			const char *more = text ? strchr(text, '\n') : NULL;
			if (more && more[1])
				fprintf(stderr, "%s", more + 1);
		}
		json_free(answer);
	}
	return status;
}

static int fetch(struct fetching *f)
{
	pthread_t threads[AT_ONCE];
	size_t n = f->paths.n < AT_ONCE ? f->paths.n : AT_ONCE, started = 0;

	while (started < n && thread_start(&threads[started], "fetch", open_them, f) == 0)
		started++;
	if (started == 0 && n > 0) {
		say("no thread can be started");
		return STATUS_REFUSED;
	}
	watch(f);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return tell_all(f);
}

int command_fetch(int argc, char *const argv[])
{
	struct fetching f = { 0 };
	int status = paths_take(argc, argv, "fetch", &f.paths) ? STATUS_OK : STATUS_REFUSED;

	if (status == STATUS_OK) {
		f.errs = calloc(f.paths.n + 1, sizeof(*f.errs));
		status = f.errs ? fetch(&f) : STATUS_REFUSED;
	}
	free(f.errs);
	paths_done(&f.paths);
	return status;
}
