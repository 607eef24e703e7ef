/* prefetch.c: a seat for each file, with an errand that comes when the file's freshness ends. The
 * errand, on a disk worker, looks whether it has ended indeed; then the seat has a want with jobs/.
 *
 *   empty ──note──► waits (armed) ──due──► asked (busy) ──done──► waits or, if it failed, empty
 *
 * A seat may be given to another file while its errand waits: it comes when the former's freshness
 * would have ended, and looks at whose the seat is by then. */
#include "prefetch.h"

#include "contents.h"
#include "spans.h"
#include "visitors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

#define UNOPENED_MS (24LL * 3600 * 1000)
#define MIN_MS 1000 /* between two looks at a seat */

/* `row` and `arg` change only while not busy. */
struct seat {
	struct tree *tree;
	const struct node_row *row; /* NULL: empty */
	char arg[ARG_MAX_BYTES];
	int64_t opened_ms;
	bool armed; /* the errand waits or runs */
	bool busy;  /* jobs/ has the want, or is about to */
	struct errand errand;
	/* who made it busy: the errand until jobs_want, then `refreshed` */
	struct want want;
	struct content content;
	int64_t until_s;
};

struct prefetch {
	unsigned n; /* immutable */
	struct seat seats[];
};

/* An export that the service can be asked about, or what is made from one. */
static bool suits(const struct node_row *row, const char *arg)
{
	char base_arg[ARG_MAX_BYTES];

	if (row->kind != NODE_DATA || row->parent == ROW_NOW)
		return false;
	if (row->source.kind != SOURCE_DERIVED)
		return row->source.kind == SOURCE_FORM && !content_is_always_new(row, arg);
	node_base_arg(row, arg, base_arg);
	return suits(node_base(row), base_arg);
}

/* Lock held. */
static void arm(struct seat *s)
{
	struct tree *t = s->tree;
	const struct place *p = place_find(t, s->row, s->arg);
	/* One that was touched, or is stale, is its next open's. */
	int64_t rest_s = p && place_is_fresh(t, p) && !p->stale ? fresh_until_s(t, p) - sys_wall_s()
	                                                        : t->config.fresh_s;

	s->armed = true;
	jobs_errand(t->jobs, &s->errand, rest_s * 1000 > MIN_MS ? rest_s * 1000 : MIN_MS);
}

/* Jobs thread. */
static void refreshed(struct want *w, const struct want_result *result)
{
	struct seat *s = w->arg;
	struct tree *t = s->tree;
	const struct qx_fail *fail = result->fail;

	content_done(&s->content);
	pthread_mutex_lock(&t->lock);
	struct place *p = fail->err || result->stale ? NULL : place_get(t, s->row, s->arg);
	if (p) {
		place_take(t, p, result->gen, s->until_s);
		p->stale = false;
	}
	s->busy = false;
	if (fail->err && !fail->unreachable)
		s->row = NULL;
	else if (!t->stopping)
		arm(s);
	pthread_mutex_unlock(&t->lock);
}

/* What an open would ask for. */
static void ask(struct seat *s)
{
	struct tree *t = s->tree;
	struct qx_fail fail = { 0 };

	s->until_s = span_until(s->row, s->arg, t->zone);
	int r = content_make(t, s->row, s->arg, &s->content);
	s->want = (struct want){
		.recipe = s->content.recipe,
		.background = true,
		.uid = t->config.owner,
		.done = refreshed,
		.arg = s,
	};
	if (r < 0) {
		fail_set(&fail, -r, "its name means nothing any more");
		refreshed(&s->want, &(struct want_result){ .fail = &fail });
		return;
	}
	pthread_mutex_lock(&t->lock);
	s->want.mtime_s = shown_mtime(t, s->row, s->arg, &s->want.looking);
	pthread_mutex_unlock(&t->lock);
	jobs_want(t->jobs, &s->want);
}

/* Another mount, a listing or an open may have checked it since. Reads local files. */
static void look_again(struct seat *s)
{
	struct tree_entry entry;

	if (present(s->tree, s->row, s->arg, &entry) == 0)
		tree_forget(s->tree, entry.node, 1);
}

static bool account_answers(struct tree *t)
{
	struct client_view view;

	client_view(t->config.client, &view);
	return view.reachable && !view.token_refused;
}

/* Disk worker. */
static void due(struct errand *e)
{
	struct seat *s = container_of(e, struct seat, errand);
	struct tree *t = s->tree;

	pthread_mutex_lock(&t->lock);
	s->armed = false;
	if (s->row && sys_now_ms() - s->opened_ms >= UNOPENED_MS)
		s->row = NULL;
	bool go = s->row && !t->stopping;
	s->busy = go;
	pthread_mutex_unlock(&t->lock);
	if (!go)
		return;

	bool answers = account_answers(t);
	look_again(s);
	/* What a place remembers may be forgotten by its owner, or evicted. */
	struct generation *gen = content_cached(t, s->row, s->arg);
	bool gone = !gen;
	generation_unref(gen);
	pthread_mutex_lock(&t->lock);
	const struct place *p = place_find(t, s->row, s->arg);
	if (!p || !p->gen || gone) {
		s->busy = false;
		s->row = NULL;
	} else if (place_is_fresh(t, p) || p->touched_ms || !answers) {
		s->busy = false;
		arm(s);
	}
	bool old = s->busy;
	pthread_mutex_unlock(&t->lock);
	if (old)
		ask(s);
}

/* That of the file; else an empty one, else that of the file whose last open is the longest ago.
 * NULL: all are busy. */
static struct seat *seat_for(struct prefetch *p, const struct node_row *row, const char *arg)
{
	struct seat *best = NULL;

	for (struct seat *s = p->seats; s < p->seats + p->n; s++) {
		if (s->row == row && strcmp(s->arg, arg) == 0)
			return s;
		bool better = !best || (best->row && (!s->row || s->opened_ms < best->opened_ms));
		if (!s->busy && better)
			best = s;
	}
	return best;
}

void prefetch_note(struct tree *t, const struct node_row *row, const char *arg,
                   const struct tree_caller *who)
{
	if (!t->prefetch || !suits(row, arg) || visitor_is_crawler(t->visitors, who))
		return;
	pthread_mutex_lock(&t->lock);
	struct seat *s = t->stopping ? NULL : seat_for(t->prefetch, row, arg);
	if (s) {
		if (s->row != row || strcmp(s->arg, arg) != 0) {
			s->row = row; /* not busy: nobody reads them without the lock */
			memcpy(s->arg, arg, strlen(arg) + 1);
		}
		s->opened_ms = sys_now_ms();
		if (!s->armed && !s->busy)
			arm(s);
	}
	pthread_mutex_unlock(&t->lock);
}

int prefetch_new(struct tree *t, struct prefetch **ret)
{
	/* Nothing is ever fresh: there is nothing that could be kept so. */
	unsigned n = t->config.fresh_s > 0 ? t->config.prefetch : 0;
	struct prefetch *p = n ? calloc(1, sizeof(*p) + n * sizeof(p->seats[0])) : NULL;

	if (n && !p)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		p->seats[i].tree = t;
		p->seats[i].errand.fn = due;
	}
	if (p)
		p->n = n;
	*ret = p;
	return 0;
}

void prefetch_free(struct prefetch *p)
{
	free(p);
}
