/* checks.c: what has changed, found out when a survey's folder is listed, so that rsync and backups
 * see it without being told. The one GET that answers for all its files is its survey.json. */
#include "house.h"

#include <qxfs/base/sys.h>

static bool is_file_of_survey(const struct node_row *row)
{
	return row->parent == ROW_SURVEY && row->kind == NODE_DATA;
}

static bool is_expired(struct tree *t, const struct node_row *row, const char *id)
{
	struct generation *gen = look_on_disk(t, row, id);
	int64_t age_s = gen ? sys_wall_s() - gen->checked_s : 0;
	generation_unref(gen);
	return gen && (age_s < -5 || age_s >= t->config.fresh_s);
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
	bool expired = false;

	for (int i = 0; i < ROWS_ && !expired; i++) {
		const struct node_row *row = node_row((enum row_id)i);
		expired = is_file_of_survey(row) && is_expired(t, row, id);
	}
	if (!expired)
		return false;
	client_view(t->config.client, &service);
	return service.reachable && may_ask(t, id);
}

/* A touched one is exported in full, whatever the counts say. What a pending node shows is what its
 * file shows from now on. */
static void renew_export(struct tree *t, const struct node_row *row, const struct survey_seen *seen)
{
	struct generation *gen = look_on_disk(t, row, seen->id);
	bool current = gen && survey_is_as_in(&gen->facts, seen);
	int64_t mtime_s = gen ? gen->mtime_s : 0;

	pthread_mutex_lock(&t->lock);
	struct place *p = place_find(t, row, seen->id);
	if (p && p->touched_ms)
		current = false;
	if (p && p->pending)
		mtime_s = p->pending->mtime_s;
	if (p && current)
		p->stale = false;
	pthread_mutex_unlock(&t->lock);

	if (current)
		(void)cache_renew(t->config.cache, gen, mtime_s); /* else its open asks again */
	generation_unref(gen);
}

void renew_exports(struct tree *t, const struct survey_seen *seen)
{
	for (int i = 0; i < ROWS_; i++) {
		const struct node_row *row = node_row((enum row_id)i);
		if (is_file_of_survey(row) && row->source.export_body &&
		    is_expired(t, row, seen->id))
			renew_export(t, row, seen);
	}
}
