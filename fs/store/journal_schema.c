/* journal_schema.c: the tables of the journal, made and brought from version to version.
 *
 * A new journal is made whole under another name and linked in: so an empty journal.db, or one
 * without its tables, is a damaged one and not a new one. Its ids begin behind the files that lie
 * in spool/ already: they are a lost journal's, the only copy of what somebody gave. */
#include "journal_private.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Text as it came, bytes of any kind; numbers as in struct entry. turn: see struct record. */
static const char version_1[] =
	"CREATE TABLE entry ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  folder TEXT NOT NULL, name TEXT NOT NULL,"
	"  hidden INTEGER NOT NULL CHECK (hidden IN (0, 1)),"
	"  home TEXT NOT NULL, home_name TEXT NOT NULL,"
	"  turn INTEGER NOT NULL CHECK (turn >= 0),"
	"  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 12),"
	"  whole INTEGER NOT NULL CHECK (whole IN (0, 1)),"
	"  linked INTEGER NOT NULL CHECK (linked IN (0, 1)),"
	"  mount TEXT NOT NULL,"
	"  pushed INTEGER NOT NULL CHECK (pushed IN (0, 1)),"
	"  sent_before INTEGER NOT NULL CHECK (sent_before IN (0, 1)),"
	"  mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,"
	"  mtime_ns INTEGER NOT NULL,"
	"  size INTEGER NOT NULL CHECK (size >= 0),"
	"  uuid TEXT NOT NULL, digest TEXT NOT NULL,"
	"  created_s INTEGER NOT NULL, changed_s INTEGER NOT NULL, done_s INTEGER NOT NULL,"
	"  why TEXT NOT NULL, next TEXT NOT NULL,"
	"  rows INTEGER NOT NULL CHECK (rows >= 0),"
	"  added INTEGER NOT NULL CHECK (added >= 0),"
	"  updated INTEGER NOT NULL CHECK (updated >= 0),"
	"  refused INTEGER NOT NULL CHECK (refused >= 0),"
	"  parts INTEGER NOT NULL CHECK (parts >= 0),"
	"  parts_done INTEGER NOT NULL CHECK (parts_done >= 0)"
	") STRICT;"
	"CREATE UNIQUE INDEX entry_name ON entry (folder, name) WHERE hidden = 0;"
	"CREATE INDEX entry_home ON entry (home, home_name, turn);"
	"CREATE INDEX entry_turn ON entry (turn);"
	"CREATE INDEX entry_state ON entry (state);"
	"CREATE TABLE part ("
	"  entry INTEGER NOT NULL REFERENCES entry ON DELETE CASCADE,"
	"  n INTEGER NOT NULL CHECK (n >= 0),"
	"  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5),"
	"  first_row INTEGER NOT NULL CHECK (first_row >= 0),"
	"  row_count INTEGER NOT NULL CHECK (row_count >= 0),"
	"  start INTEGER NOT NULL CHECK (start >= 0),"
	"  stop INTEGER NOT NULL CHECK (stop >= start),"
	"  uuid TEXT NOT NULL UNIQUE, job TEXT NOT NULL,"
	"  added INTEGER NOT NULL CHECK (added >= 0),"
	"  updated INTEGER NOT NULL CHECK (updated >= 0),"
	"  refused INTEGER NOT NULL CHECK (refused >= 0),"
	"  request_id TEXT NOT NULL,"
	"  PRIMARY KEY (entry, n)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE doubt ("
	"  folder TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,"
	"  moment INTEGER NOT NULL,"
	"  PRIMARY KEY (folder, name, digest)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE texts ("
	"  entry INTEGER PRIMARY KEY REFERENCES entry ON DELETE CASCADE,"
	"  report BLOB, result BLOB"
	") STRICT;"
	/* spool files up to this id are a former journal's */
	"CREATE TABLE former (last_id INTEGER NOT NULL) STRICT;"
	"INSERT INTO former VALUES (0);";

/* What a part made (a new survey's id), instead of words about all parts that were lost with the
 * mount that had them in mind. */
static const char version_2[] = "ALTER TABLE part ADD COLUMN made TEXT NOT NULL DEFAULT '';"
				"ALTER TABLE texts DROP COLUMN result;";

/* From version i to i + 1. */
static const char *const steps[] = { version_1, version_2 };
#define VERSION ((int)countof(steps))

static_assert(ENTRY_CHECKED == 12 && PART_UNCERTAIN == 5, "the tables know all states");

static int ask_number(struct sql *s, const char *text, int64_t *ret)
{
	qx_auto_query q = sql_ask(s, text);
	int r = sql_next(&q);
	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	*ret = sql_get_int(&q, 0);
	return 0;
}

static int ask_version(struct sql *s, int64_t *ret)
{
	return ask_number(s, "PRAGMA user_version", ret);
}

/* --- versions -------------------------------------------------------------------------------- */

static int run_steps(struct sql *s)
{
	char text[64];
	int64_t version = 0;

	int r = ask_version(s, &version); /* another process may have been first */
	for (; r == 0 && version >= 0 && version < VERSION; version++)
		r = sql_run(s, steps[version]);
	(void)snprintf(text, sizeof(text), "PRAGMA user_version = %d", VERSION);
	return r == 0 ? sql_run(s, text) : r;
}

int schema_migrate(struct sql *s)
{
	int64_t version = 0;

	int r = ask_version(s, &version);
	if (r < 0 || version == VERSION)
		return r;
	r = sql_run(s, "BEGIN IMMEDIATE");
	if (r == 0)
		r = run_steps(s);
	if (r == 0)
		r = sql_run(s, "COMMIT");
	if (r < 0)
		(void)sql_run(s, "ROLLBACK"); /* the first failure is the one to tell */
	return r;
}

static int check_pages(struct sql *s, char *words, size_t size)
{
	qx_auto_query q = sql_ask(s, "PRAGMA quick_check(1)");
	int r = sql_next(&q);
	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	if (sql_get_text(&q, 0, words, size) < 0)
		(void)snprintf(words, size, "its pages do not fit together");
	return strcmp(words, "ok") == 0 ? 0 : -EBADMSG;
}

int schema_check(struct sql *s, char *words, size_t size)
{
	int64_t application = 0, version = 0;

	words[0] = '\0';
	int r = ask_number(s, "PRAGMA application_id", &application);
	if (r == 0)
		r = ask_version(s, &version);
	if (r == 0 && (application != JOURNAL_APPLICATION || version < 1)) {
		(void)snprintf(words, size, "it is not a journal of qxfs");
		return -EBADMSG;
	}
	if (r == 0 && version > VERSION) {
		(void)snprintf(words, size, "version %lld", (long long)version);
		return -EPROTO;
	}
	if (r == 0)
		r = check_pages(s, words, size);
	if (r < 0 && !words[0])
		(void)snprintf(words, size, "%s", sql_words(s));
	return r;
}

/* --- a new one ------------------------------------------------------------------------------- */

/* The largest id that names a spool file. */
static int last_spooled(int spool_fd, int64_t *ret)
{
	int fd = openat(spool_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int err = errno;
		sys_close_cleanup(&fd);
		return -err;
	}

	const struct dirent *e;
	*ret = 0;
	while ((e = readdir(dir)))
		if (spool_id(e->d_name) > *ret)
			*ret = spool_id(e->d_name);
	closedir(dir);
	return 0;
}

/* It stays so. -EOPNOTSUPP: this filesystem has no shared memory. */
static int keep_log(struct sql *s)
{
	char mode[16] = "";
	qx_auto_query q = sql_ask(s, "PRAGMA journal_mode = WAL");
	int r = sql_next(&q);
	if (r > 0)
		r = sql_get_text(&q, 0, mode, sizeof(mode));
	return r == 0 && strcmp(mode, "wal") != 0 ? -EOPNOTSUPP : r;
}

static int fill(struct sql *s, int64_t last_id)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "PRAGMA application_id = %d", JOURNAL_APPLICATION);
	int r = sql_run(s, text);
	if (r == 0)
		r = schema_migrate(s);
	if (r == 0)
		r = sql_do(s, "UPDATE former SET last_id = ?1", sql_int(last_id));
	if (r == 0) /* AUTOINCREMENT goes on behind it */
		r = sql_do(s, "INSERT INTO sqlite_sequence (name, seq) VALUES ('entry', ?1)",
		           sql_int(last_id));
	return r == 0 ? keep_log(s) : r;
}

static int make_at(const char *path, int64_t last_id)
{
	struct sql *s = NULL;

	int r = sql_open(path, SQL_MAKE, WRITE_TIMEOUT_MS, &s);
	if (r < 0)
		return r;
	r = fill(s, last_id);
	sql_settle(s, true);
	sql_close(s);
	return r;
}

static int sync_file(int state_fd, const char *name)
{
	qx_auto_fd fd = openat(state_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* No fd of it is open any more: closing one would drop the locks that SQLite has on journal.db. */
static int publish(int state_fd, const char *temp)
{
	int r = sync_file(state_fd, temp);
	if (r < 0)
		return r;
	if (linkat(state_fd, temp, state_fd, JOURNAL_NAME, 0) < 0 && errno != EEXIST)
		return -errno;
	return fsync(state_fd) < 0 ? -errno : 0;
}

static bool is_there(int state_fd, const char *name)
{
	struct stat st;
	return fstatat(state_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

static bool has_bytes(int state_fd, const char *name)
{
	struct stat st;
	return fstatat(state_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
}

int schema_make(struct dirs *dirs, const char *path, int spool_fd)
{
	char temp[40];
	qx_auto_free char *temp_path = NULL;
	int64_t last_id = 0;
	int state_fd = dirs_state_fd(dirs);

	if (is_there(state_fd, JOURNAL_NAME))
		return 0;
	/* A log would be taken for the new file's own. Another mount may just have made both. */
	if (has_bytes(state_fd, JOURNAL_NAME "-wal"))
		return is_there(state_fd, JOURNAL_NAME) ? 0 : -EBADMSG;

	(void)snprintf(temp, sizeof(temp), ".tmp-%016llx", (unsigned long long)sys_random());
	if (asprintf(&temp_path, "%.*s%s", (int)(strlen(path) - strlen(JOURNAL_NAME)), path, temp) <
	    0) {
		temp_path = NULL;
		return -ENOMEM;
	}
	int r = openat(state_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r < 0)
		return -errno;
	close(r);
	r = last_spooled(spool_fd, &last_id);
	if (r == 0)
		r = make_at(temp_path, last_id);
	if (r == 0)
		r = publish(state_fd, temp);
	(void)unlinkat(state_fd, temp, 0); /* what a crash leaves, dirs_open removes */
	return r;
}
