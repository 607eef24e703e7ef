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

static void test_patterns_of_a_folder_differ_in_their_suffix(void **state)
{
	(void)state;
	for (int i = ROW_ROOT + 1; i < (int)nodes_count(); i++) {
		const struct node_row *row = node_row((enum row_id)i);
		for (enum row_id k = row->next; row->hole != HOLE_NONE && k != ROW_ROOT;
		     k = node_row(k)->next)
			if (node_row(k)->hole != HOLE_NONE)
				assert_string_not_equal(row->suffix, node_row(k)->suffix);
	}
}

static void test_the_longest_suffix_decides_what_a_name_is(void **state)
{
	(void)state;
	const struct node_row *api = node_row(ROW_API);

	assert_int_equal(node_pattern_of(api, "surveys")->id, ROW_API_FOLDER);
	assert_int_equal(node_pattern_of(api, "surveys.json")->id, ROW_API_PATH);
	assert_int_equal(node_pattern_of(api, ".json")->id, ROW_API_FOLDER); /* which refuses it */
	assert_int_equal(node_pattern_of(node_row(ROW_EXCEL), "x.xlsx")->id, ROW_EXCEL_FILE);
	assert_null(node_pattern_of(node_row(ROW_EXCEL), "x.csv"));
}

static void check_above(enum row_id id, const char *arg, enum row_id above, const char *above_arg)
{
	char own[ARG_MAX_BYTES];
	memcpy(own, arg, strlen(arg) + 1);
	assert_int_equal(node_above(node_row(id), own)->id, above);
	assert_string_equal(own, above_arg);
}

static void test_a_path_has_folders_of_any_depth(void **state)
{
	(void)state;
	struct buf b = { 0 };
	const struct node_row *folder = node_row(ROW_API_FOLDER);

	assert_ptr_equal(node_inside(folder), node_row(ROW_API));
	assert_ptr_equal(node_inside(node_row(ROW_SURVEY)), node_row(ROW_SURVEY));
	node_subject(node_row(ROW_API_PATH), "surveys/SV_1/quotas?a=b", &b);
	assert_string_equal(buf_text(&b), ".qxfs/api/surveys/SV_1/quotas?a=b.json");
	check_above(ROW_API_PATH, "a/b/c", ROW_API_FOLDER, "a/b");
	check_above(ROW_API_FOLDER, "a/b", ROW_API_FOLDER, "a");
	check_above(ROW_API_FOLDER, "a", ROW_API, "");
	check_above(ROW_API_PATH, "a", ROW_API, "");
	check_above(ROW_RESPONSE_JSON, "SV_1/R_1", ROW_RESPONSES, "SV_1");
	check_above(ROW_RESPONSES, "SV_1", ROW_SURVEY, "SV_1");
	check_above(ROW_SURVEY, "SV_1", ROW_SURVEYS, "");
	buf_done(&b);
}

static void test_each_source_fits_its_kind(void **state)
{
	(void)state;
	for (int i = 0; i < (int)nodes_count(); i++) {
		const struct node_row *row = node_row((enum row_id)i);
		enum source_kind source = row->source.kind;
		bool live = source == SOURCE_PATH, stream = source == SOURCE_STREAM;
		bool content = source != SOURCE_NONE && source != SOURCE_TEXT && !live && !stream;
		assert_int_equal(row->kind == NODE_TEXT, source == SOURCE_TEXT);
		assert_int_equal(row->kind == NODE_LIVE, live);
		assert_int_equal(row->kind == NODE_DATA || (row->kind == NODE_LINK && content),
		                 content);
		if (source == SOURCE_TEXT)
			assert_non_null(row->source.text);
		if (source == SOURCE_FORM) /* measured: 17 bytes a cell */
			assert_true(row->source.form->cell_bytes >= 17);
		if (source == SOURCE_DERIVED && node_target(row) == row) {
			assert_non_null(row->source.render);
			assert_non_null(node_base(row));
		}
		if (row->list != LIST_NONE || stream)
			assert_non_null(node_pattern(row));
		if (stream) {
			assert_int_equal(row->kind, NODE_DIR);
			assert_int_equal(row->list, LIST_NONE);
			assert_non_null(row->source.member);
			assert_true(row->source.is_id("CID_0123456789abcde") !=
			            row->source.is_id("CGC_0123456789abcde"));
			assert_false(row->source.is_id("../../etc"));
		}
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
		cmocka_unit_test(test_patterns_of_a_folder_differ_in_their_suffix),
		cmocka_unit_test(test_the_longest_suffix_decides_what_a_name_is),
		cmocka_unit_test(test_a_path_has_folders_of_any_depth),
		cmocka_unit_test(test_each_source_fits_its_kind),
		cmocka_unit_test(test_paths_of_places_carry_their_id),
		cmocka_unit_test(test_every_hole_has_a_name),
		cmocka_unit_test(test_a_folder_with_forms_has_them_all),
		cmocka_unit_test(test_components_come_apart_and_together),
		cmocka_unit_test(test_ids_that_could_leave_the_tree_are_not_well_formed),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
