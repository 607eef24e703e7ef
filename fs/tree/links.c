/* links.c: where links lead, and which rows are there only sometimes. */
#include "house.h"

#include <string.h>

#include <qxfs/base/sys.h>

#include "ids.h"

/* The id of the account's default directory; NULL: it has none, or nobody knows. */
static const char *default_directory(const struct tree *t)
{
	const struct catalog *c = t->catalogs[LIST_DIRECTORIES];
	for (size_t i = 0; c && i < c->list->n; i++)
		if (strcmp(c->list->items[i].field[DIRECTORY_DEFAULT], "true") == 0)
			return c->list->items[i].id;
	return NULL;
}

void link_target(struct tree *t, const struct node_row *row, const char *arg, struct buf *out)
{
	const char *id = row->id == ROW_DIRECTORY_LINK ? default_directory(t) : NULL;
	if (row->id == ROW_DIRECTORY_LINK)
		buf_addf(out, "directories/%s", id ? id : "");
	else if (row->id == ROW_EMAIL_LINK)
		email_longest(arg, out);
	else
		buf_addf(out, "../%s", arg);
}

bool link_follow(struct tree *t, const struct node_row **row, char arg[ARG_MAX_BYTES])
{
	enum row_id to = ROW_SURVEY;

	if ((*row)->id == ROW_EMAIL_LINK)
		return false; /* to a file, and nobody knows which */
	if ((*row)->id == ROW_LISTS_BY_NAME_LINK)
		to = ROW_MAILINGLIST;
	if ((*row)->id == ROW_DIRECTORY_LINK) {
		const char *id = default_directory(t);
		to = ROW_DIRECTORY;
		if (!id)
			return false;
		memcpy(arg, id, strlen(id) + 1); /* sound: list_add */
	}
	*row = node_row(to);
	return true;
}

/* Below a list or a directory: of what else is imported there is no table to fill in. */
static bool row_has_contacts(const struct node_row *row)
{
	enum row_id of = node_row(row->block)->parent;
	return of == ROW_MAILINGLIST || of == ROW_DIRECTORY;
}

/* -o hide= */
bool row_is_hidden(const struct tree *t, const struct node_row *row)
{
	static const struct {
		enum row_id row;
		enum hidden what;
	} hidden[] = {
		{ ROW_DIRECTORY_LINK, HIDE_DIRECTORY },
		{ ROW_DIRECTORIES, HIDE_DIRECTORY },
		{ ROW_MAILINGLISTS, HIDE_MAILINGLISTS },
		{ ROW_EXCEL, HIDE_EXCEL },
	};

	for (size_t i = 0; i < countof(hidden); i++)
		if (hidden[i].row == row->id)
			return t->config.hide >> hidden[i].what & 1;
	return row->is_inbox && t->config.hide >> HIDE_IMPORTS & 1;
}

bool row_is_there(struct tree *t, const struct node_row *row, const char *arg)
{
	if (t->config.hide && row_is_hidden(t, row))
		return false;
	if (row->id == ROW_DIRECTORY_LINK)
		return default_directory(t);
	if (row->flags & ROW_OPTION_API)
		return t->config.api;
	if (row->source.kind == SOURCE_TEXT && row->source.text == text_template)
		return row_has_contacts(row);
	return !(row->flags & ROW_XM_ONLY && id_is_old_mailinglist(arg));
}
