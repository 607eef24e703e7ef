/* journal_doubt.c: bytes that may have been imported already, under a name that is given anew.
 *
 * Who copies a file again whose import is uncertain, or broke off halfway, seldom knows that it is:
 * so what is known of it outlives its entry. A removal is a person's word, and leaves no doubt. */
#include "journal_private.h"

#include <errno.h>

/* A request of it may have been taken, and nobody has said what is to become of it. */
static int is_doubtful(struct sql *s, const struct record *r)
{
	if (r->e.state != ENTRY_UNCERTAIN && r->e.state != ENTRY_FAILED)
		return 0;
	return parts_may_be_out(s, r->e.id);
}

int doubt_keep(struct sql *s, const struct record *r, const char *folder, const char *name)
{
	int is = is_doubtful(s, r);
	if (is <= 0 || !r->e.digest[0])
		return is < 0 ? is : 0;
	return sql_do(s,
	              "INSERT OR REPLACE INTO doubt (folder, name, digest, moment) "
	              "VALUES (?1, ?2, ?3, ?4)",
	              sql_text(folder), sql_text(name), sql_text(r->e.digest),
	              sql_int(r->e.changed_s));
}

int doubt_end(struct sql *s, const struct record *r)
{
	return sql_do(s, "DELETE FROM doubt WHERE folder = ?1 AND name = ?2 AND digest = ?3",
	              sql_text(r->home), sql_text(r->home_name), sql_text(r->e.digest));
}

int doubt_sweep(struct sql *s, int64_t until_s)
{
	return sql_do(s, "DELETE FROM doubt WHERE moment <= ?1", sql_int(until_s));
}

static int find(struct sql *s, const char *folder, const char *name, const char *digest,
                int64_t *ret_s)
{
	qx_auto_query q = sql_ask(s,
	                          "SELECT moment FROM doubt "
	                          "WHERE folder = ?1 AND name = ?2 AND digest = ?3",
	                          sql_text(folder), sql_text(name), sql_text(digest));
	int r = sql_next(&q);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_s = sql_get_int(&q, 0);
	return 0;
}

int journal_doubt(struct journal *j, const char *folder, const char *name, const char *digest,
                  int64_t *ret_s)
{
	int r = journal_read_begin(j);
	return r < 0 ? r : journal_read_end(j, find(j->reader, folder, name, digest, ret_s));
}
