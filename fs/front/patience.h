/* patience.h: how long the kernel lets a request wait before it aborts the whole connection
 * (fs.fuse.max_request_timeout and fs.fuse.default_request_timeout, Linux 6.14). Threads: any. */
#ifndef QXFS_FRONT_PATIENCE_H
#define QXFS_FRONT_PATIENCE_H

#include <stdint.h>

/* Seconds that a wait may take, with a margin for its answer; 0: as long as it likes. `dir`: where
 * the two files are. */
int64_t patience_read(const char *dir);

#endif
