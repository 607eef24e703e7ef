/* survey.h: what a GET of a survey says. */
#ifndef QXFS_JOBS_SURVEY_H
#define QXFS_JOBS_SURVEY_H

#include <qxfs/jobs/jobs.h>

/* Its counts. */
enum { AUDITABLE, GENERATED, DELETED };

/* Numbers -1 and texts NULL where it says nothing. */
void survey_read(const struct json *envelope, struct survey_seen *ret);
/* Its counts and its date into the facts. */
void survey_note(const struct survey_seen *seen, struct gen_facts *ret);

#endif
