/* schema.c: schema.json, one property at a time.
 *
 *   {"type":"object","properties":{"values":{"type":"object","properties":{"QID1":{…},"QID2":{…}}}}}
 *                                                                        key   ^-^ value
 *
 * The scanner here only tells strings, brackets and commas; it cuts each member out, whose key and
 * value then go through the strict parser together. The file was checked when it was fetched. */
#include "schema.h"

#include "render_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

#define DEPTH_MAX 512
#define PROPERTY_MAX (4 * 1024 * 1024)
#define KEY_MAX 16 /* of the keys on the way to the properties */

/* What an object is: named by the key that leads to it. */
enum place { ELSEWHERE, ROOT, PROPERTIES_OF_ROOT, VALUES, PROPERTIES };

struct scanner {
	property_fn *fn;
	void *arg;
	int depth;
	char brackets[DEPTH_MAX + 1];
	enum place places[DEPTH_MAX + 1];
	bool in_string, escaped;
	bool at_key; /* the next string in this object is a key */
	bool in_key;
	char key[KEY_MAX + 1]; /* the last one, cut */
	size_t key_len;
	struct buf property; /* {"k":KEY,"v":VALUE while `cutting` */
	bool cutting;
};

/* --- one property ---------------------------------------------------------------------------- */

static const char *text_of(const struct json *j, const char *path)
{
	const char *text = json_str(j, path);
	return text ? text : "";
}

/* "number", also of ["number", "null"] */
static const char *type_of(const struct json *j)
{
	if (!json_is_array(j, "v.type"))
		return text_of(j, "v.type");
	for (size_t i = 0; i < json_len(j, "v.type"); i++) {
		const char *type = json_str(json_at(j, "v.type", i), NULL);
		if (type && strcmp(type, "null") != 0)
			return type;
	}
	return "";
}

static int give(struct scanner *s)
{
	struct json *j = NULL;

	buf_add_str(&s->property, "}");
	if (buf_failed(&s->property))
		return -ENOMEM;
	int r = json_parse(s->property.data, s->property.len, &j);
	buf_clear(&s->property);
	if (r < 0)
		return r;

	struct property p = { json_str(j, "k"),
		              type_of(j),
		              text_of(j, "v.format"),
		              text_of(j, "v.dataType"),
		              text_of(j, "v.description"),
		              text_of(j, "v.exportTag"),
		              NULL };
	if (json_is_array(j, "v.oneOf"))
		p.codes = json_get(j, "v.oneOf");
	else if (json_is_array(j, "v.items.oneOf"))
		p.codes = json_get(j, "v.items.oneOf");
	if (p.key && *p.key && json_is_object(j, "v"))
		r = s->fn(s->arg, &p);
	json_free(j);
	return r;
}

void schema_code(const struct json *code, struct buf *ret)
{
	int64_t whole;
	double number;
	bool truth;

	if (json_text(code, "const", ret))
		return;
	if (json_int(code, "const", &whole))
		buf_addf(ret, "%lld", (long long)whole);
	else if (json_double(code, "const", &number))
		buf_addf(ret, "%.15g", number);
	else if (json_bool(code, "const", &truth))
		buf_add_str(ret, truth ? "true" : "false");
}

void schema_label(const struct json *code, struct buf *ret)
{
	if (!json_text(code, "label", ret))
		schema_code(code, ret);
}

/* --- the way to them ------------------------------------------------------------------------- */

static enum place place_below(const struct scanner *s)
{
	enum place above = s->places[s->depth];
	bool is_properties = strcmp(s->key, "properties") == 0;
	bool is_values = strcmp(s->key, "values") == 0;

	if (s->depth == 0)
		return ROOT;
	if (above == ROOT && strcmp(s->key, "result") == 0) /* with the envelope around it */
		return ROOT;
	if (above == ROOT && is_properties)
		return PROPERTIES_OF_ROOT;
	if ((above == ROOT || above == PROPERTIES_OF_ROOT) && is_values)
		return VALUES;
	if (above == VALUES && is_properties)
		return PROPERTIES;
	return ELSEWHERE;
}

static int open_bracket(struct scanner *s, char byte)
{
	enum place place = byte == '{' ? place_below(s) : ELSEWHERE;

	if (s->depth == DEPTH_MAX)
		return -EBADMSG;
	s->depth++;
	s->brackets[s->depth] = byte;
	s->places[s->depth] = place;
	s->at_key = byte == '{';
	return 0;
}

static int end_member(struct scanner *s)
{
	bool was = s->cutting && s->places[s->depth] == PROPERTIES;
	if (was)
		s->cutting = false;
	return was ? give(s) : 0;
}

static int one_outside(struct scanner *s, char byte)
{
	int r = 0;

	switch (byte) {
	case '"':
		s->in_string = true;
		s->in_key = s->at_key;
		s->key_len = s->in_key ? 0 : s->key_len;
		if (s->in_key && s->places[s->depth] == PROPERTIES) {
			s->cutting = true;
			buf_add_str(&s->property, "{\"k\":");
		}
		break;
	case '{':
	case '[':
		return open_bracket(s, byte);
	case '}':
	case ']':
		if (s->depth == 0 || s->brackets[s->depth] != (byte == '}' ? '{' : '['))
			return -EBADMSG;
		r = byte == '}' ? end_member(s) : 0;
		s->depth--;
		s->at_key = false;
		break;
	case ',':
		r = end_member(s);
		s->at_key = s->depth > 0 && s->brackets[s->depth] == '{';
		break;
	default:
		break;
	}
	return r;
}

static void one_inside(struct scanner *s, char byte)
{
	if (s->escaped) {
		s->escaped = false;
	} else if (byte == '\\') {
		s->escaped = true;
	} else if (byte == '"') {
		s->in_string = false;
		if (s->in_key) {
			s->key[s->key_len] = '\0';
			s->at_key = s->in_key = false;
		}
		return;
	}
	if (s->in_key && s->key_len < KEY_MAX)
		s->key[s->key_len++] = byte;
}

static int one(struct scanner *s, char byte)
{
	bool was_cutting = s->cutting;
	bool is_colon = byte == ':' && !s->in_string && s->places[s->depth] == PROPERTIES;
	int r = 0;

	if (s->in_string)
		one_inside(s, byte);
	else
		r = one_outside(s, byte);
	if (r < 0 || !s->cutting)
		return r;

	if (s->property.len > PROPERTY_MAX)
		return -EBADMSG;
	if (was_cutting && is_colon)
		buf_add_str(&s->property, ",\"v\":");
	else
		buf_add(&s->property, &byte, 1);
	return 0;
}

int schema_read(const struct render_input *in, int fd, uint64_t len, property_fn *fn, void *arg)
{
	char piece[RENDER_PIECE];
	struct scanner *s = calloc(1, sizeof(*s));
	uint64_t at = 0;
	ssize_t n = 1;
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->fn = fn;
	s->arg = arg;
	while (r == 0 && n > 0) {
		n = render_read(fd, piece, sizeof(piece), at, len);
		r = n < 0 ? (int)n : render_go_on(in);
		for (ssize_t i = 0; i < n && r == 0; i++)
			r = one(s, piece[i]);
		at += n > 0 ? (uint64_t)n : 0;
	}
	if (r == 0 && (s->depth > 0 || s->in_string || at == 0))
		r = -EBADMSG;
	buf_done(&s->property);
	free(s);
	return r;
}

/* --- metadata -------------------------------------------------------------------------------- */

const struct metadata *metadata_find(const char *import_id)
{
	static const struct metadata all[] = {
		{ "startDate", "StartDate", METADATA_DATE },
		{ "endDate", "EndDate", METADATA_DATE },
		{ "status", "Status", METADATA_CODE },
		{ "ipAddress", "IPAddress", METADATA_TEXT },
		{ "progress", "Progress", METADATA_NUMBER },
		{ "duration", "Duration (in seconds)", METADATA_NUMBER },
		{ "finished", "Finished", METADATA_BOOL },
		{ "recordedDate", "RecordedDate", METADATA_DATE },
		{ "_recordId", "ResponseId", METADATA_TEXT },
		{ "recipientLastName", "RecipientLastName", METADATA_TEXT },
		{ "recipientFirstName", "RecipientFirstName", METADATA_TEXT },
		{ "recipientEmail", "RecipientEmail", METADATA_TEXT },
		{ "externalDataReference", "ExternalReference", METADATA_TEXT },
		{ "locationLatitude", "LocationLatitude", METADATA_TEXT },
		{ "locationLongitude", "LocationLongitude", METADATA_TEXT },
		{ "distributionChannel", "DistributionChannel", METADATA_TEXT },
		{ "userLanguage", "UserLanguage", METADATA_TEXT },
		{ "lastModifiedDate", "LastModifiedDate", METADATA_DATE },
	};
	for (size_t i = 0; i < countof(all); i++)
		if (strcmp(all[i].import_id, import_id) == 0)
			return &all[i];
	return NULL;
}
