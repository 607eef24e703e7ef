/* check_render.c: what a cell is, and how rendering ends when it cannot go on. What the files hold:
 * tests/render/check_render.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <qxfs/jobs/render.h>

#include "../../fs/jobs/cells.h"

#define HEAD \
	"Q1,Q2\r\nOne?,Two?\r\n\"{\"\"ImportId\"\":\"\"QID1\"\"}\",\"{\"\"ImportId\"\":" \
	"\"\"QID2\"\"}\"\r\n"

/* --- cells ----------------------------------------------------------------------------------- */

static void test_numbers_are_those_of_which_nothing_is_lost(void **state)
{
	static const struct {
		const char *text;
		double number;
	} good[] = { { "0", 0 },       { "7", 7 },     { "-12", -12 },
		     { "3.50", 3.5 },  { "0.1", 0.1 }, { "999999999999999", 999999999999999 },
		     { "-0.25", -.25 } };
	static const char *const bad[] = { "",
		                           "-",
		                           "007",
		                           "00",
		                           "+1",
		                           " 1",
		                           "1 ",
		                           "1,5",
		                           ".5",
		                           "5.",
		                           "1e5",
		                           "0x1F",
		                           "nan",
		                           "1.2.3",
		                           "--1",
		                           "1234567890123456",
		                           "1.234567890123456",
		                           "=1+1" };
	(void)state;
	double number = 0;
	for (size_t i = 0; i < countof(good); i++) {
		assert_true(cell_number(good[i].text, &number));
		assert_true(number == good[i].number);
	}
	for (size_t i = 0; i < countof(bad); i++)
		if (cell_number(bad[i], &number))
			fail_msg("%s is %g", bad[i], number);
}

static void test_dates_count_as_excel_counts(void **state)
{
	(void)state;
	struct zone *utc = NULL;
	double days = 0;
	assert_int_equal(zone_new("UTC", &utc), 0);
	assert_true(cell_date("1900-03-01 00:00:00", utc, utc, &days) && days == 61);
	assert_true(cell_date("2000-01-01 12:00:00", utc, utc, &days) && days == 36526.5);
	assert_true(cell_date("2000-01-01 12:00:00", NULL, utc, &days) && days == 36526.5);
	assert_true(cell_date("2000-01-01T12:00:00Z", NULL, utc, &days) && days == 36526.5);
	assert_true(cell_date("2000-01-01T12:00:00+12:00", utc, utc, &days) && days == 36526);
	assert_false(cell_date("1900-02-28 00:00:00", utc, utc, &days));
	assert_false(cell_date("2000-01-01", utc, utc, &days));
	assert_false(cell_date("2000-01-01 12:00:00 or so", utc, utc, &days));
	assert_false(cell_date("", utc, utc, &days));
	zone_free(utc);
}

static void check_text(const char *text, size_t len, const char *want, bool want_cut)
{
	struct buf work = { 0 };
	bool cut = !want_cut;
	assert_string_equal(cell_text(text, len, &work, &cut), want);
	assert_int_equal(cut, want_cut);
	buf_done(&work);
}

static void test_texts_hold_what_xml_can(void **state)
{
	(void)state;
	check_text("", 0, "", false);
	check_text("a_b", 3, "a_b", false);
	check_text("_x0041_", 7, "_x005F_x0041_", false);
	check_text("_x00G1__x0041", 13, "_x00G1__x0041", false);
	check_text("a\0b", 3,
	           "a\xef\xbf\xbd"
	           "b",
	           false);
	check_text("\xc3", 1, "\xef\xbf\xbd", false);
	check_text("\xc3\xa4\xf0\x9f\x91\x8d", 6, "\xc3\xa4\xf0\x9f\x91\x8d", false);
	check_text("\xef\xbf\xbf", 3, "\xef\xbf\xbd", false);
}

static void test_texts_are_cut_where_excel_counts_to(void **state)
{
	(void)state;
	size_t len = (size_t)CELL_CHARS_MAX + 1;
	char *text = calloc(1, len + 4), *want = calloc(1, len + 4);
	assert_non_null(text);
	assert_non_null(want);
	memset(text, 'x', len);
	memset(want, 'x', len - 1);
	check_text(text, len, want, true);
	text[len - 1] = '\0';
	check_text(text, len - 1, want, false);
	memcpy(text + len - 2, "\xf0\x9f\x91\x8d", 4); /* would be two characters where one fits */
	want[len - 2] = '\0';
	check_text(text, len + 2, want, true);
	free(text);
	free(want);
}

/* --- rendering ------------------------------------------------------------------------------- */

struct scene {
	char scratch[64];
	struct render_input in;
	struct zone *zone;
	struct buf base;
	int out;
	int asked, until;    /* cancelled: how often it was asked, and when it says yes */
	uint64_t room, most; /* most: 0 is no limit */
	uint64_t len;
	struct qx_fail fail;
};

static bool cancelled(void *arg)
{
	struct scene *s = arg;
	return ++s->asked == s->until;
}

static int room(void *arg, uint64_t upto)
{
	struct scene *s = arg;
	if (s->most && upto > s->most)
		return -ENOSPC;
	s->room = upto;
	return 0;
}

static void open_scene(struct scene *s, int rows)
{
	*s = (struct scene){ 0 };
	(void)snprintf(s->scratch, sizeof(s->scratch), "/tmp/qxfs-render.XXXXXX");
	assert_non_null(mkdtemp(s->scratch));
	assert_int_equal(zone_new("UTC", &s->zone), 0);
	buf_add_str(&s->base, HEAD);
	for (int i = 0; i < rows; i++)
		buf_addf(&s->base, "answer number %d,%d\r\n", i, i);
	int fd = memfd_create("base", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, s->base.data, s->base.len), 0);
	s->out = memfd_create("out", MFD_CLOEXEC);
	assert_true(s->out >= 0);
	s->in = (struct render_input){ .base_fd = fd,
		                       .base_len = s->base.len,
		                       .schema_fd = -1,
		                       .scratch = s->scratch,
		                       .zone = s->zone,
		                       .exported_s = 1600000000,
		                       .cancelled = cancelled,
		                       .room = room,
		                       .arg = s };
}

static void close_scene(struct scene *s)
{
	assert_int_equal(rmdir(s->scratch), 0); /* it was left empty */
	zone_free(s->zone);
	close(s->in.base_fd);
	close(s->out);
	buf_done(&s->base);
}

static int make(struct scene *s, const char *name)
{
	const struct render_row *row = render_find(name);
	assert_non_null(row);
	assert_int_equal(ftruncate(s->out, 0), 0);
	assert_int_equal(lseek(s->out, 0, SEEK_SET), 0);
	return render(row, &s->in, s->out, &s->len, &s->fail);
}

static int open_files(bool with_null)
{
	char path[300], target[64];
	int count = 0;
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	for (const struct dirent *e; (e = readdir(dir));) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		count += n > 0 && (with_null || strcmp(target, "/dev/null") != 0);
	}
	closedir(dir);
	return count;
}

static void test_the_table_names_what_is_made_here(void **state)
{
	(void)state;
	assert_int_equal(render_rows_count, 6);
	assert_string_equal(render_find("responses.xlsx")->base, "responses.labels.csv");
	assert_string_equal(render_find("responses.codes.xlsx")->base, "responses.csv");
	assert_string_equal(render_find("codebook.csv")->base, "schema.json");
	assert_null(render_find("responses.csv"));
}

static void test_a_bom_stands_before_csv_if_asked_for(void **state)
{
	(void)state;
	char made[64] = "";
	struct scene s;
	open_scene(&s, 1);
	s.in.bom = true;
	assert_int_equal(make(&s, "responses.plain.csv"), 0);
	assert_true(pread(s.out, made, sizeof(made) - 1, 0) > 0);
	assert_string_equal(made, "\xef\xbb\xbf"
	                          "Q1,Q2\r\nanswer number 0,0\r\n");
	assert_int_equal(s.len, strlen(made));
	close_scene(&s);
}

static void test_it_can_be_cancelled_at_every_question(void **state)
{
	static const char *const names[] = { "responses.plain.csv", "responses.xlsx" };
	(void)state;
	for (size_t i = 0; i < countof(names); i++) {
		struct scene s;
		open_scene(&s, 10000);
		int files = open_files(true);
		assert_int_equal(make(&s, names[i]), 0);
		int questions = s.asked;
		assert_true(questions > 3);
		for (s.until = 1; s.until <= questions; s.until++) {
			s.asked = 0;
			assert_int_equal(make(&s, names[i]), -ECANCELED);
			assert_int_equal(s.fail.err, ECANCELED);
			assert_int_equal(s.asked, s.until);
			assert_int_equal(open_files(true), files);
		}
		close_scene(&s);
	}
}

static void test_room_is_asked_for_before_it_is_used(void **state)
{
	static const char *const names[] = { "responses.plain.csv", "responses.xlsx" };
	(void)state;
	for (size_t i = 0; i < countof(names); i++) {
		struct scene s;
		struct stat st;
		open_scene(&s, 10000);
		assert_int_equal(make(&s, names[i]), 0);
		assert_true(s.room >= s.len);
		s.most = s.len - 1;
		assert_int_equal(make(&s, names[i]), -ENOSPC);
		assert_int_equal(s.fail.err, ENOSPC);
		assert_non_null(strstr(s.fail.why, names[i]));
		assert_true(s.fail.remedy[0]);
		assert_int_equal(fstat(s.out, &st), 0);
		assert_true((uint64_t)st.st_size <= s.most);
		close_scene(&s);
	}
}

static void test_a_base_that_is_shorter_than_it_should_be_is_an_error(void **state)
{
	(void)state;
	struct scene s;
	open_scene(&s, 10);
	s.in.base_len++;
	assert_int_equal(make(&s, "responses.plain.csv"), -EIO);
	assert_int_equal(make(&s, "responses.xlsx"), -EIO);
	close_scene(&s);
}

static void test_a_scratch_folder_that_is_gone_is_an_error(void **state)
{
	(void)state;
	struct scene s;
	open_scene(&s, 10);
	s.in.scratch = "/tmp/qxfs-there-is-no-such-folder";
	assert_int_equal(make(&s, "responses.xlsx"), -ENOENT);
	close_scene(&s);
}

static int make_on_small_disk(struct scene *s, rlim_t limit)
{
	struct rlimit was, now;
	int files = open_files(false);

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	now = was;
	now.rlim_cur = limit;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
	int r = make(s, "responses.xlsx");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(open_files(false), files);
	return r;
}

/* A disk that ends at any byte: RLIMIT_FSIZE is one for each file. libxlsxwriter does not see that
 * a temporary file was cut while it copied the rows, for which xlsx_close.c reads back. */
static void test_no_shortened_workbook_when_a_disk_ends(void **state)
{
	(void)state;
	struct scene s;
	rlim_t fails = 0, does = 1 << 20; /* one byte decides */
	int lost = 0;

	open_scene(&s, 4000);
	assert_int_equal(make(&s, "responses.xlsx"), 0);
	uint64_t good = s.len;
	char *bytes = calloc(1, good), *again = calloc(1, good);
	assert_true(bytes && again);
	assert_int_equal(pread(s.out, bytes, good, 0), good);

	(void)signal(SIGXFSZ, SIG_IGN);
	while (does - fails > 1) {
		rlim_t middle = fails + (does - fails) / 2;
		int r = make_on_small_disk(&s, middle);
		if (r < 0) {
			assert_true(r == -ENOSPC || r == -EIO);
			fails = middle;
			continue;
		}
		does = middle;
		assert_int_equal(s.len, good);
		assert_int_equal(pread(s.out, again, good, 0), good);
		assert_memory_equal(bytes, again, good);
	}
	/* long before, it does not go on to the end */
	int questions = s.asked;
	s.asked = 0;
	assert_int_equal(make_on_small_disk(&s, 10000), -ENOSPC);
	assert_true(s.asked < 3 && questions > 3);
	/* just below, the rows fit and what is around them does not */
	for (rlim_t limit = does - 1; limit > does - 900; limit -= 31) {
		int r = make_on_small_disk(&s, limit);
		lost += r == -EIO;
		assert_true(r == -ENOSPC || r == -EIO);
	}
	assert_true(lost > 10);
	free(bytes);
	free(again);
	close_scene(&s);
}

/* Open files whose path begins like this. */
static int open_below(const char *folder)
{
	char path[300], target[64];
	int count = 0;
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	for (const struct dirent *e; (e = readdir(dir));) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		count += strncmp(target, folder, strlen(folder)) == 0;
	}
	closedir(dir);
	return count;
}

/* libxlsxwriter then forgets to close the sheet's file, which has no name: its place on the disk
 * would be taken until the program ends. */
static void test_what_libxlsxwriter_forgets_takes_no_place(void **state)
{
	(void)state;
	char path[80];
	struct scene s;
	open_scene(&s, 10000);
	(void)snprintf(path, sizeof(path), "%s/out.xlsx", s.scratch);
	assert_int_equal(symlink("/dev/full", path), 0);
	assert_int_equal(make(&s, "responses.xlsx"), -ENOSPC);
	assert_int_equal(open_below(s.scratch), 0);
	close_scene(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_are_those_of_which_nothing_is_lost),
		cmocka_unit_test(test_dates_count_as_excel_counts),
		cmocka_unit_test(test_texts_hold_what_xml_can),
		cmocka_unit_test(test_texts_are_cut_where_excel_counts_to),
		cmocka_unit_test(test_the_table_names_what_is_made_here),
		cmocka_unit_test(test_a_bom_stands_before_csv_if_asked_for),
		cmocka_unit_test(test_it_can_be_cancelled_at_every_question),
		cmocka_unit_test(test_room_is_asked_for_before_it_is_used),
		cmocka_unit_test(test_a_base_that_is_shorter_than_it_should_be_is_an_error),
		cmocka_unit_test(test_a_scratch_folder_that_is_gone_is_an_error),
		cmocka_unit_test(test_no_shortened_workbook_when_a_disk_ends),
		cmocka_unit_test(test_what_libxlsxwriter_forgets_takes_no_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
