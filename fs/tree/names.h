/* names.h: names of files from names that the service gives, which are hostile.
 *
 * NFC; '/', control characters, what Windows forbids, invalid UTF-8 become '_'; so do trailing dots
 * and blanks; reserved device names get a '_'; at most 255 bytes, cut between code points. Of names
 * that are equal after NFC and case folding the oldest keeps the bare one, the others carry "
 * [ID]"; a name that itself ends so always carries its own. No two are equal, also after case
 * folding, if no two ids are. Pure; any thread. */
#ifndef QXFS_TREE_NAMES_H
#define QXFS_TREE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "reserved.h"

#define NAME_BYTES 255
#define NAME_SUFFIX 5 /* bytes left for ".xlsx", ".json" behind a name */

struct named {
	const char *id;
	const char *raw;  /* the service's name */
	const char *born; /* its date as text that sorts, "" if unknown: oldest first, then by id */
	char *name;       /* out; free() */
};

/* A safe name of at most max bytes; malloc'ed, NULL without memory. Never empty, never "." or "..".
 */
char *name_safe(const char *raw, size_t max);
/* Sets `name` of each; -ENOMEM (then none is set). The order of the array does not matter. A bare
 * name that somebody else has had is nobody's; who gets one has it from now on. `kept` may be NULL.
 */
int names_make(struct named *all, size_t n, struct reserved *kept);
/* "ANYTHING [ID]": the id's position within `name` and its length; false if it does not end so. */
bool name_ends_in_id(const char *name, const char **ret_id, size_t *ret_len);

#endif
