/* lag.h: whether an export holds what the survey counted. survey_is_as_in: jobs.h. Pure; any
 * thread. */
#ifndef QXFS_JOBS_LAG_H
#define QXFS_JOBS_LAG_H

#include "survey.h"

/* Since when is as much missing of `made`, which is about to be published, as is now? Its counts,
 * its moment and its rows are set, -1 if nobody has counted them. `old`: what it follows; NULL:
 * nothing. */
void lag_note(struct gen_facts *made, const struct gen_facts *old);

#endif
