/* remote.h: a process that uses the mount on the test's behalf.
 *
 * The test serves the mount, so it must not touch it: one killed in the middle of its own request
 * can never end. It asks a remote instead, which is the same program started with --remote.
 * A request is sent and its answer taken separately, so that a remote may wait in an open().
 */
#ifndef QXFS_TESTS_REMOTE_H
#define QXFS_TESTS_REMOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum remote_verb {
	REMOTE_OPEN,   /* path, flags -> ret fd */
	REMOTE_CLOSE,  /* fd */
	REMOTE_CHECK,  /* fd, file, n bytes from off: ret = bytes read, or -EILSEQ; version */
	REMOTE_STAT,   /* path -> size, ino, mode, us */
	REMOTE_FSTAT,  /* fd -> size, ino, mode */
	REMOTE_LIST,   /* path, flags: 1 stats each -> ret entries, size = sum of name lengths */
	REMOTE_DO,     /* one of `deeds` by number in flags, on path: ret 0 or -errno */
	REMOTE_IOCTL,  /* fd, flags = verb, n = offset, path -> ret, size = total, ino = len */
	REMOTE_STATFS, /* path -> size = blocks, ino = bavail, ret = namemax */
	REMOTE_TIMER,  /* n ms, 0: off: SIGALRM again and again, to a handler with SA_RESTART */
	REMOTE_CROWD,  /* n threads, thread i opens file `file` + i: crowd */
	REMOTE_HAMMER, /* n threads, `off` ms long, files below `file`, seed in flags: crowd */
};

/* What REMOTE_DO does. */
enum deed {
	DEED_CREATE,
	DEED_MKDIR,
	DEED_MKNOD,
	DEED_SYMLINK,
	DEED_LINK,
	DEED_UNLINK,
	DEED_RMDIR,
	DEED_RENAME,
	DEED_CHMOD,
	DEED_CHOWN,
	DEED_TRUNCATE,
	DEED_TOUCH,
	DEED_TOUCH_ATIME,
	DEED_GETXATTR,
	DEED_READLINK, /* 0 if it leads to f0000 */
	DEED_TCGETS,
	DEED_BE_NOBODY,
	DEED_BE_ROOT,
};

struct ask {
	enum remote_verb verb;
	int fd;
	int flags;
	unsigned file;
	uint64_t off, n;
	char path[256]; /* relative to the mount */
};

struct crowd {
	uint64_t tries, opened, interrupted, failed; /* failed: EIO */
	uint64_t strange;                            /* anything else; the last errno in `err` */
	uint64_t wrong;                              /* files with wrong bytes */
	uint64_t signals;
	int err;
};

struct told {
	int64_t ret; /* or -errno */
	uint64_t size, ino, mode;
	uint64_t us;      /* how long it took */
	unsigned version; /* of the bytes */
	struct crowd crowd;
};

struct remote {
	pid_t pid;
	int sock;
};

/* `mount`: where it is or will be. */
int remote_start(const char *mount, struct remote *ret);
void remote_send(struct remote *r, const struct ask *ask);
/* False: no answer within `ms`. */
bool remote_take(struct remote *r, struct told *ret, int ms);
/* Both; one without an answer for 20 s ends the test. */
struct told remote_ask(struct remote *r, const struct ask *ask);
void remote_end(struct remote *r);

/* main() of the remote. */
int remote_main(const char *mount);

#endif
