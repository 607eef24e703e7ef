/* places.c: where cache and state live. */
#include "places.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place {
	const char *variable; /* the base folder, if absolute (XDG base directories) */
	const char *below_home;
	const char *of_system; /* of root, when nobody's home is known */
};

static const struct place cache_place = { "XDG_CACHE_HOME", ".cache", "/var/cache" };
static const struct place state_place = { "XDG_STATE_HOME", ".local/state", "/var/lib" };

static const char *absolute(const char *path)
{
	return path && path[0] == '/' ? path : NULL;
}

static const char *home(void)
{
	const char *dir = absolute(getenv("HOME"));

	if (dir || geteuid() == 0)
		return dir;
	const struct passwd *user = getpwuid(geteuid());
	return user ? absolute(user->pw_dir) : NULL;
}

static int find(const struct place *place, const char *option, char **ret, struct qx_fail *fail)
{
	const char *base = absolute(getenv(place->variable));
	int len;

	if (option) {
		*ret = strdup(option);
		len = *ret ? 0 : -1;
	} else if (base) {
		len = asprintf(ret, "%s/qxfs", base);
	} else if (home()) {
		len = asprintf(ret, "%s/%s/qxfs", home(), place->below_home);
	} else if (geteuid() == 0) {
		len = asprintf(ret, "%s/qxfs", place->of_system);
	} else {
		int r = fail_set(fail, ENOENT, "no home folder is known to keep files in");
		fail_remedy(fail, "Set HOME, or -o cache_dir=DIR,state_dir=DIR");
		return r;
	}
	if (len < 0) {
		*ret = NULL;
		return fail_set(fail, ENOMEM, "there is no memory left");
	}
	return 0;
}

int places_find(const char *cache_dir, const char *state_dir, struct places *ret,
                struct qx_fail *fail)
{
	struct places found = { 0 };
	struct qx_fail ignored;

	int r = find(&cache_place, cache_dir, &found.cache, fail);
	if (r == 0)
		r = find(&state_place, state_dir, &found.state, fail);
	if (r < 0) {
		places_done(&found);
		return r;
	}
	if (find(&state_place, NULL, &found.usual, &ignored) < 0)
		found.usual = NULL;
	*ret = found;
	return 0;
}

void places_done(struct places *p)
{
	free(p->cache);
	free(p->state);
	free(p->usual);
	*p = (struct places){ 0 };
}
