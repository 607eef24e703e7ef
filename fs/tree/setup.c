/* setup.c: making and ending a tree; the lists at the start. */
#include "audit.h"
#include "dates.h"
#include "inbox.h"
#include "keeper.h"
#include "kept.h"
#include "long_waits.h"
#include "opens.h"
#include "params.h"
#include "prefetch.h"
#include "visitors.h"

#include <qxfs/tree/setup.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>
#include <qxfs/jobs/imports.h>

static int make_root(struct tree *t)
{
	pthread_mutex_lock(&t->lock);
	t->next_id = TREE_ROOT;
	struct place *p = place_get(t, node_row(ROW_ROOT), "");
	struct node *n = p ? node_new(t, p) : NULL;
	if (n)
		p->current = n;
	pthread_mutex_unlock(&t->lock);
	return n ? 0 : -ENOMEM;
}

int tree_new(const struct tree_config *config, struct tree **ret)
{
	struct tree *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->config = *config;
	t->born_s = sys_wall_s();
	pthread_mutex_init(&t->catalog_lock, NULL);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->no_ops, NULL);
	nodes_init();

	struct jobs_config jobs = {
		.client = config->client,
		.cache = config->cache,
		.dirs = config->dirs,
		.fresh_s = config->fresh_s,
		.max_stale_s = config->max_stale_s,
		.refresh = config->refresh,
		.split_at = config->split_at,
		.job_timeout_ms = config->job_timeout_s * 1000,
		.polls_per_minute =
			config->share * endpoint_row(EP_EXPORT_PROGRESS)->calls_per_minute,
		.legacy = config->legacy,
		.seen = tree_seen,
		.events = config->events,
		.arg = t,
	};
	int r = zone_new(config->timezone, &t->zone);
	jobs.zone = t->zone;
	if (r == 0)
		r = make_root(t);
	t->visitors = visitors_new(config->crawlers, config->export_budget);
	if (r == 0 && !t->visitors)
		r = -ENOMEM;
	if (r == 0)
		r = audit_new(config->audit, &t->audit);
	if (r == 0)
		r = keeper_new(t, &t->keeper);
	if (r == 0)
		r = jobs_new(&jobs, &t->jobs);
	if (r == 0)
		r = prefetch_new(t, &t->prefetch);
	if (r == 0)
		r = long_waits_new(t, &t->long_waits);
	if (r == 0)
		r = inbox_begin(t);
	if (r < 0) {
		tree_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

/* The account's lists, one after the other; LIST_N_ after the last. */
static enum list_id next_list(enum list_id id)
{
	int i = id + 1;
	while (i < LIST_N_ && list_row((enum list_id)i)->of)
		i++;
	return (enum list_id)i;
}

int tree_load_lists(struct tree *t)
{
	for (enum list_id i = next_list(LIST_NONE); i < LIST_N_; i = next_list(i)) {
		struct list *list;
		int r = list_load(i, "", t->config.dirs, &list);
		if (r == 0) {
			r = tree_set_list(t, list);
			list_unref(list);
		}
		if (r == -ENOMEM)
			return r;
		if (r < 0 && !list_row(i)->optional)
			return -ENOENT; /* a damaged list is fetched anew */
	}
	return 0;
}

/* --- fetching -------------------------------------------------------------------------------- */

struct fetching {
	struct tree *tree;
	FILE *progress;
	bool live; /* it is a terminal: the line grows with each page */
	size_t items;
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;           /* guarded by lock */
	struct qx_fail fail; /* guarded by lock */
	struct list_want want;
};

#define PROGRESS "%sqxfs: reading the list of %s: %zu"

/* Jobs thread, while the caller of tree_fetch_lists waits. */
static void page_came(struct list_want *w, size_t items)
{
	struct fetching *f = w->arg;
	f->items = items;
	if (f->live) {
		fprintf(f->progress, PROGRESS, "\r", list_row(w->id)->name, items);
		fflush(f->progress);
	}
}

/* A log gets one line, and none of a list that could not be had. */
static void end_progress(const struct fetching *f)
{
	if (f->live && f->items > 0)
		fprintf(f->progress, "\n");
	else if (f->progress && !f->live && !f->fail.err)
		fprintf(f->progress, PROGRESS "\n", "", list_row(f->want.id)->name, f->items);
}

static void fetched(struct list_want *w, struct list *list, const struct qx_fail *fail)
{
	struct fetching *f = w->arg;
	struct qx_fail mine = *fail;
	int r = list ? tree_set_list(f->tree, list) : 0;
	if (r < 0)
		fail_set(&mine, -r, "no memory for the list of %s", list_row(w->id)->name);
	pthread_mutex_lock(&f->lock);
	f->fail = mine;
	f->done = true;
	pthread_cond_signal(&f->over);
	pthread_mutex_unlock(&f->lock);
}

static int fetch_one(struct tree *t, enum list_id id, FILE *progress, struct qx_fail *fail)
{
	struct fetching f = { .tree = t, .progress = progress };
	f.live = progress && isatty(fileno(progress));
	pthread_mutex_init(&f.lock, NULL);
	pthread_cond_init(&f.over, NULL);
	f.want.id = id;
	f.want.of = "";
	f.want.uid = t->config.owner;
	f.want.done = fetched;
	f.want.page = page_came;
	f.want.arg = &f;
	jobs_want_list(t->jobs, &f.want);

	pthread_mutex_lock(&f.lock);
	while (!f.done)
		pthread_cond_wait(&f.over, &f.lock);
	pthread_mutex_unlock(&f.lock);
	end_progress(&f);
	*fail = f.fail;
	pthread_mutex_destroy(&f.lock);
	pthread_cond_destroy(&f.over);
	return -fail->err;
}

/* Without directories there is still something to show; their folders say why. */
static bool is_fatal(enum list_id id, const struct qx_fail *fail)
{
	bool refused = fail->http == 403 || fail->http == 404;
	return fail->err && !(refused && list_row(id)->optional);
}

int tree_fetch_lists(struct tree *t, FILE *progress, struct qx_fail *fail)
{
	for (enum list_id i = next_list(LIST_NONE); i < LIST_N_; i = next_list(i)) {
		(void)fetch_one(t, i, progress, fail);
		if (is_fatal(i, fail))
			return -fail->err;
	}
	fail_clear(fail);
	return 0;
}

struct behind {
	struct tree *tree;
	struct list_want want;
};

static void fetched_behind(struct list_want *w, struct list *list, const struct qx_fail *fail)
{
	struct behind *b = w->arg;
	(void)fail; /* the board has it */
	if (list && tree_set_list(b->tree, list) < 0)
		log_warn("tree", "no memory for the list of %s", list_row(w->id)->name);
	free(b);
}

void tree_refresh_lists(struct tree *t)
{
	for (enum list_id i = next_list(LIST_NONE); i < LIST_N_; i = next_list(i)) {
		struct behind *b = calloc(1, sizeof(*b));
		if (!b)
			return; /* the next OPENDIR asks */
		b->tree = t;
		b->want.id = i;
		b->want.of = "";
		b->want.uid = t->config.owner;
		b->want.done = fetched_behind;
		b->want.arg = b;
		jobs_want_list(t->jobs, &b->want);
	}
}

/* --- the end --------------------------------------------------------------------------------- */

void tree_stop(struct tree *t)
{
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	pthread_mutex_unlock(&t->lock);
	jobs_stop(t->jobs);
}

/* What the kernel never forgot: it does not when a mount ends. */
static void free_nodes(struct tree *t)
{
	for (size_t i = 0; i < t->nodes.n_chains; i++) {
		for (struct node *n = t->nodes.chains[i], *next; n; n = next) {
			next = n->next;
			generation_unref(n->gen);
			text_unref(n->text);
			free(n);
		}
	}
	for (size_t i = 0; i < t->places.n_chains; i++) {
		for (struct place *p = t->places.chains[i], *next; p; p = next) {
			next = p->next;
			generation_unref(p->gen);
			catalog_unref(p->catalog);
			free(p->arg);
			free(p);
		}
	}
	free(t->nodes.chains);
	free(t->places.chains);
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	if (t->jobs) {
		tree_stop(t);
		pthread_mutex_lock(&t->lock);
		while (t->ops || t->entry_ops)
			pthread_cond_wait(&t->no_ops, &t->lock);
		pthread_mutex_unlock(&t->lock);
		inbox_end(t);
		close_handles(t); /* what they list is jobs/'s */
		jobs_free(t->jobs);
		imports_free(t->imports);
	}
	drops_free(t->drops);
	keeper_free(t->keeper);
	visitors_free(t->visitors);
	audit_free(t->audit);
	prefetch_free(t->prefetch);
	long_waits_free(t->long_waits);
	free_nodes(t);
	tree_forget_found(t);
	kept_free(t);
	for (int i = 0; i < LIST_N_; i++)
		catalog_unref(t->catalogs[i]);
	zone_free(t->zone);
	pthread_mutex_destroy(&t->catalog_lock);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->no_ops);
	free(t);
}

void tree_print_parameters(FILE *out)
{
	struct buf table = { 0 };

	dates_help(&table);
	buf_add_str(&table, "\n");
	params_help(&table);
	fputs(buf_text(&table), out);
	buf_done(&table);
}

/* The forms are told once, in the survey's folder, and what lies in import folders in a mailing
 * list's: elsewhere they are the same. */
static bool is_told_elsewhere(const struct node_row *row)
{
	int of_inbox = row->block ? (int)row->id - (int)row->block : -1;

	if (row->source.form)
		return row->parent != ROW_SURVEY;
	return of_inbox > INBOX_CHECK && node_row(row->block)->parent != ROW_MAILINGLIST;
}

void tree_print_rows(FILE *out)
{
	nodes_init();
	for (int i = ROW_ROOT + 1; i < (int)nodes_count(); i++) {
		const struct node_row *row = node_row((enum row_id)i);
		if (!is_told_elsewhere(row))
			fprintf(out, "%-44s %s\n", row->path, row->doc);
	}
}
