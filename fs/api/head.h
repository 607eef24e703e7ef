/* head.h: the head of an answer, line by line as it comes. Pure; any thread. */
#ifndef QXFS_API_HEAD_H
#define QXFS_API_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the header lines said; begun anew by every status line. */
struct head {
	bool over;                 /* the empty line came: what follows are trailers */
	bool two_lengths;          /* Content-Lengths that differ, or one that is no number */
	bool chunked;              /* the length, if any, means nothing */
	bool encoded;              /* the length is that of the coded bytes */
	int64_t length;            /* -1: none */
	int64_t retry_after_s;     /* -1: none, or not in seconds */
	char retry_after_date[40]; /* the same as a date, "": none */
	char date[40];             /* the server's clock */
};

void head_begin(struct head *h);
void head_line(struct head *h, const char *bytes, size_t len);

#endif
