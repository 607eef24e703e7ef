/* spill.h: bytes that nobody shall find again: in memory while they are few, else in a file of the
 * cache's disk that has no name, and gone with the last reference, also after kill -9.
 *
 * Threads: written by one thread at a time; refs from any. What is written goes to spill_fd() from
 * wherever its owner likes, after spill_reserve has made sure of the room; a reader only preads.
 * Errors: negative errno.
 */
#ifndef QXFS_STORE_SPILL_H
#define QXFS_STORE_SPILL_H

#include <stdbool.h>
#include <stdint.h>

#include <qxfs/store/cache.h>

#define SPILL_MEMORY (1u << 20) /* bytes of one in memory */
#define SPILLS_IN_MEMORY 32     /* so many of a mount; more go to the disk at once */

struct spill;

/* Empty. May touch the disk. */
int spill_new(struct cache *c, struct spill **ret);
struct spill *spill_ref(struct spill *s);
void spill_unref(struct spill *s); /* NULL is fine */
/* The same number for the spill's whole life. */
int spill_fd(const struct spill *s);
/* No more than SPILL_MEMORY bytes may be written as long as this is so. */
bool spill_is_in_memory(const struct spill *s);
/* `upto` bytes may be written; moves to the disk what is too much for memory, and reserves room
 * there as draft_reserve does. The file's offset is lost. -ENOSPC. */
int spill_reserve(struct spill *s, uint64_t upto);

#endif
