/* values.h: what an option's value may be. Pure but for users' names, time zones and the
 * current folder.
 * Errors: -EINVAL (not understood), -ERANGE (understood, but not allowed), -errno.
 */
#ifndef QXFS_APP_VALUES_H
#define QXFS_APP_VALUES_H

#include <stdint.h>

enum value_kind {
	VALUE_NONE,   /* a bool that the option sets */
	VALUE_NUMBER, /* int64_t */
	VALUE_COUNT,  /* int64_t */
	VALUE_SHARE,  /* int64_t, thousandths: "0.8" is 800 */
	VALUE_SIZE,   /* uint64_t, bytes: "20G"; powers of 1024 */
	VALUE_PATH,   /* char *, absolute, owned; the former one is freed */
	VALUE_USER,   /* int64_t; a name or a number */
	VALUE_GROUP,
	VALUE_OCTAL,   /* int64_t */
	VALUE_LEVEL,   /* int64_t, enum log_level */
	VALUE_LEGACY,  /* int64_t, enum legacy_contacts */
	VALUE_ZONE,    /* char *, a time zone of this machine, owned; the former one is freed */
	VALUE_HOLD,    /* int64_t, enum hold_when */
	VALUE_REFRESH, /* int64_t, enum refresh_how */
	VALUE_SPAN,    /* int64_t, seconds: "7d", "12h", "30m", "45" */
	VALUE_CHARSET, /* char *, a character set this machine knows, owned; the former one is freed
	                */
	VALUE_SURVEYS, /* char *, ids between ":" or ",", owned; the former one is freed */
	VALUE_HIDE,    /* int64_t, bits of enum hidden */
	VALUE_AUDIT,   /* char *, a path or "syslog" */
	VALUE_NAMES,   /* char *, any text, owned; the former one is freed */
	VALUE_KERNEL,  /* handed on to the kernel */
	VALUE_N_
};

/* Reads `text` into `field`, whose type the kind says; numbers and sizes in [min, max]. */
int value_parse(enum value_kind kind, const char *text, int64_t min, int64_t max, void *field);
/* "a whole number of seconds": for the person who wrote something else. */
const char *value_wanted(enum value_kind kind);
/* What else there is to say to somebody whose value was not understood: what was probably meant,
 * how to get what is missing; "": nothing. */
#define VALUE_HINT_BYTES 160
void value_hint(enum value_kind kind, const char *text, char ret[VALUE_HINT_BYTES]);

#endif
