/* check_caller.c: which pending signals end a wait. */
#include "../../fs/front/caller.h"

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

static enum caller_wish wish_of(uint64_t thread, uint64_t process, uint64_t blocked)
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
		assert_int_equal(wish_of(BIT(ending[i]), 0, 0), CALLER_GIVES_UP);
		assert_int_equal(wish_of(0, BIT(ending[i]), 0), CALLER_GIVES_UP);
		assert_int_equal(wish_of(BIT(SIGCHLD), BIT(ending[i]), 0), CALLER_GIVES_UP);
	}
}

static void test_every_other_signal_leaves_the_wait(void **state)
{
	(void)state;
	for (int signal = 1; signal <= 64; signal++) {
		if (BIT(signal) & (BIT(SIGINT) | BIT(SIGQUIT) | BIT(SIGTERM) | BIT(SIGHUP) |
		                   BIT(SIGKILL) | BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU)))
			continue;
		assert_int_equal(wish_of(BIT(signal), 0, 0), CALLER_STAYS);
		assert_int_equal(wish_of(0, BIT(signal), 0), CALLER_STAYS);
	}
}

static void test_nothing_pending_is_the_freezer(void **state)
{
	(void)state;
	assert_int_equal(wish_of(0, 0, 0), CALLER_GIVES_UP);
	assert_int_equal(wish_of(0, 0, UINT64_MAX), CALLER_GIVES_UP);
}

static void test_blocked_signals_do_not_count(void **state)
{
	(void)state;
	/* A blocked Ctrl-C beside a timer: the program wants neither. */
	assert_int_equal(wish_of(0, BIT(SIGINT) | BIT(SIGALRM), BIT(SIGINT)), CALLER_STAYS);
	/* Only blocked ones: that is not what woke it. */
	assert_int_equal(wish_of(BIT(SIGUSR1), BIT(SIGINT), BIT(SIGINT) | BIT(SIGUSR1)),
	                 CALLER_GIVES_UP);
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
		assert_int_equal(caller_read_status(texts[i]), CALLER_GIVES_UP);
}

static void test_a_real_thread_is_looked_at(void **state)
{
	(void)state;
	assert_int_equal(caller_look(0), CALLER_GIVES_UP);
	assert_int_equal(caller_look(-1), CALLER_GIVES_UP);
	assert_int_equal(caller_look(gettid()), CALLER_GIVES_UP); /* nothing is pending */

	/* A child that is stopped before it can take the signal has it pending, unblocked. */
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
		raise(SIGSTOP);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGUSR1);
	assert_int_equal(caller_look(pid), CALLER_STAYS);
	kill(pid, SIGTERM);
	assert_int_equal(caller_look(pid), CALLER_GIVES_UP);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_int_equal(caller_look(pid), CALLER_GIVES_UP); /* gone */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals_that_end_programs_end_the_wait),
		cmocka_unit_test(test_every_other_signal_leaves_the_wait),
		cmocka_unit_test(test_nothing_pending_is_the_freezer),
		cmocka_unit_test(test_blocked_signals_do_not_count),
		cmocka_unit_test(test_text_that_cannot_be_read_gives_up),
		cmocka_unit_test(test_a_real_thread_is_looked_at),
	};
	return cmocka_run_group_tests_name("caller", tests, NULL, NULL);
}
