/* nearest.h: what a person probably meant. Pure; any thread. */
#ifndef QXFS_BASE_NEAREST_H
#define QXFS_BASE_NEAREST_H

#include <stddef.h>

/* The candidate most like `word`, in whatever case; NULL when none is near. `name_at` gives the
 * i-th, NULL at the end. */
const char *nearest(const char *word, const char *(*name_at)(size_t i));
/* The same with the names at hand. */
const char *nearest_of(const char *word, const char *const names[], size_t count);

/* How many letters must be put in, left out or changed, whatever their case (Levenshtein's
 * distance); SIZE_MAX: b has over 64. */
size_t letters_apart(const char *a, const char *b);

#endif
