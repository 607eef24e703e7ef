/* live.c: see live.h. */
#include "live.h"

#include <errno.h>
#include <string.h>

#include <qxfs/api/paths.h>
#include <qxfs/base/sys.h>

int live_judge(const char *arg, struct qx_fail *fail)
{
	struct buf path = { 0 }, query = { 0 };

	int r = path_parse(arg, &path, &query, fail);
	buf_done(&path);
	buf_done(&query);
	return r;
}

/* The mode lets nobody else in; should a check of it ever be missing, this one is not. */
int live_admit(struct tree *t, const struct place *p, const struct tree_caller *who)
{
	struct qx_fail fail;
	struct buf subject = { 0 };

	if (!tree_is_owner(t, who->uid))
		return -EACCES;
	int r = live_judge(p->arg, &fail);
	if (r == 0)
		return -EAGAIN;
	node_subject(p->row, p->arg, &subject);
	(void)board_failed(jobs_board(t->jobs), buf_text(&subject), &fail);
	buf_done(&subject);
	return r;
}
