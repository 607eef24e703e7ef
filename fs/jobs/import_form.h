/* import_form.h: multipart/form-data. The same parts make the same bytes. */
#ifndef QXFS_JOBS_IMPORT_FORM_H
#define QXFS_JOBS_IMPORT_FORM_H

#include <stddef.h>

#include <qxfs/base/buf.h>
#include <qxfs/jobs/import_kinds.h>

#define FORM_BYTES_MAX 1024 /* around one file */

/* Zeroed: empty. Between the parts stands a mark, until form_end has chosen a boundary. */
struct form {
	struct buf parts[4];
	size_t n;
};
/* file_name: a constant of ours, NULL: a plain value. */
void form_add(struct form *f, const char *name, const char *file_name, const char *content_type,
              const void *bytes, size_t len);
/* Writes it, and frees its parts. -ENOMEM */
int form_end(struct form *f, struct import_body *ret);

#endif
