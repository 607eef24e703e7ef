/* import_body.c: a part's request, and its refused rows, from the same bytes that were judged. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <qxfs/base/sys.h>

#include "import_judge.h"

static int explain(int r, struct qx_fail *fail)
{
	if (fail->err)
		return r;
	fail_set(fail, -r, "the file cannot be read again: %s", strerror(-r));
	fail_remedy(fail, "Look at the disk of the state folder.");
	return r;
}

static bool lost_rows(const struct judge *j)
{
	const struct again *a = j->again;
	return j->kind->reader->has_rows && a->seen + 1 < a->part->first_row + a->part->rows;
}

int import_body(const struct import_kind *kind, const struct import_context *context,
                const char *file_name, int fd, const struct part *part, struct import_body *ret,
                struct qx_fail *fail)
{
	struct again again = { .part = part, .out = &ret->bytes };
	struct judge *j = NULL;

	memset(ret, 0, sizeof(*ret));
	fail_clear(fail);
	int r = judge_again(kind, context, &again, &j);
	if (r == 0)
		r = kind->reader->body(j, fd, file_name, ret, fail);
	if (r == 0 && lost_rows(j)) {
		r = fail_set(fail, EIO, "the file in the spool is not what was judged");
		fail_remedy(fail, "Copy it again.");
	}
	judge_free(j);
	if (r == 0)
		return 0;
	import_body_done(ret);
	return explain(r, fail);
}

void import_body_done(struct import_body *b)
{
	buf_done(&b->bytes);
	buf_done(&b->name);
	*b = (struct import_body){ 0 };
}

int import_reject(const struct import_kind *kind, const struct import_context *context, int fd,
                  const struct part *part, const struct import_refused *refused, int out_fd)
{
	struct again again = { .part = part, .refused = *refused };
	struct judge *j = NULL;
	struct stat st;

	if (!kind->reader->reject || refused->n + refused->n_addresses == 0)
		return 0;
	if (fstat(out_fd, &st) < 0)
		return -errno;
	again.heading = st.st_size == 0;
	int r = judge_again(kind, context, &again, &j);
	if (r == 0)
		r = kind->reader->reject(j, fd);
	judge_free(j);
	if (r == 0 && buf_failed(&again.lines))
		r = -ENOMEM;
	if (r == 0)
		r = sys_write_all(out_fd, again.lines.data, again.lines.len);
	buf_done(&again.lines);
	return r;
}
