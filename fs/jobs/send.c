/* send.c: a submission's steps: plan, body, request, part by part. */
#include "send.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define LIST_MS 5000  /* a list that the account's lists do not show: looked for again after */
#define DISK_MS 10000 /* a disk that is full or fails: tried again after */

static void release_slot(struct sending *s)
{
	if (!s->slot)
		return;
	s->slot = false;
	/* The service goes on with it, and it still counts for whoever takes it up. */
	if (s->imports->stopping && s->at < s->n_parts && s->parts[s->at].state == PART_IMPORTING)
		return;
	client_job_over(s->imports->config.client);
}

static void free_columns(struct sending *s)
{
	for (size_t i = 0; s->columns && s->columns[i]; i++)
		free(s->columns[i]);
	free(s->columns);
	s->columns = NULL;
}

void send_free(struct sending *s)
{
	release_slot(s);
	call_clear(&s->call);
	free_columns(s);
	free(s->parts);
	send_forget_refused(s);
	verdict_done(&s->verdict);
	import_body_done(&s->body);
	free(s);
}

void send_show(struct sending *s)
{
	struct board_job line = {
		.state = entry_state_row(s->entry.state)->word,
		.phrase = entry_state_row(s->entry.state)->phrase,
		.percent = s->percent,
		.started_s = s->entry.changed_s,
	};

	(void)snprintf(line.subject, sizeof(line.subject), "%s/%s", s->entry.folder, s->entry.name);
	board_show(s->imports->config.jobs->board, s, &line);
}

/* --- the ends ------------------------------------------------------------------------------------
 */

static void write_end(struct sending *s)
{
	struct journal *j = s->imports->config.journal;
	bool finished = s->state == ENTRY_DONE || s->state == ENTRY_PARTLY;

	s->entry.state = s->state;
	memcpy(s->entry.why, s->why, sizeof(s->why));
	memcpy(s->entry.next, s->tip, sizeof(s->tip));
	if (finished)
		s->err = journal_finish(j, &s->entry,
		                        s->verdict.report.len ? &s->verdict.report : NULL);
	else
		s->err = journal_conclude(j, s->entry.id, s->entry.uuid, s->state, s->why, s->tip);
}

/* It was taken back, or is written or has another name since: somebody else's again. */
static bool is_ours(const struct sending *s)
{
	return s->err != -ENOENT && s->err != -ESTALE && s->err != -EBUSY;
}

/* What cannot be written stays as it was, and is taken up again. */
void send_noted_end(struct sending *s)
{
	struct imports *im = s->imports;

	s->entry.state = s->state;
	if (s->err < 0 && is_ours(s)) {
		log_warn("import", "entry %lld: its end cannot be written: %s",
		         (long long)s->entry.id, strerror(-s->err));
		imports_retry_later(im, s->entry.id, DISK_MS, false);
	} else if (s->err == 0 && im->config.imported) {
		im->config.imported(im->config.arg, &s->entry);
	}
	send_over(s);
}

static void set_words(struct sending *s, const char *why, const char *tip)
{
	(void)snprintf(s->why, sizeof(s->why), "%s", why ? why : "");
	(void)snprintf(s->tip, sizeof(s->tip), "%s", tip ? tip : "");
}

void send_end(struct sending *s, enum entry_state state, const char *why, const char *tip)
{
	release_slot(s);
	s->state = state;
	set_words(s, why, tip);
	send_disk(s, write_end, send_noted_end);
}

static void write_note(struct sending *s)
{
	send_write_refused(s);
	s->err = journal_part(s->imports->config.journal, s->entry.id, &s->parts[s->at], s->state,
	                      s->why, s->tip);
}

void send_note(struct sending *s, enum part_state part, enum entry_state state, const char *why,
               const char *tip, send_step *then)
{
	s->parts[s->at].state = part;
	s->state = state;
	set_words(s, why, tip);
	send_disk(s, write_note, then);
}

static void is_queued_again(struct sending *s)
{
	/* The account came back while this was written down, and nobody tells it twice. */
	bool came_back = s->away && s->returns != s->imports->returns;
	imports_retry_later(s->imports, s->entry.id, came_back ? 0 : s->again_ms, s->away);
	send_over(s);
}

static void queue_again(struct sending *s)
{
	struct journal *j = s->imports->config.journal;

	if (s->parts && s->at < s->n_parts) {
		s->parts[s->at].state = PART_WAITING;
		s->err = journal_part(j, s->entry.id, &s->parts[s->at], ENTRY_QUEUED, s->why,
		                      s->tip);
	} else if (s->entry.state == ENTRY_QUEUED) { /* else its parts are out, and stay so */
		s->err = journal_conclude(j, s->entry.id, s->entry.uuid, ENTRY_QUEUED, s->why,
		                          s->tip);
	}
}

void send_again(struct sending *s, const char *why, const char *tip, int64_t ms)
{
	release_slot(s);
	set_words(s, why, tip);
	s->again_ms = ms;
	s->away = s->call.fail.unreachable || s->fail.unreachable;
	s->returns = s->imports->returns;
	send_disk(s, queue_again, is_queued_again);
}

/* --- the plan ------------------------------------------------------------------------------------
 */

struct import_context send_context(const struct sending *s)
{
	return (struct import_context){
		.target_name = "",
		.charset = s->imports->config.charset,
		.allow_resubscribe = s->imports->config.allow_resubscribe,
		.second_form = s->second_form,
		.columns = (const char *const *)s->columns,
	};
}

/* Pool. */
static void load_parts(struct sending *s)
{
	s->err = journal_parts(s->imports->config.journal, s->entry.id, &s->parts, &s->n_parts);
}

/* Pool: reads it once more, now with what is known of the target. */
static void plan(struct sending *s)
{
	struct journal *j = s->imports->config.journal;
	struct import_context context = send_context(s);

	qx_auto_fd fd = journal_spool(j, s->entry.id, O_RDONLY);
	s->err = fd < 0 ? fd : judge_file(s->kind, &context, fd, &s->verdict);
	if (s->err < 0)
		return;
	s->served = !s->verdict.err && !s->entry.sent_before &&
	            s->imports->config.is_served(s->imports->config.arg, &s->entry, fd);
	size_t n = s->served ? 0 : s->verdict.n_parts;
	s->entry.rows = s->verdict.rows;
	s->entry.parts = (uint32_t)n;
	s->err = journal_set_parts(j, s->entry.id, s->entry.uuid, s->verdict.parts, n,
	                           &s->verdict.report);
	if (s->err == 0)
		load_parts(s); /* now with their keys */
}

/* Nothing has gone out. */
static void disk_failed(struct sending *s)
{
	char why[ENTRY_WHY];

	if (!is_ours(s)) {
		send_over(s);
		return;
	}
	(void)snprintf(why, sizeof(why), "the disk of the state folder: %s", strerror(-s->err));
	send_again(s, why,
	           "Make room there, or look at the disk; it is sent as soon as that is possible.",
	           DISK_MS);
}

static void planned(struct sending *s)
{
	const char *why, *tip;

	if (s->err < 0) {
		disk_failed(s);
		return;
	}
	enum entry_state state = drop_state_for(s->imports->config.drops, &s->folder, &s->entry,
	                                        &s->verdict, &why, &tip);
	if (state != ENTRY_QUEUED && !s->entry.sent_before)
		send_end(s, state, why, tip);
	else if (s->verdict.err)
		send_end(s, ENTRY_REFUSED, s->verdict.why, s->verdict.next);
	else
		send_part(s);
}

static void resume(struct sending *s)
{
	if (s->err < 0)
		disk_failed(s);
	else
		send_part(s);
}

/* --- parts --------------------------------------------------------------------------------------
 */

static void make_body(struct sending *s)
{
	struct journal *j = s->imports->config.journal;
	struct import_context context = send_context(s);
	struct part *part = &s->parts[s->at];

	qx_auto_fd fd = journal_spool(j, s->entry.id, O_RDONLY);
	import_body_done(&s->body);
	s->err = fd < 0 ? fd
	                : import_body(s->kind, &context, s->entry.name, fd, part, &s->body,
	                              &s->fail);
	s->bad_bytes = s->err < 0;
	if (s->err < 0)
		return;
	/* From here on a crash leaves a request that may have gone out. */
	part->state = PART_SENDING;
	s->err = journal_part(j, s->entry.id, part, ENTRY_SENDING, NULL, NULL);
}

void send_set_path(struct sending *s)
{
	const char *const ids[] = { s->above, s->folder.id, s->parts[s->at].job };
	size_t n = 0;

	memset(&s->call, 0, sizeof(s->call));
	for (size_t i = 0; i < countof(ids); i++)
		if (ids[i][0])
			s->call.args[n++] = ids[i];
}

static void body_is_made(struct sending *s)
{
	if (s->err < 0 && s->bad_bytes && is_ours(s)) {
		send_end(s, ENTRY_FAILED, s->fail.why[0] ? s->fail.why : "its bytes cannot be read",
		         s->fail.remedy[0] ? s->fail.remedy
		                           : "Look at the disk of the state folder.");
		return;
	}
	if (s->err < 0) {
		disk_failed(s);
		return;
	}
	s->entry.state = ENTRY_SENDING;
	s->began_ms = sys_now_ms();
	s->sent_s = sys_wall_s();
	send_show(s);
	send_set_path(s);
	(void)snprintf(s->key_line, sizeof(s->key_line), "Idempotency-Key: %s",
	               s->parts[s->at].uuid);
	(void)snprintf(s->charset_line, sizeof(s->charset_line), "charset: %s", s->body.charset);
	s->call.body = s->body.bytes.data;
	s->call.body_len = s->body.bytes.len;
	s->call.content_type = s->body.content_type;
	s->call.headers[0] = s->parts[s->at].uuid[0] ? s->key_line : NULL;
	s->call.headers[1] = s->body.charset[0] ? s->charset_line : NULL;
	send_call(s, s->kind->start, send_posted);
}

void send_post(struct sending *s)
{
	send_disk(s, make_body, body_is_made);
}

static void sum_up(struct sending *s)
{
	s->entry.added = s->entry.updated = s->entry.refused = 0;
	for (size_t i = 0; i < s->n_parts; i++) {
		s->entry.added += s->parts[i].added;
		s->entry.updated += s->parts[i].updated;
		s->entry.refused += s->parts[i].refused;
	}
	s->entry.parts = s->entry.parts_done = (uint32_t)s->n_parts;
}

/* An import that another mount began, or this one before it was ended: an orphan, unless this one
 * has followed it before. */
static void follow(struct sending *s)
{
	if (endpoint_row(s->kind->start)->starts_job) {
		s->slot = true;
		client_job_taken(s->imports->config.client,
		                 imports_tries(s->imports, s->entry.id) == 0);
	}
	send_poll(s);
}

void send_part(struct sending *s)
{
	release_slot(s);
	while (s->at < s->n_parts && s->parts[s->at].state == PART_DONE)
		s->at++;
	if (s->served) {
		send_end(s, ENTRY_DONE,
		         "it is the file that qxfs serves of it, byte for byte: nothing would "
		         "change, "
		         "so nothing was sent",
		         "If it is to be sent all the same: `qxfs send`.");
		return;
	}
	if (s->at == s->n_parts) {
		sum_up(s);
		send_end(s, s->entry.refused ? ENTRY_PARTLY : ENTRY_DONE, NULL,
		         s->entry.refused
		                 ? "The refused rows are beside it, to be mended and given again."
		                 : NULL);
		return;
	}
	if (s->imports->stopping) {
		send_over(s);
		return;
	}
	if (s->parts[s->at].state == PART_SENDING)
		send_unsure(s);
	else if (s->parts[s->at].state == PART_IMPORTING)
		follow(s);
	else
		send_post(s);
}

/* --- the survey's columns -----------------------------------------------------------------------
 */

struct names {
	char **at;
	size_t n, room;
	bool failed;
};

static bool add_name(struct names *all, const char *name)
{
	if (all->n + 2 > all->room) {
		size_t room = all->room ? all->room * 2 : 64;
		char **more = realloc(all->at, room * sizeof(*more));
		if (!more)
			return false;
		all->at = more;
		all->room = room;
	}
	all->at[all->n] = strdup(name);
	if (!all->at[all->n])
		return false;
	all->at[++all->n] = NULL;
	return true;
}

static bool add_property(void *arg, const char *name, const struct json *value)
{
	struct names *all = arg;
	const char *tag = json_str(value, "exportTag");

	all->failed = !add_name(all, name) || (tag && !add_name(all, tag));
	return !all->failed;
}

static void columns_came(struct sending *s)
{
	struct names all = { 0 };
	const struct qx_fail *fail = &s->call.fail;

	if (fail->err && (fail->unreachable || fail->http == 401)) {
		send_again(s, fail->why, fail->remedy, 30000);
		return;
	}
	if (!fail->err)
		json_each(s->call.answer, "result.properties.values.properties", add_property,
		          &all);
	s->columns = all.at;
	if (all.failed)
		free_columns(s); /* compared by the service then */
	call_clear(&s->call);
	send_disk(s, plan, planned);
}

/* --- the beginning ------------------------------------------------------------------------------
 */

static bool find_target(struct sending *s)
{
	if (drop_folder_parse(s->entry.folder, &s->folder) < 0)
		return false;
	s->kind = import_kind(s->folder.target, s->entry.name);
	return s->kind;
}

void send_begin(struct sending *s)
{
	const struct imports_config *config = &s->imports->config;

	s->percent = -1;
	s->sent_s = s->entry.changed_s;
	send_show(s);
	if (!find_target(s)) {
		send_end(s, ENTRY_FAILED, "this version of qxfs does not know how to send it",
		         "Copy it again.");
	} else if (s->folder.target == TARGET_LIST &&
	           config->directory_of(config->arg, s->folder.id, s->above) < 0) {
		send_again(s, "no directory is known that has this mailing list",
		           "It is sent as soon as the list of mailing lists shows it.", LIST_MS);
	} else if (s->entry.parts > 0) {
		send_disk(s, load_parts, resume);
	} else if (s->kind->listens) {
		s->call.args[0] = s->folder.id;
		send_call(s, EP_SCHEMA, columns_came);
	} else {
		send_disk(s, plan, planned);
	}
}
