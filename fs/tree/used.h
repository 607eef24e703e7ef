/* used.h: names below dates/ and with/ that were opened, as they were typed. They are listed there,
 * in all mounts of the account and in later ones: the last USED_MAX of each survey's folder. */
#ifndef QXFS_TREE_USED_H
#define QXFS_TREE_USED_H

#include "house.h"

#define USED_MAX 1000

/* Something was opened, which may be such a folder or lie in one. Takes tree.lock; memory only. */
void used_note(struct tree *t, const struct node_row *row, const char *arg);
/* The names in the folder `dir` with this argument, oldest first; *version differs when they do.
 * Each of them and the array are the caller's. Reads a small local file; takes tree.lock. -ENOMEM.
 */
int used_names(struct tree *t, const struct node_row *dir, const char *arg, char ***ret,
               size_t *ret_n, uint64_t *ret_version);

#endif
