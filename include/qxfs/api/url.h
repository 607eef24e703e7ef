/* url.h: where the token may go. Pure. Built on libcurl's URL parser.
 * Sources: API.md 1.1 (hosts), 1.6 (nextPage, proxied), 1.9 (the notice).
 */
#ifndef QXFS_API_URL_H
#define QXFS_API_URL_H

#include <qxfs/base/fail.h>

struct base_url {
	char origin[300]; /* "https://fra1.qualtrics.com" or "http://127.0.0.1:4711": no slash at
	                     the end */
	char host[256];
};

/* Accepts a host ("fra1.qualtrics.com"), a host with a path ("fra1.qualtrics.com/API/v3"), or a
 * URL; https is the default; plain http only to loopback (127.0.0.0/8, ::1, localhost). User names,
 * passwords, other schemes: refused. -EINVAL with words and remedy in `fail`. */
int url_parse_base(const char *text, struct base_url *ret, struct qx_fail *fail);

/* The host that a notice names ("… use this host instead: az1.qualtrics.com") as a new base, if the
 * token may go there: only a host under .qualtrics.com, only https, and only when the present base
 * is one too. -ENOENT: the text names none; -EACCES: it names one that is not allowed. */
int url_from_notice(const struct base_url *base, const char *notice, struct base_url *ret);

/* What to ask for when the service names `next` as the next page; free() the result.
 * Same origin, or under .qualtrics.com over https when base is: as named. A .qualtrics.com host
 * named to a base that is not: its path and query at the base. Anything else: -EACCES. */
int url_next_page(const struct base_url *base, const char *next, char **ret);

#endif
