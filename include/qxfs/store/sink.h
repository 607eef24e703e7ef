/* sink.h: bytes one after the other into a file of the cache: counted, summed, with their room.
 * Owned by who writes; one thread at a time. */
#ifndef QXFS_STORE_SINK_H
#define QXFS_STORE_SINK_H

#include <stddef.h>
#include <stdint.h>

#include <qxfs/base/fail.h>

struct sink {
	int fd; /* borrowed */
	uint64_t max_bytes;
	const char *too_large; /* "it unpacks to": more than so many bytes */
	int (*room)(void *arg, uint64_t upto);
	void *arg;

	uint64_t length; /* written so far, as is the checksum */
	uint32_t crc;
};

/* -EFBIG: over max_bytes; -ENOSPC and the like: no room. Says why. */
int sink_write(struct sink *s, const void *bytes, size_t len, struct qx_fail *fail);

#endif
