/* check_caller.c: which pending signals end a wait. */
#include "../../fs/front/caller.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BIT(signal) (UINT64_C(1) << ((signal)-1))

static enum caller_signs signs_of(uint64_t thread, uint64_t process, uint64_t blocked)
{
	char text[512];
	/* As the kernel writes it; the name of a program may look like anything. */
	snprintf(text, sizeof(text),
	         "Name:\tSigPnd:\\n\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t77\nGroups:\t0 7 \n"
	         "Threads:\t1\nSigQ:\t1/96365\nSigPnd:\t%016llx\nShdPnd:\t%016llx\n"
	         "SigBlk:\t%016llx\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n",
	         (unsigned long long)thread, (unsigned long long)process,
	         (unsigned long long)blocked);
	return caller_read_status(text);
}

static void test_signals_that_end_programs_end_the_wait(void **state)
{
	static const int ending[] = { SIGINT,  SIGQUIT, SIGTERM, SIGHUP,
		                      SIGKILL, SIGTSTP, SIGTTIN, SIGTTOU };
	(void)state;
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
		assert_int_equal(signs_of(BIT(ending[i]), 0, 0), CALLER_ENDS);
		assert_int_equal(signs_of(0, BIT(ending[i]), 0), CALLER_ENDS);
		assert_int_equal(signs_of(BIT(SIGCHLD), BIT(ending[i]), 0), CALLER_ENDS);
	}
}

static void test_every_other_signal_leaves_the_wait(void **state)
{
	(void)state;
	for (int signal = 1; signal <= 64; signal++) {
		if (BIT(signal) & (BIT(SIGINT) | BIT(SIGQUIT) | BIT(SIGTERM) | BIT(SIGHUP) |
		                   BIT(SIGKILL) | BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU)))
			continue;
		assert_int_equal(signs_of(BIT(signal), 0, 0), CALLER_STAYS);
		assert_int_equal(signs_of(0, BIT(signal), 0), CALLER_STAYS);
	}
}

static void test_nothing_pending_is_quiet(void **state)
{
	(void)state;
	assert_int_equal(signs_of(0, 0, 0), CALLER_QUIET);
	assert_int_equal(signs_of(0, 0, UINT64_MAX), CALLER_QUIET);
}

static void test_blocked_signals_do_not_count(void **state)
{
	(void)state;
	/* A blocked Ctrl-C beside a timer: the program wants neither. */
	assert_int_equal(signs_of(0, BIT(SIGINT) | BIT(SIGALRM), BIT(SIGINT)), CALLER_STAYS);
	/* Only blocked ones: that is not what woke it. */
	assert_int_equal(signs_of(BIT(SIGUSR1), BIT(SIGINT), BIT(SIGINT) | BIT(SIGUSR1)),
	                 CALLER_QUIET);
}

static void test_text_that_cannot_be_read_gives_up(void **state)
{
	static const char *const texts[] = {
		"",
		"SigPnd:",
		"SigPnd:\t\nShdPnd:\t0\nSigBlk:\t0\n",
		"SigPnd:\t2000\nShdPnd:\t0\n",
		"SigPnd:\t2000\nShdPnd:\t0\nSigBlk:\t0",
		"SigPnd:\t2000 x\nShdPnd:\t0\nSigBlk:\t0\n",
		"SigPnd:\t00000000000002000\nShdPnd:\t0\nSigBlk:\t0\n",
		"xSigPnd:\t2000\nShdPnd:\t0\nSigBlk:\t0\n",
	};
	(void)state;
	assert_int_equal(caller_read_status("SigPnd:\t2000\nShdPnd:\t0\nSigBlk:\t0\n"),
	                 CALLER_STAYS);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(caller_read_status(texts[i]), CALLER_ENDS);
}

/* Runs `act` in a child, which is killed with a test that fails. */
static pid_t child_that(void (*act)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		act();
		_exit(0);
	}
	return pid;
}

static void end_child(pid_t pid)
{
	int status;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static void stop_then_pause(void)
{
	raise(SIGSTOP);
	for (;;)
		pause();
}

static void await_stop(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
}

static void test_a_real_thread_is_looked_at(void **state)
{
	(void)state;
	assert_false(caller_stays(0, true));
	assert_false(caller_stays(-1, true));

	/* A child that is stopped before it can take the signal has it pending, unblocked. */
	pid_t pid = child_that(stop_then_pause);
	await_stop(pid);
	kill(pid, SIGUSR1);
	assert_true(caller_stays(pid, false));
	kill(pid, SIGTERM);
	assert_false(caller_stays(pid, true));
	end_child(pid);
	assert_false(caller_stays(pid, true)); /* gone */
}

static void test_silence_is_the_freezer_unless_a_signal_was_seen_before(void **state)
{
	(void)state;
	assert_false(caller_stays(gettid(), false));
	assert_true(caller_stays(gettid(), true));
}

/* Its other threads are woken with nothing pending. */
static void test_a_stopped_process_explains_the_silence(void **state)
{
	(void)state;
	pid_t pid = child_that(stop_then_pause);
	await_stop(pid);
	assert_true(caller_stays(pid, false));

	kill(pid, SIGCONT);
	int status;
	assert_int_equal(waitpid(pid, &status, WCONTINUED), pid);
	assert_false(caller_stays(pid, false));
	end_child(pid);
}

static void *stop_the_process(void *arg)
{
	(void)prctl(PR_SET_NAME, "x) S 1 S");
	raise(SIGSTOP);
	for (;;)
		pause();
	return arg;
}

static void stop_another_thread(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, stop_the_process, NULL) == 0)
		pthread_exit(NULL);
}

/* The leader need not be it: it may wait as well, or have ended. */
static void test_any_thread_may_be_the_one_that_stopped(void **state)
{
	(void)state;
	pid_t pid = child_that(stop_another_thread);
	await_stop(pid);
	assert_true(caller_stays(pid, false));
	end_child(pid);
}

static void test_a_name_is_no_state(void **state)
{
	char before[16];
	(void)state;
	prctl(PR_GET_NAME, before);
	prctl(PR_SET_NAME, "x) T 1 T");
	assert_false(caller_stays(gettid(), false));
	prctl(PR_SET_NAME, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals_that_end_programs_end_the_wait),
		cmocka_unit_test(test_every_other_signal_leaves_the_wait),
		cmocka_unit_test(test_nothing_pending_is_quiet),
		cmocka_unit_test(test_blocked_signals_do_not_count),
		cmocka_unit_test(test_text_that_cannot_be_read_gives_up),
		cmocka_unit_test(test_a_real_thread_is_looked_at),
		cmocka_unit_test(test_silence_is_the_freezer_unless_a_signal_was_seen_before),
		cmocka_unit_test(test_a_stopped_process_explains_the_silence),
		cmocka_unit_test(test_any_thread_may_be_the_one_that_stopped),
		cmocka_unit_test(test_a_name_is_no_state),
	};
	return cmocka_run_group_tests_name("caller", tests, NULL, NULL);
}
