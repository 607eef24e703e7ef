/* doubts.c: which components of a path nobody has confirmed, and what is known not to exist. */
#include "waits.h"

#include <errno.h>

#include <qxfs/base/sys.h>

/* A file's own request tells whether its survey exists; but not what id a name has, nor in which
 * directory a mailing list is. */
static bool needs_list(enum list_id id)
{
	return list_row(id)->of || id == LIST_MAILINGLISTS;
}

int op_next_doubt(struct op *op)
{
	bool opens_file = op->verb != TREE_OPENDIR;
	int i = 0;

	pthread_mutex_lock(&op->tree->lock);
	for (; i < op->row->parts; i++) {
		enum list_id id = hole_list(hole_of_part(op->row, i));
		bool matters = opens_file ? needs_list(id) : id != LIST_NONE;
		if (matters && !op->asked[i] && !part_is_shown(op->tree, op->row, op->arg, i))
			break;
	}
	pthread_mutex_unlock(&op->tree->lock);
	return i;
}

bool op_is_known_missing(struct op *op)
{
	bool missing = false;

	pthread_mutex_lock(&op->tree->lock);
	for (int i = 0; i < op->row->parts; i++) {
		enum list_id id = hole_list(hole_of_part(op->row, i));
		missing = missing || (id != LIST_NONE && id != LIST_SURVEYS && op->asked[i] &&
		                      !part_is_shown(op->tree, op->row, op->arg, i));
	}
	pthread_mutex_unlock(&op->tree->lock);
	return missing;
}

void op_remember_missing(struct op *op)
{
	char id[ARG_MAX_BYTES];
	if (hole_of_part(op->row, 0) != HOLE_SURVEY && arg_part(op->arg, 0, id))
		tree_absent(op->tree, id);
}

/* A 404 of one response says nothing of its survey. */
void op_remember_absent(struct op *op)
{
	char id[ARG_MAX_BYTES];
	bool of_survey = op->step == OP_WANTS_DOCUMENT || op->row->parts == 1 ||
	                 op->row->source.kind == SOURCE_FORM;

	if (of_survey && hole_of_part(op->row, 0) == HOLE_SURVEY && arg_part(op->arg, 0, id))
		tree_absent(op->tree, id);
}

/* Its job goes on, so the board knows of no failure. */
void op_remember_gave_up(struct op *op, const struct qx_fail *fail)
{
	bool ours = fail->err == ETIMEDOUT && op->deadline_ms && sys_now_ms() >= op->deadline_ms;

	if (!ours || op->verb == TREE_OPENDIR)
		return;
	pthread_mutex_lock(&op->tree->lock);
	op->node->place->gave_up_s = sys_wall_s();
	pthread_mutex_unlock(&op->tree->lock);
}
