/* judge.c: failures in words. The errnos: DESIGN.md section 5; the error bodies: API.md 1.8. */
#include "judge.h"

#include "hosts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <qxfs/api/client.h>
#include <qxfs/base/sys.h>
#include <qxfs/base/utf8.h>

#define SAID_SIZE 160

/* --- words from outside ---------------------------------------------------------------------- */

/* Bytes of the UTF-8 character at `s`, 0 when there is none. */
static size_t char_len(const unsigned char *s)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (len > 1 && (s[0] < 0xc2 || s[0] > 0xf4))
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* Controls, and what turns or hides text: U+0080..9F, U+200B..200F, U+2028..202E, U+2060..206F. */
static bool is_harmful(const unsigned char *s, size_t len)
{
	if (len < 3)
		return utf8_is_control((const char *)s);
	if (len != 3 || s[0] != 0xe2)
		return false;
	if (s[1] == 0x80)
		return (s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae);
	return s[1] == 0x81 && s[2] >= 0xa0 && s[2] <= 0xaf;
}

static void clean(char *out, size_t size, const char *text)
{
	size_t n = 0;

	for (const unsigned char *s = (const unsigned char *)text; *s;) {
		size_t len = char_len(s);
		bool blank = len > 0 && (is_harmful(s, len) || *s == ' ');
		size_t need = len == 0 || blank ? 1 : len;
		if (n + need >= size)
			break;
		if (len == 0) {
			out[n++] = '?';
		} else if (!blank) {
			memcpy(out + n, s, len);
			n += len;
		} else if (n > 0 && out[n - 1] != ' ') {
			out[n++] = ' ';
		}
		s += len ? len : 1;
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

static void mask(char *text, const struct secret *token)
{
	if (!token || secret_len(token) == 0)
		return;
	for (char *at = text; (at = strstr(at, secret_reveal(token))); at += secret_len(token))
		memset(at, '*', secret_len(token));
}

/* Cleans, masks, then cuts: a token cut in two would slip through a mask that came later. t NULL:
 * nothing was sent. */
static void quote(char out[SAID_SIZE], const char *text, const struct transfer *t)
{
	char whole[2048];

	clean(whole, sizeof(whole), text ? text : "");
	mask(whole, t ? t->token : NULL);
	mask(whole, t ? t->hidden : NULL);
	clean(out, SAID_SIZE, whole);
}

/* Ids and codes: letters, digits and a little punctuation, or nothing. */
static void copy_id(char *out, size_t size, const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_.:-";
	size_t len = text ? strlen(text) : 0;

	out[0] = '\0';
	if (len < size && len == strspn(text ? text : "", allowed))
		memcpy(out, text ? text : "", len + 1);
}

static const char *first_str(const struct json *body, const char *path, const char *old_path)
{
	const char *text = body ? json_str(body, path) : NULL;
	return text || !body ? text : json_str(body, old_path);
}

/* RFC 6749, 5.2: API.md does not say how a mint fails. */
static const char *said_of_mint(const struct json *body)
{
	return first_str(body, "error_description", "error");
}

static void copy_ids(struct qx_fail *fail, const struct json *body)
{
	copy_id(fail->code, sizeof(fail->code),
	        first_str(body, "meta.error.errorCode", "meta.internalErrorCode"));
	copy_id(fail->request_id, sizeof(fail->request_id),
	        first_str(body, "meta.requestId", "meta.errorId"));
}

static const char *said_by(const struct json *body)
{
	return first_str(body, "meta.error.errorMessage", "meta.errorMessage");
}

/* --- statuses -------------------------------------------------------------------------------- */

/* Whom an answer concerns: who asked with an OAuth client is told of it, not of an API token
 * (API.md 1.9). */
enum concern { ANY_CALL, A_MINT, A_BEARER };

struct verdict {
	int from, to;
	int err;
	const char *why; /* followed by what was asked for, unless it is about the whole account */
	bool names_what;
	const char *remedy;
	enum concern concern;
	bool says_error;  /* only if the body has an `error`, as RFC 6749 5.2 has it */
	const char *code; /* only if the body has this one */
	int http;         /* what the rooms are told; 0: the status itself */
};

#define COMPARE_CLIENT \
	"Compare client_id, client_secret and scope with Account Settings, Qualtrics IDs, OAuth " \
	"Client Manager, and the host with your data centre, and store them with qxfs login."

/* The first that fits. */
static const struct verdict verdicts[] = {
	/* "invalid_client" and the like: whatever its status, it will be the same again. All rooms
	 * know a refused credential by 401. */
	{ 400, 428, EACCES, "the service refused the OAuth client", false, .remedy = COMPARE_CLIENT,
	  .concern = A_MINT, .says_error = true, .http = 401 },
	{ 401, 401, EACCES, "the service refused the OAuth client", false, .remedy = COMPARE_CLIENT,
	  .concern = A_MINT },
	{ 401, 401, EACCES,
	  "the service does not know the OAuth client's access token; the account may live in "
	  "another data centre",
	  false,
	  .remedy = "Account Settings, Qualtrics IDs names the data centre: give that host to qxfs "
	            "login.",
	  .concern = A_BEARER, .code = "DCD_7" },
	{ 401, 401, EACCES, "the service refused what it had given the OAuth client", false,
	  .remedy = "See whether the client is still listed in Account Settings, Qualtrics IDs, "
	            "OAuth Client Manager, then store its id and secret with qxfs login.",
	  .concern = A_BEARER },
	{ 300, 399, EIO, "the service points to another address for", true,
	  .remedy = "Check the account's host; in a network with a login page, log in there first. "
	            "The token was not sent on." },
	{ 407, 407, EACCES, "the proxy wants a user and a password before it asks for", true,
	  .remedy = "Put them into the environment's proxy setting (https_proxy)." },
	{ 429, 429, EIO, "the account's limit of requests is used up; not answered was", true,
	  .remedy = "Try again in a minute; other programs of this account share the limit (-o "
	            "share= leaves them more)." },
	/* Somebody on the way, perhaps. It says nothing of the thing that a caller asked for. */
	{ 400, 499, EIO, "no token was given for", true,
	  .remedy = "Try again; in a network with a login page, log in there first. If it stays "
	            "so, check the account's host.",
	  .concern = A_MINT, .http = 502 },
	{ 400, 400, EINVAL, "the service refused the request for", true,
	  .remedy = "If the account lives in another data centre, give its host (qxfs login finds "
	            "it): requests that have to be passed on may be refused." },
	{ 401, 401, EACCES, "the service refused the API token", false,
	  .remedy = "Make a new token in Qualtrics (Account Settings, Qualtrics IDs, API) and "
	            "store it with qxfs login." },
	{ 403, 403, EACCES, "no permission for", true,
	  .remedy = "Ask its owner to share it with you, or your Qualtrics administrator for the "
	            "permission to use the API." },
	{ 404, 404, ENOENT, "the service does not know", true,
	  .remedy = "It may have been deleted, or is no longer shared with you; list the folder "
	            "again." },
	{ 413, 413, EFBIG, "the service finds too large the request for", true,
	  .remedy = "Send less at once." },
	{ 500, 599, EIO, "the service failed at", true, .remedy = "Try again later." },
	{ 0, 9999, EIO, "the service gave an unexpected answer to", true,
	  .remedy =
	          "Try again; if it stays so, this version of qxfs does not know the service's." },
};

static bool is_said(const struct verdict *v, const struct json *body)
{
	const char *code = first_str(body, "meta.error.errorCode", "meta.internalErrorCode");

	if (v->says_error && !(body && json_str(body, "error")))
		return false;
	return !v->code || (code && strcmp(code, v->code) == 0);
}

static const struct verdict *find_verdict(enum concern concern, int status, const struct json *body)
{
	const struct verdict *v = verdicts;
	const struct verdict *last = &verdicts[countof(verdicts) - 1];

	while (v < last && (status < v->from || status > v->to ||
	                    (v->concern != ANY_CALL && v->concern != concern) || !is_said(v, body)))
		v++;
	return v;
}

static void put_remedy(struct qx_fail *fail, const char *remedy)
{
	if (fail->http >= 500 && fail->request_id[0])
		fail_remedy(fail, "%s If it stays so, give Qualtrics' support the requestId %s.",
		            remedy, fail->request_id);
	else
		fail_remedy(fail, "%s", remedy);
}

static void set_status(const struct endpoint_row *row, const struct verdict *v, int status,
                       const char *said, const struct json *body, struct qx_fail *fail)
{
	char number[24];

	snprintf(number, sizeof(number), "HTTP %d", status);
	fail_set(fail, v->err, "%s%s%s: %s", v->why, v->names_what ? " " : "",
	         v->names_what ? row->what : "", said[0] ? said : number);
	fail->http = v->http ? v->http : status;
	copy_ids(fail, body);
	put_remedy(fail, status == 403 && row->remedy_403 ? row->remedy_403 : v->remedy);
}

void client_judge(const struct endpoint_row *row, int status, const struct json *body,
                  struct qx_fail *fail)
{
	char said[SAID_SIZE];
	quote(said, said_by(body), NULL);
	set_status(row, find_verdict(ANY_CALL, status, body), status, said, body, fail);
}

void judge_status(const struct endpoint_row *row, const struct transfer *t, const struct json *body,
                  struct qx_fail *fail)
{
	char said[SAID_SIZE];
	bool redirect = t->status >= 300 && t->status <= 399;

	enum concern concern = row->mints ? A_MINT : t->auth == AUTH_BEARER ? A_BEARER : ANY_CALL;

	quote(said, redirect ? t->problem : row->mints ? said_of_mint(body) : said_by(body), t);
	set_status(row, find_verdict(concern, t->status, body), t->status, said, body, fail);
}

/* --- no answer, or none that makes sense ----------------------------------------------------- */

bool judge_is_web_page(const struct transfer *t)
{
	const char *body = buf_text(&t->answer);

	body += strspn(body, " \t\r\n");
	return strncasecmp(t->content_type_in, "text/html", 9) == 0 || *body == '<';
}

void judge_damaged(const struct endpoint_row *row, const struct transfer *t,
                   const struct json *body, struct qx_fail *fail)
{
	char host[256], said[SAID_SIZE];

	url_host_for_people(t->url, host, sizeof(host));
	quote(said, said_by(body), t);
	if (judge_is_web_page(t))
		fail_set(fail, EIO,
		         "%s answered with a web page instead of data (a login page or a proxy?) "
		         "when asked "
		         "for %s",
		         host, row->what);
	else if (said[0])
		fail_set(fail, EIO, "the service gave no result for %s: %s", row->what, said);
	else
		fail_set(fail, EIO, "the answer of %s about %s is %s", host, row->what,
		         body            ? "not what it should be"
		         : t->answer.len ? "damaged or cut"
		                         : "empty");
	fail->http = t->status;
	copy_ids(fail, body);
	fail_remedy(fail, "Try again; in a network with a login page, log in there first.");
}

static void set_local(const struct endpoint_row *row, const struct transfer *t,
                      struct qx_fail *fail)
{
	if (t->local_err == EFBIG) {
		fail_set(fail, EFBIG, "%s is larger than allowed", row->what);
		return;
	}
	errno = t->local_err ? t->local_err : EIO; /* for %m */
	fail_set(fail, errno, "%s could not be stored on this machine: %m", row->what);
	if (fail->err == ENOSPC || fail->err == EDQUOT)
		fail_remedy(fail,
		            "Make room on the disk that holds the cache, or move it there with "
		            "-o cache_dir=.");
}

static void set_away(const struct transfer *t, int err, const char *before, const char *after,
                     struct qx_fail *fail)
{
	char host[256], said[SAID_SIZE];

	url_host_for_people(t->url, host, sizeof(host));
	quote(said, t->problem, t);
	fail_set(fail, err, "%s %.100s %s%s%s%s", before, host, after, said[0] ? " (" : "", said,
	         said[0] ? ")" : "");
	fail_remedy(fail,
	            "Check this machine's network, its proxy settings and the account's host.");
	fail->unreachable = true;
}

static void set_tls(const struct transfer *t, struct qx_fail *fail)
{
	char host[256], said[SAID_SIZE];

	url_host_for_people(t->url, host, sizeof(host));
	quote(said, t->problem, t);
	fail_set(fail, EIO, "no trustworthy connection to %.100s: %s", host, said);
	fail_remedy(
		fail,
		"Check this machine's clock, its CA certificates (package ca-certificates), and "
		"whether a proxy looks into encrypted connections.");
}

void judge_network(const struct endpoint_row *row, const struct transfer *t, struct qx_fail *fail)
{
	switch (t->outcome) {
	case OUTCOME_UNRESOLVED:
		set_away(t, EHOSTUNREACH, "the name", "cannot be found", fail);
		break;
	case OUTCOME_REFUSED:
		set_away(t, ENETUNREACH, "no connection to", "comes about", fail);
		break;
	case OUTCOME_TIMEOUT:
		set_away(t, ETIMEDOUT, "the host", "does not answer", fail);
		break;
	case OUTCOME_BROKEN:
		set_away(t, ENETUNREACH, "the connection to", "broke off", fail);
		break;
	case OUTCOME_TLS:
		set_tls(t, fail);
		break;
	case OUTCOME_CUT:
		fail_set(fail, EIO, "the answer about %s was cut off: %s", row->what, t->problem);
		fail_remedy(fail, "Try again; if it stays so, a proxy or the network cuts it.");
		break;
	case OUTCOME_LOCAL:
		set_local(row, t, fail);
		break;
	case OUTCOME_ABORTED:
	case OUTCOME_ANSWERED: /* not ours to judge */
		fail_set(fail, ECANCELED, "cancelled");
		break;
	}
	fail->http = t->status;
}
