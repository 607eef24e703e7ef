/* checks.h: whether what is shown in a survey's folders is current. Call without tree.lock, where
 * it does not say otherwise; any thread that may look at small local files. */
#ifndef QXFS_TREE_CHECKS_H
#define QXFS_TREE_CHECKS_H

#include "house.h"

enum { LOOK_EXPORTS = 1, LOOK_DOCUMENTS = 2 };

/* Which kinds of expired files does one of a survey's folders hold, about which its listing should
 * ask? Each at most once in a freshness. */
unsigned folder_due(struct tree *t, const struct node_row *dir, const char *arg);
/* Somebody asks about these now; and was not answered. */
void folder_begin_look(struct tree *t, const struct node_row *dir, const char *arg, unsigned due);
void folder_look_failed(struct tree *t, const struct node_row *dir, const char *arg, unsigned due);
/* It is such a folder; among its files are exports, which the survey's GET answers for. Pure. */
bool folder_looks(const struct node_row *dir);
bool folder_has_exports(const struct node_row *dir);
/* The next old and small document of the folder; ROW_ROOT: none. `after`: ROW_ROOT at first. */
enum row_id folder_next_old(struct tree *t, const struct node_row *dir, const char *arg,
                            enum row_id after);
/* What the GET of a survey means for its exports: those that it finds unchanged are fresh again. If
 * it is refused, all files of the survey are. */
void renew_exports(struct tree *t, const struct survey_seen *seen);

#endif
