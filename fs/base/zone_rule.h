/* zone_rule.h: a zone as POSIX writes it in TZ=, "CET-1CEST,M3.5.0,M10.5.0/3" (with the hours
 * beyond 24 of RFC 8536). Private to base/. */
#ifndef QXFS_BASE_ZONE_RULE_H
#define QXFS_BASE_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

/* When in a year: 'M' month, week (5: the last), day; 'J' day 1 to 365 without 29 February;
 * 'D' day 0 to 365. */
struct zone_date {
	char kind;
	int month, week, day;
	int time_s; /* of the day, by the clock that was valid until then */
};

struct zone_rule {
	int standard_s, summer_s; /* east of Greenwich is positive */
	bool has_summer;
	struct zone_date start, end; /* of summer */
};

/* -EBADMSG. */
int zone_rule_parse(const char *text, struct zone_rule *ret);
int64_t zone_rule_offset(const struct zone_rule *rule, int64_t utc_s);

#endif
