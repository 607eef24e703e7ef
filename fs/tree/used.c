/* used.c: a file for each such folder that was used, with a name on each line, oldest first. It is
 * read anew for each listing, so all mounts see the same; names that are no longer right, or were
 * written there by somebody else, are left out. */
#include "used.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/hash.h>
#include <qxfs/base/sys.h>

#include "keeper.h"
#include "names.h"

#define FILE_MAX_BYTES ((size_t)(NAME_BYTES + 1) * USED_MAX)
#define PATH_BYTES 128

/* "used/dates-SV_x" */
static bool path_of(const struct node_row *dir, const char *arg, char out[PATH_BYTES])
{
	char id[ARG_MAX_BYTES];
	int n = arg_part(arg, 0, id) ? snprintf(out, PATH_BYTES, "used/%s-%s", dir->name, id) : -1;
	return n > 0 && n < PATH_BYTES;
}

/* Right by its form, which has no place for a control character, and a name in a folder. */
static bool is_name(struct tree *t, enum hole hole, const char *name)
{
	struct qx_fail unread;

	return strlen(name) <= NAME_BYTES && !strchr(name, '/') &&
	       hole_check(t, hole, name, &unread) == 0;
}

/* --- the file -------------------------------------------------------------------------------- */

static bool has_line(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, name, n) == 0 && p[n] == '\n')
			return true;
	return false;
}

/* Adds the lines that are names, each once: they may have been written by anybody. */
static void add_names(struct tree *t, enum hole hole, const struct buf *raw, struct buf *out)
{
	char line[NAME_BYTES + 1];

	for (size_t at = 0, len; at < raw->len; at += len + 1) {
		const char *p = raw->data + at;
		const char *stop = memchr(p, '\n', raw->len - at);
		len = stop ? (size_t)(stop - p) : raw->len - at;
		if (len > NAME_BYTES || memchr(p, '\0', len))
			continue;
		memcpy(line, p, len);
		line[len] = '\0';
		if (is_name(t, hole, line) && !has_line(buf_text(out), line))
			buf_addf(out, "%s\n", line);
	}
}

static int read_names(struct tree *t, enum hole hole, const char *path, struct buf *out)
{
	struct buf raw = { 0 };

	int r = dirs_state_read(t->config.dirs, path, FILE_MAX_BYTES, &raw);
	if (r == 0 && raw.len > 0)
		add_names(t, hole, &raw, out);
	buf_done(&raw);
	return r == -ENOENT || r == -EFBIG ? 0 : r; /* a larger one is not ours */
}

/* --- writing --------------------------------------------------------------------------------- */

/* Where the last `max` lines begin. */
static const char *last_lines(const char *text, size_t len, size_t max)
{
	const char *p = text + len;

	for (size_t lines = 0; p > text; p--)
		if (p[-1] == '\n' && lines++ == max)
			break;
	return p;
}

/* The note is of the folder below dates/ or with/: its last component is the name. */
static int write_used(struct tree *t, const struct note *note)
{
	const struct node_row *folder = node_row((enum row_id)note->kind);
	char path[PATH_BYTES], name[ARG_MAX_BYTES];
	struct buf text = { 0 };

	if (!path_of(node_row(folder->parent), note->arg, path) || !arg_part(note->arg, 1, name))
		return -EINVAL;
	int r = read_names(t, folder->hole, path, &text);
	if (r == 0 && !has_line(buf_text(&text), name)) {
		buf_addf(&text, "%s\n", name);
		const char *from = last_lines(buf_text(&text), text.len, USED_MAX);
		size_t len = text.len - (size_t)(from - buf_text(&text));
		r = buf_failed(&text) ? -ENOMEM : dirs_state_write(t->config.dirs, path, from, len);
	}
	buf_done(&text);
	return r;
}

void used_note(struct tree *t, const struct node_row *row, const char *arg)
{
	const struct node_row *folder = hole_is_kept(row->hole) ? row : node_row(row->parent);
	char name[ARG_MAX_BYTES];

	if (!hole_is_kept(folder->hole) || !arg_part(arg, 1, name) ||
	    !is_name(t, folder->hole, name))
		return;
	pthread_mutex_lock(&t->lock);
	struct place *p = place_find(t, folder, arg);
	bool known = !p || p->noted;
	if (p)
		p->noted = true;
	pthread_mutex_unlock(&t->lock);
	struct note *note = known ? NULL : note_new(arg);
	if (!note)
		return;
	note->write = write_used;
	note->what = "the name of a folder that was opened";
	note->kind = (int)folder->id;
	keep(t, note);
}

/* --- reading --------------------------------------------------------------------------------- */

struct pending {
	const struct node_row *folder;
	const char *arg; /* of the folder above it */
	struct buf *text;
};

/* What was opened a moment ago is not in the file yet. */
static void add_pending(void *arg, const struct note *n)
{
	const struct pending *p = arg;
	char of[ARG_MAX_BYTES], name[ARG_MAX_BYTES];

	if (n->write == write_used && n->kind == (int)p->folder->id && arg_part(n->arg, 0, of) &&
	    strcmp(of, p->arg) == 0 && arg_part(n->arg, 1, name) &&
	    !has_line(buf_text(p->text), name))
		buf_addf(p->text, "%s\n", name);
}

static int take_lines(char *text, char ***ret, size_t *ret_n)
{
	size_t n = 0;
	char **names = calloc(USED_MAX, sizeof(*names));
	bool full = false;

	for (char *line; names && !full && (line = strsep(&text, "\n"));) {
		if (!*line)
			continue; /* behind the last */
		names[n] = strdup(line);
		full = !names[n] || ++n == USED_MAX;
	}
	*ret = names;
	*ret_n = n;
	return names ? 0 : -ENOMEM;
}

int used_names(struct tree *t, const struct node_row *dir, const char *arg, char ***ret,
               size_t *ret_n, uint64_t *ret_version)
{
	const struct node_row *folder = node_pattern(dir);
	char path[PATH_BYTES];
	struct buf text = { 0 };

	if (path_of(dir, arg, path))
		(void)read_names(t, folder->hole, path, &text); /* without it there are none */
	keeper_each(t, add_pending, &(struct pending){ folder, arg, &text });
	const char *const parts[] = { buf_text(&text), NULL };
	*ret_version = hash_u64(parts);
	char *lines = buf_steal(&text);
	int r = lines ? take_lines(lines, ret, ret_n) : -ENOMEM;
	free(lines);
	return r;
}
