/* import_form.c: multipart/form-data (RFC 7578). The boundary follows from the bytes, so that a
 * part that is sent again is the same. */
#include "import_form.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <qxfs/base/hash.h>
#include <qxfs/base/sys.h>

void form_add(struct form *f, const char *name, const char *file_name, const char *content_type,
              const void *bytes, size_t len)
{
	struct buf *b = &f->parts[f->n++];

	buf_addf(b, "\r\nContent-Disposition: form-data; name=\"%s\"", name);
	if (file_name)
		buf_addf(b, "; filename=\"%s\"", file_name);
	buf_addf(b, "\r\nContent-Type: %s\r\n\r\n", content_type);
	buf_add(b, bytes, len);
	buf_add_str(b, "\r\n");
}

static bool is_in(const struct form *f, const char *boundary)
{
	for (size_t i = 0; i < f->n; i++)
		if (memmem(buf_text(&f->parts[i]), f->parts[i].len, boundary, strlen(boundary)))
			return true;
	return false;
}

static int choose(const struct form *f, char boundary[HASH_HEX_SIZE])
{
	char sum[DIGEST_HEX_SIZE], round[16];
	struct digest *d = digest_new();

	if (!d)
		return -ENOMEM;
	for (size_t i = 0; i < f->n; i++)
		digest_add(d, buf_text(&f->parts[i]), f->parts[i].len);
	int r = digest_hex(d, sum);
	digest_free(d);
	for (unsigned n = 0; r == 0; n++) {
		(void)snprintf(round, sizeof(round), "%u", n);
		hash_hex(boundary, (const char *const[]){ sum, round, NULL });
		if (!is_in(f, boundary))
			break;
	}
	return r;
}

int form_end(struct form *f, struct import_body *ret)
{
	char boundary[HASH_HEX_SIZE] = "";
	int r = choose(f, boundary);

	buf_clear(&ret->bytes);
	for (size_t i = 0; i < f->n; i++) {
		buf_addf(&ret->bytes, "--%s", boundary);
		buf_add(&ret->bytes, buf_text(&f->parts[i]), f->parts[i].len);
		if (buf_failed(&f->parts[i]))
			r = -ENOMEM;
		buf_done(&f->parts[i]);
	}
	buf_addf(&ret->bytes, "--%s--\r\n", boundary);
	f->n = 0;
	(void)snprintf(ret->content_type, sizeof(ret->content_type),
	               "multipart/form-data; boundary=%s", boundary);
	return r == 0 && buf_failed(&ret->bytes) ? -ENOMEM : r;
}
