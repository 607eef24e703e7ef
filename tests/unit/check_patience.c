/* check_patience.c: how long the kernel lets a request wait. */
#include "../../fs/front/patience.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <qxfs/base/sys.h>

static const char *const names[] = { "max_request_timeout", "default_request_timeout" };

static int64_t patience_of(const char *max, const char *standard)
{
	char dir[] = "/tmp/qxfs-patience-XXXXXX";
	const char *const texts[] = { max, standard };

	assert_non_null(mkdtemp(dir));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t i = 0; i < countof(names); i++)
		if (texts[i])
			assert_int_equal(
				sys_write_file_at(fd, names[i], texts[i], strlen(texts[i])), 0);
	int64_t s = patience_read(dir);
	for (size_t i = 0; i < countof(names); i++)
		(void)unlinkat(fd, names[i], 0);
	close(fd);
	rmdir(dir);
	return s;
}

static void test_no_limit_is_none(void **state)
{
	(void)state;
	assert_int_equal(patience_of("0\n", "0\n"), 0);
	assert_int_equal(patience_of(NULL, NULL), 0);
	assert_int_equal(patience_of("", "soon\n"), 0);
}

static void test_the_smaller_limit_counts_less_a_margin(void **state)
{
	(void)state;
	assert_int_equal(patience_of("60\n", "0\n"), 55);
	assert_int_equal(patience_of("0\n", "60\n"), 55);
	assert_int_equal(patience_of("600\n", "60\n"), 55);
	assert_int_equal(patience_of("60\n", "600\n"), 55);
	assert_int_equal(patience_of("60\n", NULL), 55);
	assert_int_equal(patience_of("10\n", "0\n"), 5);
	assert_int_equal(patience_of("1\n", "0\n"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_limit_is_none),
		cmocka_unit_test(test_the_smaller_limit_counts_less_a_margin),
	};
	return cmocka_run_group_tests_name("patience", tests, NULL, NULL);
}
