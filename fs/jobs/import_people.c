/* import_people.c: contacts in JSON: what is wrong with the file, and parts that are read again. */
#include "import_people.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/json.h>

/* --- faults ------------------------------------------------------------------------------------
 */

static bool is_good_meta(const struct buf *meta)
{
	struct json *m = NULL;

	if (json_parse(buf_text(meta), meta->len, &m) < 0)
		return false;
	const char *batch = json_str(m, "batchId");
	bool good = batch && strncmp(batch, "BT_", 3) == 0 && json_len(m, "fields") > 0 &&
	            json_is_array(m, "fields");
	for (size_t i = 0; good && i < json_len(m, "fields"); i++)
		good = json_str(json_at(m, "fields", i), NULL) != NULL;
	json_free(m);
	return good;
}

void people_check_meta(struct judge *j, const struct people *p)
{
	static const char next[] =
		"Add \"transactionMeta\": {\"batchId\": \"BT_…\", \"fields\": [\"…\"]} "
		"beside \"contacts\", or leave transactionData out.";

	if (p->transaction_line == 0)
		return;
	if (j->kind->target != TARGET_LIST)
		judge_refuse(
			j, EINVAL, "Leave transactionData out, or import into a mailing list.",
			"line %llu: transactionData can only be imported into a mailing list of a "
			"directory",
			(unsigned long long)p->transaction_line);
	else if (p->meta.len == 0)
		judge_refuse(j, EINVAL, next,
		             "line %llu: transactionData is given, but not the batch it is for",
		             (unsigned long long)p->transaction_line);
	else if (!is_good_meta(&p->meta))
		judge_refuse(j, EINVAL, next,
		             "“transactionMeta” does not name a batch (batchId) and its fields");
}

/* --- a part again ------------------------------------------------------------------------------
 */

static int read_part(struct judge *j, int fd)
{
	struct people *p = j->own;
	const struct part *part = j->again->part;
	int r = judge_read(j, fd, 0, part->to);

	if (r == 0 && j->over && !j->no_memory && j->text.mode != TEXT_CHARSET) {
		j->over = false;
		j->again->seen = part->first_row - 1;
		text_resume(&j->text, j->text.mode, part->from);
		tokens_resume(&p->tokens);
		r = judge_read(j, fd, part->from, part->to);
	}
	return r < 0 ? r : j->no_memory ? -ENOMEM : 0;
}

/* Without its rows: for what stands anywhere in it. */
static int read_whole(const struct judge *j, int fd, struct judge **ret)
{
	static const struct again no_part;
	struct again again = no_part;
	int r = judge_again(j->kind, j->context, &again, ret);

	if (r == 0)
		r = judge_read(*ret, fd, 0, UINT64_MAX);
	if (r == 0 && (*ret)->no_memory)
		r = -ENOMEM;
	if (r < 0) {
		judge_free(*ret);
		*ret = NULL;
	}
	return r;
}

int people_body(struct judge *j, int fd, const char *file_name, struct import_body *ret,
                struct qx_fail *fail)
{
	struct people *p = j->own;
	struct judge *whole = NULL;
	(void)file_name;
	(void)fail;

	int r = read_part(j, fd);
	if (r == 0 && p->transaction_line > 0)
		r = read_whole(j, fd, &whole);
	if (r == 0)
		r = contacts_body(j, whole ? &((struct people *)whole->own)->meta : NULL, ret);
	judge_free(whole);
	return r;
}

/* --- refused rows ------------------------------------------------------------------------------
 */

void people_clear_values(struct people *p)
{
	buf_clear(&p->values);
	for (size_t i = 0; p->value_at && i < COLUMNS_MAX; i++)
		p->value_at[i] = SIZE_MAX;
}

void people_keep(struct people *p, const char *text, size_t len)
{
	if (!p->value_at)
		return;
	p->value_at[p->column] = p->values.len;
	buf_add(&p->values, text, len);
	buf_add(&p->values, "", 1);
}

void people_give_back(struct judge *j, struct people *p)
{
	struct buf *out = &j->again->lines;

	for (size_t i = 0; i < p->columns.n; i++) {
		if (p->value_at[i] != SIZE_MAX)
			buf_add_csv(out, buf_text(&p->values) + p->value_at[i]);
		buf_add_str(out, ",");
	}
	buf_add_csv(out, j->again->refused.reason);
	buf_add_str(out, "\r\n");
}

static void write_headings(struct people *p, struct buf *out)
{
	for (size_t i = 0; i < p->columns.n; i++) {
		struct buf name = { 0 };
		const struct column *c = &p->columns.items[i];
		if (c->space > 0)
			add_embedded_heading(&name, c->heading);
		else
			buf_add_str(&name, c->heading);
		buf_add_csv(out, buf_text(&name));
		buf_add_str(out, ",");
		out->failed = out->failed || buf_failed(&name);
		buf_done(&name);
	}
	buf_add_str(out, REASON_HEADING "\r\n");
}

/* The columns are those of the whole file, so that all parts have the same. */
int people_reject(struct judge *j, int fd)
{
	struct people *p = j->own;
	struct judge *whole = NULL;
	int r = read_whole(j, fd, &whole);

	if (r < 0)
		return r;
	struct people *other = whole->own;
	p->columns = other->columns;
	other->columns = (struct columns){ 0 };
	judge_free(whole);
	p->value_at = calloc(COLUMNS_MAX, sizeof(*p->value_at));
	if (!p->value_at)
		return -ENOMEM;
	if (j->again->heading)
		write_headings(p, &j->again->lines);
	return read_part(j, fd);
}

void people_done(struct people *p)
{
	tokens_done(&p->tokens);
	contact_done(&p->contact);
	columns_done(&p->columns);
	buf_done(&p->meta);
	buf_done(&p->name);
	buf_done(&p->text);
	buf_done(&p->values);
	free(p->value_at);
	free(p);
}
