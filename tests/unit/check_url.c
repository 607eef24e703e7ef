/* check_url.c: where the token may go, against everything that would lead it elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <qxfs/api/url.h>
#include <qxfs/base/sys.h>

static struct base_url base_of(const char *text)
{
	struct base_url base;
	struct qx_fail fail = { 0 };
	if (url_parse_base(text, &base, &fail) < 0)
		fail_msg("refused: %s: %s", text, fail.why);
	return base;
}

static void test_hosts_and_urls_become_an_origin(void **state)
{
	(void)state;
	static const char *const rows[][3] = {
		{ "fra1.qualtrics.com", "https://fra1.qualtrics.com", "fra1.qualtrics.com" },
		{ "FRA1.Qualtrics.COM", "https://fra1.qualtrics.com", "fra1.qualtrics.com" },
		{ "fra1.qualtrics.com/API/v3", "https://fra1.qualtrics.com", "fra1.qualtrics.com" },
		{ "https://fra1.qualtrics.com/", "https://fra1.qualtrics.com",
		  "fra1.qualtrics.com" },
		{ "HTTPS://brand.az1.qualtrics.com/a/b?c#d", "https://brand.az1.qualtrics.com",
		  "brand.az1.qualtrics.com" },
		{ "https://fra1.qualtrics.com:443", "https://fra1.qualtrics.com",
		  "fra1.qualtrics.com" },
		{ "surveys.example.org:8443", "https://surveys.example.org:8443",
		  "surveys.example.org" },
		{ "http://127.0.0.1:4711", "http://127.0.0.1:4711", "127.0.0.1" },
		{ "http://127.9.8.7", "http://127.9.8.7", "127.9.8.7" },
		{ "http://localhost:80/", "http://localhost", "localhost" },
		{ "http://[::1]:4711/", "http://[::1]:4711", "[::1]" },
		{ "localhost:4711", "https://localhost:4711", "localhost" },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct base_url base = base_of(rows[i][0]);
		assert_string_equal(base.origin, rows[i][1]);
		assert_string_equal(base.host, rows[i][2]);
	}
}

static void check_base_refused(const char *text)
{
	struct base_url base = { .origin = "untouched" };
	struct qx_fail fail = { 0 };
	int r = url_parse_base(text, &base, &fail);

	if (r != -EINVAL)
		fail_msg("%d for: %s", r, text);
	assert_string_equal(base.origin, "untouched");
	assert_int_equal(fail.err, EINVAL);
	assert_true(fail.why[0] && fail.remedy[0]);
	assert_null(strstr(fail.why, "hunter2"));
	assert_null(strstr(fail.remedy, "hunter2"));
}

static void test_what_is_no_safe_base_is_refused_with_words(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"",
		" ",
		"/",
		"//evil.example",
		"fra1", /* no domain */
		"http://fra1.qualtrics.com",
		"http://127.0.0.1.evil.example",
		"http://128.0.0.1",
		"http://[::2]",
		"http://[::ffff:1.2.3.4]",
		"http://localhost.evil.example",
		"ftp://fra1.qualtrics.com",
		"file:///etc/passwd",
		"javascript:alert(1)",
		"https://",
		"https:///fra1.qualtrics.com",
		"https:/fra1.qualtrics.com",
		"https:fra1.qualtrics.com",
		"https://user@fra1.qualtrics.com",
		"https://user:hunter2@fra1.qualtrics.com",
		"user:hunter2@fra1.qualtrics.com",
		"https://fra1.qualtrics.com@evil.example",
		"https://fra1.qualtrics.com:",
		"https://fra1.qualtrics.com:0",
		"https://fra1.qualtrics.com:65536",
		"https://fra1.qualtrics.com:-1",
		"https://fra1.qualtrics.com:8o",
		"https://fra1.qualtrics.com\\.evil.example",
		"https://fra1.qualtrics.com\\@evil.example",
		"https://fra1.qualtrics.com\n",
		"\thttps://fra1.qualtrics.com",
		"https://fra1.qual\ttrics.com",
		"https://fra1 qualtrics.com",
		"https://fra1.qualtrics.com.",
		"https://.qualtrics.com",
		"https://fra1..qualtrics.com",
		"https://fra1.qu\xc3\xa4ltrics.com",
		"https://fra1.qualtrics\xe3\x80\x82net", /* an ideographic full stop */
		"https://fra1.qualtrics%2ecom",
		"https://%66ra1.qualtrics.com",
		"https://fra1.qualtrics.com%00.evil.example",
		"https://fra1_x.qualtrics.com!",
		"https://[::1",
		"https://[fe80::1%25eth0]",
		"https://[]",
		"data:text/html,x",
	};
	for (size_t i = 0; i < countof(rows); i++)
		check_base_refused(rows[i]);

	char longest[5000];
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	check_base_refused(longest);
	memcpy(longest + 280, ".com", 5);
	check_base_refused(longest);
}

/* --- notices --------------------------------------------------------------------------------- */

#define NOTICE "Request proxied. For faster response times, use this host instead: "

static void test_a_notice_names_the_new_base(void **state)
{
	(void)state;
	struct base_url base = base_of("co1.qualtrics.com"), to;

	assert_int_equal(url_from_notice(&base, NOTICE "az1.qualtrics.com", &to), 0);
	assert_string_equal(to.origin, "https://az1.qualtrics.com");
	assert_int_equal(url_from_notice(&base, NOTICE "az1.qualtrics.com.", &to), 0);
	assert_string_equal(to.host, "az1.qualtrics.com");
	assert_int_equal(url_from_notice(&base, NOTICE " b.fra1.qualtrics.com thank you", &to), 0);
	assert_string_equal(to.host, "b.fra1.qualtrics.com");
}

static void test_a_notice_without_a_host_is_no_notice(void **state)
{
	(void)state;
	struct base_url base = base_of("co1.qualtrics.com"), to = { .origin = "untouched" };

	assert_int_equal(url_from_notice(&base, "", &to), -ENOENT);
	assert_int_equal(url_from_notice(&base, "Maintenance on Sunday, az1.qualtrics.com", &to),
	                 -ENOENT);
	assert_int_equal(url_from_notice(&base, NOTICE, &to), -ENOENT);
	assert_int_equal(url_from_notice(&base, NOTICE "...", &to), -ENOENT);
	assert_string_equal(to.origin, "untouched");
}

static void check_notice_refused(const char *from, const char *host)
{
	struct base_url base = base_of(from), to = { .origin = "untouched" };
	char notice[1200];

	strcpy(notice, NOTICE);
	strncat(notice, host, 1000);
	int r = url_from_notice(&base, notice, &to);
	if (r != -EACCES)
		fail_msg("%d for: %s", r, notice);
	assert_string_equal(to.origin, "untouched");
}

static void test_a_notice_leads_nowhere_else(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"evil.example",
		"az1.qualtrics.com.evil.example",
		"evilqualtrics.com",
		"qualtrics.com",
		"http://az1.qualtrics.com",
		"az1.qualtrics.com:8443",
		"evil@az1.qualtrics.com",
		"az1.qualtrics.com@evil.example",
		"//az1.qualtrics.com",
		"https://evil.example/.qualtrics.com",
		"evil.example/az1.qualtrics.com",
		"evil.example#az1.qualtrics.com",
		"evil.example\\az1.qualtrics.com",
		"\xc3\xa4z1.qualtrics.com",
	};
	for (size_t i = 0; i < countof(rows); i++)
		check_notice_refused("co1.qualtrics.com", rows[i]);

	char longest[1000];
	memset(longest, 'a', sizeof(longest));
	memcpy(longest + 980, ".qualtrics.com", 15);
	check_notice_refused("co1.qualtrics.com", longest);

	/* Only within the service: a vanity domain, a sandbox or a plain connection stays where it
	 * is. */
	check_notice_refused("surveys.example.org", "az1.qualtrics.com");
	check_notice_refused("http://127.0.0.1:4711", "az1.qualtrics.com");
	check_notice_refused("co1.qualtrics.com:8443", "az1.qualtrics.com");
}

/* --- next pages ------------------------------------------------------------------------------ */

static void check_next(const char *from, const char *next, const char *expected)
{
	struct base_url base = base_of(from);
	char *url = NULL;
	int r = url_next_page(&base, next, &url);

	if (r != (expected ? 0 : -EACCES))
		fail_msg("%d for: %s at %s", r, next, from);
	if (expected)
		assert_string_equal(url, expected);
	else
		assert_null(url);
	free(url);
}

static void test_a_next_page_is_followed_within_origin_and_service(void **state)
{
	(void)state;
	check_next("fra1.qualtrics.com", "https://fra1.qualtrics.com/API/v3/surveys?offset=100",
	           "https://fra1.qualtrics.com/API/v3/surveys?offset=100");
	check_next("fra1.qualtrics.com",
	           "https://co1.qualtrics.com/API/v3/"
	           "x?proxyDepth=1&proxyInfo=%7B%22proxyDepth%22%3A1%7D",
	           "https://co1.qualtrics.com/API/v3/"
	           "x?proxyDepth=1&proxyInfo=%7B%22proxyDepth%22%3A1%7D");
	check_next("fra1.qualtrics.com", "https://fra1.qualtrics.com/a#frag",
	           "https://fra1.qualtrics.com/a");
	check_next("fra1.qualtrics.com", "https://FRA1.qualtrics.com:443/a?b",
	           "https://FRA1.qualtrics.com:443/a?b");
	check_next("surveys.example.org:8443", "https://surveys.example.org:8443/p?q=1",
	           "https://surveys.example.org:8443/p?q=1");
	check_next("http://127.0.0.1:4711", "http://127.0.0.1:4711/p?skipToken=a%2Fb",
	           "http://127.0.0.1:4711/p?skipToken=a%2Fb");
	/* The service names itself to somebody who asks through another name. */
	check_next("http://127.0.0.1:4711", "https://fra1.qualtrics.com/API/v3/surveys?offset=100",
	           "http://127.0.0.1:4711/API/v3/surveys?offset=100");
	check_next("surveys.example.org", "https://fra1.qualtrics.com/API/v3/surveys",
	           "https://surveys.example.org/API/v3/surveys");
}

static void test_a_next_page_elsewhere_is_refused(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"",
		"/API/v3/surveys",
		"//evil.example/API",
		"?offset=100",
		"https://evil.example/API/v3/surveys",
		"https://fra1.qualtrics.com.evil.example/",
		"https://evilqualtrics.com/",
		"https://qualtrics.com.evil.example",
		"https://fra1.qualtrics.com@evil.example/",
		"https://user:pass@fra1.qualtrics.com/",
		"https://evil.example#@fra1.qualtrics.com/",
		"https://evil.example?@fra1.qualtrics.com/",
		"https://evil.example/\\fra1.qualtrics.com",
		"https://fra1.qualtrics.com\\@evil.example/",
		"https:///evil.example/",
		"https:/\\evil.example/",
		"https:\\\\evil.example/",
		"http://fra1.qualtrics.com/API/v3/surveys",
		"http://az1.qualtrics.com/",
		"https://az1.qualtrics.com:8443/",
		"https://fra1.qualtrics.com:8443/",
		"https://fra1.qualtrics.com:443@evil.example/",
		"ftp://fra1.qualtrics.com/",
		"file:///etc/passwd",
		"gopher://fra1.qualtrics.com/",
		"https://127.0.0.1/",
		"https://[::1]/",
		"https://fra1.qualtrics.com\n.evil.example/",
		"https://fra1.qualtrics.com /",
		" https://fra1.qualtrics.com/",
		"https://fra1.qualtrics.com/a\r\nX-Evil: 1",
		"https://fra1.qu\xd0\xb0ltrics.com/", /* a Cyrillic a */
		"https://fra1.qualtrics.com%2eevil.example/",
		"https://evil.example%23.qualtrics.com/",
		"https://evil.example%00.qualtrics.com/",
		"https://.qualtrics.com/",
		"https://fra1.qualtrics.com./",
	};
	for (size_t i = 0; i < countof(rows); i++)
		check_next("fra1.qualtrics.com", rows[i], NULL);
	check_next("http://127.0.0.1:4711", "http://127.0.0.1:4712/", NULL);
	check_next("http://127.0.0.1:4711", "https://127.0.0.1:4711/", NULL);
	check_next("http://127.0.0.1:4711", "http://127.0.0.2:4711/", NULL);
	check_next("http://localhost:4711", "http://127.0.0.1:4711/", NULL);
	check_next("surveys.example.org", "https://example.org/", NULL);

	char longest[20000] = "https://fra1.qualtrics.com/";
	memset(longest + strlen(longest), 'a', 15000);
	check_next("fra1.qualtrics.com", longest, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts_and_urls_become_an_origin),
		cmocka_unit_test(test_what_is_no_safe_base_is_refused_with_words),
		cmocka_unit_test(test_a_notice_names_the_new_base),
		cmocka_unit_test(test_a_notice_without_a_host_is_no_notice),
		cmocka_unit_test(test_a_notice_leads_nowhere_else),
		cmocka_unit_test(test_a_next_page_is_followed_within_origin_and_service),
		cmocka_unit_test(test_a_next_page_elsewhere_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
