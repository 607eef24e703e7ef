/* visitors.h: who may begin what (DESIGN.md 3, Crawlers): indexers and thumbnailers nothing, a
 * session of anybody else so many first exports in ten minutes.
 *
 * Threads: any. Guard of the counts: visitors.lock, a leaf (rank 5); the rest is immutable. */
#ifndef QXFS_TREE_VISITORS_H
#define QXFS_TREE_VISITORS_H

#include <qxfs/base/fail.h>
#include <qxfs/tree/tree.h>

struct visitors;

/* crawlers: beginnings of programs' names, separated by ':'; NULL: the usual ones; "": none, nor
 * file managers that look what a file is.
 * budget: 0: no bound. NULL: no memory. */
struct visitors *visitors_new(const char *crawlers, int64_t budget);
void visitors_free(struct visitors *v); /* NULL is fine */

bool visitor_is_crawler(const struct visitors *v, const struct tree_caller *who);
/* One more export that was never made before. 0, or -EDQUOT with words. now_ms: sys_now_ms(). */
int visitor_spend(struct visitors *v, const struct tree_caller *who, int64_t now_ms,
                  struct qx_fail *fail);

#endif
