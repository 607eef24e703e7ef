/* catalog.c: the list of surveys as the tree shows it: with names, and with what was found by name.
 *
 * A catalog is made whole, off tree.lock, and then put in place of the former one; whoever lists
 * keeps the one it began with. catalog_lock lets one thread make one: else of two the later could
 * be the older. */
#include "house.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#include "names.h"

#define ABSENT_S 60    /* a 404 is remembered for a minute */
#define ABSENT_MAX 256 /* more are asked again */
#define FOUND_MAX 4096

struct found {
	struct found *next;
	char *line; /* the element as a list's page would hold it */
	bool gone;  /* the service does not know it any more: in no later list */
	char id[48];
};

struct absent {
	struct absent *next;
	int64_t until_s;
	char id[48];
};

static int fill_names(struct catalog *c)
{
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
		named[i].raw = item->field[SURVEY_NAME];
		named[i].born = item->field[SURVEY_CREATED];
	}
	int r = names_make(named, n);
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

int catalog_new(struct list *list, struct catalog **ret)
{
	struct catalog *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	atomic_init(&c->refs, 1);
	c->list = list_ref(list);
	c->by_name = calloc(list->n + 1, sizeof(*c->by_name));
	int r = c->by_name ? fill_names(c) : -ENOMEM;
	if (r < 0) {
		catalog_unref(c);
		return r;
	}
	for (size_t i = 0; i < list->n; i++)
		c->by_name[i] = i;
	qsort_r(c->by_name, list->n, sizeof(*c->by_name), by_name, c->names);
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
	list_unref(c->list);
	free(c);
}

const char *catalog_name(const struct catalog *c, const struct list_item *item)
{
	return c->names[item - c->list->items];
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

struct catalog *tree_catalog(struct tree *t)
{
	pthread_mutex_lock(&t->lock);
	struct catalog *c = catalog_ref(t->catalog);
	pthread_mutex_unlock(&t->lock);
	return c;
}

/* --- what was found by name ------------------------------------------------------------------ */

static int add_line(struct list *list, const char *line)
{
	struct json *j;
	int r = json_parse(line, strlen(line), &j);
	if (r < 0)
		return r;
	r = list_add(list, j);
	json_free(j);
	return r;
}

static int copy_item(struct list *to, const struct list_item *item)
{
	const struct list_row *row = list_row(to->id);
	struct buf line = { 0 };

	buf_addf(&line, "{\"%s\":", row->id_member);
	buf_add_json(&line, item->id);
	for (size_t i = 0; i < LIST_FIELDS && row->fields[i]; i++) {
		buf_addf(&line, ",\"%s\":", row->fields[i]);
		buf_add_json(&line, item->field[i]);
	}
	buf_add_str(&line, "}");
	int r = buf_failed(&line) ? -ENOMEM : add_line(to, buf_text(&line));
	buf_done(&line);
	return r;
}

/* The service's list and, after it, what only a name has shown: a copy of the lines of `found`. */
static int merge(struct list *list, char **lines, size_t n, struct list **ret)
{
	struct list *all = list_new(list->id);
	int r = all ? 0 : -ENOMEM;

	for (size_t i = 0; i < list->n && r == 0; i++)
		r = copy_item(all, &list->items[i]);
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_line(all, lines[i]);
	if (r < 0) {
		list_unref(all);
		return r;
	}
	all->fetched_s = list->fetched_s;
	list_seal(all);
	*ret = all;
	return 0;
}

/* Lines of those that the list does not have, borrowed. catalog_lock held. */
static size_t missing_lines(const struct tree *t, const struct list *list, char *lines[FOUND_MAX])
{
	size_t n = 0;
	for (const struct found *f = t->found; f && n < FOUND_MAX; f = f->next)
		if (!f->gone && !list_find(list, f->id))
			lines[n++] = f->line;
	return n;
}

/* catalog_lock held. */
static int set_list(struct tree *t, struct list *list)
{
	char **lines = calloc(FOUND_MAX, sizeof(*lines));
	struct list *all = NULL;
	struct catalog *made = NULL;

	if (!lines)
		return -ENOMEM;
	size_t n = missing_lines(t, list, lines);
	int r = n ? merge(list, lines, n, &all) : 0;
	free(lines);
	if (r == 0)
		r = catalog_new(all ? all : list, &made);
	list_unref(all);
	if (r < 0)
		return r;

	pthread_mutex_lock(&t->lock);
	struct catalog *former = t->catalog;
	t->catalog = made;
	pthread_mutex_unlock(&t->lock);
	catalog_unref(former);
	return 0;
}

int tree_set_list(struct tree *t, struct list *list)
{
	pthread_mutex_lock(&t->catalog_lock);
	int r = set_list(t, list);
	pthread_mutex_unlock(&t->catalog_lock);
	return r;
}

static struct found *new_found(const struct survey_seen *seen)
{
	struct buf line = { 0 };
	struct found *f = calloc(1, sizeof(*f));

	buf_add_str(&line, "{\"id\":");
	buf_add_json(&line, seen->id);
	buf_add_str(&line, ",\"name\":");
	buf_add_json(&line, seen->name ? seen->name : "");
	buf_add_str(&line, ",\"creationDate\":");
	buf_add_json(&line, seen->created ? seen->created : "");
	buf_add_str(&line, ",\"lastModified\":");
	buf_add_json(&line, seen->last_modified ? seen->last_modified : "");
	buf_add_str(&line, "}");
	if (f)
		f->line = buf_steal(&line);
	buf_done(&line);
	if (!f || !f->line || strlen(seen->id) >= sizeof(f->id)) {
		if (f)
			free(f->line);
		free(f);
		return NULL;
	}
	memcpy(f->id, seen->id, strlen(seen->id) + 1);
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
	struct catalog *c = tree_catalog(t);
	bool known = !c || list_find(c->list, seen->id);
	catalog_unref(c);
	if (known)
		return;

	pthread_mutex_lock(&t->catalog_lock);
	c = tree_catalog(t);
	if (c && remember(t, seen) && set_list(t, c->list) < 0)
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
		free(f->line);
		free(f);
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
