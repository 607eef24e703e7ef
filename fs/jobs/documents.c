/* documents.c: one GET whose `result` member is kept as a file, re-indented, every number and
 * string as it came. The GET of a survey also tells counts and name to whoever keeps them. */
#include "job.h"
#include "survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/document.h>
#include <qxfs/base/hash.h>
#include <qxfs/base/json.h>

#define SEEN_MAX (4u << 20) /* a larger survey is kept, but its counts are not read from it */

static bool add_member(void *arg, const char *name, const struct json *value)
{
	struct buf *text = arg;

	if (strcmp(name, "responseCounts") == 0 || strcmp(name, "lastModifiedDate") == 0)
		return true;
	buf_add_json(text, name);
	json_add(value, NULL, text);
	return !buf_failed(text);
}

/* Whatever is edited in it changes this, but no response does. */
static uint64_t hash_of_questions(const struct json *envelope)
{
	struct buf text = { 0 };

	json_each(envelope, "result", add_member, &text);
	const char *const parts[] = { buf_text(&text), NULL };
	uint64_t hash = text.len && !buf_failed(&text) ? hash_u64(parts) : 0;
	buf_done(&text);
	return hash;
}

void survey_read(const struct json *envelope, struct survey_seen *ret)
{
	static const char *const counts[FACTS_COUNTS] = {
		"result.responseCounts.auditable",
		"result.responseCounts.generated",
		"result.responseCounts.deleted",
	};
	memset(ret, 0, sizeof(*ret));
	ret->id = json_str(envelope, "result.id");
	ret->name = json_str(envelope, "result.name");
	ret->created = json_str(envelope, "result.creationDate");
	ret->last_modified = json_str(envelope, "result.lastModifiedDate");
	for (int i = 0; i < FACTS_COUNTS; i++)
		if (!json_int(envelope, counts[i], &ret->counts[i]))
			ret->counts[i] = -1;
	/* 17 columns of metadata (API.md 3.4), one for each exported question part and embedded
	 * field. */
	ret->questions = hash_of_questions(envelope);
	ret->columns = 17 + (int64_t)json_len(envelope, "result.exportColumnMap") +
	               (int64_t)json_len(envelope, "result.embeddedData");
}

void survey_note(const struct survey_seen *seen, struct gen_facts *ret)
{
	memcpy(ret->counts, seen->counts, sizeof(ret->counts));
	ret->questions = seen->questions;
	memset(ret->last_modified, 0, sizeof(ret->last_modified));
	if (seen->last_modified)
		strncpy(ret->last_modified, seen->last_modified, sizeof(ret->last_modified) - 1);
}

/* Pool: reads the envelope once more, whole, for its few facts. */
static struct json *read_envelope(int fd)
{
	struct stat st;
	struct json *j = NULL;

	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > SEEN_MAX)
		return NULL;
	char *text = malloc((size_t)st.st_size);
	if (text && pread(fd, text, (size_t)st.st_size, 0) == st.st_size &&
	    json_parse(text, (size_t)st.st_size, &j) < 0)
		j = NULL;
	free(text);
	return j;
}

void document_unpack(struct job *job)
{
	int raw = draft_raw_fd(job->draft);
	int64_t length = document_extract(
		raw, "result", job->recipe.verbatim ? DOCUMENT_VERBATIM : DOCUMENT_INDENTED,
		draft_data_fd(job->draft), cache_max_export(job->jobs->config.cache));

	fail_clear(&job->disk_fail);
	job->disk_err = length < 0 ? (int)length : 0;
	job->unpacked.length = length < 0 ? 0 : (uint64_t)length;
	if (job->disk_err == 0)
		job->disk_err = draft_crc(job->draft, job->unpacked.length, &job->unpacked.crc);
	if (job->disk_err == -EBADMSG)
		fail_set(&job->disk_fail, EIO,
		         "the service's answer is no whole JSON document with a result (a login "
		         "page or "
		         "a proxy in between?)");
	if (job->disk_err < 0 || job->recipe.ep != EP_SURVEY)
		return;

	struct survey_seen seen;
	struct json *envelope = read_envelope(raw);
	if (!envelope)
		return;
	survey_read(envelope, &seen);
	survey_note(&seen, &job->facts);
	seen.id = job->recipe.args[0];
	seen.on_pool = true;
	if (job->jobs->config.seen)
		job->jobs->config.seen(job->jobs->config.arg, &seen);
	json_free(envelope);
}
