/* paths.c: the paths behind a subcommand's name; a folder stands for the files in it. */
#include "paths.h"

#include "say.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool add(struct paths *p, const char *path)
{
	char **list = reallocarray(p->list, p->n + 1, sizeof(*list));

	if (list)
		p->list = list;
	char *copy = list ? strdup(path) : NULL;
	if (!copy) {
		say("there is no memory left");
		return false;
	}
	p->list[p->n++] = copy;
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_folder(struct paths *p, const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *e;
	size_t first = p->n;
	bool good = dir;

	if (!dir)
		say("%s: %s", folder, strerror(errno));
	while (good && (e = readdir(dir))) {
		char *path = NULL;
		if (e->d_type != DT_REG)
			continue;
		if (asprintf(&path, "%s/%s", folder, e->d_name) < 0)
			path = NULL;
		good = path && add(p, path);
		free(path);
	}
	if (dir)
		closedir(dir);
	if (p->n > first)
		qsort(p->list + first, p->n - first, sizeof(*p->list), by_name);
	return good;
}

/* Where the paths begin; -1 after a sentence. */
static int first_path(int argc, char *const argv[], const char *name)
{
	int i = argc > 0 && strcmp(argv[0], "--") == 0 ? 1 : 0;

	if (i == argc) {
		say("which files? qxfs %s PATH...", name);
		return -1;
	}
	if (i == 0 && argv[0][0] == '-') {
		say("there is no flag '%s' here; 'qxfs --help' lists them", argv[0]);
		return -1;
	}
	return i;
}

int paths_each(int argc, char *const argv[], const char *name, int (*run)(const char *path))
{
	int status = STATUS_OK, i = first_path(argc, argv, name);

	if (i < 0)
		return STATUS_REFUSED;
	for (; i < argc; i++) {
		int one = run(argv[i]);
		status = one > status ? one : status;
	}
	return status;
}

bool paths_take(int argc, char *const argv[], const char *name, struct paths *ret)
{
	struct stat st;
	int i = first_path(argc, argv, name);
	bool good = i >= 0;

	*ret = (struct paths){ 0 };
	for (; good && i < argc; i++)
		good = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? add_folder(ret, argv[i])
		                                                      : add(ret, argv[i]);
	return good;
}

void paths_done(struct paths *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->list[i]);
	free(p->list);
	*p = (struct paths){ 0 };
}
