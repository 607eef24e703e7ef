/* check_nodes.c: the node table is whole: each path parses, is unambiguous, has a parent, a source,
 * words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../fs/tree/ids.h"
#include "../../fs/tree/nodes.h"

static void test_each_row_has_a_folder_above_it(void **state)
{
	(void)state;
	for (int i = ROW_ROOT + 1; i < (int)nodes_count(); i++) {
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
	for (int i = 0; i < (int)nodes_count(); i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(node_row((enum row_id)i)->path,
			                        node_row((enum row_id)k)->path);
}

static void test_a_folder_has_at_most_one_pattern(void **state)
{
	(void)state;
	int patterns[ROWS_MAX_] = { 0 };
	for (int i = ROW_ROOT + 1; i < (int)nodes_count(); i++)
		if (node_row((enum row_id)i)->hole != HOLE_NONE)
			assert_int_equal(++patterns[node_row((enum row_id)i)->parent], 1);
}

static void test_each_source_fits_its_kind(void **state)
{
	(void)state;
	for (int i = 0; i < (int)nodes_count(); i++) {
		const struct node_row *row = node_row((enum row_id)i);
		enum source_kind source = row->source.kind;
		bool content = source != SOURCE_NONE && source != SOURCE_TEXT;
		assert_int_equal(row->kind == NODE_TEXT, source == SOURCE_TEXT);
		assert_int_equal(row->kind == NODE_DATA, content);
		if (source == SOURCE_TEXT)
			assert_non_null(row->source.text);
		if (source == SOURCE_FORM) /* measured: 17 bytes a cell */
			assert_true(row->source.form->cell_bytes >= 17);
		if (source == SOURCE_DERIVED && node_target(row) == row) {
			assert_non_null(row->source.render);
			assert_non_null(node_base(row));
		}
		if (row->list != LIST_NONE)
			assert_non_null(node_pattern(row));
		assert_true(strlen(row->doc) > 5);
	}
}

static void test_paths_of_places_carry_their_id(void **state)
{
	(void)state;
	struct buf b = { 0 };
	node_subject(node_form(ROW_SURVEY, FORM_CSV), "SV_1", &b);
	assert_string_equal(buf_text(&b), "surveys/SV_1/responses.csv");
	buf_clear(&b);
	node_subject(node_form(ROW_FILTER, FORM_CSV), "SV_1/Done", &b);
	assert_string_equal(buf_text(&b), "surveys/SV_1/filters/Done/responses.csv");
	buf_clear(&b);
	node_subject(node_row(ROW_RESPONSE_JSON), "SV_1/R_2", &b);
	assert_string_equal(buf_text(&b), "surveys/SV_1/responses/R_2.json");
	buf_done(&b);
}

static void test_every_hole_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < (int)nodes_count(); i++)
		if (strchr(node_row((enum row_id)i)->name, '{'))
			assert_int_not_equal(node_row((enum row_id)i)->hole, HOLE_NONE);
}

static void test_a_folder_with_forms_has_them_all(void **state)
{
	(void)state;
	for (int i = 0; i < ROWS_FIXED_; i++)
		for (int f = 0; f < FORMS_ && node_row((enum row_id)i)->flags & ROW_FORMS; f++) {
			const struct node_row *row = node_form((enum row_id)i, (enum form_id)f);
			assert_int_equal(row->parent, i);
			assert_ptr_equal(row->source.form, form_row((enum form_id)f));
			assert_ptr_equal(node_child(node_row((enum row_id)i), row->name), row);
		}
}

static void test_components_come_apart_and_together(void **state)
{
	(void)state;
	char part[ARG_MAX_BYTES], arg[ARG_MAX_BYTES], longest[ARG_MAX_BYTES];

	assert_true(arg_part("SV_1/A b", 1, part));
	assert_string_equal(part, "A b");
	assert_false(arg_part("SV_1", 1, part));
	assert_false(arg_part("", 0, part));
	assert_true(arg_join("SV_1", "A b", arg));
	assert_string_equal(arg, "SV_1/A b");
	assert_true(arg_join("", "SV_1", arg));
	assert_string_equal(arg, "SV_1");
	assert_false(arg_join("SV_1", "", arg));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	assert_false(arg_join("SV_1", longest, arg));
}

static void test_ids_that_could_leave_the_tree_are_not_well_formed(void **state)
{
	(void)state;
	assert_true(id_is_survey("SV_3gbwq8aJgqPwQDP"));
	assert_false(id_is_survey("SV_"));
	assert_false(id_is_survey("SV_../../../../etc"));
	assert_false(id_is_survey("SV_12345678901%2f"));
	assert_false(id_is_survey("sv_3gbwq8aJgqPwQDP"));
	assert_false(id_is_survey("index.csv"));
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
		cmocka_unit_test(test_every_hole_has_a_name),
		cmocka_unit_test(test_a_folder_with_forms_has_them_all),
		cmocka_unit_test(test_components_come_apart_and_together),
		cmocka_unit_test(test_ids_that_could_leave_the_tree_are_not_well_formed),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
