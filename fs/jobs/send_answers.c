/* send_answers.c: what the service's answers to an import mean, and what no answer means. */
#include "send.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#include "poll.h"

#define AWAY_FIRST_MS 5000
#define AWAY_LONGEST_MS 300000
#define REFUSED_MS 60000 /* a token that is refused is asked about once a minute */
#define DAY_MS 86400000

/* --- the request --------------------------------------------------------------------------------
 */

static int64_t backoff_ms(const struct sending *s)
{
	int64_t ms = AWAY_FIRST_MS;
	for (unsigned i = imports_tries(s->imports, s->entry.id); i > 0 && ms < AWAY_LONGEST_MS;
	     i--)
		ms *= 2;
	return ms < AWAY_LONGEST_MS ? ms : AWAY_LONGEST_MS;
}

static void uncertain(struct sending *s, const char *why)
{
	send_note(s, PART_UNCERTAIN, ENTRY_UNCERTAIN, why,
	          "Look in the account; then remove this file, or move it into import/send/ to "
	          "have it sent again.",
	          send_noted_end);
}

void send_unsure(struct sending *s)
{
	switch (endpoint_row(s->kind->start)->repeat) {
	case REPEAT_ALWAYS:
	case REPEAT_KEY:
		send_post(s); /* the service knows the key again */
		break;
	case REPEAT_LOOK:
		send_look(s);
		break;
	case REPEAT_NEVER:
		uncertain(s, "the request went out and no answer came, so it may have been "
		             "imported or not");
		break;
	}
}

static void request_failed(struct sending *s)
{
	bool repeatable = endpoint_row(s->kind->start)->repeat == REPEAT_KEY ||
	                  endpoint_row(s->kind->start)->repeat == REPEAT_ALWAYS;
	bool sent = s->call.attempts > 0;

	s->fail = s->call.fail;
	memcpy(s->parts[s->at].request_id, s->fail.request_id, sizeof(s->fail.request_id));
	call_clear(&s->call);
	if (!s->second_form && import_other_form(s->kind, &s->fail)) {
		s->second_form = true;
		send_post(s);
	} else if (s->fail.unsure && sent && !repeatable)
		send_unsure(s);
	else if (s->fail.err == ECANCELED && sent)
		send_over(s); /* the mount ends: the journal says that it went out */
	else if (s->fail.unsure || s->fail.unreachable || s->fail.http == 429 ||
	         s->fail.err == ECANCELED)
		send_again(s, s->fail.why, s->fail.remedy, backoff_ms(s));
	else if (s->fail.http == 401 || s->fail.http == 403)
		send_again(s, s->fail.why, s->fail.remedy, REFUSED_MS);
	else
		send_note(s, PART_FAILED, ENTRY_FAILED, s->fail.why, s->fail.remedy,
		          send_noted_end);
}

/* --- rows that were refused at once -------------------------------------------------------------
 */

void send_forget_refused(struct sending *s)
{
	for (size_t i = 0; i < s->refused.n_addresses; i++)
		free(s->refused_addresses[i]);
	free(s->refused_addresses);
	free(s->refused_rows);
	s->refused_addresses = NULL;
	s->refused_rows = NULL;
	s->refused = (struct import_refused){ 0 };
}

static void take_indexes(struct sending *s, const struct json *indexes)
{
	size_t n = json_len(indexes, NULL);
	uint64_t rows = s->parts[s->at].rows;

	send_forget_refused(s);
	s->refused_rows = calloc(n + 1, sizeof(*s->refused_rows));
	for (size_t i = 0; s->refused_rows && i < n; i++) {
		int64_t row;
		if (json_int(json_at(indexes, NULL, i), NULL, &row) && row >= 0 &&
		    (uint64_t)row < rows)
			s->refused_rows[s->refused.n++] = (uint64_t)row;
	}
	s->refused.rows = s->refused_rows;
	s->refused.reason = "the service refused it on sight: a field is missing or malformed";
}

static int compare_addresses(const void *a, const void *b)
{
	return strcasecmp(*(char *const *)a, *(char *const *)b);
}

static void take_addresses(struct sending *s, const struct json *addresses)
{
	size_t n = json_len(addresses, NULL);

	send_forget_refused(s);
	s->refused_addresses = calloc(n + 1, sizeof(*s->refused_addresses));
	for (size_t i = 0; s->refused_addresses && i < n; i++) {
		const char *address = json_str(json_at(addresses, NULL, i), NULL);
		char *copy = address ? strdup(address) : NULL;
		if (copy)
			s->refused_addresses[s->refused.n_addresses++] = copy;
	}
	if (s->refused.n_addresses > 0)
		qsort(s->refused_addresses, s->refused.n_addresses, sizeof(*s->refused_addresses),
		      compare_addresses);
	s->refused.addresses = (const char *const *)s->refused_addresses;
	s->refused.reason = "the service says that its e-mail address is none";
}

void send_write_refused(struct sending *s)
{
	struct journal *j = s->imports->config.journal;
	struct import_context context = send_context(s);

	if (s->refused.n + s->refused.n_addresses == 0)
		return;
	qx_auto_fd fd = journal_spool(j, s->entry.id, O_RDONLY);
	qx_auto_fd out = journal_rejected(j, s->entry.id, O_CREAT | O_RDWR);
	int r = fd < 0 ? fd : out;
	if (r >= 0)
		r = import_reject(s->kind, &context, fd, &s->parts[s->at], &s->refused, out);
	if (r < 0)
		log_warn("import", "entry %lld: the refused rows cannot be written: %s",
		         (long long)s->entry.id, strerror(-r));
	send_forget_refused(s);
}

static void write_posted(struct sending *s)
{
	send_write_refused(s);
	s->err = journal_part(s->imports->config.journal, s->entry.id, &s->parts[s->at], s->state,
	                      NULL, NULL);
}

static void go_on(struct sending *s)
{
	if (s->err < 0)
		log_warn("import", "entry %lld: the journal cannot be written: %s",
		         (long long)s->entry.id, strerror(-s->err));
	if (s->parts[s->at].state == PART_DONE)
		send_part(s);
	else
		send_poll(s);
}

void send_posted(struct sending *s)
{
	struct part *part = &s->parts[s->at];
	struct import_answer answer;

	import_body_done(&s->body);
	if (s->call.fail.err) {
		request_failed(s);
		return;
	}
	s->slot = endpoint_row(s->kind->start)->starts_job;
	if (import_read_start(s->kind, s->call.answer, &answer) < 0) {
		call_clear(&s->call);
		send_unsure(s);
		return;
	}
	memcpy(part->job, answer.job, sizeof(part->job));
	if (answer.unprocessed) {
		take_indexes(s, answer.unprocessed);
		part->refused = s->refused.n;
	}
	memcpy(part->made, answer.result_id, sizeof(part->made));
	part->state = answer.over ? PART_DONE : PART_IMPORTING;
	part->added += answer.added;
	part->updated += answer.updated;
	s->state = s->entry.state = ENTRY_IMPORTING;
	call_clear(&s->call);
	send_show(s);
	send_disk(s, write_posted, go_on);
}

/* --- its job ------------------------------------------------------------------------------------
 */

static void job_is_over(struct sending *s, const struct import_answer *answer)
{
	struct part *part = &s->parts[s->at];

	if (answer->failed) {
		send_note(s, PART_FAILED, ENTRY_FAILED,
		          answer->why[0] ? answer->why
		                         : "the service reports that the import failed",
		          "Look at the file, then copy it again; the service gives no more words.",
		          send_noted_end);
		return;
	}
	if (answer->nothing && part->rows > part->refused) {
		send_note(s, PART_FAILED, ENTRY_FAILED,
		          "the service took nothing of it: it does not know the list",
		          "Look whether the mailing list still exists.", send_noted_end);
		return;
	}
	part->added = answer->added;
	part->updated = answer->updated;
	part->refused += answer->refused;
	if (answer->invalid_emails)
		take_addresses(s, answer->invalid_emails);
	send_note(s, PART_DONE, ENTRY_IMPORTING, NULL, NULL, send_part);
}

static void poll_failed(struct sending *s)
{
	struct qx_fail fail = s->call.fail;

	call_clear(&s->call);
	if (s->imports->stopping || fail.err == ECANCELED) {
		send_over(s);
	} else if (fail.http == 404 || (!fail.unreachable && sys_now_ms() - s->began_ms > DAY_MS)) {
		uncertain(s, fail.http == 404 ? "the service does not know its import any more, so "
		                                "how it ended is not known"
		                              : "the service has not ended its import for a day");
	} else {
		send_later(s, fail.http == 401 || fail.http == 403 ? REFUSED_MS : AWAY_FIRST_MS,
		           send_poll);
	}
}

static void polled(struct sending *s)
{
	struct import_answer answer;

	if (s->call.fail.err) {
		poll_failed(s);
		return;
	}
	bool good = import_read_progress(s->kind, s->call.answer, &answer) == 0;
	if (good && answer.over) {
		job_is_over(s, &answer);
		call_clear(&s->call);
		return;
	}
	if (good)
		s->percent = answer.percent;
	call_clear(&s->call);
	send_show(s);
	send_poll(s);
}

static void ask(struct sending *s)
{
	send_set_path(s);
	send_call(s, s->kind->progress, polled);
}

void send_poll(struct sending *s)
{
	const struct jobs *jobs = s->imports->config.jobs;

	if (s->imports->stopping) {
		send_over(s);
		return;
	}
	if (!s->began_ms)
		s->began_ms = sys_now_ms();
	const struct poll_state state = {
		.elapsed_ms = sys_now_ms() - s->began_ms,
		.percent = s->percent,
		.running = export_running(jobs) + 1,
		.polls_per_minute = jobs->config.polls_per_minute,
	};
	send_later(s, poll_interval_ms(&state), ask);
}
