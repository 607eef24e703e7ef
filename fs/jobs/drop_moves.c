/* drop_moves.c: renaming, moving, removing. A rename to a name that can be imported is a
 * submission. */
#include "drop.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define PUSHABLE (1u << ENTRY_HELD | 1u << ENTRY_FAILED | 1u << ENTRY_UNCERTAIN | 1u << ENTRY_SAME)

/* What was held or has failed is given to be sent: it keeps its uuid and its place in import/. */
static bool is_push(const struct entry *e, const struct drop_folder *to)
{
	return to->place == PLACE_SEND && (PUSHABLE >> e->state & 1);
}

static int check_names(const struct entry *e, const struct drop_folder *to, const char *name)
{
	enum drop_name is = drop_name_of(to->target, name);

	if (is == NAME_OURS || to->place == PLACE_DONE)
		return -EPERM;
	if (strlen(name) > (is == NAME_IMPORT ? DROP_NAME_MAX : ENTRY_NAME - 1))
		return -ENAMETOOLONG;
	return entry_state_row(e->state)->busy ? -EBUSY : 0;
}

static int decide(struct drops *d, int64_t id, const struct drop_folder *to,
                  const struct verdict *v)
{
	const char *why, *next;
	struct entry as;

	int r = journal_get(d->config.journal, id, &as);
	if (r < 0)
		return r;
	enum entry_state state = drop_state_for(d, to, &as, v, &why, &next);
	return journal_move_state(d->config.journal, id, 1u << ENTRY_WRITING, state, why, next,
	                          true);
}

/* A commit: another submission under this name, still being written; then its bytes, its verdict. A
 * crash between leaves it whole and to be judged again, or held. `written`: some program has it
 * open still, having flushed all of it: its end decides, but who renames hears the verdict. */
static int commit(struct drops *d, const struct entry *e, const struct drop_folder *to,
                  const char *name, bool noreplace, bool written)
{
	struct journal *j = d->config.journal;
	struct verdict v = { 0 };
	char digest[DIGEST_HEX];
	struct stat st;

	qx_auto_fd fd = journal_spool(j, e->id, O_RDONLY);
	int r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0 && st.st_size == 0)
		return journal_rename(j, e->id, to->folder, name, ENTRY_SCRATCH, false, noreplace);
	if (r == 0)
		r = drop_judge_file(d, to, name, fd, &v, digest);
	if (r == 0)
		r = journal_rename(j, e->id, to->folder, name, ENTRY_WRITING, true, noreplace);
	if (r == 0)
		r = journal_set_report(j, e->id, &v.report);
	if (r == 0)
		r = journal_flushed(j, e->id, (uint64_t)st.st_size, digest, true);
	if (r == 0 && !written)
		r = decide(d, e->id, to, &v);
	if (r == 0)
		r = -v.err;
	verdict_done(&v);
	return r;
}

/* Sent whatever held it: it keeps its uuid. */
int drops_push(struct drops *d, int64_t id)
{
	const bool yes = true;

	int r = journal_mark(d->config.journal, id, &yes, &yes);
	if (r == 0)
		r = journal_move_state(d->config.journal, id, PUSHABLE, ENTRY_QUEUED, NULL, NULL,
		                       true);
	if (r == 0 && d->config.changed)
		d->config.changed(d->config.arg);
	return r;
}

/* drop.lock held: nobody begins to write it, or ends, meanwhile. */
static int rename_locked(struct drop *x, const struct drop_folder *to, const char *name,
                         bool noreplace)
{
	struct drops *d = x->drops;
	const bool pushed = to->place == PLACE_SEND;
	struct entry e;

	int r = journal_get(d->config.journal, x->id, &e);
	if (r == 0)
		r = check_names(&e, to, name);
	if (r == 0 && is_push(&e, to))
		return drops_push(d, x->id);
	if (r == 0)
		r = journal_mark(d->config.journal, x->id, &pushed, NULL);
	if (r < 0)
		return r;
	bool written = drop_has_writers(x);
	if (drop_name_of(to->target, name) == NAME_SCRATCH)
		r = journal_rename(d->config.journal, x->id, to->folder, name, ENTRY_SCRATCH, false,
		                   noreplace);
	else if (written && x->dirty)
		r = journal_rename(d->config.journal, x->id, to->folder, name, ENTRY_WRITING, true,
		                   noreplace);
	else
		r = commit(d, &e, to, name, noreplace, written);
	/* What was thought of it under its former name does not count any more. */
	x->in_order = x->judged = false;
	x->touched = x->touched || written;
	return r;
}

int drops_rename(struct drops *d, int64_t id, const struct drop_folder *to, const char *name,
                 bool noreplace)
{
	struct drop *x = drop_get(d, id);
	if (!x)
		return -ENOMEM;
	pthread_mutex_lock(&x->lock);
	int r = rename_locked(x, to, name, noreplace);
	pthread_mutex_unlock(&x->lock);
	drop_put(x);
	if (d->config.changed)
		d->config.changed(d->config.arg);
	return r;
}

int drops_remove(struct drops *d, int64_t id)
{
	int r = journal_remove(d->config.journal, id);
	if (r == 0 && d->config.changed)
		d->config.changed(d->config.arg);
	return r;
}
