/* catalogs.c: the present catalog of each list. The account's are there from the start; an object's
 * (the filters of a survey) is kept with the place of its folder, read from the disk when it is
 * asked for the first time. catalog_lock lets one thread make one: else of two the later could be
 * the older. */
#include "kept.h"

#include <errno.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define LIST_RETRY_MS 10000 /* a list that could not be refreshed is tried again after so long */

/* The folder whose place keeps an object's list. */
static const struct node_row *home_of(enum list_id id)
{
	static const enum row_id homes[LIST_N_] = {
		[LIST_SURVEYS] = ROW_SURVEYS,
		[LIST_FILTERS] = ROW_FILTERS,
		[LIST_DISTRIBUTIONS] = ROW_DISTRIBUTIONS,
		[LIST_DIRECTORIES] = ROW_DIRECTORIES,
		[LIST_MAILINGLISTS] = ROW_MAILINGLISTS,
	};
	return node_row(homes[id]);
}

struct catalog *catalog_now(struct tree *t, enum list_id id, const char *of)
{
	if (!of[0])
		return t->catalogs[id];
	const struct place *p = place_find(t, home_of(id), of);
	return p ? p->catalog : NULL;
}

/* True once for each object: then the disk is worth a look. */
static bool first_look(struct tree *t, enum list_id id, const char *of)
{
	struct place *p = of[0] ? place_get(t, home_of(id), of) : NULL;
	bool first = p && !p->catalog && !p->loaded;
	if (first)
		p->loaded = true;
	return first;
}

/* What lay on the disk, unless the service has told a newer one meanwhile. */
static void set_loaded(struct tree *t, struct list *list)
{
	pthread_mutex_lock(&t->catalog_lock);
	pthread_mutex_lock(&t->lock);
	bool there = catalog_now(t, list->id, list->of) != NULL;
	pthread_mutex_unlock(&t->lock);
	if (!there && catalog_set(t, list) < 0)
		log_warn("tree", "no memory for the list of %s of %s", list_row(list->id)->name,
		         list->of);
	pthread_mutex_unlock(&t->catalog_lock);
}

struct catalog *tree_catalog(struct tree *t, enum list_id id, const char *of)
{
	struct list *list;

	pthread_mutex_lock(&t->lock);
	struct catalog *c = catalog_ref(catalog_now(t, id, of));
	bool look = !c && first_look(t, id, of);
	pthread_mutex_unlock(&t->lock);
	if (!look)
		return c;

	if (list_load(id, of, t->config.dirs, &list) == 0) {
		set_loaded(t, list);
		list_unref(list);
	}
	pthread_mutex_lock(&t->lock);
	c = catalog_ref(catalog_now(t, id, of));
	struct place *p = place_find(t, home_of(id), of);
	if (p)
		place_release(t, p); /* nothing may be known of it */
	pthread_mutex_unlock(&t->lock);
	return c;
}

/* Lock held. */
static int put(struct tree *t, struct catalog *c, struct catalog **ret_former)
{
	struct catalog **slot = &t->catalogs[c->list->id];
	if (c->list->of[0]) {
		struct place *p = place_get(t, home_of(c->list->id), c->list->of);
		if (!p)
			return -ENOMEM;
		slot = &p->catalog;
	}
	c->version = ++t->versions;
	*ret_former = *slot;
	*slot = c;
	return 0;
}

int catalog_set(struct tree *t, struct list *list)
{
	struct list *all = NULL;
	struct catalog *made = NULL, *former = NULL;

	struct reserved *kept = NULL;

	int r = list->id == LIST_SURVEYS ? found_add(t, list, &all) : 0;
	if (r == 0)
		r = kept_begin(t, list, &kept);
	if (r == 0)
		r = catalog_new(all ? all : list, list, t->config.user, kept, &made);
	list_unref(all);
	kept_end(t, list->id, kept);
	if (r < 0)
		return r;

	pthread_mutex_lock(&t->lock);
	r = put(t, made, &former);
	pthread_mutex_unlock(&t->lock);
	catalog_unref(r < 0 ? made : former);
	return r;
}

int tree_set_list(struct tree *t, struct list *list)
{
	pthread_mutex_lock(&t->catalog_lock);
	int r = catalog_set(t, list);
	pthread_mutex_unlock(&t->catalog_lock);
	return r;
}

/* Lock held; NULL: nobody knows that object. */
static struct list_rest *rest_of(struct tree *t, enum list_id id, const char *of)
{
	if (!of[0])
		return &t->rests[id];
	struct place *p = place_find(t, home_of(id), of);
	return p ? &p->rest : NULL;
}

void tree_list_failed(struct tree *t, enum list_id id, const char *of)
{
	bool away = !client_is_reachable(t->config.client); /* who waited no longer was not told */

	pthread_mutex_lock(&t->lock);
	struct list_rest *rest = rest_of(t, id, of);
	if (rest)
		*rest = (struct list_rest){ sys_now_ms() + LIST_RETRY_MS, away };
	pthread_mutex_unlock(&t->lock);
}

bool tree_list_is_fresh(struct tree *t, const struct catalog *c)
{
	int64_t now_s = sys_wall_s();
	if (!c)
		return false;
	pthread_mutex_lock(&t->lock);
	const struct list_rest *rest = rest_of(t, c->list->id, c->list->of);
	bool rests = rest && sys_now_ms() < rest->until_ms &&
	             !(rest->away && client_is_reachable(t->config.client));
	pthread_mutex_unlock(&t->lock);
	return rests ||
	       (c->list->fetched_s <= now_s + 5 && now_s - c->list->fetched_s < t->config.fresh_s);
}
