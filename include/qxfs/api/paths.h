/* paths.h: paths of the API as people write them below .qxfs/api/: what may be asked for, and as
 * what. Names come from any program on the machine; pages' addresses from the service.
 *
 * A path has only the characters that the API's paths have (API.md appendix A: letters, digits,
 * '_', '-', and '.' within); so no '%', no ';', no component that is empty, "." or "..". What hands
 * out secrets, tells what others did, or erases is a table in paths.c, and is never asked for.
 *
 * Threads: pure; any. Errors: negative errno, with words and a remedy in `fail`: -ENOENT what no
 * path can be, -EPERM what is not asked for, -ENOMEM.
 */
#ifndef QXFS_API_PATHS_H
#define QXFS_API_PATHS_H

#include <qxfs/api/endpoints.h>
#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>

#define PATHS_BASE "/API/v3/"

/* One component of a path; of the last one also "NAME?QUERY". */
int path_check_folder(const char *name, struct qx_fail *fail);
int path_check_last(const char *name, struct qx_fail *fail);

/* "surveys/SV_1/quotas?offset=3" comes apart: what is asked for below PATHS_BASE, and the query,
 * percent-encoded here. In a query %XX stands for a byte, as it must for '&', '=', '/' and '%';
 * '+' is itself. Both are appended to; nothing is on failure. */
int path_parse(const char *text, struct buf *path, struct buf *query, struct qx_fail *fail);

/* May the path of this URL be asked for? It must lie below PATHS_BASE; escapes are read first. */
int path_check_url(const char *url, struct qx_fail *fail);

/* Whose calls per minute a path counts among: its own row of the endpoints, else one of the EP_API
 * ones. */
enum endpoint path_endpoint(const char *path);

#endif
