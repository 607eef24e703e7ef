/* check_events.c: lines, their places, who is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <qxfs/base/events.h>
#include <qxfs/base/worker.h>

static size_t size_of(struct events *e)
{
	uint64_t bytes;
	int64_t changed_s;
	events_size(e, &bytes, &changed_s);
	return bytes;
}

static void test_a_line_has_four_fields_and_no_other_tabs(void **state)
{
	struct events *e = events_new();
	const struct event event = { .kind = EVENT_IMPORT_HELD,
		                     .when_s = 86400,
		                     .subject = "import/a\tb\nc.csv",
		                     .words = "x\x1by" };
	char text[200] = "";
	uint64_t pos = 0;
	(void)state;

	events_tell(e, &event);
	size_t n = events_read(e, &pos, text, sizeof(text));
	assert_string_equal(text, "1970-01-02T00:00:00Z\timport-held\timport/a?b?c.csv\tx?y\n");
	assert_int_equal(pos, 0);
	assert_int_equal(n, size_of(e));
	pos = n;
	assert_int_equal(events_read(e, &pos, text, sizeof(text)), 0);
	assert_int_equal(pos, n);
	events_free(e);
}

static void test_the_oldest_lines_go_and_places_stay(void **state)
{
	struct events *e = events_new();
	static char text[2 * EVENTS_BYTES];
	uint64_t pos = 0;
	(void)state;

	while (size_of(e) < 3 * EVENTS_BYTES)
		events_say(e, EVENT_MOUNTED, "/mnt", "0123456789");
	size_t all = size_of(e), n = events_read(e, &pos, text, sizeof(text));
	assert_true(n <= EVENTS_BYTES && n > EVENTS_BYTES - 200);
	assert_int_equal(pos + n, all);
	assert_true(strncmp(text + 20, "\tmounted\t", 9) == 0); /* a whole line */
	assert_true(text[n - 1] == '\n');
	uint64_t later = pos + 7;
	char piece[10];
	assert_int_equal(events_read(e, &later, piece, sizeof(piece)), sizeof(piece));
	assert_int_equal(later, pos + 7);
	assert_memory_equal(piece, text + 7, sizeof(piece));
	events_free(e);
}

struct ear {
	struct events_listener listener;
	int heard;
	enum event_kind last;
};

static void hear(struct events_listener *l, const struct event *event)
{
	struct ear *ear = container_of(l, struct ear, listener);
	ear->heard++;
	ear->last = event->kind;
}

static void test_who_listens_is_told_until_it_leaves(void **state)
{
	struct events *e = events_new();
	struct ear ears[EVENTS_LISTENERS + 1] = { 0 };
	(void)state;

	for (int i = 0; i <= EVENTS_LISTENERS; i++) {
		ears[i].listener.fn = hear;
		assert_int_equal(events_listen(e, &ears[i].listener),
		                 i < EVENTS_LISTENERS ? 0 : -ENOSPC);
	}
	events_say(e, EVENT_NETWORK_LOST, "h", "");
	events_unlisten(e, &ears[0].listener);
	events_say(e, EVENT_NETWORK_BACK, "h", "");
	assert_int_equal(ears[0].heard, 1);
	assert_int_equal(ears[0].last, EVENT_NETWORK_LOST);
	assert_int_equal(ears[1].heard, 2);
	assert_int_equal(ears[1].last, EVENT_NETWORK_BACK);
	events_free(e);
}

static void test_json_tells_a_failure(void **state)
{
	struct event event = { .kind = EVENT_EXPORT_FAILED,
		               .when_s = 86400,
		               .times = 3,
		               .subject = "surveys/\"x",
		               .words = "gone" };
	struct buf out = { 0 };
	(void)state;

	fail_set(&event.fail, EIO, "gone");
	event_json(&event, &out);
	assert_string_equal(buf_text(&out),
	                    "{\"when\":\"1970-01-02T00:00:00Z\",\"event\":\"export-failed\","
	                    "\"path\":\"surveys/\\\"x\",\"words\":\"gone\",\"times\":3,"
	                    "\"errno\":\"EIO\",\"http\":0,\"code\":\"\",\"request_id\":\"\","
	                    "\"remedy\":\"\"}\n");
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_has_four_fields_and_no_other_tabs),
		cmocka_unit_test(test_the_oldest_lines_go_and_places_stay),
		cmocka_unit_test(test_who_listens_is_told_until_it_leaves),
		cmocka_unit_test(test_json_tells_a_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
