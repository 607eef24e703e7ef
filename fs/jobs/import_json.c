/* import_json.c: contacts from JSON: an array of objects, or {"contacts": [...]}, as the service
 * takes them (API.md 8). Transaction data are handed on as they came, if the batch is given.
 *
 *     AT_ROOT ─►[AT_LIST ─►{AT_CONTACT ─►{AT_EMBEDDED      AT_VALUE: a value of any form,
 *        └─►{AT_TOP ─►[AT_LIST                             copied or passed over
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import_contact.h"
#include "import_judge.h"
#include "import_people.h"

static const struct flaw no_object = { "this must be an object, { … }", "Correct it." };
static const struct flaw long_name = {
	"the name has over 200 characters, the most that embedded data takes", "Shorten it."
};
static const struct flaw nul_text = { "the text holds a NUL", "Take \\u0000 out of it." };
static const struct flaw field_again = { "another field of this contact means the same",
	                                 "Leave one of them out." };

static void refuse_form(struct judge *j, const char *what)
{
	struct people *p = j->own;

	judge_refuse(j, EINVAL,
	             "Give a list of contacts: [{\"email\": …}, …], or {\"contacts\": [ … ]}.",
	             "line %llu: %s", (unsigned long long)p->tokens.line, what);
}

/* --- values of any form ------------------------------------------------------------------------
 */

static void begin_value(struct people *p, struct buf *out)
{
	p->back = p->place;
	p->place = AT_VALUE;
	p->value = out;
	p->value_depth = 0;
	p->value_comma = false;
}

/* True: it is whole. */
static bool copy_token(struct people *p, enum token token, const char *raw, size_t len)
{
	bool opens = token == TOKEN_OBJECT || token == TOKEN_ARRAY;

	if (p->value) {
		buf_add(p->value, ",", p->value_comma && token != TOKEN_CLOSE);
		buf_add(p->value, raw, len);
		buf_add(p->value, ":", token == TOKEN_KEY);
	}
	p->value_depth += opens;
	p->value_depth -= token == TOKEN_CLOSE;
	p->value_comma = !opens && token != TOKEN_KEY;
	return p->value_depth == 0;
}

/* --- contacts ----------------------------------------------------------------------------------
 */

static void note_flaw(struct people *p, const struct flaw *flaw, const char *name)
{
	if (p->flaw || !flaw)
		return;
	p->flaw = flaw;
	p->flaw_line = p->tokens.line;
	(void)shown_name(name, p->flaw_name);
}

static void begin_contact(struct judge *j, struct people *p)
{
	contact_begin(&p->contact);
	p->place = AT_CONTACT;
	p->contact_at = p->tokens.at;
	p->contact_line = p->tokens.line;
	p->flaw = NULL;
	p->fields_seen = 0;
	if (j->again)
		people_clear_values(p);
}

static void end_contact(struct judge *j, struct people *p)
{
	p->place = AT_LIST;
	if (p->flaw && !j->again) {
		contacts_complain(j, p->flaw_line, "field", p->flaw_name, p->flaw);
		return;
	}
	if (contact_is_empty(&p->contact))
		return;
	if (p->contact.transaction.len > 0 && p->transaction_line == 0)
		p->transaction_line = p->contact_line;
	if (j->again)
		j->again->seen++;
	if (contacts_is_wanted(j, &p->contact))
		people_give_back(j, p);
	contacts_take(j, &p->contact, p->contact_at, p->contact_line);
	p->tokens.stopped = j->over;
}

static enum field field_of(const struct judge *j, const struct people *p, const char *name)
{
	if (p->place == AT_EMBEDDED)
		return name[0] ? FIELD_EMBEDDED : FIELD_NEVER; /* data without a name: none */
	return name[0] ? member_field(j->kind->target, name) : FIELD_NEVER;
}

/* A key of a contact, or of its embedded data: the column it is of. */
static void find_column(struct judge *j, struct people *p, const char *raw, size_t len)
{
	unsigned space = p->place == AT_EMBEDDED;

	buf_clear(&p->name);
	bool fine = token_text(raw, len, &p->name);
	const char *name = buf_text(&p->name);
	p->special = space                                  ? MEMBER_NONE
	             : strcmp(name, "embeddedData") == 0    ? MEMBER_EMBEDDED
	             : strcmp(name, "transactionData") == 0 ? MEMBER_TRANSACTION
	                                                    : MEMBER_NONE;
	if (!fine)
		note_flaw(p, &nul_text, name);
	if (letters_of(name, p->name.len) > EMBEDDED_NAME_MAX)
		note_flaw(p, &long_name, name);
	if (p->special != MEMBER_NONE || p->flaw)
		return;
	p->column = columns_find(&p->columns, name, p->name.len, space);
	if (p->column == SIZE_MAX) {
		int r = columns_add(&p->columns, field_of(j, p, name), name, p->name.len, space);
		if (r == -EFBIG)
			judge_refuse(j, EFBIG, "Leave fields out.",
			             "line %llu: the contacts have over %d different fields",
			             (unsigned long long)p->tokens.line, COLUMNS_MAX);
		else if (r < 0)
			judge_no_memory(j);
		p->column = p->columns.n - 1;
	}
	enum field field = p->columns.items[p->column].field;
	if (field < FIELDS_ && (p->fields_seen & 1u << field))
		note_flaw(p, &field_again, name);
	p->fields_seen |= field < FIELDS_ ? 1u << field : 0;
}

static void take_scalar(struct judge *j, struct people *p, enum token token, const char *raw,
                        size_t len)
{
	if (p->flaw)
		return;
	if (p->special != MEMBER_NONE) { /* null is as good as nothing */
		if (token != TOKEN_WORD || raw[0] != 'n')
			note_flaw(p, &no_object, buf_text(&p->name));
		return;
	}
	struct column *column = &p->columns.items[p->column];
	if (token == TOKEN_WORD) {
		note_flaw(p, contact_word(&p->contact, column, raw, len), column->heading);
		people_keep(p, raw[0] == 'n' ? "" : raw, raw[0] == 'n' ? 0 : len);
		return;
	}
	buf_clear(&p->text);
	if (!token_text(raw, len, &p->text))
		note_flaw(p, &nul_text, column->heading);
	if (buf_failed(&p->text))
		judge_no_memory(j);
	note_flaw(p, contact_text(&p->contact, column, buf_text(&p->text), p->text.len),
	          column->heading);
	people_keep(p, buf_text(&p->text), p->text.len);
}

static void open_member(struct people *p, enum token token, const char *raw, size_t len)
{
	if (p->special == MEMBER_EMBEDDED && token == TOKEN_OBJECT) {
		p->place = AT_EMBEDDED;
		return;
	}
	if (p->special == MEMBER_EMBEDDED)
		note_flaw(p, &no_object, "embeddedData");
	buf_clear(&p->text);
	begin_value(p, p->special == MEMBER_TRANSACTION ? &p->contact.transaction : &p->text);
	if (p->special == MEMBER_NONE && !p->flaw &&
	    p->columns.items[p->column].field == FIELD_NEVER)
		p->value = NULL;
	(void)copy_token(p, token, raw, len); /* it has just begun */
}

/* What stood where a value may be a list or an object is whole. */
static void end_value(struct people *p)
{
	struct buf *transaction = &p->contact.transaction;

	p->place = p->back;
	if (p->place == AT_TOP || p->flaw)
		return;
	if (p->special == MEMBER_TRANSACTION) {
		/* The service's own contacts have an empty list. */
		if (transaction->len <= strlen("{}"))
			buf_clear(transaction);
		else if (buf_text(transaction)[0] != '{')
			note_flaw(p, &no_object, "transactionData");
	} else if (p->special == MEMBER_NONE && p->value) {
		struct column *column = &p->columns.items[p->column];
		note_flaw(p, contact_word(&p->contact, column, buf_text(&p->text), p->text.len),
		          column->heading);
		people_keep(p, buf_text(&p->text), p->text.len);
	}
}

/* --- tokens ------------------------------------------------------------------------------------
 */

static void begin_list(struct judge *j, struct people *p)
{
	p->place = AT_LIST;
	p->has_list = true;
	/* The part that is wanted is elsewhere in the file. */
	if (j->again && j->again->part && j->text.mode != TEXT_CHARSET)
		j->over = p->tokens.stopped = true;
}

static void token_at_root(struct judge *j, struct people *p, enum token token)
{
	if (token == TOKEN_ARRAY) {
		begin_list(j, p);
		return;
	}
	p->place = AT_TOP;
	p->root_is_object = true;
	j->plan.frame += j->kind->target == TARGET_LIST ? META_MAX : 0;
}

static void token_at_top(struct judge *j, struct people *p, enum token token, const char *raw,
                         size_t len)
{
	char shown[SHOWN_SIZE], words[2 * SHOWN_SIZE];

	if (token == TOKEN_CLOSE) {
		p->place = AT_END;
	} else if (token == TOKEN_KEY) {
		buf_clear(&p->name);
		(void)token_text(raw, len, &p->name); /* a NUL makes it no name of ours */
		(void)snprintf(words, sizeof(words), "nobody knows what “%s” is here",
		               shown_name(buf_text(&p->name), shown));
		p->is_meta = strcmp(buf_text(&p->name), "transactionMeta") == 0;
		if (!p->is_meta && strcmp(buf_text(&p->name), "contacts") != 0)
			refuse_form(j, words);
	} else if (p->is_meta) {
		begin_value(p, &p->meta);
		if (copy_token(p, token, raw, len))
			p->place = AT_TOP;
	} else if (token == TOKEN_ARRAY) {
		begin_list(j, p);
	} else {
		refuse_form(j, "“contacts” is no list");
	}
}

static void check_size(struct judge *j, const struct people *p)
{
	size_t value = p->place == AT_VALUE && p->value ? p->value->len : 0;

	if (p->place == AT_VALUE && p->value == &p->meta && value > META_MAX)
		judge_refuse(j, EFBIG, "Shorten it.",
		             "line %llu: “transactionMeta” is over %d bytes",
		             (unsigned long long)p->tokens.line, META_MAX);
	else if (p->contact.fields.len + p->contact.embedded.len + value > PART_BYTES_MAX)
		judge_refuse(j, EFBIG, "Shorten it: it cannot be split.",
		             "line %llu: the contact takes over %d bytes, the most that the "
		             "service takes at once",
		             (unsigned long long)p->contact_line, PART_BYTES_MAX);
}

static void token_in_contact(struct judge *j, struct people *p, enum token token, const char *raw,
                             size_t len)
{
	if (token == TOKEN_KEY)
		find_column(j, p, raw, len);
	else if (token == TOKEN_STRING || token == TOKEN_WORD)
		take_scalar(j, p, token, raw, len);
	else if (token != TOKEN_CLOSE)
		open_member(p, token, raw, len);
	else if (p->place == AT_EMBEDDED)
		p->place = AT_CONTACT;
	else
		end_contact(j, p);
}

static void on_token(void *arg, enum token token, const char *raw, size_t len)
{
	struct judge *j = arg;
	struct people *p = j->own;

	switch (p->place) {
	case AT_ROOT:
		token_at_root(j, p, token);
		break;
	case AT_TOP:
		token_at_top(j, p, token, raw, len);
		break;
	case AT_LIST:
		if (token == TOKEN_OBJECT)
			begin_contact(j, p);
		else if (token == TOKEN_CLOSE)
			p->place = p->root_is_object ? AT_TOP : AT_END;
		else
			refuse_form(j, "a contact must be an object, {\"email\": …}");
		break;
	case AT_CONTACT:
	case AT_EMBEDDED:
		token_in_contact(j, p, token, raw, len);
		break;
	case AT_VALUE:
		if (copy_token(p, token, raw, len))
			end_value(p);
		break;
	case AT_END:
		break;
	}
	if (!j->over)
		check_size(j, p);
	p->tokens.stopped = j->over;
}

/* --- the reader --------------------------------------------------------------------------------
 */

static int json_begin(struct judge *j)
{
	struct people *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	j->own = p;
	contacts_begin(j, &p->contact);
	return tokens_init(&p->tokens, j->again != NULL, j->again == NULL, on_token, j);
}

static void json_take(struct judge *j, const char *piece, size_t len)
{
	struct people *p = j->own;

	tokens_feed(&p->tokens, &j->text, piece, len);
	j->line = p->tokens.begin_line;
	judge_tokens(j, &p->tokens);
}

static void json_end(struct judge *j)
{
	struct people *p = j->own;

	tokens_end(&p->tokens);
	judge_tokens(j, &p->tokens);
	if (j->over || j->again)
		return;
	if (!p->has_list)
		refuse_form(j, "the file has no list of contacts");
	people_check_meta(j, p);
	if (!j->over && j->plan.rows > 0 && p->contact.nameless == j->plan.rows)
		refuse_form(j, "no contact has an e-mail address, a name, a phone number or an "
		               "external data "
		               "reference");
	contacts_check_near(j, &p->columns);
	contacts_end(j, &p->contact);
}

static void json_report(struct judge *j, struct buf *out)
{
	struct people *p = j->own;

	contacts_report(j, &p->contact, &p->columns, out);
	if (p->transaction_line > 0)
		buf_add_str(out, "with transaction data, of the batch that the file names\n");
}

static void json_done(struct judge *j)
{
	if (j->own)
		people_done(j->own);
}

const struct import_reader import_reader_json = {
	.is_text = true,
	.has_rows = true,
	.begin = json_begin,
	.take = json_take,
	.end = json_end,
	.report = json_report,
	.done = json_done,
	.body = people_body,
	.reject = people_reject,
};
