/* kept.c: reservations between the lists of two moments, and between mounts. What is new stays in
 * memory until the file has it, so that no list is named without it; what another mount has written
 * first wins. */
#include "kept.h"

#include <errno.h>
#include <stdio.h>

#include "keeper.h"

#define FILE_MAX_BYTES (64u << 20)
#define PATH_BYTES 64

static void path_of(enum list_id id, char out[PATH_BYTES])
{
	(void)snprintf(out, PATH_BYTES, "names/%s", list_row(id)->name);
}

/* The file, with what is ours besides. */
static int read_names(struct tree *t, enum list_id id, bool bearers, struct reserved **ret)
{
	char path[PATH_BYTES];
	struct buf text = { 0 };
	struct reserved *all = reserved_new();

	path_of(id, path);
	int r = all ? dirs_state_read(t->config.dirs, path, FILE_MAX_BYTES, &text) : -ENOMEM;
	if (r == 0)
		r = reserved_read(all, buf_text(&text), text.len);
	if (r != -ENOMEM) /* a file that cannot be read is one that is not there */
		r = t->reserved[id] ? reserved_add(all, t->reserved[id], bearers) : 0;
	buf_done(&text);
	if (r < 0)
		reserved_free(all);
	else
		*ret = all;
	return r;
}

/* The note is of a list. */
static int write_names(struct tree *t, const struct note *note)
{
	enum list_id id = (enum list_id)note->kind;
	char path[PATH_BYTES];
	struct reserved *all = NULL;
	struct buf text = { 0 };

	pthread_mutex_lock(&t->catalog_lock);
	const struct reserved *ours = t->reserved[id];
	int r = ours ? read_names(t, id, true, &all) : 0;
	pthread_mutex_unlock(&t->catalog_lock);
	if (!all)
		return r; /* or an earlier note has done it */
	path_of(id, path);
	reserved_write(all, &text);
	reserved_free(all);
	r = buf_failed(&text) ? -ENOMEM
	                      : dirs_state_write(t->config.dirs, path, buf_text(&text), text.len);
	buf_done(&text);

	pthread_mutex_lock(&t->catalog_lock);
	if (r == 0 && t->reserved[id] == ours) { /* else there is something new in it */
		reserved_free(t->reserved[id]);
		t->reserved[id] = NULL;
	}
	pthread_mutex_unlock(&t->catalog_lock);
	return r;
}

int kept_begin(struct tree *t, const struct list *list, struct reserved **ret)
{
	if (list->of[0] || list_row(list->id)->name_field < 0)
		return 0;
	return read_names(t, list->id, false, ret);
}

void kept_end(struct tree *t, enum list_id id, struct reserved *r)
{
	if (!r || !reserved_has_news(r)) {
		reserved_free(r);
		return;
	}
	reserved_free(t->reserved[id]);
	t->reserved[id] = r;
	struct note *n = note_new(list_row(id)->name);
	if (!n)
		return;
	n->write = write_names;
	n->what = "the names of a list";
	n->kind = (int)id;
	keep(t, n);
}

void kept_free(struct tree *t)
{
	for (int i = 0; i < LIST_N_; i++)
		reserved_free(t->reserved[i]);
}
