/* check_desktop.c: what a notification says, and until when there is something to show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "../../fs/app/desktop.c"

static struct event event_of(enum event_kind kind, const char *name)
{
	struct event event = { .kind = kind, .subject = "surveys/SV_1/responses.csv" };

	strncpy(event.name, name, sizeof(event.name) - 1);
	return event;
}

static void test_bytes_that_are_no_text_are_replaced(void **state)
{
	struct event event = event_of(EVENT_WAIT_OVER, "a\xff"
	                                               "b\xc3(\tc\xc2\x9b"
	                                               "d");
	struct desktop_note note;
	(void)state;

	desktop_say(&event, &note);
	assert_string_equal(note.body,
	                    "a\xef\xbf\xbd"
	                    "b\xef\xbf\xbd( c d (responses.csv) is there, and opens at once.");
	assert_int_equal(note.verb, DESKTOP_END);
}

static void test_what_turns_or_hides_text_is_left_out(void **state)
{
	struct event event = event_of(EVENT_WAIT_OVER, "a\u200eb\u202ec\u2066d\ufeffe\u2026");
	struct desktop_note note;
	(void)state;

	desktop_say(&event, &note);
	assert_memory_equal(note.body, "abcde\u2026 (", strlen("abcde\u2026 ("));
}

static void test_the_longest_texts_fit(void **state)
{
	struct event event = event_of(EVENT_WAIT_FAILED, "");
	struct desktop_note note;
	(void)state;

	memset(event.name, '<', sizeof(event.name) - 1);
	memset(event.subject + 8, 'x', sizeof(event.subject) - 9);
	event.subject[20] = '/';
	memset(event.fail.why, 'w', sizeof(event.fail.why) - 1);
	memset(event.fail.remedy, 'r', sizeof(event.fail.remedy) - 1);
	desktop_say(&event, &note);
	assert_true(note.failed);
	assert_true(strlen(note.body) < sizeof(note.body) - 1);
	assert_string_equal(note.body + strlen(note.body) - 3, "rr.");
}

static void test_without_a_name_the_path_is_told(void **state)
{
	struct event event = event_of(EVENT_WAIT_LONG, "");
	struct desktop_note note;
	(void)state;

	event.expected_s = 125;
	desktop_say(&event, &note);
	assert_non_null(strstr(note.body, "surveys/SV_1/responses.csv is being prepared"));
	assert_non_null(strstr(note.body, "about 2 minutes"));
	assert_int_equal(note.verb, DESKTOP_SHOW);
}

static void test_the_rest_is_counted(void **state)
{
	struct desktop_rest rest = { .waiting = 1, .over = 4 };
	struct desktop_note note;
	(void)state;

	desktop_say_rest(&rest, &note);
	assert_int_equal(note.verb, DESKTOP_SHOW);
	assert_non_null(strstr(note.body, "1 more file;"));
	rest = (struct desktop_rest){ .over = 4, .failed = 2 };
	desktop_say_rest(&rest, &note);
	assert_int_equal(note.verb, DESKTOP_END);
	assert_true(note.failed);
	assert_string_equal(note.body,
	                    "4 more files can be opened. 2 could not: qxfs status tells why.");
	rest = (struct desktop_rest){ 0 }; /* all have given up */
	desktop_say_rest(&rest, &note);
	assert_int_equal(note.verb, DESKTOP_CLOSE);
}

/* Who shows them is ended when nothing is waited for: not before the last end is shown, which may
 * come while another one is handed over. */
static void check_ends(bool backwards)
{
	struct desktop d = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct event event = event_of(EVENT_WAIT_LONG, "");
	struct desktop_note note;

	for (int i = 0; i <= REST; i++) { /* one more than there are slots */
		event.subject[0] = (char)('a' + i);
		begins(&d, &event);
	}
	for (unsigned i = 0; i < DESKTOP_SLOTS; i++)
		assert_true(take(&d, i, &note));
	assert_true(is_waited(&d));
	event.kind = EVENT_WAIT_OVER;
	for (int i = 0; i <= REST; i++) {
		event.subject[0] = (char)('a' + i);
		ends(&d, &event);
	}
	for (unsigned i = 0; i < DESKTOP_SLOTS; i++) {
		assert_true(is_waited(&d));
		assert_true(take(&d, backwards ? REST - i : i, &note));
		assert_int_equal(note.verb, DESKTOP_END);
	}
	assert_false(is_waited(&d));
}

static void test_an_end_that_is_not_shown_yet_is_waited_for(void **state)
{
	(void)state;
	check_ends(false);
	check_ends(true);
}

/* The mount of root is a server's, unless he says otherwise. */
static void test_who_says_nothing_is_told_after_ten_seconds(void **state)
{
	uid_t before = geteuid();
	(void)state;

	if (before == 0) {
		assert_int_equal(desktop_wait_s(-1), 0);
		assert_int_equal(seteuid(65534), 0);
	}
	assert_int_equal(desktop_wait_s(-1), 10);
	assert_int_equal(desktop_wait_s(0), 0);
	assert_int_equal(seteuid(before), 0);
	assert_int_equal(desktop_wait_s(7), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_that_are_no_text_are_replaced),
		cmocka_unit_test(test_what_turns_or_hides_text_is_left_out),
		cmocka_unit_test(test_the_longest_texts_fit),
		cmocka_unit_test(test_without_a_name_the_path_is_told),
		cmocka_unit_test(test_who_says_nothing_is_told_after_ten_seconds),
		cmocka_unit_test(test_the_rest_is_counted),
		cmocka_unit_test(test_an_end_that_is_not_shown_yet_is_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
