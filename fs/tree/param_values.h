/* param_values.h: what may stand behind a key below with/ (see params.h for how it is written). A
 * type is a row. Pure; any thread. */
#ifndef QXFS_TREE_PARAM_VALUES_H
#define QXFS_TREE_PARAM_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>

enum param_type {
	TYPE_BOOL,
	TYPE_INT,
	TYPE_COUNT,
	TYPE_MOMENT,
	TYPE_TEXT,
	TYPE_ZONE,
	TYPE_UUID,
	TYPE_LIST,
	TYPE_REFUSED, /* the tree sets it */
	TYPES_
};

/* Appends the JSON of a value as it was typed: nothing for a default that is not to be sent. False
 * if the type has no such value; what was appended then is not to be used. */
bool param_value_read(enum param_type type, const char *text, size_t len, struct buf *out);
/* The remedy for a value that was refused. */
void param_value_explain(enum param_type type, const char *key, const char *text, size_t len,
                         struct qx_fail *why);
/* How much of what somebody typed is repeated: the sentence has to fit as well. For "%.*s". */
int param_shown(size_t len);
/* A key that is none of `at` (the i-th; NULL at the end): `what` is the beginning of the sentence,
 * `otherwise` the remedy if none is like it. -ENOENT */
int param_refuse_key(const char *what, const char *key, size_t len, const char *(*at)(size_t i),
                     const char *otherwise, struct qx_fail *why);
const char *param_type_name(enum param_type type);
/* The i-th time zone that the service takes, UTC apart; NULL at the end. */
const char *param_zone_at(size_t i);

#endif
