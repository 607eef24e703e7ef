/* turns.c: see turns.h. */
#include "turns.h"

#include <qxfs/base/sys.h>

uint64_t turns_last(const struct turns *t, uid_t uid)
{
	for (size_t i = 0; i < countof(t->users); i++)
		if (t->users[i].turn && t->users[i].uid == uid)
			return t->users[i].turn;
	return 0;
}

/* Without a place of its own, that of who was served longest ago, or a free one: to forget it is
 * harmless. */
void turns_note(struct turns *t, uid_t uid)
{
	size_t place = 0;

	for (size_t i = 0; i < countof(t->users); i++) {
		if (t->users[i].turn && t->users[i].uid == uid) {
			place = i;
			break;
		}
		if (t->users[i].turn < t->users[place].turn)
			place = i;
	}
	t->users[place].uid = uid;
	t->users[place].turn = ++t->turn;
}
