/* journal_sweep.c: what a crash left is taken over, and what is old goes.
 *
 * Candidates are gathered by reading, and each is looked at again inside the transaction that
 * changes it: other mounts go on meanwhile. */
#include "journal_private.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT_ONCE 100 /* ids read at once, entries changed in one transaction */

static const char broken_off[] =
	"the program that wrote it, or the mount, ended before it was known to be complete";
static const char look_at_it[] =
	"look whether it is complete; then move it into import/send/, or copy it here again";
static const char bytes_gone[] = "its bytes were lost with the machine's last crash";
static const char copy_again[] = "copy it here again";

/* Ids behind `after`, of a query with ?1 the id and ?2 a number. */
static int take_ids(struct journal *j, const char *text, int64_t after, int64_t number,
                    int64_t ids[AT_ONCE])
{
	int n = 0;

	int r = journal_read_begin(j);
	if (r < 0)
		return r;
	{
		qx_auto_query q =
			sql_ask(j->reader, text, sql_int(after), sql_int(number), sql_int(AT_ONCE));
		while (n < AT_ONCE && (r = sql_next(&q)) > 0)
			ids[n++] = sql_get_int(&q, 0);
	}
	r = journal_read_end(j, r < 0 ? r : 0);
	return r < 0 ? r : n;
}

/* What is to become of one entry: 1 changed, 2 its bytes go as well, 0 nothing. In a transaction.
 */
typedef int change_fn(struct journal *j, struct record *r, int64_t number);

static int change_all(struct journal *j, const int64_t *ids, int n, change_fn *fn, int64_t number)
{
	struct record r;
	bool goes[AT_ONCE] = { false };
	int changed = 0;

	int err = journal_begin(j, true);
	if (err < 0)
		return err;
	for (int i = 0; i < n && err >= 0; i++) {
		err = record_get(j->writer, ids[i], &r);
		if (err == 0)
			err = fn(j, &r, number);
		goes[i] = err == 2;
		changed += err > 0;
		err = err == -ENOENT ? 0 : err;
	}
	err = journal_end(j, err < 0 ? err : 0);
	for (int i = 0; i < n && err == 0; i++)
		if (goes[i])
			spool_remove(j, ids[i]);
	return err < 0 ? err : changed;
}

/* Returns how many were changed. */
static int change_found(struct journal *j, const char *text, change_fn *fn, int64_t number)
{
	int64_t ids[AT_ONCE];
	int64_t after = 0;
	int n, sum = 0;

	do {
		n = take_ids(j, text, after, number, ids);
		if (n <= 0)
			break;
		after = ids[n - 1];
		int r = change_all(j, ids, n, fn, number);
		if (r < 0)
			return r;
		sum += r;
	} while (n == AT_ONCE);
	return n < 0 ? n : sum;
}

/* --- after a crash --------------------------------------------------------------------------- */

static int adopt_one(struct journal *j, struct record *r, int64_t number)
{
	struct stat st;
	(void)number;

	if (r->e.state != ENTRY_WRITING || mounts_is_alive(j, r->mount))
		return 0;
	if (spool_stat(j, r->e.id, &st) == -ENOENT)
		return 0; /* the next step's */
	int err;
	if (r->e.whole && (uint64_t)st.st_size == r->e.size) {
		err = record_set_state(j, r, ENTRY_QUEUED, NULL, NULL);
	} else {
		err = record_set_state(j, r, ENTRY_HELD, broken_off, look_at_it);
		r->e.size = (uint64_t)st.st_size;
		r->e.digest[0] = '\0'; /* of what was flushed; more was written since, who knows */
	}
	if (err == 0)
		err = record_put(j->writer, r);
	return err < 0 ? err : 1;
}

/* Bytes that are gone although the entry is there: its file never reached the disk. */
static int mend_one(struct journal *j, struct record *r, int64_t number)
{
	struct stat st;
	(void)number;

	if (spool_stat(j, r->e.id, &st) != -ENOENT)
		return 0;
	if (r->e.state == ENTRY_SCRATCH) {
		int err = record_delete(j->writer, r->e.id);
		return err < 0 ? err : 2;
	}
	if (!entry_state_may(r->e.state, ENTRY_FAILED) || entry_state_row(r->e.state)->busy)
		return 0;
	int err = record_set_state(j, r, ENTRY_FAILED, bytes_gone, copy_again);
	if (err == 0)
		err = record_put(j->writer, r);
	return err < 0 ? err : 1;
}

/* Only those whose bytes are gone are worth a transaction. */
static int mend(struct journal *j)
{
	int64_t ids[AT_ONCE];
	int64_t after = 0;
	int n, sum = 0;
	const int64_t states =
		1 << ENTRY_SCRATCH | 1 << ENTRY_WRITING | 1 << ENTRY_QUEUED | 1 << ENTRY_HELD;

	do {
		struct stat st;
		int gone = 0;
		n = take_ids(j,
		             "SELECT id FROM entry WHERE id > ?1 AND (?2 >> state & 1) ORDER BY id "
		             "LIMIT ?3",
		             after, states, ids);
		after = n > 0 ? ids[n - 1] : 0;
		for (int i = 0; i < n; i++)
			if (spool_stat(j, ids[i], &st) == -ENOENT)
				ids[gone++] = ids[i];
		int r = gone > 0 ? change_all(j, ids, gone, mend_one, 0) : 0;
		if (r < 0)
			return r;
		sum += r;
	} while (n == AT_ONCE);
	return n < 0 ? n : sum;
}

int journal_adopt(struct journal *j)
{
	int adopted = change_found(j,
	                           "SELECT id FROM entry WHERE id > ?1 AND state = ?2 ORDER BY id "
	                           "LIMIT ?3",
	                           adopt_one, ENTRY_WRITING);
	if (adopted < 0)
		return adopted;
	int mended = mend(j);
	if (mended < 0)
		return mended;
	mounts_tidy(j);
	return adopted + mended;
}

/* --- what is old ----------------------------------------------------------------------------- */

static_assert(ENTRY_DONE == 6 && ENTRY_PARTLY == 7, "journal_sweep asks for these");

static int vanish_one(struct journal *j, struct record *r, int64_t until_s)
{
	if ((r->e.state != ENTRY_DONE && r->e.state != ENTRY_PARTLY) || r->e.done_s > until_s)
		return 0;
	int err = record_delete(j->writer, r->e.id);
	return err < 0 ? err : 2;
}

static int former_last_id(struct journal *j, int64_t *ret)
{
	int64_t ids[AT_ONCE];
	int n = take_ids(j, "SELECT last_id FROM former WHERE ?1 = 0 AND ?2 = 0 AND ?3 > 0", 0, 0,
	                 ids);
	if (n > 0)
		*ret = ids[0];
	return n > 0 ? 0 : n < 0 ? n : journal_note(j, -EBADMSG);
}

/* In a transaction nobody is about to make the file's entry. */
static int remove_orphan(struct journal *j, int64_t id)
{
	struct record r;
	struct entry e;

	int err = journal_get(j, id, &e);
	if (err != -ENOENT)
		return err;
	err = journal_begin(j, false);
	if (err < 0)
		return err;
	err = record_get(j->writer, id, &r);
	if (err == -ENOENT) {
		spool_remove(j, id);
		err = 0;
	}
	return journal_end(j, err);
}

static int remove_orphans(struct journal *j)
{
	int64_t last_id = 0;
	int r = former_last_id(j, &last_id);
	if (r < 0)
		return r;
	int fd = openat(j->spool_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = -errno;
		sys_close_cleanup(&fd);
		return r;
	}

	const struct dirent *e;
	while (r == 0 && (e = readdir(dir))) {
		int64_t id = spool_id(e->d_name);
		if (id > last_id)
			r = remove_orphan(j, id);
	}
	closedir(dir);
	return r;
}

static int sweep_doubts(struct journal *j, int64_t until_s)
{
	int r = journal_begin(j, false);
	return r < 0 ? r : journal_end(j, doubt_sweep(j->writer, until_s));
}

int journal_sweep_due(struct journal *j, int64_t keep_s, int64_t *ret_s)
{
	*ret_s = INT64_MAX;
	if (keep_s < 0)
		return 0;
	int r = journal_read_begin(j);
	if (r < 0)
		return r;
	{
		qx_auto_query q = sql_ask(
			j->reader,
			"SELECT done_s FROM entry WHERE state IN (6, 7) ORDER BY done_s LIMIT 1");
		if ((r = sql_next(&q)) > 0)
			*ret_s = sql_get_int(&q, 0) + keep_s;
	}
	return journal_read_end(j, r < 0 ? r : 0);
}

int journal_vanish(struct journal *j, int64_t keep_s)
{
	if (keep_s < 0)
		return 0;
	int64_t until_s = sys_wall_s() - keep_s;
	int r = sweep_doubts(j, until_s);
	return r < 0 ? r
	             : change_found(j,
	                            "SELECT id FROM entry WHERE id > ?1 AND state IN (6, 7) AND "
	                            "done_s <= ?2 ORDER BY id LIMIT ?3",
	                            vanish_one, until_s);
}

int journal_sweep(struct journal *j, int64_t keep_s)
{
	int vanished = journal_vanish(j, keep_s);
	if (vanished < 0)
		return vanished;
	int r = remove_orphans(j);
	return r < 0 ? r : vanished;
}
