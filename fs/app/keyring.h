/* keyring.h: the keyring of the desktop session (Secret Service: GNOME Keyring, KWallet,
 * KeePassXC), where qxfs was built with libsecret.
 *
 * An item is a secret of one profile at one host: who changes the profile's host does not send it
 * there. The library, its threads and its copies live in a child process, for the time that one
 * question takes; nothing is ever unlocked by us, so no question waits for a person.
 *
 * Threads: main only, before any other exists. Errors: negative errno with words and a remedy. */
#ifndef QXFS_APP_KEYRING_H
#define QXFS_APP_KEYRING_H

#include "keyring_service.h"

#include <qxfs/base/fail.h>

/* Can something be kept? -ENOSYS: built without; -ENOTCONN: none answers; -EACCES: it is locked. */
int keyring_probe(struct qx_fail *fail);
/* *ret is to be wiped. -ENOENT: it has no such item; else as above. */
int keyring_find(const struct keyring_item *item, char **ret, struct qx_fail *fail);
/* In place of that item; others of the profile stay, see keyring_forget. */
int keyring_keep(const struct keyring_item *item, const char *secret, struct qx_fail *fail);
/* It has nothing of that profile any more, if it answers, but that item; NULL: nothing at all. */
void keyring_forget(const char *profile, const struct keyring_item *but);

#endif
