/* crash.h: two processes work until a crash meets them, round after round.
 *
 * kill: SIGKILL at any moment, first the one, then the other. power: a small ext4 of our own,
 * root's alone, is shut down without its log being written, as by a power cut, and mounted again.
 */
#ifndef QXFS_TESTS_CRASH_H
#define QXFS_TESTS_CRASH_H

#include <stdbool.h>
#include <stdint.h>

struct crash_case {
	const char *name;
	int kill_rounds, power_rounds;
	unsigned most_steps;        /* how many the two take before a crash, at most */
	void (*child)(void);        /* works for ever; crash_stop where the disk fails */
	void (*check_beside)(void); /* one of the two was killed, the other goes on */
	bool (*check_all)(void);    /* both are dead; whether something half made was met */
};

/* The folder that the crashes leave behind. */
extern char crash_root[256];
/* Whether an error of the disk is what we made ourselves. */
extern bool crash_is_power;

/* Ends the test, and keeps the folder. */
__attribute__((format(printf, 1, 2), noreturn)) void crash_wrong(const char *format, ...);
/* Whether the power is being cut: what a call said since need not be so. An fdatasync that is under
 * way then may well return 0; the program of a true power cut is not there any more to believe it.
 */
bool crash_is_cut(void);
/* In a child: one more call has returned. */
void crash_step(void);
/* In a child: the disk answers with errors once it has been cut off. */
__attribute__((noreturn)) void crash_stop(const char *what, int err);
uint64_t crash_below(uint64_t limit);

int crash_main(const struct crash_case *c, int argc, char **argv);

#endif
