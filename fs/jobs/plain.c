/* plain.c: responses.plain.csv: one row of headings, for programs that want a table. */
#include "heading.h"
#include "render_out.h"

#include <qxfs/base/utf8.h>

/* Only the headings are read and made anew: each row stays the service's, byte for byte. */
int plain_render(const struct render_input *in, struct render_out *out)
{
	struct heading h;

	int r = heading_read(in, HEADING_RESPONSES, &h);
	if (r < 0)
		return r;
	if (in->bom)
		buf_add_str(&out->buf, UTF8_BOM);
	for (size_t i = 0; i < h.count; i++) {
		if (i > 0)
			buf_add_str(&out->buf, ",");
		buf_add_csv(&out->buf, h.columns[i].name);
	}
	buf_add_str(&out->buf, "\r\n");
	r = out_copy(out, in->base_fd, h.rows_at, in->base_len);
	heading_done(&h);
	return r;
}
