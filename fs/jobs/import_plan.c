/* import_plan.c: rows are put into the last part while there is room. */
#include "import_plan.h"

#include <stdlib.h>

static enum plan_fault begin_part(struct plan *p, uint64_t from)
{
	if (p->n == p->max_parts)
		return PLAN_TOO_MANY;
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 8;
		struct part *more = reallocarray(p->parts, cap, sizeof(*more));
		if (!more)
			return PLAN_NO_MEMORY;
		p->parts = more;
		p->cap = cap;
	}
	p->parts[p->n] = (struct part){
		.n = (uint32_t)p->n, .state = PART_WAITING, .first_row = p->rows + 1, .from = from
	};
	p->n++;
	p->bytes = p->frame;
	return PLAN_FINE;
}

enum plan_fault plan_add(struct plan *p, uint64_t from, size_t bytes)
{
	struct part *last = p->n > 0 ? &p->parts[p->n - 1] : NULL;
	size_t room = last && p->bytes < p->max_bytes ? p->max_bytes - p->bytes : 0;

	if (p->frame > p->max_bytes || bytes > p->max_bytes - p->frame)
		return PLAN_ROW_TOO_LARGE;
	if (!last || (p->max_rows && last->rows == p->max_rows) || bytes + p->between > room) {
		enum plan_fault fault = begin_part(p, from);
		if (fault != PLAN_FINE)
			return fault;
		last = &p->parts[p->n - 1];
		p->bytes += bytes;
	} else {
		p->bytes += p->between + bytes;
	}
	last->rows++;
	p->rows++;
	return PLAN_FINE;
}

void plan_end(struct plan *p, uint64_t size, bool apart)
{
	for (size_t i = 0; i < p->n; i++)
		p->parts[i].to = apart && i + 1 < p->n ? p->parts[i + 1].from : size;
}
