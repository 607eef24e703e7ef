/* inbox_ask.c: what became of a submission, for `qxfs wait`, `send` and `discard`. */
#include "inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/jobs/imports.h>

#include <qxfs/base/sys.h>

/* The folder that the path is or lies in, as the journal names it; *ret_name: "" for the folder. */
static int find_folder(struct tree *t, const char *path, struct drop_folder *ret,
                       const char **ret_name)
{
	const char *last = strrchr(path, '/');
	qx_auto_free char *above = strndup(path, last ? (size_t)(last - path) : 0);
	struct spot spot;

	if (!above)
		return -ENOMEM;
	*ret_name = "";
	int r = spot_find(t, path, &spot, NULL);
	if (r < 0 || !spot.row->is_inbox) {
		*ret_name = last ? last + 1 : path;
		r = spot_find(t, above, &spot, NULL);
	}
	if (r < 0 || !spot.row->is_inbox)
		return -ENOENT;
	return inbox_folder(spot.row, spot.arg, ret);
}

static void add_submission(struct buf *out, const struct entry *e, bool first)
{
	buf_add_str(out, first ? "" : ",");
	buf_add_str(out, "\n{\"path\":");
	struct buf path = { 0 };
	buf_addf(&path, "%s/%s", e->folder, e->name);
	buf_add_json(out, buf_text(&path));
	buf_done(&path);
	buf_addf(out, ",\"state\":\"%s\",\"over\":%s", entry_state_row(e->state)->word,
	         entry_state_row(e->state)->over || e->state == ENTRY_HELD ? "true" : "false");
	buf_add_str(out, ",\"phrase\":");
	buf_add_json(out, entry_state_row(e->state)->phrase);
	buf_add_str(out, ",\"why\":");
	buf_add_json(out, e->why);
	buf_add_str(out, ",\"next\":");
	buf_add_json(out, e->next);
	buf_addf(out,
	         ",\"parts\":%u,\"parts_done\":%u,\"rows\":%llu,\"added\":%llu,\"updated\":%llu,"
	         "\"refused\":%llu}",
	         e->parts, e->parts_done, (unsigned long long)e->rows, (unsigned long long)e->added,
	         (unsigned long long)e->updated, (unsigned long long)e->refused);
}

static int act(struct tree *t, enum tree_import_verb verb, struct entry *e)
{
	int r = 0;

	if (verb == TREE_IMPORT_SEND)
		r = drops_push(t->drops, e->id);
	else if (verb == TREE_IMPORT_DISCARD)
		r = drops_remove(t->drops, e->id);
	if (r == -EBUSY && verb == TREE_IMPORT_SEND &&
	    (e->state == ENTRY_QUEUED || entry_state_row(e->state)->busy))
		r = 0; /* it is on its way: what was asked for */
	if (verb == TREE_IMPORT_HURRY && t->imports && e->state == ENTRY_QUEUED)
		imports_hurry(t->imports, e->id);
	else if (verb == TREE_IMPORT_SEND && r == 0 && t->imports)
		imports_poke(t->imports);
	if (r == 0 && verb == TREE_IMPORT_SEND)
		r = journal_get(t->config.journal, e->id, e);
	return r;
}

static int one(struct tree *t, enum tree_import_verb verb, const struct drop_folder *folder,
               const char *name, struct buf *out)
{
	struct entry e;

	int r = journal_last(t->config.journal, folder->folder, name, &e);
	if (r == 0 && e.state == ENTRY_SCRATCH)
		r = -ENOENT;
	if (r == 0)
		r = act(t, verb, &e);
	if (r == 0)
		add_submission(out, &e, true);
	return r == -ENOENT ? 0 : r; /* none: an empty array */
}

static int all_in(struct tree *t, enum tree_import_verb verb, const struct drop_folder *folder,
                  struct buf *out)
{
	struct entry *e = malloc(sizeof(*e));
	char after[ENTRY_NAME] = "";
	bool first = true;
	int r = e ? 0 : -ENOMEM;

	while (r == 0 && journal_list(t->config.journal, folder->folder, after, e, 1) == 1) {
		memcpy(after, e->name, sizeof(after));
		if (e->state == ENTRY_SCRATCH)
			continue;
		r = act(t, verb, e);
		if (r == -EBUSY) /* nothing to be sent or dropped */
			r = 0;
		add_submission(out, e, first);
		first = false;
	}
	free(e);
	return r;
}

int tree_import(struct tree *t, enum tree_import_verb verb, const char *path, struct buf *out)
{
	struct drop_folder folder;
	struct client_view view;
	const char *name;

	if (!t->config.journal)
		return -EIO;
	int r = find_folder(t, path, &folder, &name);
	if (r < 0)
		return r;
	client_view(t->config.client, &view);
	buf_addf(out, "{\"reachable\":%s,\"folder\":%s,\"submissions\":[",
	         view.reachable ? "true" : "false", name[0] ? "false" : "true");
	if (!name[0] && verb >= TREE_IMPORT_SEND)
		return -EISDIR;
	r = name[0] ? one(t, verb, &folder, name, out) : all_in(t, verb, &folder, out);
	buf_add_str(out, "]}\n");
	return r;
}
