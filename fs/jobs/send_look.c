/* send_look.c: a request for a new survey went out and no answer came: is there a new survey of
 * that name? The list may show it seconds to minutes late (API.md 5.3), so it is looked at several
 * times before the request is repeated. */
#include "send.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define LOOKS 5
#define LOOK_AGAIN_MS 15000
#define LIST_WAIT_MS 60000
#define CLOCKS_APART_S 120 /* the service's clock against ours */

static bool is_it(const struct sending *s, const struct list_item *item)
{
	int64_t created_s = list_moment(item, SURVEY_CREATED);

	return strcmp(item->field[SURVEY_NAME], buf_text(&s->body.name)) == 0 &&
	       created_s >= s->sent_s - CLOCKS_APART_S;
}

static void looked(struct list_want *w, struct list *list, const struct qx_fail *fail)
{
	struct sending *s = w->arg;

	if (s->imports->stopping || fail->err == ECANCELED) {
		send_over(s);
		return;
	}
	for (size_t i = 0; list && i < list->n; i++) {
		if (!is_it(s, &list->items[i]))
			continue;
		s->parts[s->at].added = 1;
		send_note(s, PART_DONE, ENTRY_IMPORTING, NULL, NULL, send_part);
		return;
	}
	if (list && ++s->looks >= LOOKS)
		send_post(s);
	else
		send_later(s, LOOK_AGAIN_MS, send_look);
}

/* Pool: the name stands in the request. */
static void find_name(struct sending *s)
{
	struct import_context context = send_context(s);

	qx_auto_fd fd = journal_spool(s->imports->config.journal, s->entry.id, O_RDONLY);
	import_body_done(&s->body);
	s->err = fd < 0 ? fd
	                : import_body(s->kind, &context, s->entry.name, fd, &s->parts[s->at],
	                              &s->body, &s->fail);
}

static void name_is_found(struct sending *s)
{
	if (s->err < 0) {
		send_end(s, ENTRY_UNCERTAIN,
		         "the request went out and no answer came, and its bytes cannot be read",
		         "Look in the account whether the survey is there.");
		return;
	}
	s->list_want = (struct list_want){
		.id = LIST_SURVEYS,
		.of = "",
		.uid = s->entry.uid,
		.deadline_ms = sys_now_ms() + LIST_WAIT_MS,
		.done = looked,
		.arg = s,
	};
	jobs_want_list(s->imports->config.jobs, &s->list_want);
}

void send_look(struct sending *s)
{
	send_disk(s, find_name, name_is_found);
}
