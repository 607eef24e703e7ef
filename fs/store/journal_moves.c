/* journal_moves.c: entries change their state, their name, or go. */
#include "journal_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* States in which the bytes are nobody's to write, and are to be on the disk. */
static bool is_settled(enum entry_state state)
{
	return state != ENTRY_SCRATCH && state != ENTRY_WRITING && state != ENTRY_FAILED;
}

/* Most are since their last flush. */
static int settle_bytes(struct journal *j, int64_t id, enum entry_state to)
{
	struct record r;

	if (!is_settled(to))
		return 0;
	int err = journal_read_begin(j);
	if (err < 0)
		return err;
	err = journal_read_end(j, record_get(j->reader, id, &r));
	return err < 0 || r.linked ? err : spool_sync(j, id, false);
}

/* --- states ---------------------------------------------------------------------------------- */

static int move_state(struct journal *j, int64_t id, const char *uuid, unsigned from,
                      enum entry_state to, const char *why, const char *next, bool *ret_gone)
{
	struct record r;

	int err = record_get(j->writer, id, &r);
	if (err < 0)
		return err;
	if (uuid && strcmp(uuid, r.e.uuid) != 0)
		return -ESTALE;
	if (!(from >> r.e.state & 1))
		return uuid ? -ESTALE : -EBUSY;
	if (to == ENTRY_DONE || to == ENTRY_PARTLY || !entry_state_may(r.e.state, to))
		return -EINVAL;
	r.linked |= is_settled(to);
	err = record_set_state(j, &r, to, why, next);
	if (err == 0)
		err = record_settle(j->writer, &r, ret_gone);
	return err;
}

static int change_state(struct journal *j, int64_t id, const char *uuid, unsigned from,
                        enum entry_state to, const char *why, const char *next, bool durable)
{
	bool gone = false;

	if ((unsigned)to >= ENTRY_STATES_)
		return -EINVAL;
	int err = settle_bytes(j, id, to);
	if (err == 0)
		err = journal_begin(j, durable);
	if (err < 0)
		return err;
	err = journal_end(j, move_state(j, id, uuid, from, to, why, next, &gone));
	if (err == 0 && gone)
		spool_remove(j, id);
	return err;
}

int journal_move_state(struct journal *j, int64_t id, unsigned from, enum entry_state to,
                       const char *why, const char *next, bool durable)
{
	return change_state(j, id, NULL, from, to, why, next, durable);
}

int journal_conclude(struct journal *j, int64_t id, const char *uuid, enum entry_state to,
                     const char *why, const char *next)
{
	unsigned from = to == ENTRY_QUEUED ? 1u << ENTRY_QUEUED : SENDERS; /* its parts are out */
	return change_state(j, id, uuid, from, to, why, next, true);
}

/* --- names ----------------------------------------------------------------------------------- */

static bool is_done_folder(const char *folder)
{
	const char *last = strrchr(folder, '/');
	return strcmp(last ? last + 1 : folder, "done") == 0;
}

/* Makes the name free; *ret_replaced: whose bytes go then. */
static int clear_name(struct sql *s, int64_t id, const char *folder, const char *name,
                      bool noreplace, int64_t *ret_replaced)
{
	struct record other;

	int err = record_find(s, folder, name, &other);
	if (err < 0 || other.e.id == id)
		return err == -ENOENT ? 0 : err;
	if (noreplace)
		return -EEXIST;
	if (entry_state_row(other.e.state)->busy)
		return -EBUSY;
	err = doubt_keep(s, &other, folder, name);
	if (err == 0)
		err = record_delete(s, other.e.id);
	if (err == 0)
		*ret_replaced = other.e.id;
	return err;
}

/* other: it is another submission there. */
static int rename_record(struct journal *j, struct record *r, const char *folder, const char *name,
                         enum entry_state state, bool other)
{
	struct entry *e = &r->e;

	int err = other ? doubt_keep(j->writer, r, r->home, r->home_name) : 0;
	if (err == 0 && other)
		err = doubt_keep(j->writer, r, folder, name);
	if (err < 0)
		return err;
	(void)snprintf(e->folder, sizeof(e->folder), "%s", folder); /* their lengths were looked at
	                                                             */
	(void)snprintf(e->name, sizeof(e->name), "%s", name);
	if (!is_done_folder(folder)) {
		memcpy(r->home, e->folder, sizeof(r->home));
		memcpy(r->home_name, e->name, sizeof(r->home_name));
	}
	if (state == ENTRY_WRITING && e->state != ENTRY_WRITING)
		memcpy(r->mount, j->mount, sizeof(r->mount));
	r->linked |= is_settled(state);
	if (state != e->state)
		err = record_set_state(j, r, state, NULL, NULL);
	if (err == 0 && other)
		err = record_renew(j->writer, r);
	return err < 0 ? err : record_put(j->writer, r);
}

static int check_rename(const struct record *r, enum entry_state state)
{
	if (r->e.hidden)
		return -ENOENT;
	if (entry_state_row(r->e.state)->busy)
		return -EBUSY;
	return entry_state_may_anew(r->e.state, state) ? 0 : -EINVAL;
}

int journal_rename(struct journal *j, int64_t id, const char *folder, const char *name,
                   enum entry_state state, bool new_uuid, bool noreplace)
{
	struct record r;
	int64_t replaced = 0;
	bool other = new_uuid;

	int err = (unsigned)state >= ENTRY_STATES_ ? -EINVAL : record_check_name(folder, name);
	if (err == 0)
		err = settle_bytes(j, id, state);
	if (err == 0)
		err = journal_begin(j, true);
	if (err < 0)
		return err;
	err = record_get(j->writer, id, &r);
	if (err == 0)
		err = check_rename(&r, state);
	if (err == 0)
		err = clear_name(j->writer, id, folder, name, noreplace, &replaced);
	if (err == 0) {
		other |= (r.e.state == ENTRY_SCRATCH) != (state == ENTRY_SCRATCH);
		err = rename_record(j, &r, folder, name, state, other);
	}
	err = journal_end(j, err);
	if (err == 0 && other)
		spool_remove_rejected(j, id);
	if (err == 0 && replaced)
		spool_remove(j, replaced);
	return err;
}

int journal_remove(struct journal *j, int64_t id)
{
	struct record r;
	bool busy = false;

	int err = journal_begin(j, true);
	if (err < 0)
		return err;
	err = record_get(j->writer, id, &r);
	if (err == 0 && r.e.hidden)
		err = -ENOENT;
	if (err == 0) {
		busy = entry_state_row(r.e.state)->busy;
		r.e.hidden = true;
		err = busy ? record_put(j->writer, &r) : record_delete(j->writer, id);
	}
	err = journal_end(j, err);
	if (err == 0 && !busy)
		spool_remove(j, id);
	return err;
}
