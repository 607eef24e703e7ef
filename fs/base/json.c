/* json.c: JSON that fits in memory.
 *
 * json-c reads the values, but only what strict.c has found to be JSON: even its strict mode takes
 * NaN, 'single quotes', "1.", "-01", raw control characters and overlong UTF-8 (0.16, measured).
 *
 * `struct json` has no body: its pointers are json-c's own, under a name that keeps json-c in here.
 */
#include <qxfs/base/json.h>

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include <qxfs/base/strict.h>

#define json_bool json_c_bool /* json-c's name for int; ours is a function */
#include <json-c/json.h>
#undef json_bool

#define DEPTH_MAX 32
/* What json-c makes of the smallest values (0.16, measured): "{}" 790 bytes, "0" 72. Without a
 * limit 16 MB of "{}" would be 4 GB. Pages hold a few hundred elements. */
#define CONTAINER_BYTES 800
#define VALUE_BYTES 80
#define WEIGHT_MAX (64u << 20)
#define KEY_MAX 128 /* of one step of a path; ours, not the service's */

static struct json_object *inside(const struct json *j)
{
	/* json-c takes no const where it only reads. */
	union {
		const struct json *ours;
		struct json_object *theirs;
	} u = { .ours = j };
	return u.theirs;
}

static const struct json *wrap(struct json_object *o)
{
	return (const struct json *)(const void *)o;
}

static bool is_too_heavy(const struct strict *s)
{
	size_t opened, commas;
	strict_count(s, &opened, &commas);
	return opened > WEIGHT_MAX / CONTAINER_BYTES || commas > WEIGHT_MAX / VALUE_BYTES;
}

static int check(const char *bytes, size_t len)
{
	struct strict *s;
	int r = strict_new(DEPTH_MAX, &s);
	if (r < 0)
		return r;
	r = strict_feed(s, bytes, len);
	if (r == 0)
		r = strict_finish(s);
	if (r == 0 && is_too_heavy(s))
		r = -EBADMSG;
	strict_free(s);
	return r;
}

int json_parse(const char *bytes, size_t len, struct json **ret)
{
	if (len > INT_MAX)
		return -EBADMSG;
	int r = check(bytes, len);
	if (r < 0)
		return r;

	/* json-c counts the scalars inside the last array, too. */
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX + 1);
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *root = json_tokener_parse_ex(tokener, bytes, (int)len);
	/* Anything but success, "continue" with the rest cut off included, is a failure. */
	enum json_tokener_error error = json_tokener_get_error(tokener);
	json_tokener_free(tokener);

	if (error != json_tokener_success || !json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		return -EBADMSG;
	}
	*ret = (struct json *)(void *)root;
	return 0;
}

void json_free(struct json *j)
{
	json_object_put(inside(j));
}

/* JSON null is json-c's NULL, so it reads as absent everywhere. */
const struct json *json_get(const struct json *j, const char *path)
{
	struct json_object *o = inside(j);

	while (o && path && *path) {
		char key[KEY_MAX];
		size_t len = strcspn(path, ".");
		if (len >= sizeof(key))
			return NULL;
		memcpy(key, path, len);
		key[len] = '\0';

		struct json_object *member = NULL;
		if (json_object_is_type(o, json_type_object))
			(void)json_object_object_get_ex(o, key, &member); /* else NULL stays */
		o = member;
		path += len + (path[len] == '.');
	}
	return wrap(o);
}

static struct json_object *get_typed(const struct json *j, const char *path, enum json_type type)
{
	struct json_object *o = inside(json_get(j, path));
	return json_object_is_type(o, type) ? o : NULL;
}

const char *json_str(const struct json *j, const char *path)
{
	struct json_object *o = get_typed(j, path, json_type_string);
	if (!o)
		return NULL;
	const char *text = json_object_get_string(o);
	return strlen(text) == (size_t)json_object_get_string_len(o) ? text : NULL;
}

bool json_text(const struct json *j, const char *path, struct buf *out)
{
	struct json_object *o = get_typed(j, path, json_type_string);
	if (!o)
		return false;
	buf_add_text(out, json_object_get_string(o), (size_t)json_object_get_string_len(o));
	return true;
}

/* json-c turns a number that is too big into the nearest it can hold. Above INT64_MAX it still says
 * so, in uint64; INT64_MIN it says for itself and for all below, so that one reads as absent. */
static bool is_exact(const struct json_object *o)
{
	return json_object_get_uint64(o) <= INT64_MAX && json_object_get_int64(o) != INT64_MIN;
}

bool json_int(const struct json *j, const char *path, int64_t *ret)
{
	struct json_object *o = get_typed(j, path, json_type_int);
	if (!o || !is_exact(o))
		return false;
	*ret = json_object_get_int64(o);
	return true;
}

bool json_double(const struct json *j, const char *path, double *ret)
{
	struct json_object *o = get_typed(j, path, json_type_int);
	if (o && !is_exact(o))
		return false;
	if (!o)
		o = get_typed(j, path, json_type_double);
	if (!o || !isfinite(json_object_get_double(o))) /* 1e999 */
		return false;
	*ret = json_object_get_double(o);
	return true;
}

bool json_bool(const struct json *j, const char *path, bool *ret)
{
	struct json_object *o = get_typed(j, path, json_type_boolean);
	if (!o)
		return false;
	*ret = json_object_get_boolean(o);
	return true;
}

bool json_bool_or(const struct json *j, const char *path, bool absent)
{
	bool value = absent;
	(void)json_bool(j, path, &value);
	return value;
}

bool json_is_array(const struct json *j, const char *path)
{
	return get_typed(j, path, json_type_array);
}

bool json_is_object(const struct json *j, const char *path)
{
	return get_typed(j, path, json_type_object);
}

size_t json_len(const struct json *j, const char *path)
{
	struct json_object *o = get_typed(j, path, json_type_array);
	if (o)
		return json_object_array_length(o);
	o = get_typed(j, path, json_type_object);
	return o ? (size_t)json_object_object_length(o) : 0;
}

const struct json *json_at(const struct json *j, const char *path, size_t index)
{
	struct json_object *o = get_typed(j, path, json_type_array);
	return o ? wrap(json_object_array_get_idx(o, index)) : NULL;
}

const struct json *json_member(const struct json *j, const char *name)
{
	struct json_object *o = get_typed(j, NULL, json_type_object), *member = NULL;

	if (o)
		(void)json_object_object_get_ex(o, name, &member); /* else NULL stays */
	return wrap(member);
}

void json_each(const struct json *j, const char *path, json_member_fn *fn, void *arg)
{
	struct json_object *o = inside(json_get(j, path));

	if (!o || !json_object_is_type(o, json_type_object))
		return;
	json_object_object_foreach(o, name, value)
	{
		if (!fn(arg, name, wrap(value)))
			return;
	}
}

/* json-c gives a number back as it was spelled. */
void json_add(const struct json *j, const char *path, struct buf *out)
{
	struct json_object *o = inside(json_get(j, path));

	if (!o) {
		buf_add_str(out, "null");
		return;
	}
	const char *text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		buf_add_str(out, text);
	else
		out->failed = true;
}

void json_add_cell(const struct json *j, const char *path, struct buf *out)
{
	const struct json *at = json_get(j, path);

	if (!at || json_text(at, NULL, out))
		return;
	json_add(at, NULL, out);
}
