/* import_columns.c: what a heading means. A new spelling is one row. */
#include "import_columns.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <qxfs/base/hash.h>
#include <qxfs/base/nearest.h>
#include <qxfs/base/sys.h>
#include <qxfs/base/utf8.h>

#include "shapes.h"

#define PLAIN_MAX 64
#define INDEX_SIZE 8192 /* over four times COLUMNS_MAX */
#define PREFIX "embeddedData."

static const struct field_row fields[] = {
	[FIELD_FIRST_NAME] = { "firstName", "firstName", "first name" },
	[FIELD_LAST_NAME] = { "lastName", "lastName", "last name" },
	[FIELD_EMAIL] = { "email", "email", "e-mail address" },
	[FIELD_PHONE] = { "phone", NULL, "phone number" },
	[FIELD_REFERENCE] = { "extRef", "externalDataReference", "external data reference" },
	[FIELD_LANGUAGE] = { "language", "language", "language" },
	[FIELD_UNSUBSCRIBED] = { "unsubscribed", "unsubscribed", "opt-out" },
};
static_assert(countof(fields) == FIELDS_, "every field has its row");

/* Headings without blanks, dashes, underscores, dots, in small letters: of Qualtrics' own exports
 * and pages, of ours (shapes.c), and plain English. */
static const struct {
	const char *plain;
	enum field field;
} spellings[] = {
	{ "firstname", FIELD_FIRST_NAME },
	{ "recipientfirstname", FIELD_FIRST_NAME },
	{ "givenname", FIELD_FIRST_NAME },
	{ "forename", FIELD_FIRST_NAME },
	{ "lastname", FIELD_LAST_NAME },
	{ "recipientlastname", FIELD_LAST_NAME },
	{ "surname", FIELD_LAST_NAME },
	{ "familyname", FIELD_LAST_NAME },
	{ "email", FIELD_EMAIL },
	{ "emailaddress", FIELD_EMAIL },
	{ "primaryemail", FIELD_EMAIL },
	{ "recipientemail", FIELD_EMAIL },
	{ "phone", FIELD_PHONE },
	{ "phonenumber", FIELD_PHONE },
	{ "telephone", FIELD_PHONE },
	{ "telephonenumber", FIELD_PHONE },
	{ "extref", FIELD_REFERENCE },
	{ "externaldatareference", FIELD_REFERENCE },
	{ "externalreference", FIELD_REFERENCE },
	{ "language", FIELD_LANGUAGE },
	{ "unsubscribed", FIELD_UNSUBSCRIBED },
	{ "directoryunsubscribed", FIELD_UNSUBSCRIBED },
	{ "optedout", FIELD_UNSUBSCRIBED },
	{ "contactid", FIELD_NEVER },
	{ "contactlookupid", FIELD_NEVER },
	{ "recipientid", FIELD_NEVER },
	{ "mailinglistunsubscribed", FIELD_NEVER }, /* of this list: another opt-out than the
	                                               person's */
	{ "refusedbecause", FIELD_NEVER },          /* of NAME.rejected.csv */
	{ "id", FIELD_PERHAPS },
};

/* Members of the service's contacts (API.md 7.3, 8.2) that no import takes. */
static const char *const never_members[] = {
	"creationDate",
	"lastModified",
	"emailDomain",
	"writeBlanks",
	"stats",
	"skipped",
	"responseHistory",
	"emailHistory",
	"mailingListMembership",
	"directoryUnsubscribeDate",
};

static const enum shape own_shapes[] = { SHAPE_MEMBERS, SHAPE_CONTACTS, SHAPE_OLD_MEMBERS };

const struct field_row *field_row(enum field field)
{
	return &fields[field];
}

const char *field_name(enum field field, enum import_target target)
{
	return target == TARGET_OLD_LIST ? fields[field].old_name : fields[field].name;
}

/* False: it is too long to be any of those. */
static bool make_plain(const char *heading, char out[PLAIN_MAX])
{
	size_t n = 0;

	for (; *heading; heading++) {
		char c = *heading;
		if (strchr(" \t_-.", c))
			continue;
		if (n == PLAIN_MAX - 1)
			return false;
		out[n++] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	out[n] = '\0';
	return true;
}

enum field column_field(enum import_target target, const char *heading)
{
	char plain[PLAIN_MAX];

	if (!make_plain(heading, plain))
		return FIELD_EMBEDDED;
	for (size_t i = 0; i < countof(spellings); i++) {
		enum field field = spellings[i].field;
		if (strcmp(plain, spellings[i].plain) != 0)
			continue;
		return field < FIELDS_ && !field_name(field, target) ? FIELD_EMBEDDED : field;
	}
	return FIELD_EMBEDDED;
}

enum field member_field(enum import_target target, const char *name)
{
	for (size_t i = 0; i < countof(never_members); i++)
		if (strcmp(name, never_members[i]) == 0)
			return FIELD_NEVER;
	return column_field(target, name);
}

const char *column_near(const char *heading, enum field *ret)
{
	char plain[PLAIN_MAX];

	if (!make_plain(heading, plain) || strlen(plain) < 3)
		return NULL;
	for (size_t i = 0; i < countof(spellings); i++) {
		size_t apart = letters_apart(plain, spellings[i].plain);
		if (spellings[i].field >= FIELDS_ || apart == 0 || apart > 2)
			continue;
		*ret = spellings[i].field;
		return fields[*ret].name;
	}
	return NULL;
}

size_t columns_own(const char *const *headings, size_t n)
{
	for (size_t s = 0; s < countof(own_shapes); s++) {
		size_t i = 0;
		const char *own = shape_heading(own_shapes[s], 0);
		while (own && i < n && strcmp(headings[i], own) == 0)
			own = shape_heading(own_shapes[s], ++i);
		if (!own)
			return i;
	}
	return 0;
}

static bool is_own_heading(const char *name)
{
	for (size_t s = 0; s < countof(own_shapes); s++)
		for (size_t i = 0; shape_heading(own_shapes[s], i); i++)
			if (strcasecmp(shape_heading(own_shapes[s], i), name) == 0)
				return true;
	return false;
}

const char *embedded_name(const char *heading)
{
	size_t n = strlen(PREFIX);
	return strncmp(heading, PREFIX, n) == 0 && is_own_heading(heading + n) ? heading + n
	                                                                       : heading;
}

void add_embedded_heading(struct buf *out, const char *name)
{
	buf_add_str(out, is_own_heading(name) ? PREFIX : "");
	buf_add_str(out, name);
}

/* --- lists of columns --------------------------------------------------------------------------
 */

static bool set_key(struct column *c)
{
	struct buf key = { 0 };

	if (c->field != FIELD_EMBEDDED && c->field != FIELD_PERHAPS)
		return true;
	const char *name = c->space == 0 ? embedded_name(c->heading) : c->heading;
	buf_add_text_json(&key, name, strlen(name));
	buf_add_str(&key, ":");
	c->key = buf_steal(&key);
	return c->key != NULL;
}

int columns_add(struct columns *c, enum field field, const char *heading, size_t len,
                unsigned space)
{
	if (c->n == COLUMNS_MAX)
		return -EFBIG;
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 16;
		struct column *more = reallocarray(c->items, cap, sizeof(*more));
		if (!more)
			return -ENOMEM;
		c->items = more;
		c->cap = cap;
	}
	struct column *new = &c->items[c->n];
	*new = (struct column){ .field = field, .heading = strndup(heading, len), .space = space };
	if (!new->heading || !set_key(new)) {
		free(new->heading);
		return -ENOMEM;
	}
	c->n++;
	return 0;
}

static size_t hash_of(const char *heading, size_t len, unsigned space)
{
	uint64_t h = hash_quick(heading, len) + space;
	return (size_t)(h ^ h >> 32) % INDEX_SIZE;
}

static bool is_called(const struct column *c, const char *heading, size_t len, unsigned space)
{
	return c->space == space && strncmp(c->heading, heading, len) == 0 && !c->heading[len];
}

/* The index holds numbers from 1, and is brought up to date with each search that fails. */
size_t columns_find(struct columns *c, const char *heading, size_t len, unsigned space)
{
	if (!c->index)
		c->index = calloc(INDEX_SIZE, sizeof(*c->index));
	for (size_t i = 0; !c->index && i < c->n; i++) /* no memory: slowly */
		if (is_called(&c->items[i], heading, len, space))
			return i;
	if (!c->index)
		return SIZE_MAX;
	size_t slot = hash_of(heading, len, space);
	for (; c->index[slot]; slot = (slot + 1) % INDEX_SIZE)
		if (c->index[slot] <= c->n &&
		    is_called(&c->items[c->index[slot] - 1], heading, len, space))
			return c->index[slot] - 1u;
	/* Whoever does not find it adds it next. */
	if (c->n < COLUMNS_MAX)
		c->index[slot] = (uint16_t)(c->n + 1);
	return SIZE_MAX;
}

void columns_done(struct columns *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->items[i].heading);
		free(c->items[i].key);
	}
	free(c->items);
	free(c->index);
	*c = (struct columns){ 0 };
}

/* --- texts -------------------------------------------------------------------------------------
 */

const char *shown_name(const char *name, char out[SHOWN_SIZE])
{
	size_t len = strlen(name), room = SHOWN_SIZE - sizeof("…");
	size_t n = len < SHOWN_SIZE ? len : room;

	memcpy(out, name, n);
	out[n] = '\0';
	utf8_trim(out);
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	if (n < len)
		memcpy(out + strlen(out), "…", sizeof("…"));
	return out;
}

size_t letters_of(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static const char *escape_of(unsigned char c, char out[8])
{
	static const char named[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
	static const char digits[] = "0123456789abcdef";
	const char *which = strchr(named, c);

	memcpy(out, "\\u0000", 7);
	if (which) {
		out[1] = letters[which - named];
		out[2] = '\0';
	} else {
		out[4] = digits[c >> 4];
		out[5] = digits[c & 15];
	}
	return out;
}

void buf_add_text_json(struct buf *out, const char *text, size_t len)
{
	char escape[8];

	buf_add(out, "\"", 1);
	for (size_t i = 0; i < len;) {
		size_t begin = i;
		while (i < len && (unsigned char)text[i] >= ' ' && text[i] != '"' &&
		       text[i] != '\\')
			i++;
		buf_add(out, text + begin, i - begin);
		if (i < len)
			buf_add_str(out, escape_of((unsigned char)text[i++], escape));
	}
	buf_add(out, "\"", 1);
}
