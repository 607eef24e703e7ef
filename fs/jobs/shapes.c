/* shapes.c: the table of shapes, and how a spool becomes each of them.
 *
 * A spool has an element on each line, as JSON. CSV takes two readings: the first gathers the names
 * of the embedded data, which are columns of their own, the second writes. Contacts differ in what
 * data they have, so the columns are all that any has, in the order in which they first appear. */
#include "shapes.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/json.h>
#include <qxfs/base/sys.h>
#include <qxfs/base/utf8.h>

#define COLUMNS_MAX 16
#define EXTRAS_MAX 4096 /* names of embedded data; a directory has some hundred */
#define FLUSH_BYTES 65536

enum style { STYLE_LINES, STYLE_ARRAY, STYLE_CSV };

/* The headings are the service's member names; of nested ones the last part (API.md 6, 7). */
static const struct {
	enum style style;
	const char *columns[COLUMNS_MAX]; /* members; NULL after the last */
	const char *extras;               /* an object whose members become columns; NULL: none */
} shapes[] = {
	[SHAPE_NDJSON] = { .style = STYLE_LINES },
	[SHAPE_JSON] = { .style = STYLE_ARRAY },
	[SHAPE_CONTACTS] = { STYLE_CSV,
	                     { "contactId", "firstName", "lastName", "email", "phone", "extRef",
	                       "language", "unsubscribed" },
	                     "embeddedData" },
	[SHAPE_FOUND] = { STYLE_CSV,
	                  { "id", "firstName", "lastName", "email", "phone", "extRef", "language",
	                    "unsubscribed" },
	                  "embeddedData" },
	[SHAPE_MEMBERS] = { STYLE_CSV,
	                    { "contactId", "contactLookupId", "firstName", "lastName", "email",
	                      "phone", "extRef", "language", "unsubscribed",
	                      "mailingListUnsubscribed" },
	                    "embeddedData" },
	[SHAPE_OLD_MEMBERS] = { STYLE_CSV,
	                        { "id", "firstName", "lastName", "email", "externalDataReference",
	                          "language", "unsubscribed" },
	                        "embeddedData" },
	[SHAPE_DISTRIBUTIONS] = { STYLE_CSV,
	                          { "id", "requestType", "requestStatus", "sendDate", "createdDate",
	                            "modifiedDate", "headers.subject", "headers.fromName",
	                            "recipients.mailingListId", "surveyLink.linkType", "stats.sent",
	                            "stats.opened", "stats.started", "stats.finished",
	                            "stats.bounced" },
	                          NULL },
	[SHAPE_LINKS] = { STYLE_CSV,
	                  { "contactId", "firstName", "lastName", "email", "externalDataReference",
	                    "link", "linkExpiration", "status", "unsubscribed", "transactionId",
	                    "exceededContactFrequency" },
	                  NULL },
	[SHAPE_HISTORY] = { STYLE_CSV,
	                    { "contactId", "contactLookupId", "distributionId", "status",
	                      "responseId", "sentAt", "openedAt", "responseStartedAt",
	                      "responseCompletedAt", "surveyLink", "surveySessionId",
	                      "contactFrequencyRuleId" },
	                    NULL },
};
static_assert(countof(shapes) == SHAPES_, "every shape has its row");

/* A client has found these members under other names in what a search answers
 * [segmentio/action-destinations]; API.md 7.3 does not tell. */
static const struct {
	const char *member, *other;
} other_names[] = {
	{ "phone", "phoneNumber" },
	{ "extRef", "externalDataReference" },
};

struct shaping {
	const struct shape_input *in;
	enum shape shape;
	int out_fd;
	uint64_t written;
	struct buf out, cell;
	char **extras;
	size_t n_extras, room_extras, next_extra;
	bool first;
	int err; /* the first failure, final */
};

typedef void line_fn(struct shaping *s, const char *line, size_t len);

/* --- reading lines --------------------------------------------------------------------------- */

static void each_line(struct shaping *s, line_fn *fn)
{
	qx_auto_fd fd = dup(s->in->spool_fd);
	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		s->err = -errno;
		return;
	}
	FILE *file = fdopen(fd, "r");
	if (!file) {
		s->err = -errno;
		return;
	}
	(void)sys_steal_fd(&fd); /* the stream's now */
	char *line = NULL;
	size_t size = 0;
	uint64_t at = 0;
	while (s->err == 0 && at < s->in->spool_len) {
		ssize_t n = getline(&line, &size, file);
		if (n <= 0) {
			s->err = -EIO; /* shorter than it was written */
			break;
		}
		at += (uint64_t)n;
		fn(s, line, (size_t)(n - (line[n - 1] == '\n')));
	}
	free(line);
	(void)fclose(file); /* only read from */
}

/* --- writing --------------------------------------------------------------------------------- */

static void flush(struct shaping *s, bool all)
{
	if (s->err == 0 && (buf_failed(&s->out) || buf_failed(&s->cell)))
		s->err = -ENOMEM;
	if (s->err || !s->out.len || (!all && s->out.len < FLUSH_BYTES))
		return;
	if (s->in->room)
		s->err = s->in->room(s->in->arg, s->written + s->out.len);
	if (s->err == 0)
		s->err = sys_write_all(s->out_fd, s->out.data, s->out.len);
	s->written += s->out.len;
	buf_clear(&s->out);
}

static void write_line(struct shaping *s, const char *line, size_t len)
{
	bool array = shapes[s->shape].style == STYLE_ARRAY;
	if (array && !s->first)
		buf_add_str(&s->out, ",\n");
	buf_add(&s->out, line, len);
	if (!array)
		buf_add_str(&s->out, "\n");
	s->first = false;
	flush(s, false);
}

/* --- CSV ------------------------------------------------------------------------------------- */

static struct json *parse(struct shaping *s, const char *line, size_t len)
{
	struct json *j = NULL;
	if (s->err == 0 && json_parse(line, len, &j) < 0)
		s->err = -EIO; /* it was JSON when it was written */
	return j;
}

static bool add_extra(void *arg, const char *name, const struct json *value)
{
	struct shaping *s = arg;
	(void)value;

	/* Contacts mostly have the same names in the same order: it begins where the last one was.
	 */
	for (size_t n = 0; n < s->n_extras; n++) {
		size_t i = (s->next_extra + n) % s->n_extras;
		if (strcmp(s->extras[i], name) != 0)
			continue;
		s->next_extra = i + 1;
		return true;
	}
	if (s->n_extras >= EXTRAS_MAX) {
		s->err = -EFBIG;
		return false;
	}
	if (s->n_extras == s->room_extras) {
		size_t room = s->room_extras ? 2 * s->room_extras : 32;
		char **more = realloc(s->extras, room * sizeof(*more));
		if (!more) {
			s->err = -ENOMEM;
			return false;
		}
		s->extras = more;
		s->room_extras = room;
	}
	s->extras[s->n_extras] = strdup(name);
	if (!s->extras[s->n_extras]) {
		s->err = -ENOMEM;
		return false;
	}
	s->next_extra = ++s->n_extras;
	return true;
}

static void gather(struct shaping *s, const char *line, size_t len)
{
	struct json *j = parse(s, line, len);
	if (j)
		json_each(j, shapes[s->shape].extras, add_extra, s);
	json_free(j);
}

static const char *heading_of(const char *column)
{
	const char *dot = strrchr(column, '.');
	return dot ? dot + 1 : column;
}

const char *shape_heading(enum shape shape, size_t i)
{
	return i < COLUMNS_MAX && shapes[shape].columns[i] ? heading_of(shapes[shape].columns[i])
	                                                   : NULL;
}

/* An embedded field that is called as a column of ours is told apart by where it is from. */
static bool is_column(enum shape shape, const char *name)
{
	for (size_t i = 0; shape_heading(shape, i); i++)
		if (strcasecmp(shape_heading(shape, i), name) == 0)
			return true;
	return false;
}

static void write_heading(struct shaping *s)
{
	if (s->in->bom)
		buf_add_str(&s->out, UTF8_BOM);
	for (size_t i = 0; shape_heading(s->shape, i); i++) {
		buf_add_str(&s->out, i ? "," : "");
		buf_add_csv(&s->out, shape_heading(s->shape, i));
	}
	for (size_t i = 0; i < s->n_extras; i++) {
		buf_clear(&s->cell);
		if (is_column(s->shape, s->extras[i]))
			buf_addf(&s->cell, "%s.", shapes[s->shape].extras);
		buf_add_str(&s->cell, s->extras[i]);
		buf_add_str(&s->out, ",");
		buf_add_csv(&s->out, buf_text(&s->cell));
	}
	buf_add_str(&s->out, "\r\n");
}

static void write_cell(struct shaping *s, const struct json *j, const char *member)
{
	for (size_t i = 0; member && i < countof(other_names); i++)
		if (strcmp(other_names[i].member, member) == 0 && !json_get(j, member))
			member = other_names[i].other;
	buf_clear(&s->cell);
	json_add_cell(j, member, &s->cell);
	buf_add_csv(&s->out, buf_text(&s->cell));
}

static void write_row(struct shaping *s, const char *line, size_t len)
{
	struct json *j = parse(s, line, len);
	if (!j)
		return;
	for (size_t i = 0; i < COLUMNS_MAX && shapes[s->shape].columns[i]; i++) {
		buf_add_str(&s->out, i ? "," : "");
		write_cell(s, j, shapes[s->shape].columns[i]);
	}
	const struct json *extras = json_get(j, shapes[s->shape].extras);
	for (size_t i = 0; i < s->n_extras; i++) {
		/* Their names are people's: a dot in one is no path. */
		buf_add_str(&s->out, ",");
		write_cell(s, json_member(extras, s->extras[i]), NULL);
	}
	buf_add_str(&s->out, "\r\n");
	json_free(j);
	flush(s, false);
}

/* --- any of them ----------------------------------------------------------------------------- */

static void write_csv(struct shaping *s)
{
	if (shapes[s->shape].extras)
		each_line(s, gather);
	if (s->err == 0)
		write_heading(s);
	if (s->err == 0)
		each_line(s, write_row);
}

static void write_json(struct shaping *s)
{
	bool array = shapes[s->shape].style == STYLE_ARRAY;
	buf_add_str(&s->out, array ? "[" : "");
	each_line(s, write_line);
	buf_add_str(&s->out, array ? "]\n" : "");
}

static int explain(int r, struct qx_fail *fail)
{
	if (r == -EFBIG)
		return fail_set(fail, EFBIG, "the contacts have over %d fields of embedded data",
		                EXTRAS_MAX);
	if (r == -ENOSPC || r == -EDQUOT) {
		fail_set(fail, ENOSPC, "the disk of the cache is full");
		fail_remedy(fail, "Make room there, or name another disk with -o cache_dir=.");
		return -ENOSPC;
	}
	fail_set(fail, -r, "it cannot be written to the cache: %s", strerror(-r));
	fail_remedy(fail, "Look at the disk that holds the cache.");
	return r;
}

int shape_write(enum shape shape, const struct shape_input *in, int out_fd, uint64_t *ret_len,
                struct qx_fail *fail)
{
	struct shaping s = { .in = in, .shape = shape, .out_fd = out_fd, .first = true };

	fail_clear(fail);
	if (shapes[shape].style == STYLE_CSV)
		write_csv(&s);
	else
		write_json(&s);
	flush(&s, true);
	for (size_t i = 0; i < s.n_extras; i++)
		free(s.extras[i]);
	free(s.extras);
	buf_done(&s.out);
	buf_done(&s.cell);
	if (s.err)
		return explain(s.err, fail);
	*ret_len = s.written;
	return 0;
}
