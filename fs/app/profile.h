/* profile.h: accounts that a person has named: ~/.config/qxfs/config, an INI file.
 *
 *     [work]
 *     host = fra1.qualtrics.com
 *     token = …                 or token_file = FILE, or token_command = COMMAND, or those of an
 *     client_id = …             OAuth 2 client: client_secret, and scope if it has one; none of
 *                               them, or no client_secret: the keyring has it
 *     options = csv_bom,fresh=600
 *     on_event = COMMAND          see on_event.h
 *
 * The file is its owner's alone, else it is refused. Threads: main only. */
#ifndef QXFS_APP_PROFILE_H
#define QXFS_APP_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>

#define PROFILE_DEFAULT "default"

struct profile {
	bool found;
	char *name; /* of a found one */
	char *host;
	char *token, *token_file, *token_command; /* one of them, or none */
	char *client_id, *client_secret, *scope;  /* in their place */
	char *on_event;                           /* NULL: none */
	char *options;                            /* as behind -o; NULL: none */
};

/* The settings, a row each: the NULL behind the last ends a loop over them. */
struct profile_key {
	const char *name;
	size_t where;  /* in struct profile */
	bool by_login; /* it is what login keeps, or replaces */
};
const struct profile_key *profile_key(size_t i);
char **profile_field(struct profile *p, const struct profile_key *key);

/* name NULL: the one called "default", which need not be there. -ENOENT, -EPERM, -EINVAL with words
 * and a remedy. profile_done() in any case. */
int profile_read(const char *name, struct profile *ret, struct qx_fail *fail);
void profile_done(struct profile *p); /* wipes the token; accepts zeroed memory */

/* profile_write.c: has what `given` has by login in the section `name`, in place of what it had of
 * that; the rest of the file stays. Makes folder, file and section where they are missing.
 * *ret_path: the file, to be freed. -errno with words: nothing is changed. */
int profile_write(const char *name, struct profile *given, char **ret_path, struct qx_fail *fail);
/* Letters, digits, '.', '_' and '-': what is neither a path nor a flag. */
bool profile_is_name(const char *name);
/* For profile_write.c. */
char *profile_path(void); /* NULL: there is no home */
/* *ret is wiped and freed by the caller. -ENOENT without words: there is none. */
int profile_read_text(const char *path, char **ret, struct qx_fail *fail);
int profile_parse(const char *text, const char *path, const char *name, struct profile *ret,
                  struct qx_fail *fail);

/* What the command prints on its first line, run by /bin/sh with nothing on its standard input; it
 * has a minute. wipe what is in *ret. -ETIMEDOUT, -EINVAL, with words. */
int profile_run_command(const char *command, char **ret, struct qx_fail *fail);

#endif
