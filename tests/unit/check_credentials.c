/* check_credentials.c: which token and host are taken, and that nothing of the token is left
 * behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#include "../../fs/app/credentials.h"

#define TOKEN_OF_FILE "tokenOfTheFile"

static char token_file[64];

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(token_file, sizeof(token_file), "/tmp/qxfs-check-token-XXXXXX");
	int fd = mkstemp(token_file);
	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, TOKEN_OF_FILE "\n", strlen(TOKEN_OF_FILE) + 1), 0);
	close(fd);
	unsetenv("QUALTRICS_API_TOKEN");
	unsetenv("QUALTRICS_API_KEY");
	return setenv("QUALTRICS_BASE_URL", "fra1.qualtrics.com/API/v3", 1);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(token_file);
}

static void write_file(const char *bytes, size_t len)
{
	qx_auto_fd fd = open(token_file, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, bytes, len), 0);
}

static void assert_token(const char *file, const char *expected)
{
	struct credentials c = { 0 };
	struct qx_fail fail = { 0 };

	if (credentials_read(NULL, file, &c, &fail) < 0)
		fail_msg("refused: %s", fail.why);
	assert_string_equal(c.token, expected);
	assert_string_equal(c.base.origin, "https://fra1.qualtrics.com");
	credentials_done(&c);
	assert_null(c.token);
}

static void assert_refused(const char *file, int err, const char *why, const char *remedy)
{
	struct credentials c = { 0 };
	struct qx_fail fail = { 0 };

	assert_int_equal(credentials_read(NULL, file, &c, &fail), -err);
	assert_null(c.token);
	if (!strstr(fail.why, why))
		fail_msg("%s does not say: %s", fail.why, why);
	if (!strstr(fail.remedy, remedy))
		fail_msg("%s does not say: %s", fail.remedy, remedy);
}

static void test_the_file_comes_before_the_environment(void **state)
{
	(void)state;
	setenv("QUALTRICS_API_TOKEN", "first", 1);
	setenv("QUALTRICS_API_KEY", "second", 1);
	assert_token(token_file, TOKEN_OF_FILE);
}

static void test_the_token_comes_before_the_key(void **state)
{
	(void)state;
	setenv("QUALTRICS_API_TOKEN", "first", 1);
	setenv("QUALTRICS_API_KEY", "second", 1);
	assert_token(NULL, "first");
}

static void test_the_key_of_other_tools_will_do(void **state)
{
	(void)state;
	setenv("QUALTRICS_API_TOKEN", "", 1);
	setenv("QUALTRICS_API_KEY", "second", 1);
	assert_token(NULL, "second");
}

static void test_without_any_the_person_is_told_where_to_find_one(void **state)
{
	(void)state;
	assert_refused(NULL, ENOENT, "QUALTRICS_API_TOKEN", "Qualtrics IDs");
}

static void test_without_a_host_the_person_is_told(void **state)
{
	(void)state;
	setenv("QUALTRICS_API_TOKEN", "first", 1);
	unsetenv("QUALTRICS_BASE_URL");
	assert_refused(NULL, ENOENT, "QUALTRICS_BASE_URL is not set", "data centre");
}

static bool is_blank(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\0')
			return false;
	}
	return true;
}

/* putenv keeps our bytes, as the kernel's list of a new process does. */
static void test_the_environment_is_wiped_in_place(void **state)
{
	(void)state;
	char token[] = "QUALTRICS_API_TOKEN=aSecret";
	char key[] = "QUALTRICS_API_KEY=anotherSecret";
	size_t token_name = strlen("QUALTRICS_API_TOKEN=");
	size_t key_name = strlen("QUALTRICS_API_KEY=");

	putenv(token);
	putenv(key);
	assert_token(NULL, "aSecret");
	assert_true(is_blank(token + token_name, sizeof(token) - token_name));
	assert_true(is_blank(key + key_name, sizeof(key) - key_name));
	assert_null(getenv("QUALTRICS_API_TOKEN"));
	assert_null(getenv("QUALTRICS_API_KEY"));
}

static void test_it_is_wiped_also_when_it_is_refused(void **state)
{
	(void)state;
	char token[] = "QUALTRICS_API_TOKEN=a secret";
	size_t name = strlen("QUALTRICS_API_TOKEN=");

	putenv(token);
	assert_refused(NULL, EINVAL, "QUALTRICS_API_TOKEN has a blank", "");
	assert_true(is_blank(token + name, sizeof(token) - name));
	assert_null(getenv("QUALTRICS_API_TOKEN"));
}

static void test_white_space_around_is_trimmed(void **state)
{
	(void)state;
	write_file(" \t\r\ntoken\r\n\n", 11);
	assert_token(token_file, "token");
	write_file("\xef\xbb\xbftoken\r\n", 10); /* as Windows' editors write it */
	assert_token(token_file, "token");
	setenv("QUALTRICS_BASE_URL", " fra1.qualtrics.com\r\n", 1);
	assert_token(token_file, "token");
	setenv("QUALTRICS_BASE_URL", " \n", 1);
	assert_refused(token_file, ENOENT, "QUALTRICS_BASE_URL is not set", "data centre");
	setenv("QUALTRICS_BASE_URL", "fra1", 1);
	assert_refused(token_file, EINVAL, "QUALTRICS_BASE_URL: ", "fra1.qualtrics.com");
}

static void test_what_is_no_token_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t len;
		const char *why;
	} rows[] = {
		{ "two words", 9, "blank" },
		{ "two\nlines", 9, "line break" },
		{ "to\xef\xbb\xbfken", 8, "none has" },
		{ "to\x1bken", 6, "none has" },
		{ "to\0ken", 6, "not a text file" },
		{ "", 0, "holds no API token" },
		{ " \n", 2, "holds no API token" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		write_file(rows[i].text, rows[i].len);
		assert_refused(token_file, EINVAL, rows[i].why, "");
	}
}

static void test_a_token_is_never_repeated(void **state)
{
	(void)state;
	struct credentials c = { 0 };
	struct qx_fail fail = { 0 };

	setenv("QUALTRICS_API_TOKEN", "hidden token", 1);
	assert_int_equal(credentials_read(NULL, NULL, &c, &fail), -EINVAL);
	assert_null(strstr(fail.why, "hidden"));
	assert_null(strstr(fail.remedy, "hidden"));
}

static void test_a_file_that_others_can_read_is_refused(void **state)
{
	(void)state;
	static const mode_t modes[] = { 0640, 0604, 0620, 0601 };

	for (size_t i = 0; i < countof(modes); i++) {
		assert_int_equal(chmod(token_file, modes[i]), 0);
		assert_refused(token_file, EPERM, "other users",
		               "chmod 600 /tmp/qxfs-check-token-");
	}
	assert_int_equal(chmod(token_file, 0400), 0);
	assert_token(token_file, TOKEN_OF_FILE);
}

static void test_a_file_of_another_user_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(token_file, 12345, (gid_t)-1), 0);
	assert_refused(token_file, EPERM, "belongs to another user", "chown");
}

static void test_a_folder_or_nothing_is_no_token_file(void **state)
{
	(void)state;
	assert_refused("/tmp", EINVAL, "is not a file", "");
	assert_refused("/nowhere/at/all", ENOENT, "/nowhere/at/all", "");
}

int main(void)
{
#define CHECK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CHECK(test_the_file_comes_before_the_environment),
		CHECK(test_the_token_comes_before_the_key),
		CHECK(test_the_key_of_other_tools_will_do),
		CHECK(test_without_any_the_person_is_told_where_to_find_one),
		CHECK(test_without_a_host_the_person_is_told),
		CHECK(test_the_environment_is_wiped_in_place),
		CHECK(test_it_is_wiped_also_when_it_is_refused),
		CHECK(test_white_space_around_is_trimmed),
		CHECK(test_what_is_no_token_is_refused),
		CHECK(test_a_token_is_never_repeated),
		CHECK(test_a_file_that_others_can_read_is_refused),
		CHECK(test_a_file_of_another_user_is_refused),
		CHECK(test_a_folder_or_nothing_is_no_token_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
