/* long_waits.c: a list of the files that are waited for, and one errand that comes when the first
 * of them has been waited for long enough.
 *
 *   QUIET ──errand──► TELLING ──► TOLD        the last waiter goes: from QUIET silently, from TOLD
 *                        └ its end, if that came meanwhile, is told by the errand, behind it */
#include "long_waits.h"

#include "contents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>
#include <qxfs/base/utf8.h>

enum long_state { QUIET, TELLING, TOLD };

struct long_wait {
	struct long_wait *next, **link; /* guarded by lock */
	enum long_state state;          /* guarded by lock */
	bool over;                      /* guarded by lock: while TELLING, the last has gone */
	unsigned waiters;               /* guarded by lock */
	int outcome;      /* guarded by lock: of who has not given up; else ECANCELED */
	int64_t since_ms; /* immutable, as what follows */
	const struct node_row *row;
	char *subject;
	char arg[ARG_MAX_BYTES];
};

struct long_waits {
	struct tree *tree;
	struct errand errand;
	pthread_mutex_t lock;
	struct long_wait *first; /* guarded by lock */
	unsigned n;              /* guarded by lock */
	bool armed;              /* guarded by lock: the errand is on its way */
};

static void look(struct errand *e);

int long_waits_new(struct tree *t, struct long_waits **ret)
{
	*ret = NULL;
	if (t->config.tell_wait_s <= 0)
		return 0;
	struct long_waits *all = calloc(1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	all->tree = t;
	all->errand.fn = look;
	all->errand.prompt = true; /* the wait may be for the disk workers */
	pthread_mutex_init(&all->lock, NULL);
	*ret = all;
	return 0;
}

static void forget(struct long_wait *w)
{
	free(w->subject);
	free(w);
}

void long_waits_free(struct long_waits *all)
{
	if (!all)
		return;
	pthread_mutex_destroy(&all->lock);
	free(all);
}

/* Lock held. */
static void unlink_wait(struct long_waits *all, struct long_wait *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	all->n--;
}

/* --- what is told ---------------------------------------------------------------------------- */

/* The name of the survey, the mailing list … that it is of, as the service has it. */
static void find_name(struct tree *t, const struct long_wait *w, char out[EVENT_NAME])
{
	enum list_id id = hole_list(hole_of_part(w->row, 0));
	char part[ARG_MAX_BYTES];

	if (id == LIST_NONE || list_row(id)->name_field < 0 || !arg_part(w->arg, 0, part))
		return;
	pthread_mutex_lock(&t->lock);
	const struct catalog *c = catalog_now(t, id, "");
	const struct list_item *item = c ? list_find(c->list, part) : NULL;
	if (item)
		strncpy(out, item->field[list_row(id)->name_field], EVENT_NAME - 1);
	pthread_mutex_unlock(&t->lock);
	utf8_trim(out);
}

/* An event names no people. */
static void start_event(const struct long_wait *w, enum event_kind kind, struct event *event)
{
	int logged = subject_logged(w->row, w->arg);

	*event = (struct event){ .kind = kind };
	if (logged)
		(void)snprintf(event->subject, sizeof(event->subject), "%.*s", logged, w->subject);
	else
		strncpy(event->subject, w->subject, sizeof(event->subject) - 1);
}

/* How long it took the last time; of what is made from a file, that file. 0: unknown. */
static int64_t expected_s(struct tree *t, const struct long_wait *w)
{
	struct board *board = jobs_board(t->jobs);
	struct board_job job, base;
	struct buf subject = { 0 };
	char arg[ARG_MAX_BYTES];

	int64_t own_s = board_job_of(board, w->subject, &job) ? job.expected_s : 0;
	if (w->row->source.kind != SOURCE_DERIVED)
		return own_s;
	node_base_arg(w->row, w->arg, arg);
	node_subject(node_base(w->row), arg, &subject);
	bool runs = board_job_of(board, buf_text(&subject), &base);
	buf_done(&subject);
	return runs && base.expected_s > own_s ? base.expected_s : own_s;
}

static void tell_long(struct tree *t, const struct long_wait *w)
{
	struct event event;
	struct board_job job;

	start_event(w, EVENT_WAIT_LONG, &event);
	find_name(t, w, event.name);
	event.expected_s = expected_s(t, w);
	bool runs = board_job_of(jobs_board(t->jobs), w->subject, &job);
	(void)snprintf(event.words, sizeof(event.words), "has been waited for for %lld s%s%s",
	               (long long)((sys_now_ms() - w->since_ms) / 1000), runs ? ": it " : "",
	               runs ? job.phrase : "");
	events_tell(t->config.events, &event);
}

/* The service's words may repeat a query. */
static void find_failure(struct tree *t, const struct long_wait *w, struct qx_fail *ret)
{
	bool personal = subject_logged(w->row, w->arg) || w->row->kind == NODE_LIVE;
	struct board_failure failure;

	if (personal) {
		fail_set(ret, w->outcome, "%s", strerror(w->outcome));
		fail_remedy(ret, "qxfs why tells the reason.");
	} else if (board_failure_of(jobs_board(t->jobs), w->subject, &failure) &&
	           failure.fail.err == w->outcome) { /* and not of an earlier open */
		*ret = failure.fail;
	} else if (w->outcome == ETIMEDOUT) {
		fail_set(ret, ETIMEDOUT, "opening it took longer than open_wait= allows");
		fail_remedy(ret, "What was begun goes on: open it again later.");
	} else {
		fail_set(ret, w->outcome, "%s", strerror(w->outcome));
	}
}

static void tell_end(struct tree *t, const struct long_wait *w)
{
	struct event event;
	bool left = w->outcome == ECANCELED;
	bool failed = w->outcome && !left;

	start_event(w,
	            failed ? EVENT_WAIT_FAILED
	            : left ? EVENT_WAIT_LEFT
	                   : EVENT_WAIT_OVER,
	            &event);
	find_name(t, w, event.name);
	if (failed)
		find_failure(t, w, &event.fail);
	(void)snprintf(event.words, sizeof(event.words), "%s",
	               left     ? "nobody waits for it any more"
	               : failed ? event.fail.why
	                        : "can be opened");
	events_tell(t->config.events, &event);
}

/* --- the errand, on the jobs thread ---------------------------------------------------------- */

/* The next that is due, TELLING from here on; NULL: none is, and *ret_rest_ms says when one will
 * be, -1: never. */
static struct long_wait *take_due(struct long_waits *all, int64_t *ret_rest_ms)
{
	int64_t limit_ms = all->tree->config.tell_wait_s * 1000, now_ms = sys_now_ms();
	struct long_wait *due = NULL;

	*ret_rest_ms = -1;
	pthread_mutex_lock(&all->lock);
	for (struct long_wait *w = all->first; w && !due; w = w->next) {
		int64_t rest_ms = w->since_ms + limit_ms - now_ms;
		if (w->state != QUIET)
			continue;
		if (rest_ms <= 0)
			due = w;
		else if (*ret_rest_ms < 0 || rest_ms < *ret_rest_ms)
			*ret_rest_ms = rest_ms;
	}
	if (due)
		due->state = TELLING;
	else
		all->armed = *ret_rest_ms >= 0;
	pthread_mutex_unlock(&all->lock);
	return due;
}

static void look(struct errand *e)
{
	struct long_waits *all = container_of(e, struct long_waits, errand);
	struct tree *t = all->tree;
	int64_t rest_ms;

	for (struct long_wait *w; (w = take_due(all, &rest_ms));) {
		tell_long(t, w);
		pthread_mutex_lock(&all->lock);
		w->state = TOLD;
		bool over = w->over;
		if (over)
			unlink_wait(all, w);
		pthread_mutex_unlock(&all->lock);
		if (over) {
			tell_end(t, w);
			forget(w);
		}
	}
	if (rest_ms >= 0)
		jobs_errand(t->jobs, e, rest_ms);
}

/* --- who waits ------------------------------------------------------------------------------- */

/* Lock held. NULL: there are too many, or no memory. Takes *subject if it makes one. */
static struct long_wait *get(struct long_waits *all, const struct node_row *row, const char *arg,
                             char **subject)
{
	struct long_wait *w = all->first;

	while (w && (w->over || strcmp(w->subject, *subject) != 0))
		w = w->next;
	if (w || all->n >= LONG_WAITS_MAX || !(w = calloc(1, sizeof(*w))))
		return w;
	w->row = row;
	memcpy(w->arg, arg, strlen(arg) + 1);
	w->subject = *subject;
	*subject = NULL;
	w->outcome = ECANCELED;
	w->since_ms = sys_now_ms();
	w->next = all->first;
	w->link = &all->first;
	if (w->next)
		w->next->link = &w->next;
	all->first = w;
	all->n++;
	return w;
}

struct long_wait *long_wait_begin(struct tree *t, const struct node_row *row, const char *arg,
                                  enum tree_verb verb, const struct tree_caller *who)
{
	struct long_waits *all = t->long_waits;
	struct buf path = { 0 };

	if (!all || verb == TREE_OPENDIR || who->uid != t->config.owner ||
	    strcmp(who->program, "qxfs") == 0)
		return NULL;
	node_subject(row, arg, &path);
	qx_auto_free char *subject = buf_steal(&path);
	if (!subject)
		return NULL;
	pthread_mutex_lock(&all->lock);
	struct long_wait *w = get(all, row, arg, &subject);
	if (w)
		w->waiters++;
	bool arm = w && !all->armed;
	all->armed = all->armed || arm;
	pthread_mutex_unlock(&all->lock);
	if (arm)
		jobs_errand(t->jobs, &all->errand, t->config.tell_wait_s * 1000);
	return w;
}

void long_wait_end(struct tree *t, struct long_wait *w, int err)
{
	struct long_waits *all = t->long_waits;
	bool gone = false, told = false;

	if (!w)
		return;
	pthread_mutex_lock(&all->lock);
	if (err != -ECANCELED)
		w->outcome = -err;
	if (--w->waiters == 0) {
		w->over = true;
		gone = w->state != TELLING;
		told = w->state == TOLD;
	}
	if (gone)
		unlink_wait(all, w);
	pthread_mutex_unlock(&all->lock);
	if (told)
		tell_end(t, w);
	if (gone)
		forget(w);
}
