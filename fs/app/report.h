/* report.h: the daemon's JSON answers as people read them. Pure. */
#ifndef QXFS_APP_REPORT_H
#define QXFS_APP_REPORT_H

#include <qxfs/base/buf.h>
#include <qxfs/base/json.h>

void report_status(const char *mountpoint, const struct json *status, struct buf *out);
void report_why(const struct json *why, struct buf *out);

#endif
