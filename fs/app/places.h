/* places.h: where cache and state live, if no option says it:
 *   cache   $XDG_CACHE_HOME/qxfs   ~/.cache/qxfs         /var/cache/qxfs for root without HOME
 *   state   $XDG_STATE_HOME/qxfs   ~/.local/state/qxfs   /var/lib/qxfs
 *
 * Threads: main only. Errors: negative errno with words and a remedy.
 */
#ifndef QXFS_APP_PLACES_H
#define QXFS_APP_PLACES_H

#include <qxfs/base/fail.h>

struct places {
	char *cache; /* parents of the accounts' folders, absolute */
	char *state;
	char *usual; /* where the state is without state_dir=: what all mounts of this user find;
	                NULL: not known */
};

/* `cache_dir` and `state_dir` win where they are not NULL. Makes nothing. */
int places_find(const char *cache_dir, const char *state_dir, struct places *ret,
                struct qx_fail *fail);
void places_done(struct places *p); /* accepts zeroed memory */

#endif
