/* checks.c: what has changed, found out when a survey's folder or one below it is listed, so that
 * rsync and backups see it without being told. The one GET that answers for all exports of a survey
 * is its survey.json; its documents are asked for one by one. */
#include "checks.h"

#include <stdlib.h>

#include <qxfs/base/sys.h>

#include "contents.h"
#include "used.h"

#define LOOK_RETRY_S 10      /* a look that failed is taken again */
#define LOOK_BYTES (1 << 20) /* a larger document is not fetched to see whether it is the same */

/* The next file of a folder; ROW_ROOT after the last. */
static enum row_id next_file(const struct node_row *dir, enum row_id i)
{
	i = i == ROW_ROOT ? dir->first_child : node_row(i)->next;
	while (i != ROW_ROOT && (node_row(i)->kind != NODE_DATA || node_row(i)->hole != HOLE_NONE))
		i = node_row(i)->next;
	return i;
}

static bool is_old(const struct tree *t, const struct generation *gen)
{
	return !generation_is_fresh(gen, t->config.fresh_s);
}

bool folder_has_exports(const struct node_row *dir)
{
	return dir->id == ROW_SURVEY || dir->id == ROW_SPAN || dir->id == ROW_PARAMETERS;
}

bool folder_looks(const struct node_row *dir)
{
	return folder_has_exports(dir) || dir->id == ROW_DISTRIBUTION;
}

/* A document, or what is made from one: an export is renewed by its counts. */
static bool is_document(const struct node_row *row)
{
	return row->source.kind == SOURCE_DERIVED ? node_base(row)->source.kind != SOURCE_FORM
	                                          : row->source.kind != SOURCE_FORM;
}

/* Looks at the disk for each file; where there is none, not again for a while: another mount's
 * first one will not be old before. */
static unsigned find_old(struct tree *t, const struct node_row *dir, const char *arg)
{
	unsigned old = 0;
	bool bare = true;

	for (enum row_id i = next_file(dir, ROW_ROOT); i != ROW_ROOT; i = next_file(dir, i)) {
		const struct node_row *row = node_row(i);
		struct generation *gen = content_cached(t, row, arg);
		if (gen && is_old(t, gen))
			old |= is_document(row) ? LOOK_DOCUMENTS : LOOK_EXPORTS;
		bare = bare && !gen;
		generation_unref(gen);
	}
	pthread_mutex_lock(&t->lock);
	struct place *p = place_find(t, dir, arg);
	if (p && bare)
		p->bare_ms = sys_now_ms() + t->config.fresh_s * 1000;
	pthread_mutex_unlock(&t->lock);
	return old;
}

void folder_has_files(struct tree *t, const struct place *p)
{
	struct place *folder = place_find(t, node_row(p->row->parent), p->arg);

	if (folder)
		folder->bare_ms = 0;
}

static bool is_bare(struct tree *t, const struct node_row *dir, const char *arg)
{
	pthread_mutex_lock(&t->lock);
	const struct place *p = place_find(t, dir, arg);
	bool bare = p && sys_now_ms() < p->bare_ms;
	pthread_mutex_unlock(&t->lock);
	return bare;
}

/* When its exports, or its documents, were looked at last: what answers for exports is the
 * survey's, whichever of its folders was listed. NULL: nobody knows the folder. Lock held. */
static int64_t *looked_at(struct tree *t, const struct node_row *dir, const char *arg,
                          unsigned what)
{
	char id[ARG_MAX_BYTES];
	struct place *own = place_find(t, dir, arg);

	if (what == LOOK_DOCUMENTS)
		return own ? &own->looked_s : NULL;
	struct place *survey =
		arg_part(arg, 0, id) ? place_find(t, node_row(ROW_SURVEY), id) : NULL;
	struct place *p = survey ? survey : own;
	return p ? &p->asked_s : NULL;
}

/* In whole seconds of the calendar, as freshness counts. Lock held. */
static unsigned due_of(struct tree *t, const struct node_row *dir, const char *arg, unsigned what)
{
	const int64_t *at_s = looked_at(t, dir, arg, what);
	int64_t ago_s = at_s ? sys_wall_s() - *at_s : 0;

	return at_s && (ago_s < 0 || ago_s >= t->config.fresh_s) ? what : 0;
}

unsigned folder_due(struct tree *t, const struct node_row *dir, const char *arg)
{
	struct client_view service;

	if (!folder_looks(dir) || is_bare(t, dir, arg))
		return 0;
	unsigned old = find_old(t, dir, arg);
	if (!old)
		return 0;
	client_view(t->config.client, &service);
	if (!service.reachable) {
		client_look(t->config.client);
		return 0;
	}
	pthread_mutex_lock(&t->lock);
	unsigned due = due_of(t, dir, arg, LOOK_EXPORTS) | due_of(t, dir, arg, LOOK_DOCUMENTS);
	pthread_mutex_unlock(&t->lock);
	return old & due;
}

static void set_looked(struct tree *t, const struct node_row *dir, const char *arg, unsigned what,
                       int64_t at_s)
{
	pthread_mutex_lock(&t->lock);
	for (unsigned one = LOOK_EXPORTS; one <= LOOK_DOCUMENTS; one <<= 1) {
		int64_t *looked_s = what & one ? looked_at(t, dir, arg, one) : NULL;
		if (looked_s)
			*looked_s = at_s;
	}
	pthread_mutex_unlock(&t->lock);
}

void folder_begin_look(struct tree *t, const struct node_row *dir, const char *arg, unsigned due)
{
	set_looked(t, dir, arg, due, sys_wall_s());
}

void folder_look_failed(struct tree *t, const struct node_row *dir, const char *arg, unsigned due)
{
	set_looked(t, dir, arg, due, sys_wall_s() - t->config.fresh_s + LOOK_RETRY_S);
}

/* Its base was just found unchanged, or its counts were. A touched one is exported in full,
 * whatever they say. What a pending node shows is what its file shows from now on. */
static void renew(struct tree *t, const struct node_row *row, const char *id,
                  struct generation *gen)
{
	int64_t mtime_s = gen->mtime_s;

	pthread_mutex_lock(&t->lock);
	struct place *p = place_find(t, row, id);
	bool touched = p && p->touched_ms;
	if (p && p->pending)
		mtime_s = p->pending->mtime_s;
	if (p && !touched)
		p->stale = false;
	pthread_mutex_unlock(&t->lock);
	if (!touched)
		(void)cache_renew(t->config.cache, gen, mtime_s); /* else its open asks again */
}

static bool is_current(struct tree *t, const struct node_row *row, const char *arg,
                       const struct generation *gen, const struct survey_seen *seen)
{
	/* What is made from an export is as current as that. */
	if (row->source.kind == SOURCE_FORM && t->config.refresh == REFRESH_FULL)
		return false;
	if (row->source.kind == SOURCE_FORM)
		return !content_is_always_new(row, arg) && survey_is_as_in(&gen->facts, seen);
	struct base_seen base = { 0 };
	if (row->source.kind != SOURCE_DERIVED || content_is_outdated(t, row, arg, gen, &base))
		return false;
	return sys_wall_s() - base.checked_s < t->config.fresh_s;
}

/* Those that are not old yet too: all of a survey grow old together, and one question does for all
 * of them again. */
static void renew_kind(struct tree *t, const struct node_row *dir, const char *arg,
                       enum source_kind kind, const struct survey_seen *seen)
{
	for (enum row_id i = next_file(dir, ROW_ROOT); i != ROW_ROOT; i = next_file(dir, i)) {
		const struct node_row *row = node_row(i);
		struct generation *gen =
			row->source.kind == kind ? content_cached(t, row, arg) : NULL;
		if (gen && gen->checked_s < sys_wall_s() && is_current(t, row, arg, gen, seen))
			renew(t, row, arg, gen);
		generation_unref(gen);
	}
}

/* Who may not see the survey may not see any file of it. */
static void refuse_folder(struct tree *t, const struct node_row *dir, const char *arg, int status)
{
	for (enum row_id i = next_file(dir, ROW_ROOT); i != ROW_ROOT; i = next_file(dir, i)) {
		struct generation *gen = content_cached(t, node_row(i), arg);
		if (gen && !generation_refusal(gen))
			(void)cache_refuse(t->config.cache, gen, status);
		generation_unref(gen);
	}
}

static void renew_folder(struct tree *t, const struct node_row *dir, const char *arg,
                         const struct survey_seen *seen)
{
	if (seen->refused) {
		refuse_folder(t, dir, arg, seen->refused);
		return;
	}
	renew_kind(t, dir, arg, SOURCE_FORM, seen);
	renew_kind(t, dir, arg, SOURCE_DERIVED, seen); /* what is made from them */
}

/* dates/ or with/: the folders in it that were used. */
static void renew_used(struct tree *t, enum row_id above, const struct survey_seen *seen)
{
	const struct node_row *dir = node_row(above);
	char **names = NULL, arg[ARG_MAX_BYTES];
	size_t n = 0;
	uint64_t version;

	if (used_names(t, dir, seen->id, &names, &n, &version) < 0)
		return; /* their opens ask */
	for (size_t i = 0; i < n; i++) {
		if (arg_join(seen->id, names[i], arg))
			renew_folder(t, node_pattern(dir), arg, seen);
		free(names[i]);
	}
	free(names);
}

void renew_exports(struct tree *t, const struct survey_seen *seen)
{
	renew_folder(t, node_row(ROW_SURVEY), seen->id, seen);
	renew_used(t, ROW_DATES, seen);
	renew_used(t, ROW_WITH, seen);
}

enum row_id folder_next_old(struct tree *t, const struct node_row *dir, const char *arg,
                            enum row_id after)
{
	for (enum row_id i = next_file(dir, after); i != ROW_ROOT; i = next_file(dir, i)) {
		const struct node_row *row = node_row(i);
		if (!is_document(row))
			continue;
		struct generation *gen = content_cached(t, row, arg);
		bool old = gen && gen->length <= LOOK_BYTES && is_old(t, gen);
		generation_unref(gen);
		pthread_mutex_lock(&t->lock);
		const struct place *p = place_find(t, row, arg);
		bool touched = p && p->touched_ms; /* its open fetches it */
		pthread_mutex_unlock(&t->lock);
		if (old && !touched)
			return i;
	}
	return ROW_ROOT;
}
