/* Whether an export holds what the survey counted: the rows of a text, and what follows from them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <qxfs/base/sys.h>

#include "../../fs/jobs/lag.h"
#include "../../fs/store/count.h"

#define NOW_S 2000000000
#define EDITED "2026-01-01T00:00:00Z"
#define HEAD "a,\"b\nb\"\r\nA,B\r\n\"{\"\"x\"\"}\",y\r\n"

/* In pieces of every size. */
static void assert_count(enum text_rows as, const char *text, int64_t n)
{
	size_t len = strlen(text);

	for (size_t step = 1; step <= len + 1; step++) {
		struct row_count c = { .as = as };
		for (size_t at = 0; at < len; at += step)
			count_feed(&c, text + at, len - at < step ? len - at : step);
		assert_int_equal(count_rows(&c), n);
	}
}

static void test_rows_are_counted(void **state)
{
	(void)state;
	assert_count(ROWS_CSV, HEAD, 0);
	assert_count(ROWS_CSV, HEAD "1,2\r\n\"3\r\n\"\"\n\",4\r\n", 2);
	assert_count(ROWS_CSV, HEAD "1,2\r\n3,4", 2);
	assert_count(ROWS_CSV, "\xef\xbb\xbf" HEAD "1,2\r\n", 1);
	assert_count(ROWS_CSV, "a,b\r\nA,B\r\n", -1);
	assert_count(ROWS_CSV, "", -1);
	assert_count(ROWS_LINES, "{\"a\":\"\\\"\"}\n{\"b\":1}\n", 2);
	assert_count(ROWS_LINES, "", 0);
}

static void test_objects_are_counted(void **state)
{
	(void)state;
	assert_count(ROWS_NONE, "{\"responses\":[]}", 0);
	assert_count(ROWS_NONE,
	             "{\"responses\": [{\"a\":{\"b\":[{}]}},\n {\"c\":\"}{[\\\"\\\\\"}]}\n", 2);
	assert_count(ROWS_NONE,
	             "{\"about\":{\"x\":{}},\"responses\":[{},{},{}],\"more\":{\"y\":{}}}", 3);
	assert_count(ROWS_NONE, "{\"responses\":[{}", -1);
	assert_count(ROWS_NONE, "$FL2 {", -1);
	assert_count(ROWS_NONE, "<?xml?><Responses/>", -1);
}

static struct gen_facts facts_of(int64_t auditable, int64_t rows)
{
	return (struct gen_facts){ .counts = { auditable, 5, 3 },
		                   .rows = rows,
		                   .last_modified = EDITED,
		                   .exported_s = NOW_S };
}

static bool is_as_in(const struct gen_facts *was, int64_t auditable)
{
	const struct survey_seen seen = { .id = "SV_1",
		                          .last_modified = EDITED,
		                          .counts = { auditable, 5, 3 } };
	return survey_is_as_in(was, &seen);
}

static void test_what_holds_all_is_unchanged(void **state)
{
	(void)state;
	struct gen_facts f = facts_of(100, 105);
	lag_note(&f, NULL);
	assert_true(is_as_in(&f, 100));
	assert_false(is_as_in(&f, 101));
	assert_false(is_as_in(&f, 99));
	strcpy(f.last_modified, "2026-01-02T00:00:00Z");
	assert_false(is_as_in(&f, 100));
}

static void test_what_came_behind_the_counts_is_in_it(void **state)
{
	(void)state;
	struct gen_facts f = facts_of(100, 106);
	lag_note(&f, NULL);
	assert_true(is_as_in(&f, 100));
	assert_true(is_as_in(&f, 101));
	assert_false(is_as_in(&f, 102));
	f.counts[2] = 2; /* one was deleted, another came */
	assert_false(is_as_in(&f, 101));
}

static void test_what_lacks_is_asked_for_until_it_is_missing_for_good(void **state)
{
	(void)state;
	struct gen_facts first = facts_of(100, 104), again;
	lag_note(&first, NULL);
	assert_false(is_as_in(&first, 100));
	again = facts_of(100, 104);
	again.exported_s = NOW_S + 599;
	lag_note(&again, &first);
	assert_false(is_as_in(&again, 100));
	again.exported_s = NOW_S + 600;
	lag_note(&again, &first);
	assert_true(is_as_in(&again, 100));

	struct gen_facts more = facts_of(102, 106); /* two came, both are there */
	more.exported_s = NOW_S + 700;
	lag_note(&more, &again);
	assert_true(is_as_in(&more, 102));
	struct gen_facts late = facts_of(103, 106); /* one came, it is not */
	late.exported_s = NOW_S + 800;
	lag_note(&late, &more);
	assert_false(is_as_in(&late, 103));
}

static void test_of_what_nobody_counts_the_counts_are_believed(void **state)
{
	(void)state;
	struct gen_facts first = facts_of(100, -1), changed = facts_of(101, -1);
	lag_note(&first, NULL);
	lag_note(&changed, &first);
	assert_true(is_as_in(&changed, 101));
	assert_false(is_as_in(&changed, 102));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_counted),
		cmocka_unit_test(test_objects_are_counted),
		cmocka_unit_test(test_what_holds_all_is_unchanged),
		cmocka_unit_test(test_what_came_behind_the_counts_is_in_it),
		cmocka_unit_test(test_what_lacks_is_asked_for_until_it_is_missing_for_good),
		cmocka_unit_test(test_of_what_nobody_counts_the_counts_are_believed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
