/* import_url.c: responses that the service fetches itself (API.md 4.1): a file with one https
 * address, on a line of its own, or as Windows keeps links ("URL=…"). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "import_judge.h"

#define FILE_MAX 65536
#define ADDRESS_MAX 2000

struct address {
	struct buf text; /* the file */
	const char *url; /* in it */
	size_t len;
};

static int url_begin(struct judge *j)
{
	j->own = calloc(1, sizeof(struct address));
	j->plan.max_bytes = PART_BYTES_MAX;
	return j->own ? 0 : -ENOMEM;
}

static void url_take(struct judge *j, const char *piece, size_t len)
{
	struct address *a = j->own;

	buf_add(&a->text, piece, len);
	if (buf_failed(&a->text))
		judge_no_memory(j);
}

static void refuse(struct judge *j, const char *why)
{
	judge_refuse(j, EINVAL,
	             "Write one address, https://…, that anybody can fetch without a password.",
	             "%s", why);
}

/* Line by line: addresses, or the lines of a link file, of which one has it. */
static void find(struct judge *j, struct address *a)
{
	const char *line = buf_text(&a->text);
	bool link = false;

	for (size_t n; *line; line += n + (line[n] != '\0')) {
		n = strcspn(line, "\r\n");
		size_t blanks = strspn(line, " \t");
		size_t begin = blanks < n ? blanks : n, end = n;
		while (end > begin && strchr(" \t", line[end - 1]))
			end--;
		if (begin == end)
			continue;
		link = link || line[begin] == '[';
		if (link && strncasecmp(line + begin, "URL=", 4) != 0)
			continue;
		begin += link ? 4 : 0;
		if (a->url) {
			refuse(j, "the file has more than one address");
			return;
		}
		a->url = line + begin;
		a->len = end - begin;
	}
	if (!a->url)
		refuse(j, "the file has no address");
}

static void check(struct judge *j, const struct address *a)
{
	size_t scheme = strlen("https://");
	size_t host;

	if (a->len > ADDRESS_MAX) {
		refuse(j, "the address has over 2,000 characters");
		return;
	}
	for (size_t i = 0; i < a->len; i++)
		if ((unsigned char)a->url[i] <= ' ' || (unsigned char)a->url[i] >= 0x7f) {
			refuse(j, "the address has a blank or a letter beyond ASCII in it");
			return;
		}
	if (a->len < scheme || strncasecmp(a->url, "https://", scheme) != 0) {
		refuse(j, "the address does not begin with https://");
		return;
	}
	host = strcspn(a->url + scheme, "/?#\r\n \t");
	if (host > a->len - scheme)
		host = a->len - scheme;
	if (memchr(a->url + scheme, '@', host))
		refuse(j,
		       "the address holds a user or a password, which the service would be told");
	else if (host == 0 || a->url[scheme] == ':' || a->url[scheme] == '.')
		refuse(j, "the address names no host");
}

static void url_end(struct judge *j)
{
	struct address *a = j->own;

	find(j, a);
	if (!j->over)
		check(j, a);
	if (!j->over)
		judge_plan(j, 0, 1, a->len, "the address");
}

static bool is_tsv(const struct address *a)
{
	size_t path = strcspn(a->url, "?#\r\n");
	path = path < a->len ? path : a->len;
	return path > 4 && strncasecmp(a->url + path - 4, ".tsv", 4) == 0;
}

/* Without its path: that may be as good as a password. */
static void url_report(struct judge *j, struct buf *out)
{
	const struct address *a = j->own;
	size_t host = strcspn(a->url + strlen("https://"), "/?#\r\n \t");

	buf_add_str(out, "the service fetches a table from ");
	buf_add(out, a->url + strlen("https://"), host);
	buf_addf(out, ", as %s in UTF-8; each of its rows is a new response\n",
	         is_tsv(a) ? "TSV" : "CSV");
}

static void url_done(struct judge *j)
{
	struct address *a = j->own;

	if (a)
		buf_done(&a->text);
	free(a);
}

static int url_body(struct judge *j, int fd, const char *file_name, struct import_body *ret,
                    struct qx_fail *fail)
{
	struct address *a = j->own;
	struct buf url = { 0 };
	(void)file_name;

	int r = judge_read(j, fd, 0, FILE_MAX);
	(void)text_end(&j->text); /* it was judged */
	if (r == 0)
		url_end(j);
	if (r == 0 && (j->over || !a->url))
		return fail_set(fail, EIO, "the file in the spool is not what was judged");
	if (r < 0)
		return r;
	buf_add(&url, a->url, a->len);
	buf_addf(&ret->bytes, "{\"format\":\"%s\",\"fileUrl\":", is_tsv(a) ? "tsv" : "csv");
	buf_add_json(&ret->bytes, buf_text(&url));
	buf_add_str(&ret->bytes, ",\"charset\":\"UTF-8\"}");
	bool failed = buf_failed(&url) || buf_failed(&ret->bytes);
	buf_done(&url);
	(void)snprintf(ret->content_type, sizeof(ret->content_type), "application/json");
	return failed ? -ENOMEM : 0;
}

const struct import_reader import_reader_url = {
	.is_text = true,
	.max_bytes = FILE_MAX,
	.begin = url_begin,
	.take = url_take,
	.end = url_end,
	.report = url_report,
	.done = url_done,
	.body = url_body,
};
