/* check_seen.c: the set of ids on the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../fs/jobs/seen.h"
#include "own_cache.h"

#define MANY 40000

static int set_up(void **state)
{
	(void)state;
	return own_cache_begin();
}

static int tear_down(void **state)
{
	(void)state;
	return own_cache_end();
}

static int enter(struct seen *s, unsigned number)
{
	char id[32];
	(void)snprintf(id, sizeof(id), "CID_%015u", number);
	return seen_enter(s, id);
}

/* More than once its table grows; who was there before is known after. */
static void test_each_id_is_new_once(void **state)
{
	struct seen s = { .cache = cache };
	(void)state;

	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(enter(&s, i), 1);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(enter(&s, i), 0);
	assert_int_equal(s.n, MANY);
	assert_int_equal(enter(&s, MANY), 1);
	seen_done(&s);
}

static unsigned count_files(void)
{
	char command[64] = "";
	unsigned n = 0;
	(void)snprintf(command, sizeof(command), "find %s/c/a/draft -type f | wc -l", folder);
	FILE *found = popen(command, "r");
	assert_non_null(found);
	assert_int_equal(fscanf(found, "%u", &n), 1);
	(void)pclose(found);
	return n;
}

/* Also when it is too large for memory: a crash leaves nothing to clear away. */
static void test_it_has_no_name(void **state)
{
	struct seen s = { .cache = cache };
	struct stat st;
	(void)state;

	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(enter(&s, i), 1);
	assert_false(spill_is_in_memory(s.file));
	assert_int_equal(count_files(), 0);
	assert_int_equal(fstat(spill_fd(s.file), &st), 0);
	assert_int_equal(st.st_nlink, 0);
	seen_done(&s);
	assert_int_equal(enter(&s, 1), 1); /* empty again */
	seen_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_id_is_new_once),
		cmocka_unit_test(test_it_has_no_name),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
