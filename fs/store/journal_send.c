/* journal_send.c: submissions are sent, part by part, by one process of them all. */
#include "journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/utf8.h>

#define SENDER_LOCK "sender.lock"
#define IMPORT_FOLDER "/import"
#define NUMBER_MAX 1000000 /* " (1000000)": nobody has so many of one name */

/* --- the lock -------------------------------------------------------------------------------- */

int journal_sender_take(struct journal *j)
{
	if (atomic_load(&j->damaged))
		return -EBADMSG;
	if (atomic_load(&j->sender_fd) >= 0)
		return 0;
	qx_auto_fd fd = openat(dirs_state_fd(j->dirs), SENDER_LOCK,
	                       O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = sys_lock_fd(fd, true);
	if (r < 0)
		return r;
	int none = -1;
	if (atomic_compare_exchange_strong(&j->sender_fd, &none, fd))
		(void)sys_steal_fd(&fd);
	return 0;
}

void journal_sender_give(struct journal *j)
{
	int fd = atomic_exchange(&j->sender_fd, -1);
	sys_close_cleanup(&fd); /* the lock goes with it */
}

static bool is_sender(const struct journal *j)
{
	return atomic_load(&j->sender_fd) >= 0;
}

/* --- parts ----------------------------------------------------------------------------------- */

static int ask_counts(struct sql *s, const char *text, struct record *r)
{
	qx_auto_query q = sql_ask(s, text, sql_int(r->e.id), sql_int(PART_DONE));
	int err = sql_next(&q);
	if (err <= 0)
		return err < 0 ? err : -EBADMSG;
	r->e.parts = (uint32_t)sql_get_int(&q, 0);
	r->e.parts_done = (uint32_t)sql_get_int(&q, 1);
	r->e.rows = (uint64_t)sql_get_int(&q, 2);
	r->e.added = (uint64_t)sql_get_int(&q, 3);
	r->e.updated = (uint64_t)sql_get_int(&q, 4);
	r->e.refused = (uint64_t)sql_get_int(&q, 5);
	return 0;
}

/* The entry's sums. total(): counts come from the service, and a sum of integers may overflow. */
static int add_up(struct sql *s, struct record *r)
{
	return ask_counts(s,
	                  "SELECT count(*), coalesce(sum(state = ?2), 0), "
	                  "cast(total(row_count) AS INTEGER), cast(total(added) AS INTEGER), "
	                  "cast(total(updated) AS INTEGER), cast(total(refused) AS INTEGER) "
	                  "FROM part WHERE entry = ?1",
	                  r);
}

static int check_parts(const struct part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (parts[i].n != i || (unsigned)parts[i].state >= PART_STATES_ ||
		    parts[i].to < parts[i].from)
			return -EINVAL;
	return 0;
}

static int set_parts(struct journal *j, int64_t id, const char *uuid, const struct part *parts,
                     size_t n, const struct buf *report)
{
	struct record r;

	int err = record_get(j->writer, id, &r);
	if (err == 0 && uuid && (r.e.state != ENTRY_QUEUED || strcmp(uuid, r.e.uuid) != 0))
		err = -ESTALE;
	if (err == 0)
		err = parts_may_be_out(j->writer, id);
	if (err > 0)
		err = -EBUSY;
	if (err == 0)
		err = sql_do(j->writer, "DELETE FROM part WHERE entry = ?1", sql_int(id));
	for (size_t i = 0; i < n && err == 0; i++) {
		struct part p = parts[i];
		if (!p.uuid[0])
			uuid_new(p.uuid);
		err = part_put(j->writer, id, &p);
	}
	if (err == 0)
		err = report_put(j->writer, id, report);
	if (err == 0)
		err = add_up(j->writer, &r);
	return err < 0 ? err : record_put(j->writer, &r);
}

int journal_set_parts(struct journal *j, int64_t id, const char *uuid, const struct part *parts,
                      size_t n, const struct buf *report)
{
	int err = check_parts(parts, n);
	if (err == 0)
		err = journal_begin(j, true);
	return err < 0 ? err : journal_end(j, set_parts(j, id, uuid, parts, n, report));
}

static int get_part(struct sql *s, int64_t id, uint32_t n, struct part *ret)
{
	qx_auto_query q =
		sql_ask(s, PART_SELECT "WHERE entry = ?1 AND n = ?2", sql_int(id), sql_int(n));
	int r = sql_next(&q);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	return part_read(&q, ret);
}

/* What is out belongs to what is out. */
static bool fit(enum part_state part, enum entry_state entry)
{
	return (part != PART_SENDING && part != PART_IMPORTING) || entry_state_row(entry)->busy;
}

static int change_part(struct journal *j, int64_t id, const struct part *part, struct record *r)
{
	struct part old, new = *part;

	int err = record_get(j->writer, id, r);
	if (err == 0)
		err = get_part(j->writer, id, part->n, &old);
	if (err < 0)
		return err;
	if (!part_state_may(old.state, part->state))
		return -EINVAL;
	if (!new.uuid[0])
		memcpy(new.uuid, old.uuid, sizeof(new.uuid));
	err = part_put(j->writer, id, &new);
	return err < 0 ? err : add_up(j->writer, r);
}

int journal_part(struct journal *j, int64_t id, const struct part *part, enum entry_state state,
                 const char *why, const char *next)
{
	struct record r;
	bool gone = false;

	if (!is_sender(j))
		return -EPERM;
	if ((unsigned)part->state >= PART_STATES_ || (unsigned)state >= ENTRY_STATES_ ||
	    part->to < part->from || !fit(part->state, state) || state == ENTRY_DONE ||
	    state == ENTRY_PARTLY)
		return -EINVAL;
	int err = journal_begin(j, true);
	if (err < 0)
		return err;
	err = change_part(j, id, part, &r);
	if (err == 0 && !(SENDERS >> r.e.state & 1))
		err = -ESTALE;
	if (err == 0 && !entry_state_may(r.e.state, state))
		err = -EINVAL;
	if (err == 0)
		err = record_set_state(j, &r, state, why, next);
	if (err == 0)
		err = record_settle(j->writer, &r, &gone);
	err = journal_end(j, err);
	if (err == 0 && gone)
		spool_remove(j, id);
	return err;
}

/* --- the end --------------------------------------------------------------------------------- */

/* "a.csv" -> "a (2).csv", cut at a character so that it is still a name. */
static void number_name(char out[ENTRY_NAME], const char *name, int number)
{
	char suffix[16];
	const char *dot = strrchr(name, '.');
	size_t suffix_len = (size_t)snprintf(suffix, sizeof(suffix), " (%d)", number);
	size_t stem_len = dot && dot != name ? (size_t)(dot - name) : strlen(name);
	size_t rest_len = strlen(name + stem_len);

	if (suffix_len + rest_len > ENTRY_NAME - 2) { /* an extension as long as that is none */
		stem_len += rest_len;
		rest_len = 0;
	}
	const char *rest = name + stem_len;
	size_t room = ENTRY_NAME - 1 - suffix_len - rest_len;
	memcpy(out, name, stem_len < room ? stem_len : room);
	out[stem_len < room ? stem_len : room] = '\0';
	if (stem_len > room)
		utf8_trim(out);
	char *end = out + strlen(out);
	memcpy(end, suffix, suffix_len);
	memcpy(end + suffix_len, rest, rest_len + 1);
}

static int move_to_done(struct sql *s, struct record *r)
{
	char folder[ENTRY_FOLDER], name[ENTRY_NAME];
	struct record other;
	size_t len = strlen(r->e.folder), tail = strlen(IMPORT_FOLDER);
	int err = 0;

	if (len < tail || strcmp(r->e.folder + len - tail, IMPORT_FOLDER) != 0)
		return 0;
	if (snprintf(folder, sizeof(folder), "%s/done", r->e.folder) >= (int)sizeof(folder))
		return -ENAMETOOLONG;
	memcpy(name, r->e.name, sizeof(name));
	for (int i = 2; i <= NUMBER_MAX && (err = record_find(s, folder, name, &other)) == 0; i++)
		number_name(name, r->e.name, i);
	if (err != -ENOENT)
		return err < 0 ? err : -EEXIST;
	memcpy(r->e.folder, folder, sizeof(folder));
	memcpy(r->e.name, name, sizeof(name));
	return 0;
}

static int finish(struct journal *j, const struct entry *e, const struct buf *report,
                  bool *ret_gone)
{
	struct record r;

	int err = record_get(j->writer, e->id, &r);
	if (err < 0)
		return err;
	if (!entry_state_may(r.e.state, e->state))
		return -EINVAL;
	r.e.rows = e->rows;
	r.e.added = e->added;
	r.e.updated = e->updated;
	r.e.refused = e->refused;
	err = record_set_state(j, &r, e->state, e->why, e->next);
	if (err == 0 && !r.e.hidden && (e->state == ENTRY_DONE || e->state == ENTRY_PARTLY))
		err = move_to_done(j->writer, &r);
	if (err == 0)
		err = report_put(j->writer, e->id, report);
	if (err == 0)
		err = doubt_end(j->writer, &r);
	return err < 0 ? err : record_settle(j->writer, &r, ret_gone);
}

int journal_finish(struct journal *j, const struct entry *e, const struct buf *report)
{
	bool gone = false;

	if (!is_sender(j))
		return -EPERM;
	if ((unsigned)e->state >= ENTRY_STATES_ || !entry_state_row(e->state)->over)
		return -EINVAL;
	int err = spool_sync_rejected(j, e->id);
	if (err == 0)
		err = journal_begin(j, true);
	if (err < 0)
		return err;
	err = journal_end(j, finish(j, e, report, &gone));
	if (err == 0 && gone)
		spool_remove(j, e->id);
	return err;
}
