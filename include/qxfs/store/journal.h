/* journal.h: what lies in the import folders, and what became of it. SQLite (WAL) and spool files
 * in the state folder: nothing here is disposable.
 *
 *   state/journal.db          entries, the parts they are sent in, texts
 *   state/spool/ID            an entry's bytes; ID.rejected: rows the service refused
 *   state/sender.lock         who sends, of all mounts of this account
 *   state/mounts/MOUNT        locked while that mount lives: whose open files are still written
 *
 * A new journal beside the spool of a lost one counts its ids from behind those files and never
 * touches them.
 *
 * Threads: any; reading and writing have a connection each, with a lock of its own (rank 3, 4), so
 * that a read never waits for an fsync. Nothing is called back under a lock but what is said to be.
 * Durable: what says so has been fsynced when it returns. What is not durable survives the end of
 * this process, not a power cut, and is durable with the next that is.
 *
 * Errors: negative errno, and nothing has changed. -EBADMSG: the journal is damaged: it is left as
 * it is, and nothing of it is served or sent any more; journal_trouble() has the words. -EAGAIN:
 * another process has held it for too long (10 s; 1 s for reading). -ENOSPC, -EIO, -ENOMEM, -EROFS.
 * -ENOENT: no such id. -EINVAL: the table of states does not have this transition. After an error
 * of a durable call a power cut may still bring about what it should have done.
 */
#ifndef QXFS_STORE_JOURNAL_H
#define QXFS_STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/events.h>
#include <qxfs/base/fail.h>
#include <qxfs/store/dirs.h>
#include <qxfs/store/entry.h>

struct journal;

/* Opens it, makes it, migrates it; registers this mount. -EBADMSG: damaged (integrity is checked),
 * -EPROTO: of a newer qxfs, -EPERM: others may read it; all with words and remedy; the files stay
 * as they are. dirs: borrowed while it lives. */
int journal_open(struct dirs *dirs, struct journal **ret, struct qx_fail *fail);
/* From now on it is told what becomes of imports; also what was found at the start. events:
 * borrowed while the journal lives. */
void journal_tell(struct journal *j, struct events *events);
void journal_free(struct journal *j);
/* 0, or -EBADMSG with words and remedy since damage was met. Never waits. */
int journal_trouble(struct journal *j, struct qx_fail *fail);

/* --- reading: memory and local files, no fsync; FUSE workers may --- */

/* Also a hidden one. -ENOENT. */
int journal_get(struct journal *j, int64_t id, struct entry *ret);
/* -ENOENT. */
int journal_find(struct journal *j, const char *folder, const char *name, struct entry *ret);
/* Entries of a folder in the order of their names, behind `after` ("" at first): at most `max`;
 * returns how many. */
int journal_list(struct journal *j, const char *folder, const char *after, struct entry *ret,
                 int max);
/* All in these states, over all folders, in order of their ids, but the hidden: for status. Called
 * without a lock; false ends. */
typedef bool journal_each_fn(void *arg, const struct entry *e);
int journal_each(struct journal *j, unsigned states /* bits 1 << state */, journal_each_fn *fn,
                 void *arg);
/* The last submission under this import/ folder and this name, `not_id` left out, if it has these
 * bytes and is queued, running, or done and still in done/. What was never sent (held, refused,
 * same, failed at once …) and what was removed does not count. -ENOENT. */
int journal_same(struct journal *j, const char *folder, const char *name, const char *digest,
                 int64_t not_id, struct entry *ret);
/* Whether these bytes were given under this name before and may have been imported then: uncertain,
 * or failed halfway, and written or replaced since. *ret_s: calendar. -ENOENT: no. */
int journal_doubt(struct journal *j, const char *folder, const char *name, const char *digest,
                  int64_t *ret_s);
/* The last submission under a folder and a name, also after it moved to done/ or was renamed there,
 * and a hidden one until it is over. -ENOENT. */
int journal_last(struct journal *j, const char *folder, const char *name, struct entry *ret);
/* What the judge or the sender wrote for people; "" else. */
int journal_report(struct journal *j, int64_t id, struct buf *report);
int journal_parts(struct journal *j, int64_t id, struct part **ret, size_t *ret_n); /* free() */

/* --- files --- */

/* A new entry with an empty spool file; e: folder, name, state (SCRATCH or WRITING), pushed, mode,
 * uid, gid are in; all is out. Not durable. -EEXIST, -ENAMETOOLONG; -EINVAL: no name of a file, or
 * another state. */
int journal_create(struct journal *j, struct entry *e);
/* Its bytes. flags: O_RDONLY or O_RDWR. A new fd; the caller closes it. -EBUSY: O_RDWR while it is
 * being sent; -EIO: the entry is there and the bytes are gone. */
int journal_spool(struct journal *j, int64_t id, int flags);
/* Likewise; O_CREAT|O_RDWR|O_TRUNC makes it; -ENOENT also: there is none. */
int journal_rejected(struct journal *j, int64_t id, int flags);
/* Somebody writes it again, to be called before the first byte is: WRITING (or still SCRATCH), not
 * whole, with a new uuid, without parts, texts, rejected rows. -EBUSY: it is being sent, or another
 * mount that lives is writing it. Durable if its bytes were (a power cut must not leave half new
 * bytes under an old digest), else not. */
int journal_rewrite(struct journal *j, int64_t id);
/* fsyncs the spool file and its folder; notes size, digest (NULL: as it is), mtime (the spool
 * file's), and that it is whole, if it is: what is whole stays so until journal_rewrite. Durable.
 * -EBUSY: it is not being written. After a failed fsync -EIO for ever, since the kernel forgets
 * such bytes: until the spool file is truncated to nothing and then journal_rewrite called. */
int journal_flushed(struct journal *j, int64_t id, uint64_t size, const char *digest, bool whole);
/* The last writer is gone, or a verdict came: from one of the states `from` (bits) to `to`, with
 * words (NULL: none). From WRITING to QUEUED, SAME, REFUSED, CHECKED it becomes whole. -EBUSY: it
 * is in none of them. -EINVAL: also for DONE and PARTLY, which journal_finish makes. durable:
 * fsync. A hidden one vanishes when it ends, or is queued again with nothing sent. */
int journal_move_state(struct journal *j, int64_t id, unsigned from, enum entry_state to,
                       const char *why, const char *next, bool durable);
/* NULL: as it is. mtime: the spool file's too. Not durable. */
int journal_set_attr(struct journal *j, int64_t id, const mode_t *mode, const uid_t *uid,
                     const gid_t *gid, const int64_t *mtime_ns);
/* NULL: as it is. They stay through moves; sent_before ends with a rewrite. Not durable: call it
 * before the journal_rename that belongs to it. */
int journal_mark(struct journal *j, int64_t id, const bool *pushed, const bool *sent_before);
int journal_set_report(struct journal *j, int64_t id, const struct buf *report); /* Not durable. */
/* Renames or moves; an entry of the new name is replaced (its spool goes). state: what it is there,
 * the same as before or one of SCRATCH, WRITING, QUEUED, HELD, REFUSED, SAME, CHECKED; new_uuid: it
 * is another submission, without parts, texts, words (as it is when it leaves or becomes SCRATCH).
 * What journal_last finds it under is the new name, unless the folder ends in "/done". noreplace:
 * -EEXIST. -EBUSY: one of them is being sent. Durable, one transaction. */
int journal_rename(struct journal *j, int64_t id, const char *folder, const char *name,
                   enum entry_state state, bool new_uuid, bool noreplace);
/* Removes entry and bytes (what is open stays readable). Of one that is being sent only the name
 * goes: it is listed nowhere and its bytes go when it is over. Durable. -ENOENT: also for a hidden
 * one. */
int journal_remove(struct journal *j, int64_t id);

/* --- sending; the sender's alone ---
 *
 * journal_part and journal_finish: -EPERM without the lock. */

int journal_sender_take(struct journal *j); /* the lock over all mounts: 0, -EAGAIN */
void journal_sender_give(struct journal *j);
/* After journal_sender_take. Entries of dead mounts that were still written: whole ones are QUEUED
 * (scratch stays), the others HELD with the reason. Those whose bytes are gone: FAILED with the
 * reason if they were not sent yet, scratch files vanish. Returns how many it changed. */
int journal_adopt(struct journal *j);
/* Entries in QUEUED, SENDING or IMPORTING in order of their becoming whole (ids of submissions);
 * hidden ones too, for they are to be ended. */
int journal_work(struct journal *j, struct entry **ret, size_t *ret_n); /* free() */
/* Replaces them; n from 0 on. An empty uuid is given one, which is kept. rows of the entry: their
 * sum. The report with them (NULL: as it is). -EBUSY: one of the old ones may have been sent.
 * -ESTALE: it is not the queued submission `uuid` any more (written or renamed since; NULL:
 * whichever it is). Durable. */
int journal_set_parts(struct journal *j, int64_t id, const char *uuid, const struct part *parts,
                      size_t n, const struct buf *report);
/* The sender's journal_move_state: of the submission `uuid` while it is queued or out. -ESTALE: it
 * is another by now, or somebody's to write. To QUEUED only with other words. Durable. */
int journal_conclude(struct journal *j, int64_t id, const char *uuid, enum entry_state to,
                     const char *why, const char *next);
/* A part's new state and what is known of it (uuid "": as it is), and the entry's with it and its
 * sums, in one transaction. -ENOENT: also for a part. -EINVAL: also if a part that is out belongs
 * to an entry that is not. -ESTALE: the entry is neither queued nor out. Durable. */
int journal_part(struct journal *j, int64_t id, const struct part *part, enum entry_state state,
                 const char *why, const char *next);
/* The end: id, state, why, next, counts of `e`, and the report (NULL: as it is); rejected rows
 * are fsynced. DONE and PARTLY move to done/ under a free name (" (2)" …). A hidden one vanishes.
 * -EINVAL: a state that is no end. Durable. */
int journal_finish(struct journal *j, const struct entry *e, const struct buf *report);
/* Done ones older than keep_s (negative: none) vanish, bytes and all. Returns how many. */
int journal_vanish(struct journal *j, int64_t keep_s);
/* So do, then, spool files that no entry names: reads the whole folder. Returns how many entries
 * vanished. */
int journal_sweep(struct journal *j, int64_t keep_s);
/* When the next of the done ones is that old: calendar, INT64_MAX if none ever is. */
int journal_sweep_due(struct journal *j, int64_t keep_s, int64_t *ret_s);

#endif
