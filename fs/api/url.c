/* url.c: where the token may go.
 *
 * libcurl's parser splits, the same that will later connect, so the two cannot disagree about what
 * the host is. It is lenient where leniency misleads (blanks, several slashes, percent-encoded and
 * international hosts), so the text must be plain before it is parsed and the host plain after.
 */
#include <qxfs/api/url.h>

#include "hosts.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <qxfs/base/sys.h>

#define URL_MAX 8000
#define SERVICE ".qualtrics.com"

struct place {
	bool https;
	char host[256]; /* lower case; IPv6 in brackets */
	int port;       /* the scheme's own when the URL names none */
	bool loopback;
};

/* --- splitting ------------------------------------------------------------------------------- */

static void curlu_cleanup(CURLU **u)
{
	curl_url_cleanup(*u); /* NULL is fine */
}
#define auto_curlu __attribute__((cleanup(curlu_cleanup))) CURLU

static void curl_free_cleanup(char **text)
{
	curl_free(*text);
}
#define auto_curl_text __attribute__((cleanup(curl_free_cleanup))) char

/* Visible ASCII but for what parsers disagree about. */
static bool is_plain(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || strchr("\\\"<>^`", *c))
			return false;
	return text[0] && strlen(text) <= URL_MAX;
}

/* Host names and IPv4 addresses; no empty label, so no dot at either end. */
static bool is_name(const char *host)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
	size_t len = strlen(host);

	return len > 0 && len <= 253 && strspn(host, allowed) == len && host[0] != '.' &&
	       host[0] != '-' && host[len - 1] != '.' && !strstr(host, "..");
}

static bool is_ipv6(const char *host, bool *ret_loopback)
{
	char bare[INET6_ADDRSTRLEN];
	struct in6_addr address;
	size_t len = strlen(host);

	if (len < 4 || len - 2 >= sizeof(bare) || host[0] != '[' || host[len - 1] != ']')
		return false;
	memcpy(bare, host + 1, len - 2);
	bare[len - 2] = '\0';
	if (inet_pton(AF_INET6, bare, &address) != 1)
		return false;
	*ret_loopback = IN6_IS_ADDR_LOOPBACK(&address);
	return true;
}

static bool is_ipv4_loopback(const char *host)
{
	struct in_addr address;
	return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

static bool read_host(CURLU *u, struct place *ret)
{
	auto_curl_text *host = NULL;

	if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    strlen(host) >= sizeof(ret->host))
		return false;
	for (size_t i = 0; i <= strlen(host); i++) {
		char c = host[i];
		ret->host[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	if (is_ipv6(ret->host, &ret->loopback))
		return true;
	ret->loopback = strcmp(ret->host, "localhost") == 0 || is_ipv4_loopback(ret->host);
	return is_name(ret->host);
}

static bool read_port(CURLU *u, struct place *ret)
{
	auto_curl_text *text = NULL;
	int64_t port;

	if (curl_url_get(u, CURLUPART_PORT, &text, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return false;
	if (sys_parse_int(text, 1, 65535, &port) < 0)
		return false;
	ret->port = (int)port;
	return true;
}

/* An absolute http or https URL without a user; else NULL. */
static CURLU *split(const char *url, struct place *ret)
{
	auto_curlu *u = curl_url();
	auto_curl_text *scheme = NULL;
	const char *authority = strstr(url, "://");

	if (!u || !is_plain(url) || !authority)
		return NULL;
	/* "https:///evil" and "https://host:" pass the parser; neither is what anybody means. */
	authority += 3;
	size_t len = strcspn(authority, "/?#");
	if (len == 0 || authority[len - 1] == ':' || memchr(authority, '@', len) ||
	    memchr(authority, '%', len))
		return NULL;

	if (curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return NULL;
	ret->https = strcasecmp(scheme, "https") == 0;
	if (!ret->https && strcasecmp(scheme, "http") != 0)
		return NULL;
	if (!read_host(u, ret) || !read_port(u, ret))
		return NULL;

	CURLU *whole = u;
	u = NULL;
	return whole;
}

static bool parse_place(const char *url, struct place *ret)
{
	auto_curlu *u = split(url, ret);
	return u != NULL;
}

/* --- judging --------------------------------------------------------------------------------- */

static bool same_place(const struct place *a, const struct place *b)
{
	return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}

static bool is_service(const struct place *p)
{
	size_t len = strlen(p->host), tail = strlen(SERVICE);
	return len > tail && strcmp(p->host + len - tail, SERVICE) == 0;
}

/* Where the token of an account at the service may go besides its own host. */
static bool is_safe_service(const struct place *p)
{
	return p->https && p->port == 443 && is_service(p);
}

bool url_is_loopback(const char *url)
{
	struct place place;
	return parse_place(url, &place) && place.loopback;
}

void url_host_for_people(const char *url, char *out, size_t size)
{
	struct place place;
	snprintf(out, size, "%s", parse_place(url, &place) ? place.host : "another place");
}

/* --- the base -------------------------------------------------------------------------------- */

static int refuse(struct qx_fail *fail, const char *why)
{
	/* The text itself stays out: it may be a pasted URL with a password in it. */
	fail_set(fail, EINVAL, "the address of the Qualtrics account %s", why);
	fail_remedy(fail, "Give the host that the browser shows for your account, like "
	                  "fra1.qualtrics.com.");
	return -EINVAL;
}

static void set_base(const struct place *place, struct base_url *ret)
{
	bool own_port = place->port == (place->https ? 443 : 80);

	memcpy(ret->host, place->host, sizeof(ret->host));
	snprintf(ret->origin, sizeof(ret->origin), "%s://%s", place->https ? "https" : "http",
	         place->host);
	if (!own_port) {
		size_t len = strlen(ret->origin);
		snprintf(ret->origin + len, sizeof(ret->origin) - len, ":%d", place->port);
	}
}

int url_parse_base(const char *text, struct base_url *ret, struct qx_fail *fail)
{
	struct place place;
	char url[sizeof(ret->origin) + sizeof("https://")];

	if (!text || !text[0])
		return refuse(fail, "is empty");
	if (strlen(text) >= sizeof(ret->origin))
		return refuse(fail, "is too long");
	if (text[0] == '/' || !is_plain(text))
		return refuse(fail, "holds characters that no host has");

	snprintf(url, sizeof(url), "%s%s", strstr(text, "://") ? "" : "https://", text);
	if (!parse_place(url, &place))
		return refuse(fail,
		              "is neither a host nor an https address without user and password");
	if (!place.https && !place.loopback)
		return refuse(fail,
		              "must begin with https, for the token would travel readable by all");
	if (!place.loopback && !strpbrk(place.host, ".:"))
		return refuse(fail, "lacks its domain: a host has a dot in it");

	set_base(&place, ret);
	return 0;
}

/* --- what the service names ------------------------------------------------------------------ */

/* Copies the word after "host instead:", without the full stop that may end the sentence. */
static int noticed_word(const char *notice, char *out, size_t size)
{
	static const char before[] = "host instead:";
	const char *word = notice ? strcasestr(notice, before) : NULL;

	if (!word)
		return -ENOENT;
	word += strlen(before);
	word += strspn(word, " \t\r\n");
	size_t len = strcspn(word, " \t\r\n");
	while (len > 0 && strchr(".,;", word[len - 1]))
		len--;
	if (len == 0)
		return -ENOENT;
	if (len >= size)
		return -EACCES;
	memcpy(out, word, len);
	out[len] = '\0';
	return 0;
}

int url_from_notice(const struct base_url *base, const char *notice, struct base_url *ret)
{
	struct place here, there;
	struct base_url named;
	struct qx_fail unused;
	char word[256];

	int r = noticed_word(notice, word, sizeof(word));
	if (r < 0)
		return r;
	if (url_parse_base(word, &named, &unused) < 0 || !parse_place(base->origin, &here) ||
	    !parse_place(named.origin, &there))
		return -EACCES;
	if (!is_safe_service(&here) || !is_safe_service(&there))
		return -EACCES;
	*ret = named;
	return 0;
}

static int give(char *text, char **ret)
{
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

static int whole_url(CURLU *u, char **ret)
{
	auto_curl_text *url = NULL;

	(void)curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0); /* never sent; taking a part out cannot
	                                                       fail */
	if (curl_url_get(u, CURLUPART_URL, &url, 0) != CURLUE_OK)
		return -ENOMEM;
	return give(strdup(url), ret);
}

static int at_base(CURLU *u, const struct base_url *base, char **ret)
{
	auto_curl_text *path = NULL;
	auto_curl_text *query = NULL;
	char *url = NULL;

	if (curl_url_get(u, CURLUPART_PATH, &path, 0) != CURLUE_OK)
		return -ENOMEM;
	if (curl_url_get(u, CURLUPART_QUERY, &query, 0) != CURLUE_OK)
		query = NULL; /* there is none */
	if (asprintf(&url, "%s%s%s%s", base->origin, path, query ? "?" : "", query ? query : "") <
	    0)
		url = NULL;
	return give(url, ret);
}

int url_next_page(const struct base_url *base, const char *next, char **ret)
{
	struct place here, there;
	auto_curlu *u = split(next, &there);

	if (!u || !parse_place(base->origin, &here))
		return -EACCES;
	if (same_place(&here, &there) || (is_safe_service(&here) && is_safe_service(&there)))
		return whole_url(u, ret);
	if (!is_service(&here) && is_service(&there))
		return at_base(u, base, ret);
	return -EACCES;
}
