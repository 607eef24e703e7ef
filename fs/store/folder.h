/* folder.h: the names in a folder, and what crashes left there. Private to store/. */
#ifndef QXFS_STORE_FOLDER_H
#define QXFS_STORE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#define FOLDER_NAME_SIZE 80 /* longer names are nobody's here and are left out */

struct folder {
	char (*names)[FOLDER_NAME_SIZE]; /* sorted bytewise */
	size_t count;
	size_t cap;
};

/* Reads the names, "." and ".." left out. A name of `at` itself is ".". */
int folder_read(int at, const char *name, struct folder *ret);
void folder_done(struct folder *f);

/* Removes the temporary files that a crash inside sys_write_file_at left. A file that is being
 * written has no lock, so only its age tells: an hour is longer than any disk's worst fsync. */
void folder_remove_temps(int at, const char *name);

/* Removes everything in it, but for `keep` (NULL: nothing is kept) at its top. Follows no link. */
int folder_empty(int at, const char *name, const char *keep);

#endif
