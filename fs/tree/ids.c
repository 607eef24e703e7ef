/* ids.c: a prefix and letters or digits. API.md 5.1 knows 11 to 15 of them behind SV_ [secondary].
 */
#include "ids.h"

#include <ctype.h>
#include <string.h>

#define TAIL_MIN 8
#define TAIL_MAX 32

static bool has_form(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);
	if (strncmp(text, prefix, n) != 0)
		return false;
	size_t tail = strlen(text + n);
	if (tail < TAIL_MIN || tail > TAIL_MAX)
		return false;
	for (const char *c = text + n; *c; c++)
		if (!isalnum((unsigned char)*c))
			return false;
	return true;
}

bool id_is_survey(const char *text)
{
	return has_form(text, "SV_");
}

bool id_is_response(const char *text)
{
	return has_form(text, "R_");
}

bool id_is_directory(const char *text)
{
	return has_form(text, "POOL_");
}

bool id_is_contact(const char *text)
{
	return has_form(text, "CID_");
}

bool id_is_recipient(const char *text)
{
	return has_form(text, "CGC_") || has_form(text, "MLRP_");
}

bool id_is_member(const char *text)
{
	return id_is_recipient(text) || id_is_contact(text);
}

bool id_is_old_mailinglist(const char *text)
{
	return has_form(text, "ML_");
}

bool id_is_mailinglist(const char *text)
{
	return has_form(text, "CG_") || id_is_old_mailinglist(text);
}
