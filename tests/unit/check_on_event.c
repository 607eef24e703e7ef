/* check_on_event.c: what is read of a command that prints without end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../fs/app/on_event.c"

/* A pipe is emptied faster than it is filled, mostly; this is never empty. */
static void test_reading_ends_though_the_output_does_not(void **state)
{
	char output[OUTPUT_MAX] = "";
	size_t len = 0;
	(void)state;

	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	(void)alarm(60);
	assert_true(read_output(fd, output, &len)); /* there may be more */
	(void)alarm(0);
	close(fd);
	assert_int_equal(len, OUTPUT_MAX - 1);
	assert_int_equal(output[len], '\0');
}

static void test_the_end_of_the_output_is_seen(void **state)
{
	char output[OUTPUT_MAX] = "";
	size_t len = 0;
	int ends[2];
	(void)state;

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(write(ends[1], "told", 4), 4);
	assert_true(read_output(ends[0], output, &len));
	close(ends[1]);
	assert_false(read_output(ends[0], output, &len));
	assert_string_equal(output, "told");
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading_ends_though_the_output_does_not),
		cmocka_unit_test(test_the_end_of_the_output_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
