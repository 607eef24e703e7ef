/* gate.c: one probe a minute while the token is refused. */
#include "gate.h"

#define PROBE_EVERY_MS 60000

void gate_doubt(struct gate *g)
{
	g->closed = g->doubted = true;
}

bool gate_pass(struct gate *g, int64_t now_ms)
{
	if (!g->closed || g->doubted)
		return true;
	if (now_ms < g->probe_ms)
		return false;
	g->probe_ms = now_ms + PROBE_EVERY_MS;
	return true;
}

bool gate_pass_again(const struct gate *g, int64_t first_ms)
{
	return !g->closed || g->doubted || first_ms > g->closed_ms;
}

void gate_refused(struct gate *g, int64_t now_ms, const struct qx_fail *fail)
{
	g->fail = *fail;
	if (g->closed && !g->doubted)
		return;
	g->closed = true;
	g->doubted = false;
	g->closed_ms = now_ms;
	g->probe_ms = now_ms + PROBE_EVERY_MS;
}

void gate_slept(struct gate *g, int64_t slept_ms, int64_t now_ms)
{
	if (!g->closed || g->doubted)
		return;
	g->closed_ms = g->closed_ms + slept_ms < now_ms ? g->closed_ms + slept_ms : now_ms;
	g->probe_ms = now_ms; /* who wakes it wants to know */
}

void gate_succeeded(struct gate *g, int64_t first_ms)
{
	if (gate_pass_again(g, first_ms))
		g->closed = g->doubted = false;
}
