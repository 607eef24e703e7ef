/* zone_names.c: the names of this machine's time zones, for a name that is none. Read anew each
 * time: a person has made a mistake, and is about to be told. */
#include <qxfs/base/zone.h>

#include <qxfs/base/nearest.h>
#include <qxfs/base/sys.h>

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONES "/usr/share/zoneinfo"
#define DEPTH 3 /* America/Argentina/Buenos_Aires */
#define NAMES_MAX 4096

struct names {
	char *at[NAMES_MAX];
	size_t count;
};

static void collect(struct names *names, const char *below, int depth)
{
	char path[256], name[ZONE_NAME_BYTES];

	(void)snprintf(path, sizeof(path), ZONES "/%s", below);
	DIR *dir = opendir(path);
	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		int len = snprintf(name, sizeof(name), "%s%s%s", below, *below ? "/" : "",
		                   entry->d_name);
		/* Other files of the database, and copies of it, begin with a small letter. */
		if (!isupper((unsigned char)entry->d_name[0]) || len < 0 ||
		    (size_t)len >= sizeof(name))
			continue;
		if (entry->d_type == DT_DIR && depth > 1)
			collect(names, name, depth - 1);
		else if (entry->d_type != DT_DIR && names->count < NAMES_MAX &&
		         (names->at[names->count] = strdup(name)))
			names->count++;
	}
	if (dir)
		closedir(dir);
}

/* "Berlin" means the zone whose last part is most like it. */
static const char *nearest_town(const struct names *names, const char *name)
{
	const char **towns = calloc(names->count + 1, sizeof(*towns));
	const char *found = NULL;

	for (size_t i = 0; towns && i < names->count; i++) {
		const char *slash = strrchr(names->at[i], '/');
		towns[i] = slash ? slash + 1 : names->at[i];
	}
	const char *town = towns ? nearest_of(name, towns, names->count) : NULL;
	for (size_t i = 0; town && !found; i++)
		if (towns[i] == town)
			found = names->at[i];
	free(towns);
	return found;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void zone_nearest(const char *name, char ret[ZONE_NAME_BYTES], bool *ret_none)
{
	struct names *names = calloc(1, sizeof(*names));
	const char *found = NULL;

	*ret_none = false;
	if (names) {
		collect(names, "", DEPTH);
		qsort(names->at, names->count, sizeof(names->at[0]), by_text);
		*ret_none = names->count == 0;
		found = nearest_of(name, (const char *const *)names->at, names->count);
		if (!found)
			found = nearest_town(names, name);
	}
	(void)snprintf(ret, ZONE_NAME_BYTES, "%s", found ? found : "");
	for (size_t i = 0; names && i < names->count; i++)
		free(names->at[i]);
	free(names);
}
