/* schema.h: schema.json (API.md 4.3), one property at a time. Memory: the largest property, 4 MB.
 */
#ifndef QXFS_JOBS_SCHEMA_H
#define QXFS_JOBS_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include <qxfs/base/json.h>
#include <qxfs/jobs/render.h>

/* A member of values.properties; all of it borrowed during the call. Texts are "" where the schema
 * says none. */
struct property {
	const char *key; /* the ImportId of its columns: "QID19_TEXT" */
	const char *type, *format, *data_type, *description, *tag;
	const struct json *codes; /* array of {const, label}, NULL: an open column */
};
/* Not 0 ends schema_read, which returns it. */
typedef int property_fn(void *arg, const struct property *p);

/* What is not of that form is passed over; so a schema without such members has no property.
 * -EBADMSG: no JSON, or cut. */
int schema_read(const struct render_input *in, int fd, uint64_t len, property_fn *fn, void *arg);

/* The code as text, from the `const` of one of the codes; the label, or the code where it has none.
 */
void schema_code(const struct json *code, struct buf *ret);
void schema_label(const struct json *code, struct buf *ret);

/* The columns that every survey has (API.md 3.4); NULL: none of them. */
enum metadata_type { METADATA_TEXT, METADATA_NUMBER, METADATA_CODE, METADATA_BOOL, METADATA_DATE };
struct metadata {
	const char *import_id, *tag;
	enum metadata_type type;
};
const struct metadata *metadata_find(const char *import_id);

#endif
