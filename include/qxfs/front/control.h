/* control.h: the one ioctl by which subcommands reach the daemon, on the mount's root folder.
 *
 * Shared by front/ (the daemon) and app/ (the commands): a fixed struct each way, because a
 * restricted FUSE ioctl carries at most 16 kB. A longer answer is fetched in pieces: ask again with
 * the next offset; `total` says how long it is. The answer is JSON. Only the owner of the mount and
 * root may.
 */
#ifndef QXFS_FRONT_CONTROL_H
#define QXFS_FRONT_CONTROL_H

#include <stdint.h>
#include <sys/ioctl.h>

#define CONTROL_VERSION 1
#define CONTROL_PIECE 11000

enum control_verb {
	CONTROL_STATUS = 1,
	CONTROL_WHY = 2,
	CONTROL_IMPORT = 3,  /* what became of a submission, or of all in a folder */
	CONTROL_SEND = 4,    /* it is sent, whatever held it */
	CONTROL_DISCARD = 5, /* it is dropped; nothing is taken back from the account */
	CONTROL_HURRY = 6,   /* as CONTROL_IMPORT, and it need not wait any longer */
	CONTROL_REFRESH = 7, /* the file's next open is a full export, or fetches it anew */
	CONTROL_FORGET = 8   /* nothing of it is on this disk any more */
};

struct control {
	/* in */
	uint32_t version;
	uint32_t verb;
	uint32_t offset; /* of the piece of the answer that is wanted */
	uint32_t reserved;
	char path[4096]; /* relative to the mount's root, NUL-terminated */
	/* out */
	uint32_t total; /* length of the whole answer */
	uint32_t len;   /* of this piece */
	char piece[CONTROL_PIECE];
};

#define CONTROL_IOCTL _IOWR('Q', 1, struct control)

#endif
