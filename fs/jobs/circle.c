/* circle.c: a set of 64-bit hashes: ten thousand pages are not compared with each other. */
#include "circle.h"

#include <stdlib.h>

#include <qxfs/base/hash.h>

#define FIRST_SIZE 64 /* a power of two */

static bool put(uint64_t *seen, size_t size, uint64_t hash)
{
	size_t at = (size_t)hash & (size - 1);
	while (seen[at] && seen[at] != hash)
		at = (at + 1) & (size - 1);
	bool fresh = !seen[at];
	seen[at] = hash;
	return fresh;
}

static bool grow(struct circle *c)
{
	size_t size = c->size ? 2 * c->size : FIRST_SIZE;
	uint64_t *seen = calloc(size, sizeof(*seen));
	if (!seen)
		return false;
	for (size_t i = 0; i < c->size; i++)
		if (c->seen[i])
			(void)put(seen, size, c->seen[i]); /* each is there once */
	free(c->seen);
	c->seen = seen;
	c->size = size;
	return true;
}

bool circle_enter(struct circle *c, const char *url)
{
	const char *const parts[] = { url, NULL };
	uint64_t hash = hash_u64(parts);

	if (2 * c->n >= c->size && !grow(c))
		return false;
	if (!put(c->seen, c->size, hash ? hash : 1))
		return false;
	c->n++;
	return true;
}

void circle_done(struct circle *c)
{
	free(c->seen);
	*c = (struct circle){ 0 };
}
