/* commands.h: the subcommands that speak to a running mount. Each takes the arguments behind its
 * name and returns the exit status; it has said why when that is not 0. Threads: main only. */
#ifndef QXFS_APP_COMMANDS_H
#define QXFS_APP_COMMANDS_H

#include <stdbool.h>

#include <qxfs/base/buf.h>

int command_umount(int argc, char *const argv[]);
int command_why(int argc, char *const argv[]);

/* For the commands: one path at most (NULL: none), and flags up to one without a word. False after
 * a sentence. */
struct flag {
	const char *word;
	bool *set;
};
bool take_flag(const char *word, const struct flag *flags);
bool take_arguments(int argc, char *const argv[], const struct flag *flags, const char **ret_path);
/* To standard output; the exit status. */
int print(const struct buf *text);

/* status_command.c */
int command_status(int argc, char *const argv[]);

/* doctor.c */
int command_doctor(int argc, char *const argv[]);

/* file_commands.c */
int command_fetch(int argc, char *const argv[]);
int command_refresh(int argc, char *const argv[]);
int command_forget(int argc, char *const argv[]);

/* import_commands.c */
int command_wait(int argc, char *const argv[]);
int command_send(int argc, char *const argv[]);
int command_discard(int argc, char *const argv[]);

#endif
