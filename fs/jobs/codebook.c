/* codebook.c: codebook.csv: what each column means, from schema.json. */
#include "render_out.h"
#include "schema.h"

#include <string.h>

#include <qxfs/base/utf8.h>

static void add_cells(struct buf *b, const char *const cells[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_str(b, ",");
		buf_add_csv(b, cells[i]);
	}
	buf_add_str(b, "\r\n");
}

/* A line for each code; one without a code where anything may be answered. */
static int add_property(void *arg, const struct property *p)
{
	struct render_out *out = arg;
	const struct metadata *known = metadata_find(p->key);
	const char *tag = p->tag[0] ? p->tag : known ? known->tag : p->key;
	const char *type = p->format[0] ? p->format : p->type;
	size_t count = p->codes ? json_len(p->codes, NULL) : 0;
	struct buf code = { 0 }, label = { 0 };

	for (size_t i = 0; i < count || i == 0; i++) {
		buf_clear(&code);
		buf_clear(&label);
		if (i < count) {
			schema_code(json_at(p->codes, NULL, i), &code);
			schema_label(json_at(p->codes, NULL, i), &label);
		}
		out->buf.failed = out->buf.failed || buf_failed(&code) || buf_failed(&label);
		const char *const cells[] = { tag,  p->key,          p->description,
			                      type, buf_text(&code), buf_text(&label) };
		add_cells(&out->buf, cells, 6);
		if (out_flush(out, false) < 0)
			break;
	}
	buf_done(&code);
	buf_done(&label);
	return out->err;
}

int codebook_render(const struct render_input *in, struct render_out *out)
{
	static const char *const head[] = { "column", "ImportId", "question",
		                            "type",   "code",     "label" };

	if (in->bom)
		buf_add_str(&out->buf, UTF8_BOM);
	add_cells(&out->buf, head, 6);
	return schema_read(in, in->base_fd, in->base_len, add_property, out);
}
