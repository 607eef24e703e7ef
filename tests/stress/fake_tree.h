/* fake_tree.h: tree.h implemented by a handful of files that become ready when told, for the tests
 * of front/.
 *
 *   /f0000 … /fNNNN   data files; an even number is served from an fd, an odd one from memory
 *   /big/             a folder of BIG_ENTRIES names of very different lengths
 *   /link             a symlink to f0000
 *
 * What a file holds is computed from its number and its version, so a reader can tell whether it
 * got one version, whole. Everything that is given out and taken back is counted.
 *
 * Threads: any. `done` comes from inside tree_wait, tree_cancel or fake_ready, or from the fake's
 * own jobs thread.
 */
#ifndef QXFS_TESTS_FAKE_TREE_H
#define QXFS_TESTS_FAKE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/tree/tree.h>

#define BIG_ENTRIES 3000
#define FAKE_ESTIMATE (4 << 20) /* size of a file that is not ready */

struct fake_config {
	unsigned files;
	double ttl_s;           /* of attributes of ready files, of all other entries */
	double file_name_ttl_s; /* of entries of files */
	/* Waits end by themselves, well or badly, at once or a few milliseconds later, on any
	 * thread: by dice from this seed. 0: they last until fake_ready, tree_cancel or tree_stop.
	 */
	uint64_t dice;
	unsigned touch_ms; /* how long a touch takes */
};

struct fake_counts {
	uint64_t lookups, forgets;
	uint64_t waits, dones, cancels;
	uint64_t handles, closes;
	uint64_t overlaps; /* forgets of more than was looked up, closes of what is not open … */
	unsigned waiting;  /* now */
	unsigned leaked;   /* retired nodes that nobody has open and that have lookups left */
};

struct tree *fake_new(const struct fake_config *config);
void fake_free(struct tree *t); /* stopped before */

/* The file's current node is complete: ends all waits for it. Its first open after this one finds
 * attributes changed if `attr_changed`. */
void fake_ready(struct tree *t, unsigned file, bool attr_changed);
/* The same with an error. The node stays as it is. */
void fake_fail(struct tree *t, unsigned file, int err);
/* A new node with the next version is the file's from now on. */
void fake_replace(struct tree *t, unsigned file);
unsigned fake_version(struct tree *t, unsigned file);
struct fake_counts fake_count(struct tree *t);
/* Waits at most `ms` until so many wait; the number then. */
unsigned fake_await(struct tree *t, unsigned waiting, unsigned ms);

/* The content of a version of a file. */
uint64_t fake_length(unsigned file, unsigned version);
char fake_byte(unsigned file, unsigned version, uint64_t off);

#endif
