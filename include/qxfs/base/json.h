/* json.h: JSON that fits in memory: envelopes, pages, facts. Documents of any size: document.h.
 *
 * Strict: one value that must be an object, whole, at most 32 deep, UTF-8, nothing but white space
 * after it; its objects and arrays take at most 64 MB of memory or so, as do its other values.
 * Fields are asked for by a dotted path ("meta.error.errorCode"); a field that is absent or of
 * another type reads as absent, so nothing the service sends can be taken for something else.
 *
 * Threads: a value belongs to one thread at a time. Values got from a value are borrowed from it.
 */
#ifndef QXFS_BASE_JSON_H
#define QXFS_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/base/buf.h>

struct json;

/* -EBADMSG when it is no such object or cut. */
int json_parse(const char *bytes, size_t len, struct json **ret);
void json_free(struct json *j);

/* path NULL or "" means the value itself. */
const struct json *json_get(const struct json *j, const char *path); /* NULL: absent */
const char *json_str(const struct json *j, const char *path); /* NULL: absent, no string, holds NUL
                                                               */
/* Appends a string whatever it holds, a NUL in it as U+FFFD: for names, which are only shown. */
bool json_text(const struct json *j, const char *path, struct buf *out);
bool json_int(const struct json *j, const char *path, int64_t *ret); /* whole numbers only */
bool json_double(const struct json *j, const char *path, double *ret);
bool json_bool(const struct json *j, const char *path, bool *ret);
bool json_bool_or(const struct json *j, const char *path, bool absent);
bool json_is_array(const struct json *j, const char *path);
bool json_is_object(const struct json *j, const char *path);
size_t json_len(const struct json *j, const char *path); /* elements or members; 0: absent */
const struct json *json_at(const struct json *j, const char *path, size_t index);
/* The member of an object by its whole name, dots and all. NULL: absent */
const struct json *json_member(const struct json *j, const char *name);
/* Calls `fn` for each member of an object, in their order, until it returns false. */
typedef bool json_member_fn(void *arg, const char *name, const struct json *value);
void json_each(const struct json *j, const char *path, json_member_fn *fn, void *arg);
/* Appends a value as JSON on one line. */
void json_add(const struct json *j, const char *path, struct buf *out);
/* Appends a value as the text of a cell: a string's own, numbers and booleans spelled out, null and
 * absent as nothing, arrays and objects as JSON. */
void json_add_cell(const struct json *j, const char *path, struct buf *out);

#endif
