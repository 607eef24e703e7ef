/* zip.h: reads back a ZIP file that was made here. (What the service sends: unpack.h.)
 * Threads: any; reads a local file, so it runs on a disk worker. */
#ifndef QXFS_STORE_ZIP_H
#define QXFS_STORE_ZIP_H

#include <stddef.h>

/* Each entry in pieces, then once with no bytes at its end. Not 0: ends zip_read, which returns it.
 */
typedef int zip_piece_fn(void *arg, const char *name, const char *bytes, size_t len);

/* Reads every entry of the file behind `fd` and checks directory, sizes and CRCs.
 * -EBADMSG: no whole ZIP file; -ENOMEM. */
int zip_read(int fd, zip_piece_fn *fn, void *arg);

#endif
