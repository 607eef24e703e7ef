/* unpack.h: follows a growing download, unpacks it, then verifies it whole.
 *
 * The archive holds regular entries, one unless their text can be joined (API.md 2: over 1,000,000
 * rows); their names are never used. libarchive unpacks while bytes come in; when the file is
 * whole, libzip reads its central directory, and entry count, sizes and CRC-32 are compared with
 * what was unpacked. Layout: API.md 3.3.
 *
 * Threads: follow_* from the network thread, unpack_run on a disk worker, which blocks while it
 * waits for bytes. Guards: follow.lock, a leaf.
 */
#ifndef QXFS_STORE_UNPACK_H
#define QXFS_STORE_UNPACK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <qxfs/base/fail.h>

struct follow {
	pthread_mutex_t lock;
	pthread_cond_t grown;
	uint64_t written; /* guarded by lock */
	bool whole;       /* guarded by lock: no more will come, all is there */
	bool given_up;    /* guarded by lock: the download failed */
};
void follow_init(struct follow *f);
void follow_grow(struct follow *f, uint64_t written);
void follow_end(struct follow *f, bool whole);
void follow_done(struct follow *f);
/* Waits for more than `at` bytes, or the end. -ECANCELED: the download failed. */
int follow_wait(struct follow *f, uint64_t at, uint64_t *ret_written);

struct unpacked {
	uint64_t length;
	uint32_t crc;
	int64_t rows; /* responses, of which it has one on each; -1: not counted */
};

/* What a text is made of: of what has rows, several can become one; see join.h. */
enum text_rows {
	ROWS_NONE, /* JSON, XML, SPSS: bytes */
	ROWS_CSV,  /* rows below one heading */
	ROWS_TSV,
	ROWS_LINES /* ndjson: an object on each */
};

struct unpack_job {
	struct follow *follow;
	int raw_fd;                            /* the archive */
	int out_fd;                            /* gets the entry's bytes from offset 0 */
	uint64_t max_bytes;                    /* -EFBIG beyond */
	enum text_rows rows;                   /* ROWS_NONE: several entries are refused */
	bool utf16;                            /* its UTF-16LE is written as UTF-8 */
	bool bom;                              /* a BOM is written before it, if it has none */
	int (*room)(void *arg, uint64_t upto); /* before bytes are written: 0 or -errno */
	void *arg;
};

/* 0; -ECANCELED: the download failed (follow_end(false)); -EBADMSG: damaged or not an archive, the
 * reason in `fail`; -EFBIG; -ENOSPC; -EIO: the disk. */
int unpack_run(const struct unpack_job *job, struct unpacked *ret, struct qx_fail *fail);

#endif
