/* paths.h: the paths behind a subcommand's name. Threads: main only. */
#ifndef QXFS_APP_PATHS_H
#define QXFS_APP_PATHS_H

#include <stdbool.h>
#include <stddef.h>

struct paths {
	char **list; /* malloc'ed, each too */
	size_t n;
};

/* `run` for each of them; the highest status, or STATUS_REFUSED after a sentence if there is none
 * or a flag is no flag. `name`: of the command. */
int paths_each(int argc, char *const argv[], const char *name, int (*run)(const char *path));
/* Of a folder, the files that ls shows in it. False after a sentence, likewise.
 * paths_done() in any case. */
bool paths_take(int argc, char *const argv[], const char *name, struct paths *ret);
void paths_done(struct paths *p);

#endif
