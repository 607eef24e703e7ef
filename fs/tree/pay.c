/* pay.c: what an open costs its caller of export_budget=. */
#include "waits.h"

#include <errno.h>
#include <string.h>

#include <qxfs/base/sys.h>

#include "visitors.h"

/* It was paid for when it was first tried, whoever waited for its end. To be refused is no try. */
static bool is_retry(struct tree *t, const struct recipe *export)
{
	struct board_failure last;

	return board_failure_of(jobs_board(t->jobs), export->subject, &last) &&
	       last.fail.err != EDQUOT;
}

/* A first export counts against the budget of who opens; who joins one that runs pays nothing, nor
 * who tries again what has failed, nor qxfs fetch. */
int op_pay(struct op *op)
{
	const struct recipe *export = &op->content.recipe;
	struct tree *t = op->tree;
	struct board_job running;
	struct qx_fail fail;

	if (export->kind == JOB_DERIVED)
		export = export->bases[0];
	if (export->kind != JOB_EXPORT || op->again || strcmp(op->who.program, "qxfs") == 0 ||
	    board_job_of(jobs_board(t->jobs), export->subject, &running) || is_retry(t, export))
		return 0;
	struct generation *gen = cache_find(t->config.cache, export->key);
	generation_unref(gen);
	int r = gen ? 0 : visitor_spend(t->visitors, &op->who, sys_now_ms(), &fail);
	if (r < 0)
		(void)board_failed(jobs_board(t->jobs), op->content.recipe.subject, &fail);
	return r;
}
