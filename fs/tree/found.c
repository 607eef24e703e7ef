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

/* Never freed while the tree lives, so its texts can be borrowed. */
struct found {
	struct found *next;
	char id[ID_BYTES];
	char *field[LIST_FIELDS];
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

int tree_add_found(struct tree *t, struct list *list, struct list **ret)
{
	struct found **more = NULL;
	size_t n = 0;
	int r = 0;

	pthread_mutex_lock(&t->lock);
	struct found *first = t->found;
	pthread_mutex_unlock(&t->lock);
	if (!first)
		return 0;
	more = calloc(FOUND_MAX, sizeof(*more));
	if (!more)
		return -ENOMEM;
	for (struct found *f = first; f && n < FOUND_MAX; f = f->next)
		if (!list_find(list, f->id))
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

void tree_found(struct tree *t, const struct survey_seen *seen)
{
	size_t n = 0;
	pthread_mutex_lock(&t->lock);
	const struct catalog *c = t->catalogs[LIST_SURVEYS];
	bool known = c && list_find(c->list, seen->id);
	for (const struct found *f = t->found; f && !known; f = f->next, n++)
		known = strcmp(f->id, seen->id) == 0;
	pthread_mutex_unlock(&t->lock);
	if (known || n >= FOUND_MAX)
		return;

	struct found *f = new_found(seen);
	if (!f)
		return;
	pthread_mutex_lock(&t->lock);
	f->next = t->found;
	t->found = f;
	c = t->catalogs[LIST_SURVEYS];
	struct list *list = c ? list_ref(c->list) : NULL;
	pthread_mutex_unlock(&t->lock);
	if (list && tree_set_list(t, list) < 0)
		log_warn("tree", "no memory to list %s", seen->id);
	list_unref(list);
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

	pthread_mutex_lock(&t->lock);
	a->next = t->absent;
	t->absent = a;
	struct absent **link = &a->next, *dropped = NULL;
	while (*link) {
		struct absent *x = *link;
		if (x->until_s > now_s && ++n < ABSENT_MAX) {
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
	int64_t responses = seen->counts[0] > seen->counts[1] ? seen->counts[0] : seen->counts[1];

	pthread_mutex_lock(&t->lock);
	struct place *p = place_get(t, node_row(ROW_SURVEY), seen->id);
	if (p) {
		p->seen = true;
		p->seen_s = sys_wall_s();
		p->responses = responses;
		p->columns = seen->columns;
	}
	pthread_mutex_unlock(&t->lock);
	tree_found(t, seen);
}
