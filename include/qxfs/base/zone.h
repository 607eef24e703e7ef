/* zone.h: time zones, several at once. (The C library knows one for the whole process.)
 *
 * Zones are read from the machine's tz database (TZif files, RFC 8536); "Z" and "UTC" need none.
 * Threads: any; a zone never changes. Times are seconds since 1970: `utc_s` is a moment, `local_s`
 * what a clock on the wall there shows, counted as if it were UTC.
 */
#ifndef QXFS_BASE_ZONE_H
#define QXFS_BASE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include <qxfs/base/buf.h>

struct zone;

/* NULL or "": the machine's zone (TZ as the C library reads it: a name, a file, a rule; else
 * /etc/localtime; UTC where there is none). Names come from others too: -EINVAL for what is no
 * zone's name, -ENOENT for a zone that this machine does not know, -EBADMSG for a damaged file,
 * -ENOMEM. */
int zone_new(const char *name, struct zone **ret);
void zone_free(struct zone *z);              /* NULL is fine */
const char *zone_name(const struct zone *z); /* "Europe/Berlin", "UTC", "local time" */
/* Appends what tells it from other zones, in keys of what is made with it. */
void zone_add_key(const struct zone *z, struct buf *out);
/* The zone of this machine that was probably meant, or the one of that town; "": none is near, or
 * the machine has no database of them (then *ret_none). Reads folders. */
#define ZONE_NAME_BYTES 61
void zone_nearest(const char *name, char ret[ZONE_NAME_BYTES], bool *ret_none);

int64_t zone_local_s(const struct zone *z, int64_t utc_s);
/* Of an hour that came twice the first, of one that was left out the hour after it. */
int64_t zone_utc_s(const struct zone *z, int64_t local_s);

#endif
