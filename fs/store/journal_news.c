/* journal_news.c: what became of imports, for who wants to know what happens.
 *
 * A change is noted inside its transaction and told when that is committed and the lock is free. */
#include "journal_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct news {
	struct news *next;
	struct event event;
};

#define SILENT EVENTS_

static const enum event_kind kinds[] = {
	[ENTRY_SCRATCH] = SILENT,
	[ENTRY_WRITING] = SILENT,
	[ENTRY_QUEUED] = EVENT_IMPORT_QUEUED,
	[ENTRY_HELD] = EVENT_IMPORT_HELD,
	[ENTRY_SENDING] = EVENT_IMPORT_SENDING,
	[ENTRY_IMPORTING] = EVENT_IMPORT_IMPORTING,
	[ENTRY_DONE] = EVENT_IMPORT_DONE,
	[ENTRY_PARTLY] = EVENT_IMPORT_PARTLY,
	[ENTRY_REFUSED] = EVENT_IMPORT_REFUSED,
	[ENTRY_FAILED] = EVENT_IMPORT_FAILED,
	[ENTRY_UNCERTAIN] = EVENT_IMPORT_UNCERTAIN,
	[ENTRY_SAME] = EVENT_IMPORT_SAME,
	[ENTRY_CHECKED] = EVENT_IMPORT_CHECKED,
};
static_assert(countof(kinds) == ENTRY_STATES_, "every state has its kind");

/* Not why: that may repeat what stands in the file's rows. The report tells it. */
void news_note(struct journal *j, const struct entry *e, enum entry_state state)
{
	struct news **end = &j->news;
	struct news *n = kinds[state] == SILENT ? NULL : calloc(1, sizeof(*n));

	if (!n)
		return;
	n->event.kind = kinds[state];
	(void)snprintf(n->event.subject, sizeof(n->event.subject), "%s/%s", e->folder, e->name);
	(void)snprintf(n->event.words, sizeof(n->event.words), "%s; %s.report.txt tells more",
	               entry_state_row(state)->phrase, e->name);
	while (*end)
		end = &(*end)->next;
	*end = n;
}

struct news *news_take(struct journal *j, bool committed)
{
	struct news *news = j->news;

	if (committed && !j->events)
		return NULL; /* kept for journal_tell */
	j->news = NULL;
	if (committed)
		return news;
	news_free(news);
	return NULL;
}

void news_free(struct news *news)
{
	for (struct news *next; news; news = next) {
		next = news->next;
		free(news);
	}
}

void news_tell(struct events *events, struct news *news)
{
	for (const struct news *n = news; n; n = n->next)
		events_tell(events, &n->event);
	news_free(news);
}

void journal_tell(struct journal *j, struct events *events)
{
	pthread_mutex_lock(&j->write_lock);
	j->events = events;
	struct news *news = news_take(j, true);
	pthread_mutex_unlock(&j->write_lock);
	news_tell(events, news);
}
