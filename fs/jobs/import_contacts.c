/* import_contacts.c: what the readers of contacts share: parts, bodies, the report. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <qxfs/base/sys.h>

#include "import_contact.h"
#include "import_form.h"
#include "import_judge.h"

#define LIST_HEAD "{\"contacts\":["
#define LIST_TAIL "]}"
#define META_HEAD "],\"transactionMeta\":"

/* The service takes a directory's contacts one by one (API.md 7.3): at 500 calls a minute, these
 * take half an hour. */
#define ONE_BY_ONE_MAX 10000

void contacts_begin(struct judge *j, struct contact *c)
{
	struct plan *p = &j->plan;

	c->target = j->kind->target;
	c->allow_resubscribe = j->context->allow_resubscribe;
	p->max_bytes = PART_BYTES_MAX;
	p->max_rows = PART_CONTACTS_MAX;
	p->between = strlen(",");
	switch (j->kind->target) {
	case TARGET_DIRECTORY:
		p->max_rows = 1;
		p->max_parts = ONE_BY_ONE_MAX;
		break;
	case TARGET_OLD_LIST:
		p->frame = strlen("[]") + FORM_BYTES_MAX;
		break;
	default:
		p->frame = strlen(LIST_HEAD LIST_TAIL);
	}
}

/* --- each contact ------------------------------------------------------------------------------
 */

static void take_again(struct judge *j, const struct contact *c)
{
	struct again *a = j->again;

	if (!a->part)
		return;
	if (a->seen >= a->part->first_row && a->out) {
		buf_add_str(a->out, a->seen > a->part->first_row ? "," : "");
		contact_add(c, a->out);
		if (buf_failed(a->out))
			judge_no_memory(j);
	}
	if (a->seen + 1 >= a->part->first_row + a->part->rows)
		j->over = true;
}

void contacts_take(struct judge *j, struct contact *c, uint64_t from, uint64_t line)
{
	size_t len = contact_end(c);

	if (buf_failed(&c->fields) || buf_failed(&c->embedded) || buf_failed(&c->transaction) ||
	    buf_failed(&c->email)) {
		judge_no_memory(j);
		return;
	}
	if (j->again) {
		take_again(j, c);
		return;
	}
	if (c->has_number)
		judge_hold(
			j,
			"line %llu: a number like 4.9E+11 is one that a spreadsheet rounded: its "
			"last digits are lost",
			(unsigned long long)line);
	judge_plan(j, from, line, len, "the contact");
}

static int compare_address(const void *key, const void *item)
{
	return strcasecmp(key, *(const char *const *)item);
}

static bool is_refused_address(const struct import_refused *r, const struct contact *c)
{
	return r->n_addresses > 0 && c->email.len > 0 &&
	       bsearch(buf_text(&c->email), r->addresses, r->n_addresses, sizeof(*r->addresses),
	               compare_address);
}

bool contacts_is_wanted(struct judge *j, const struct contact *c)
{
	struct again *a = j->again;

	if (!a || !a->part || a->out || a->seen < a->part->first_row)
		return false;
	const struct import_refused *r = &a->refused;
	if (a->next < r->n && r->rows[a->next] == a->seen - a->part->first_row) {
		a->next++;
		return true;
	}
	return is_refused_address(r, c);
}

void contacts_complain(struct judge *j, uint64_t line, const char *where, const char *name,
                       const struct flaw *flaw)
{
	char shown[SHOWN_SIZE];

	judge_complain(j, line, flaw->next, "line %llu, %s “%s”: %s", (unsigned long long)line,
	               where, shown_name(name, shown), flaw->why);
}

/* --- the whole file ----------------------------------------------------------------------------
 */

static bool has_field(const struct columns *columns, enum field field)
{
	for (size_t i = 0; i < columns->n; i++)
		if (columns->items[i].field == field)
			return true;
	return false;
}

/* Who has a column for it already means another one by the second. */
void contacts_check_near(struct judge *j, const struct columns *columns)
{
	char shown[SHOWN_SIZE];

	for (size_t i = 0; i < columns->n; i++) {
		const struct column *c = &columns->items[i];
		enum field field;
		const char *near = c->field == FIELD_EMBEDDED && c->space == 0
		                           ? column_near(c->heading, &field)
		                           : NULL;
		if (!near || !field_name(field, j->kind->target) || has_field(columns, field))
			continue;
		judge_hold(j,
		           "the heading “%s” is likely “%s” misspelled: as it is, it would become "
		           "embedded "
		           "data",
		           shown_name(c->heading, shown), near);
	}
}

void contacts_end(struct judge *j, const struct contact *c)
{
	if (j->again || j->over)
		return;
	if (c->allow_resubscribe && c->resubscribed > 0)
		judge_hold(
			j,
			"unsubscribed=false for %llu contacts: people who opted out would get mail "
			"again",
			(unsigned long long)c->resubscribed);
}

/* --- the body ----------------------------------------------------------------------------------
 */

static void put_around(struct buf *bytes, const char *head, const char *tail)
{
	struct buf inside = *bytes;

	*bytes = (struct buf){ 0 };
	buf_add_str(bytes, head);
	buf_add(bytes, buf_text(&inside), inside.len);
	buf_add_str(bytes, tail);
	bytes->failed = bytes->failed || inside.failed;
	buf_done(&inside);
}

static int old_body(struct judge *j, struct import_body *ret)
{
	struct form form = { 0 };

	put_around(&ret->bytes, "[", "]");
	if (j->context->second_form || buf_failed(&ret->bytes))
		return 0;
	form_add(&form, "contacts", "contacts.json", "application/json", buf_text(&ret->bytes),
	         ret->bytes.len);
	buf_done(&ret->bytes);
	return form_end(&form, ret);
}

int contacts_body(struct judge *j, const struct buf *meta, struct import_body *ret)
{
	int r = 0;

	(void)snprintf(ret->content_type, sizeof(ret->content_type), "application/json");
	if (j->kind->target == TARGET_OLD_LIST)
		r = old_body(j, ret);
	else if (j->kind->target == TARGET_LIST)
		put_around(&ret->bytes, LIST_HEAD, meta ? "" : LIST_TAIL);
	if (meta && j->kind->target == TARGET_LIST) {
		buf_add_str(&ret->bytes, META_HEAD);
		buf_add(&ret->bytes, buf_text(meta), meta->len);
		buf_add_str(&ret->bytes, "}");
	}
	return r < 0 ? r : buf_failed(&ret->bytes) ? -ENOMEM : 0;
}

/* --- the report --------------------------------------------------------------------------------
 */

static void count(struct buf *out, uint64_t n, const char *one, const char *many)
{
	buf_addf(out, "%llu %s", (unsigned long long)n, n == 1 ? one : many);
}

static void report_column(const struct judge *j, const struct column *c, struct buf *out)
{
	char from[SHOWN_SIZE], to[SHOWN_SIZE];

	buf_addf(out, "  %s: ", shown_name(c->heading, from));
	if (c->field < FIELDS_)
		buf_addf(out, "%s (%s)", field_row(c->field)->what,
		         field_name(c->field, j->kind->target));
	else if (c->field == FIELD_NEVER)
		buf_add_str(out, "never sent");
	else if (c->field == FIELD_NAMELESS)
		buf_add_str(out, "not sent: it has no heading");
	else
		buf_addf(out, "embedded data “%s”%s",
		         shown_name(c->space == 0 ? embedded_name(c->heading) : c->heading, to),
		         c->field == FIELD_PERHAPS ? ", but the service's own ids are never sent"
		                                   : "");
	buf_add_str(out, ", ");
	count(out, c->values, "value\n", "values\n");
}

static void report_opt_outs(const struct contact *c, struct buf *out)
{
	if (c->opted_out > 0) {
		count(out, c->opted_out, "contact is", "contacts are");
		buf_add_str(out, " marked as unsubscribed: sent so\n");
	}
	if (c->resubscribed == 0)
		return;
	buf_add_str(out, "unsubscribed=false for ");
	count(out, c->resubscribed, "contact", "contacts");
	buf_add_str(out, c->allow_resubscribe
	                         ? ": sent: who of them opted out gets mail again\n"
	                         : ": not sent: an import makes nobody's opt-out undone (but with "
	                           "-o allow_resubscribe)\n");
}

void contacts_report(struct judge *j, const struct contact *c, const struct columns *columns,
                     struct buf *out)
{
	count(out, j->plan.rows, "contact", "contacts");
	buf_add_str(out, ", sent in ");
	count(out, j->plan.n, "request\n", "requests\n");
	buf_add_str(out, "columns:\n");
	for (size_t i = 0; i < columns->n; i++)
		report_column(j, &columns->items[i], out);
	if (c->blanks > 0) {
		count(out, c->blanks, "blank cell is", "blank cells are");
		buf_add_str(out, " left out: what is there stays\n");
	}
	report_opt_outs(c, out);
	if (c->nameless > 0) {
		count(out, c->nameless, "contact has", "contacts have");
		buf_add_str(out, " neither name, e-mail address, phone number nor external data "
		                 "reference: the service may refuse them\n");
	}
}
