/* report.h: the daemon's JSON answers as people read them. Pure. */
#ifndef QXFS_APP_REPORT_H
#define QXFS_APP_REPORT_H

#include <stdbool.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/json.h>

/* bars: of the progress of each job. */
void report_status(const char *mountpoint, const struct json *status, bool bars, struct buf *out);
void report_why(const struct json *why, struct buf *out);

#endif
