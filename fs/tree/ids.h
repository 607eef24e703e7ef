/* ids.h: ids as the service makes them (API.md 7.1). Ours may be a little wider: the service is
 * asked. Pure; any thread. */
#ifndef QXFS_TREE_IDS_H
#define QXFS_TREE_IDS_H

#include <stdbool.h>

bool id_is_survey(const char *text);
bool id_is_response(const char *text);
bool id_is_directory(const char *text);
bool id_is_contact(const char *text);
/* A contact in one mailing list. */
bool id_is_recipient(const char *text);
/* Either. */
bool id_is_member(const char *text);
bool id_is_mailinglist(const char *text);
/* A mailing list of an account without XM Directory. */
bool id_is_old_mailinglist(const char *text);

#endif
