/* limits_file.h: the file in which all mounts of an account keep what they use of its limits. One
 * for each machine, by its boot: a home on the network is seen by several, whose processes and
 * clocks are not each other's. What a machine or a former boot has left is removed after a while.
 */
#ifndef QXFS_APP_LIMITS_FILE_H
#define QXFS_APP_LIMITS_FILE_H

/* In the folder of an account's state. An fd, the caller's, or a negative errno. Looks at the disk;
 * any thread. */
int limits_file_open(int folder_fd);

#endif
