/* gate.h: after a 401 nothing goes out but one probe a minute. Pure: times are given.
 *
 *     open ──401──► closed ──the first call a minute later──► closed, with a probe under way
 *       ▲                                                        │ 401: closed for another minute
 *       └──────────────────────── it succeeds ───────────────────┘
 *
 * Doubted, it begins as after a refusal that an earlier mount was told of: what is cached is not to
 * be had, but calls go out, and the first answer decides.
 */
#ifndef QXFS_API_GATE_H
#define QXFS_API_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include <qxfs/base/fail.h>

struct gate {
	bool closed;
	bool doubted;      /* closed, but calls may go out */
	int64_t closed_ms; /* when the refusal came */
	int64_t probe_ms;  /* from when on one call may pass */
	struct qx_fail fail;
};

void gate_doubt(struct gate *g); /* before the first call */
/* May a new call go out? When it may although the gate is closed, it is the probe. */
bool gate_pass(struct gate *g, int64_t now_ms);
/* May a call that passed before, and whose first attempt went out at first_ms, try again? */
bool gate_pass_again(const struct gate *g, int64_t first_ms);
void gate_refused(struct gate *g, int64_t now_ms, const struct qx_fail *fail);
/* The moments above are meant while the machine is awake, as the calls' are. */
void gate_slept(struct gate *g, int64_t slept_ms, int64_t now_ms);
/* A success of a call that was already under way when the refusal came says nothing. */
void gate_succeeded(struct gate *g, int64_t first_ms);

#endif
