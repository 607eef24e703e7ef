/* content.c: from a row and its argument to the recipe that makes its bytes. The cache key is made
 * of what the service is asked, not of the path: now/responses.csv and responses.csv are one. */
#include "contents.h"

#include "house.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/api/paths.h>
#include <qxfs/base/sys.h>

#include "ids.h"
#include "search.h"
#include "spans.h"

/* The id of the saved filter that component 1 names. */
static int add_filter(struct tree *t, const struct content *c, struct buf *out)
{
	struct catalog *catalog = tree_catalog(t, LIST_FILTERS, c->parts[0]);
	if (!catalog)
		return -EAGAIN;
	const struct list_item *item = catalog_find_name(catalog, c->parts[1]);
	if (item)
		buf_addf(out, ",\"filterId\":\"%s\"", item->id); /* sound: list_add */
	catalog_unref(catalog);
	return item ? 0 : -ENOENT;
}

/* What the folder adds to the POST. */
static int add_folder(struct tree *t, const struct node_row *row, const struct content *c,
                      struct buf *out)
{
	switch (node_row(row->parent)->hole) {
	case HOLE_FILTER:
		return add_filter(t, c, out);
	case HOLE_DATES:
		return span_add_dates(c->parts[1], t->zone, out);
	case HOLE_WITH:
		return span_add_with(c->parts[1], row->source.form, out);
	default:
		return 0;
	}
}

bool content_is_always_new(const struct node_row *row, const char *arg)
{
	enum hole hole = node_row(row->parent)->hole;
	char name[ARG_MAX_BYTES];

	if (row->source.kind != SOURCE_FORM)
		return false;
	if (row->source.form->flags & FORM_UNFINISHED || hole == HOLE_FILTER)
		return true;
	return hole == HOLE_WITH && arg_part(arg, 1, name) && span_is_uncounted(name);
}

/* All finished responses: not in dates/, with/ and filters/. */
static bool is_whole(const struct node_row *row)
{
	enum hole hole = node_row(row->parent)->hole;

	return !(row->source.form->flags & FORM_UNFINISHED) && hole != HOLE_DATES &&
	       hole != HOLE_WITH && hole != HOLE_FILTER;
}

static int make_export(struct tree *t, const struct node_row *row, const char *arg,
                       struct content *c)
{
	const struct form *form = row->source.form;

	buf_addf(&c->body, "{%s", form->members);
	int r = add_folder(t, row, c, &c->body);
	if (r < 0)
		return r;
	buf_add_str(&c->body, "}");
	c->recipe.kind = JOB_EXPORT;
	c->recipe.args[0] = c->parts[0];
	c->recipe.body = buf_text(&c->body);
	c->recipe.utf16 = form->flags & FORM_UTF16;
	c->recipe.rows = form->rows;
	c->recipe.whole = is_whole(row);
	c->recipe.grows = c->recipe.whole && form->flags & FORM_GROWS;
	if (node_row(row->parent)->hole == HOLE_DATES && form->rows == ROWS_CSV)
		c->recipe.has_span =
			span_of(c->parts[1], t->zone, &c->recipe.from_s, &c->recipe.to_s) == 0;
	c->recipe.check = content_is_always_new(row, arg) ? JOB_CHECK_NONE : JOB_CHECK_COUNTS;
	buf_addf(&c->key, "%s/export/%s?%s", t->config.account, c->parts[0], buf_text(&c->body));
	if (c->recipe.utf16) /* what is cached is what is served */
		buf_add_str(&c->key, "#utf8");
	return 0;
}

/* The directory of the mailing list that component 0 is. */
static int find_directory(struct tree *t, struct content *c)
{
	struct catalog *catalog = tree_catalog(t, LIST_MAILINGLISTS, "");
	if (!catalog)
		return -EAGAIN;
	const struct list_item *item = list_find(catalog->list, c->parts[0]);
	const char *id = item ? item->field[MAILINGLIST_DIRECTORY] : "";
	bool found = id_is_sound(id);
	if (found)
		memcpy(c->directory, id, strlen(id) + 1); /* LIST_OF_BYTES holds a sound id */
	catalog_unref(catalog);
	return found ? 0 : -ENOENT;
}

/* What the endpoint's path takes. */
static int add_args(struct tree *t, const struct source *source, int parts, struct content *c)
{
	const char *which = source->args ? source->args : "01";
	int r = 0;

	for (int n = 0; r == 0 && *which && (*which == 'd' || *which - '0' < parts); which++) {
		bool directory = *which == 'd';
		if (directory)
			r = find_directory(t, c);
		c->recipe.args[n] = directory ? c->directory : c->parts[*which - '0'];
		buf_addf(&c->key, "/%s", c->recipe.args[n++]);
	}
	return r;
}

static void add_query(const struct source *source, struct content *c)
{
	if (!source->query)
		return;
	for (const char *p = source->query; *p; p++) {
		if (*p == '{' && p[1] && p[2] == '}') {
			buf_add_url(&c->query, c->parts[p[1] - '0']);
			p += 2;
		} else {
			buf_add(&c->query, p, 1);
		}
	}
	c->recipe.query = buf_text(&c->query);
	buf_addf(&c->key, "?%s", buf_text(&c->query));
}

/* What a search is for. */
static int add_search(const struct node_row *row, struct content *c)
{
	enum hole hole = hole_of_part(row, 1);
	int r = 0;

	if (hole == HOLE_EMAIL)
		r = search_email_body(c->parts[1], &c->body);
	else if (hole == HOLE_SEARCH)
		r = search_body(c->parts[1], &c->body);
	if (r == 0 && c->body.len) {
		c->recipe.body = buf_text(&c->body);
		buf_addf(&c->key, "?%s", c->recipe.body);
	}
	return r;
}

static int make_document(struct tree *t, const struct node_row *row, struct content *c)
{
	struct source source = row->source;
	bool pages = source.kind == SOURCE_PAGES;

	if (source.old_ep && id_is_old_mailinglist(c->parts[0])) {
		source.ep = source.old_ep;
		source.shape = source.old_shape;
		source.member = source.old_member;
		source.args = "0";
		source.query = NULL;
	}
	c->recipe.kind = pages ? JOB_PAGES : JOB_DOCUMENT; /* of no matter for a stream */
	c->recipe.ep = source.ep;
	c->recipe.verbatim = source.verbatim;
	c->recipe.shape = source.shape;
	c->recipe.id_member = source.member;
	c->recipe.is_id = source.is_id;
	buf_addf(&c->key, "%s/%s", t->config.account, endpoint_row(source.ep)->name);
	int r = add_args(t, &source, row->parts, c);
	add_query(&source, c);
	if (r == 0)
		r = add_search(row, c);
	if (pages)
		buf_addf(&c->key, "#%d", (int)source.shape);
	return r;
}

static int make_live(const char *arg, struct content *c)
{
	struct qx_fail unread; /* live_judge has told it */

	int r = path_parse(arg, &c->path, &c->query, &unread);
	c->recipe.kind = JOB_LIVE;
	c->recipe.ep = EP_API;
	c->recipe.args[0] = buf_text(&c->path);
	c->recipe.query = c->query.len ? buf_text(&c->query) : NULL;
	return r;
}

static int add_base(struct tree *t, const struct node_row *row, const char *arg, int i,
                    struct content *c)
{
	c->bases[i] = calloc(1, sizeof(*c->bases[i]));
	if (!c->bases[i])
		return -ENOMEM;
	int r = content_make(t, row, arg, c->bases[i]);
	if (r == 0)
		c->recipe.bases[i] = &c->bases[i]->recipe;
	return r;
}

/* Its key is its base's, what is made of it, and in which zone. */
static int make_derived(struct tree *t, const struct node_row *row, const char *arg,
                        struct content *c)
{
	char base_arg[ARG_MAX_BYTES];

	c->recipe.kind = JOB_DERIVED;
	c->recipe.render = row->source.render;
	node_base_arg(row, arg, base_arg);
	int r = add_base(t, node_base(row), base_arg, 0, c);
	if (r == 0 && row->source.render->needs_schema)
		r = add_base(t, node_row(ROW_SCHEMA), c->parts[0], 1, c);
	if (r < 0)
		return r;
	buf_addf(&c->key, "%s#%s", c->bases[0]->recipe.key, row->name);
	if (row->source.render->needs_zone) {
		buf_add_str(&c->key, "@");
		zone_add_key(t->zone, &c->key);
	}
	if (row->source.render->picks) {
		c->recipe.pick = c->parts[row->parts - 1];
		buf_addf(&c->key, "#%s", c->recipe.pick);
	}
	return 0;
}

/* -o csv_bom is for all that ends so. What is made from such a file skips its BOM. */
static bool wants_bom(const struct tree *t, const struct node_row *row)
{
	const char *ending = strrchr(row->name, '.');
	return t->config.csv_bom && ending && strcmp(ending, ".csv") == 0;
}

int subject_logged(const struct node_row *row, const char *arg)
{
	struct buf above = { 0 };

	while (row->id != ROW_ROOT && !hole_is_personal(row->hole))
		row = node_row(row->parent);
	if (row->id != ROW_ROOT)
		node_subject(node_row(row->parent), arg, &above);
	int len = (int)above.len;
	buf_done(&above);
	return len;
}

int content_make(struct tree *t, const struct node_row *row, const char *arg, struct content *ret)
{
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	for (int i = 0; i < row->parts && !(row->flags & ROW_DEEP); i++)
		if (i >= RECIPE_ARGS || !arg_part(arg, i, ret->parts[i]))
			return -ENOENT;
	node_subject(row, arg, &ret->subject);
	if (row->source.kind == SOURCE_FORM)
		r = make_export(t, row, arg, ret);
	else if (row->source.kind == SOURCE_DERIVED)
		r = make_derived(t, row, arg, ret);
	else if (row->source.kind == SOURCE_PATH)
		r = make_live(arg, ret);
	else
		r = make_document(t, row, ret);
	ret->recipe.bom = wants_bom(t, row);
	if (ret->recipe.bom)
		buf_add_str(&ret->key, "#bom");
	if (buf_failed(&ret->key) || buf_failed(&ret->subject) || buf_failed(&ret->body) ||
	    buf_failed(&ret->query) || buf_failed(&ret->path))
		return -ENOMEM;
	ret->recipe.key = buf_text(&ret->key);
	ret->recipe.subject = buf_text(&ret->subject);
	ret->recipe.logged = subject_logged(row, arg);
	return r;
}

bool content_is_outdated(struct tree *t, const struct node_row *row, const char *arg,
                         const struct generation *gen, struct base_seen *ret)
{
	char base_arg[ARG_MAX_BYTES], name[GENERATION_NAME];

	node_base_arg(row, arg, base_arg);
	pthread_mutex_lock(&t->lock);
	const struct place *p = place_find(t, node_base(row), base_arg);
	bool touched = p && p->touched_ms;
	pthread_mutex_unlock(&t->lock);
	struct generation *now = touched ? NULL : content_cached(t, node_base(row), base_arg);
	if (!now)
		return touched;
	/* As jobs/derive.c notes it. */
	generation_name(now, name);
	*ret = (struct base_seen){ .checked_s = now->checked_s,
		                   .mtime_s = now->mtime_s,
		                   .whole_s = whole_since_s(now) };
	generation_unref(now);
	return strncmp(gen->facts.base, name, strlen(name)) != 0;
}

void content_done(struct content *c)
{
	buf_done(&c->key);
	buf_done(&c->subject);
	buf_done(&c->body);
	buf_done(&c->query);
	buf_done(&c->path);
	for (int i = 0; i < RECIPE_BASES; i++) {
		if (c->bases[i])
			content_done(c->bases[i]);
		free(c->bases[i]);
		c->bases[i] = NULL;
	}
}

struct generation *content_cached(struct tree *t, const struct node_row *row, const char *arg)
{
	struct content c;
	struct generation *gen = NULL;

	if (content_make(t, row, arg, &c) == 0)
		gen = cache_find(t->config.cache, c.recipe.key);
	content_done(&c);
	return gen;
}
