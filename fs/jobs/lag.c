/* lag.c: exports lag behind the survey by seconds to minutes (API.md 3.6), so one that was asked
 * for when the survey had n responses need not hold n. That the survey still says n later is then
 * no reason to keep it.
 *
 * So the rows of a file are compared with what the survey counted. If some are missing, it is asked
 * for once more; what is still missing when that was asked for a while later is missing for good:
 * the survey counts what it does not export. Of SPSS and XML, whose rows nobody counts, and of
 * dates/ and with/ nothing is known. */
#include "lag.h"

#include <string.h>

#define SETTLE_S 600 /* longer than exports were seen to lag */

int64_t counted_responses(const int64_t counts[FACTS_COUNTS])
{
	int64_t auditable = counts[AUDITABLE], generated = counts[GENERATED];
	if (auditable < 0 || generated < 0)
		return -1;
	return auditable > INT64_MAX - generated ? INT64_MAX : auditable + generated;
}

/* Counted, and not in it. */
static int64_t lack(const struct gen_facts *f)
{
	return counted_responses(f->counts) > f->rows ? counted_responses(f->counts) - f->rows : 0;
}

static bool is_settled(const struct gen_facts *f)
{
	return f->rows < 0 || lack(f) == 0 || f->exported_s - f->since_s >= SETTLE_S;
}

void lag_note(struct gen_facts *made, const struct gen_facts *old)
{
	bool same = old && old->rows >= 0 && lack(old) == lack(made);

	made->since_s = same ? old->since_s : made->exported_s;
}

bool survey_is_as_in(const struct gen_facts *was, const struct survey_seen *seen)
{
	struct gen_facts now;

	survey_note(seen, &now);
	if (was->counts[0] < 0 || strcmp(was->last_modified, now.last_modified) != 0)
		return false;
	if (memcmp(was->counts, now.counts, sizeof(now.counts)) == 0)
		return is_settled(was);
	/* What has come since they were counted may be in it already. */
	return was->rows >= 0 && was->rows == counted_responses(now.counts) &&
	       was->counts[DELETED] == now.counts[DELETED] &&
	       was->counts[AUDITABLE] <= now.counts[AUDITABLE] &&
	       was->counts[GENERATED] <= now.counts[GENERATED];
}
