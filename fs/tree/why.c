/* why.c: what happened to this file, in words. Resolves the path as lookups do, opens nothing. */
#include "inbox.h"

#include <errno.h>
#include <string.h>

#include <qxfs/base/sys.h>

#include "contents.h"
#include "live.h"

static bool follow(struct tree *t, struct spot *spot)
{
	pthread_mutex_lock(&t->lock);
	bool there = link_follow(t, &spot->row, spot->arg);
	pthread_mutex_unlock(&t->lock);
	return there;
}

int spot_find(struct tree *t, const char *path, struct spot *spot, struct qx_fail *why)
{
	char name[256];

	spot->row = node_row(ROW_ROOT);
	spot->arg[0] = 0;
	while (*path) {
		size_t n = strcspn(path, "/");
		if (n >= sizeof(name))
			return -ENAMETOOLONG;
		memcpy(name, path, n);
		name[n] = 0;
		path += n + (path[n] == '/');
		if (n == 0 || strcmp(name, ".") == 0)
			continue;
		/* A link stands for the folder it leads to. */
		if (spot->row->kind == NODE_LINK && !follow(t, spot))
			return -ENOENT;

		const struct node_row *row;
		char arg[ARG_MAX_BYTES];
		int r = resolve(t, spot->row, spot->arg, name, &row, arg, why);
		if (r < 0)
			return r;
		spot->row = row;
		memcpy(spot->arg, arg, strlen(arg) + 1);
	}
	pthread_mutex_lock(&t->lock);
	spot->tentative = is_tentative(t, spot->row, spot->arg);
	pthread_mutex_unlock(&t->lock);
	return 0;
}

static const char *say_failure(const struct board_failure *f, struct buf *text)
{
	char when[24];
	buf_addf(text, "The last try failed at %s: %s%s", sys_format_time(f->when_s, when),
	         f->fail.why, words_stop(f->fail.why));
	if (f->fail.remedy[0])
		buf_addf(text, " %s", f->fail.remedy);
	buf_add_str(text, " (");
	words_codes(&f->fail, text);
	buf_add_str(text, ")\n");
	return "failed";
}

/* What ends a wait: the option, or what the kernel allows. */
static void say_longest(const struct tree *t, struct buf *text)
{
	buf_addf(text, "%lld s at most (open_wait=, or the kernel's fs.fuse.max_request_timeout)",
	         (long long)t->config.open_wait_s);
}

/* An open that took too long leaves no failure: its job went on. */
static void say_gave_up(struct tree *t, const struct spot *spot, struct buf *text)
{
	char when[24];

	pthread_mutex_lock(&t->lock);
	const struct place *p = place_find(t, spot->row, spot->arg);
	int64_t gave_up_s = p ? p->gave_up_s : 0;
	pthread_mutex_unlock(&t->lock);
	if (!gave_up_s)
		return;
	buf_addf(text, "An open gave up at %s: here it waits ", sys_format_time(gave_up_s, when));
	say_longest(t, text);
	buf_add_str(text, ", and what it waited for goes on. qxfs fetch waits for all of it.\n");
}

static const char *say_job(const struct tree *t, const struct board_job *job, struct buf *text)
{
	char when[24];
	buf_addf(text, "It %s, since %s", job->phrase, sys_format_time(job->started_s, when));
	words_progress(job, text);
	buf_addf(text, "; %d waiting. An open waits for it", job->waiters);
	if (t->config.open_wait_s) {
		buf_add_str(text, ", ");
		say_longest(t, text);
		buf_add_str(text, ",");
	}
	buf_add_str(text, " and gets the whole file.\n");
	return "running";
}

/* NULL: it was not refused. */
static const char *say_refusal(const struct generation *gen, struct buf *text)
{
	int status = generation_refusal(gen);

	if (!status)
		return NULL;
	buf_addf(text,
	         "%s when the service was last asked (HTTP %d): what is on this machine is not "
	         "served, nor without network, until the service gives it out again. The next "
	         "open asks.\n",
	         status == 404 ? "It was not there any more" : "Access to it was refused", status);
	return "refused";
}

static const char *say_generation(struct tree *t, const struct spot *spot, struct generation *gen,
                                  struct buf *text)
{
	char when[24];
	buf_addf(text, "It is on this machine: %llu bytes, made %s",
	         (unsigned long long)gen->length, sys_format_time(gen->facts.exported_s, when));
	buf_addf(text, ", last known to be current %s%s.", sys_format_time(gen->checked_s, when),
	         generation_is_of_tomorrow(gen) ? ", which this machine's clock has not reached: "
	                                          "set it"
	                                        : "");

	pthread_mutex_lock(&t->lock);
	struct place *p = place_find(t, spot->row, spot->arg);
	bool touched = p && p->touched_ms, stale = p && p->stale;
	int64_t until_s = p && p->gen                    ? fresh_until_s(t, p)
	                  : spot->row->parent == ROW_NOW ? now_until_s(whole_since_s(gen))
	                                                 : gen->checked_s + t->config.fresh_s;
	pthread_mutex_unlock(&t->lock);
	if (stale)
		buf_add_str(text, " The account could not be reached when it was last asked; the "
		                  "next open asks again, and this is served until then.\n");
	else if (touched)
		buf_add_str(text, " It was touched: the next open makes a full export.\n");
	else if (until_s > sys_wall_s())
		buf_addf(text, " Opening it asks nobody until %s.\n",
		         sys_format_time(until_s, when));
	else
		buf_add_str(text, " The next open asks whether it has changed.\n");
	return "ready";
}

/* What nobody has confirmed failed with what was asked about a folder above it: its list, or the
 * document that shows whether the survey is there. */
static bool failure_above(struct tree *t, const struct spot *spot, struct board_failure *ret)
{
	bool found = false;

	for (const struct node_row *row = spot->row; row->id != ROW_ROOT && !found;
	     row = node_row(row->parent)) {
		struct buf subject = { 0 };
		if (row->list == LIST_NONE && row->id != ROW_SURVEY)
			continue;
		node_subject(row->id == ROW_SURVEY ? node_row(ROW_SURVEY_JSON) : row, spot->arg,
		             &subject);
		found = board_failure_of(jobs_board(t->jobs), buf_text(&subject), ret);
		buf_done(&subject);
	}
	return found;
}

static const char *say_live(const struct spot *spot, struct buf *text)
{
	struct qx_fail fail;

	if (live_judge(spot->arg, &fail) < 0) {
		buf_addf(text, "It is refused: %s. %s\n", fail.why, fail.remedy);
		return "refused";
	}
	buf_add_str(text, "Each open asks the service for it and waits; nothing of it is kept. The "
	                  "size shown until then is an estimate.\n");
	return "never kept";
}

static const char *say_link(struct tree *t, const struct spot *spot, struct generation *gen,
                            struct buf *text)
{
	struct buf target = { 0 };
	char when[24];
	int r = gen ? email_target(t, spot->arg, gen, &target) : 0;

	sys_format_time(gen ? gen->checked_s : 0, when);
	if (!gen)
		buf_add_str(text,
		            "Following it asks the service who has the address, and waits.\n");
	else if (r == -ENODATA)
		buf_addf(text, "Nobody in this directory has the address, as of %s.\n", when);
	else
		buf_addf(text, "It leads to %s, as of %s.\n", buf_text(&target), when);
	buf_done(&target);
	if (r == -ENODATA)
		return "missing";
	return gen ? "ready" : "never fetched";
}

/* What is made here asks the service only for what it is made from. */
static const char *say_nothing(struct tree *t, const struct spot *spot, struct buf *text)
{
	struct generation *base = NULL;
	char arg[ARG_MAX_BYTES];

	if (spot->row->source.kind == SOURCE_DERIVED) {
		node_base_arg(spot->row, spot->arg, arg);
		base = content_cached(t, node_base(spot->row), arg);
	}
	if (base)
		buf_addf(text,
		         "It was never made: the first open makes it from %s, which is on this "
		         "machine.",
		         node_base(spot->row)->name);
	else
		buf_add_str(text,
		            "It was never fetched: the first open asks the service for it and "
		            "waits; indexers (crawlers=) get EAGAIN until then.");
	buf_add_str(text, " The size shown until then is an estimate.\n");
	generation_unref(base);
	return base ? "never made" : "never fetched";
}

static const char *say_data(struct tree *t, const struct spot *spot, const char *subject,
                            struct buf *text)
{
	struct board_job job;
	struct board_failure failure;
	const char *state;

	if (board_job_of(jobs_board(t->jobs), subject, &job))
		return say_job(t, &job, text);
	if (board_failure_of(jobs_board(t->jobs), subject, &failure) ||
	    (spot->tentative && failure_above(t, spot, &failure)))
		return say_failure(&failure, text);
	if (spot->row->kind == NODE_LIVE)
		return say_live(spot, text);
	struct generation *gen = content_cached(t, spot->row, spot->arg);
	state = gen ? say_refusal(gen, text) : NULL;
	if (!state && spot->row->kind == NODE_LINK) {
		state = say_link(t, spot, gen, text);
	} else if (!state) {
		state = gen ? say_generation(t, spot, gen, text) : say_nothing(t, spot, text);
	}
	generation_unref(gen);
	return state;
}

static const char *say_folder(struct tree *t, const struct spot *spot, const char *subject,
                              struct buf *text)
{
	enum list_id list = spot->row->list;
	struct board_failure failure;
	char when[24];

	/* A folder fails with its list. */
	if (board_failure_of(jobs_board(t->jobs), subject, &failure) ||
	    (spot->tentative && failure_above(t, spot, &failure)))
		return say_failure(&failure, text);
	if (list == LIST_NONE)
		return spot->tentative ? "not confirmed" : "ready";
	struct catalog *c = tree_catalog(t, list, list_row(list)->of ? spot->arg : "");
	if (c)
		buf_addf(text,
		         "Its list has %zu of them, as of %s; it is asked for again when the "
		         "folder is listed after fresh=.\n",
		         c->list->n, sys_format_time(c->list->fetched_s, when));
	else
		buf_add_str(text, "Its list was never fetched: listing the folder asks the service "
		                  "for it and waits.\n");
	catalog_unref(c);
	return spot->tentative ? "not confirmed" : c ? "ready" : "never fetched";
}

static const char *say_other(struct tree *t, const struct spot *spot, const char *subject,
                             struct buf *text)
{
	struct buf target = { 0 };

	if (spot->row->kind == NODE_DIR)
		return say_folder(t, spot, subject, text);
	if (spot->row->kind == NODE_LINK) {
		pthread_mutex_lock(&t->lock);
		link_target(t, spot->row, spot->arg, &target);
		pthread_mutex_unlock(&t->lock);
		buf_addf(text, "It leads to %s, which is looked at when it is followed.\n",
		         buf_text(&target));
		buf_done(&target);
	} else {
		buf_add_str(text,
		            "It is made here from what is known at the moment; reading it asks "
		            "nobody.\n");
	}
	return spot->tentative ? "not confirmed" : "ready";
}

/* What concerns all that is not told by a failure of its own. */
static void say_account(struct tree *t, struct buf *text)
{
	struct client_view view;

	client_view(t->config.client, &view);
	if (view.token_refused)
		buf_add_str(text,
		            "The service refuses this mount's token: what it is asked for fails "
		            "with EACCES. Make a new one, store it with qxfs login and mount "
		            "again.\n");
	else if (!view.reachable)
		buf_add_str(text,
		            "The account cannot be reached at the moment: what was opened before "
		            "can still be read, the rest fails after a while. Check the network "
		            "and its proxy.\n");
}

static const char *say_spot(struct tree *t, const struct spot *spot, const char *subject,
                            struct buf *text)
{
	enum node_kind kind = spot->row->kind;
	bool found_link = kind == NODE_LINK && spot->row->source.kind != SOURCE_NONE;
	const char *state;

	if (inbox_is_entry(spot->row))
		return inbox_say(t, spot->arg, text);
	if (kind == NODE_DATA || kind == NODE_LIVE || found_link)
		state = say_data(t, spot, subject, text);
	else
		state = say_other(t, spot, subject, text);
	if (kind == NODE_DATA || kind == NODE_LIVE || found_link)
		say_gave_up(t, spot, text);
	if (strcmp(state, "failed") != 0)
		say_account(t, text);
	return state;
}

static const char *say(struct tree *t, const char *path, struct buf *text)
{
	struct spot spot;
	struct qx_fail why = { .why = "its name is too long" };
	struct buf subject = { 0 };

	if (spot_find(t, path, &spot, &why) < 0) {
		buf_addf(text, "There is no such file: %s%s", why.why, words_stop(why.why));
		if (why.remedy[0])
			buf_addf(text, " %s", why.remedy);
		buf_add_str(text, "\n");
		return "missing";
	}
	node_subject(spot.row, spot.arg, &subject);
	/* What lies in import folders is known to people by the name that they gave it. */
	const char *shown = spot.row->hole == HOLE_ENTRY ? path
	                    : subject.len                ? buf_text(&subject)
	                                                 : "/";
	buf_addf(text, "%s: %s.\n", shown, spot.row->doc);
	if (spot.tentative)
		buf_add_str(text,
		            "No list of this account shows this name; the service is asked when "
		            "something here is opened.\n");
	const char *state = say_spot(t, &spot, buf_text(&subject), text);
	buf_done(&subject);
	return state;
}

int tree_why(struct tree *t, const char *path, struct buf *out)
{
	struct buf text = { 0 };
	const char *state = say(t, path, &text);

	buf_add_str(out, "{\"path\":");
	buf_add_json(out, path);
	buf_addf(out, ",\"state\":\"%s\",\"text\":", state);
	buf_add_json(out, buf_text(&text));
	buf_add_str(out, "}\n");
	int r = buf_failed(out) || buf_failed(&text) ? -ENOMEM : 0;
	buf_done(&text);
	return r;
}
