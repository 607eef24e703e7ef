/* harness.c: a real mount over the fake tree. */
#include "harness.h"

#include <qxfs/base/log.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SKIP 77
#define LIMIT_S 240 /* the whole program; under a sanitizer, on a busy machine */

char harness_dir[128];
static const char *running = "start";

void harness_unmount(const char *dir)
{
	if (umount2(dir, MNT_DETACH) < 0 && errno == EPERM) {
		pid_t pid = fork();
		if (pid == 0) {
			execl("/usr/bin/fusermount3", "fusermount3", "-u", "-q", "-z", dir, NULL);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
	}
	rmdir(dir);
}

static void fail_now(void)
{
	harness_unmount(harness_dir);
	_exit(1); /* not exit(): other threads are in the middle of something */
}

void harness_check(bool fact, const char *text, const char *file, int line)
{
	if (fact)
		return;
	fprintf(stderr, "not ok - %s: %s (%s:%d)\n", running, text, file, line);
	fail_now();
}

void harness_equal(int64_t a, int64_t b, const char *text, const char *file, int line)
{
	if (a == b)
		return;
	fprintf(stderr, "not ok - %s: %s: %lld, %lld (%s:%d)\n", running, text, (long long)a,
	        (long long)b, file, line);
	fail_now();
}

static void killed(int signal)
{
	static const char text[] = "not ok - killed or out of time\n";
	ssize_t ignored = write(2, text, sizeof(text) - 1);
	(void)signal, (void)ignored;
	fail_now();
}

static bool make_dir(void)
{
	const char *tmp = getenv("TMPDIR");
	int len = snprintf(harness_dir, sizeof(harness_dir), "%s/qxfs-front-XXXXXX",
	                   tmp ? tmp : "/tmp");
	return (size_t)len < sizeof(harness_dir) && mkdtemp(harness_dir);
}

int harness_main(int argc, char **argv, const struct scenario *scenarios)
{
	if (argc > 2 && strcmp(argv[1], "--remote") == 0)
		return remote_main(argv[2]);

	const char *only = argc > 1 ? argv[1] : "";
	if (access("/dev/fuse", R_OK | W_OK) < 0 ||
	    (geteuid() != 0 && access("/usr/bin/fusermount3", X_OK) < 0)) {
		printf("SKIP: cannot mount here\n");
		return SKIP;
	}
	if (!make_dir())
		return 1;
	signal(SIGTERM, killed);
	signal(SIGINT, killed);
	signal(SIGALRM, killed);
	signal(SIGPIPE, SIG_IGN);
	alarm(LIMIT_S);
	/* If we are killed, it sees the end of its socket and unmounts. */
	struct remote janitor = remote_new();
	(void)janitor;
	log_setup(getenv("QXFS_TEST_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, false);
	for (const struct scenario *s = scenarios; s->name; s++) {
		if (!strstr(s->name, only))
			continue;
		running = s->name;
		uint64_t before_us = now_us();
		s->run();
		printf("ok - %s (%.2f s)\n", s->name, (double)(now_us() - before_us) / 1e6);
		fflush(stdout);
	}
	harness_unmount(harness_dir);
	return 0;
}

void mount_up(struct mount *m, const struct fake_config *config)
{
	struct qx_fail fail;
	m->tree = fake_new(config);
	struct session_config c = {
		.tree = m->tree,
		.mountpoint = harness_dir,
		.mount_options = "nosuid,nodev",
		.source = "qxfs:a,b.example",
		.allow_other = geteuid() == 0,
		.debug = getenv("QXFS_TEST_DEBUG") != NULL,
	};

	if (session_new(&c, &m->session, &fail) < 0) {
		fprintf(stderr, "mount: %s\n", fail.why);
		CHECK(!"mounted");
	}
	CHECK_EQ(session_start(m->session), 0);
}

void mount_close(struct mount *m)
{
	tree_stop(m->tree);
	session_close(m->session);
	session_free(m->session);
	m->session = NULL;
}

void mount_down(struct mount *m)
{
	/* RELEASE and FORGET follow a close in their own time. */
	struct fake_counts c = fake_count(m->tree);
	for (unsigned i = 0; i < 200 && (c.handles != c.closes || c.leaked) && m->session; i++) {
		pause_ms(10);
		c = fake_count(m->tree);
	}
	if (m->session) {
		CHECK_EQ(c.handles, c.closes);
		CHECK_EQ(c.leaked, 0);
		mount_close(m);
		c = fake_count(m->tree);
	}
	CHECK_EQ(c.waits, c.dones);
	CHECK_EQ(c.waiting, 0);
	CHECK_EQ(c.overlaps, 0);
	fake_free(m->tree);
}

struct remote remote_new(void)
{
	struct remote r;
	CHECK_EQ(remote_start(harness_dir, &r), 0);
	return r;
}

void remote_send_open(struct remote *r, const char *path)
{
	struct ask ask = { .verb = REMOTE_OPEN, .flags = O_RDONLY };
	(void)snprintf(ask.path, sizeof(ask.path), "%s", path);
	remote_send(r, &ask);
}

int64_t remote_open(struct remote *r, const char *path)
{
	struct told told;
	remote_send_open(r, path);
	CHECK(remote_take(r, &told, 20000));
	return told.ret;
}

void remote_close(struct remote *r, int64_t fd)
{
	CHECK_EQ(remote_ask(r, &(struct ask){ .verb = REMOTE_CLOSE, .fd = (int)fd }).ret, 0);
}

uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void pause_ms(unsigned ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	nanosleep(&t, NULL);
}

unsigned thread_count(void)
{
	unsigned n = 0;
	DIR *dir = opendir("/proc/self/task");
	CHECK(dir);
	for (struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}
