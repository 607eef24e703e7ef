/* journal_files.c: entries come into being, are written, flushed, written again. */
#include "journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NS 1000000000LL

/* --- create ---------------------------------------------------------------------------------- */

static int check_new(const struct entry *e)
{
	if (memchr(e->folder, '\0', sizeof(e->folder)) == NULL ||
	    memchr(e->name, '\0', sizeof(e->name)) == NULL)
		return -ENAMETOOLONG;
	if (e->state != ENTRY_SCRATCH && e->state != ENTRY_WRITING)
		return -EINVAL;
	return record_check_name(e->folder, e->name);
}

static void fill_new(const struct journal *j, const struct entry *e, struct record *ret)
{
	struct record r = { .e = { .state = e->state,
		                   .pushed = e->pushed,
		                   .mode = e->mode,
		                   .uid = e->uid,
		                   .gid = e->gid } };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	r.e.mtime_ns = now.tv_sec * NS + now.tv_nsec;
	r.e.created_s = r.e.changed_s = now.tv_sec;
	memcpy(r.e.folder, e->folder, sizeof(r.e.folder));
	memcpy(r.e.name, e->name, sizeof(r.e.name));
	memcpy(r.home, e->folder, sizeof(r.home));
	memcpy(r.home_name, e->name, sizeof(r.home_name));
	memcpy(r.mount, j->mount, sizeof(r.mount));
	if (e->state != ENTRY_SCRATCH)
		uuid_new(r.e.uuid);
	*ret = r;
}

int journal_create(struct journal *j, struct entry *e)
{
	struct record r;

	int err = check_new(e);
	if (err < 0)
		return err;
	fill_new(j, e, &r);
	err = journal_begin(j, false);
	if (err < 0)
		return err;
	if (r.e.state != ENTRY_SCRATCH)
		err = record_take_turn(j->writer, &r);
	if (err == 0)
		err = record_insert(j->writer, &r);
	if (err == 0)
		err = spool_make(j, r.e.id);
	err = journal_end(j, err);
	if (err == 0)
		*e = r.e;
	return err;
}

/* --- written again --------------------------------------------------------------------------- */

static bool was_flushed(const struct entry *e)
{
	return e->whole || e->digest[0];
}

/* Whether a living mount other than ours writes it. */
static bool is_foreign(const struct journal *j, const struct record *r)
{
	return r->e.state == ENTRY_WRITING && strcmp(r->mount, j->mount) != 0 &&
	       mounts_is_alive(j, r->mount);
}

/* 1: this has to be durable. */
static int rewrite(struct journal *j, int64_t id, bool durable)
{
	struct record r;

	int err = record_get(j->writer, id, &r);
	if (err < 0)
		return err;
	if (!entry_state_may_anew(r.e.state, ENTRY_WRITING) || is_foreign(j, &r))
		return -EBUSY;
	if (was_flushed(&r.e) && !durable)
		return 1;

	err = doubt_keep(j->writer, &r, r.home, r.home_name);
	if (err < 0)
		return err;
	r.e.whole = r.e.sent_before = false;
	r.e.digest[0] = '\0';
	memcpy(r.mount, j->mount, sizeof(r.mount));
	if (r.e.state != ENTRY_SCRATCH)
		err = record_set_state(j, &r, ENTRY_WRITING, NULL, NULL);
	if (err == 0)
		err = record_renew(j->writer, &r);
	return err < 0 ? err : record_put(j->writer, &r);
}

int journal_rewrite(struct journal *j, int64_t id)
{
	int err = 1;

	for (bool durable = false; err == 1; durable = true) {
		err = journal_begin(j, durable);
		if (err == 0)
			err = journal_end(j, rewrite(j, id, durable));
	}
	if (err == 0) {
		spool_remove_rejected(j, id);
		spool_begin_anew(j, id);
	}
	return err;
}

/* --- flushed --------------------------------------------------------------------------------- */

static int note_flush(struct journal *j, int64_t id, const struct stat *st, uint64_t size,
                      const char *digest, bool whole)
{
	struct record r;

	int err = record_get(j->writer, id, &r);
	if (err < 0)
		return err;
	if (r.e.state != ENTRY_SCRATCH && r.e.state != ENTRY_WRITING)
		return -EBUSY;
	if (whole && !r.e.whole && r.e.state != ENTRY_SCRATCH)
		err = record_take_turn(j->writer, &r);
	r.e.whole |= whole;
	r.linked = true;
	r.e.size = size;
	r.e.mtime_ns = st->st_mtim.tv_sec * NS + st->st_mtim.tv_nsec;
	r.e.changed_s = sys_wall_s();
	if (digest)
		(void)snprintf(r.e.digest, sizeof(r.e.digest), "%s", digest); /* was looked at */
	return err < 0 ? err : record_put(j->writer, &r);
}

/* Whether its folder's fsync is still to come; without waiting for the writer's lock. */
static int is_linked(struct journal *j, int64_t id, bool *ret)
{
	struct record r;

	int err = journal_read_begin(j);
	if (err < 0)
		return err;
	err = journal_read_end(j, record_get(j->reader, id, &r));
	if (err == 0)
		*ret = r.linked;
	return err;
}

int journal_flushed(struct journal *j, int64_t id, uint64_t size, const char *digest, bool whole)
{
	struct stat st;
	bool linked = false;

	if (digest && strlen(digest) >= DIGEST_HEX)
		return -EINVAL;
	int err = is_linked(j, id, &linked);
	if (err == 0)
		err = spool_sync(j, id, linked);
	if (err == 0)
		err = spool_stat(j, id, &st);
	if (err == 0)
		err = journal_begin(j, true);
	return err < 0 ? err : journal_end(j, note_flush(j, id, &st, size, digest, whole));
}

/* --- what is known of it --------------------------------------------------------------------- */

static int set_mtime(struct journal *j, int64_t id, int64_t ns)
{
	char name[SPOOL_NAME_SIZE];
	int64_t s = ns / NS - (ns % NS < 0);
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		                           { .tv_sec = s, .tv_nsec = ns - s * NS } };

	if (utimensat(j->spool_fd, spool_name(name, id, SPOOL_BYTES), times, AT_SYMLINK_NOFOLLOW) <
	    0)
		return errno == ENOENT ? -EIO : -errno;
	return 0;
}

int journal_set_attr(struct journal *j, int64_t id, const mode_t *mode, const uid_t *uid,
                     const gid_t *gid, const int64_t *mtime_ns)
{
	struct record r = { 0 };

	int err = journal_begin(j, false);
	if (err < 0)
		return err;
	err = record_get(j->writer, id, &r);
	if (err == 0 && mtime_ns)
		err = set_mtime(j, id, *mtime_ns);
	r.e.mode = mode ? *mode : r.e.mode;
	r.e.uid = uid ? *uid : r.e.uid;
	r.e.gid = gid ? *gid : r.e.gid;
	r.e.mtime_ns = mtime_ns ? *mtime_ns : r.e.mtime_ns;
	return journal_end(j, err < 0 ? err : record_put(j->writer, &r));
}

int journal_mark(struct journal *j, int64_t id, const bool *pushed, const bool *sent_before)
{
	struct record r = { 0 };

	int err = journal_begin(j, false);
	if (err < 0)
		return err;
	err = record_get(j->writer, id, &r);
	r.e.pushed = pushed ? *pushed : r.e.pushed;
	r.e.sent_before = sent_before ? *sent_before : r.e.sent_before;
	return journal_end(j, err < 0 ? err : record_put(j->writer, &r));
}

int journal_set_report(struct journal *j, int64_t id, const struct buf *report)
{
	struct record r = { 0 };

	int err = journal_begin(j, false);
	if (err < 0)
		return err;
	err = record_get(j->writer, id, &r);
	return journal_end(j, err < 0 ? err : report_put(j->writer, id, report));
}
