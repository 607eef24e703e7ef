/* paths.c: see paths.h. Two tables: what is never asked for, and how often the rest may be.
 *
 * A component is compared with the first table whole, in any case, wherever it stands: no path of
 * the inventory (API.md appendix A) has one of these words for anything else. */
#include <qxfs/api/paths.h>

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <qxfs/base/sys.h>

/* --- the tables ------------------------------------------------------------------------------ */

#define TOKENS "it hands out credentials, and whoever can read a file could act as their user"
#define OTHERS "it tells what other people of the organization did"
#define ERASURE "it is about erasing people's data, and names them"
#define DELETION "it is about deleting responses"

/* API.md 1.3, 9, appendix A and the line below it. */
static const struct {
	const char *word;
	const char *why;
} refusals[] = {
	{ "apitoken", TOKENS },
	{ "apitokens", TOKENS },
	{ "oauth", TOKENS },
	{ "oauth2", TOKENS },
	{ "mtls", TOKENS },
	{ "certificates", TOKENS },
	{ "client-certificates", TOKENS },
	{ "logs", OTHERS },
	{ "op-erase-personal-data", ERASURE },
	{ "customer-data-requests", ERASURE },
	{ "delete-responses", DELETION },
};

/* The first that begins the path; '*' is any component. Source: API.md section 2. What no line
 * knows counts as EP_API, which is slow enough for all that section 2 lists but organizations,
 * export-contacts and imports.
 */
static const struct {
	const char *begin; /* NULL: the endpoint whose own path it is, if there is one */
	enum endpoint ep;
} lanes[] = {
	{ "distributions/sms", EP_API }, /* no distribution's id */
	{ "distributions/whatsapp", EP_API },
	{ NULL, EP_N_ },
	{ "organizations", EP_API_RARE },
	{ "directories/*/export-contacts", EP_API_RARE },
	{ "directories/*/imports", EP_API_RARE },
	{ "directories/*/segments", EP_API },
	{ "directories/*/mailinglists/*/transactioncontacts", EP_API },
	{ "directories", EP_API_MANY },
	{ "distributions", EP_API_MANY },
	{ "survey-definitions", EP_API_MANY },
	{ "surveys/*/translations", EP_LANGUAGES },
	{ "libraries", EP_API_MANY },
	{ "users", EP_API_MANY },
	{ "mailinglists", EP_API_MANY },
};

/* --- components ------------------------------------------------------------------------------ */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

static bool is_letter(char c)
{
	return c && strchr(letters, c);
}

/* A dot stands between letters. */
static bool is_component(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool dot = text[i] == '.' && i > 0 && i + 1 < len && text[i + 1] != '.';
		if (!dot && !is_letter(text[i]))
			return false;
	}
	return len > 0;
}

static int refuse_form(struct qx_fail *fail)
{
	fail_set(fail, ENOENT,
	         "a path of the API has letters, digits, '_', '-', and '.' between them");
	fail_remedy(fail, "Write it as the service's documentation does, without /API/v3 and with "
	                  ".json behind it: api/surveys/SV_.../quotas.json.");
	return -ENOENT;
}

/* What stands behind ';' is a parameter to some servers. */
static int check_word(const char *word, size_t len, struct qx_fail *fail)
{
	const char *parameter = memchr(word, ';', len);
	if (parameter)
		len = (size_t)(parameter - word);
	for (size_t i = 0; i < countof(refusals); i++) {
		if (strlen(refusals[i].word) != len || strncasecmp(refusals[i].word, word, len))
			continue;
		fail_set(fail, EPERM, "%s is never asked for: %s", refusals[i].word,
		         refusals[i].why);
		fail_remedy(fail, "Look at it on the website, or ask the service yourself.");
		return -EPERM;
	}
	return 0;
}

typedef int component_fn(const char *text, size_t len, struct qx_fail *fail);

static int each_component(const char *path, size_t len, component_fn *fn, struct qx_fail *fail)
{
	for (;;) {
		const char *slash = memchr(path, '/', len);
		size_t n = slash ? (size_t)(slash - path) : len;
		int r = fn(path, n, fail);
		if (r < 0 || !slash)
			return r;
		path = slash + 1;
		len -= n + 1;
	}
}

static int check_form(const char *text, size_t len, struct qx_fail *fail)
{
	return is_component(text, len) ? 0 : refuse_form(fail);
}

static int check_path(const char *path, size_t len, struct qx_fail *fail)
{
	int r = each_component(path, len, check_form, fail);
	return r < 0 ? r : each_component(path, len, check_word, fail);
}

/* --- escapes --------------------------------------------------------------------------------- */

static int digit_of(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;
	return at && (c & 0x40 || c <= '9') ? (int)(at - digits) : -1;
}

/* %XX becomes its byte. False: a '%' without two digits, or a NUL. */
static bool decode(const char *text, size_t len, struct buf *out)
{
	for (const char *end = text + len; text < end; text++) {
		char c = *text;
		if (c == '%') {
			int high = end - text < 3 ? -1 : digit_of(text[1]);
			int low = high < 0 ? -1 : digit_of(text[2]);
			if (low < 0 || high + low == 0)
				return false;
			c = (char)(high * 16 + low);
			text += 2;
		}
		buf_add(out, &c, 1);
	}
	return true;
}

/* --- queries --------------------------------------------------------------------------------- */

static int refuse_query(struct qx_fail *fail)
{
	fail_set(fail, ENOENT, "the query behind '?' is no NAME=VALUE&NAME=VALUE");
	fail_remedy(fail,
	            "Write %%26 for '&', %%3D for '=', %%2F for '/' and %%25 for '%%' in a value; "
	            "line breaks and the like as %%0A.");
	return -ENOENT;
}

/* A name is shown in messages, a line each. */
static bool is_one_line(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			return false;
	return true;
}

static bool add_encoded(const char *text, size_t len, struct buf *out)
{
	struct buf plain = { 0 };
	bool good = decode(text, len, &plain);
	if (good)
		buf_add_url(out, buf_text(&plain));
	out->failed = out->failed || buf_failed(&plain);
	buf_done(&plain);
	return good;
}

static bool add_pair(const char *text, size_t len, struct buf *out)
{
	const char *equal = memchr(text, '=', len);
	size_t n = equal ? (size_t)(equal - text) : len;

	if (n == 0 || !add_encoded(text, n, out))
		return false;
	if (!equal)
		return true;
	buf_add_str(out, "=");
	return add_encoded(equal + 1, len - n - 1, out);
}

static int add_query(const char *query, struct buf *out, struct qx_fail *fail)
{
	bool good = is_one_line(query);

	for (const char *pair = query; good; pair += strcspn(pair, "&") + 1) {
		size_t len = strcspn(pair, "&");
		if (pair > query)
			buf_add_str(out, "&");
		good = add_pair(pair, len, out);
		if (!pair[len])
			break;
	}
	if (!good)
		return refuse_query(fail);
	return buf_failed(out) ? fail_set(fail, ENOMEM, "there is no memory left") : 0;
}

/* --- the door -------------------------------------------------------------------------------- */

int path_check_folder(const char *name, struct qx_fail *fail)
{
	return check_form(name, strlen(name), fail);
}

int path_check_last(const char *name, struct qx_fail *fail)
{
	struct buf query = { 0 };
	size_t len = strcspn(name, "?");

	int r = check_form(name, len, fail);
	if (r == 0 && name[len])
		r = add_query(name + len + 1, &query, fail);
	buf_done(&query);
	return r;
}

int path_parse(const char *text, struct buf *path, struct buf *query, struct qx_fail *fail)
{
	struct buf encoded = { 0 };
	size_t len = strcspn(text, "?");

	int r = check_path(text, len, fail);
	if (r == 0 && text[len])
		r = add_query(text + len + 1, &encoded, fail);
	if (r == 0) {
		buf_add(path, text, len);
		buf_add(query, encoded.data, encoded.len);
	}
	if (r == 0 && (buf_failed(path) || buf_failed(query)))
		r = fail_set(fail, ENOMEM, "there is no memory left");
	buf_done(&encoded);
	return r;
}

/* A server that reads escapes twice would find another path in what still has one. */
static int check_decoded(const struct buf *path, struct qx_fail *fail)
{
	static const char base[] = PATHS_BASE;
	const char *text = buf_text(path);
	bool below = strncmp(text, base, strlen(base)) == 0 && strlen(text) == path->len;

	for (const char *c = text; below && *c; c++)
		below = *c != '%' && *c != '\\' && !(c[0] == '/' && c[1] == '.');
	if (!below)
		return fail_set(fail, EPERM, "its address does not lie below %s", base);
	return each_component(text + strlen(base), strlen(text) - strlen(base), check_word, fail);
}

int path_check_url(const char *url, struct qx_fail *fail)
{
	struct buf path = { 0 };
	const char *host = strstr(url, "://");
	const char *at = host ? host + 3 + strcspn(host + 3, "/?#") : url;

	int r = decode(at, strcspn(at, "?#"), &path)
	                ? check_decoded(&path, fail)
	                : fail_set(fail, EPERM, "its address has a '%%' that stands for nothing");
	if (buf_failed(&path))
		r = fail_set(fail, ENOMEM, "there is no memory left");
	buf_done(&path);
	return r;
}

/* Does `path` begin with the pattern's components? `whole`: and ends with them. `any`: what stands
 * in the pattern for any component. */
static bool fits(const char *pattern, const char *any, bool whole, const char *path)
{
	size_t skip = strlen(any);

	while (*pattern && *path) {
		if (strncmp(pattern, any, skip) == 0) {
			pattern += skip;
			path += strcspn(path, "/");
		} else {
			size_t n = strcspn(pattern, "/");
			if (n != strcspn(path, "/") || strncmp(pattern, path, n) != 0)
				return false;
			pattern += n;
			path += n;
		}
		if (*pattern != *path) /* one of them has ended, the other not */
			break;
		pattern += *pattern == '/';
		path += *path == '/';
	}
	return !*pattern && (!whole || !*path);
}

/* EP_N_: it is no endpoint's own. */
static enum endpoint own_row(const char *path)
{
	for (int ep = 0; ep < EP_N_; ep++) {
		const struct endpoint_row *row = endpoint_row((enum endpoint)ep);
		if (!row->any_path && strcmp(row->method, "GET") == 0 &&
		    fits(row->path + strlen(PATHS_BASE), "{}", true, path))
			return (enum endpoint)ep;
	}
	return EP_N_;
}

enum endpoint path_endpoint(const char *path)
{
	for (size_t i = 0; i < countof(lanes); i++) {
		enum endpoint ep = lanes[i].ep;
		if (!lanes[i].begin)
			ep = own_row(path);
		else if (!fits(lanes[i].begin, "*", false, path))
			ep = EP_N_;
		if (ep != EP_N_)
			return ep;
	}
	return EP_API;
}
