/* content.c: from a row and its argument to the recipe that makes its bytes. The cache key is made
 * of what the service is asked, not of the path: now/responses.csv and responses.csv are one. */
#include "house.h"

#include <errno.h>
#include <string.h>

#include <qxfs/base/sys.h>

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
static int add_folder(struct tree *t, const struct node_row *dir, const struct content *c,
                      struct buf *out)
{
	switch (dir->hole) {
	case HOLE_FILTER:
		return add_filter(t, c, out);
	default:
		return 0;
	}
}

bool content_is_always_new(const struct node_row *row)
{
	return row->source.kind == SOURCE_FORM && (row->source.form->flags & FORM_UNFINISHED ||
	                                           node_row(row->parent)->hole == HOLE_FILTER);
}

static int make_export(struct tree *t, const struct node_row *row, struct content *c)
{
	const struct form *form = row->source.form;

	buf_addf(&c->body, "{%s", form->members);
	int r = add_folder(t, node_row(row->parent), c, &c->body);
	if (r < 0)
		return r;
	buf_add_str(&c->body, "}");
	c->recipe.kind = JOB_EXPORT;
	c->recipe.args[0] = c->parts[0];
	c->recipe.body = buf_text(&c->body);
	c->recipe.check = content_is_always_new(row) ? JOB_CHECK_NONE : JOB_CHECK_COUNTS;
	buf_addf(&c->key, "%s/export/%s?%s", t->config.account, c->parts[0], buf_text(&c->body));
	return 0;
}

static void make_document(struct tree *t, const struct node_row *row, struct content *c)
{
	c->recipe.kind = JOB_DOCUMENT;
	c->recipe.ep = row->source.ep;
	c->recipe.query = row->source.query;
	c->recipe.verbatim = row->source.verbatim;
	buf_addf(&c->key, "%s/%s", t->config.account, endpoint_row(row->source.ep)->name);
	for (int i = 0; i < row->parts; i++) {
		c->recipe.args[i] = c->parts[i];
		buf_addf(&c->key, "/%s", c->parts[i]);
	}
	if (row->source.query)
		buf_addf(&c->key, "?%s", row->source.query);
}

int content_make(struct tree *t, const struct node_row *row, const char *arg, struct content *ret)
{
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	for (int i = 0; i < row->parts; i++)
		if (i >= RECIPE_ARGS || !arg_part(arg, i, ret->parts[i]))
			return -ENOENT;
	node_subject(row, arg, &ret->subject);
	if (row->source.kind == SOURCE_FORM)
		r = make_export(t, row, ret);
	else
		make_document(t, row, ret);
	if (buf_failed(&ret->key) || buf_failed(&ret->subject) || buf_failed(&ret->body))
		return -ENOMEM;
	ret->recipe.key = buf_text(&ret->key);
	ret->recipe.subject = buf_text(&ret->subject);
	return r;
}

void content_done(struct content *c)
{
	buf_done(&c->key);
	buf_done(&c->subject);
	buf_done(&c->body);
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
