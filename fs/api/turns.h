/* turns.h: when each user was last served, for the round robin. Pure; one thread at a time. */
#ifndef QXFS_API_TURNS_H
#define QXFS_API_TURNS_H

#include <stdint.h>
#include <sys/types.h>

#define TURNS_USERS 64

struct turns { /* zeroed at first */
	struct {
		uid_t uid;
		uint64_t turn; /* 0: the place is free */
	} users[TURNS_USERS];
	uint64_t turn;
};

/* Grows with each turn; 0: never, or so long ago that it was forgotten. */
uint64_t turns_last(const struct turns *t, uid_t uid);
void turns_note(struct turns *t, uid_t uid);

#endif
