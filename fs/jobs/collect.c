/* collect.c: a file made of all pages of a list: contacts, links, quotas.
 *
 *   page ► spool ► page ► spool … ► the last one: shape ► publish
 *
 * Each page's elements go to the draft's raw file, a line each, so memory holds one page. A page
 * that fails fails the file: never a shortened one. */
#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/json.h>
#include <qxfs/base/sys.h>

#include "shapes.h"

#define PAGES_MAX 100000

static void next_page(struct job *job);

/* --- the pool -------------------------------------------------------------------------------- */

static void spool(struct job *job)
{
	struct buf lines = { 0 };
	size_t n = json_len(job->page, "result.elements");

	fail_clear(&job->disk_fail);
	for (size_t i = 0; i < n && !job->disk_fail.err; i++) {
		const struct json *element = json_at(job->page, "result.elements", i);
		if (!json_is_object(element, NULL))
			fail_set(&job->disk_fail, EIO,
			         "an element of the service's pages of %s is no object",
			         endpoint_row(job->recipe.ep)->what);
		json_add(element, NULL, &lines);
		buf_add_str(&lines, "\n");
	}
	job->disk_err = buf_failed(&lines) ? -ENOMEM : -job->disk_fail.err;
	if (job->disk_err == 0)
		job->disk_err = draft_reserve(job->draft, draft_raw_fd(job->draft),
		                              job->spooled + lines.len);
	if (job->disk_err == 0 && lines.len)
		job->disk_err = sys_write_all(draft_raw_fd(job->draft), lines.data, lines.len);
	job->spooled += lines.len;
	buf_done(&lines);
	json_free(job->page);
	job->page = NULL;
}

static void shape(struct job *job)
{
	fail_clear(&job->disk_fail);
	const struct shape_input in = {
		.spool_fd = draft_raw_fd(job->draft),
		.spool_len = job->spooled,
		.bom = job->recipe.bom,
		.room = job_room_for_data,
		.arg = job,
	};
	job->disk_err = shape_write(job->recipe.shape, &in, draft_data_fd(job->draft),
	                            &job->unpacked.length, &job->disk_fail);
	if (job->disk_err == 0)
		job->disk_err = draft_crc(job->draft, job->unpacked.length, &job->unpacked.crc);
}

/* --- the jobs thread ------------------------------------------------------------------------- */

static void shaped(struct job *job)
{
	if (job->disk_err < 0)
		job_fail_disk(job, "written to the cache");
	else
		fetch_publish(job);
}

static void spooled(struct job *job)
{
	board_bytes(job->jobs->board, job, job->spooled);
	if (job->disk_err < 0) {
		job_fail_disk(job, "written to the cache");
	} else if (job->page_url) {
		next_page(job);
	} else {
		job_move(job, JOB_UNPACKING);
		job_disk(job, shape, shaped);
	}
}

static void bad_page(struct job *job, const char *what)
{
	const char *id = json_str(job->call.answer, "meta.requestId");
	fail_set(&job->fail, EIO, "the service's pages of %s %s",
	         endpoint_row(job->recipe.ep)->what, what);
	fail_remedy(&job->fail, "Open it again to try anew; if it stays so, give the requestId to "
	                        "Qualtrics' support.");
	if (id)
		strncpy(job->fail.request_id, id, sizeof(job->fail.request_id) - 1);
	call_clear(&job->call);
	job_fail(job);
}

/* Never a shortened file. */
static void too_many(struct job *job)
{
	int most = endpoint_row(job->recipe.ep)->most;

	call_clear(&job->call);
	fail_set(&job->fail, EFBIG, "%s has %d hits or more, and the service gives no further ones",
	         endpoint_row(job->recipe.ep)->what, most);
	fail_remedy(&job->fail, "Add a condition that fewer people meet, or read contacts.csv of "
	                        "the directory, which has them all.");
	job_fail(job);
}

/* The pages so far are as many as the endpoint gives, or its refusal means that (API.md 7.3). */
static bool is_at_the_end(const struct job *job, bool refused)
{
	int most = endpoint_row(job->recipe.ep)->most;

	if (!most)
		return false;
	return refused ? job->elements > 0 && job->elements + job->page_elements > (size_t)most
	               : job->elements >= (size_t)most;
}

static void page_came(struct job *job)
{
	free(job->page_url);
	job->page_url = NULL;
	if (job->call.fail.err && is_at_the_end(job, true) && job->call.fail.http == 400) {
		too_many(job);
		return;
	}
	if (job->call.fail.err) {
		job_take_call_fail(job);
		job_fail(job);
		return;
	}
	if (!json_is_array(job->call.answer, "result.elements")) {
		bad_page(job, "have no elements");
		return;
	}
	job->page_elements = json_len(job->call.answer, "result.elements");
	job->elements += job->page_elements;
	if (job->call.next_page && is_at_the_end(job, false)) {
		too_many(job);
		return;
	}
	if (job->call.next_page &&
	    (job->pages.n >= PAGES_MAX || !circle_enter(&job->pages, job->call.next_page))) {
		bad_page(job, "lead in a circle, or never end");
		return;
	}
	job->page_url = job->call.next_page;
	job->call.next_page = NULL;
	job->page = job->call.answer;
	job->call.answer = NULL;
	call_clear(&job->call);
	job_disk(job, spool, spooled);
}

static void next_page(struct job *job)
{
	call_prepare(job, job->recipe.ep);
	job->call.query = job->recipe.query;
	job->call.body = job->recipe.body;
	job->call.page_url = job->page_url;
	job->call.bound_ms = job_bound_ms(job);
	job_call(job, page_came);
}

void collect_begin(struct job *job)
{
	job_move(job, JOB_FETCHING);
	job->asked_ms = sys_now_ms();
	next_page(job);
}
