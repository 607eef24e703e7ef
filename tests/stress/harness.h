/* harness.h: a real mount over the fake tree, in this process, used by remotes.
 *
 * SKIP (77) without /dev/fuse or the right to mount. Whatever ends the program, the mount goes too.
 */
#ifndef QXFS_TESTS_HARNESS_H
#define QXFS_TESTS_HARNESS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_tree.h"
#include "remote.h"
#include <qxfs/front/session.h>

#define CHECK(fact) harness_check((fact), #fact, __FILE__, __LINE__)
#define CHECK_EQ(a, b) harness_equal((int64_t)(a), (int64_t)(b), #a " == " #b, __FILE__, __LINE__)

void harness_check(bool fact, const char *text, const char *file, int line);
void harness_equal(int64_t a, int64_t b, const char *text, const char *file, int line);

struct mount {
	struct tree *tree;
	struct session *session;
};

struct scenario {
	const char *name;
	void (*run)(void);
};

/* Detaches what is mounted there, if anything is, and removes the folder. Async-signal-safe. */
void harness_unmount(const char *dir);

/* Where each scenario may mount, below TMPDIR; empty between them. */
extern char harness_dir[128];

/* Runs those whose name contains argv[1], or all. Also main() of the remotes. */
int harness_main(int argc, char **argv, const struct scenario *scenarios);

void mount_up(struct mount *m, const struct fake_config *config);
/* Ends the session if that was not done, and checks that all was given back exactly once. */
void mount_down(struct mount *m);
/* tree_stop, session_close, session_free. */
void mount_close(struct mount *m);

struct remote remote_new(void);
/* Opens a path; the fd or -errno. */
int64_t remote_open(struct remote *r, const char *path);
void remote_send_open(struct remote *r, const char *path);
void remote_close(struct remote *r, int64_t fd);

uint64_t now_us(void);
void pause_ms(unsigned ms);
unsigned thread_count(void);

#endif
