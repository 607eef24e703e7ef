/* desktop_words.h: what a notification says. Pure. */
#ifndef QXFS_APP_DESKTOP_WORDS_H
#define QXFS_APP_DESKTOP_WORDS_H

#include <qxfs/base/events.h>

#include "desktop_service.h"

/* Of one file, for the events of waits. Names come from the service: what no line of text may hold
 * is replaced, and they are cut. */
void desktop_say(const struct event *event, struct desktop_note *ret);

/* Those without a notification of their own. */
struct desktop_rest {
	unsigned waiting, over, failed;
};
void desktop_say_rest(const struct desktop_rest *rest, struct desktop_note *ret);

#endif
