/* circle.h: has this page been asked for? Pages that lead in a circle would never end. */
#ifndef QXFS_JOBS_CIRCLE_H
#define QXFS_JOBS_CIRCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: empty. One thread at a time. */
struct circle {
	uint64_t *seen; /* an open hash table; 0: free */
	size_t size, n;
};

/* Notes the address; false if it was noted before, or without memory. */
bool circle_enter(struct circle *c, const char *url);
void circle_done(struct circle *c);

#endif
