/* sql.h: SQLite in few words: one connection, statements that are prepared once, errors as errnos.
 * Private to store/.
 *
 *	qx_auto_query q = sql_ask(s, "SELECT name FROM entry WHERE id = ?1", sql_int(id));
 *	int r = sql_next(&q);
 *
 * A statement is known by the address of its text, which must last: a literal. It ends with the
 * scope of its query; while that lasts the same text may not be asked again.
 *
 * Threads: a connection belongs to one at a time. Errors: 0 or negative errno. -EBADMSG: the file
 *is damaged, -EAGAIN: another process has held it for too long, -EEXIST: a row is there already,
 * -ENOSPC, -ENOMEM; -EIO and what the system said.
 */
#ifndef QXFS_STORE_SQL_H
#define QXFS_STORE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/sys.h>

struct sql;
struct sqlite3_stmt;

enum sql_mode {
	SQL_MAKE,  /* a new file; it is made */
	SQL_WRITE, /* one that is there */
	SQL_READ,  /* the same, and nothing is ever changed */
};
/* Nothing is written yet, not even when it is closed: see sql_settle. */
int sql_open(const char *path, enum sql_mode mode, int timeout_ms, struct sql **ret);
/* Closes it. If it was the last connection and sql_settle said so, the log is moved into the file.
 */
void sql_close(struct sql *s);
/* Whether the file may be tidied when it is closed. Never when it is damaged. */
void sql_settle(struct sql *s, bool may);
/* What the last failure was, in the library's words. */
const char *sql_words(const struct sql *s);

/* Any number of statements without values. */
int sql_run(struct sql *s, const char *text);
/* Whether commits wait for the disk; outside of a transaction. */
int sql_set_durable(struct sql *s, bool durable);
/* Moves all of the log into the file, both fsynced. */
int sql_checkpoint(struct sql *s);

struct sql_value {
	const void *bytes; /* NULL: the number */
	size_t len;
	int64_t number;
	bool is_blob;
};
struct sql_value sql_int(int64_t number);
struct sql_value sql_count(uint64_t count); /* above INT64_MAX: that */
struct sql_value sql_text(const char *text);
struct sql_value sql_bytes(const struct buf *bytes);

struct sql_query {
	struct sql *sql;
	struct sqlite3_stmt *stmt;
	int err;
};
void sql_query_cleanup(struct sql_query *q);
#define qx_auto_query __attribute__((cleanup(sql_query_cleanup))) struct sql_query

/* The values are copied. What is wrong with them, or with the text, sql_next tells. */
struct sql_query sql_ask_values(struct sql *s, const char *text, const struct sql_value *values,
                                size_t n);
/* 1: a row, 0: no more. */
int sql_next(struct sql_query *q);
/* Asks for what gives no rows. */
int sql_do_values(struct sql *s, const char *text, const struct sql_value *values, size_t n);

/* The first is none: so there may be none. */
#define SQL_VALUES(...) \
	(const struct sql_value[]) \
	{ \
		{ 0 }, __VA_ARGS__ \
	}
#define SQL_GIVEN(...) \
	(SQL_VALUES(__VA_ARGS__) + 1), \
		(sizeof(SQL_VALUES(__VA_ARGS__)) / sizeof(struct sql_value) - 1)
#define sql_ask(s, text, ...) sql_ask_values((s), (text), SQL_GIVEN(__VA_ARGS__))
#define sql_do(s, text, ...) sql_do_values((s), (text), SQL_GIVEN(__VA_ARGS__))

/* Of the row that sql_next gave; columns from 0. */
int64_t sql_get_int(const struct sql_query *q, int column);
/* -EBADMSG: longer than the file may hold. */
int sql_get_text(const struct sql_query *q, int column, char *out, size_t size);
void sql_get_bytes(const struct sql_query *q, int column, struct buf *out);

int64_t sql_last_id(const struct sql *s);

#endif
