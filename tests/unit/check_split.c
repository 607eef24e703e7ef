/* check_split.c: windows of time, what each is asked for with, and rows that become one file. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../fs/jobs/split_plan.h"
#include "../../fs/jobs/split_rows.h"
#include "own_cache.h"

#define OPEN_FROM INT64_MIN
#define OPEN_TO INT64_MAX
#define NOW_S INT64_C(1700000000)

static void set(struct split_plan *p, int64_t from_s, int64_t to_s)
{
	*p = (struct split_plan){ .whole = { from_s, to_s } };
}

/* All of time lies in exactly one window. */
static void assert_contiguous(const struct split_plan *p)
{
	struct split_plan q = *p;
	int64_t end_s = p->whole.from_s;

	for (q.at = 0; q.at <= q.n; q.at++) {
		struct split_window w = plan_window(&q);
		assert_true(w.from_s == end_s);
		assert_true(w.from_s < w.to_s);
		end_s = w.to_s;
	}
	assert_true(end_s == p->whole.to_s);
}

static struct split_dates dates;

static void fill(int64_t first_s, int64_t step_s, int n)
{
	memset(&dates, 0, sizeof(dates));
	for (int i = 0; i < n; i++)
		dates_add(&dates, first_s + i * step_s);
}

/* --- dates ----------------------------------------------------------------------------------- */

static void test_dates_are_thinned_out_evenly(void **state)
{
	(void)state;
	for (int n = 1; n < 200000; n = n * 3 + 1) {
		fill(1000, 2, n);
		assert_int_equal(dates.rows, n);
		assert_true(dates.n > 0 && dates.n <= SPLIT_SAMPLES);
		assert_true(n <= SPLIT_SAMPLES ? dates.n == n : dates.n >= SPLIT_SAMPLES / 2);
		for (int i = 0; i < dates.n; i++)
			assert_int_equal(dates.at_s[i], 1000 + 2 * dates.stride * i);
	}
}

static void test_a_date_out_of_order_is_counted_only(void **state)
{
	(void)state;
	fill(1000, 1, 3);
	dates_add(&dates, 5);
	assert_int_equal(dates.rows, 4);
	assert_int_equal(dates.n, 3);
}

/* --- windows --------------------------------------------------------------------------------- */

static void test_the_whole_is_cut_where_its_responses_lie(void **state)
{
	struct split_plan p;

	(void)state;
	fill(1000, 10, 100);
	set(&p, OPEN_FROM, OPEN_TO);
	assert_int_equal(plan_cut(&p, &dates, NOW_S, 4), 0);
	assert_int_equal(p.n, 3);
	assert_int_equal(p.cuts[0], 1250);
	assert_int_equal(p.cuts[1], 1500);
	assert_int_equal(p.cuts[2], 1750);
	assert_contiguous(&p);
}

static void test_a_window_is_cut_within_itself(void **state)
{
	struct split_plan p;

	(void)state;
	fill(1000, 10, 100);
	set(&p, OPEN_FROM, OPEN_TO);
	assert_int_equal(plan_cut(&p, &dates, NOW_S, 2), 0);
	p.at = 1;
	assert_int_equal(plan_cut(&p, &dates, NOW_S, 2), 0);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.cuts[0], 1500);
	assert_int_equal(p.cuts[1], 1750);
	p.at = 0;
	assert_int_equal(plan_cut(&p, &dates, NOW_S, 2), 0);
	assert_int_equal(p.cuts[0], 1250);
	assert_contiguous(&p);
}

/* However often it is divided, it ends, with single seconds. */
static void narrow(struct split_plan *p, int64_t now_s)
{
	int r, times = 0;

	while ((r = plan_cut(p, &dates, now_s, 2)) == 0) {
		assert_contiguous(p);
		assert_true(++times < 60);
	}
	struct split_window w = plan_window(p);
	assert_int_equal(r, -EDOM);
	assert_true(w.from_s == OPEN_FROM ? w.to_s < 2 : w.to_s - w.from_s == 1);
}

static void test_all_in_one_second(void **state)
{
	struct split_plan p;

	(void)state;
	fill(5000, 0, 100);
	set(&p, OPEN_FROM, OPEN_TO);
	narrow(&p, NOW_S); /* it is the empty time before them that "fails" */
	set(&p, OPEN_FROM, OPEN_TO);
	assert_int_equal(plan_cut(&p, &dates, NOW_S, 2), 0);
	assert_int_equal(plan_cut(&p, &dates, NOW_S, 2), 0);
	p.at = 1;
	assert_int_equal(plan_window(&p).from_s, 5000);
	assert_int_equal(plan_window(&p).to_s, 5001);
	assert_int_equal(plan_cut(&p, &dates, NOW_S, 2), -EDOM);
}

static void test_where_none_is_known_time_is_halved(void **state)
{
	struct split_plan p;

	(void)state;
	memset(&dates, 0, sizeof(dates));
	set(&p, 1000, 2000);
	assert_int_equal(plan_cut(&p, &dates, NOW_S, 4), 0);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.cuts[0], 1500);
	set(&p, 1000, 2000);
	narrow(&p, NOW_S);
	set(&p, OPEN_FROM, OPEN_TO);
	narrow(&p, NOW_S);
	/* our clock stands in the year 1970, or before the window */
	set(&p, OPEN_FROM, OPEN_TO);
	narrow(&p, 5);
	set(&p, NOW_S + 7, OPEN_TO);
	narrow(&p, NOW_S);
	set(&p, NOW_S, NOW_S + 1);
	assert_int_equal(plan_cut(&p, &dates, NOW_S, 2), -EDOM);
}

static void test_there_is_an_end_of_cuts(void **state)
{
	struct split_plan p;

	(void)state;
	fill(1000, 10, 4000);
	set(&p, OPEN_FROM, OPEN_TO);
	assert_int_equal(plan_cut(&p, &dates, NOW_S, 1000), 0);
	assert_int_equal(p.n, FACTS_CUTS);
	assert_contiguous(&p);
	assert_int_equal(plan_cut(&p, &dates, NOW_S, 2), -E2BIG);
}

static void test_neighbours_become_one(void **state)
{
	static const int64_t cuts[] = { 10, 20, 30, 40 };
	static const struct {
		uint64_t bytes[FACTS_CUTS + 1];
		int64_t cuts[4];
		int n;
	} rows[] = {
		{ { 6, 6, 5, 6, 5 }, { 10, 20, 30, 40 }, 4 },
		{ { 6, 2, 2, 6, 5 }, { 30, 40 }, 2 },
		{ { 10, 2, 2, 2, 10 }, { 10, 40 }, 2 },
		{ { 0, 0, 0, 0, 10 }, { 0 }, 0 },
		{ { 10, 0, 0, 0, 0 }, { 0 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct split_plan p;
		set(&p, OPEN_FROM, OPEN_TO);
		plan_recall(&p, cuts, 4);
		plan_settle(&p, rows[i].bytes, 10);
		assert_int_equal(p.n, rows[i].n);
		assert_true(plan_is_last(&p));
		assert_memory_equal(p.cuts, rows[i].cuts, (size_t)p.n * sizeof(p.cuts[0]));
	}
}

static void test_cuts_outside_are_not_recalled(void **state)
{
	struct split_plan p;
	static const int64_t cuts[] = { 5, 10, 20, 20, 15, 30, 40 };

	(void)state;
	set(&p, 10, 40);
	plan_recall(&p, cuts, 7);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.cuts[0], 20);
	assert_int_equal(p.cuts[1], 30);
	assert_contiguous(&p);
}

/* --- what is remembered ---------------------------------------------------------------------- */

#define MOST 1000

static void test_what_is_known_of_the_next(void **state)
{
	static const struct {
		struct facts_split facts;
		uint64_t length;
		bool known;
	} rows[] = {
		{ { .n = 0, .part_bytes = 500 }, 500, false },
		{ { .n = 0, .part_bytes = 500 }, 999, false },
		{ { .n = 0, .part_bytes = 500 }, 1000, true },   /* it grew */
		{ { .n = 0, .part_bytes = 1500 }, 1500, false }, /* and came at once all the same */
		{ { .n = 0 }, 1500, true },
		{ { .n = 3, .failed_s = NOW_S - 60 }, 500, true },
		{ { .n = 3, .failed_s = NOW_S - 7 * 86400 + 1 }, 500, true },
		{ { .n = 3, .failed_s = NOW_S - 7 * 86400 }, 500, false },
		{ { .n = 3, .failed_s = NOW_S + 60 }, 500, false }, /* a clock was set back */
		{ { .n = 3, .failed_s = NOW_S - 90 * 86400 }, 1000, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(plan_is_known(&rows[i].facts, rows[i].length, MOST, NOW_S),
		                 rows[i].known);
}

static void test_what_may_be_too_large(void **state)
{
	(void)state;
	assert_false(plan_may_be_size(10, 20, 0, 1000000));
	assert_true(plan_may_be_size(1000, 20, 0, 1000000));
	assert_true(plan_may_be_size(10, 20, 500000, 1000000));
	assert_false(plan_may_be_size(10, 20, 499999, 1000000));
	assert_true(plan_may_be_size(-1, 20, 0, 1000000));
	assert_true(plan_may_be_size(10, 0, 0, 1000000));
	assert_true(plan_may_be_size(INT64_MAX, INT64_MAX, 0, UINT64_MAX));
}

static void test_how_many_parts_at_first(void **state)
{
	(void)state;
	assert_int_equal(plan_parts(0, 1000), 4);
	assert_int_equal(plan_parts(3000, 1000), 4);
	assert_int_equal(plan_parts(5000, 1000), 7);
	assert_int_equal(plan_parts(UINT64_MAX, 1), 16);
}

/* --- the POST -------------------------------------------------------------------------------- */

static void assert_body(const struct split_plan *p, const char *body, enum plan_asks asks,
                        const char *expected)
{
	struct buf out = { 0 };

	plan_body(p, body, asks, &out);
	assert_string_equal(buf_text(&out), expected);
	buf_done(&out);
}

#define PLAIN "{\"format\":\"csv\",\"useLabels\":true}"
#define DATED \
	"{\"format\":\"csv\",\"startDate\":\"2026-01-01T00:00:00Z\"," \
	"\"endDate\":\"2026-02-01T00:00:00Z\",\"newlineReplacement\":\",\\\"startDate\\\":" \
	"\\\"x\"}"
#define JANUARY_S INT64_C(1767225600)

static void test_bodies_of_windows(void **state)
{
	static const int64_t cuts[] = { JANUARY_S + 60, JANUARY_S + 120 };
	struct split_plan p;

	(void)state;
	assert_null(plan_read(PLAIN, &p));
	plan_recall(&p, cuts, 2);
	assert_body(&p, PLAIN, PLAN_ALL,
	            "{\"format\":\"csv\",\"useLabels\":true,\"endDate\":\"2026-01-01T00:01:00Z\"}");
	p.at = 1;
	assert_body(&p, PLAIN, PLAN_ALL,
	            "{\"format\":\"csv\",\"useLabels\":true,\"startDate\":\"2026-01-01T00:00:59Z\","
	            "\"endDate\":\"2026-01-01T00:02:00Z\"}");
	p.at = 2;
	assert_body(&p, PLAIN, PLAN_ALL_AND_TOKEN,
	            "{\"format\":\"csv\",\"useLabels\":true,\"startDate\":\"2026-01-01T00:01:59Z\","
	            "\"allowContinuation\":true}");
	assert_body(
		&p, PLAIN, PLAN_DATES,
		"{\"format\":\"csv\",\"surveyMetadataIds\":[\"recordedDate\"],\"questionIds\":[],"
		"\"embeddedDataIds\":[]}");
}

static void test_bodies_with_dates_of_their_own(void **state)
{
	static const int64_t cuts[] = { JANUARY_S + 60 };
	struct split_plan p;

	(void)state;
	assert_null(plan_read(DATED, &p));
	assert_int_equal(p.whole.from_s, JANUARY_S);
	assert_int_equal(p.whole.to_s, JANUARY_S + 31 * 86400);
	plan_recall(&p, cuts, 1);
	assert_body(&p, DATED, PLAN_ONE,
	            "{\"format\":\"csv\",\"newlineReplacement\":\",\\\"startDate\\\":\\\"x\","
	            "\"startDate\":\"2026-01-01T00:00:00Z\",\"endDate\":\"2026-01-01T00:01:00Z\","
	            "\"limit\":1}");
	p.at = 1;
	assert_body(&p, DATED, PLAN_ALL,
	            "{\"format\":\"csv\",\"newlineReplacement\":\",\\\"startDate\\\":\\\"x\","
	            "\"startDate\":\"2026-01-01T00:00:59Z\",\"endDate\":\"2026-02-01T00:00:00Z\"}");
	assert_body(&p, "{\"format\":\"csv\",\"limit\":1100,\"useLabels\":true}", PLAN_ONE,
	            "{\"format\":\"csv\",\"useLabels\":true,"
	            "\"startDate\":\"2026-01-01T00:00:59Z\",\"endDate\":\"2026-02-01T00:00:00Z\","
	            "\"limit\":1}");
	assert_body(
		&p, "{\"format\":\"tsv\",\"filterId\":\"abc\"}", PLAN_DATES,
		"{\"format\":\"csv\",\"surveyMetadataIds\":[\"recordedDate\"],\"questionIds\":[],"
		"\"embeddedDataIds\":[],\"filterId\":\"abc\","
		"\"startDate\":\"2026-01-01T00:00:00Z\",\"endDate\":\"2026-02-01T00:00:00Z\"}");
}

static void test_what_is_not_divided(void **state)
{
	struct split_plan p;

	(void)state;
	assert_non_null(plan_read("{\"format\":\"csv\",\"limit\":7}", &p));
	assert_non_null(plan_read("{\"format\":\"csv\",\"sortByLastModifiedDate\":true}", &p));
	assert_non_null(plan_read("{\"format\":\"csv\",\"exportResponsesInProgress\":true}", &p));
	assert_null(plan_read("{\"format\":\"csv\",\"sortByLastModifiedDate\":false}", &p));
}

/* --- rows ------------------------------------------------------------------------------------ */

#define HEAD \
	"RecordedDate,ResponseId,Q1\r\nRecorded Date,Response ID,\"a\nb\"\r\n" \
	"\"{\"\"ImportId\"\":\"\"recordedDate\"\"}\",\"{\"\"ImportId\"\":\"\"_recordId\"\"}\"," \
	"\"{\"\"ImportId\"\":\"\"QID1\"\"}\"\r\n"
#define OTHER_HEAD \
	"RecordedDate,ResponseId,Q2\r\nRecorded Date,Response ID,\"a\nb\"\r\n" \
	"\"{\"\"ImportId\"\":\"\"recordedDate\"\"}\",\"{\"\"ImportId\"\":\"\"_recordId\"\"}\"," \
	"\"{\"\"ImportId\"\":\"\"QID1\"\"}\"\r\n"
#define A "2026-01-01 00:00:00,R_aaaa,1\r\n"
#define B "2026-01-01 00:00:01,R_bbbb,\"x, \"\"y\"\"\n\r\nz\"\r\n"
#define C "2026-01-01 00:00:02,\"R_cccc\",\r\n"

static struct draft *draft;

static int set_up(void **state)
{
	(void)state;
	return own_cache_begin() || cache_draft_new(cache, "key", &draft) < 0;
}

static int tear_down(void **state)
{
	(void)state;
	draft_free(draft);
	return own_cache_end();
}

static int room(void *arg, uint64_t upto)
{
	return draft_reserve(arg, draft_data_fd(arg), upto);
}

/* Empty again. */
static struct split_text begin(enum text_rows rows_as)
{
	assert_int_equal(draft_rewind(draft, true), 0);
	return (struct split_text){
		.rows_as = rows_as,
		.out = { .fd = draft_data_fd(draft),
		         .max_bytes = 1 << 20,
		         .too_large = "it is",
		         .room = room,
		         .arg = draft },
		.ids.cache = cache,
	};
}

static void assert_text(struct split_text *t, const char *expected, int64_t rows)
{
	char text[2048] = "";
	uint32_t crc;

	assert_int_equal(t->out.length, strlen(expected));
	assert_int_equal(pread(draft_data_fd(draft), text, sizeof(text) - 1, 0),
	                 (ssize_t)strlen(expected));
	assert_string_equal(text, expected);
	assert_int_equal(draft_crc(draft, t->out.length, &crc), 0);
	assert_int_equal(crc, t->out.crc);
	assert_int_equal(t->rows, rows);
	split_text_clear(t);
}

static int file_of(const char *text)
{
	int fd = memfd_create("part", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

static int add(struct split_text *t, const char *text)
{
	struct qx_fail fail = { 0 };
	int fd = file_of(text);
	int r = split_add(t, fd, strlen(text), &fail);
	close(fd);
	assert_int_equal(-fail.err, r);
	return r;
}

static void test_rows_below_one_heading(void **state)
{
	struct split_text t = begin(ROWS_CSV);

	(void)state;
	assert_int_equal(add(&t, HEAD A B), 0);
	assert_int_equal(add(&t, HEAD), 0);
	assert_int_equal(add(&t, ""), 0);
	assert_int_equal(add(&t, HEAD C), 0);
	assert_text(&t, HEAD A B C, 3);
	t = begin(ROWS_CSV);
	assert_int_equal(add(&t, ""), 0);
	assert_int_equal(add(&t, HEAD), 0);
	assert_text(&t, HEAD, 0);
}

static void test_a_row_that_comes_again_is_left_out(void **state)
{
	static const char *const again[] = { B C, C B, B C B, C C B, C A, B A C };

	(void)state;
	for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++) {
		struct split_text t = begin(ROWS_CSV);
		char part[2048];
		(void)snprintf(part, sizeof(part), "%s%s", HEAD, again[i]);
		assert_int_equal(add(&t, HEAD A B), 0);
		assert_int_equal(add(&t, part), 0);
		assert_text(&t, HEAD A B C, 3);
	}
}

static void test_a_row_without_an_end_is_ended(void **state)
{
	struct split_text t = begin(ROWS_CSV);

	(void)state;
	assert_int_equal(add(&t, HEAD "2026-01-01 00:00:00,R_aaaa,1"), 0);
	assert_int_equal(add(&t, HEAD A), 0);
	assert_int_equal(add(&t, HEAD A C), 0);
	assert_text(&t, HEAD A C, 2);
}

static void test_objects_on_lines(void **state)
{
	struct split_text t = begin(ROWS_LINES);

	(void)state;
	assert_int_equal(add(&t, "{\"responseId\":\"R_a\"}\n{\"responseId\":\"R_b\"}\n"), 0);
	assert_int_equal(add(&t, "{\"responseId\":\"R_b\"}\n{\"responseId\":\"R_c\"}"), 0);
	assert_int_equal(add(&t, "{\"responseId\":\"R_d\"}\n"), 0);
	assert_text(&t,
	            "{\"responseId\":\"R_a\"}\n{\"responseId\":\"R_b\"}\n"
	            "{\"responseId\":\"R_c\"}\n{\"responseId\":\"R_d\"}\n",
	            4);
}

static void test_what_is_no_part(void **state)
{
	static const struct {
		enum text_rows rows_as;
		const char *part;
		int err;
	} rows[] = {
		{ ROWS_CSV, OTHER_HEAD C, ESTALE },
		{ ROWS_CSV, "x" HEAD C, ESTALE },
		{ ROWS_CSV, HEAD "2026-01-01 00:00:02,R_cccc\r\n", EBADMSG },
		{ ROWS_CSV, HEAD "2026-01-01 00:00:02,R_cccc,1,2\r\n", EBADMSG },
		{ ROWS_CSV, HEAD "2026-01-01 00:00:02,R_cccc,\"1\r\n", EBADMSG },
		{ ROWS_CSV, HEAD "2026-01-01 00:00:02,,1\r\n", EBADMSG },
		{ ROWS_CSV, HEAD "\r\n", EBADMSG },
		{ ROWS_CSV, "<html>", EBADMSG },
		{ ROWS_LINES, "{\"responseId\":\"R_b\"\n", EBADMSG },
		{ ROWS_LINES, "{\"id\":\"R_b\"}\n", EBADMSG },
		{ ROWS_LINES, "\n", EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct split_text t = begin(rows[i].rows_as);
		const char *first =
			rows[i].rows_as == ROWS_CSV ? HEAD A : "{\"responseId\":\"R_a\"}\n";
		assert_int_equal(add(&t, first), 0);
		assert_int_equal(add(&t, rows[i].part), -rows[i].err);
		split_text_clear(&t);
	}
}

static void test_it_is_bounded(void **state)
{
	struct split_text t = begin(ROWS_CSV);

	(void)state;
	t.out.max_bytes = strlen(HEAD A B);
	assert_int_equal(add(&t, HEAD A), 0);
	assert_int_equal(add(&t, HEAD A B), 0);
	assert_int_equal(add(&t, HEAD C), -EFBIG);
	split_text_clear(&t);
}

static void test_a_disk_that_cannot_be_read_is_no_edited_survey(void **state)
{
	struct split_text t = begin(ROWS_CSV);
	char path[64];

	(void)state;
	assert_int_equal(add(&t, HEAD A), 0);
	int whole = t.out.fd;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", whole);
	t.out.fd = open(path, O_WRONLY | O_CLOEXEC); /* reading it fails */
	assert_true(t.out.fd >= 0);
	assert_int_equal(add(&t, HEAD B), -EBADF);
	close(t.out.fd);
	t.out.fd = whole;
	split_text_clear(&t);
}

static void test_dates_of_responses(void **state)
{
	static const char text[] =
		"RecordedDate\r\nRecorded Date\r\n"
		"\"{\"\"ImportId\"\":\"\"recordedDate\"\",\"\"timeZone\"\":\"\"Z\"\"}\"\r\n"
		"2026-01-01 00:00:00\r\n2026-01-01 00:01:00\r\nsoon\r\n";
	struct split_text t = begin(ROWS_LINES);
	struct qx_fail fail = { 0 };

	(void)state;
	int fd = file_of(text);
	assert_int_equal(split_read_dates(&t, fd, strlen(text), &dates, &fail), 0);
	close(fd);
	assert_int_equal(dates.rows, 3);
	assert_int_equal(dates.n, 2);
	assert_int_equal(dates.at_s[0], JANUARY_S);
	assert_int_equal(dates.at_s[1], JANUARY_S + 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates_are_thinned_out_evenly),
		cmocka_unit_test(test_a_date_out_of_order_is_counted_only),
		cmocka_unit_test(test_the_whole_is_cut_where_its_responses_lie),
		cmocka_unit_test(test_a_window_is_cut_within_itself),
		cmocka_unit_test(test_all_in_one_second),
		cmocka_unit_test(test_where_none_is_known_time_is_halved),
		cmocka_unit_test(test_there_is_an_end_of_cuts),
		cmocka_unit_test(test_neighbours_become_one),
		cmocka_unit_test(test_cuts_outside_are_not_recalled),
		cmocka_unit_test(test_what_is_known_of_the_next),
		cmocka_unit_test(test_what_may_be_too_large),
		cmocka_unit_test(test_how_many_parts_at_first),
		cmocka_unit_test(test_bodies_of_windows),
		cmocka_unit_test(test_bodies_with_dates_of_their_own),
		cmocka_unit_test(test_what_is_not_divided),
		cmocka_unit_test(test_rows_below_one_heading),
		cmocka_unit_test(test_a_row_that_comes_again_is_left_out),
		cmocka_unit_test(test_a_row_without_an_end_is_ended),
		cmocka_unit_test(test_objects_on_lines),
		cmocka_unit_test(test_what_is_no_part),
		cmocka_unit_test(test_it_is_bounded),
		cmocka_unit_test(test_a_disk_that_cannot_be_read_is_no_edited_survey),
		cmocka_unit_test(test_dates_of_responses),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
