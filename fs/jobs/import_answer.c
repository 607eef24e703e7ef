/* import_answer.c: what the service says of an import (API.md 4.1, 5.3, 7.3, 8). Its numbers are
 * somebody else's: negative ones are none. */
#include <qxfs/jobs/import_kinds.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <qxfs/base/sys.h>
#include <qxfs/base/utf8.h>

static bool copy_id(char *out, size_t size, const struct json *answer, const char *path)
{
	const char *id = json_str(answer, path);

	if (!id || !id[0] || strlen(id) >= size)
		return false;
	memcpy(out, id, strlen(id) + 1);
	return true;
}

static uint64_t number(const struct json *answer, const char *path, bool *known)
{
	int64_t n;

	if (!json_int(answer, path, &n))
		return 0;
	*known = true;
	return n > 0 ? (uint64_t)n : 0;
}

/* A sentence of the service's, on one line. */
static void copy_words(char out[ENTRY_WHY], const struct json *answer)
{
	static const char *const paths[] = { "meta.error.errorMessage", "result.error.errorMessage",
		                             "result.errorMessage" };
	const char *words = NULL;

	for (size_t i = 0; !words && i < countof(paths); i++)
		words = json_str(answer, paths[i]);
	if (!words)
		return;
	(void)snprintf(out, ENTRY_WHY, "the service says: %.300s", words);
	utf8_trim(out);
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

static bool says(const char *status, const char *word)
{
	return status && strcasecmp(status, word) == 0;
}

int import_read_start(const struct import_kind *kind, const struct json *answer,
                      struct import_answer *ret)
{
	*ret = (struct import_answer){ .percent = -1 };
	if (!json_is_object(answer, "result"))
		return -EBADMSG;
	switch (kind->start) {
	case EP_IMPORT_RESPONSES:
		return copy_id(ret->job, sizeof(ret->job), answer, "result.progressId") ? 0
		                                                                        : -EBADMSG;
	case EP_CREATE_SURVEY:
	case EP_CREATE_CONTACT:
		if (!copy_id(ret->result_id, sizeof(ret->result_id), answer, "result.id"))
			return -EBADMSG;
		ret->over = true;
		ret->percent = 100;
		ret->added = 1; /* a contact may have been there: the answer does not tell */
		return 0;
	default:
		break;
	}
	if (!copy_id(ret->job, sizeof(ret->job), answer, "result.id"))
		return -EBADMSG;
	if (json_is_array(answer, "result.contacts.unprocessed"))
		ret->unprocessed = json_get(answer, "result.contacts.unprocessed");
	return 0;
}

int import_read_progress(const struct import_kind *kind, const struct json *answer,
                         struct import_answer *ret)
{
	const char *status = json_str(answer, "result.status");
	bool counted = false;

	*ret = (struct import_answer){ .percent = -1 };
	bool measured = json_double(answer, "result.percentComplete", &ret->percent);
	if (!measured && !status)
		return -EBADMSG;
	ret->failed = says(status, "failed");
	/* A legacy import has no status (API.md 8.2); what others say counts more than their
	 * percents. */
	ret->over = ret->failed || says(status, "complete") || (!status && ret->percent >= 100);
	ret->added = number(answer, "result.contacts.count.added", &counted);
	ret->updated = number(answer, "result.contacts.count.updated", &counted);
	ret->refused = number(answer, "result.contacts.count.failed", &counted);
	if (json_is_array(answer, "result.invalidEmails"))
		ret->invalid_emails = json_get(answer, "result.invalidEmails");
	ret->nothing = kind->start == EP_IMPORT_CONTACTS && ret->over && !ret->failed && counted &&
	               ret->added + ret->updated + ret->refused == 0;
	if (ret->failed)
		copy_words(ret->why, answer);
	return 0;
}

/* The first form, a file, is refused where only the second is known (API.md 8.2: which one a brand
 * takes is not told). Nothing was imported then. */
bool import_other_form(const struct import_kind *kind, const struct qx_fail *fail)
{
	return kind->start == EP_OLD_IMPORT &&
	       (fail->http == 415 || fail->http == 413 ||
	        (fail->http == 400 && strcmp(fail->code, "GPR_1") == 0));
}
