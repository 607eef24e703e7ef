/* reports.c: texts about what was copied into an import folder. */
#include "inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#include "contents.h"

static int entry_for(struct tree *t, const char *arg, struct entry *e)
{
	return t->config.journal ? journal_get(t->config.journal, inbox_entry_id(arg), e) : -ENOENT;
}

static void add_sentence(struct buf *out, const char *head, const char *text)
{
	if (!text[0])
		return;
	buf_addf(out, "%-9s %c%s%s\n", head,
	         text[0] >= 'a' && text[0] <= 'z' ? text[0] - 32 : text[0], text + 1,
	         words_stop(text));
}

int64_t text_report(struct tree *t, const char *arg, struct buf *out)
{
	struct buf report = { 0 };
	struct entry e;
	char date[24];

	if (entry_for(t, arg, &e) < 0)
		return t->born_s;
	buf_addf(out, "%-9s %s/%s\n", "File", e.folder, e.name);
	buf_addf(out, "%-9s %s: %s.\n", "State", entry_state_row(e.state)->word,
	         entry_state_row(e.state)->phrase);
	add_sentence(out, "Why", e.why);
	add_sentence(out, "Next", entry_next(&e));
	buf_addf(out, "%-9s %s\n", "Given", sys_format_time(e.created_s, date));
	if (e.done_s)
		buf_addf(out, "%-9s %s\n", "Over", sys_format_time(e.done_s, date));
	if (e.parts)
		buf_addf(out, "%-9s %u of %u\n", "Parts", e.parts_done, e.parts);
	if (e.added || e.updated || e.refused || e.parts_done)
		buf_addf(out, "%-9s %llu added, %llu updated, %llu refused\n", "Rows",
		         (unsigned long long)e.added, (unsigned long long)e.updated,
		         (unsigned long long)e.refused);
	if (journal_report(t->config.journal, e.id, &report) == 0 && report.len) {
		buf_add_str(out, "\n");
		buf_add(out, report.data, report.len);
	}
	buf_done(&report);
	return e.changed_s;
}

static void add_member(struct buf *out, const char *name, const char *text)
{
	buf_addf(out, ",\n  \"%s\": ", name);
	if (text[0])
		buf_add_json(out, text);
	else
		buf_add_str(out, "null");
}

static void add_part(const struct part *part, struct buf *out)
{
	buf_addf(out,
	         "{\"part\": %u, \"state\": \"%s\", \"rows\": %llu, \"added\": %llu, \"updated\": "
	         "%llu, \"refused\": %llu, \"job\": ",
	         part->n + 1, part_state_word(part->state), (unsigned long long)part->rows,
	         (unsigned long long)part->added, (unsigned long long)part->updated,
	         (unsigned long long)part->refused);
	if (part->job[0])
		buf_add_json(out, part->job);
	else
		buf_add_str(out, "null");
	if (part->made[0]) {
		buf_add_str(out, ", \"id\": ");
		buf_add_json(out, part->made);
	}
	buf_add_str(out, "}");
}

/* What is known of each, also of those that another mount or an earlier one has sent. */
static void add_parts(struct tree *t, int64_t id, struct buf *out)
{
	struct part *parts = NULL;
	size_t n = 0;

	if (journal_parts(t->config.journal, id, &parts, &n) == 0 && n > 0) {
		buf_add_str(out, ",\n  \"details\": [");
		for (size_t i = 0; i < n; i++) {
			buf_add_str(out, i > 0 ? ",\n    " : "\n    ");
			add_part(&parts[i], out);
		}
		buf_add_str(out, "\n  ]");
	}
	free(parts);
}

int64_t text_result(struct tree *t, const char *arg, struct buf *out)
{
	struct entry e;

	if (entry_for(t, arg, &e) < 0)
		return t->born_s;
	buf_add_str(out, "{\n  \"state\": ");
	buf_add_json(out, entry_state_row(e.state)->word);
	add_member(out, "folder", e.folder);
	add_member(out, "name", e.name);
	add_member(out, "submission", e.uuid);
	add_member(out, "sha256", e.digest);
	add_member(out, "why", e.why);
	add_member(out, "next", e.next);
	buf_addf(out,
	         ",\n  \"rows\": %llu,\n  \"added\": %llu,\n  \"updated\": %llu,\n  \"refused\": "
	         "%llu",
	         (unsigned long long)e.rows, (unsigned long long)e.added,
	         (unsigned long long)e.updated, (unsigned long long)e.refused);
	add_parts(t, e.id, out);
	buf_add_str(out, "\n}\n");
	return e.changed_s;
}

/* The columns that the list's contacts have, where they were read already; never a request. */
#define HEADING_BYTES 65536
#define UNCHANGED_S 1577836800 /* 2020-01-01: it says the same in every mount */

/* The beginning of the contacts.csv beside the folder, if it is on this disk. Its moment, or 0. */
static int64_t read_contacts(struct tree *t, enum row_id of, const char *arg, struct buf *out)
{
	const struct node_row *row = node_child(node_row(of), "contacts.csv");
	struct generation *gen = row ? content_cached(t, row, arg) : NULL;
	char piece[4096];
	ssize_t n = 1;

	qx_auto_fd fd = gen ? cache_open(t->config.cache, gen) : -1;
	while (fd >= 0 && n > 0 && out->len < HEADING_BYTES) {
		n = pread(fd, piece, sizeof(piece), (off_t)out->len);
		if (n > 0)
			buf_add(out, piece, (size_t)n);
		if (n > 0 && memchr(piece, '\n', (size_t)n))
			break;
	}
	int64_t at_s = out->len > 0 ? gen->mtime_s : 0;
	generation_unref(gen);
	return at_s;
}

/* As old as what it is made from, so that a backup takes it once. */
int64_t text_template(struct tree *t, const char *arg, struct buf *out)
{
	bool directory = strncmp(arg, "POOL_", 5) == 0;
	enum import_target target = directory                     ? TARGET_DIRECTORY
	                            : strncmp(arg, "ML_", 3) == 0 ? TARGET_OLD_LIST
	                                                          : TARGET_LIST;
	struct buf contacts = { 0 };

	int64_t at_s =
		read_contacts(t, directory ? ROW_DIRECTORY : ROW_MAILINGLIST, arg, &contacts);
	import_template_like(target, buf_text(&contacts), contacts.len, out);
	buf_done(&contacts);
	return at_s ? at_s : UNCHANGED_S;
}

/* --- all of them --------------------------------------------------------------------------------
 */

#define TOLD \
	(1u << ENTRY_WRITING | 1u << ENTRY_QUEUED | 1u << ENTRY_HELD | 1u << ENTRY_SENDING | \
	 1u << ENTRY_IMPORTING | 1u << ENTRY_REFUSED | 1u << ENTRY_FAILED | 1u << ENTRY_UNCERTAIN)

struct telling {
	struct buf *out;
	const char *prefix;
	size_t n;
	int64_t changed_s;
	size_t counts[ENTRY_STATES_];
};

static bool tell_entry(void *arg, const struct entry *e)
{
	struct telling *all = arg;

	all->counts[e->state]++;
	if (e->changed_s > all->changed_s)
		all->changed_s = e->changed_s;
	if (!all->out || strncmp(e->folder, all->prefix, strlen(all->prefix)) != 0)
		return true;
	all->n++;
	buf_addf(all->out, "  %s/%s %s", e->folder, e->name, entry_state_row(e->state)->phrase);
	if (e->why[0])
		buf_addf(all->out, ": %s", e->why);
	buf_add_str(all->out, "\n");
	if (e->next[0])
		buf_addf(all->out, "      what to do: %s\n", e->next);
	return true;
}

/* The journal was damaged when the mount began, or has turned out to be since. */
static bool are_stopped(struct tree *t, struct qx_fail *fail)
{
	fail_clear(fail);
	if (!t->config.journal)
		*fail = t->config.journal_fail;
	return !t->config.journal || journal_trouble(t->config.journal, fail) < 0;
}

int64_t inbox_status(struct tree *t, const char *prefix, struct buf *out)
{
	struct telling all = { .out = out, .prefix = prefix };
	struct qx_fail fail;

	buf_add_str(out, "Imports\n");
	if (t->config.journal)
		(void)journal_each(t->config.journal, TOLD, tell_entry, &all); /* what can be read
		                                                                  is told */
	bool stopped = are_stopped(t, &fail);
	if (stopped)
		buf_addf(out, "  are stopped: %s.\n      what to do: %s\n", fail.why, fail.remedy);
	buf_add_str(out, all.n || stopped ? "\n" : "  none is waiting\n\n");
	return all.changed_s;
}

void inbox_put_status(struct tree *t, struct buf *out)
{
	struct telling all = { 0 };
	struct qx_fail fail;

	if (t->config.journal)
		(void)journal_each(t->config.journal, TOLD, tell_entry, &all);
	buf_addf(out, ",\n \"imports\":{\"stopped\":%s", are_stopped(t, &fail) ? "true" : "false");
	for (int i = 0; i < ENTRY_STATES_; i++)
		if (TOLD >> i & 1)
			buf_addf(out, ",\"%s\":%zu", entry_state_row((enum entry_state)i)->word,
			         all.counts[i]);
	buf_add_str(out, "}");
}

const char *inbox_say(struct tree *t, const char *arg, struct buf *text)
{
	struct entry e;

	if (entry_for(t, arg, &e) < 0)
		return "missing";
	buf_addf(text, "It %s", entry_state_row(e.state)->phrase);
	if (e.why[0])
		buf_addf(text, ": %s", e.why);
	buf_add_str(text, words_stop(e.why));
	const char *next = entry_next(&e);
	buf_addf(text, " %s%s\n", next, words_stop(next));
	return entry_state_row(e.state)->word;
}
