/* behind.h: a small piece of work, such as writing a file, for a thread that may not wait for it.
 *
 * It runs on a thread of its own, which lives as long as the work; what is asked for meanwhile is
 * one more run behind that one. If no thread can be made, it is not done.
 */
#ifndef QXFS_APP_BEHIND_H
#define QXFS_APP_BEHIND_H

#include <pthread.h>
#include <stdbool.h>

struct behind {
	void (*fn)(void *arg); /* immutable, as is arg */
	void *arg;
	pthread_mutex_t lock; /* a leaf */
	bool runs;            /* guarded by lock */
	bool again;           /* guarded by lock: asked for while it runs */
	bool is_there;        /* its asker's: the thread is to be joined */
	pthread_t thread;
};

void behind_init(struct behind *b, void (*fn)(void *arg), void *arg);
void behind_run(struct behind *b);  /* one asking thread at a time */
void behind_done(struct behind *b); /* when nobody asks any more; waits for the last run */

#endif
