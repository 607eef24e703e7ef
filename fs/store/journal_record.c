/* journal_record.c: a row of the journal in memory, and back. */
#include "journal_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <qxfs/base/utf8.h>

/* --- small things ---------------------------------------------------------------------------- */

/* RFC 4122, version 4. */
void uuid_new(char out[UUID_SIZE])
{
	uint64_t a = sys_random(), b = sys_random();

	a = (a & ~0xf000ULL) | 0x4000;
	b = (b & ~(3ULL << 62)) | 1ULL << 63;
	(void)snprintf(out, UUID_SIZE, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(a >> 32),
	               (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xffff), (unsigned)(b >> 48),
	               (unsigned long long)(b & 0xffffffffffffULL));
}

void words_copy(char out[ENTRY_WHY], const char *words)
{
	if (words == out)
		return;
	(void)snprintf(out, ENTRY_WHY, "%s", words ? words : "");
	utf8_trim(out);
}

int record_check_name(const char *folder, const char *name)
{
	if (strlen(folder) >= ENTRY_FOLDER || strlen(name) >= ENTRY_NAME)
		return -ENAMETOOLONG;
	if (!*folder || !*name || strchr(name, '/') || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return -EINVAL;
	return 0;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Columns in the order of RECORD_COLUMNS. */
struct cursor {
	const struct sql_query *q;
	int at;
	int err;
};

static void take_text(struct cursor *c, char *out, size_t size)
{
	int r = sql_get_text(c->q, c->at++, out, size);
	if (c->err == 0)
		c->err = r;
}

static int64_t take_int(struct cursor *c, int64_t min, int64_t max)
{
	int64_t n = sql_get_int(c->q, c->at++);
	if (c->err == 0 && (n < min || n > max))
		c->err = -EBADMSG;
	return n;
}

static bool take_bool(struct cursor *c)
{
	return take_int(c, 0, 1) != 0;
}

static uint64_t take_count(struct cursor *c)
{
	return (uint64_t)take_int(c, 0, INT64_MAX);
}

static void take_attrs(struct cursor *c, struct entry *e)
{
	e->mode = (mode_t)take_int(c, 0, UINT32_MAX);
	e->uid = (uid_t)take_int(c, 0, UINT32_MAX);
	e->gid = (gid_t)take_int(c, 0, UINT32_MAX);
	e->mtime_ns = take_int(c, INT64_MIN, INT64_MAX);
	e->size = take_count(c);
	take_text(c, e->uuid, sizeof(e->uuid));
	take_text(c, e->digest, sizeof(e->digest));
	e->created_s = take_int(c, INT64_MIN, INT64_MAX);
	e->changed_s = take_int(c, INT64_MIN, INT64_MAX);
	e->done_s = take_int(c, INT64_MIN, INT64_MAX);
	take_text(c, e->why, sizeof(e->why));
	take_text(c, e->next, sizeof(e->next));
	e->rows = take_count(c);
	e->added = take_count(c);
	e->updated = take_count(c);
	e->refused = take_count(c);
	e->parts = (uint32_t)take_int(c, 0, UINT32_MAX);
	e->parts_done = (uint32_t)take_int(c, 0, UINT32_MAX);
}

int record_read(const struct sql_query *q, struct record *ret)
{
	struct cursor c = { .q = q };

	ret->e.id = take_int(&c, 1, INT64_MAX);
	take_text(&c, ret->e.folder, sizeof(ret->e.folder));
	take_text(&c, ret->e.name, sizeof(ret->e.name));
	ret->e.hidden = take_bool(&c);
	take_text(&c, ret->home, sizeof(ret->home));
	take_text(&c, ret->home_name, sizeof(ret->home_name));
	ret->turn = take_int(&c, 0, INT64_MAX);
	ret->e.state = (enum entry_state)take_int(&c, 0, ENTRY_STATES_ - 1);
	ret->e.whole = take_bool(&c);
	ret->linked = take_bool(&c);
	take_text(&c, ret->mount, sizeof(ret->mount));
	ret->e.pushed = take_bool(&c);
	ret->e.sent_before = take_bool(&c);
	take_attrs(&c, &ret->e);
	return c.err;
}

int record_first(struct sql_query *q, struct record *ret)
{
	int r = sql_next(q);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	return record_read(q, ret);
}

int record_get(struct sql *s, int64_t id, struct record *ret)
{
	qx_auto_query q = sql_ask(s, RECORD_SELECT "WHERE id = ?1", sql_int(id));
	return record_first(&q, ret);
}

int record_find(struct sql *s, const char *folder, const char *name, struct record *ret)
{
	qx_auto_query q = sql_ask(s, RECORD_SELECT "WHERE folder = ?1 AND name = ?2 AND hidden = 0",
	                          sql_text(folder), sql_text(name));
	return record_first(&q, ret);
}

int part_read(const struct sql_query *q, struct part *ret)
{
	struct cursor c = { .q = q };

	ret->n = (uint32_t)take_int(&c, 0, UINT32_MAX);
	ret->state = (enum part_state)take_int(&c, 0, PART_STATES_ - 1);
	ret->first_row = take_count(&c);
	ret->rows = take_count(&c);
	ret->from = take_count(&c);
	ret->to = take_count(&c);
	take_text(&c, ret->uuid, sizeof(ret->uuid));
	take_text(&c, ret->job, sizeof(ret->job));
	ret->added = take_count(&c);
	ret->updated = take_count(&c);
	ret->refused = take_count(&c);
	take_text(&c, ret->request_id, sizeof(ret->request_id));
	take_text(&c, ret->made, sizeof(ret->made));
	return c.err;
}

/* --- writing --------------------------------------------------------------------------------- */

enum { VALUES = 30 }; /* of RECORD_COLUMNS; the id comes behind them */
#define MARKS \
	"?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, " \
	"?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30"

static void values_of(const struct record *r, struct sql_value v[VALUES + 1])
{
	const struct entry *e = &r->e;
	const struct sql_value all[VALUES + 1] = {
		sql_text(e->folder),   sql_text(e->name),      sql_int(e->hidden),
		sql_text(r->home),     sql_text(r->home_name), sql_int(r->turn),
		sql_int(e->state),     sql_int(e->whole),      sql_int(r->linked),
		sql_text(r->mount),    sql_int(e->pushed),     sql_int(e->sent_before),
		sql_int(e->mode),      sql_int(e->uid),        sql_int(e->gid),
		sql_int(e->mtime_ns),  sql_count(e->size),     sql_text(e->uuid),
		sql_text(e->digest),   sql_int(e->created_s),  sql_int(e->changed_s),
		sql_int(e->done_s),    sql_text(e->why),       sql_text(e->next),
		sql_count(e->rows),    sql_count(e->added),    sql_count(e->updated),
		sql_count(e->refused), sql_int(e->parts),      sql_int(e->parts_done),
		sql_int(e->id),
	};
	memcpy(v, all, sizeof(all));
}

int record_insert(struct sql *s, struct record *r)
{
	struct sql_value v[VALUES + 1];

	values_of(r, v);
	int err = sql_do_values(s, "INSERT INTO entry (" RECORD_COLUMNS ") VALUES (" MARKS ")", v,
	                        VALUES);
	if (err == 0)
		r->e.id = sql_last_id(s);
	return err;
}

int record_put(struct sql *s, const struct record *r)
{
	struct sql_value v[VALUES + 1];

	values_of(r, v);
	return sql_do_values(s,
	                     "UPDATE entry SET (" RECORD_COLUMNS ") = (" MARKS ") WHERE id = ?31",
	                     v, VALUES + 1);
}

int record_delete(struct sql *s, int64_t id)
{
	return sql_do(s, "DELETE FROM entry WHERE id = ?1", sql_int(id)); /* parts, texts: too */
}

int record_take_turn(struct sql *s, struct record *r)
{
	qx_auto_query q = sql_ask(s, "SELECT coalesce(max(turn), 0) + 1 FROM entry");
	int err = sql_next(&q);
	if (err <= 0)
		return err < 0 ? err : -EBADMSG;
	r->turn = sql_get_int(&q, 0);
	return 0;
}

int part_put(struct sql *s, int64_t id, const struct part *p)
{
	return sql_do(s,
	              "INSERT INTO part (entry, n, " PART_COLUMNS ") "
	              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) "
	              "ON CONFLICT (entry, n) DO UPDATE SET (" PART_COLUMNS ") = "
	              "(?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
	              sql_int(id), sql_int(p->n), sql_int(p->state), sql_count(p->first_row),
	              sql_count(p->rows), sql_count(p->from), sql_count(p->to), sql_text(p->uuid),
	              sql_text(p->job), sql_count(p->added), sql_count(p->updated),
	              sql_count(p->refused), sql_text(p->request_id), sql_text(p->made));
}

int parts_may_be_out(struct sql *s, int64_t id)
{
	qx_auto_query q =
		sql_ask(s, "SELECT 1 FROM part WHERE entry = ?1 AND state NOT IN (?2, ?3) LIMIT 1",
	                sql_int(id), sql_int(PART_WAITING), sql_int(PART_FAILED));
	return sql_next(&q);
}

int report_put(struct sql *s, int64_t id, const struct buf *report)
{
	if (!report)
		return 0;
	return sql_do(s,
	              "INSERT INTO texts (entry, report) VALUES (?1, ?2) "
	              "ON CONFLICT (entry) DO UPDATE SET report = ?2",
	              sql_int(id), sql_bytes(report));
}

/* --- changes that belong together ------------------------------------------------------------ */

int record_renew(struct sql *s, struct record *r)
{
	struct entry *e = &r->e;

	e->uuid[0] = '\0';
	e->why[0] = e->next[0] = '\0';
	e->rows = e->added = e->updated = e->refused = 0;
	e->parts = e->parts_done = 0;
	e->done_s = 0;
	int err = sql_do(s, "DELETE FROM part WHERE entry = ?1", sql_int(e->id));
	if (err == 0)
		err = sql_do(s, "DELETE FROM texts WHERE entry = ?1", sql_int(e->id));
	if (err == 0 && e->state != ENTRY_SCRATCH) {
		uuid_new(e->uuid);
		err = record_take_turn(s, r);
	}
	return err;
}

/* States in which nobody doubts that the bytes are all there. */
#define WHOLE (1u << ENTRY_QUEUED | 1u << ENTRY_SAME | 1u << ENTRY_REFUSED | 1u << ENTRY_CHECKED)

int record_set_state(struct journal *j, struct record *r, enum entry_state state, const char *why,
                     const char *next)
{
	struct entry *e = &r->e;

	if (e->state != state)
		news_note(j, e, state);
	e->state = state;
	e->changed_s = sys_wall_s();
	e->done_s = entry_state_row(state)->over ? e->changed_s : 0;
	words_copy(e->why, why);
	words_copy(e->next, next);
	if (e->whole || !(WHOLE >> state & 1))
		return 0;
	e->whole = true;
	return record_take_turn(j->writer, r);
}

/* Whether a request of it may have gone out. */
static int was_sent(struct sql *s, int64_t id)
{
	qx_auto_query q = sql_ask(s, "SELECT 1 FROM part WHERE entry = ?1 AND state <> ?2 LIMIT 1",
	                          sql_int(id), sql_int(PART_WAITING));
	return sql_next(&q);
}

int record_settle(struct sql *s, const struct record *r, bool *ret_gone)
{
	bool goes = r->e.hidden && !entry_state_row(r->e.state)->busy;

	if (goes && r->e.state == ENTRY_QUEUED) {
		int sent = was_sent(s, r->e.id);
		if (sent < 0)
			return sent;
		goes = sent == 0;
	}
	int err = goes ? record_delete(s, r->e.id) : record_put(s, r);
	if (err == 0)
		*ret_gone = goes;
	return err;
}
