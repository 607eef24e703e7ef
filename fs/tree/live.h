/* live.h: files that are fetched anew by each open and kept nowhere: paths of the API.
 *
 * A node shows an over-estimate until it is opened, as data does, and from then on what its opens
 * have got; who looks the name up afterwards gets another node. So a program that asks for the size
 * of what it has open is told the truth, and nobody ever one that is too small.
 * Threads: any, without tree.lock. */
#ifndef QXFS_TREE_LIVE_H
#define QXFS_TREE_LIVE_H

#include "house.h"

/* May this place be asked for? -EPERM, -ENOENT, -ENOMEM, with words in `fail`. */
int live_judge(const char *arg, struct qx_fail *fail);
/* -EAGAIN: an open may fetch it, and waits; else why not, and people find the reason. A node of the
 * place is pinned.
 */
int live_admit(struct tree *t, const struct place *p, const struct tree_caller *who);

#endif
