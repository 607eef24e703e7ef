/* judge.h: what an attempt came to, as errno and words. Pure; any thread.
 *
 * Words from outside never reach a failure as they came: no control or direction characters, valid
 * UTF-8, cut, and the token masked should anybody have echoed it. */
#ifndef QXFS_API_JUDGE_H
#define QXFS_API_JUDGE_H

#include <qxfs/api/endpoints.h>
#include <qxfs/api/http.h>
#include <qxfs/base/fail.h>
#include <qxfs/base/json.h>
#include <qxfs/base/secret.h>

/* A transfer that brought no answer. */
void judge_network(const struct endpoint_row *row, const struct transfer *t, struct qx_fail *fail);
/* An answer with a status that is no success. body NULL: no JSON. */
void judge_status(const struct endpoint_row *row, const struct transfer *t, const struct json *body,
                  struct qx_fail *fail);
/* A success in HTTP that is not what was asked for. */
void judge_damaged(const struct endpoint_row *row, const struct transfer *t,
                   const struct json *body, struct qx_fail *fail);

bool judge_is_web_page(const struct transfer *t);

#endif
