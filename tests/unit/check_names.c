/* check_names.c: names of files from hostile names of the service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <qxfs/base/sys.h>

#include "../../fs/tree/names.h"

static void safe_is(const char *raw, const char *expected)
{
	char *name = name_safe(raw, NAME_BYTES - 1);
	assert_non_null(name);
	assert_string_equal(name, expected);
	free(name);
}

static void test_ordinary_names_stay(void **state)
{
	(void)state;
	safe_is("Kundenzufriedenheit 2026", "Kundenzufriedenheit 2026");
	safe_is("\xf0\x9f\x8e\x89 Party", "\xf0\x9f\x8e\x89 Party");
	safe_is(".hidden", ".hidden");
}

static void test_what_no_filesystem_takes_becomes_an_underscore(void **state)
{
	(void)state;
	safe_is("a/b\\c", "a_b_c");
	safe_is("what? <now>: \"x\"|*", "what_ _now__ _x___");
	safe_is("line\nbreak\ttab\x7f", "line_break_tab_");
	safe_is("bad\xff\xfeutf8", "bad__utf8");
	safe_is("gpj.exe\xe2\x80\xae", "gpj.exe_"); /* right-to-left override */
}

static void test_dots_blanks_and_devices_are_no_names(void **state)
{
	(void)state;
	safe_is("", "unnamed_");
	safe_is(".", "_");
	safe_is("..", "__");
	safe_is("end. ", "end__");
	safe_is("CON", "CON_");
	safe_is("lpt1.csv", "lpt1_.csv");
	safe_is("con.a.b", "con_.a.b");
	safe_is("CONSOLE", "CONSOLE");
}

static void test_composed_and_decomposed_are_one(void **state)
{
	(void)state;
	safe_is("Cafe\xcc\x81", "Caf\xc3\xa9");
}

static void test_long_names_are_cut_between_code_points(void **state)
{
	(void)state;
	char raw[3 * 200 + 1];
	for (int i = 0; i < 200; i++)
		memcpy(raw + 3 * i, "\xe2\x82\xac", 3);
	raw[600] = 0;
	char *name = name_safe(raw, NAME_BYTES - 1);
	assert_int_equal(strlen(name), 252); /* 84 whole euro signs */
	assert_memory_equal(name + 249, "\xe2\x82\xac", 3);
	free(name);
}

static void free_all(struct named *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(all[i].name);
}

static void test_the_oldest_of_equal_names_keeps_the_bare_one(void **state)
{
	(void)state;
	struct named all[] = {
		{ "SV_new", "Trust", "2026-02-01T00:00:00Z", NULL },
		{ "SV_old", "trust", "2019-02-01T00:00:00Z", NULL },
		{ "SV_b", "Other", "2020-01-01T00:00:00Z", NULL },
		{ "SV_a", "Other", "2020-01-01T00:00:00Z", NULL },
	};
	assert_int_equal(names_make(all, countof(all), NULL), 0);
	assert_string_equal(all[0].name, "Trust [SV_new]");
	assert_string_equal(all[1].name, "trust");
	assert_string_equal(all[2].name, "Other [SV_b]");
	assert_string_equal(all[3].name, "Other"); /* the same age: by id */
	free_all(all, countof(all));
}

static void test_a_name_that_looks_like_a_suffix_carries_its_own(void **state)
{
	(void)state;
	struct named all[] = { { "SV_2", "Trust [SV_1]", "2020", NULL } };
	assert_int_equal(names_make(all, 1, NULL), 0);
	assert_string_equal(all[0].name, "Trust [SV_1] [SV_2]");
	free_all(all, 1);
}

/* A reserved name, whatever became of its first bearer. */
static void test_a_name_that_another_has_had_is_nobody_s(void **state)
{
	(void)state;
	struct reserved *kept = reserved_new();
	struct named first[] = { { "SV_1", "Tru\xc3\x9ft", "2020", NULL },
		                 { "SV_2", "Other", "2020", NULL } };
	struct named renamed[] = { { "SV_1", "Later", "2020", NULL },
		                   { "SV_3", "TRUSST", "2010", NULL },
		                   { "SV_4", "trusst", "2011", NULL },
		                   { "SV_5", "Other", "2010", NULL },
		                   { "SV_2", "other", "2020", NULL } };
	struct named back[] = { { "SV_1", "trusst", "2020", NULL },
		                { "SV_3", "TRUSST", "2010", NULL } };

	assert_int_equal(names_make(first, countof(first), kept), 0);
	assert_string_equal(first[0].name, "Tru\xc3\x9ft");
	assert_int_equal(names_make(renamed, countof(renamed), kept), 0);
	assert_string_equal(renamed[0].name, "Later");
	assert_string_equal(renamed[1].name, "TRUSST [SV_3]");
	assert_string_equal(renamed[2].name, "trusst [SV_4]");
	assert_string_equal(renamed[3].name, "Other [SV_5]"); /* older, and too late */
	assert_string_equal(renamed[4].name, "other");
	assert_int_equal(names_make(back, countof(back), kept), 0);
	assert_string_equal(back[0].name, "trusst");
	assert_string_equal(back[1].name, "TRUSST [SV_3]");
	assert_string_equal(reserved_owner(kept, "later"), "SV_1");
	free_all(first, countof(first));
	free_all(renamed, countof(renamed));
	free_all(back, countof(back));
	reserved_free(kept);
}

/* "X [id]" is what carries the id; ids of filters may be any word. */
static void test_no_bare_name_reads_as_one_with_an_id(void **state)
{
	(void)state;
	struct named all[] = { { "abc", "X", "2020", NULL },
		               { "def", "x", "2021", NULL },
		               { "ghi", "X [DEF]", "2019", NULL },
		               { "jkl", "X [2026]", "2019", NULL } };
	assert_int_equal(names_make(all, countof(all), NULL), 0);
	assert_string_equal(all[0].name, "X");
	assert_string_equal(all[1].name, "x [def]");
	assert_string_equal(all[2].name, "X [DEF] [ghi]");
	assert_string_equal(all[3].name, "X [2026]");
	free_all(all, countof(all));
}

static void test_a_device_s_long_name_stays_within_bounds(void **state)
{
	(void)state;
	char raw[301] = "con.";
	memset(raw + 4, 'x', 296);
	raw[300] = 0;
	char *name = name_safe(raw, 250);
	assert_int_equal(strlen(name), 250);
	assert_memory_equal(name, "con_.xxx", 8);
	free(name);
	memcpy(raw + 247, " . ", 3); /* cut there, it ends in no dot */
	name = name_safe(raw, 250);
	assert_int_equal(strlen(name), 250);
	assert_string_equal(name + 247, "x__");
	free(name);
}

static void test_a_suffix_fits_in_255_bytes(void **state)
{
	(void)state;
	char raw[301];
	memset(raw, 'x', 300);
	raw[300] = 0;
	struct named all[] = { { "SV_1", raw, "1", NULL }, { "SV_2", raw, "2", NULL } };
	assert_int_equal(names_make(all, 2, NULL), 0);
	assert_true(strlen(all[0].name) <= 255 && strlen(all[1].name) <= 255);
	assert_string_equal(all[1].name + strlen(all[1].name) - 7, " [SV_2]");
	free_all(all, 2);
}

static void test_ids_are_found_at_the_end_only(void **state)
{
	(void)state;
	const char *id;
	size_t len;
	assert_true(name_ends_in_id("Any name [SV_abc]", &id, &len));
	assert_memory_equal(id, "SV_abc", len);
	assert_int_equal(len, 6);
	assert_false(name_ends_in_id("[SV_abc] no", &id, &len));
	assert_false(name_ends_in_id("No [blank]", &id, &len));
	assert_false(name_ends_in_id("No[SV_abc]", &id, &len));
	assert_false(name_ends_in_id(" []", &id, &len));
	assert_false(name_ends_in_id("]", &id, &len));
}

/* Whatever bytes come, the result is a name that every filesystem takes, and no two are equal. */
static void test_random_bytes_give_sound_unique_names(void **state)
{
	(void)state;
	uint64_t seed = 20261123;
	for (int round = 0; round < 300; round++) {
		char raws[8][40], ids[8][8];
		struct named all[8];
		for (int i = 0; i < 8; i++) {
			for (int k = 0; k < 39; k++) {
				seed = seed * 6364136223846793005u + 1442695040888963407u;
				raws[i][k] =
					(char)(k < 3 && i > 3     ? "ab/"[k]
				               : (seed >> 40) % 7 ? 'a' + (char)((seed >> 33) % 3)
				                                  : (char)(1 + (seed >> 50) % 255));
			}
			raws[i][(seed >> 35) % 6] = 0;
			raws[i][39] = 0;
			snprintf(ids[i], sizeof(ids[i]), "SV_%d", i);
			all[i] = (struct named){ ids[i], raws[i], "", NULL };
		}
		assert_int_equal(names_make(all, 8, NULL), 0);
		for (int i = 0; i < 8; i++) {
			size_t n = strlen(all[i].name);
			assert_true(n > 0 && n <= 255);
			assert_null(strpbrk(all[i].name, "/\\<>:\"|?*\n\r\t"));
			assert_string_not_equal(all[i].name, ".");
			assert_string_not_equal(all[i].name, "..");
			for (int k = 0; k < i; k++)
				assert_string_not_equal(all[i].name, all[k].name);
		}
		free_all(all, 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordinary_names_stay),
		cmocka_unit_test(test_what_no_filesystem_takes_becomes_an_underscore),
		cmocka_unit_test(test_dots_blanks_and_devices_are_no_names),
		cmocka_unit_test(test_composed_and_decomposed_are_one),
		cmocka_unit_test(test_long_names_are_cut_between_code_points),
		cmocka_unit_test(test_the_oldest_of_equal_names_keeps_the_bare_one),
		cmocka_unit_test(test_a_name_that_looks_like_a_suffix_carries_its_own),
		cmocka_unit_test(test_a_name_that_another_has_had_is_nobody_s),
		cmocka_unit_test(test_no_bare_name_reads_as_one_with_an_id),
		cmocka_unit_test(test_a_device_s_long_name_stays_within_bounds),
		cmocka_unit_test(test_a_suffix_fits_in_255_bytes),
		cmocka_unit_test(test_ids_are_found_at_the_end_only),
		cmocka_unit_test(test_random_bytes_give_sound_unique_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
