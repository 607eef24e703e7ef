/* drop.h: a file in an import folder that somebody writes: what the files of drops share. */
#ifndef QXFS_JOBS_DROP_H
#define QXFS_JOBS_DROP_H

#include <pthread.h>

#include <qxfs/base/hash.h>
#include <qxfs/jobs/drops.h>

struct drop {
	struct drop *next; /* guarded by drops.lock */
	struct drops *drops;
	int64_t id;
	unsigned refs, writers; /* guarded by drops.lock */

	pthread_mutex_t lock; /* the rest */
	bool armed;           /* the journal knows that it is not whole */
	bool touched;         /* changed since it was opened: its state is to be decided */
	bool dirty;           /* since the last flush */
	bool killed;          /* by the last flush: its program was being ended */
	int lost_err;         /* a write failed and was not repeated: -ENOSPC …, or 0 … */
	uint64_t lost_at;     /* … of the byte there */
	uint64_t room;        /* so much may be written before the disk is asked again */

	bool in_order; /* bytes 0 to fed went to judge and digest */
	uint64_t fed;
	struct judge *judge; /* NULL: none yet, or it is no submission */
	struct digest *digest;
	struct verdict verdict;
	bool judged; /* verdict is of the present bytes and the present name */
};

struct drop_handle {
	struct drop *drop; /* NULL: for reading */
	int fd;
	pid_t opener;
};

/* What the journal could not be told: its disk is full. */
struct undecided {
	struct undecided *next;
	int64_t id;
	enum entry_state state;
	char why[ENTRY_WHY], tip[ENTRY_WHY];
};

struct drops {
	struct drops_config config;
	struct import_context context; /* judges borrow it */
	pthread_mutex_t lock;
	struct drop *open;           /* guarded by lock */
	struct undecided *undecided; /* guarded by lock */
};

/* drops.c: with a reference, made if there is none; NULL: no memory. Both take drops.lock. */
struct drop *drop_get(struct drops *d, int64_t id);
void drop_put(struct drop *x);
/* With drop.lock held: if so, a RELEASE is still to come and decides. Takes drops.lock. */
bool drop_has_writers(struct drop *x);
/* drop_judge.c: with drop.lock held, but for the first */
void drop_is_new(struct drop_handle *h);
/* Changes begin; what is in the file already was not fed. */
void drop_begin(struct drop *x, int fd);
void drop_feed(struct drop *x, const void *bytes, size_t len, uint64_t at);
/* Its length is another now; UINT64_MAX: nobody knows. */
void drop_cut(struct drop *x, uint64_t size);
void drop_forget_judge(struct drop *x);
/* The flush: bytes, digest, verdict are on disk and in the journal. */
int drop_settle(struct drop *x, int fd, bool whole);
/* The last writer is gone. */
void drop_decide(struct drop *x, int fd);
/* The state that a judged file gets in a folder, with words of it. */
enum entry_state drop_state_for(const struct drops *d, const struct drop_folder *folder,
                                const struct entry *e, const struct verdict *v, const char **why,
                                const char **next);
/* Judges what is in the file under a kind's name; sums it. What takes longer than a person waits is
 * judged behind, when it is to be sent: the verdict is empty then and its report says so. */
int drop_judge_file(const struct drops *d, const struct drop_folder *folder, const char *name,
                    int fd, struct verdict *ret, char digest[DIGEST_HEX_SIZE]);

#endif
