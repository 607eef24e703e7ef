/* Whether only what is new may be asked for, and whether it follows on what is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>

#include <qxfs/base/sys.h>

#include "../../fs/jobs/append.h"

/* --- before the POST ------------------------------------------------------------------------- */

#define NOW_S 2000000000

struct fixture {
	struct gen_facts old, now;
	struct append_case c;
};

/* Everything is for it. */
static void set(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	f->old = (struct gen_facts){ .counts = { 100, 5, 3 },
		                     .rows = -1,
		                     .questions = 7,
		                     .full_s = NOW_S - 3600,
		                     .token_s = NOW_S - 3600,
		                     .token = "t" };
	f->now = (struct gen_facts){ .counts = { 104, 6, 3 }, .questions = 7 };
	f->c = (struct append_case){
		.grows = true, .old = &f->old, .now = &f->now, .now_s = NOW_S
	};
}

static void form(struct fixture *f)
{
	f->c.grows = false;
}
static void full(struct fixture *f)
{
	f->c.full = true;
}
static void no_old(struct fixture *f)
{
	f->c.old = NULL;
}
static void no_token(struct fixture *f)
{
	f->old.token[0] = '\0';
}
static void old_token(struct fixture *f)
{
	f->old.token_s = NOW_S - APPEND_TOKEN_S;
	f->old.full_s = NOW_S;
}
static void token_to_come(struct fixture *f)
{
	f->old.token_s = NOW_S + 1;
}
static void token_of_no_time(struct fixture *f)
{
	f->old.token_s = 0;
}
static void a_day(struct fixture *f)
{
	f->old.full_s = NOW_S - APPEND_FULL_S;
}
static void full_to_come(struct fixture *f)
{
	f->old.full_s = NOW_S + 1;
}
static void questions(struct fixture *f)
{
	f->now.questions = 8;
}
static void no_questions(struct fixture *f)
{
	f->old.questions = f->now.questions = 0;
}
static void unknown_old(struct fixture *f)
{
	f->old.counts[1] = -1;
}
static void unknown_now(struct fixture *f)
{
	f->now.counts[2] = -1;
}
static void auditable_fell(struct fixture *f)
{
	f->now.counts[0] = 99;
	f->now.counts[1] = 50;
}
static void generated_fell(struct fixture *f)
{
	f->now.counts[1] = 4;
}
static void deleted(struct fixture *f)
{
	f->now.counts[2] = 4;
}
static void undeleted(struct fixture *f)
{
	f->now.counts[2] = 2;
}
static void nothing_came(struct fixture *f)
{
	memcpy(f->now.counts, f->old.counts, sizeof(f->now.counts));
}

static void test_every_condition_alone_is_a_hindrance(void **state)
{
	(void)state;
	static void (*const against[])(struct fixture * f) = {
		form,         full,           no_old,           no_token,
		old_token,    token_to_come,  token_of_no_time, a_day,
		full_to_come, questions,      no_questions,     unknown_old,
		unknown_now,  auditable_fell, generated_fell,   deleted,
		undeleted,    nothing_came,
	};
	struct fixture f;

	set(&f);
	assert_null(append_hindrance(&f.c));
	for (size_t i = 0; i < countof(against); i++) {
		set(&f);
		against[i](&f);
		if (!append_hindrance(&f.c))
			fail_msg("number %zu is no hindrance", i);
	}
}

static void test_the_last_moment_of_a_token_and_of_a_day_is_good(void **state)
{
	(void)state;
	struct fixture f;
	set(&f);
	f.old.token_s = NOW_S - APPEND_TOKEN_S + 1;
	f.old.full_s = NOW_S - APPEND_FULL_S + 1;
	assert_null(append_hindrance(&f.c));
}

static void test_counts_advance_by_what_came(void **state)
{
	(void)state;
	struct fixture f;
	int64_t got[FACTS_COUNTS];
	set(&f);
	int64_t most = append_most(&f.old, &f.now);
	assert_int_equal(most, 5);
	for (int64_t rows = 1; rows <= most; rows++) {
		append_counts(&f.old, &f.now, rows, got);
		assert_int_equal(got[0] + got[1], 105 + rows);
		assert_true(got[0] >= 100 && got[0] <= 104 && got[1] >= 5 && got[1] <= 6);
		assert_int_equal(got[2], 3);
	}
	assert_memory_equal(got, f.now.counts, sizeof(got));
}

static void test_what_is_counted_and_not_in_the_file_may_come(void **state)
{
	(void)state;
	struct fixture f;
	set(&f);
	f.old.rows = 103; /* two of those that were counted lagged behind */
	assert_int_equal(append_most(&f.old, &f.now), 7);
	nothing_came(&f);
	assert_int_equal(append_most(&f.old, &f.now), 2);
	assert_null(append_hindrance(&f.c));
	f.old.rows = 105;
	assert_non_null(append_hindrance(&f.c));
}

/* --- what came ------------------------------------------------------------------------------- */

#define HEAD "R" HEAD_REST
#define HEAD_REST \
	"ecorded,Id,Answer\r\n\"Recorded, when\",Id,\"Two\nlines\"\r\n" \
	"\"{\"\"ImportId\"\":\"\"recordedDate\"\"}\",\"{\"\"ImportId\"\":\"\"_recordId\"\"}\"," \
	"\"{\"\"ImportId\"\":\"\"QID1\"\"}\"\r\n"
#define OTHER_HEAD "r" HEAD_REST
#define A "2026-01-15 08:00:00,R_aaaaaaaaaaaaaaa,first\r\n"
#define B "2026-01-15 08:00:01,R_bbbbbbbbbbbbbbb,\"a, \"\"b\"\"\nand\r\nmore\"\r\n"
#define C "2026-01-15 08:00:01,R_ccccccccccccccc,\r\n"
#define LAST "2026-01-15 08:00:01,R_ccccccccccccccc,x"
#define D "2026-01-15 09:00:00,R_ddddddddddddddd,x\r\n"

static int file_of(const char *text, size_t len)
{
	int fd = memfd_create("text", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	return fd;
}

static int judge(enum text_rows rows_as, const char *old, const char *new, int64_t most,
                 struct append_found *ret)
{
	struct qx_fail fail = { 0 };
	qx_auto_fd old_fd = file_of(old, strlen(old)), new_fd = file_of(new, strlen(new));
	const struct append_files files = {
		.rows_as = rows_as,
		.old_fd = old_fd,
		.old_length = strlen(old),
		.new_fd = new_fd,
		.new_length = strlen(new),
		.most = most,
	};
	int r = append_judge(&files, ret, &fail);
	assert_int_equal(r, -fail.err);
	return r;
}

static void test_rows_that_follow_are_taken(void **state)
{
	(void)state;
	static const struct {
		const char *old, *new;
		int64_t rows;
	} good[] = {
		{ HEAD A, HEAD B, 1 },   { HEAD A B, HEAD C D, 2 },
		{ HEAD, HEAD A B C, 3 }, /* there were none */
		{ HEAD A, HEAD D, 1 },   { "\xef\xbb\xbf" HEAD A, "\xef\xbb\xbf" HEAD B, 1 },
	};
	struct append_found found;
	for (size_t i = 0; i < countof(good); i++) {
		assert_int_equal(judge(ROWS_CSV, good[i].old, good[i].new, 3, &found), 0);
		assert_int_equal(found.rows, good[i].rows);
		assert_int_equal(good[i].new[found.from], '2');
	}
}

static void test_rows_that_do_not_follow_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *old, *new;
		int64_t most;
	} bad[] = {
		{ HEAD A, HEAD, 3 },         /* nothing came */
		{ HEAD A, HEAD B C D, 2 },   /* more than were counted */
		{ HEAD D, HEAD B, 3 },       /* recorded before */
		{ HEAD A, HEAD D C, 3 },     /* in no order */
		{ HEAD A B, HEAD B, 3 },     /* there already */
		{ HEAD A B C, HEAD B D, 3 }, /* … further up */
		{ HEAD A, HEAD B B, 3 },     /* twice */
		{ HEAD A, OTHER_HEAD B, 3 }, /* another heading */
		{ HEAD A, "x" HEAD B, 3 },   /* another heading */
		{ HEAD A "x", HEAD B, 3 },   /* the old one is cut */
		{ HEAD A LAST, HEAD D, 3 },  /* … at its last row's end */
		{ HEAD A LAST "\n", HEAD D, 3 },
		{ HEAD A LAST "\r", HEAD D, 3 },
		{ HEAD "yesterday at ten o'clock,R_aaaaaaaaaaa,x\r\n",
		  HEAD "yesterday at two o'clock,R_bbbbbbbbbbb,x\r\n", 3 },
		{ HEAD A, HEAD "2026-01-15 08:00:01,R_bbbbbbbbbbb", 3 }, /* the new one is */
		{ HEAD A, HEAD "2026-01-15 08:00:01,R_bbbbbbbbbbb,x\n", 3 },
		{ HEAD A, HEAD "2026-01-15 08:00:01,R_bbbbbbbbbbb\r\n", 3 }, /* a cell is missing */
		{ HEAD A, HEAD ",R_bbbbbbbbbbb,x\r\n", 3 },
		{ HEAD A, HEAD "2026-01-15 08:00:01,,x\r\n", 3 },
		{ HEAD A, HEAD "2026-01-15 08:00:01,FS_bbbbbbbbbbb,x\r\n", 3 },
		{ HEAD A, HEAD "2026-01-15T08:00:01Z,R_bbbbbbbbbbb,x\r\n", 3 }, /* other dates */
		{ HEAD "what is this\r\n", HEAD B, 3 },
		{ HEAD A, "", 3 },
		{ "", HEAD A, 3 },
		{ HEAD A, "a,b\r\n1,2\r\n", 3 },
	};
	struct append_found found;
	for (size_t i = 0; i < countof(bad); i++)
		if (judge(ROWS_CSV, bad[i].old, bad[i].new, bad[i].most, &found) != -EBADMSG)
			fail_msg("number %zu is not refused", i);
}

static void test_columns_that_tell_what_is_new_must_be_there(void **state)
{
	(void)state;
	static const char *const heads[] = {
		"a,b\r\na,b\r\n\"{\"\"ImportId\"\":\"\"recordedDate\"\"}\",\"{\"\"ImportId\"\":"
		"\"\"x\"\"}"
		"\"\r\n",
		"a,b\r\na,b\r\n\"{\"\"ImportId\"\":\"\"y\"\"}\",\"{\"\"ImportId\"\":\"\"_"
		"recordId\"\"}\""
		"\r\n",
	};
	char old[400], new[400];
	struct append_found found;
	for (size_t i = 0; i < countof(heads); i++) {
		snprintf(old, sizeof(old), "%s2026-01-15 08:00:00,R_aaaaaaaaaaaaaaa\r\n", heads[i]);
		snprintf(new, sizeof(new), "%s2026-01-15 08:00:01,R_bbbbbbbbbbbbbbb\r\n", heads[i]);
		assert_int_equal(judge(ROWS_CSV, old, new, 3, &found), -EBADMSG);
	}
}

/* Embedded data may bear any name. */
#define NAMED_HEAD \
	"Recorded,Id,Staff\r\nRecorded,Id,Staff\r\n" \
	"\"{\"\"ImportId\"\":\"\"recordedDate\"\"}\",\"{\"\"ImportId\"\":\"\"_recordId\"\"}\"," \
	"\"{\"\"ImportId\"\":\"\"_recordId\"\"}\"\r\n"
#define NAMED_A "2026-01-15 08:00:00,R_aaaaaaaaaaaaaaa,7\r\n"
#define NAMED_B "2026-01-15 08:00:01,R_bbbbbbbbbbbbbbb,7\r\n"
#define NAMED_AGAIN "2026-01-15 08:00:01,R_aaaaaaaaaaaaaaa,8\r\n"

static void test_the_services_own_column_stands_first(void **state)
{
	(void)state;
	struct append_found found;
	assert_int_equal(judge(ROWS_CSV, NAMED_HEAD NAMED_A, NAMED_HEAD NAMED_B, 1, &found), 0);
	assert_int_equal(judge(ROWS_CSV, NAMED_HEAD NAMED_A, NAMED_HEAD NAMED_AGAIN, 1, &found),
	                 -EBADMSG);
}

#define TAB_HEAD \
	"Recorded\tId\r\nRecorded\tId\r\n" \
	"\"{\"\"ImportId\"\":\"\"recordedDate\"\"}\"\t\"{\"\"ImportId\"\":\"\"_recordId\"\"}" \
	"\"\r\n"
#define TAB_A "2026-01-15 08:00:00\tR_aaaaaaaaaaaaaaa\r\n"
#define TAB_B "2026-01-15 08:00:01\tR_bbbbbbbbbbbbbbb\r\n"

static void test_tabs(void **state)
{
	(void)state;
	struct append_found found;
	assert_int_equal(judge(ROWS_TSV, TAB_HEAD TAB_A, TAB_HEAD TAB_B, 1, &found), 0);
	assert_int_equal(found.rows, 1);
	assert_int_equal(judge(ROWS_TSV, TAB_HEAD TAB_B, TAB_HEAD TAB_A, 1, &found), -EBADMSG);
	assert_int_equal(judge(ROWS_CSV, TAB_HEAD TAB_A, TAB_HEAD TAB_B, 1, &found), -EBADMSG);
}

#define LINE(date, id) "{\"responseId\":\"" id "\",\"values\":{\"recordedDate\":\"" date "\"}}\n"
#define BARE \
	"{\"responseId\":\"R_ccccccccccccccc\"," \
	"\"values\":{\"recordedDate\":\"2026-01-15T08:00:00.100Z\"}}"
#define LINE_A LINE("2026-01-15T08:00:00.100Z", "R_aaaaaaaaaaaaaaa")
#define LINE_B LINE("2026-01-15T08:00:00.200Z", "R_bbbbbbbbbbbbbbb")

static void test_lines(void **state)
{
	(void)state;
	static const char *const bad[][2] = {
		{ LINE_B, LINE_A },     { LINE_A, LINE_A }, { LINE_A, "" },
		{ LINE_A, "{}\n" },     { LINE_A, "x\n" },  { LINE_A "{", LINE_B },
		{ LINE_A, LINE_B "{" }, { BARE, LINE_B },   { LINE_A BARE, LINE_B },
	};
	struct append_found found;
	assert_int_equal(judge(ROWS_LINES, LINE_A, LINE_B, 1, &found), 0);
	assert_int_equal(found.from, 0);
	assert_int_equal(found.rows, 1);
	assert_int_equal(judge(ROWS_LINES, "", LINE_A LINE_B, 2, &found), 0);
	assert_int_equal(found.rows, 2);
	for (size_t i = 0; i < countof(bad); i++)
		if (judge(ROWS_LINES, bad[i][0], bad[i][1], 3, &found) != -EBADMSG)
			fail_msg("number %zu is not refused", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_condition_alone_is_a_hindrance),
		cmocka_unit_test(test_the_last_moment_of_a_token_and_of_a_day_is_good),
		cmocka_unit_test(test_counts_advance_by_what_came),
		cmocka_unit_test(test_what_is_counted_and_not_in_the_file_may_come),
		cmocka_unit_test(test_rows_that_follow_are_taken),
		cmocka_unit_test(test_rows_that_do_not_follow_are_refused),
		cmocka_unit_test(test_columns_that_tell_what_is_new_must_be_there),
		cmocka_unit_test(test_the_services_own_column_stands_first),
		cmocka_unit_test(test_tabs),
		cmocka_unit_test(test_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
