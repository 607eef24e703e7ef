/* sql.c: SQLite in few words. */
#include "sql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#define TEXTS_MAX 64 /* statements of a connection */

struct sql {
	sqlite3 *db;
	bool durable;
	size_t n;
	struct {
		const char *text;
		sqlite3_stmt *stmt;
	} prepared[TEXTS_MAX];
};

/* --- errors ---------------------------------------------------------------------------------- */

static const struct {
	int code; /* of SQLite, an extended one before what it extends */
	int err;  /* 0: what the system said */
} errnos[] = {
	{ SQLITE_CONSTRAINT_UNIQUE, EEXIST },
	{ SQLITE_IOERR_NOMEM, ENOMEM },
	{ SQLITE_IOERR_SHORT_READ, EBADMSG },
	{ SQLITE_IOERR_DATA, EBADMSG },
	{ SQLITE_IOERR_CORRUPTFS, EBADMSG },
	{ SQLITE_CORRUPT, EBADMSG },
	{ SQLITE_NOTADB, EBADMSG },
	{ SQLITE_BUSY, EAGAIN },
	{ SQLITE_LOCKED, EAGAIN },
	{ SQLITE_PROTOCOL, EAGAIN },
	{ SQLITE_FULL, ENOSPC },
	{ SQLITE_NOMEM, ENOMEM },
	{ SQLITE_READONLY, EROFS },
	{ SQLITE_PERM, EACCES },
	{ SQLITE_AUTH, EACCES },
	{ SQLITE_IOERR, 0 },
	{ SQLITE_CANTOPEN, 0 },
	{ SQLITE_CONSTRAINT, EINVAL },
	{ SQLITE_TOOBIG, EFBIG },
};

static int errno_of(sqlite3 *db, int code)
{
	int err = -1;

	if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
		return 0;
	for (size_t i = 0; i < countof(errnos) && err < 0; i++)
		if (errnos[i].code == code || errnos[i].code == (code & 0xff))
			err = errnos[i].err;
	if (err == 0 && db)
		err = sqlite3_system_errno(db);
	if (err == EDQUOT)
		err = ENOSPC;
	return err > 0 ? -err : -EIO;
}

const char *sql_words(const struct sql *s)
{
	return s ? sqlite3_errmsg(s->db) : "out of memory";
}

/* --- a connection ---------------------------------------------------------------------------- */

void sql_settle(struct sql *s, bool may)
{
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, may ? 0 : 1, NULL);
}

static const int open_flags[] = {
	[SQL_MAKE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
	[SQL_WRITE] = SQLITE_OPEN_READWRITE,
	[SQL_READ] = SQLITE_OPEN_READWRITE, /* a reader of a log notes in shared memory that it
	                                       reads */
};

static int set_up(struct sql *s, enum sql_mode mode, int timeout_ms)
{
	sql_settle(s, false);
	(void)sqlite3_extended_result_codes(s->db, 1);
	(void)sqlite3_busy_timeout(s->db, timeout_ms);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	int r = sql_run(s, "PRAGMA temp_store = MEMORY;"
	                   "PRAGMA cache_size = -512;"        /* KiB */
	                   "PRAGMA wal_autocheckpoint = 100;" /* pages: a full disk has little */
	                   "PRAGMA foreign_keys = ON;"
	                   "PRAGMA synchronous = FULL;");
	s->durable = true;
	return r == 0 && mode == SQL_READ ? sql_run(s, "PRAGMA query_only = ON;") : r;
}

int sql_open(const char *path, enum sql_mode mode, int timeout_ms, struct sql **ret)
{
	struct sql *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;

	int code = sqlite3_open_v2(
		path, &s->db, open_flags[mode] | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
		NULL);
	int r = errno_of(s->db, code);
	if (r == 0)
		r = set_up(s, mode, timeout_ms);
	if (r < 0) {
		sql_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void sql_close(struct sql *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		(void)sqlite3_finalize(s->prepared[i].stmt); /* tells the last step's error again */
	(void)sqlite3_close(s->db);                          /* fails with open statements only */
	free(s);
}

int sql_run(struct sql *s, const char *text)
{
	return errno_of(s->db, sqlite3_exec(s->db, text, NULL, NULL, NULL));
}

int sql_set_durable(struct sql *s, bool durable)
{
	if (s->durable == durable)
		return 0;
	int r = sql_run(s, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
	if (r == 0)
		s->durable = durable;
	return r;
}

int sql_checkpoint(struct sql *s)
{
	return errno_of(s->db, sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
	                                                 NULL, NULL));
}

int64_t sql_last_id(const struct sql *s)
{
	return sqlite3_last_insert_rowid(s->db);
}

/* --- values ---------------------------------------------------------------------------------- */

struct sql_value sql_int(int64_t number)
{
	return (struct sql_value){ .number = number };
}

struct sql_value sql_count(uint64_t count)
{
	return sql_int(count > INT64_MAX ? INT64_MAX : (int64_t)count);
}

struct sql_value sql_text(const char *text)
{
	return (struct sql_value){ .bytes = text, .len = strlen(text) };
}

struct sql_value sql_bytes(const struct buf *bytes)
{
	return (struct sql_value){ .bytes = buf_text(bytes), .len = bytes->len, .is_blob = true };
}

static int bind(sqlite3_stmt *stmt, int at, const struct sql_value *v)
{
	if (!v->bytes)
		return sqlite3_bind_int64(stmt, at, v->number);
	if (v->is_blob)
		return sqlite3_bind_blob64(stmt, at, v->bytes, v->len, SQLITE_TRANSIENT);
	return sqlite3_bind_text64(stmt, at, v->bytes, v->len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/* --- statements ------------------------------------------------------------------------------ */

static int prepared(struct sql *s, const char *text, sqlite3_stmt **ret)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->prepared[i].text == text) {
			*ret = s->prepared[i].stmt;
			return 0;
		}
	}
	if (s->n == TEXTS_MAX)
		return -ENFILE;
	int code = sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
	if (code != SQLITE_OK)
		return errno_of(s->db, code);
	s->prepared[s->n].text = text;
	s->prepared[s->n++].stmt = *ret;
	return 0;
}

struct sql_query sql_ask_values(struct sql *s, const char *text, const struct sql_value *values,
                                size_t n)
{
	struct sql_query q = { .sql = s };

	q.err = prepared(s, text, &q.stmt);
	for (size_t i = 0; i < n && q.err == 0; i++)
		q.err = errno_of(s->db, bind(q.stmt, (int)i + 1, &values[i]));
	return q;
}

int sql_next(struct sql_query *q)
{
	if (q->err < 0)
		return q->err;
	int code = sqlite3_step(q->stmt);
	if (code == SQLITE_ROW)
		return 1;
	q->err = errno_of(q->sql->db, code);
	return q->err;
}

void sql_query_cleanup(struct sql_query *q)
{
	if (!q->stmt)
		return;
	(void)sqlite3_reset(q->stmt); /* tells the last step's error again */
	(void)sqlite3_clear_bindings(q->stmt);
}

int sql_do_values(struct sql *s, const char *text, const struct sql_value *values, size_t n)
{
	qx_auto_query q = sql_ask_values(s, text, values, n);
	return sql_next(&q);
}

int64_t sql_get_int(const struct sql_query *q, int column)
{
	return sqlite3_column_int64(q->stmt, column);
}

int sql_get_text(const struct sql_query *q, int column, char *out, size_t size)
{
	const unsigned char *text = sqlite3_column_text(q->stmt, column);
	size_t len = (size_t)sqlite3_column_bytes(q->stmt, column);

	if (len >= size)
		return -EBADMSG;
	if (!text && sqlite3_column_type(q->stmt, column) != SQLITE_NULL)
		return -ENOMEM;
	if (text)
		memcpy(out, text, len);
	out[len] = '\0';
	return 0;
}

void sql_get_bytes(const struct sql_query *q, int column, struct buf *out)
{
	const void *bytes = sqlite3_column_blob(q->stmt, column);
	int len = sqlite3_column_bytes(q->stmt, column);

	if (bytes)
		buf_add(out, bytes, (size_t)len);
}
