/* attrs.c: what stat shows: inode numbers, sizes, times, and how long the kernel may believe them.
 */
#include "house.h"

#include <string.h>

#include <qxfs/base/hash.h>
#include <qxfs/base/sys.h>

#define KB 1024ull
#define UNKNOWN_EXPORT 2000000000ull /* an export's own limit is 1.8 GB: measured harmless */
#define UNKNOWN_DOCUMENT (16 * KB * KB)
#define COUNTS_MS 60000 /* so long the service's counts say how much there is: more may come */
#define HEADER_ROWS 50  /* three rows, but of whole question texts */
#define LONG_TTL_S 3600.0
#define NAME_TTL_S 60 /* a lookup costs no request */
#define CLOCKS_DIFFER_S 5
#define NOW_FRESH_S 60    /* of what lies in now/, from its publication */
#define ABSENT_FRESH_S 60 /* of a link that leads nowhere */

uint64_t row_ino(const struct tree *t, const struct node_row *row, const char *arg)
{
	const char *const parts[] = { t->config.account, row->path, arg, NULL };
	uint64_t ino = hash_u64(parts);
	return ino < 2 ? ino + 2 : ino; /* 0 is "none", 1 the root's habit */
}

uint64_t row_parent_ino(const struct tree *t, const struct node_row *row, const char *arg)
{
	char above_arg[ARG_MAX_BYTES];

	memcpy(above_arg, arg, strlen(arg) + 1);
	const struct node_row *above = node_above(row, above_arg);
	return row_ino(t, above, above_arg);
}

bool generation_is_empty_list(const struct generation *gen)
{
	return gen->length <= sizeof("[]\n") - 1;
}

int64_t whole_since_s(const struct generation *gen)
{
	int64_t asked_s = gen->facts.exported_s;

	if (gen->facts.full_s && gen->facts.full_s < asked_s)
		asked_s = gen->facts.full_s; /* an edit moves no count: it was not fetched since */
	return asked_s + gen->facts.took_ms / 1000;
}

int64_t now_until_s(int64_t whole_s)
{
	int64_t now_s = sys_wall_s();

	return whole_s > now_s + CLOCKS_DIFFER_S ? now_s : whole_s + NOW_FRESH_S;
}

int64_t fresh_until_s(const struct tree *t, const struct place *p)
{
	const struct generation *gen = p->gen;
	if (p->row->parent == ROW_NOW)
		return now_until_s(p->base.checked_s ? p->base.whole_s : whole_since_s(gen));
	int64_t checked_s = gen->checked_s;
	if (p->base.checked_s && p->base.checked_s < checked_s)
		checked_s = p->base.checked_s;
	int64_t until_s = checked_s + t->config.fresh_s;
	if (p->row->kind == NODE_LINK && generation_is_empty_list(gen) &&
	    until_s > checked_s + ABSENT_FRESH_S)
		until_s = checked_s + ABSENT_FRESH_S;
	return p->until_s && p->until_s < until_s ? p->until_s : until_s;
}

/* Fresh by the calendar: a clock that was set back does not make old data young. Nothing is while
 * the token is refused: who may not ask may not read what is there either. */
bool place_is_fresh(const struct tree *t, const struct place *p)
{
	if (!p->gen || p->touched_ms || p->outdated || generation_refusal(p->gen) ||
	    client_is_refused(t->config.client))
		return false;
	int64_t now_s = sys_wall_s();
	if (p->until_s && now_s >= p->until_s)
		return false;
	if (p->stale && jobs_old_may_rest(t->jobs, p->stale_ms))
		return true;
	return !generation_is_of_tomorrow(p->gen) && now_s < fresh_until_s(t, p);
}

static int64_t place_modified_s(const struct tree *t, const struct place *p)
{
	enum list_id list = hole_list(hole_of_part(p->row, 0));
	const struct catalog *c = t->catalogs[list];
	char id[ARG_MAX_BYTES];

	if (!c || !arg_part(p->arg, 0, id))
		return 0;
	const struct list_item *item = list_find(c->list, id);
	return item ? list_moment(item, list_row(list)->modified_field) : 0;
}

int64_t pending_mtime(struct tree *t, const struct place *p)
{
	int64_t modified_s = place_modified_s(t, p), ended_s = 0;

	if (p->gen) {
		ended_s = fresh_until_s(t, p);
		/* What is made from it is as old as its base: a backup that has taken the base
		 * finds it no newer than that. */
		bool base_is_fresh = sys_wall_s() - p->base.checked_s < t->config.fresh_s;
		if (p->outdated && !p->touched_ms && base_is_fresh &&
		    p->base.mtime_s > p->gen->mtime_s)
			ended_s = p->base.mtime_s;
		else if (p->touched_ms || p->outdated || generation_refusal(p->gen) ||
		         ended_s > sys_wall_s())
			ended_s = sys_wall_s();
	}
	if (!modified_s && !ended_s)
		return t->born_s;
	return modified_s > ended_s ? modified_s : ended_s;
}

int64_t shown_mtime(struct tree *t, const struct node_row *row, const char *arg, bool *ret_unseen)
{
	struct place *p = place_get(t, row, arg);
	*ret_unseen = !(p && p->pending);
	if (!p)
		return sys_wall_s();
	int64_t mtime_s = p->pending ? p->pending->mtime_s : pending_mtime(t, p);
	place_release(t, p);
	return mtime_s;
}

void place_take(struct tree *t, struct place *p, struct generation *gen, int64_t until_s)
{
	p->until_s = until_s;
	if (p->gen != gen) {
		generation_unref(p->gen);
		p->gen = generation_ref(gen);
	}
	p->outdated = false;
	p->base.checked_s = 0; /* the next lookup tells */
	folder_has_files(t, p);
}

/* What the counts say; they are the service's word, so the result may be beyond any integer. */
static double estimate_by_counts(const struct place *p, const struct place *survey)
{
	double responses = (double)survey->responses;
	double by_count = (responses + HEADER_ROWS) * (double)survey->columns *
	                  p->row->source.form->cell_bytes;
	double was = p->gen ? (double)counted_responses(p->gen->facts.counts) : 0;
	double grown = was > 0 && responses > was ? responses / was : 1;
	double by_last = p->gen ? (double)p->gen->length * 1.25 * grown : 0;
	return (double)(KB * KB) + (by_count > by_last ? by_count : by_last);
}

/* The survey of a form, if its counts are known to be current; they do not tell of unfinished
 * responses, nor of columns that parameters add. */
static const struct place *counted_survey(struct tree *t, const struct place *p)
{
	char id[ARG_MAX_BYTES];

	if (p->row->source.form->flags & FORM_UNFINISHED ||
	    node_row(p->row->parent)->hole == HOLE_WITH || !arg_part(p->arg, 0, id))
		return NULL;
	const struct place *survey = place_find(t, node_row(ROW_SURVEY), id);
	bool current = survey && survey->seen && survey->responses >= 0 && survey->columns >= 0 &&
	               sys_now_ms() - survey->seen_ms < COUNTS_MS;
	return current ? survey : NULL;
}

static bool is_document(const struct node_row *row)
{
	if (row->source.kind == SOURCE_DERIVED)
		return row->source.render->picks;
	return row->source.kind == SOURCE_DOCUMENT;
}

/* Never too small: tar, fread, rsync and a dozen more would lose data silently. */
uint64_t pending_estimate(struct tree *t, const struct place *p)
{
	const struct form *form = p->row->source.form;
	uint64_t last = p->gen ? p->gen->length : 0;
	uint64_t most = is_document(p->row) ? UNKNOWN_DOCUMENT : UNKNOWN_EXPORT;

	/* Lists of people have no bound but their own; an export is the larger guess. */
	if (last * 2 > most)
		most = last * 2;
	const struct place *survey = form ? counted_survey(t, p) : NULL;
	double guess = survey ? estimate_by_counts(p, survey) : (double)most;
	return guess < (double)most ? (uint64_t)guess : most;
}

/* Type, mode, owner and number; times of the mount. */
void row_attr(const struct tree *t, const struct node_row *row, uint64_t ino, struct stat *ret)
{
	mode_t mode = 0444;
	memset(ret, 0, sizeof(*ret));
	if (row->kind == NODE_DIR)
		mode = S_IFDIR | (row->is_inbox ? 0755 : 0555);
	else if (row->kind == NODE_LINK)
		mode = S_IFLNK | 0777;
	else
		mode = S_IFREG | 0444;
	if (row->flags & ROW_OWNER_ONLY)
		mode &= ~(mode_t)077;
	if (row->kind != NODE_LINK)
		mode &= ~t->config.umask;
	ret->st_mode = mode;
	ret->st_ino = ino;
	ret->st_nlink = row->kind == NODE_DIR ? 2 : 1;
	ret->st_uid = row->flags & ROW_OWNER_ONLY ? t->config.owner : t->config.uid;
	ret->st_gid = t->config.gid;
	ret->st_blksize = 4096;
	ret->st_mtim.tv_sec = t->born_s;
	ret->st_atim = ret->st_ctim = ret->st_mtim;
}

static void set_mtime(struct stat *ret, int64_t mtime_s)
{
	ret->st_mtim.tv_sec = mtime_s;
	ret->st_atim = ret->st_ctim = ret->st_mtim;
}

/* What is in it, not when we last looked: else a listing that fetches its list changes the folder
 * under the program that reads it, and tar complains. */
static int64_t folder_mtime(struct tree *t, const struct place *p)
{
	int64_t at_s = place_modified_s(t, p);

	if (!at_s && p->row->list != LIST_NONE && t->catalogs[p->row->list])
		at_s = t->catalogs[p->row->list]->newest_s;
	return at_s ? at_s : t->born_s;
}

static off_t link_length(struct tree *t, const struct place *p)
{
	struct buf target = { 0 };
	link_target(t, p->row, p->arg, &target);
	off_t length = (off_t)target.len;
	buf_done(&target);
	return length;
}

/* All that was ever written: what is not kept any more counts too, so that it only grows. */
static void events_attr(const struct tree *t, struct stat *ret)
{
	uint64_t bytes = 0;
	int64_t changed_s = 0;

	if (t->config.events)
		events_size(t->config.events, &bytes, &changed_s);
	ret->st_size = (off_t)bytes;
	set_mtime(ret, changed_s ? changed_s : t->born_s);
}

void node_attr(struct tree *t, const struct node *n, struct stat *ret)
{
	const struct place *p = n->place;

	row_attr(t, p->row, p->ino, ret);
	switch (p->row->kind) {
	case NODE_DATA:
		ret->st_size = (off_t)(n->ready ? n->gen->length : n->estimate);
		ret->st_blocks = n->ready ? (ret->st_size + 511) / 512 : 0;
		set_mtime(ret, n->mtime_s);
		break;
	case NODE_LIVE:
		ret->st_size = (off_t)(n->ready ? n->estimate : UNKNOWN_EXPORT);
		ret->st_blocks = n->ready ? (ret->st_size + 511) / 512 : 0;
		set_mtime(ret, n->mtime_s);
		break;
	case NODE_EVENTS:
		events_attr(t, ret);
		break;
	case NODE_TEXT:
		ret->st_size = n->text ? (off_t)n->text->len : 0;
		ret->st_blocks = (ret->st_size + 511) / 512;
		set_mtime(ret, n->text ? n->text->mtime_s : t->born_s);
		break;
	case NODE_LINK:
		ret->st_size = link_length(t, p);
		break;
	case NODE_DIR:
		set_mtime(ret, folder_mtime(t, p));
		break;
	case NODE_SPOOL:
		break; /* inbox_stat() */
	}
}

double node_attr_ttl(struct tree *t, const struct node *n)
{
	switch (n->place->row->kind) {
	case NODE_DATA:
		return n->ready ? LONG_TTL_S : 0;
	case NODE_LIVE:
	case NODE_EVENTS:
		return 0;
	case NODE_TEXT:
		return LONG_TTL_S; /* a text node never changes */
	case NODE_SPOOL:
		return 0;
	default:
		return n->place->row->is_inbox || is_tentative(t, n->place->row, n->place->arg)
		               ? 0
		               : FOLDER_TTL_S;
	}
}

/* The clock's second has begun already: rounded down, so that no name outlives its freshness. The
 * kernel's clock stands still while the machine sleeps: of yesterday's names none is believed for
 * long. */
static double fresh_rest(const struct tree *t, const struct place *p)
{
	int64_t rest_s = fresh_until_s(t, p) - sys_wall_s() - 1;
	if (rest_s > NAME_TTL_S)
		return NAME_TTL_S;
	return rest_s > 0 ? (double)rest_s : 0;
}

double node_entry_ttl(struct tree *t, const struct node *n)
{
	const struct place *p = n->place;
	switch (p->row->kind) {
	case NODE_DATA:
		if (!n->ready || p->current != n || !place_is_fresh(t, p) || p->stale)
			return 0;
		return fresh_rest(t, p);
	case NODE_TEXT:
	case NODE_SPOOL:
	case NODE_LIVE:
		return 0;
	default:
		if (p->row->source.kind == SOURCE_PAGES)
			return 0; /* a link that may lead nowhere */
		return is_tentative(t, n->place->row, n->place->arg) ? 0 : FOLDER_TTL_S;
	}
}
