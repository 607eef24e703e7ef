/* found.c: what only a name has shown: surveys in no list of the account that exist all the same,
 * and ids that the service did not know. */
#include "house.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define ABSENT_S 60    /* a 404 is remembered for a minute */
#define ABSENT_MAX 256 /* more are asked again */
#define FOUND_MAX 4096
#define ID_BYTES 48

struct found {
	struct found *next;
	char id[ID_BYTES];
	char *field[LIST_FIELDS];
	bool gone; /* the service does not know it any more: in no later list */
};

struct absent {
	struct absent *next;
	int64_t until_s;
	char id[ID_BYTES];
};

/* The list and, after it, those that it does not have. */
static int merge(const struct list *list, struct found *const *more, size_t n, struct list **ret)
{
	struct list *all;
	int r = list_new(list->id, list->of, &all);
	if (r < 0)
		return r;

	for (size_t i = 0; i < list->n && r == 0; i++)
		r = list_add_texts(all, list->items[i].id, list->items[i].field);
	for (size_t i = 0; i < n && r == 0; i++)
		r = list_add_texts(all, more[i]->id, (const char *const *)more[i]->field);
	if (r < 0) {
		list_unref(all);
		return r;
	}
	all->fetched_s = list->fetched_s;
	list_seal(all);
	*ret = all;
	return 0;
}

int found_add(struct tree *t, struct list *list, struct list **ret)
{
	struct found **more = t->found ? calloc(FOUND_MAX, sizeof(*more)) : NULL;
	size_t n = 0;
	int r = 0;

	if (!t->found)
		return 0;
	if (!more)
		return -ENOMEM;
	for (struct found *f = t->found; f && n < FOUND_MAX; f = f->next)
		if (!f->gone && !list_find(list, f->id))
			more[n++] = f;
	if (n)
		r = merge(list, more, n, ret);
	free(more);
	return r;
}

static void free_found(struct found *f)
{
	for (size_t i = 0; f && i < LIST_FIELDS; i++)
		free(f->field[i]);
	free(f);
}

static struct found *new_found(const struct survey_seen *seen)
{
	const char *const texts[LIST_FIELDS] = {
		[SURVEY_NAME] = seen->name,
		[SURVEY_CREATED] = seen->created,
		[SURVEY_MODIFIED] = seen->last_modified,
	};
	size_t n = strlen(seen->id);
	struct found *f = n < ID_BYTES ? calloc(1, sizeof(*f)) : NULL;
	if (!f)
		return NULL;
	memcpy(f->id, seen->id, n + 1);
	for (size_t i = 0; i < LIST_FIELDS; i++) {
		f->field[i] = strdup(texts[i] ? texts[i] : "");
		if (!f->field[i]) {
			free_found(f);
			return NULL;
		}
	}
	return f;
}

/* Remembers it; false: there is no room. catalog_lock held. */
static bool remember(struct tree *t, const struct survey_seen *seen)
{
	size_t n = 0;
	struct found *f = t->found;

	for (; f && strcmp(f->id, seen->id) != 0; f = f->next)
		n++;
	if (!f && n < FOUND_MAX && (f = new_found(seen))) {
		f->next = t->found;
		t->found = f;
	}
	if (f)
		f->gone = false;
	return f;
}

void tree_found(struct tree *t, const struct survey_seen *seen)
{
	struct catalog *c = tree_catalog(t, LIST_SURVEYS, "");
	bool known = !c || list_find(c->list, seen->id);
	catalog_unref(c);
	if (known)
		return;

	pthread_mutex_lock(&t->catalog_lock);
	c = tree_catalog(t, LIST_SURVEYS, "");
	if (c && remember(t, seen) && catalog_set(t, c->list) < 0)
		log_warn("tree", "no memory to list %s", seen->id);
	catalog_unref(c);
	pthread_mutex_unlock(&t->catalog_lock);
}

static void forget_found(struct tree *t, const char *id)
{
	pthread_mutex_lock(&t->catalog_lock);
	for (struct found *f = t->found; f; f = f->next)
		if (strcmp(f->id, id) == 0)
			f->gone = true;
	pthread_mutex_unlock(&t->catalog_lock);
}

void tree_absent(struct tree *t, const char *id)
{
	int64_t now_s = sys_now_ms() / 1000;
	size_t n = 0;
	struct absent *a = calloc(1, sizeof(*a));
	if (!a || strlen(id) >= sizeof(a->id)) {
		free(a);
		return;
	}
	memcpy(a->id, id, strlen(id) + 1);
	a->until_s = now_s + ABSENT_S;
	forget_found(t, id);

	pthread_mutex_lock(&t->lock);
	a->next = t->absent;
	t->absent = a;
	struct absent **link = &a->next, *dropped = NULL;
	while (*link) {
		struct absent *x = *link;
		if (x->until_s > now_s && strcmp(x->id, id) != 0 && ++n < ABSENT_MAX) {
			link = &x->next;
			continue;
		}
		*link = x->next;
		x->next = dropped;
		dropped = x;
	}
	pthread_mutex_unlock(&t->lock);
	while (dropped) {
		struct absent *x = dropped;
		dropped = x->next;
		free(x);
	}
}

bool tree_is_absent(struct tree *t, const char *id)
{
	int64_t now_s = sys_now_ms() / 1000;
	pthread_mutex_lock(&t->lock);
	const struct absent *a = t->absent;
	while (a && (a->until_s <= now_s || strcmp(a->id, id) != 0))
		a = a->next;
	pthread_mutex_unlock(&t->lock);
	return a != NULL;
}

void tree_forget_found(struct tree *t)
{
	while (t->found) {
		struct found *f = t->found;
		t->found = f->next;
		free_found(f);
	}
	while (t->absent) {
		struct absent *a = t->absent;
		t->absent = a->next;
		free(a);
	}
}

void tree_seen(void *arg, const struct survey_seen *seen)
{
	struct tree *t = arg;
	int64_t responses = counted_responses(seen->counts);

	pthread_mutex_lock(&t->lock);
	struct place *p = place_get(t, node_row(ROW_SURVEY), seen->id);
	if (p) {
		p->seen = true;
		p->seen_ms = sys_now_ms();
		p->responses = responses;
		p->columns = seen->columns;
	}
	pthread_mutex_unlock(&t->lock);
	if (seen->on_pool)
		renew_exports(t, seen);
	tree_found(t, seen);
}
