/* render.c: the table of what is made here, and the file it goes to. */
#include "render_out.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

const struct render_row render_rows[] = {
	/* name, base, needs schema, scratch, zone; fn; picks */
	{ "responses.plain.csv", "responses.csv", false, false, false, plain_render, false },
	{ "responses.xlsx", "responses.labels.csv", true, true, true, xlsx_render_labels, false },
	{ "responses.codes.xlsx", "responses.csv", true, true, true, xlsx_render_codes, false },
	{ "codebook.csv", "schema.json", false, false, false, codebook_render, false },
	{ "contacts.xlsx", "contacts.csv", false, true, true, xlsx_render_contacts, false },
	{ "one contact", "contacts.ndjson", false, false, false, pick_render, true },
};
const size_t render_rows_count = countof(render_rows);

const struct render_row *render_find(const char *name)
{
	for (size_t i = 0; i < render_rows_count; i++)
		if (strcmp(render_rows[i].name, name) == 0)
			return &render_rows[i];
	return NULL;
}

/* --- in and out ------------------------------------------------------------------------------ */

int render_go_on(const struct render_input *in)
{
	return in->cancelled && in->cancelled(in->arg) ? -ECANCELED : 0;
}

ssize_t render_read(int fd, char *piece, size_t len, uint64_t at, uint64_t end)
{
	ssize_t n;

	if (at >= end)
		return 0;
	do
		n = pread(fd, piece, len < end - at ? len : (size_t)(end - at), (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n > 0 ? n : -EIO; /* shorter than its length: damaged */
}

static int write_out(struct render_out *out, const char *bytes, size_t len)
{
	const struct render_input *in = out->in;

	if (out->err == 0 && in->room)
		out->err = in->room(in->arg, out->len + len);
	if (out->err == 0)
		out->err = sys_write_all(out->fd, bytes, len);
	if (out->err == 0)
		out->len += len;
	return out->err;
}

int out_flush(struct render_out *out, bool at_end)
{
	if (out->err == 0 && buf_failed(&out->buf))
		out->err = -ENOMEM;
	if (out->err == 0 && out->buf.len > 0 && (at_end || out->buf.len >= RENDER_PIECE)) {
		(void)write_out(out, out->buf.data, out->buf.len);
		buf_clear(&out->buf);
	}
	return out->err;
}

int out_copy(struct render_out *out, int fd, uint64_t from, uint64_t end)
{
	char piece[RENDER_PIECE];

	(void)out_flush(out, true);
	while (out->err == 0) {
		ssize_t n = render_read(fd, piece, sizeof(piece), from, end);
		if (n == 0)
			break;
		out->err = n < 0 ? (int)n : render_go_on(out->in);
		if (out->err == 0)
			(void)write_out(out, piece, (size_t)n);
		from += (uint64_t)n;
	}
	return out->err;
}

/* --- any of them ----------------------------------------------------------------------------- */

static int explain(int r, const struct render_row *row, struct qx_fail *fail)
{
	switch (-r) {
	case ECANCELED:
		return fail_set(fail, ECANCELED, "making %s was given up", row->name);
	case ENOENT:
		r = fail_set(fail, ENOENT, "%s has nobody with this id", row->base);
		fail_remedy(fail, "Touch %s and open it again if somebody has come just now.",
		            row->base);
		return r;
	case EBADMSG:
		r = fail_set(fail, EIO,
		             "%s cannot be made: %s is not of the form that it should have",
		             row->name, row->base);
		fail_remedy(fail, "Touch %s and open it again; it can be read by itself.",
		            row->base);
		return r;
	case EFBIG:
		r = fail_set(fail, EFBIG, "%s cannot be made: %s has too many rows or columns",
		             row->name, row->base);
		fail_remedy(fail, "Read %s.", row->base);
		return r;
	case ENOSPC:
	case EDQUOT:
		r = fail_set(fail, ENOSPC, "%s cannot be made: the disk of the cache is full",
		             row->name);
		fail_remedy(fail, "Free some space, or name another disk with -o cache_dir=.");
		return r;
	default:
		r = fail_set(fail, -r, "%s cannot be made from %s: %s", row->name, row->base,
		             strerror(-r));
		fail_remedy(fail, "Look at the disk that holds the cache.");
		return r;
	}
}

int render(const struct render_row *row, const struct render_input *in, int out_fd,
           uint64_t *ret_len, struct qx_fail *fail)
{
	struct render_out out = { .in = in, .fd = out_fd };

	fail_clear(fail);
	int r = row->fn(in, &out);
	if (r == 0)
		r = out_flush(&out, true);
	buf_done(&out.buf);
	if (r < 0)
		return explain(r, row, fail);
	*ret_len = out.len;
	return 0;
}
