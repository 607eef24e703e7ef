/* checks.c: what has changed, found out when a survey's folder is listed, so that rsync and backups
 * see it without being told. The one GET that answers for all its files is its survey.json. */
#include "house.h"

#include <qxfs/base/sys.h>

#include "contents.h"

#define LOOK_BYTES (1 << 20) /* a larger document is not fetched to see whether it is the same */

/* The next file of a survey's folder; ROW_ROOT after the last. */
static enum row_id next_file(enum row_id i)
{
	i = i == ROW_ROOT ? node_row(ROW_SURVEY)->first_child : node_row(i)->next;
	while (i != ROW_ROOT && node_row(i)->kind != NODE_DATA)
		i = node_row(i)->next;
	return i;
}

static bool is_old(const struct tree *t, const struct generation *gen)
{
	return !generation_is_fresh(gen, t->config.fresh_s);
}

/* Looks at the disk for each file; where there is none, not again for a while: another mount's
 * first one will not be old before. */
static bool holds_old(struct tree *t, const char *id)
{
	bool old = false, bare = true;

	for (enum row_id i = next_file(ROW_ROOT); i != ROW_ROOT && !old; i = next_file(i)) {
		struct generation *gen = content_cached(t, node_row(i), id);
		old = gen && is_old(t, gen);
		bare = bare && !gen;
		generation_unref(gen);
	}
	pthread_mutex_lock(&t->lock);
	struct place *p = place_find(t, node_row(ROW_SURVEY), id);
	if (p && bare)
		p->bare_ms = sys_now_ms() + t->config.fresh_s * 1000;
	pthread_mutex_unlock(&t->lock);
	return old;
}

void survey_has_files(struct tree *t, const struct place *p)
{
	char id[ARG_MAX_BYTES];
	struct place *survey = NULL;

	if (p->row->parts > 0 && arg_part(p->arg, 0, id))
		survey = place_find(t, node_row(ROW_SURVEY), id);
	if (survey)
		survey->bare_ms = 0;
}

static bool is_bare(struct tree *t, const char *id)
{
	pthread_mutex_lock(&t->lock);
	const struct place *p = place_find(t, node_row(ROW_SURVEY), id);
	bool bare = p && sys_now_ms() < p->bare_ms;
	pthread_mutex_unlock(&t->lock);
	return bare;
}

/* In whole seconds of the calendar, as freshness counts. */
static bool may_ask(struct tree *t, const char *id)
{
	int64_t now_s = sys_wall_s();

	pthread_mutex_lock(&t->lock);
	struct place *p = place_find(t, node_row(ROW_SURVEY), id);
	int64_t ago_s = p ? now_s - p->looked_s : 0;
	bool may = p && (ago_s < 0 || ago_s >= t->config.fresh_s);
	if (may)
		p->looked_s = now_s;
	pthread_mutex_unlock(&t->lock);
	return may;
}

bool folder_must_ask(struct tree *t, const char *id)
{
	struct client_view service;

	if (is_bare(t, id) || !holds_old(t, id))
		return false;
	client_view(t->config.client, &service);
	if (!service.reachable)
		client_look(t->config.client);
	return service.reachable && may_ask(t, id);
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

static bool is_current(struct tree *t, const struct node_row *row, const struct generation *gen,
                       const struct survey_seen *seen)
{
	/* What is made from an export is as current as that. */
	if (row->source.kind == SOURCE_FORM && t->config.refresh == REFRESH_FULL)
		return false;
	if (row->source.kind == SOURCE_FORM)
		return !content_is_always_new(row, seen->id) && survey_is_as_in(&gen->facts, seen);
	struct base_seen base = { 0 };
	if (row->source.kind != SOURCE_DERIVED || content_is_outdated(t, row, seen->id, gen, &base))
		return false;
	return sys_wall_s() - base.checked_s < t->config.fresh_s;
}

static void renew_all(struct tree *t, enum source_kind kind, const struct survey_seen *seen)
{
	for (enum row_id i = next_file(ROW_ROOT); i != ROW_ROOT; i = next_file(i)) {
		const struct node_row *row = node_row(i);
		struct generation *gen =
			row->source.kind == kind ? content_cached(t, row, seen->id) : NULL;
		if (gen && is_old(t, gen) && is_current(t, row, gen, seen))
			renew(t, row, seen->id, gen);
		generation_unref(gen);
	}
}

void renew_exports(struct tree *t, const struct survey_seen *seen)
{
	renew_all(t, SOURCE_FORM, seen);
	renew_all(t, SOURCE_DERIVED, seen); /* what is made from them */
}

/* A document, or what is made from one: an export is renewed by its counts. */
static bool is_document(const struct node_row *row)
{
	return row->source.kind == SOURCE_DERIVED ? node_base(row)->source.kind != SOURCE_FORM
	                                          : row->source.kind != SOURCE_FORM;
}

enum row_id folder_next_old(struct tree *t, const char *id, enum row_id after)
{
	for (enum row_id i = next_file(after); i != ROW_ROOT; i = next_file(i)) {
		const struct node_row *row = node_row(i);
		if (!is_document(row))
			continue;
		struct generation *gen = content_cached(t, row, id);
		bool old = gen && gen->length <= LOOK_BYTES && is_old(t, gen);
		generation_unref(gen);
		pthread_mutex_lock(&t->lock);
		const struct place *p = place_find(t, row, id);
		bool touched = p && p->touched_ms; /* its open fetches it */
		pthread_mutex_unlock(&t->lock);
		if (old && !touched)
			return i;
	}
	return ROW_ROOT;
}
