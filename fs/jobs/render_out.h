/* render_out.h: what the renderers share. */
#ifndef QXFS_JOBS_RENDER_OUT_H
#define QXFS_JOBS_RENDER_OUT_H

#include <sys/types.h>

#include <qxfs/base/buf.h>
#include <qxfs/jobs/render.h>

#define RENDER_PIECE 65536

/* The file that is made. Once err is not 0, it stays. */
struct render_out {
	const struct render_input *in;
	int fd;
	uint64_t len; /* on the disk */
	struct buf buf;
	int err;
};

/* Lines are gathered in `buf`; this writes them when they are many, or at the end in any case. */
int out_flush(struct render_out *out, bool at_end);
/* Copies a file from `from` on to its end. */
int out_copy(struct render_out *out, int fd, uint64_t from, uint64_t end);
/* -ECANCELED or 0 */
int render_go_on(const struct render_input *in);
/* Reads up to len bytes at an offset: how many, 0 at `end`. */
ssize_t render_read(int fd, char *piece, size_t len, uint64_t at, uint64_t end);

render_fn plain_render, codebook_render, xlsx_render_labels, xlsx_render_codes,
	xlsx_render_contacts, pick_render;

#endif
