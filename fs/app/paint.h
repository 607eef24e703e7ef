/* paint.h: colours for what a command prints on a terminal; the words stay as they are. Threads:
 * main only. */
#ifndef QXFS_APP_PAINT_H
#define QXFS_APP_PAINT_H

#include <stdbool.h>

#include <qxfs/base/buf.h>

/* Is it a terminal that has colours, of somebody who wants them (https://no-color.org)? */
bool paint_wanted(int fd);
/* Lines as status and doctor print them; what is none stays plain. Without memory nothing is
 * painted. */
void paint(struct buf *text);

#endif
