/* line.h: one line of a child process. Threads: main only. */
#ifndef QXFS_APP_LINE_H
#define QXFS_APP_LINE_H

#include <stdint.h>

#define LINE_SIZE 4608 /* a token, and room around it */

/* The first line, as far as there is room, without its end; wipe it. "" where there is none.
 * -ETIMEDOUT: it has not come until then (sys_now_ms); -errno. */
int line_read(int fd, char line[LINE_SIZE], int64_t until_ms);

#endif
