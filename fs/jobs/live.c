/* live.c: a GET of any path, for the one open that asked: kept nowhere, found by nobody.
 *
 *   answer ──► result ──► its elements, behind those of the pages before ──► next page … ──► out
 *                 └─────► it has none, so it is no list ───────────────────────────────────► out
 *
 * All three are spills, and all steps copy tokens (document.h): memory holds neither a page nor a
 * document, and numbers, escapes and duplicate keys come out as they came in. A page that fails
 * fails the whole. When the one who asked gives up, so do we: nobody else could use it. */
#include "job.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/document.h>
#include <qxfs/base/json.h>
#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define PAGES_MAX 100000
#define DAMAGES_MAX 2
#define ADDRESS_MAX 16384 /* of a next page, as JSON */
#define EMPTY "[]\n"
#define END "\n]\n"
static_assert(sizeof(EMPTY) == sizeof(END), "join() takes one for the other");

static void next_page(struct job *job);

/* --- the network thread ---------------------------------------------------------------------- */

static int on_room(struct call *call, uint64_t written, size_t len)
{
	struct job *job = call->arg;

	if (written + len > cache_max_export(job->jobs->config.cache))
		return -EFBIG;
	return spill_reserve(job->answer, written + len);
}

/* --- the pool -------------------------------------------------------------------------------- */

static void make_spills(struct job *job)
{
	struct cache *cache = job->jobs->config.cache;

	job->disk_err = spill_new(cache, &job->answer);
	if (job->disk_err == 0)
		job->disk_err = spill_new(cache, &job->result);
	if (job->disk_err == 0)
		job->disk_err = spill_new(cache, &job->out);
}

static int cut_at(int fd, uint64_t at)
{
	return ftruncate(fd, (off_t)at) < 0 || lseek(fd, (off_t)at, SEEK_SET) < 0 ? -errno : 0;
}

/* Re-indented it may be longer, but seldom by much; what has no room then says so when written. */
static int make_room(struct spill *to, uint64_t at, int from_fd)
{
	struct stat st;
	return fstat(from_fd, &st) < 0 ? -errno : spill_reserve(to, at + (uint64_t)st.st_size);
}

/* A member of the document in `from`, written to `to` from `at` on: its length. What turns out too
 * long for memory begins again on the disk. */
static int64_t extract(struct job *job, struct spill *from, const char *member, struct spill *to,
                       uint64_t at)
{
	uint64_t most = cache_max_export(job->jobs->config.cache);
	int fd = spill_fd(to);

	int r = make_room(to, at, spill_fd(from));
	while (r == 0) {
		bool small = spill_is_in_memory(to) && most > SPILL_MEMORY;
		uint64_t limit = small ? SPILL_MEMORY : most;
		r = cut_at(fd, at);
		if (r < 0)
			break;
		int64_t n = at > limit ? -EFBIG
		                       : document_extract(spill_fd(from), member, DOCUMENT_INDENTED,
		                                          fd, limit - at);
		if (n != -EFBIG || !small)
			return n;
		r = spill_reserve(to, SPILL_MEMORY + 1);
	}
	return r;
}

static int put_at(int fd, uint64_t at, const char *text)
{
	int r = cut_at(fd, at);
	return r < 0 ? r : sys_write_all(fd, text, strlen(text));
}

/* The elements of a page stand behind the others as an array of their own: its opening bracket
 * becomes the comma between, its end is cut off. Of an empty one nothing is left: EMPTY is as long
 * as END. */
static int join(struct job *job, uint64_t length)
{
	uint64_t at = job->out_length;
	int fd = spill_fd(job->out);

	if (at > 0 && pwrite(fd, ",", 1, (off_t)at) != 1)
		return -EIO;
	job->out_length = at + length - strlen(END);
	return cut_at(fd, job->out_length);
}

static int close_list(struct job *job)
{
	const char *end = job->out_length ? END : EMPTY;
	int r = put_at(spill_fd(job->out), job->out_length, end);
	job->out_length += strlen(end);
	return r;
}

static int bad_page(struct job *job, const char *what)
{
	return fail_set(&job->disk_fail, EIO, "the service's pages of this list %s", what);
}

/* The address as JSON text: a string, null, or something else. */
static int read_address(struct job *job, const char *text)
{
	struct buf object = { 0 };
	struct json *j = NULL;
	int r = 0;

	buf_addf(&object, "{\"nextPage\":%s}", text);
	if (buf_failed(&object) || json_parse(buf_text(&object), object.len, &j) < 0)
		r = bad_page(job, "name a next page that is no address");
	const char *address = j ? json_str(j, "nextPage") : NULL;
	if (r == 0 && !address && json_get(j, "nextPage"))
		r = bad_page(job, "name a next page that is no address");
	if (r == 0 && address && address[0]) {
		job->page_url = strdup(address);
		r = job->page_url ? 0 : -ENOMEM;
	}
	json_free(j);
	buf_done(&object);
	return r;
}

/* The answer has been taken apart, so its spill has room for the address. */
static int find_next(struct job *job)
{
	char text[ADDRESS_MAX + 1];

	int64_t n = extract(job, job->result, "nextPage", job->answer, 0);
	if (n == -EBADMSG)
		return 0; /* the result has no such member: it was the last page */
	if (n < 0)
		return (int)n;
	if (n > ADDRESS_MAX)
		return bad_page(job, "name a next page that is no address");
	if (pread(spill_fd(job->answer), text, (size_t)n, 0) != (ssize_t)n)
		return -EIO;
	text[n] = '\0';
	return read_address(job, text);
}

static bool is_array(struct spill *s, uint64_t at)
{
	char first = 0;
	return pread(spill_fd(s), &first, 1, (off_t)at) == 1 && first == '[';
}

/* The result is what is served. */
static int serve_result(struct job *job, uint64_t length)
{
	struct spill *result = job->result;

	job->result = job->out;
	job->out = result;
	job->out_length = length;
	return 0;
}

static int take_answer(struct job *job)
{
	int64_t whole = extract(job, job->answer, "result", job->result, 0);
	if (whole < 0)
		return (int)whole; /* asked for once more: page_url still says what */
	free(job->page_url);
	job->page_url = NULL;

	int64_t n = extract(job, job->result, "elements", job->out, job->out_length);
	bool array = n > 0 && is_array(job->out, job->out_length);
	if (n < 0 && n != -EBADMSG)
		return (int)n;
	if (!array && job->listed)
		return bad_page(job, "have no elements");
	if (!array)
		return serve_result(job, (uint64_t)whole);

	job->listed = true;
	int r = join(job, (uint64_t)n);
	if (r == 0)
		r = find_next(job);
	return r == 0 && !job->page_url ? close_list(job) : r;
}

static void take_page(struct job *job)
{
	fail_clear(&job->disk_fail);
	job->disk_err = take_answer(job);
}

/* --- the jobs thread ------------------------------------------------------------------------- */

static void give_up(struct job *job)
{
	fail_set(&job->fail, ECANCELED, "the wait was given up");
	job_fail(job);
}

static void fail_on_disk(struct job *job)
{
	struct qx_fail *fail = &job->fail;
	int err = -job->disk_err;

	if (job->disk_fail.err) {
		*fail = job->disk_fail;
		fail_remedy(fail, "Open it again to try anew; if it stays so, tell Qualtrics' "
		                  "support.");
	} else if (err == EBADMSG) {
		fail_set(fail, EIO, "the service's answer is no whole JSON document with a result");
		fail_remedy(fail, "Files are not read like this: only paths that answer with "
		                  "JSON.");
	} else if (err == EFBIG) {
		fail_set(fail, err, "the service's answer is larger than max_export= allows");
		fail_remedy(fail, "Ask for less, or mount again with a larger -o max_export=.");
	} else {
		fail_set(fail, err, "the service's answer has no place on the cache's disk: %s",
		         strerror(err));
		fail_remedy(fail, "Make room there, or name another disk with -o cache_dir=.");
	}
	job_fail(job);
}

static void page_taken(struct job *job)
{
	board_bytes(job->jobs->board, job, job->out_length);
	if (job->disk_err == -EBADMSG && ++job->damages < DAMAGES_MAX) {
		next_page(job);
		return;
	}
	if (job->disk_err == 0 && job->page_url &&
	    (job->pages.n >= PAGES_MAX || !circle_enter(&job->pages, job->page_url)))
		job->disk_err = bad_page(job, "lead in a circle, or never end");
	if (job->disk_err < 0)
		fail_on_disk(job);
	else if (job->page_url)
		next_page(job);
	else if (!job->wants)
		give_up(job);
	else
		job_succeed(job);
}

static void page_came(struct job *job)
{
	if (job->call.fail.err) {
		job_take_call_fail(job);
		job_fail(job);
		return;
	}
	call_clear(&job->call);
	job_disk(job, take_page, page_taken);
}

static void next_page(struct job *job)
{
	if (!job->wants) {
		give_up(job);
		return;
	}
	call_prepare(job, job->recipe.ep);
	job->call.args[0] = job->recipe.args[0];
	job->call.query = job->recipe.query;
	job->call.page_url = job->page_url;
	job->call.sink_fd = spill_fd(job->answer);
	job->call.on_room = on_room;
	job_call(job, page_came);
}

static void spills_made(struct job *job)
{
	if (job->disk_err < 0) {
		fail_on_disk(job);
		return;
	}
	job_move(job, JOB_FETCHING);
	next_page(job);
}

void live_begin(struct job *job)
{
	job_disk(job, make_spills, spills_made);
}

void live_unwanted(struct job *job)
{
	if (job->call_live)
		client_cancel(job->jobs->config.client, &job->call);
}
