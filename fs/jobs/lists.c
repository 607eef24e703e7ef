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
	[LIST_NONE] = { .name = "nothing" },
	[LIST_SURVEYS] = { .name = "surveys",
	                   .ep = EP_SURVEYS,
	                   .id_member = "id",
	                   .id_prefix = "SV_",
	                   .fields = { "name", "ownerId", "isActive", "creationDate",
	                               "lastModified" },
	                   .name_field = SURVEY_NAME,
	                   .born_field = SURVEY_CREATED,
	                   .modified_field = SURVEY_MODIFIED },
	[LIST_FILTERS] = { .name = "filters",
	                   .ep = EP_FILTERS,
	                   .of = true,
	                   .id_member = "filterId",
	                   .id_prefix = "",
	                   .fields = { "filterName", "creationDate" },
	                   .name_field = FILTER_NAME,
	                   .born_field = FILTER_CREATED,
	                   .modified_field = -1 },
	[LIST_DISTRIBUTIONS] = { .name = "distributions",
	                         .ep = EP_DISTRIBUTIONS,
	                         .of = true,
	                         .query = "surveyId=",
	                         .id_member = "id",
	                         .id_prefix = "EMD_",
	                         .fields = { "requestType", "sendDate" },
	                         .name_field = -1,
	                         .born_field = -1,
	                         .modified_field = -1 },
	[LIST_DIRECTORIES] = { .name = "directories",
	                       .ep = EP_DIRECTORIES,
	                       .query = "includeCount=true",
	                       .id_member = "directoryId",
	                       .id_prefix = "POOL_",
	                       .fields = { "isDefault", LIST_WHOLE },
	                       .name_field = -1,
	                       .born_field = -1,
	                       .modified_field = -1,
	                       .optional = true },
	[LIST_MAILINGLISTS] = { .name = "mailinglists",
	                        .ep = EP_MAILINGLISTS,
	                        .each = LIST_DIRECTORIES,
	                        .query = "useNewPaginationScheme=true",
	                        .id_member = "mailingListId",
	                        .id_prefix = "CG_",
	                        .old_prefix = "ML_",
	                        .fields = { "name", "ownerId", LIST_ABOVE, "creationDate",
	                                    "lastModifiedDate" },
	                        .name_field = MAILINGLIST_NAME,
	                        .born_field = MAILINGLIST_CREATED,
	                        .modified_field = MAILINGLIST_MODIFIED,
	                        .optional = true },
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

int list_new(enum list_id id, const char *of, struct list **ret)
{
	if (strlen(of) >= LIST_OF_BYTES || (of[0] && !id_is_sound(of)))
		return -ENAMETOOLONG;
	struct list *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	atomic_init(&l->refs, 1);
	l->id = id;
	memcpy(l->of, of, strlen(of) + 1);
	l->fetched_s = sys_wall_s();
	*ret = l;
	return 0;
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
static void add_member(struct buf *out, const struct json *element, const char *member,
                       const char *above)
{
	bool truth;
	int64_t whole;

	if (strcmp(member, LIST_WHOLE) == 0) {
		json_add(element, NULL, out);
	} else if (strcmp(member, LIST_ABOVE) == 0) {
		buf_add_str(out, above);
	} else if (!json_text(element, member, out)) {
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
	const char *old = row->old_prefix;
	return id_is_sound(id) && (strncmp(id, row->id_prefix, strlen(row->id_prefix)) == 0 ||
	                           (old && strncmp(id, old, strlen(old)) == 0));
}

/* Takes over `texts`: the id and the fields, each with its NUL. */
static int add_item(struct list *l, struct buf *texts, const size_t at[LIST_FIELDS])
{
	l->bytes += texts->len;
	if (l->bytes > LIST_BYTES_MAX) {
		buf_done(texts);
		return -EFBIG;
	}
	char *block = make_room(l) < 0 ? NULL : buf_steal(texts);
	buf_done(texts);
	if (!block)
		return -ENOMEM;
	l->blocks[l->n_blocks++] = block;
	struct list_item *item = &l->items[l->n++];
	item->id = block;
	for (size_t i = 0; i < LIST_FIELDS; i++)
		item->field[i] = block + at[i];
	return 0;
}

int list_add(struct list *l, const struct json *element, const char *above)
{
	const struct list_row *row = list_row(l->id);
	const char *id = json_str(element, row->id_member);
	if (!id && row->old_prefix)
		id = json_str(element, "id");
	size_t at[LIST_FIELDS] = { 0 };
	struct buf texts = { 0 };

	if (!id || !is_of(row, id))
		return 0;
	buf_add(&texts, id, strlen(id) + 1);
	for (size_t i = 0; i < LIST_FIELDS; i++) {
		at[i] = texts.len;
		if (row->fields[i])
			add_member(&texts, element, row->fields[i], above);
		else
			buf_add(&texts, "", 1);
	}
	return add_item(l, &texts, at);
}

int list_add_texts(struct list *l, const char *id, const char *const field[LIST_FIELDS])
{
	size_t at[LIST_FIELDS] = { 0 };
	struct buf texts = { 0 };

	if (!is_of(list_row(l->id), id))
		return 0;
	buf_add(&texts, id, strlen(id) + 1);
	for (size_t i = 0; i < LIST_FIELDS; i++) {
		const char *text = field[i] ? field[i] : "";
		at[i] = texts.len;
		buf_add(&texts, text, strlen(text) + 1);
	}
	return add_item(l, &texts, at);
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

int64_t list_moment(const struct list_item *item, int field)
{
	int64_t at_s = 0, at_ms;

	if (field < 0 || sys_parse_time(item->field[field], &at_s) == 0)
		return at_s;
	return sys_parse_int(item->field[field], 0, INT64_MAX, &at_ms) == 0 ? at_ms / 1000 : 0;
}

/* --- on disk: a line about the list, then a line for each element ---------------------------- */

#define LIST_NAME_BYTES (LIST_OF_BYTES + 48)

static void file_name(enum list_id id, const char *of, char out[LIST_NAME_BYTES])
{
	(void)snprintf(out, LIST_NAME_BYTES, "lists/%s%s%s.ndjson", list_row(id)->name,
	               of[0] ? "-" : "", of);
}

static void add_line(struct buf *text, const struct list_item *item)
{
	buf_add_str(text, "{\"id\":");
	buf_add_json(text, item->id);
	for (size_t f = 0; f < LIST_FIELDS; f++) {
		buf_add_str(text, f ? "," : ",\"fields\":[");
		buf_add_json(text, item->field[f]);
	}
	buf_add_str(text, "]}\n");
}

int list_save(const struct list *l, const struct dirs *dirs)
{
	struct buf text = { 0 };
	char name[LIST_NAME_BYTES];

	buf_addf(&text, "{\"version\":2,\"fetched_s\":%lld,\"n\":%zu}\n", (long long)l->fetched_s,
	         l->n);
	for (size_t i = 0; i < l->n; i++)
		add_line(&text, &l->items[i]);

	int r = -ENOMEM;
	if (!buf_failed(&text)) {
		file_name(l->id, l->of, name);
		r = dirs_state_write(dirs, name, buf_text(&text), text.len);
	}
	buf_done(&text);
	return r;
}

static int load_head(struct list *l, const struct json *j, int64_t *n_expected)
{
	int64_t version;
	bool good = json_int(j, "version", &version) && version == 2 &&
	            json_int(j, "fetched_s", &l->fetched_s) && json_int(j, "n", n_expected);
	return good ? 0 : -EBADMSG;
}

static int load_item(struct list *l, const struct json *j)
{
	const char *id = json_str(j, "id");
	const char *field[LIST_FIELDS];

	for (size_t f = 0; f < LIST_FIELDS; f++) {
		const struct json *text = json_at(j, "fields", f);
		field[f] = text ? json_str(text, NULL) : NULL;
	}
	return id ? list_add_texts(l, id, field) : -EBADMSG;
}

static int load_line(struct list *l, const char *line, size_t len, bool first, int64_t *n_expected)
{
	struct json *j;
	int r = json_parse(line, len, &j);
	if (r < 0)
		return -EBADMSG;
	r = first ? load_head(l, j, n_expected) : load_item(l, j);
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

int list_load(enum list_id id, const char *of, const struct dirs *dirs, struct list **ret)
{
	struct buf text = { 0 };
	char name[LIST_NAME_BYTES];
	struct list *l = NULL;

	int r = list_new(id, of, &l);
	if (r < 0)
		return -ENOENT; /* no such list can have been kept */
	file_name(id, of, name);
	r = dirs_state_read(dirs, name, LIST_FILE_MAX, &text);
	if (r >= 0)
		r = load_text(l, buf_text(&text), text.len);
	buf_done(&text);
	if (r < 0) {
		list_unref(l);
		return r;
	}
	*ret = l;
	return 0;
}
