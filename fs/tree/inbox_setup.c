/* inbox_setup.c: imports begin and end with the mount; what they change is fetched anew. */
#include "audit.h"
#include "inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/jobs/imports.h>
#include <qxfs/tree/setup.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#include "contents.h"

/* Where the target's files lie; ROW_ROOT: it has none. */
static enum row_id row_of_target(enum import_target target)
{
	switch (target) {
	case TARGET_LIST:
	case TARGET_OLD_LIST:
		return ROW_MAILINGLIST;
	case TARGET_DIRECTORY:
		return ROW_DIRECTORY;
	case TARGET_SURVEY:
		return ROW_SURVEY;
	default:
		return ROW_ROOT;
	}
}

/* Responses are new ones, also those of an export. */
static bool is_served(void *arg, const struct entry *e, int fd)
{
	struct tree *t = arg;
	struct drop_folder folder;
	bool same = false;

	if (drop_folder_parse(e->folder, &folder) < 0)
		return false;
	enum row_id dir = row_of_target(folder.target);
	if (dir == ROW_ROOT || dir == ROW_SURVEY)
		return false;
	for (enum row_id i = node_row(dir)->first_child; i != ROW_ROOT && !same;
	     i = node_row(i)->next) {
		struct generation *gen = node_row(i)->kind == NODE_DATA
		                                 ? content_cached(t, node_row(i), folder.id)
		                                 : NULL;
		same = gen && cache_holds(t->config.cache, gen, fd, e->size);
		generation_unref(gen);
	}
	return same;
}

static int directory_of(void *arg, const char *list, char out[LIST_OF_BYTES])
{
	struct tree *t = arg;
	struct catalog *c = tree_catalog(t, LIST_MAILINGLISTS, "");
	const struct list_item *item = c ? list_find(c->list, list) : NULL;
	const char *id = item ? item->field[MAILINGLIST_DIRECTORY] : "";
	int r = id[0] && strlen(id) < LIST_OF_BYTES ? 0 : -ENOENT;

	if (r == 0)
		memcpy(out, id, strlen(id) + 1);
	catalog_unref(c);
	return r;
}

/* The folder's files are what they were before the import: their freshness ends. */
static void end_freshness(struct tree *t, enum row_id dir, const char *arg)
{
	pthread_mutex_lock(&t->lock);
	for (enum row_id i = node_row(dir)->first_child; i != ROW_ROOT; i = node_row(i)->next) {
		struct place *p =
			node_row(i)->kind == NODE_DATA ? place_find(t, node_row(i), arg) : NULL;
		if (p)
			p->touched_ms = sys_now_ms();
	}
	pthread_mutex_unlock(&t->lock);
}

/* Whose file it is, was told when it was given. */
static void tell_end(struct tree *t, const struct entry *e)
{
	const struct tree_caller who = { .uid = e->uid };
	struct buf path = { 0 };

	buf_addf(&path, "%s/%s", e->folder, e->name);
	const struct audit_line line = {
		.what = "import",
		.who = &who,
		.path = buf_text(&path),
		.bytes = e->size,
		.outcome = entry_state_row(e->state)->word,
	};
	audit_put(t->audit, &line);
	buf_done(&path);
}

/* Also what failed or is uncertain may have changed something. */
static void imported(void *arg, const struct entry *e)
{
	struct tree *t = arg;
	struct drop_folder folder;

	if (!entry_state_row(e->state)->over || drop_folder_parse(e->folder, &folder) < 0)
		return;
	tell_end(t, e);
	if (folder.target == TARGET_SURVEYS) {
		tree_refresh_lists(t);
		return;
	}
	enum row_id dir = row_of_target(folder.target);
	if (dir != ROW_ROOT)
		end_freshness(t, dir, folder.id);
}

static void changed(void *arg)
{
	struct tree *t = arg;
	if (t->imports)
		imports_poke(t->imports);
}

int inbox_begin(struct tree *t)
{
	const struct tree_config *config = &t->config;
	struct drops_config drops = {
		.journal = config->journal,
		.hold = config->hold,
		.charset = config->import_charset,
		.allow_resubscribe = config->allow_resubscribe,
		.changed = changed,
		.arg = t,
	};

	if (!config->journal)
		return 0;
	int r = drops_new(&drops, &t->drops);
	struct imports_config imports = {
		.jobs = t->jobs,
		.client = config->client,
		.journal = config->journal,
		.drops = t->drops,
		.delay_s = config->import_delay_s,
		.keep_s = config->keep_imports_s,
		.charset = config->import_charset,
		.allow_resubscribe = config->allow_resubscribe,
		.directory_of = directory_of,
		.is_served = is_served,
		.imported = imported,
		.arg = t,
	};
	if (r == 0 && !config->read_only)
		r = imports_new(&imports, &t->imports);
	if (r == 0)
		changed(t);
	return r;
}

void tree_drain(struct tree *t)
{
	if (t->imports)
		imports_drain(t->imports);
}

void inbox_end(struct tree *t)
{
	tree_drain(t);
	if (t->imports)
		imports_end(t->imports);
}
