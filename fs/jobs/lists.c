/* lists.c: the table of lists, and a list in memory and on disk.
 *
 * Texts are kept in blocks that never move, so items can point into them while the list grows. */
#include <qxfs/jobs/lists.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

#define LIST_FILE_MAX (256u << 20)
#define ID_MAX 64
#define LIST_BYTES_MAX (200u << 20) /* of texts: its file stays below LIST_FILE_MAX */

static const struct list_row list_rows[] = {
	[LIST_SURVEYS] = { "surveys",
	                   EP_SURVEYS,
	                   "id",
	                   "SV_",
	                   { "name", "ownerId", "isActive", "creationDate", "lastModified" } },
};
static_assert(countof(list_rows) == LIST_N_, "every list has its row");

const struct list_row *list_row(enum list_id id)
{
	return &list_rows[id];
}

int id_is_sound(const char *id)
{
	size_t n = 0;
	for (; id[n]; n++)
		if (!isalnum((unsigned char)id[n]) && id[n] != '_' && id[n] != '-')
			return 0;
	return n > 0 && n <= ID_MAX;
}

struct list *list_new(enum list_id id)
{
	struct list *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	atomic_init(&l->refs, 1);
	l->id = id;
	l->fetched_s = sys_wall_s();
	return l;
}

struct list *list_ref(struct list *l)
{
	atomic_fetch_add(&l->refs, 1);
	return l;
}

void list_unref(struct list *l)
{
	if (!l || atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	for (size_t i = 0; i < l->n_blocks; i++)
		free(l->blocks[i]);
	free(l->blocks);
	free(l->items);
	free(l);
}

static int make_room(struct list *l)
{
	if (l->n < l->cap)
		return 0;
	size_t cap = l->cap ? l->cap * 2 : 128;
	struct list_item *items = realloc(l->items, cap * sizeof(*items));
	if (!items)
		return -ENOMEM;
	l->items = items;
	char **blocks = realloc(l->blocks, cap * sizeof(*blocks));
	if (!blocks)
		return -ENOMEM;
	l->blocks = blocks;
	l->cap = cap;
	return 0;
}

/* A member as text, with its NUL: strings as they are, booleans and whole numbers spelled out. */
static void add_member(struct buf *out, const struct json *element, const char *member)
{
	bool truth;
	int64_t whole;

	if (!json_text(element, member, out)) {
		if (json_bool(element, member, &truth))
			buf_add_str(out, truth ? "true" : "false");
		else if (json_int(element, member, &whole))
			buf_addf(out, "%lld", (long long)whole);
	}
	buf_add(out, "", 1);
}

/* Begins as the ids of this list do: one like "by-name" would hide a file of ours. */
static bool is_of(const struct list_row *row, const char *id)
{
	return id_is_sound(id) && strncmp(id, row->id_prefix, strlen(row->id_prefix)) == 0;
}

int list_add(struct list *l, const struct json *element)
{
	const struct list_row *row = list_row(l->id);
	const char *id = json_str(element, row->id_member);
	size_t at[LIST_FIELDS] = { 0 };
	struct buf texts = { 0 };

	if (!id || !is_of(row, id))
		return 0;
	buf_add(&texts, id, strlen(id) + 1);
	for (size_t i = 0; i < LIST_FIELDS; i++) {
		at[i] = texts.len;
		if (row->fields[i])
			add_member(&texts, element, row->fields[i]);
		else
			buf_add(&texts, "", 1);
	}

	l->bytes += texts.len;
	if (l->bytes > LIST_BYTES_MAX) {
		buf_done(&texts);
		return -EFBIG;
	}
	char *block = make_room(l) < 0 ? NULL : buf_steal(&texts);
	buf_done(&texts);
	if (!block)
		return -ENOMEM;
	l->blocks[l->n_blocks++] = block;
	struct list_item *item = &l->items[l->n++];
	item->id = block;
	for (size_t i = 0; i < LIST_FIELDS; i++)
		item->field[i] = block + at[i];
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct list_item *)a)->id, ((const struct list_item *)b)->id);
}

void list_seal(struct list *l)
{
	if (l->n > 1)
		qsort(l->items, l->n, sizeof(l->items[0]), by_id);
	size_t kept = 0;
	for (size_t i = 0; i < l->n; i++)
		if (!kept || strcmp(l->items[kept - 1].id, l->items[i].id) != 0)
			l->items[kept++] = l->items[i];
	l->n = kept;
}

const struct list_item *list_find(const struct list *l, const char *id)
{
	struct list_item key = { .id = id };
	return l->n ? bsearch(&key, l->items, l->n, sizeof(key), by_id) : NULL;
}

/* --- on disk: a line about the list, then a line for each element ---------------------------- */

static void file_name(enum list_id id, char *out, size_t size)
{
	snprintf(out, size, "lists/%s.ndjson", list_row(id)->name);
}

int list_save(const struct list *l, const struct dirs *dirs)
{
	const struct list_row *row = list_row(l->id);
	struct buf text = { 0 };
	char name[64];

	buf_addf(&text, "{\"version\":1,\"fetched_s\":%lld,\"n\":%zu}\n", (long long)l->fetched_s,
	         l->n);
	for (size_t i = 0; i < l->n; i++) {
		buf_addf(&text, "{\"%s\":", row->id_member);
		buf_add_json(&text, l->items[i].id);
		for (size_t f = 0; f < LIST_FIELDS && row->fields[f]; f++) {
			buf_addf(&text, ",\"%s\":", row->fields[f]);
			buf_add_json(&text, l->items[i].field[f]);
		}
		buf_add_str(&text, "}\n");
	}

	int r = -ENOMEM;
	if (!buf_failed(&text)) {
		file_name(l->id, name, sizeof(name));
		r = dirs_state_write(dirs, name, buf_text(&text), text.len);
	}
	buf_done(&text);
	return r;
}

static int load_line(struct list *l, const char *line, size_t len, bool first, int64_t *n_expected)
{
	struct json *j;
	int r = json_parse(line, len, &j);
	if (r < 0)
		return -EBADMSG;
	if (!first)
		r = list_add(l, j);
	else if (!json_int(j, "fetched_s", &l->fetched_s) || !json_int(j, "n", n_expected))
		r = -EBADMSG;
	json_free(j);
	return r;
}

static int load_text(struct list *l, const char *text, size_t len)
{
	int64_t expected = -1;
	bool first = true;

	for (const char *end = text + len; text < end; first = false) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		if (!stop)
			return -EBADMSG;
		int r = load_line(l, text, (size_t)(stop - text), first, &expected);
		if (r < 0)
			return r;
		text = stop + 1;
	}
	list_seal(l);
	return expected == (int64_t)l->n ? 0 : -EBADMSG;
}

int list_load(enum list_id id, const struct dirs *dirs, struct list **ret)
{
	struct buf text = { 0 };
	char name[64];

	file_name(id, name, sizeof(name));
	int r = dirs_state_read(dirs, name, LIST_FILE_MAX, &text);
	struct list *l = r < 0 ? NULL : list_new(id);
	if (r >= 0)
		r = l ? load_text(l, buf_text(&text), text.len) : -ENOMEM;
	buf_done(&text);
	if (r < 0) {
		list_unref(l);
		return r;
	}
	*ret = l;
	return 0;
}
