/* document.h: JSON documents of any size, token by token.
 *
 * Every number, string escape and duplicate key comes out as it came in; only white space between
 * tokens changes (two blanks a level), and verbatim not even that. Depth up to 512. Memory does not
 * grow with the document.
 *
 * Threads: any; reads and writes local files only, so it runs on a disk worker.
 */
#ifndef QXFS_BASE_DOCUMENT_H
#define QXFS_BASE_DOCUMENT_H

#include <stdint.h>

enum document_style {
	DOCUMENT_INDENTED, /* with a newline at the end */
	DOCUMENT_VERBATIM  /* byte for byte */
};

/* Reads the envelope in `in_fd` from its start, writes the value of its top-level member `member`
 * to `out_fd`, and returns its length.
 * -EBADMSG: no JSON, cut, junk after it, no such member; -EFBIG: over max_bytes; else -errno. */
int64_t document_extract(int in_fd, const char *member, enum document_style style, int out_fd,
                         uint64_t max_bytes);

#endif
