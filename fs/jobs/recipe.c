/* recipe.c: a recipe of one's own: the strings of another, copied. */
#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool copy(const char *from, const char **to)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

int recipe_copy(const struct recipe *from, struct recipe *ret)
{
	struct recipe made = *from;
	bool good = copy(from->key, &made.key);

	good = copy(from->subject, &made.subject) && good;
	good = copy(from->query, &made.query) && good;
	good = copy(from->body, &made.body) && good;
	for (int i = 0; i < RECIPE_ARGS; i++)
		good = copy(from->args[i], &made.args[i]) && good;
	if (!good) {
		recipe_done(&made);
		return -ENOMEM;
	}
	*ret = made;
	return 0;
}

void recipe_done(struct recipe *r)
{
	free((char *)(uintptr_t)r->key); /* our own copies: const only for who reads them */
	free((char *)(uintptr_t)r->subject);
	free((char *)(uintptr_t)r->query);
	free((char *)(uintptr_t)r->body);
	for (int i = 0; i < RECIPE_ARGS; i++)
		free((char *)(uintptr_t)r->args[i]);
}
