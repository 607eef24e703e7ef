/* journal.c: the journal is opened, changed in transactions, closed; or found damaged.
 *
 * Damage is met once and for all: `damaged` is set, and from then on every call says -EBADMSG. The
 * connections were told not to tidy their file on closing, so it stays as it was found. */
#include "journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/log.h>

#define SPOOL_FOLDER "spool"

/* --- damage ---------------------------------------------------------------------------------- */

static int tell_damage(const struct dirs *dirs, const char *what, struct qx_fail *fail)
{
	qx_auto_free char *word = sys_shell_word(dirs_state_path(dirs));

	fail_set(fail, EBADMSG, "the journal of imports %s/" JOURNAL_NAME " is damaged%s%s",
	         dirs_state_path(dirs), *what ? ": " : "", what);
	fail_remedy(fail,
	            "nothing is sent and nothing was deleted: make a copy of %s; in its folder "
	            "spool lie the files given for import. To start anew unmount, move "
	            "journal.db, journal.db-wal and journal.db-shm out of it, and mount again",
	            word ? word : dirs_state_path(dirs));
	return -EBADMSG;
}

int journal_note(struct journal *j, int r)
{
	if (r == -EBADMSG && !atomic_exchange(&j->damaged, true))
		log_debug("journal", "%s is damaged", j->path);
	return r;
}

int journal_trouble(struct journal *j, struct qx_fail *fail)
{
	return atomic_load(&j->damaged) ? tell_damage(j->dirs, "", fail) : 0;
}

/* --- transactions ---------------------------------------------------------------------------- */

/* After an fsync of the log has failed the kernel takes its pages for written. What the log says is
 * then brought into the file, which has an fsync of its own. */
static int mend_log(struct journal *j)
{
	if (!j->unsynced)
		return 0;
	int r = sql_checkpoint(j->writer);
	if (r == 0)
		j->unsynced = false;
	return r;
}

int journal_begin(struct journal *j, bool durable)
{
	pthread_mutex_lock(&j->write_lock);
	int r = atomic_load(&j->damaged) ? -EBADMSG : 0;
	if (r == 0 && durable)
		r = mend_log(j);
	if (r == 0)
		r = sql_set_durable(j->writer, durable);
	if (r == 0)
		r = sql_run(j->writer, "BEGIN IMMEDIATE");
	if (r < 0)
		pthread_mutex_unlock(&j->write_lock);
	return journal_note(j, r);
}

int journal_end(struct journal *j, int r)
{
	if (r >= 0) {
		int err = sql_do(j->writer, "COMMIT");
		if (err < 0) {
			j->unsynced = true; /* it may have been the fsync */
			r = err;
		}
	}
	if (r < 0) /* some failures have rolled back already: then this fails, and that is all right
	            */
		(void)sql_run(j->writer, "ROLLBACK");
	struct news *news = news_take(j, r >= 0);
	struct events *events = j->events;
	pthread_mutex_unlock(&j->write_lock);
	news_tell(events, news);
	return journal_note(j, r);
}

int journal_read_begin(struct journal *j)
{
	if (atomic_load(&j->damaged))
		return -EBADMSG;
	pthread_mutex_lock(&j->read_lock);
	return 0;
}

int journal_read_end(struct journal *j, int r)
{
	pthread_mutex_unlock(&j->read_lock);
	return journal_note(j, r);
}

/* --- open ------------------------------------------------------------------------------------ */

/* By name only: a second fd of the file, when closed, would drop the locks of the process on it. */
static int check_private(const struct journal *j)
{
	struct stat st;

	if (fstatat(dirs_state_fd(j->dirs), JOURNAL_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return -EPERM;
	return st.st_size == 0 ? -EBADMSG : 0; /* of nothing SQLite would make a new one */
}

static int open_both(struct journal *j, char *words, size_t size)
{
	int r = sql_open(j->path, SQL_WRITE, WRITE_TIMEOUT_MS, &j->writer);
	if (r == 0)
		r = schema_check(j->writer, words, size);
	if (r == 0)
		r = schema_migrate(j->writer);
	if (r == 0)
		r = sql_open(j->path, SQL_READ, READ_TIMEOUT_MS, &j->reader);
	return r;
}

static int tell_open(struct journal *j, int r, const char *words, struct qx_fail *fail)
{
	if (r == -EBADMSG)
		return tell_damage(j->dirs, words, fail);
	if (r == -EPROTO) {
		fail_set(fail, EPROTO, "the journal of imports %s was written by a newer qxfs (%s)",
		         j->path, words);
		fail_remedy(fail, "install that qxfs again, or choose another state_dir=");
	} else if (r == -EPERM) {
		qx_auto_free char *word = sys_shell_word(j->path);
		fail_set(fail, EPERM, "the journal of imports %s is not only yours", j->path);
		fail_remedy(fail, "if you trust it: chmod 600 %s", word ? word : j->path);
	} else {
		fail_set(fail, -r, "the journal of imports %s cannot be used: %s%s%s", j->path,
		         strerror(-r), *words ? ": " : "", words);
	}
	return r;
}

static int open_files(struct journal *j, struct qx_fail *fail)
{
	char words[160] = "";

	int r = j->spool_fd = sys_open_private_dir_at(dirs_state_fd(j->dirs), SPOOL_FOLDER);
	if (r >= 0)
		r = mounts_join(j);
	if (r < 0)
		return fail_set(fail, -r, "%s, its folders spool and mounts: %s",
		                dirs_state_path(j->dirs), strerror(-r));
	r = schema_make(j->dirs, j->path, j->spool_fd);
	if (r == -EBADMSG)
		(void)snprintf(words, sizeof(words), "it is gone, and its log is there");
	if (r == 0)
		r = check_private(j);
	if (r == -EBADMSG && !*words)
		(void)snprintf(words, sizeof(words), "it is empty");
	if (r == 0)
		r = open_both(j, words, sizeof(words));
	return r < 0 ? tell_open(j, r, words, fail) : 0;
}

int journal_open(struct dirs *dirs, struct journal **ret, struct qx_fail *fail)
{
	struct journal *j = calloc(1, sizeof(*j));
	if (!j)
		return fail_set(fail, ENOMEM, "out of memory");
	j->dirs = dirs;
	j->spool_fd = j->mounts_fd = j->mount_fd = -1;
	atomic_init(&j->sender_fd, -1);
	pthread_mutex_init(&j->read_lock, NULL);
	pthread_mutex_init(&j->write_lock, NULL);
	pthread_mutex_init(&j->torn_lock, NULL);
	if (asprintf(&j->path, "%s/" JOURNAL_NAME, dirs_state_path(dirs)) < 0) {
		j->path = NULL;
		journal_free(j);
		return fail_set(fail, ENOMEM, "out of memory");
	}

	int r = open_files(j, fail);
	if (r < 0) {
		atomic_store(&j->damaged, true); /* or something else: it stays as it was found */
		journal_free(j);
		return r;
	}
	*ret = j;
	return 0;
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	bool sound = !atomic_load(&j->damaged);
	struct sql *const connections[] = { j->reader, j->writer };
	for (size_t i = 0; i < countof(connections); i++) {
		if (connections[i])
			sql_settle(connections[i], sound);
		sql_close(connections[i]);
	}
	journal_sender_give(j);
	mounts_leave(j);
	sys_close_cleanup(&j->spool_fd);
	pthread_mutex_destroy(&j->read_lock);
	pthread_mutex_destroy(&j->write_lock);
	pthread_mutex_destroy(&j->torn_lock);
	news_free(j->news);
	free(j->torn);
	free(j->path);
	free(j);
}
