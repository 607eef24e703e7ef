/* audit.h: who read what, and who gave what: -o audit=, a line of JSON each.
 *
 * Threads: any; a line is one write(2) at the end of the file, or one syslog(3). Nothing of it
 * fails an open: what cannot be written is told in the log, once. */
#ifndef QXFS_TREE_AUDIT_H
#define QXFS_TREE_AUDIT_H

#include <qxfs/base/fail.h>

#include "house.h"

struct audit;

/* where: a file, made 0600 and added to, or "syslog"; NULL: no audit, and *ret is NULL. -errno */
int audit_new(const char *where, struct audit **ret);
void audit_free(struct audit *a);

/* What somebody did. a may be NULL: nothing happens. */
struct audit_line {
	const char *what; /* "open", "give", "import" */
	const struct tree_caller *who;
	const struct node_row *row;
	const char *arg;
	const char *path;             /* instead of these two, if not NULL */
	const struct generation *gen; /* NULL: none */
	uint64_t bytes;
	const char *outcome; /* "ok", an errno's name, a state of an import */
};
void audit_put(struct audit *a, const struct audit_line *line);

#endif
