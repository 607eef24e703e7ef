/* pick.c: one contact of a mailing list: its line of the list's contacts.ndjson. The service has no
 * request that takes the id which a contact has in a list (API.md 7.4), and none that gives both of
 * its ids but the list itself. */
#include "render_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <qxfs/base/document.h>
#include <qxfs/base/json.h>
#include <qxfs/base/sys.h>

#define LINE_MAX_BYTES (32u << 20) /* longer than any page may be */

/* Those by which somebody may be asked for; the last one in accounts without XM Directory. */
static const char *const id_members[] = { "contactLookupId", "contactId", "id" };

static bool has_id(const struct json *element, const char *id)
{
	for (size_t i = 0; i < countof(id_members); i++) {
		const char *its = json_str(element, id_members[i]);
		if (its && strcmp(its, id) == 0)
			return true;
	}
	return false;
}

/* Few lines have the id anywhere: only these are read as JSON. */
static bool is_wanted(const char *line, size_t len, const char *id)
{
	struct json *element;

	if (!memmem(line, len, id, strlen(id)) || json_parse(line, len, &element) < 0)
		return false;
	bool wanted = has_id(element, id);
	json_free(element);
	return wanted;
}

/* As any document: indented, numbers and texts as they came. */
static int write_contact(const char *line, size_t len, struct render_out *out)
{
	qx_auto_fd from = memfd_create("contact", MFD_CLOEXEC);
	qx_auto_fd to = memfd_create("contact", MFD_CLOEXEC);
	if (from < 0 || to < 0)
		return -errno;

	int r = sys_write_all(from, "{\"result\":", 10);
	if (r == 0)
		r = sys_write_all(from, line, len);
	if (r == 0)
		r = sys_write_all(from, "}", 1);
	if (r < 0)
		return r;
	int64_t length = document_extract(from, "result", DOCUMENT_INDENTED, to, UINT64_MAX);
	return length < 0 ? (int)length : out_copy(out, to, 0, (uint64_t)length);
}

/* A line that may have begun in an earlier piece. */
static int take_line(struct buf *begun, const char *bytes, size_t len, struct render_out *out,
                     bool *ret_found)
{
	if (begun->len) {
		buf_add(begun, bytes, len);
		bytes = buf_text(begun);
		len = begun->len;
	}
	int r = buf_failed(begun) ? -ENOMEM : 0;
	if (r == 0 && is_wanted(bytes, len, out->in->pick)) {
		*ret_found = true;
		r = write_contact(bytes, len, out);
	}
	buf_clear(begun);
	return r;
}

static int take_piece(struct buf *begun, const char *piece, size_t len, struct render_out *out,
                      bool *ret_found)
{
	const char *end = piece + len, *stop;
	int r = 0;

	while (r == 0 && !*ret_found && (stop = memchr(piece, '\n', (size_t)(end - piece)))) {
		r = take_line(begun, piece, (size_t)(stop - piece), out, ret_found);
		piece = stop + 1;
	}
	if (r < 0 || *ret_found)
		return r;
	buf_add(begun, piece, (size_t)(end - piece));
	return begun->len > LINE_MAX_BYTES ? -EBADMSG : 0;
}

int pick_render(const struct render_input *in, struct render_out *out)
{
	struct buf begun = { 0 };
	char piece[RENDER_PIECE];
	bool found = false;
	uint64_t at = 0;
	int r = 0;

	while (r == 0 && !found) {
		ssize_t n = render_read(in->base_fd, piece, sizeof(piece), at, in->base_len);
		if (n <= 0) {
			r = n < 0 ? (int)n : -ENOENT;
			break;
		}
		at += (uint64_t)n;
		r = render_go_on(in);
		if (r == 0)
			r = take_piece(&begun, piece, (size_t)n, out, &found);
	}
	buf_done(&begun);
	return r;
}
