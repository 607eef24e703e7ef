/* loop.h: the FUSE workers, which take requests from the kernel and run the operations.
 *
 * Four, from the first to the last moment: the number of threads never moves, however many requests
 * wait. Our own loop, because libfuse's starts and ends threads as it sees fit.
 *
 * Threads: loop_start and loop_stop from the owner's.
 */
#ifndef QXFS_FRONT_LOOP_H
#define QXFS_FRONT_LOOP_H

struct fuse_session;
struct loop;

/* `ended` is an eventfd, borrowed: it is written to when the connection has ended and the last
 * worker has seen it. The session is mounted. */
int loop_start(struct fuse_session *fuse, int ended, struct loop **ret);
/* Ends the workers, each after the request in its hands. Accepts NULL. */
void loop_stop(struct loop *loop);

#endif
