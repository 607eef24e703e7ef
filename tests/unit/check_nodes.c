/* check_nodes.c: the node table is whole: each path parses, is unambiguous, has a parent, a source,
 * words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../fs/tree/nodes.h"

static void test_each_row_has_a_folder_above_it(void **state)
{
	(void)state;
	for (int i = ROW_ROOT + 1; i < ROWS_; i++) {
		const struct node_row *row = node_row((enum row_id)i),
				      *above = node_row(row->parent);
		assert_int_equal(above->kind, NODE_DIR);
		size_t n = strlen(above->path);
		if (above->id == ROW_ROOT)
			n = 0;
		assert_memory_equal(above->path, row->path, n);
		assert_int_equal(row->path[n], '/');
		assert_string_equal(row->path + n + 1, row->name);
	}
}

static void test_no_two_rows_have_one_path(void **state)
{
	(void)state;
	for (int i = 0; i < ROWS_; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(node_row((enum row_id)i)->path,
			                        node_row((enum row_id)k)->path);
}

static void test_a_folder_has_at_most_one_pattern(void **state)
{
	(void)state;
	int patterns[ROWS_] = { 0 };
	for (int i = ROW_ROOT + 1; i < ROWS_; i++)
		if (node_row((enum row_id)i)->is_pattern)
			assert_int_equal(++patterns[node_row((enum row_id)i)->parent], 1);
}

static void test_each_source_fits_its_kind(void **state)
{
	(void)state;
	for (int i = 0; i < ROWS_; i++) {
		const struct node_row *row = node_row((enum row_id)i);
		bool content = row->source.is_document || row->source.export_body;
		assert_int_equal(row->kind == NODE_TEXT, row->source.text != NULL);
		assert_int_equal(row->kind == NODE_DATA, content);
		assert_false(row->source.is_document && row->source.export_body);
		if (row->source.export_body)
			assert_true(row->source.cell_bytes >= 17); /* measured: 17 bytes a cell */
		if (row->source.listed)
			assert_non_null(node_pattern(row));
		assert_true(strlen(row->doc) > 5);
	}
}

static void test_paths_of_places_carry_their_id(void **state)
{
	(void)state;
	struct buf b = { 0 };
	node_subject(node_row(ROW_RESPONSES_CSV), "SV_1", &b);
	assert_string_equal(buf_text(&b), "surveys/SV_1/responses.csv");
	buf_done(&b);
}

static void test_ids_that_could_leave_the_tree_are_not_well_formed(void **state)
{
	(void)state;
	assert_true(survey_id_is_well_formed("SV_3gbwq8aJgqPwQDP"));
	assert_false(survey_id_is_well_formed("SV_"));
	assert_false(survey_id_is_well_formed("SV_../../../../etc"));
	assert_false(survey_id_is_well_formed("SV_12345678901%2f"));
	assert_false(survey_id_is_well_formed("sv_3gbwq8aJgqPwQDP"));
	assert_false(survey_id_is_well_formed("index.csv"));
}

static int setup(void **state)
{
	(void)state;
	nodes_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_row_has_a_folder_above_it),
		cmocka_unit_test(test_no_two_rows_have_one_path),
		cmocka_unit_test(test_a_folder_has_at_most_one_pattern),
		cmocka_unit_test(test_each_source_fits_its_kind),
		cmocka_unit_test(test_paths_of_places_carry_their_id),
		cmocka_unit_test(test_ids_that_could_leave_the_tree_are_not_well_formed),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
