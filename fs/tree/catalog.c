/* catalog.c: a list as the tree shows it: with names that are safe and unique, and which folders
 * choose what. Made whole, off the lock, and then put in place of the former one; whoever lists
 * keeps the one it began with. */
#include "house.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

#include "names.h"

#define RECENT 50 /* surveys in recent/ */

static const char *field_of(const struct list_item *item, int field)
{
	return field < 0 ? "" : item->field[field];
}

static int fill_names(struct catalog *c, struct reserved *kept)
{
	const struct list_row *row = list_row(c->list->id);
	size_t n = c->list->n;
	struct named *named = calloc(n + 1, sizeof(*named));
	c->names = calloc(n + 1, sizeof(*c->names));
	if (!named || !c->names) {
		free(named);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		const struct list_item *item = &c->list->items[i];
		named[i].id = item->id;
		named[i].raw = field_of(item, row->name_field);
		named[i].born = field_of(item, row->born_field);
	}
	int r = names_make(named, n, kept);
	for (size_t i = 0; i < n && r == 0; i++)
		c->names[i] = named[i].name;
	free(named);
	return r;
}

static int by_name(const void *a, const void *b, void *names)
{
	char **all = names;
	return strcmp(all[*(const size_t *)a], all[*(const size_t *)b]);
}

static int by_modification(const void *a, const void *b, void *items)
{
	const struct list_item *all = items;
	const struct list_item *x = &all[*(const size_t *)a], *y = &all[*(const size_t *)b];
	int r = strcmp(y->field[SURVEY_MODIFIED], x->field[SURVEY_MODIFIED]);
	return r ? r : strcmp(x->id, y->id);
}

static int choose(struct catalog *c, const char *user)
{
	struct list *l = c->list;
	size_t *order = calloc(l->n + 1, sizeof(*order));

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		order[i] = i;
		if (strcmp(l->items[i].field[SURVEY_ACTIVE], "true") == 0)
			c->choices[i] |= CHOICE_ACTIVE;
		if (user[0] && strcmp(l->items[i].field[SURVEY_OWNER], user) == 0)
			c->choices[i] |= CHOICE_MINE;
	}
	qsort_r(order, l->n, sizeof(*order), by_modification, l->items);
	for (size_t i = 0; i < l->n && i < RECENT; i++)
		c->choices[order[i]] |= CHOICE_RECENT;
	free(order);
	return 0;
}

/* The later of an item's dates. */
static int64_t moment_of(const struct list_row *row, const struct list_item *item)
{
	int64_t modified_s = list_moment(item, row->modified_field);
	int64_t created_s = list_moment(item, row->born_field);
	return modified_s > created_s ? modified_s : created_s;
}

static int fill(struct catalog *c, const char *user, struct reserved *kept)
{
	struct list *l = c->list;

	c->by_name = calloc(l->n + 1, sizeof(*c->by_name));
	c->choices = calloc(l->n + 1, sizeof(*c->choices));
	if (!c->by_name || !c->choices)
		return -ENOMEM;
	int r = fill_names(c, kept);
	if (r == 0 && l->id == LIST_SURVEYS)
		r = choose(c, user);
	if (r < 0)
		return r;
	for (size_t i = 0; i < l->n; i++) {
		int64_t at_s = moment_of(list_row(l->id), &l->items[i]);
		c->newest_s = at_s > c->newest_s ? at_s : c->newest_s;
		c->by_name[i] = i;
	}
	qsort_r(c->by_name, l->n, sizeof(*c->by_name), by_name, c->names);
	return 0;
}

int catalog_new(struct list *list, struct list *told, const char *user, struct reserved *kept,
                struct catalog **ret)
{
	struct catalog *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	atomic_init(&c->refs, 1);
	c->list = list_ref(list);
	c->told = list_ref(told);
	int r = fill(c, user, kept);
	if (r < 0) {
		catalog_unref(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct catalog *catalog_ref(struct catalog *c)
{
	if (c)
		atomic_fetch_add(&c->refs, 1);
	return c;
}

void catalog_unref(struct catalog *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	for (size_t i = 0; c->names && i < c->list->n; i++)
		free(c->names[i]);
	free(c->names);
	free(c->by_name);
	free(c->choices);
	list_unref(c->list);
	list_unref(c->told);
	free(c);
}

const char *catalog_name(const struct catalog *c, const struct list_item *item)
{
	return c->names[item - c->list->items];
}

bool catalog_has_choice(const struct catalog *c, const struct list_item *item, unsigned choice)
{
	return c->choices[item - c->list->items] & choice;
}

const struct list_item *catalog_find_name(const struct catalog *c, const char *name)
{
	size_t low = 0, high = c->list->n, len;
	const char *id_at;
	char id[48];

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = strcmp(c->names[c->by_name[middle]], name);
		if (r == 0)
			return &c->list->items[c->by_name[middle]];
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (!name_ends_in_id(name, &id_at, &len) || len >= sizeof(id))
		return NULL;
	memcpy(id, id_at, len);
	id[len] = 0;
	return list_find(c->list, id);
}
