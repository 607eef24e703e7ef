/* import_contact.c: the members of a contact are rendered as they come; nothing is kept but bytes.
 */
#include "import_contact.h"

#include <string.h>
#include <strings.h>

#include <qxfs/base/sys.h>

static const struct flaw no_at = { "the e-mail address has no @",
	                           "Correct it, or empty the cell." };
static const struct flaw two_ats = { "the e-mail address has more than one @",
	                             "Give one address only." };
static const struct flaw half_email = { "the e-mail address has nothing on one side of its @",
	                                "Correct it, or empty the cell." };
static const struct flaw odd_email = {
	"the e-mail address has a blank, a comma or a bracket in it",
	"Give the address alone, without a name or a second address."
};
static const struct flaw bad_opt_out = { "unsubscribed is neither true nor false",
	                                 "Write true or false, or empty the cell." };
static const struct flaw long_value = {
	"the value has over 1,024 characters, the most that embedded data takes",
	"Shorten it, or leave the column out."
};
static const struct flaw no_text = { "the value is no text", "Put it in quotes." };
static const struct flaw no_list = {
	"a list or an object cannot be a value here",
	"Give a text; further data of a contact go into its embeddedData."
};

/* --- values ------------------------------------------------------------------------------------
 */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_blank(const char *text, size_t len)
{
	while (len > 0 && is_space(text[len - 1]))
		len--;
	return len == 0;
}

static void trim(const char **text, size_t *len)
{
	while (*len > 0 && is_space((*text)[*len - 1]))
		--*len;
	while (*len > 0 && is_space(**text)) {
		++*text;
		--*len;
	}
}

/* What else an address may be is the service's to say: a domain without a dot, any script. */
const struct flaw *email_flaw(const char *text, size_t len)
{
	const char *at = memchr(text, '@', len);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f ||
		    strchr(",;<>()[]\"\\", text[i]))
			return &odd_email;
	if (!at)
		return &no_at;
	size_t before = (size_t)(at - text);
	if (memchr(at + 1, '@', len - before - 1))
		return &two_ats;
	return before == 0 || before == len - 1 ? &half_email : NULL;
}

static size_t digits(const char *text, size_t len)
{
	size_t n = 0;
	while (n < len && text[n] >= '0' && text[n] <= '9')
		n++;
	return n;
}

/* As spreadsheets show numbers of 12 digits and more: 4.9E+11, 4,91517E+11. */
bool is_rounded_number(const char *text, size_t len)
{
	const char *e = len >= 5 && len < 32 ? memchr(text, 'E', len) : NULL;

	if (!e || e[1] != '+')
		return false;
	size_t mantissa = (size_t)(e - text), exponent = len - mantissa - 2;
	if (digits(text, mantissa) != 1 || exponent < 2 || digits(e + 2, exponent) != exponent)
		return false;
	return mantissa == 1 || ((text[1] == '.' || text[1] == ',') && mantissa > 2 &&
	                         digits(text + 2, mantissa - 2) == mantissa - 2);
}

static bool is_one_of(const char *text, size_t len, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == len && strncasecmp(text, *words, len) == 0)
			return true;
	return false;
}

static bool is_service_id(const char *text, size_t len)
{
	static const char *const prefixes[] = { "CID_", "CGC_", "MLRP_" };

	for (size_t i = 0; i < countof(prefixes); i++)
		if (len > strlen(prefixes[i]) &&
		    strncmp(text, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* --- members -----------------------------------------------------------------------------------
 */

void contact_begin(struct contact *c)
{
	buf_clear(&c->fields);
	buf_clear(&c->embedded);
	buf_clear(&c->email);
	buf_clear(&c->transaction);
	c->has_number = c->has_name = false;
}

static struct buf *begin_field(struct contact *c, enum field field)
{
	buf_add(&c->fields, ",\"", c->fields.len > 0 ? 2 : 0);
	if (c->fields.len == 0)
		buf_add(&c->fields, "\"", 1);
	buf_add_str(&c->fields, field_name(field, c->target));
	buf_add(&c->fields, "\":", 2);
	c->has_name = c->has_name || field < FIELDS_THAT_NAME;
	return &c->fields;
}

static struct buf *begin_embedded(struct contact *c, const struct column *column)
{
	buf_add(&c->embedded, ",", c->embedded.len > 0);
	buf_add_str(&c->embedded, column->key);
	return &c->embedded;
}

static const struct flaw *opt_out(struct contact *c, const char *text, size_t len)
{
	static const char *const yes[] = { "true", "yes", "1", NULL };
	static const char *const no[] = { "false", "no", "0", NULL };

	if (is_one_of(text, len, yes)) {
		buf_add_str(begin_field(c, FIELD_UNSUBSCRIBED), "true");
		c->opted_out++;
		return NULL;
	}
	if (!is_one_of(text, len, no))
		return &bad_opt_out;
	c->resubscribed++;
	if (c->allow_resubscribe)
		buf_add_str(begin_field(c, FIELD_UNSUBSCRIBED), "false");
	return NULL;
}

static const struct flaw *field_text(struct contact *c, enum field field, const char *text,
                                     size_t len)
{
	const struct flaw *flaw = NULL;

	if (field == FIELD_EMAIL || field == FIELD_UNSUBSCRIBED)
		trim(&text, &len);
	if (field == FIELD_UNSUBSCRIBED)
		return opt_out(c, text, len);
	if (field == FIELD_EMAIL) {
		flaw = email_flaw(text, len);
		buf_clear(&c->email);
		buf_add(&c->email, text, len);
	}
	if (!flaw)
		buf_add_text_json(begin_field(c, field), text, len);
	return flaw;
}

const struct flaw *contact_text(struct contact *c, struct column *column, const char *text,
                                size_t len)
{
	enum field field = column->field;

	/* The legacy lists say "null" where there is no language (API.md 8.2). */
	if (is_blank(text, len) ||
	    (field == FIELD_LANGUAGE && len == 4 && memcmp(text, "null", 4) == 0)) {
		c->blanks++;
		return NULL;
	}
	column->values++;
	if (field == FIELD_NEVER || (field == FIELD_PERHAPS && is_service_id(text, len)))
		return NULL;
	c->has_number = c->has_number || is_rounded_number(text, len);
	if (field < FIELDS_)
		return field_text(c, field, text, len);
	if (len > EMBEDDED_VALUE_MAX && letters_of(text, len) > EMBEDDED_VALUE_MAX)
		return &long_value;
	buf_add_text_json(begin_embedded(c, column), text, len);
	return NULL;
}

const struct flaw *contact_word(struct contact *c, struct column *column, const char *raw,
                                size_t len)
{
	bool is_list = raw[0] == '[' || raw[0] == '{';
	bool is_number = raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9');

	if (len == 4 && memcmp(raw, "null", 4) == 0) {
		c->blanks++;
		return NULL;
	}
	if (column->field < FIELDS_ && is_list)
		return &no_list;
	if (column->field < FIELDS_ && column->field != FIELD_UNSUBSCRIBED && !is_number)
		return &no_text;
	if (column->field < FIELDS_)
		return contact_text(c, column, raw, len);
	column->values++;
	if (column->field == FIELD_NEVER)
		return NULL;
	if (is_list && column->space == 0)
		return &no_list;
	c->has_number = c->has_number || is_rounded_number(raw, len);
	buf_add(begin_embedded(c, column), raw, len);
	return NULL;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

bool contact_is_empty(const struct contact *c)
{
	return c->fields.len == 0 && c->embedded.len == 0 && c->transaction.len == 0;
}

#define EMBEDDED "\"embeddedData\":{"
#define TRANSACTION "\"transactionData\":"

size_t contact_end(struct contact *c)
{
	size_t members = (c->fields.len > 0) + (c->embedded.len > 0) + (c->transaction.len > 0);
	size_t len = strlen("{}") + c->fields.len + c->embedded.len + c->transaction.len;

	c->nameless += !c->has_name;
	len += c->embedded.len > 0 ? strlen(EMBEDDED "}") : 0;
	len += c->transaction.len > 0 ? strlen(TRANSACTION) : 0;
	return len + (members > 1 ? members - 1 : 0);
}

void contact_add(const struct contact *c, struct buf *out)
{
	const char *comma = "";

	buf_add_str(out, "{");
	if (c->fields.len > 0) {
		buf_add(out, buf_text(&c->fields), c->fields.len);
		comma = ",";
	}
	if (c->embedded.len > 0) {
		buf_add_str(out, comma);
		buf_add_str(out, EMBEDDED);
		buf_add(out, buf_text(&c->embedded), c->embedded.len);
		buf_add_str(out, "}");
		comma = ",";
	}
	if (c->transaction.len > 0) {
		buf_add_str(out, comma);
		buf_add_str(out, TRANSACTION);
		buf_add(out, buf_text(&c->transaction), c->transaction.len);
	}
	buf_add_str(out, "}");
}

void contact_done(struct contact *c)
{
	buf_done(&c->fields);
	buf_done(&c->embedded);
	buf_done(&c->email);
	buf_done(&c->transaction);
}
