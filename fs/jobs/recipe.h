/* recipe.h: a recipe of one's own. */
#ifndef QXFS_JOBS_RECIPE_H
#define QXFS_JOBS_RECIPE_H

#include <qxfs/jobs/jobs.h>

/* A copy whose strings are its owner's until recipe_done. -ENOMEM. */
int recipe_copy(const struct recipe *from, struct recipe *ret);
void recipe_done(struct recipe *r);
/* How much of its subject logs may show, for "%.*s". */
int recipe_logged(const struct recipe *r);

#endif
