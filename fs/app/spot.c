/* spot.c: which mount holds a path. */
#include "spot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void spot_done(struct spot *s)
{
	mounts_done(&s->mounts);
	free(s->path);
}

int find_spot(const char *given, struct spot *s, struct qx_fail *fail)
{
	*s = (struct spot){ 0 };
	int r = mounts_read(&s->mounts);
	if (r == 0)
		r = mounts_resolve(&s->mounts, given, &s->path);
	if (r < 0)
		return fail_set(fail, -r, "no such place (%s): %s", strerror(-r), given);
	s->mount = mounts_holding(&s->mounts, s->path);
	if (!mount_is_qxfs(s->mount)) {
		r = fail_set(fail, EINVAL, "%s lies in no qxfs mount", s->path);
		fail_remedy(fail, "'qxfs status' lists those of this machine");
		return r;
	}
	s->below = s->path + strlen(s->mount->point);
	s->below += *s->below == '/';
	return 0;
}
