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
#define FOLDER_TTL_S 60.0

uint64_t row_ino(const struct tree *t, const struct node_row *row, const char *arg)
{
	const char *const parts[] = { t->config.account, row->path, arg, NULL };
	uint64_t ino = hash_u64(parts);
	return ino < 2 ? ino + 2 : ino; /* 0 is "none", 1 the root's habit */
}

/* Fresh by the calendar: a clock that was set back does not make old data young. */
bool place_is_fresh(const struct tree *t, const struct place *p)
{
	if (!p->gen || p->touched_ms)
		return false;
	int64_t now_s = sys_wall_s(), checked_s = p->gen->checked_s;
	if (p->stale && sys_now_ms() < p->retry_ms)
		return true;
	return checked_s <= now_s + 5 && now_s - checked_s < t->config.fresh_s;
}

static int64_t place_modified_s(const struct tree *t, const struct place *p)
{
	int64_t modified_s = 0;
	const struct list_item *item =
		t->catalog && p->arg[0] ? list_find(t->catalog->list, p->arg) : NULL;
	if (!item || sys_parse_time(item->field[SURVEY_MODIFIED], &modified_s) < 0)
		return 0;
	return modified_s;
}

int64_t pending_mtime(struct tree *t, const struct place *p)
{
	int64_t modified_s = place_modified_s(t, p), ended_s = 0;

	if (p->gen) {
		ended_s = p->gen->checked_s + t->config.fresh_s;
		if (p->touched_ms || ended_s > sys_wall_s())
			ended_s = sys_wall_s();
	}
	if (!modified_s && !ended_s)
		return t->born_s;
	return modified_s > ended_s ? modified_s : ended_s;
}

int64_t counted_responses(const int64_t counts[FACTS_COUNTS])
{
	int64_t auditable = counts[0], generated = counts[1];
	if (auditable < 0 || generated < 0)
		return -1;
	return auditable > INT64_MAX - generated ? INT64_MAX : auditable + generated;
}

/* What the counts say; they are the service's word, so the result may be beyond any integer. */
static double estimate_by_counts(const struct place *p, const struct place *survey)
{
	double responses = (double)survey->responses;
	double by_count =
		(responses + HEADER_ROWS) * (double)survey->columns * p->row->source.cell_bytes;
	double was = p->gen ? (double)counted_responses(p->gen->facts.counts) : 0;
	double grown = was > 0 && responses > was ? responses / was : 1;
	double by_last = p->gen ? (double)p->gen->length * 1.25 * grown : 0;
	return (double)(KB * KB) + (by_count > by_last ? by_count : by_last);
}

/* Never too small: tar, fread, rsync and a dozen more would lose data silently. */
uint64_t pending_estimate(struct tree *t, const struct place *p)
{
	uint64_t last = p->gen ? p->gen->length : 0;
	uint64_t most = p->row->source.is_document ? UNKNOWN_DOCUMENT : UNKNOWN_EXPORT;

	if (last * 2 > most)
		most = last * 2;
	if (p->row->source.is_document)
		return most;
	const struct place *survey = place_find(t, node_row(ROW_SURVEY), p->arg);
	bool current = survey && survey->seen && survey->responses >= 0 && survey->columns >= 0 &&
	               sys_now_ms() - survey->seen_ms < COUNTS_MS;
	double guess = current ? estimate_by_counts(p, survey) : (double)most;
	return guess < (double)most ? (uint64_t)guess : most;
}

/* Type, mode, owner and number; times of the mount. */
void row_attr(const struct tree *t, const struct node_row *row, uint64_t ino, struct stat *ret)
{
	mode_t mode = 0444;
	memset(ret, 0, sizeof(*ret));
	if (row->kind == NODE_DIR)
		mode = S_IFDIR | 0555;
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
	ret->st_uid = t->config.uid;
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

void node_attr(const struct tree *t, const struct node *n, struct stat *ret)
{
	const struct place *p = n->place;

	row_attr(t, p->row, p->ino, ret);
	switch (p->row->kind) {
	case NODE_DATA:
		ret->st_size = (off_t)(n->ready ? n->gen->length : n->estimate);
		ret->st_blocks = n->ready ? (ret->st_size + 511) / 512 : 0;
		set_mtime(ret, n->mtime_s);
		break;
	case NODE_TEXT:
		ret->st_size = n->text ? (off_t)n->text->len : 0;
		ret->st_blocks = (ret->st_size + 511) / 512;
		set_mtime(ret, n->text ? n->text->mtime_s : t->born_s);
		break;
	case NODE_LINK:
		ret->st_size = (off_t)(strlen("../") + strlen(p->arg));
		break;
	case NODE_DIR:
		if (p->row->id == ROW_SURVEY && !n->tentative) {
			int64_t modified_s = place_modified_s(t, p);
			set_mtime(ret, modified_s ? modified_s : t->born_s);
		} else if (p->row->source.listed && t->catalog) {
			set_mtime(ret, t->catalog->list->fetched_s);
		}
		break;
	}
}

double node_attr_ttl(const struct tree *t, const struct node *n)
{
	(void)t;
	switch (n->place->row->kind) {
	case NODE_DATA:
		return n->ready ? LONG_TTL_S : 0;
	case NODE_TEXT:
		return LONG_TTL_S; /* a text node never changes */
	default:
		return n->tentative ? 0 : FOLDER_TTL_S;
	}
}

/* The clock's second has begun already: rounded down, so that no name outlives its freshness. */
static double fresh_rest(const struct tree *t, const struct generation *gen)
{
	int64_t rest_s = gen->checked_s + t->config.fresh_s - sys_wall_s() - 1;
	return rest_s > 0 ? (double)rest_s : 0;
}

double node_entry_ttl(const struct tree *t, const struct node *n)
{
	const struct place *p = n->place;
	switch (p->row->kind) {
	case NODE_DATA:
		if (!n->ready || p->current != n || !place_is_fresh(t, p) || p->stale)
			return 0;
		return fresh_rest(t, p->gen);
	case NODE_TEXT:
		return 0;
	default:
		return n->tentative ? 0 : FOLDER_TTL_S;
	}
}
