/* import_judge.c: reading a file once, to a verdict. */
#include "import_judge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#include "import_rows.h"

#define PIECE 65536

/* --- feeding -----------------------------------------------------------------------------------
 */

static void take_piece(void *arg, const char *piece, size_t len)
{
	struct judge *j = arg;

	if (!j->over)
		j->kind->reader->take(j, piece, len);
}

int judge_again(const struct import_kind *kind, const struct import_context *context,
                struct again *again, struct judge **ret)
{
	struct judge *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->kind = kind;
	j->context = context;
	j->again = again;
	j->line = 1;
	j->plan.max_parts = SIZE_MAX;
	text_init(&j->text, context->charset, take_piece, j);
	int r = kind->reader->begin(j);
	if (r < 0) {
		judge_free(j);
		return r;
	}
	*ret = j;
	return 0;
}

int judge_new(const struct import_kind *kind, const struct import_context *context,
              struct judge **ret)
{
	return judge_again(kind, context, NULL, ret);
}

static void take_bytes(struct judge *j, const void *bytes, size_t len)
{
	if (!j->kind->reader->is_text)
		take_piece(j, bytes, len);
	else if (!j->over && text_feed(&j->text, bytes, len) != TEXT_FINE)
		judge_text(j);
}

int judge_feed(struct judge *j, const void *bytes, size_t len)
{
	uint64_t max = j->kind->reader->max_bytes;
	bool too_large = max > 0 && len > max - (j->fed < max ? j->fed : max);
	size_t fits = too_large ? (size_t)(max - (j->fed < max ? j->fed : max)) : len;

	if (fits > 0)
		take_bytes(j, bytes, fits);
	j->fed += len;
	if (!j->over && too_large)
		judge_refuse(j, EFBIG, "Make it smaller: a file of this kind cannot be split.",
		             "the file has over %llu bytes, the most that the service takes",
		             (unsigned long long)max);
	return j->over;
}

int judge_read(struct judge *j, int fd, uint64_t from, uint64_t to)
{
	qx_auto_free char *piece = malloc(PIECE);

	if (!piece)
		return -ENOMEM;
	while (from < to && !j->over) {
		size_t want = to - from < PIECE ? (size_t)(to - from) : PIECE;
		ssize_t n = pread(fd, piece, want, (off_t)from);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		from += (uint64_t)n;
		(void)judge_feed(j, piece, (size_t)n); /* j->over tells */
	}
	return 0;
}

/* --- a part again ------------------------------------------------------------------------------
 */

static void end_part(struct judge *j)
{
	(void)text_end(&j->text); /* it was judged */
	j->kind->reader->end(j);
}

int judge_read_heading(struct judge *j, int fd)
{
	int r = judge_read(j, fd, 0, j->again->part->to);

	if (r == 0 && !j->over)
		end_part(j);
	return r;
}

int judge_read_rows(struct judge *j, struct rows *rows, int fd)
{
	const struct part *part = j->again->part;

	if (j->no_memory || j->text.mode == TEXT_CHARSET)
		return 0;
	j->over = rows->stopped = false;
	j->again->seen = part->first_row - 1;
	text_resume(&j->text, j->text.mode, part->from);
	rows_resume(rows, part->from);
	int r = judge_read(j, fd, part->from, part->to);
	if (r == 0 && !j->over)
		end_part(j);
	return r;
}

/* --- the end -----------------------------------------------------------------------------------
 */

static void add_complaints(const struct judge *j, struct buf *out)
{
	if (j->n_complaints <= 1)
		return;
	buf_addf(out, "%zu rows are to be mended:\n", j->n_complaints);
	buf_add(out, buf_text(&j->complaints), j->complaints.len);
	if (j->n_complaints > COMPLAINTS_MAX)
		buf_addf(out, "  and %zu more, the last in line %llu\n",
		         j->n_complaints - COMPLAINTS_MAX, (unsigned long long)j->last_complaint);
}

static void add_report(struct judge *j, struct buf *out)
{
	const char *name = j->context->target_name;

	buf_addf(out, "%s%s%s%s\n", j->kind->what, name && name[0] ? " for “" : "",
	         name && name[0] ? name : "", name && name[0] ? "”" : "");
	if (j->err)
		add_complaints(j, out);
	else
		j->kind->reader->report(j, out);
}

static void give_verdict(struct judge *j, struct verdict *ret)
{
	ret->err = j->err;
	memcpy(ret->why, j->why, sizeof(ret->why));
	memcpy(ret->next, j->next, sizeof(ret->next));
	if (j->err)
		return;
	memcpy(ret->held, j->held, sizeof(ret->held));
	ret->rows = j->plan.rows;
	ret->nothing = j->nothing || j->plan.n == 0;
	ret->parts = j->plan.parts;
	ret->n_parts = j->plan.n;
	j->plan.parts = NULL;
}

int judge_end(struct judge *j, struct verdict *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!j->over && j->kind->reader->is_text && text_end(&j->text) != TEXT_FINE)
		judge_text(j);
	if (!j->over && j->fed == 0)
		judge_refuse(j, EINVAL, "Copy it again.", "the file is empty");
	if (!j->over)
		j->kind->reader->end(j);
	plan_end(&j->plan, j->fed, j->text.mode != TEXT_CHARSET);
	if (!j->no_memory)
		add_report(j, &ret->report);
	if (buf_failed(&ret->report) || buf_failed(&j->complaints))
		j->no_memory = true;
	if (j->no_memory) {
		verdict_done(ret);
		return -ENOMEM;
	}
	give_verdict(j, ret);
	return 0;
}

void judge_free(struct judge *j)
{
	if (!j)
		return;
	j->kind->reader->done(j);
	text_done(&j->text);
	free(j->plan.parts);
	buf_done(&j->complaints);
	free(j);
}

void verdict_done(struct verdict *v)
{
	buf_done(&v->report);
	free(v->parts);
	memset(v, 0, sizeof(*v));
}

int judge_file(const struct import_kind *kind, const struct import_context *context, int fd,
               struct verdict *ret)
{
	struct judge *j = NULL;

	int r = judge_new(kind, context, &j);
	if (r == 0)
		r = judge_read(j, fd, 0, UINT64_MAX);
	if (r == 0)
		r = judge_end(j, ret);
	judge_free(j);
	return r;
}
