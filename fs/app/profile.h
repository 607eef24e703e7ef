/* profile.h: accounts that a person has named: ~/.config/qxfs/config, an INI file.
 *
 *     [work]
 *     host = fra1.qualtrics.com
 *     token = …                 or token_file = FILE, or token_command = COMMAND
 *     options = csv_bom,fresh=600
 *
 * The file is its owner's alone, else it is refused. Threads: main only. */
#ifndef QXFS_APP_PROFILE_H
#define QXFS_APP_PROFILE_H

#include <stdbool.h>

#include <qxfs/base/fail.h>

#define PROFILE_DEFAULT "default"

struct profile {
	bool found;
	char *host;
	char *token, *token_file, *token_command; /* one of them, or none */
	char *options;                            /* as behind -o; NULL: none */
};

/* name NULL: the one called "default", which need not be there. -ENOENT, -EPERM, -EINVAL with words
 * and a remedy. profile_done() in any case. */
int profile_read(const char *name, struct profile *ret, struct qx_fail *fail);
void profile_done(struct profile *p); /* wipes the token; accepts zeroed memory */

/* What the command prints on its first line, run by /bin/sh with nothing on its standard input; it
 * has a minute. wipe what is in *ret. -ETIMEDOUT, -EINVAL, with words. */
int profile_run_command(const char *command, char **ret, struct qx_fail *fail);

#endif
