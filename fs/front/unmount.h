/* unmount.h: what libfuse leaves undone. Threads: any. */
#ifndef QXFS_FRONT_UNMOUNT_H
#define QXFS_FRONT_UNMOUNT_H

/* The minor number of what is mounted there, which is the number of a FUSE connection; 0 if it
 * cannot be told. Asks the daemon nothing, so it may be called by the daemon. */
unsigned mounted_minor(const char *mountpoint);
/* libfuse takes an aborted connection for an unmounted one and would leave a dead mount behind:
 * detaches it if it is still there. */
void unmount_rest(const char *mountpoint, unsigned minor);

#endif
