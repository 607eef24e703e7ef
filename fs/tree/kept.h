/* kept.h: who has had which name, of the account's surveys and mailing lists, in the state folder:
 * names/surveys, names/mailinglists. All mounts share it. catalog_lock is held by the callers. */
#ifndef QXFS_TREE_KEPT_H
#define QXFS_TREE_KEPT_H

#include "house.h"

#include "reserved.h"

/* What is reserved now, for the names of this list; *ret untouched: its names are not kept. Reads a
 * small local file. -ENOMEM. */
int kept_begin(struct tree *t, const struct list *list, struct reserved **ret);
/* Takes it back (NULL is fine); what is new in it is written, behind. */
void kept_end(struct tree *t, enum list_id id, struct reserved *r);
void kept_free(struct tree *t);

#endif
