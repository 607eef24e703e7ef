/* found.c: what only a name has shown: surveys in no list of the account that exist all the same,
 * and ids that the service did not know.
 *
 * The former are kept in the state folder as a list of their own, lists/surveys-found.ndjson: all
 * mounts read it whenever they put a list in place, so what one has found the others list, and what
 * the service does not know any more is in none. */
#include "keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#include "checks.h"

#define ABSENT_S 60    /* a 404 is remembered for a minute */
#define ABSENT_MAX 256 /* more are asked again */
#define FOUND_MAX 4096
#define FOUND_OF "found" /* what their list belongs to, instead of the account */
#define ID_BYTES 48

/* Guarded by catalog_lock. */
struct found {
	struct found *next;
	char id[ID_BYTES];
	char *field[LIST_FIELDS];
	bool kept; /* as the file has it */
	bool gone; /* the service does not know it any more: in no later list */
};

struct absent {
	struct absent *next;
	int64_t until_s;
	char id[ID_BYTES];
};

static void free_found(struct found *f)
{
	for (size_t i = 0; f && i < LIST_FIELDS; i++)
		free(f->field[i]);
	free(f);
}

static struct found *new_found(const char *id, const char *const field[LIST_FIELDS])
{
	size_t n = strlen(id);
	struct found *f = n < ID_BYTES ? calloc(1, sizeof(*f)) : NULL;
	if (!f)
		return NULL;
	memcpy(f->id, id, n + 1);
	for (size_t i = 0; i < LIST_FIELDS; i++) {
		f->field[i] = strdup(field[i] ? field[i] : "");
		if (!f->field[i]) {
			free_found(f);
			return NULL;
		}
	}
	return f;
}

static struct found **find_at(struct tree *t, const char *id)
{
	struct found **at = &t->found;
	while (*at && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	return at;
}

static void drop_at(struct found **at)
{
	struct found *f = *at;
	*at = f->next;
	free_found(f);
}

/* In place of what was known of it. False: no memory, or no room. */
static bool put_found(struct tree *t, const char *id, const char *const field[LIST_FIELDS],
                      bool kept)
{
	size_t n = 0;
	struct found **at = find_at(t, id);

	for (const struct found *f = t->found; f; f = f->next)
		n++;
	struct found *f = *at || n < FOUND_MAX ? new_found(id, field) : NULL;
	if (!f)
		return false;
	if (*at)
		drop_at(at);
	f->kept = kept;
	f->next = t->found;
	t->found = f;
	return true;
}

/* --- the file -------------------------------------------------------------------------------- */

/* The file's list without an id; an empty one, if there is none that can be read. */
static int load_without(struct tree *t, const char *id, struct list **ret)
{
	struct list *was = NULL, *made = NULL;

	int r = list_load(LIST_SURVEYS, FOUND_OF, t->config.dirs, &was);
	if (r == -ENOMEM)
		return r;
	r = list_new(LIST_SURVEYS, FOUND_OF, &made);
	for (size_t i = 0; r == 0 && was && i < was->n; i++)
		if (strcmp(was->items[i].id, id) != 0)
			r = list_add_texts(made, was->items[i].id, was->items[i].field);
	list_unref(was);
	if (r < 0)
		list_unref(made);
	else
		*ret = made;
	return r;
}

/* The note names an id: the file has it afterwards, or not, as we know it. */
static int write_found(struct tree *t, const struct note *note)
{
	struct list *list;

	int r = load_without(t, note->arg, &list);
	if (r < 0)
		return r;
	pthread_mutex_lock(&t->catalog_lock);
	const struct found *f = *find_at(t, note->arg);
	if (f && !f->gone && list->n < FOUND_MAX)
		r = list_add_texts(list, f->id, (const char *const *)f->field);
	pthread_mutex_unlock(&t->catalog_lock);
	list_seal(list);
	if (r == 0)
		r = list_save(list, t->config.dirs);
	list_unref(list);

	pthread_mutex_lock(&t->catalog_lock);
	struct found *now = *find_at(t, note->arg);
	if (now && r == 0)
		now->kept = true;
	pthread_mutex_unlock(&t->catalog_lock);
	return r;
}

static void keep_found(struct tree *t, const char *id)
{
	struct note *n = note_new(id);
	if (!n)
		return;
	n->write = write_found;
	n->what = "a survey that was found by its id";
	keep(t, n);
}

/* What the file has is what all mounts know; what is ours is not in it yet. */
static void read_file(struct tree *t)
{
	struct list *file = NULL;

	int r = list_load(LIST_SURVEYS, FOUND_OF, t->config.dirs, &file);
	if (r < 0 && r != -ENOENT)
		return; /* damaged: it is written anew when something is found */
	for (struct found **at = &t->found; *at;) {
		bool there = file && list_find(file, (*at)->id);
		if ((*at)->kept && !((*at)->gone && there))
			drop_at(at);
		else
			at = &(*at)->next;
	}
	for (size_t i = 0; file && i < file->n; i++)
		if (!*find_at(t, file->items[i].id))
			(void)put_found(t, file->items[i].id, file->items[i].field, true);
	list_unref(file);
}

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
	size_t n = 0;
	int r = 0;

	read_file(t);
	struct found **more = t->found ? calloc(FOUND_MAX, sizeof(*more)) : NULL;
	if (!t->found)
		return 0;
	if (!more)
		return -ENOMEM;
	for (struct found *f = t->found; f && n < FOUND_MAX; f = f->next) {
		bool listed = list_find(list, f->id);
		if (listed && !f->gone) {
			/* The account shows it: when it does not any more, it is not ours to show.
			 */
			f->gone = true;
			keep_found(t, f->id);
		} else if (!f->gone) {
			more[n++] = f;
		}
	}
	if (n)
		r = merge(list, more, n, ret);
	free(more);
	return r;
}

/* --- what is found, and what is not ---------------------------------------------------------- */

static bool says(const struct list_item *item, const char *const field[LIST_FIELDS])
{
	for (size_t i = 0; i < LIST_FIELDS; i++)
		if (strcmp(item->field[i], field[i] ? field[i] : "") != 0)
			return false;
	return true;
}

/* Shown by the account's list, or found before and the same since. */
static bool is_known(const struct catalog *c, const char *id, const char *const field[LIST_FIELDS])
{
	const struct list_item *item = c ? list_find(c->list, id) : NULL;
	return !c || list_find(c->told, id) || (item && says(item, field));
}

/* An id that no list shows exists after all, or does not. Takes catalog_lock and tree.lock. */
static void tree_found(struct tree *t, const struct survey_seen *seen)
{
	const char *const field[LIST_FIELDS] = {
		[SURVEY_NAME] = seen->name,
		[SURVEY_CREATED] = seen->created,
		[SURVEY_MODIFIED] = seen->last_modified,
	};
	struct catalog *c = tree_catalog(t, LIST_SURVEYS, "");
	bool known = is_known(c, seen->id, field);
	catalog_unref(c);
	if (known)
		return;

	pthread_mutex_lock(&t->catalog_lock);
	c = tree_catalog(t, LIST_SURVEYS, "");
	bool found = !is_known(c, seen->id, field) && put_found(t, seen->id, field, false);
	if (found)
		keep_found(t, seen->id);
	if (found && catalog_set(t, c->told) < 0)
		log_warn("tree", "no memory to list %s", seen->id);
	catalog_unref(c);
	pthread_mutex_unlock(&t->catalog_lock);
}

static void forget_found(struct tree *t, const char *id)
{
	pthread_mutex_lock(&t->catalog_lock);
	struct found *f = *find_at(t, id);
	struct catalog *c = f && !f->gone ? tree_catalog(t, LIST_SURVEYS, "") : NULL;
	if (c) {
		f->gone = true;
		keep_found(t, id);
		if (catalog_set(t, c->told) < 0)
			log_warn("tree", "no memory for a list without %s", id);
	}
	catalog_unref(c);
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

	if (seen->refused) {
		renew_exports(t, seen);
		return;
	}
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
