/* search.c: the fields are a table; conditions become the filter of a search (API.md 7.3), in the
 * table's order.
 *
 * How several conditions are joined API.md leaves open ("and/or lists"); what public clients send
 * is {conjunction, filters} [client: segmentio/action-destinations]. */
#include "search.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <qxfs/base/sys.h>
#include <qxfs/base/utf8.h>

#include "param_values.h"

#define ADDRESS_MAX 254 /* bytes of an e-mail address, RFC 5321 */

enum field_id {
	FIELD_EMAIL,
	FIELD_DOMAIN,
	FIELD_FIRST,
	FIELD_LAST,
	FIELD_PHONE,
	FIELD_REFERENCE,
	FIELD_LANGUAGE,
	FIELDS_
};

/* The service's names: a filterType is a contact's member. */
static const char *const fields[] = {
	[FIELD_EMAIL] = "email",       [FIELD_DOMAIN] = "emailDomain", [FIELD_FIRST] = "firstName",
	[FIELD_LAST] = "lastName",     [FIELD_PHONE] = "phone",        [FIELD_REFERENCE] = "extRef",
	[FIELD_LANGUAGE] = "language",
};
static_assert(countof(fields) == FIELDS_, "every field has its name");

static const char *field_at(size_t i)
{
	return i < countof(fields) ? fields[i] : NULL;
}

static bool is_one_line(const char *name)
{
	for (const char *c = name; *c; c++)
		if (utf8_is_control(c))
			return false;
	return true;
}

/* --- FIELD=VALUE ----------------------------------------------------------------------------- */

struct asked {
	struct buf json[FIELDS_]; /* of the value; empty: not asked for */
};

static int find_field(const char *key, size_t len)
{
	for (int i = 0; i < FIELDS_; i++)
		if (strlen(fields[i]) == len && strncmp(fields[i], key, len) == 0)
			return i;
	return -1;
}

static int take(struct asked *a, const char *piece, size_t len, struct qx_fail *why)
{
	const char *equals = memchr(piece, '=', len);
	size_t key_len = equals ? (size_t)(equals - piece) : len;
	int field = find_field(piece, key_len);

	if (!equals) {
		fail_set(why, ENOENT, "'%.*s' is not FIELD=VALUE", param_shown(len), piece);
		fail_remedy(why, "Write as search/lastName=Smith,language=EN/contacts.csv; a comma "
		                 "within a value is %%2C.");
		return -ENOENT;
	}
	if (field < 0)
		return param_refuse_key(
			"contacts are not searched by", piece, key_len, field_at,
			"The README lists the fields; contacts.csv has all there is.", why);
	if (a->json[field].len) {
		fail_set(why, ENOENT, "%s is given twice", fields[field]);
		fail_remedy(why, "Leave one of them out: all conditions hold at once.");
		return -ENOENT;
	}
	const char *value = equals + 1;
	size_t value_len = len - key_len - 1;
	if (param_value_read(TYPE_TEXT, value, value_len, &a->json[field]))
		return 0;
	fail_set(why, ENOENT, "'%.*s' is no value of %s", param_shown(value_len), value,
	         fields[field]);
	param_value_explain(TYPE_TEXT, fields[field], value, value_len, why);
	return -ENOENT;
}

static int take_all(struct asked *a, const char *name, struct qx_fail *why)
{
	if (!is_one_line(name)) {
		fail_set(why, ENOENT, "a control character stands in the name");
		fail_remedy(why, "Write it as %%0A, %%09 and so on.");
		return -ENOENT;
	}
	for (;;) {
		size_t len = strcspn(name, ",");
		int r = take(a, name, len, why);
		if (r < 0 || !name[len])
			return r;
		name += len + 1;
	}
}

static int count(const struct asked *a)
{
	int n = 0;
	for (int i = 0; i < FIELDS_; i++)
		n += a->json[i].len > 0;
	return n;
}

static void put(const struct asked *a, struct buf *out)
{
	bool many = count(a) > 1;
	const char *comma = "";

	buf_add_str(out, "{\"filter\":");
	buf_add_str(out, many ? "{\"conjunction\":\"and\",\"filters\":[" : "");
	for (int i = 0; i < FIELDS_; i++) {
		if (!a->json[i].len)
			continue;
		buf_addf(out, "%s{\"filterType\":\"%s\",\"comparison\":\"eq\",\"value\":%s}", comma,
		         fields[i], buf_text(&a->json[i]));
		comma = ",";
	}
	buf_add_str(out, many ? "]}}" : "}");
}

static int parse(const char *name, struct buf *out, struct qx_fail *why)
{
	struct asked a = { 0 };

	int r = take_all(&a, name, why);
	if (r == 0)
		put(&a, out);
	for (int i = 0; i < FIELDS_; i++) {
		if (buf_failed(&a.json[i]))
			out->failed = true;
		buf_done(&a.json[i]);
	}
	return r == 0 && buf_failed(out) ? -ENOMEM : r;
}

int search_check(const char *name, struct qx_fail *why)
{
	struct buf unread = { 0 };
	int r = parse(name, &unread, why);
	buf_done(&unread);
	return r;
}

int search_body(const char *name, struct buf *out)
{
	struct qx_fail unread;
	return parse(name, out, &unread);
}

/* --- addresses ------------------------------------------------------------------------------- */

static const char *what_is_wrong(const char *address)
{
	const char *at = strrchr(address, '@');

	if (!at)
		return "there is no @ in it";
	if (at == address || !at[1])
		return "something has to stand before and behind the @";
	if (strlen(address) > ADDRESS_MAX)
		return "it is longer than any";
	for (const char *c = address; *c;) {
		size_t n = utf8_valid(c, strlen(c));
		if (!n || utf8_is_control(c) || *c == ' ')
			return "no address has a blank or a control character in it";
		c += n;
	}
	return NULL;
}

int search_check_email(const char *name, struct qx_fail *why)
{
	const char *wrong = what_is_wrong(name);

	if (!wrong)
		return 0;
	fail_set(why, ENOENT, "'%.*s' is no e-mail address: %s", param_shown(strlen(name)), name,
	         wrong);
	fail_remedy(why, "A contact is found as by-email/ann@example.com; by anything else, see "
	                 "search/.");
	return -ENOENT;
}

int search_email_body(const char *address, struct buf *out)
{
	struct asked a = { 0 };

	buf_add_json(&a.json[FIELD_EMAIL], address);
	out->failed = out->failed || buf_failed(&a.json[FIELD_EMAIL]);
	put(&a, out);
	buf_done(&a.json[FIELD_EMAIL]);
	return buf_failed(out) ? -ENOMEM : 0;
}

void search_email_name(const char *address, struct buf *out)
{
	buf_addf(out, "%s=", fields[FIELD_EMAIL]);
	for (const char *c = address; *c; c++) {
		if (strchr("/,=%", *c))
			buf_addf(out, "%%%02X", (unsigned char)*c);
		else
			buf_add(out, c, 1);
	}
}
