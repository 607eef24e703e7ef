/* desktop_service.h: libnotify, in a child process of the mount: desktop.c starts this program
 * again with DESKTOP_WORD, hands it the notes on its standard input, a datagram each, and closes
 * that when it is to end. desktop_none.c is in its place where qxfs was built without. */
#ifndef QXFS_APP_DESKTOP_SERVICE_H
#define QXFS_APP_DESKTOP_SERVICE_H

#include <stdbool.h>

#define DESKTOP_WORD "--desktop-notices" /* not for people */
#define DESKTOP_SLOTS 4                  /* notifications at once */

enum desktop_verb { DESKTOP_SHOW, DESKTOP_END, DESKTOP_CLOSE };

/* From the same binary. Texts are UTF-8 without control characters, and plain: a server may read
 * markup in the body, which is escaped there. */
struct desktop_note {
	unsigned slot;          /* what was shown in it before is replaced */
	enum desktop_verb verb; /* END: the last of its wait; CLOSE: nothing is to be seen any more
	                         */
	bool failed;
	char title[80];
	char body[1200];
};

bool desktop_is_built(void);
/* Shows what comes until the other end is closed. The exit status. */
int desktop_serve(void);

#endif
