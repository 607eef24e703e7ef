/* check_worker.c: tasks run once, in order, on time, and nothing wakes an idle worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <qxfs/base/worker.h>

/* A task that writes its number down. */
struct note {
	struct task task;
	int number;
	int64_t ran_ms;
};

static int journal[20000];
static unsigned journal_len; /* the worker's until it is stopped */

static void write_down(struct task *t)
{
	struct note *n = container_of(t, struct note, task);
	n->ran_ms = sys_now_ms();
	journal[journal_len++] = n->number;
}

static void post_note(struct worker *w, struct note *n, int number, int64_t at_ms)
{
	*n = (struct note){ .task.fn = write_down, .number = number };
	worker_post_at(w, &n->task, at_ms);
}

static struct worker *start(void)
{
	struct worker *w = NULL;
	journal_len = 0;
	assert_int_equal(worker_new("check", &w), 0);
	return w;
}

static void check_journal(const int *want, unsigned len)
{
	assert_int_equal(journal_len, len);
	assert_memory_equal(journal, want, len * sizeof(*want));
}

#define CHECK_JOURNAL(...) \
	check_journal((const int[]){ __VA_ARGS__ }, countof(((const int[]){ __VA_ARGS__ })))

/* Tasks that hold a worker and tell where it is. */
struct gate {
	struct task task;
	sem_t inside, open, left;
};

static void hold(struct task *t)
{
	struct gate *g = container_of(t, struct gate, task);
	sem_post(&g->inside);
	sem_wait(&g->open);
	sem_post(&g->left);
}

static void gate_init(struct gate *g)
{
	g->task = (struct task){ .fn = hold };
	sem_init(&g->inside, 0, 0);
	sem_init(&g->open, 0, 0);
	sem_init(&g->left, 0, 0);
}

static void release(struct gate *g)
{
	sem_post(&g->open);
	sem_wait(&g->left); /* the gate lives on our stack */
}

static void hold_worker(struct worker *w, struct gate *g)
{
	gate_init(g);
	worker_post(w, &g->task);
	sem_wait(&g->inside);
}

/* Returns when the worker has nothing more to do now. */
static void wait_for(struct worker *w)
{
	struct gate g;
	hold_worker(w, &g);
	release(&g);
}

static void test_tasks_run_in_order_of_arrival(void **state)
{
	(void)state;
	struct note notes[1000];
	struct worker *w = start();
	for (int i = 0; i < 1000; i++)
		post_note(w, &notes[i], i, 0);
	worker_stop(w);
	assert_int_equal(journal_len, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(journal[i], i);
	worker_free(w);
}

static void test_timed_tasks_run_by_their_moment_and_never_early(void **state)
{
	(void)state;
	struct note notes[5];
	struct gate g;
	struct worker *w = start();
	hold_worker(w, &g); /* a slow machine must not run one before the next is there */
	int64_t now_ms = sys_now_ms();
	static const int delays_ms[] = { 30, 10, 20, 10, 1 };
	for (int i = 0; i < 5; i++)
		post_note(w, &notes[i], i, now_ms + delays_ms[i]);
	release(&g);
	gate_init(&g);
	worker_post_at(w, &g.task, now_ms + 40);
	sem_wait(&g.inside);
	release(&g);
	worker_stop(w);
	CHECK_JOURNAL(4, 1, 3, 2, 0);
	for (int i = 0; i < 5; i++)
		assert_true(notes[i].ran_ms >= now_ms + delays_ms[i]);
	worker_free(w);
}

static void test_a_task_far_off_does_not_delay_one_at_once(void **state)
{
	(void)state;
	struct note far, near;
	struct worker *w = start();
	int64_t now_ms = sys_now_ms();
	post_note(w, &far, 1, now_ms + 3600000);
	wait_for(w);
	post_note(w, &near, 2, sys_now_ms() + 5);
	struct gate g;
	gate_init(&g);
	worker_post_at(w, &g.task, sys_now_ms() + 10);
	sem_wait(&g.inside);
	release(&g);
	worker_stop(w);
	CHECK_JOURNAL(2);
	assert_in_range(sys_now_ms() - now_ms, 0, 5000);
	worker_free(w);
}

static void test_a_task_queued_twice_runs_once_at_the_earlier_moment(void **state)
{
	(void)state;
	struct gate g;
	struct note sooner, later, first;
	struct worker *w = start();
	int64_t far_ms = sys_now_ms() + 3600000;
	hold_worker(w, &g);
	post_note(w, &later, 1, 0);
	worker_post_at(w, &later.task, far_ms); /* stays at once */
	worker_post(w, &later.task);
	post_note(w, &first, 2, far_ms);
	post_note(w, &sooner, 3, far_ms);
	worker_post_at(w, &sooner.task, far_ms + 5); /* stays */
	worker_post(w, &sooner.task);
	release(&g);
	worker_stop(w);
	CHECK_JOURNAL(1, 3);
	assert_false(first.task.queued);
	worker_free(w);
}

static void test_a_cancelled_task_does_not_run(void **state)
{
	(void)state;
	struct gate g;
	struct note n[5];
	struct worker *w = start();
	hold_worker(w, &g);
	for (int i = 0; i < 3; i++)
		post_note(w, &n[i], i, 0);
	for (int i = 3; i < 5; i++)
		post_note(w, &n[i], i, 1 + i);
	assert_true(worker_cancel(w, &n[0].task));
	assert_true(worker_cancel(w, &n[2].task)); /* the last of its list: what follows? */
	assert_true(worker_cancel(w, &n[4].task));
	assert_false(worker_cancel(w, &n[4].task));
	assert_false(worker_cancel(w, &g.task));
	post_note(w, &n[2], 12, 0);
	post_note(w, &n[4], 14, 9);
	release(&g);
	worker_stop(w);
	CHECK_JOURNAL(1, 12, 3, 14);
	worker_free(w);
}

static struct worker *its_worker; /* set before the task that reads it is posted */

static void run_thrice(struct task *t)
{
	write_down(t);
	if (journal_len < 3)
		worker_post(its_worker, t);
	else
		free(container_of(t, struct note, task));
}

static void test_a_task_may_queue_itself_and_free_itself(void **state)
{
	(void)state;
	struct note *n = calloc(1, sizeof(*n));
	assert_non_null(n);
	struct worker *w = its_worker = start();
	n->task.fn = run_thrice;
	worker_post(w, &n->task);
	for (int i = 0; i < 4; i++)
		wait_for(w);
	worker_stop(w);
	CHECK_JOURNAL(0, 0, 0);
	worker_free(w);
}

static void run_until_stopped(struct task *t)
{
	worker_post(its_worker, t);
}

static void test_a_task_that_queues_itself_forever_starves_nobody(void **state)
{
	(void)state;
	struct task forever = { .fn = run_until_stopped };
	struct note n;
	struct gate g;
	struct worker *w = its_worker = start();
	worker_post(w, &forever);
	post_note(w, &n, 1, sys_now_ms() + 2);
	gate_init(&g);
	worker_post_at(w, &g.task, sys_now_ms() + 4);
	sem_wait(&g.inside);
	release(&g);
	worker_stop(w); /* and ends, too */
	CHECK_JOURNAL(1);
	worker_free(w);
}

static void test_stop_runs_what_is_due_and_drops_the_rest(void **state)
{
	(void)state;
	struct gate g;
	struct note due, at_once, far, too_late;
	struct worker *w = start();
	hold_worker(w, &g);
	post_note(w, &due, 1, sys_now_ms() - 1);
	post_note(w, &at_once, 2, 0);
	post_note(w, &far, 3, sys_now_ms() + 3600000);
	release(&g);
	worker_stop(w);
	assert_int_equal(journal_len, 2);
	assert_int_equal(journal[0] + journal[1], 3);
	post_note(w, &too_late, 4, 0);
	assert_false(far.task.queued);
	assert_false(too_late.task.queued);
	worker_stop(w);
	worker_free(w);
	worker_free(NULL);
}

static void look_around(struct task *t)
{
	struct note *n = container_of(t, struct note, task);
	char name[16] = "";
	sigset_t blocked;
	(void)pthread_getname_np(pthread_self(), name, sizeof(name));
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	n->number = (strcmp(name, "check") == 0) + 2 * worker_is_me(its_worker) +
	            4 * (sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGHUP));
}

static void test_its_thread_has_a_name_and_takes_no_signals(void **state)
{
	(void)state;
	struct note n = { .task.fn = look_around };
	struct worker *w = its_worker = start();
	sigset_t mine;
	pthread_sigmask(SIG_SETMASK, NULL, &mine);
	assert_false(sigismember(&mine, SIGTERM));
	worker_post(w, &n.task);
	worker_stop(w);
	assert_int_equal(n.number, 7);
	assert_false(worker_is_me(w));
	worker_free(w);
}

static void tell_tid(struct task *t)
{
	container_of(t, struct note, task)->number = gettid();
}

static long count_switches(int tid)
{
	char path[64];
	long n = 0;
	struct buf status = { 0 };
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	assert_int_equal(sys_read_file_at(-1, path, 100000, &status), 0);
	const char *line = strstr(buf_text(&status), "\nvoluntary_ctxt_switches:");
	assert_non_null(line);
	assert_int_equal(sscanf(line, "\nvoluntary_ctxt_switches: %ld", &n), 1);
	buf_done(&status);
	return n;
}

static void test_an_idle_worker_never_wakes_up(void **state)
{
	(void)state;
	struct note n = { .task.fn = tell_tid }, far, cancelled;
	struct worker *w = start();
	post_note(w, &far, 1, sys_now_ms() + 3600000);
	post_note(w, &cancelled, 2, sys_now_ms() + 3600000);
	worker_cancel(w, &cancelled.task);
	worker_post(w, &n.task);
	wait_for(w);
	/* On a busy machine it may take a while to lie down. */
	long slept_at, woke_at = -1;
	for (int tries = 0; tries < 20; tries++) {
		slept_at = count_switches(n.number);
		usleep(50000);
		woke_at = count_switches(n.number);
		if (woke_at == slept_at)
			break;
	}
	assert_int_equal(woke_at, slept_at);
	worker_free(w);
}

static void test_ten_thousand_timed_tasks_are_sorted(void **state)
{
	(void)state;
	const int count = 10000;
	struct note *notes = calloc((size_t)count, sizeof(*notes));
	struct gate g;
	struct worker *w = start();
	assert_non_null(notes);
	hold_worker(w, &g);
	for (int i = 0; i < count; i++) {
		int number = i * 7919 % count; /* every one once, mixed */
		post_note(w, &notes[i], number, 1 + number);
	}
	release(&g);
	worker_stop(w);
	assert_int_equal(journal_len, count);
	for (int i = 0; i < count; i++)
		assert_int_equal(journal[i], i);
	worker_free(w);
	free(notes);
}

/* Many threads that post to one worker, at once and timed. */
static void *post_many(void *arg)
{
	struct note *notes = arg;
	for (int i = 0; i < 1000; i++)
		post_note(its_worker, &notes[i], i, i % 3 == 0 ? 0 : sys_now_ms() + i % 3);
	return NULL;
}

static void test_no_task_is_lost_between_threads(void **state)
{
	(void)state;
	static struct note notes[4][1000];
	pthread_t threads[4];
	struct gate g;
	struct worker *w = its_worker = start();
	for (int i = 0; i < 4; i++)
		assert_int_equal(thread_start(&threads[i], "post", post_many, notes[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	gate_init(&g);
	worker_post_at(w, &g.task, sys_now_ms() + 10);
	sem_wait(&g.inside);
	release(&g);
	worker_stop(w);
	assert_int_equal(journal_len, 4000);
	worker_free(w);
}

/* Each round the worker falls asleep, so each post must wake it. */
static void test_no_wake_up_is_lost(void **state)
{
	(void)state;
	struct worker *w = start();
	for (int i = 0; i < 500; i++)
		wait_for(w);
	for (int i = 0; i < 20; i++) {
		struct gate g;
		gate_init(&g);
		worker_post_at(w, &g.task, sys_now_ms() + 1);
		sem_wait(&g.inside);
		release(&g);
	}
	worker_free(w);
}

static struct pool *its_pool; /* set before the task that reads it is posted */

static void test_one_thread_of_a_pool_takes_tasks_in_order(void **state)
{
	(void)state;
	struct note notes[100];
	journal_len = 0;
	assert_int_equal(pool_new("a-very-long-pool-name", 1, &its_pool), 0);
	for (int i = 0; i < 100; i++) {
		notes[i] = (struct note){ .task.fn = write_down, .number = i };
		pool_post(its_pool, &notes[i].task);
	}
	pool_stop(its_pool);
	assert_int_equal(journal_len, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(journal[i], i);
	pool_free(its_pool);
	pool_free(NULL);
}

static void test_all_threads_of_a_pool_work_side_by_side(void **state)
{
	(void)state;
	struct gate gates[4];
	assert_int_equal(pool_new("disk", 4, &its_pool), 0);
	for (size_t i = 0; i < countof(gates); i++) {
		gate_init(&gates[i]);
		pool_post(its_pool, &gates[i].task);
	}
	for (size_t i = 0; i < countof(gates); i++)
		sem_wait(&gates[i].inside); /* all four, before any may leave */
	for (size_t i = 0; i < countof(gates); i++)
		sem_post(&gates[i].open);
	pool_stop(its_pool);
	pool_free(its_pool);
}

static void run_thrice_in_pool(struct task *t)
{
	write_down(t);
	if (journal_len < 3)
		pool_post(its_pool, t);
}

static void test_a_stopping_pool_runs_what_its_tasks_post(void **state)
{
	(void)state;
	struct gate g;
	struct note n = { .task.fn = run_thrice_in_pool }, too_late = { .task.fn = write_down };
	journal_len = 0;
	assert_int_equal(pool_new("disk", 1, &its_pool), 0);
	gate_init(&g);
	pool_post(its_pool, &g.task);
	pool_post(its_pool, &n.task);
	sem_post(&g.open);
	pool_stop(its_pool);
	assert_int_equal(journal_len, 3);
	pool_post(its_pool, &too_late.task);
	assert_false(too_late.task.queued);
	pool_free(its_pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tasks_run_in_order_of_arrival),
		cmocka_unit_test(test_timed_tasks_run_by_their_moment_and_never_early),
		cmocka_unit_test(test_a_task_far_off_does_not_delay_one_at_once),
		cmocka_unit_test(test_a_task_queued_twice_runs_once_at_the_earlier_moment),
		cmocka_unit_test(test_a_cancelled_task_does_not_run),
		cmocka_unit_test(test_a_task_may_queue_itself_and_free_itself),
		cmocka_unit_test(test_a_task_that_queues_itself_forever_starves_nobody),
		cmocka_unit_test(test_stop_runs_what_is_due_and_drops_the_rest),
		cmocka_unit_test(test_its_thread_has_a_name_and_takes_no_signals),
		cmocka_unit_test(test_an_idle_worker_never_wakes_up),
		cmocka_unit_test(test_ten_thousand_timed_tasks_are_sorted),
		cmocka_unit_test(test_no_task_is_lost_between_threads),
		cmocka_unit_test(test_no_wake_up_is_lost),
		cmocka_unit_test(test_one_thread_of_a_pool_takes_tasks_in_order),
		cmocka_unit_test(test_all_threads_of_a_pool_work_side_by_side),
		cmocka_unit_test(test_a_stopping_pool_runs_what_its_tasks_post),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
