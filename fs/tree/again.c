/* again.c: qxfs refresh and qxfs forget: the next open asks anew, or nothing of it is on this disk.
 */
#include "contents.h"
#include "house.h"
#include "inbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A file whose content is cached, by its path; else why not. */
static bool find_file(struct tree *t, const char *path, struct spot *spot, struct qx_fail *why)
{
	fail_clear(why);
	if (spot_find(t, path, spot, why) < 0)
		return false;
	if (spot->row->kind == NODE_DATA)
		return true;
	fail_set(why, EINVAL, "nothing of it is cached: %s", spot->row->doc);
	return false;
}

int tree_refresh(struct tree *t, const char *path, struct buf *out,
                 struct tree_name ret[TREE_NAMES])
{
	struct spot spot;
	struct qx_fail why;
	int r = 0;

	memset(ret, 0, TREE_NAMES * sizeof(*ret));
	bool found = find_file(t, path, &spot, &why);
	if (found) {
		pthread_mutex_lock(&t->lock);
		struct place *p = place_get(t, spot.row, spot.arg);
		r = p ? place_touch(t, p, ret) : -ENOMEM;
		pthread_mutex_unlock(&t->lock);
	}
	buf_addf(out, "{\"refreshed\": %s, \"why\": ", found && r == 0 ? "true" : "false");
	buf_add_json(out, why.why);
	buf_add_str(out, "}\n");
	return r < 0 ? r : buf_failed(out) ? -ENOMEM : 0;
}

/* --- forget ------------------------------------------------------------------------------------
 */

/* What is to go: one key and what is made from it; or all that belongs to an object. */
struct wanted {
	const char *account;    /* keys of others are not ours */
	const char *key;        /* NULL: */
	char id[ARG_MAX_BYTES]; /* "": all of the account */
};

/* In a request's path a component, in its query a value: a mailing's key names its survey there. */
static bool is_of_object(const char *key, const char *id)
{
	size_t len = strlen(id);

	for (const char *at = strpbrk(key, "/="); at; at = strpbrk(at + 1, "/="))
		if (strncmp(at + 1, id, len) == 0 && strchr("/?&#", at[1 + len])) /* or the end */
			return true;
	return false;
}

static bool is_wanted(void *arg, const char *key)
{
	const struct wanted *w = arg;
	size_t len = strlen(w->account);

	if (strncmp(key, w->account, len) != 0 || key[len] != '/')
		return false;
	if (!w->key)
		return !w->id[0] || is_of_object(key + len, w->id);
	len = strlen(w->key);
	return strncmp(key, w->key, len) == 0 && (!key[len] || key[len] == '#');
}

/* The folder of an object, or the root. */
static bool find_object(struct tree *t, const char *path, struct wanted *w, struct qx_fail *why)
{
	struct spot spot;

	fail_clear(why);
	if (!*path)
		return true;
	if (spot_find(t, path, &spot, why) < 0)
		return false;
	if (spot.row->kind == NODE_DIR && spot.row->parts == 1 && spot.row->hole != HOLE_NONE &&
	    arg_part(spot.arg, 0, w->id))
		return true;
	fail_set(why, EINVAL,
	         "a file is wanted, the folder of a survey, a directory or a mailing list, or the "
	         "mount itself");
	return false;
}

int tree_forget_files(struct tree *t, const char *path, struct buf *out)
{
	struct wanted w = { .account = t->config.account };
	struct content c = { 0 };
	struct spot spot;
	struct qx_fail why;
	size_t open = 0;
	int r = 0;

	bool found = *path && find_file(t, path, &spot, &why);
	if (found) {
		r = content_make(t, spot.row, spot.arg, &c);
		w.key = c.recipe.key;
	} else {
		found = find_object(t, path, &w, &why);
	}
	if (found && r == 0)
		r = cache_remove(t->config.cache, is_wanted, &w, &open);
	content_done(&c);
	if (r == -ENOENT || r == -EAGAIN) /* its list was never fetched: so is what it names */
		r = 0;
	buf_addf(out, "{\"found\": %s, \"removed\": %d, \"open\": %zu, \"why\": ",
	         found ? "true" : "false", r > 0 ? r : 0, open);
	buf_add_json(out, why.why);
	buf_add_str(out, "}\n");
	return r < 0 ? r : buf_failed(out) ? -ENOMEM : 0;
}
