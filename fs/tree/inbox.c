/* inbox.c: what import folders show. */
#include "inbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#define LIST_AT_ONCE 64

/* --- names -------------------------------------------------------------------------------------
 */

static const struct node_row *block_row(const struct node_row *any, enum inbox_row i)
{
	return node_row((enum row_id)((int)any->block + (int)i));
}

int inbox_folder(const struct node_row *dir, const char *arg, struct drop_folder *ret)
{
	struct buf path = { 0 };

	node_subject(dir, arg, &path);
	int r = buf_failed(&path) ? -ENOMEM : drop_folder_parse(buf_text(&path), ret);
	buf_done(&path);
	return r;
}

/* What send/ shows of import/. */
static bool is_shown(const struct drop_folder *folder, const struct entry *e)
{
	return folder->place != PLACE_SEND || (e->pushed && !entry_state_row(e->state)->over);
}

/* Which of the texts beside it an entry has. */
static bool has(struct tree *t, const struct entry *e, enum inbox_row i)
{
	if (i == INBOX_ENTRY)
		return true;
	if (e->state == ENTRY_SCRATCH || (i == INBOX_REPORT && !e->digest[0]))
		return false;
	if (i == INBOX_REPORT)
		return true;
	if (i == INBOX_RESULT)
		return entry_state_row(e->state)->over || e->state == ENTRY_HELD;
	qx_auto_fd fd = journal_rejected(t->config.journal, e->id, O_RDONLY);
	return fd >= 0;
}

/* The entry that a name in a folder stands for, and as what. */
static int find(struct tree *t, const struct node_row *dir, const struct drop_folder *folder,
                const char *name, struct entry *e, enum inbox_row *ret)
{
	for (int i = INBOX_ENTRY; i <= INBOX_REJECTED; i++) {
		const char *suffix = block_row(dir, (enum inbox_row)i)->suffix;
		size_t n = strlen(name), m = strlen(suffix);
		char stem[ENTRY_NAME];

		if (n <= m || n - m >= sizeof(stem) || strcmp(name + n - m, suffix) != 0)
			continue;
		memcpy(stem, name, n - m);
		stem[n - m] = '\0';
		int r = journal_find(t->config.journal, folder->folder, stem, e);
		if (r != -ENOENT && r < 0)
			return r;
		*ret = (enum inbox_row)i;
		if (r == 0 && is_shown(folder, e) && has(t, e, *ret))
			return 0;
	}
	return -ENOENT;
}

static void say_missing(const struct tree *t, int r, struct qx_fail *why)
{
	if (t->config.journal) {
		fail_set(why, -r, "no file of this name lies here");
		fail_remedy(why,
		            "What is over lies in import/done/; `qxfs wait` with this path tells "
		            "how its last submission ended.");
	} else {
		*why = t->config.journal_fail;
	}
}

int inbox_resolve(struct tree *t, const struct node_row *dir, const char *dir_arg, const char *name,
                  const struct node_row **ret_row, char arg[ARG_MAX_BYTES], struct qx_fail *why)
{
	struct drop_folder folder;
	enum inbox_row as = INBOX_ENTRY;
	struct entry e;

	int r = t->config.journal ? inbox_folder(dir, dir_arg, &folder) : -ENOENT;
	if (r == 0)
		r = find(t, dir, &folder, name, &e, &as);
	if (r < 0) {
		if (why)
			say_missing(t, r, why);
		return r;
	}
	r = inbox_entry_place(dir, dir_arg, e.id, ret_row, arg);
	*ret_row = block_row(dir, as);
	return r;
}

int64_t inbox_entry_id(const char *arg)
{
	const char *last = strrchr(arg, '/');
	int64_t id = -1;

	return sys_parse_int(last ? last + 1 : arg, 1, INT64_MAX, &id) == 0 ? id : -1;
}

bool inbox_is_entry(const struct node_row *row)
{
	return row->kind == NODE_SPOOL && row == block_row(row, INBOX_ENTRY);
}

bool inbox_is_rejected(const struct node_row *row)
{
	return row->kind == NODE_SPOOL && row == block_row(row, INBOX_REJECTED);
}

int inbox_entry_arg(const char *dir_arg, int64_t id, char arg[ARG_MAX_BYTES])
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)id);
	return arg_join(dir_arg, text, arg) ? 0 : -ENAMETOOLONG;
}

int inbox_entry_place(const struct node_row *dir, const char *dir_arg, int64_t id,
                      const struct node_row **ret_row, char arg[ARG_MAX_BYTES])
{
	*ret_row = block_row(dir, INBOX_ENTRY);
	return inbox_entry_arg(dir_arg, id, arg);
}

/* --- attributes --------------------------------------------------------------------------------
 */

static int stat_rejected(struct tree *t, int64_t id, struct stat *ret)
{
	struct stat st;
	qx_auto_fd fd = journal_rejected(t->config.journal, id, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) < 0)
		return fd < 0 ? fd : -errno;
	ret->st_size = st.st_size;
	ret->st_blocks = st.st_blocks;
	ret->st_mtim = ret->st_atim = ret->st_ctim = st.st_mtim;
	return 0;
}

static int stat_entry(struct tree *t, int64_t id, struct stat *ret)
{
	struct entry e;
	struct stat st;

	int r = journal_get(t->config.journal, id, &e);
	if (r < 0)
		return r;
	qx_auto_fd fd = journal_spool(t->config.journal, id, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fd < 0 ? fd : -errno;
	ret->st_mode = S_IFREG | (e.mode & 0777 & ~t->config.umask);
	ret->st_uid = e.uid;
	ret->st_gid = e.gid;
	ret->st_size = st.st_size;
	ret->st_blocks = (st.st_size + 511) / 512;
	ret->st_mtim = ret->st_atim = ret->st_ctim = st.st_mtim; /* as set, if it was */
	return 0;
}

int inbox_stat(struct tree *t, const struct node_row *row, const char *arg, struct stat *ret)
{
	row_attr(t, row, row_ino(t, row, arg), ret);
	if (!t->config.journal)
		return -ENOENT;
	return inbox_is_rejected(row) ? stat_rejected(t, inbox_entry_id(arg), ret)
	                              : stat_entry(t, inbox_entry_id(arg), ret);
}

/* --- listings ----------------------------------------------------------------------------------
 */

struct items {
	struct inbox_item *at;
	size_t n, room;
};

static int add(struct items *all, const struct node_row *row, const struct entry *e,
               const char *suffix)
{
	if (all->n == all->room) {
		size_t room = all->room ? all->room * 2 : LIST_AT_ONCE;
		struct inbox_item *more = realloc(all->at, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		all->at = more;
		all->room = room;
	}
	struct inbox_item *item = &all->at[all->n];
	int n = snprintf(item->name, sizeof(item->name), "%s%s", e->name, suffix);
	item->row = row;
	item->id = e->id;
	if (n > 0 && (size_t)n < sizeof(item->name))
		all->n++;
	return 0;
}

static int add_entry(struct tree *t, struct items *all, const struct node_row *dir,
                     const struct entry *e)
{
	int r = 0;
	for (int i = INBOX_ENTRY; r == 0 && i <= INBOX_REJECTED; i++)
		if (has(t, e, (enum inbox_row)i))
			r = add(all, block_row(dir, (enum inbox_row)i), e,
			        block_row(dir, (enum inbox_row)i)->suffix);
	return r;
}

int inbox_list(struct tree *t, const struct node_row *dir, const char *arg, struct inbox_item **ret,
               size_t *ret_n)
{
	struct items all = { 0 };
	struct drop_folder folder;
	struct entry *some = calloc(LIST_AT_ONCE, sizeof(*some));
	char after[ENTRY_NAME] = "";
	int r = some ? 0 : -ENOMEM, n = 0;

	if (r == 0 && t->config.journal)
		r = inbox_folder(dir, arg, &folder);
	do {
		n = r == 0 && t->config.journal ? journal_list(t->config.journal, folder.folder,
		                                               after, some, LIST_AT_ONCE)
		                                : 0;
		for (int i = 0; r == 0 && i < n; i++)
			r = is_shown(&folder, &some[i]) ? add_entry(t, &all, dir, &some[i]) : 0;
		if (n > 0)
			memcpy(after, some[n - 1].name, sizeof(after));
	} while (r == 0 && n == LIST_AT_ONCE);
	free(some);
	if (r == 0 && n < 0)
		r = n;
	if (r < 0) {
		free(all.at);
		return r;
	}
	*ret = all.at;
	*ret_n = all.n;
	return 0;
}
