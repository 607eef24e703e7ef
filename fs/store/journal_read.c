/* journal_read.c: what is asked of the journal, on the reader's connection.
 *
 * Every call is one short read, and copies what it found: no lock and no snapshot outlives it. */
#include "journal_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EACH_PIECE 32 /* entries read at once for journal_each */

static int give(int r, const struct record *found, struct entry *ret)
{
	if (r == 0)
		*ret = found->e;
	return r;
}

int journal_get(struct journal *j, int64_t id, struct entry *ret)
{
	struct record found;

	int r = journal_read_begin(j);
	if (r < 0)
		return r;
	r = record_get(j->reader, id, &found);
	return give(journal_read_end(j, r), &found, ret);
}

int journal_find(struct journal *j, const char *folder, const char *name, struct entry *ret)
{
	struct record found;

	int r = journal_read_begin(j);
	if (r < 0)
		return r;
	r = record_find(j->reader, folder, name, &found);
	return give(journal_read_end(j, r), &found, ret);
}

/* Up to `max` rows; how many. */
static int take_rows(struct sql_query *q, struct entry *ret, int max)
{
	struct record found;
	int n = 0, r = 0;

	while (n < max && (r = sql_next(q)) > 0 && (r = record_read(q, &found)) == 0)
		ret[n++] = found.e;
	return r < 0 ? r : n;
}

static int list(struct sql *s, const char *folder, const char *after, struct entry *ret, int max)
{
	qx_auto_query q = sql_ask(s,
	                          RECORD_SELECT "WHERE folder = ?1 AND name > ?2 AND hidden = 0 "
	                                        "ORDER BY name LIMIT ?3",
	                          sql_text(folder), sql_text(after), sql_int(max));
	return take_rows(&q, ret, max);
}

int journal_list(struct journal *j, const char *folder, const char *after, struct entry *ret,
                 int max)
{
	int r = journal_read_begin(j);
	if (r < 0)
		return r;
	return journal_read_end(j, list(j->reader, folder, after, ret, max));
}

static int each_piece(struct sql *s, unsigned states, int64_t after, struct entry *ret)
{
	qx_auto_query q =
		sql_ask(s,
	                RECORD_SELECT "WHERE id > ?1 AND (?2 >> state & 1) AND hidden = 0 "
	                              "ORDER BY id LIMIT ?3",
	                sql_int(after), sql_int(states), sql_int(EACH_PIECE));
	return take_rows(&q, ret, EACH_PIECE);
}

int journal_each(struct journal *j, unsigned states, journal_each_fn *fn, void *arg)
{
	int n = EACH_PIECE;
	int64_t after = 0;
	qx_auto_free struct entry *piece = malloc(EACH_PIECE * sizeof(*piece));
	if (!piece)
		return -ENOMEM;

	while (n == EACH_PIECE) {
		n = journal_read_begin(j);
		if (n == 0)
			n = journal_read_end(j, each_piece(j->reader, states, after, piece));
		for (int i = 0; i < n; i++) {
			if (!fn(arg, &piece[i]))
				return 0;
			after = piece[i].id;
		}
	}
	return n < 0 ? n : 0;
}

/* --- identity -------------------------------------------------------------------------------- */

#define BIT(state) (1u << ENTRY_##state)
#define RUNS (BIT(QUEUED) | BIT(SENDING) | BIT(IMPORTING))
#define FINISHED (BIT(DONE) | BIT(PARTLY))

/* The last one of which anything was, or will be, sent. */
static int last_sent(struct sql *s, const char *folder, const char *name, int64_t not_id,
                     struct record *ret)
{
	qx_auto_query q = sql_ask(
		s,
		RECORD_SELECT
		"WHERE home = ?1 AND home_name = ?2 AND hidden = 0 AND id <> ?3 AND uuid <> '' "
		"AND ((?4 >> state & 1) OR (state = ?5 AND parts_done > 0)) "
		"ORDER BY turn DESC LIMIT 1",
		sql_text(folder), sql_text(name), sql_int(not_id),
		sql_int(RUNS | FINISHED | BIT(UNCERTAIN)), sql_int(ENTRY_FAILED));
	return record_first(&q, ret);
}

static bool is_in_done(const struct record *r)
{
	size_t len = strlen(r->home);
	return strncmp(r->e.folder, r->home, len) == 0 && strcmp(r->e.folder + len, "/done") == 0;
}

int journal_same(struct journal *j, const char *folder, const char *name, const char *digest,
                 int64_t not_id, struct entry *ret)
{
	struct record found;

	int r = journal_read_begin(j);
	if (r < 0)
		return r;
	r = journal_read_end(j, last_sent(j->reader, folder, name, not_id, &found));
	if (r < 0)
		return r;
	bool counts = (RUNS >> found.e.state & 1) != 0 ||
	              ((FINISHED >> found.e.state & 1) != 0 && is_in_done(&found));
	if (!counts || !*digest || strcmp(found.e.digest, digest) != 0)
		return -ENOENT;
	*ret = found.e;
	return 0;
}

/* Of either kind of name the later one. */
static int last_home(struct sql *s, const char *folder, const char *name, struct record *ret)
{
	qx_auto_query q = sql_ask(s,
	                          RECORD_SELECT "WHERE home = ?1 AND home_name = ?2 AND uuid <> '' "
	                                        "ORDER BY turn DESC LIMIT 1",
	                          sql_text(folder), sql_text(name));
	return record_first(&q, ret);
}

static int last(struct sql *s, const char *folder, const char *name, struct record *ret)
{
	struct record here;

	int r = last_home(s, folder, name, ret);
	if (r < 0 && r != -ENOENT)
		return r;
	int here_r = record_find(s, folder, name, &here);
	if (here_r < 0 && here_r != -ENOENT)
		return here_r;
	if (here_r == 0 && here.e.uuid[0] && (r < 0 || here.turn > ret->turn)) {
		*ret = here;
		r = 0;
	}
	return r;
}

int journal_last(struct journal *j, const char *folder, const char *name, struct entry *ret)
{
	struct record found;

	int r = journal_read_begin(j);
	if (r < 0)
		return r;
	return give(journal_read_end(j, last(j->reader, folder, name, &found)), &found, ret);
}

/* --- what belongs to an entry ---------------------------------------------------------------- */

static int take_report(struct sql *s, int64_t id, struct buf *report)
{
	qx_auto_query q = sql_ask(s, "SELECT report FROM texts WHERE entry = ?1", sql_int(id));
	int r = sql_next(&q);
	if (r <= 0)
		return r;
	sql_get_bytes(&q, 0, report);
	return buf_failed(report) ? -ENOMEM : 0;
}

int journal_report(struct journal *j, int64_t id, struct buf *report)
{
	struct record found;

	int r = journal_read_begin(j);
	if (r < 0)
		return r;
	r = record_get(j->reader, id, &found);
	if (r == 0)
		r = take_report(j->reader, id, report);
	return journal_read_end(j, r);
}

static int take_parts(struct sql *s, int64_t id, struct part **ret, size_t *ret_n)
{
	struct part *parts = NULL;
	size_t n = 0, cap = 0;
	int r;

	qx_auto_query q = sql_ask(s, PART_SELECT "WHERE entry = ?1 ORDER BY n", sql_int(id));
	while ((r = sql_next(&q)) > 0) {
		if (n == cap) {
			cap = cap ? cap * 2 : 8;
			struct part *more = reallocarray(parts, cap, sizeof(*parts));
			r = more ? 0 : -ENOMEM;
			parts = more ? more : parts;
		}
		if (r < 0 || (r = part_read(&q, &parts[n])) < 0)
			break;
		n++;
	}
	if (r < 0) {
		free(parts);
		return r;
	}
	*ret = parts;
	*ret_n = n;
	return 0;
}

int journal_parts(struct journal *j, int64_t id, struct part **ret, size_t *ret_n)
{
	struct record found;

	int r = journal_read_begin(j);
	if (r < 0)
		return r;
	r = record_get(j->reader, id, &found);
	if (r == 0)
		r = take_parts(j->reader, id, ret, ret_n);
	return journal_read_end(j, r);
}

static int take_work(struct sql *s, struct entry **ret, size_t *ret_n)
{
	struct record found;
	struct entry *work = NULL;
	size_t n = 0, cap = 0;
	int r;

	qx_auto_query q =
		sql_ask(s, RECORD_SELECT "WHERE state IN (?1, ?2, ?3) ORDER BY turn, id",
	                sql_int(ENTRY_QUEUED), sql_int(ENTRY_SENDING), sql_int(ENTRY_IMPORTING));
	while ((r = sql_next(&q)) > 0 && (r = record_read(&q, &found)) == 0) {
		if (n == cap) {
			cap = cap ? cap * 2 : 8;
			struct entry *more = reallocarray(work, cap, sizeof(*work));
			if (!more) {
				r = -ENOMEM;
				break;
			}
			work = more;
		}
		work[n++] = found.e;
	}
	if (r < 0) {
		free(work);
		return r;
	}
	*ret = work;
	*ret_n = n;
	return 0;
}

int journal_work(struct journal *j, struct entry **ret, size_t *ret_n)
{
	int r = journal_read_begin(j);
	if (r < 0)
		return r;
	return journal_read_end(j, take_work(j->reader, ret, ret_n));
}
