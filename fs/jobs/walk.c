/* walk.c: a list that lies in several places: the mailing lists, which are those of each directory.
 *
 *   PLAIN                                       most lists: one endpoint
 *   ABOVE ─► EACH ─► EACH …                     the directories, then the lists of each
 *      └───► OLD                                none, or refused: as legacy_contacts= says
 *
 * A directory that refuses is told on the board and leaves the others usable; if all refuse, the
 * list fails with the words of the first. */
#include "job.h"

#include <errno.h>
#include <stdio.h>

static enum legacy_contacts legacy(const struct list_job *lj)
{
	return lj->jobs->config.legacy;
}

void walk_begin(struct list_job *lj)
{
	if (list_row(lj->id)->each == LIST_NONE)
		lj->stage = WALK_PLAIN;
	else
		lj->stage = legacy(lj) == LEGACY_ON ? WALK_OLD : WALK_ABOVE;
}

static const struct list_row *present_row(const struct list_job *lj)
{
	const struct list_row *row = list_row(lj->id);
	return lj->stage == WALK_ABOVE ? list_row(row->each) : row;
}

void walk_ask(struct list_job *lj, struct call *call)
{
	const struct list_row *row = present_row(lj);

	call->ep = lj->stage == WALK_OLD ? EP_OLD_MAILINGLISTS : row->ep;
	if (lj->stage == WALK_EACH)
		call->args[0] = lj->above->items[lj->at].id;
	else if (lj->of[0] && !row->query)
		call->args[0] = lj->of;
	if (lj->stage == WALK_OLD || !row->query)
		return;
	(void)snprintf(lj->query, sizeof(lj->query), "%s%s", row->query, lj->of);
	call->query = lj->query;
}

int walk_take(struct list_job *lj, const struct json *element)
{
	if (lj->stage != WALK_ABOVE)
		return list_add(lj->made, element,
		                lj->stage == WALK_EACH ? lj->above->items[lj->at].id : "");
	int r = lj->above ? 0 : list_new(list_row(lj->id)->each, "", &lj->above);
	return r < 0 ? r : list_add(lj->above, element, "");
}

static bool above_over(struct list_job *lj)
{
	if (lj->above)
		list_seal(lj->above);
	if (lj->above && lj->above->n > 0) {
		lj->stage = WALK_EACH;
		return true;
	}
	lj->refusal = lj->fail;
	if (legacy(lj) == LEGACY_OFF)
		return false;
	fail_clear(&lj->fail);
	lj->stage = WALK_OLD;
	return true;
}

static bool each_over(struct list_job *lj)
{
	char subject[BOARD_SUBJECT];

	(void)snprintf(subject, sizeof(subject), "%s/%s", list_row(lj->above->id)->name,
	               lj->above->items[lj->at].id);
	if (lj->fail.err) {
		board_failed(lj->jobs->board, subject, &lj->fail);
		if (!lj->refusal.err)
			lj->refusal = lj->fail;
		fail_clear(&lj->fail);
	} else {
		board_settled(lj->jobs->board, subject);
		lj->reached++;
	}
	if (++lj->at < lj->above->n)
		return true;
	if (!lj->reached)
		lj->fail = lj->refusal;
	return false;
}

/* An account that has neither kind: no list, if it has said that it has no directory. */
static void old_over(struct list_job *lj)
{
	if (!lj->fail.err)
		return;
	if (legacy(lj) == LEGACY_ON)
		return;
	lj->fail = lj->refusal;
	if (lj->fail.err == ENOENT) /* the folder is there, but not for this token */
		lj->fail.err = EACCES;
}

bool walk_on(struct list_job *lj)
{
	bool refused = !lj->begun && (lj->fail.http == 403 || lj->fail.http == 404);

	lj->begun = false;
	if (lj->fail.err && !refused)
		return false;
	if (lj->stage == WALK_ABOVE)
		return above_over(lj);
	if (lj->stage == WALK_EACH)
		return each_over(lj);
	if (lj->stage == WALK_OLD)
		old_over(lj);
	return false;
}

void walk_done(struct list_job *lj)
{
	list_unref(lj->above);
}
