/* fetch.c: a download into a draft, what is made of it, and its publication.
 *
 * An export's archive is unpacked while it comes, by one of FOLLOWERS_MAX pool workers that wait
 * for bytes; when both are taken, or when the transport had to begin again, it is unpacked once it
 * is whole. A damaged download is fetched once more, then it is an error. */
#include "job.h"
#include "lag.h"
#include "outside.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define SHOW_EVERY (256 * 1024)
#define DAMAGES_MAX 2

static void joined(struct job *job);

/* --- the network thread ---------------------------------------------------------------------- */

static int on_room(struct call *call, uint64_t written, size_t len)
{
	struct job *job = call->arg;
	return draft_reserve(job->draft, draft_raw_fd(job->draft), written + len);
}

static void on_bytes(struct call *call, uint64_t written)
{
	struct job *job = call->arg;

	if (written < job->shown_bytes) {
		/* A new attempt: what was unpacked so far came from the old one. */
		job->refetched = true;
		follow_end(&job->follow, false);
		if (ftruncate(draft_raw_fd(job->draft), 0) < 0)
			log_warn("jobs", "%s: cannot empty a draft", job->recipe.subject);
		job->shown_bytes = 0;
		return;
	}
	if (!job->refetched)
		follow_grow(&job->follow, written);
	if (written - job->shown_bytes >= SHOW_EVERY || !job->shown_bytes) {
		job->shown_bytes = written;
		board_bytes(job->jobs->board, job, written);
	}
}

/* --- the pool -------------------------------------------------------------------------------- */

static void unpack(struct job *job)
{
	struct unpack_job task = {
		.follow = &job->follow,
		.raw_fd = draft_raw_fd(job->draft),
		.out_fd = job->split ? split_part_fd(job) : draft_data_fd(job->draft),
		.max_bytes = cache_max_export(job->jobs->config.cache),
		.utf16 = job->recipe.utf16,
		.bom = job->recipe.bom,
		.rows = job->split ? split_rows_as(job) : job->recipe.rows,
		.room = job->split ? split_part_room : job_room_for_data,
		.arg = job,
	};
	fail_clear(&job->disk_fail);
	job->disk_err =
		task.out_fd < 0 ? task.out_fd : unpack_run(&task, &job->unpacked, &job->disk_fail);
}

static void rewind_draft(struct job *job)
{
	job->disk_err = draft_rewind(job->draft, !job->split); /* parts before it stay */
}

/* A document that has not changed keeps its generation, and with it the kernel's pages. Not what
 * is made here: its generation names the bytes that it was made from, and those are others now. */
static void publish(struct job *job)
{
	struct cache *cache = job->jobs->config.cache;
	const struct recipe *recipe = &job->recipe;
	bool asked = job->recipe.kind == JOB_DOCUMENT || job->recipe.kind == JOB_PAGES;

	bool same = asked && job->old && draft_equals(job->draft, job->unpacked.length, job->old);
	if (recipe->has_span) /* if it cannot be counted, nothing is told of it */
		(void)outside_count(draft_data_fd(job->draft), job->unpacked.length, recipe->from_s,
		                    recipe->to_s, job->facts.outside);
	job->facts.took_ms = sys_now_ms() - job->started_ms;
	if (recipe->whole) {
		job->facts.rows = job->unpacked.rows;
		lag_note(&job->facts, job->old ? &job->old->facts : NULL);
	}
	if (same)
		job->disk_err = cache_renew(cache, job->old,
		                            job->looking ? job->old->mtime_s : job->mtime_s);
	if (!same || job->disk_err < 0)
		job->disk_err = draft_publish(job->draft, job->unpacked.length, job->unpacked.crc,
		                              &job->facts, &job->made);
	/* Without the draft the key is free: whoever is answered may want it again at once. */
	draft_free(job->draft);
	job->draft = NULL;
}

/* --- the jobs thread ------------------------------------------------------------------------- */

static void published(struct job *job)
{
	if (job->disk_err == 0) {
		job_succeed(job);
		return;
	}
	if (job->asked.what == ASKS_NEW) {
		export_all(job, job->disk_fail.err ? job->disk_fail.why
		                                   : "what is new cannot be appended");
		return;
	}
	fail_set(&job->fail, -job->disk_err, "%s could not be written to the cache",
	         job->recipe.subject);
	fail_remedy(&job->fail,
	            "Look at the disk that holds the cache: space, quota, permissions.");
	job_fail(job);
}

static void rewound(struct job *job)
{
	if (job->disk_err == 0) {
		fetch_begin(job);
		return;
	}
	fail_set(&job->fail, -job->disk_err, "the cache's disk fails");
	job_fail(job);
}

static void stop_following(struct job *job)
{
	if (!job->following)
		return;
	job->following = false;
	job->jobs->followers--;
}

static const char *remedy_of(int err)
{
	if (err == EFBIG)
		return "If the file may be so large, mount again with a larger -o max_export=.";
	if (err == ENOSPC)
		return "Make room on the disk that holds the cache, or name another with -o "
		       "cache_dir=.";
	return "Open it again to try anew; if it stays so, give the requestId to Qualtrics' "
	       "support.";
}

void fetch_fail(struct job *job)
{
	bool told = job->disk_fail.err != 0;
	int err = job->disk_err == -EBADMSG || job->disk_err == -ESTALE ? EIO : -job->disk_err;

	if (told)
		job->fail = job->disk_fail;
	else
		fail_set(&job->fail, err, "the download could not be unpacked");
	job->fail.err = err;
	if (!job->fail.remedy[0])
		fail_remedy(&job->fail, "%s", remedy_of(err));
	memcpy(job->fail.request_id, job->request_id, sizeof(job->request_id));
	job_fail(job);
}

void fetch_publish(struct job *job)
{
	job_move(job, JOB_PUBLISHING);
	job_disk(job, job->asked.what == ASKS_NEW ? append_publish : publish, published);
}

static void judge(struct job *job)
{
	follow_done(&job->follow);
	if (job->disk_err == 0 && job->split) {
		split_fetched(job);
		return;
	}
	if (job->disk_err == 0) {
		if (job->recipe.kind == JOB_EXPORT)
			job->facts.split.part_bytes = job->unpacked.length;
		fetch_publish(job);
		return;
	}
	if (job->disk_err == -EBADMSG && ++job->damages < DAMAGES_MAX) {
		log_warn("jobs", "%s: %s; fetched once more", job->recipe.subject,
		         job->disk_fail.why);
		job_move(job, JOB_FETCHING);
		job_disk(job, rewind_draft, rewound);
		return;
	}

	if (job->asked.what == ASKS_NEW) {
		export_all(job, "what is new could not be unpacked");
		return;
	}
	if (job->disk_err == -EBADMSG && split_is_damaged(job))
		return;
	fetch_fail(job);
}

/* Whole on disk, not unpacked yet. */
static void unpack_whole(struct job *job)
{
	uint64_t written = job->call.written;
	call_clear(&job->call);
	job_move(job, JOB_UNPACKING);
	follow_done(&job->follow);
	follow_init(&job->follow);
	follow_grow(&job->follow, written);
	follow_end(&job->follow, true);
	job_disk(job, job->recipe.kind == JOB_DOCUMENT ? document_unpack : unpack, judge);
}

static void call_over(struct job *job)
{
	bool good = !job->call.fail.err;
	if (good && !job->refetched)
		follow_grow(&job->follow, job->call.written);
	follow_end(&job->follow, good && !job->refetched);
	joined(job);
}

static void unpack_over(struct job *job)
{
	/* Too large, or no disk: what still comes is of no use. */
	if (job->disk_err < 0 && job->call_live && !job->refetched && job->disk_err != -EBADMSG)
		client_cancel(job->jobs->config.client, &job->call);
	joined(job);
}

/* The download and its follower are both over. */
static void joined(struct job *job)
{
	if (job->call_live || job->disk_live)
		return;
	bool followed = job->following && !job->refetched;
	stop_following(job);

	bool spoiled = followed && job->disk_err < 0 && job->disk_err != -ECANCELED;
	if (spoiled && job->call.fail.err == ECANCELED) {
		call_clear(&job->call);
		judge(job);
	} else if (job->call.fail.err) {
		follow_done(&job->follow);
		if (job->call.fail.http == 404 && job->recipe.kind == JOB_EXPORT) {
			export_file_missing(job);
			return;
		}
		job_take_call_fail(job);
		job_fail(job);
	} else if (followed) {
		call_clear(&job->call);
		judge(job);
	} else {
		unpack_whole(job);
	}
}

void fetch_begin(struct job *job)
{
	bool export = job->recipe.kind == JOB_EXPORT;

	job_move(job, JOB_FETCHING);
	call_prepare(job, export ? EP_EXPORT_FILE : job->recipe.ep);
	if (export)
		job->call.args[1] = job->file_id;
	job->call.query = job->recipe.query;
	job->call.sink_fd = draft_raw_fd(job->draft);
	if (!export)
		job->asked_ms = sys_now_ms();
	if (!export)
		job->call.bound_ms = job_bound_ms(job);
	job->call.on_room = on_room;
	job->call.on_bytes = on_bytes;
	job->refetched = false;
	job->shown_bytes = 0;
	job->disk_err = 0;
	follow_init(&job->follow);

	job->following = export && job->jobs->followers < FOLLOWERS_MAX;
	if (job->following) {
		job->jobs->followers++;
		job_disk(job, unpack, unpack_over);
	}
	job_call(job, call_over);
}
