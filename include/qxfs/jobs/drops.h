/* drops.h: files in import folders while programs write them, and what becomes of them then.
 *
 * A folder is named by its path in the mount: "mailinglists/CG_x/import", "…/import/send",
 * "…/import/done", "…/check"; what may be imported there follows from it (import_kinds.h). What
 * lies in send/ is an entry of import/ that was pushed.
 *
 * FLUSH is where a program learns of the verdict; the last RELEASE of a writer decides the state.
 *
 * Threads: disk workers, one call for each handle at a time; they wait for the local disk. Guards:
 * drops.lock (rank 2) for the table of open files; drop.lock (rank 2, after it) for one file, held
 * over its own disk work. Errors: negative errno.
 */
#ifndef QXFS_JOBS_DROPS_H
#define QXFS_JOBS_DROPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <qxfs/jobs/import_kinds.h>
#include <qxfs/jobs/lists.h>
#include <qxfs/store/journal.h>

enum drop_place { PLACE_IMPORT, PLACE_SEND, PLACE_DONE, PLACE_CHECK };
struct drop_folder {
	enum import_target target;
	enum drop_place place;
	char folder[ENTRY_FOLDER]; /* as entries name it: of send/ that of import/ */
	char id[LIST_OF_BYTES];    /* of the list, directory or survey; "" for surveys/import */
};
/* -EINVAL: no import folder. */
int drop_folder_parse(const char *path, struct drop_folder *ret);
/* What the name is: a submission (also a document of a kind that is refused), one of ours, scratch.
 */
enum drop_name { NAME_SCRATCH, NAME_IMPORT, NAME_OURS };
enum drop_name drop_name_of(enum import_target target, const char *name);
#define DROP_NAME_MAX 240 /* of an import: room for ".rejected.csv" */

enum hold_when { HOLD_SUSPICIOUS, HOLD_ALWAYS, HOLD_NEVER };

struct drops;
struct drops_config {
	struct journal *journal; /* borrowed */
	enum hold_when hold;
	const char *charset; /* -o import_charset=, borrowed; NULL */
	bool allow_resubscribe;
	void (*changed)(void *arg); /* something may be sent now; from a disk worker, without a lock
	                             */
	void *arg;
};
int drops_new(const struct drops_config *config, struct drops **ret);
void drops_free(struct drops *d); /* every handle is released */

/* Who asks. */
struct drop_caller {
	uid_t uid;
	gid_t gid;
	pid_t process; /* 0: unknown */
	bool killed;   /* it is being ended by a signal */
};

struct drop_handle;
int drop_handle_fd(const struct drop_handle *h); /* for reading; borrowed */
/* -EPERM: a name of ours, or a folder that takes none; -ENAMETOOLONG; -EEXIST. */
int drops_create(struct drops *d, const struct drop_folder *folder, const char *name, mode_t mode,
                 const struct drop_caller *who, struct entry *ret, struct drop_handle **ret_h);
/* flags as open(2). -EBUSY: it is being sent and cannot be written. */
int drops_open(struct drops *d, int64_t id, int flags, const struct drop_caller *who,
               struct drop_handle **ret_h);
int drops_write(struct drop_handle *h, const void *bytes, size_t len, uint64_t at);
int drops_truncate(struct drops *d, int64_t id, uint64_t size);
int drops_flush(struct drop_handle *h, const struct drop_caller *who);
int drops_fsync(struct drop_handle *h);
void drops_release(struct drop_handle *h);
/* What became of files whose end could not be journaled, for want of room, is journaled now.
 * -EAGAIN: still not. A disk worker. */
int drops_decide_late(struct drops *d);
/* Has a writer in this mount. */
bool drops_is_written(struct drops *d, int64_t id);

int drops_rename(struct drops *d, int64_t id, const struct drop_folder *to, const char *name,
                 bool noreplace);
/* What is held, has failed, is uncertain or the same is given to be sent. -EBUSY: it is none of
 * these. */
int drops_push(struct drops *d, int64_t id);
int drops_remove(struct drops *d, int64_t id);

#endif
