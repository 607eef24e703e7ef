/* hammer.c: parked opens against signals, wakes, cancels and the end of the mount.
 * QXFS_HAMMER_S=600 hammer hammer: the one that hammers, for ten minutes. */
#include "harness.h"

#include <qxfs/base/sys.h>
#include <qxfs/base/worker.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What DESIGN.md promises a person at Ctrl-C; more under a sanitizer, which slows us tenfold. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define PROMPT_US 300000
#else
#define PROMPT_US 100000
#endif
#define LOOK_EVERY_US 50000

/* QXFS_SLOW=3: a machine that has other things to do as well. */
static uint64_t prompt_us(void)
{
	const char *text = getenv("QXFS_SLOW");
	double slow = text ? strtod(text, NULL) : 1;

	CHECK(slow >= 1);
	return (uint64_t)(PROMPT_US * slow);
}

extern char **environ;

static pid_t start_cat(unsigned file)
{
	char program[] = "/bin/cat", path[sizeof(harness_dir) + 16];
	char *argv[] = { program, path, NULL };
	posix_spawn_file_actions_t quiet;
	posix_spawnattr_t own_group;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/f%04u", harness_dir, file);
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	/* Without a parent in another process group of the session, stop signals are ignored. */
	posix_spawnattr_init(&own_group);
	posix_spawnattr_setflags(&own_group, POSIX_SPAWN_SETPGROUP);
	CHECK_EQ(posix_spawn(&pid, program, &quiet, &own_group, argv, environ), 0);
	posix_spawnattr_destroy(&own_group);
	posix_spawn_file_actions_destroy(&quiet);
	return pid;
}

/* Microseconds from the signal to the end of the process. */
static uint64_t kill_and_wait(pid_t pid, int signal, int *ret_status)
{
	uint64_t before_us = now_us();
	CHECK_EQ(kill(pid, signal), 0);
	CHECK_EQ(waitpid(pid, ret_status, 0), pid);
	return now_us() - before_us;
}

static void test_signals_free_a_waiter(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGKILL, SIGHUP, SIGQUIT };
	struct mount m;
	mount_up(&m, &(struct fake_config){ .files = 1 });

	for (unsigned i = 0; i < 10; i++) {
		int status, signal = signals[i % 5];
		pid_t pid = start_cat(0);
		CHECK_EQ(fake_await(m.tree, 1, 5000), 1);
		pause_ms(i * 3);
		uint64_t took_us = kill_and_wait(pid, signal, &status);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signal);
		if (took_us > prompt_us())
			fprintf(stderr, "signal %d: %llu us\n", signal,
			        (unsigned long long)took_us);
		CHECK(took_us < prompt_us());
		CHECK_EQ(fake_await(m.tree, 0, 1000), 0); /* the wait was cancelled */
	}
	CHECK_EQ(fake_count(m.tree).cancels, 10);
	mount_down(&m);
}

static void test_a_stopped_program_goes_on(void)
{
	struct mount m;
	int status;
	mount_up(&m, &(struct fake_config){ .files = 1 });

	/* Ctrl-Z: the wait is over, the program stops, and says so when it goes on. */
	pid_t pid = start_cat(0);
	CHECK_EQ(fake_await(m.tree, 1, 5000), 1);
	CHECK_EQ(kill(pid, SIGTSTP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	mount_down(&m);
}

static void test_a_timer_does_not_disturb(void)
{
	struct mount m;
	struct told t;
	mount_up(&m, &(struct fake_config){ .files = 2 });
	struct remote r = remote_new();

	CHECK_EQ(remote_ask(&r, &(struct ask){ .verb = REMOTE_TIMER, .n = 20 }).ret, 0);
	remote_send_open(&r, "f0000");
	CHECK_EQ(fake_await(m.tree, 1, 5000), 1);
	CHECK(!remote_take(&r, &t, 700)); /* 35 alarms, 14 looks */
	CHECK_EQ(fake_count(m.tree).cancels, 0);
	fake_ready(m.tree, 0, false);
	CHECK(remote_take(&r, &t, 5000));
	CHECK(t.ret >= 0);

	/* The kernel does not tell again: only looking finds the second signal. */
	remote_send_open(&r, "f0001");
	CHECK_EQ(fake_await(m.tree, 1, 5000), 1);
	pause_ms(200);
	int status;
	uint64_t took_us = kill_and_wait(r.pid, SIGKILL, &status);
	CHECK(took_us < LOOK_EVERY_US + prompt_us());
	close(r.sock);
	mount_down(&m);
}

static void test_300_wait_without_threads(void)
{
	struct mount m;
	struct told t;
	unsigned without = thread_count();
	mount_up(&m, &(struct fake_config){ .files = 301 });
	struct remote crowd = remote_new(), r = remote_new();

	CHECK_EQ(remote_ask(&r, &(struct ask){ .verb = REMOTE_STAT, .path = "f0300" }).ret, 0);
	unsigned before = thread_count();
	/* workers; watcher, notifier; the inbox's; the fake's jobs */
	CHECK_EQ(before, without + 4 + 2 + 2 + 1);
	remote_send(&crowd, &(struct ask){ .verb = REMOTE_CROWD, .n = 300 });
	CHECK_EQ(fake_await(m.tree, 300, 20000), 300);

	uint64_t worst_us = 0;
	for (unsigned i = 0; i < 50; i++) {
		t = remote_ask(&r, &(struct ask){ .verb = REMOTE_STAT, .path = "f0300" });
		CHECK_EQ(t.ret, 0);
		worst_us = t.us > worst_us ? t.us : worst_us;
	}
	CHECK(worst_us < prompt_us());
	CHECK_EQ(thread_count(), before);

	for (unsigned i = 0; i < 300; i++)
		fake_ready(m.tree, i, i % 3 == 0);
	CHECK(remote_take(&crowd, &t, 20000));
	CHECK_EQ(t.crowd.opened, 300);
	CHECK_EQ(t.crowd.wrong, 0);
	CHECK_EQ(thread_count(), before);
	printf("# worst stat beside 300 waiters: %llu us\n", (unsigned long long)worst_us);
	remote_end(&crowd);
	remote_end(&r);
	mount_down(&m);
}

/* New versions and readiness come and go while the crowd opens. */
static void churn(struct tree *t, unsigned files, uint64_t ms)
{
	uint64_t end_us = now_us() + ms * 1000;
	for (unsigned i = 1; now_us() < end_us; i++) {
		unsigned file = i * 2654435761u >> 7 & (files - 1);
		fake_replace(t, file);
		if (i % 4 == 0)
			fake_ready(t, file, i % 8 == 0);
		pause_ms(1);
	}
}

static uint64_t hammer_ms(void)
{
	const char *text = getenv("QXFS_HAMMER_S");
	int64_t seconds = 3;

	CHECK(!text || sys_parse_int(text, 1, 86400, &seconds) == 0);
	alarm((unsigned)seconds + 240);
	return (uint64_t)seconds * 1000;
}

/* A program has its EINTR before the tree hears of it, and a timed wait ends in its own time. */
static struct fake_counts settled(struct tree *t)
{
	struct fake_counts c = fake_count(t);

	for (unsigned i = 0; i < 500 && c.waits != c.dones; i++) {
		pause_ms(10);
		c = fake_count(t);
	}
	return c;
}

static void test_hammer(void)
{
	enum { FILES = 16 };
	const uint64_t ms = hammer_ms();
	struct mount m;
	struct told a, b;
	mount_up(&m, &(struct fake_config){ .files = FILES, .ttl_s = 60, .dice = 4711 });
	struct remote one = remote_new(), two = remote_new();
	struct ask ask = { .verb = REMOTE_HAMMER, .n = 24, .off = ms, .file = FILES, .flags = 1 };

	remote_send(&one, &ask);
	ask.flags = 2;
	remote_send(&two, &ask);
	churn(m.tree, FILES, ms);
	CHECK(remote_take(&one, &a, 30000));
	CHECK(remote_take(&two, &b, 30000));
	struct fake_counts c = settled(m.tree);
	struct crowd *x = &a.crowd, *y = &b.crowd;

	printf("# %llu opens, %llu interrupted, %llu failed; %llu signals; %llu waits, "
	       "%llu cancels\n",
	       (unsigned long long)(x->tries + y->tries),
	       (unsigned long long)(x->interrupted + y->interrupted),
	       (unsigned long long)(x->failed + y->failed),
	       (unsigned long long)(x->signals + y->signals), (unsigned long long)c.waits,
	       (unsigned long long)c.cancels);
	CHECK_EQ(x->strange + y->strange, 0);
	CHECK_EQ(x->wrong + y->wrong, 0);
	CHECK(x->tries + y->tries > 2000);
	CHECK(x->interrupted > 0 && x->failed > 0 && x->opened > 0);
	/* Each wait that was given up was one EINTR, and each EINTR one such wait. */
	CHECK_EQ(x->interrupted + y->interrupted, c.cancels);
	CHECK_EQ(c.waits, c.dones);
	CHECK(x->opened + y->opened <= c.handles);
	/* Names that have a new node make the kernel forget the old one when they are looked up. */
	struct ask list = { .verb = REMOTE_LIST, .path = ".", .flags = 1 };
	CHECK_EQ(remote_ask(&one, &list).ret, FILES + 4);
	remote_end(&one);
	remote_end(&two);
	mount_down(&m);
}

static void test_killed_programs(void)
{
	struct mount m;
	uint64_t worst_us = 0;
	int status;
	mount_up(&m, &(struct fake_config){ .files = 16, .dice = 99 });

	for (unsigned i = 0; i < 150; i++) {
		pid_t pid = start_cat(i % 16);
		struct timespec moment = { .tv_nsec = i * 77777 % 4000000 };
		nanosleep(&moment, NULL);
		uint64_t took_us = kill_and_wait(pid, i % 2 ? SIGKILL : SIGINT, &status);
		worst_us = took_us > worst_us ? took_us : worst_us;
	}
	CHECK(worst_us < prompt_us());
	printf("# 150 kills, the slowest end %llu us\n", (unsigned long long)worst_us);
	CHECK_EQ(fake_await(m.tree, 0, 1000), 0);
	mount_down(&m);
}

static void test_close_answers_all(void)
{
	struct mount m;
	struct told t;
	mount_up(&m, &(struct fake_config){ .files = 51 });
	struct remote crowd = remote_new(), reader = remote_new();

	fake_ready(m.tree, 50, false);
	CHECK(remote_open(&reader, "f0050") >= 0); /* and keeps it open */
	remote_send(&crowd, &(struct ask){ .verb = REMOTE_CROWD, .n = 50 });
	CHECK_EQ(fake_await(m.tree, 50, 20000), 50);

	uint64_t before_us = now_us();
	session_close(m.session); /* tree_stop comes after: the lot cancels by itself */
	uint64_t took_us = now_us() - before_us;
	CHECK(took_us < 1000000);
	CHECK(remote_take(&crowd, &t, 20000));
	CHECK_EQ(t.crowd.interrupted, 50);
	CHECK_EQ(fake_count(m.tree).cancels, 50);
	CHECK_EQ(fake_count(m.tree).dones, 50);
	CHECK_EQ(remote_ask(&reader, &(struct ask){ .verb = REMOTE_FSTAT, .fd = 9999 }).ret,
	         -EBADF);
	mount_close(&m);
	remote_end(&crowd);
	remote_end(&reader);
	mount_down(&m);
}

static void *make_all_ready(void *arg)
{
	for (unsigned i = 0; i < 50; i++)
		fake_ready(arg, i, i % 5 == 0);
	return NULL;
}

static void test_close_races_with_done(void)
{
	uint64_t opened = 0, interrupted = 0;

	for (unsigned round = 0; round < 20; round++) {
		struct mount m;
		struct told t;
		pthread_t waker;
		mount_up(&m, &(struct fake_config){ .files = 50 });
		struct remote crowd = remote_new();

		remote_send(&crowd, &(struct ask){ .verb = REMOTE_CROWD, .n = 50 });
		/* In some rounds they are still arriving. */
		unsigned enough = round % 2 ? 50 : 10;
		while (fake_count(m.tree).waiting < enough)
			pause_ms(1);
		CHECK_EQ(thread_start(&waker, "waker", make_all_ready, m.tree), 0);
		struct timespec moment = { .tv_nsec = round * 250000 };
		nanosleep(&moment, NULL);
		if (round % 3 == 0)
			tree_stop(m.tree);
		session_close(m.session);
		pthread_join(waker, NULL);
		CHECK(remote_take(&crowd, &t, 20000));
		CHECK_EQ(t.crowd.tries, 50);
		opened += t.crowd.opened;
		interrupted += t.crowd.interrupted;
		remote_end(&crowd);
		mount_close(&m);
		mount_down(&m);
	}
	printf("# of 1000: %llu opened, %llu interrupted\n", (unsigned long long)opened,
	       (unsigned long long)interrupted);
}

static bool is_mounted(void)
{
	char line[1024];
	bool found = false;
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	CHECK(mounts);
	while (fgets(line, sizeof(line), mounts))
		found = found || strstr(line, harness_dir);
	fclose(mounts);
	return found;
}

static void test_an_aborted_connection_ends_the_wait(void)
{
	struct mount m;
	struct told t;
	if (geteuid() != 0) {
		printf("# only root may unmount by force\n");
		return;
	}
	mount_up(&m, &(struct fake_config){ .files = 2 });
	struct remote r = remote_new();

	remote_send_open(&r, "f0000");
	CHECK_EQ(fake_await(m.tree, 1, 5000), 1);
	/* Says that it is busy, and aborts the connection all the same. */
	CHECK_EQ(umount2(harness_dir, MNT_FORCE), -1);
	CHECK(remote_take(&r, &t, 5000));
	CHECK_EQ(t.ret, -ECONNABORTED);
	session_wait(m.session);
	fake_ready(m.tree, 0, true); /* a reply that nobody takes */
	CHECK(is_mounted());
	mount_close(&m);
	CHECK(!is_mounted());
	remote_end(&r);
	mount_down(&m);
}

static void test_an_unmount_ends_the_wait(void)
{
	struct mount m;
	mount_up(&m, &(struct fake_config){ .files = 1 });
	struct remote r = remote_new();

	fake_ready(m.tree, 0, false);
	CHECK(remote_open(&r, "f0000") >= 0);
	remote_end(&r);
	if (geteuid() == 0)
		CHECK_EQ(umount2(harness_dir, MNT_DETACH), 0);
	else
		session_stop(m.session);
	session_wait(m.session);
	mount_close(&m);
	mount_down(&m);
}

static struct session *to_stop;

static void stop_it(int signal)
{
	(void)signal;
	session_stop(to_stop);
}

static void test_stop_from_a_signal_handler(void)
{
	struct mount m;
	mount_up(&m, &(struct fake_config){ .files = 1 });

	to_stop = m.session;
	struct sigaction action = { .sa_handler = stop_it }, before;
	sigaction(SIGUSR1, &action, &before);
	CHECK_EQ(raise(SIGUSR1), 0);
	session_wait(m.session);
	sigaction(SIGUSR1, &before, NULL);
	mount_down(&m);
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "signals_free_a_waiter", test_signals_free_a_waiter },
		{ "a_stopped_program_goes_on", test_a_stopped_program_goes_on },
		{ "a_timer_does_not_disturb", test_a_timer_does_not_disturb },
		{ "300_wait_without_threads", test_300_wait_without_threads },
		{ "hammer", test_hammer },
		{ "killed_programs", test_killed_programs },
		{ "close_answers_all", test_close_answers_all },
		{ "close_races_with_done", test_close_races_with_done },
		{ "an_aborted_connection_ends_the_wait", test_an_aborted_connection_ends_the_wait },
		{ "an_unmount_ends_the_wait", test_an_unmount_ends_the_wait },
		{ "stop_from_a_signal_handler", test_stop_from_a_signal_handler },
		{ NULL, NULL },
	};
	return harness_main(argc, argv, scenarios);
}
