/* recipe.c: a recipe of one's own: the strings of another, copied. */
#include "recipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool copy(const char *from, const char **to)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

static bool copy_base(const struct recipe *from, const struct recipe **to)
{
	struct recipe *made = NULL;
	*to = NULL;
	if (!from)
		return true;
	made = calloc(1, sizeof(*made));
	if (!made || recipe_copy(from, made) < 0) {
		free(made);
		return false;
	}
	*to = made;
	return true;
}

int recipe_copy(const struct recipe *from, struct recipe *ret)
{
	struct recipe made = *from;
	bool good = copy(from->key, &made.key);

	good = copy(from->subject, &made.subject) && good;
	good = copy(from->query, &made.query) && good;
	good = copy(from->body, &made.body) && good;
	good = copy(from->pick, &made.pick) && good;
	for (int i = 0; i < RECIPE_ARGS; i++)
		good = copy(from->args[i], &made.args[i]) && good;
	for (int i = 0; i < RECIPE_BASES; i++)
		good = copy_base(from->bases[i], &made.bases[i]) && good;
	if (!good) {
		recipe_done(&made);
		return -ENOMEM;
	}
	*ret = made;
	return 0;
}

/* Our own copies are const only for who reads them. */
static void drop(const char *text)
{
	union {
		const char *theirs;
		char *ours;
	} u = { .theirs = text };
	free(u.ours);
}

void recipe_done(struct recipe *r)
{
	drop(r->key);
	drop(r->subject);
	drop(r->query);
	drop(r->body);
	drop(r->pick);
	for (int i = 0; i < RECIPE_ARGS; i++)
		drop(r->args[i]);
	for (int i = 0; i < RECIPE_BASES; i++) {
		union {
			const struct recipe *theirs;
			struct recipe *ours;
		} base = { .theirs = r->bases[i] };
		if (base.ours)
			recipe_done(base.ours);
		free(base.ours);
	}
}

/* Behind a '?' stand people's words, which may name people. */
int recipe_logged(const struct recipe *r)
{
	int len = (int)strcspn(r->subject, "?");
	return r->logged && r->logged < len ? r->logged : len;
}
