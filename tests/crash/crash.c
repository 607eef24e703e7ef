/* crash.c: two processes work until a crash meets them, round after round. */
#include "crash.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#include "../unit/tree_removal.h"

#define SKIPPED 77
#define STEPS_MS 20000 /* nobody takes a step any more: they wait for one another */
#define STEP_US 5000

char crash_root[256];
bool crash_is_power;

static const struct crash_case *the;
static struct {
	atomic_bool is_cut;
	atomic_uint steps;
} * shared; /* with the children */
static pid_t judge;
static int round_number;
static bool checking; /* no more errors are expected */

void crash_wrong(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: round %d: ", the->name, round_number);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n%s: %s is kept: %s%s\n", the->name,
	        crash_is_power ? "the disk" : "the folder", crash_root,
	        crash_is_power ? ".ext4" : "");
	_exit(1);
}

bool crash_is_cut(void)
{
	return atomic_load(&shared->is_cut);
}

void crash_step(void)
{
	atomic_fetch_add(&shared->steps, 1);
}

void crash_stop(const char *what, int err)
{
	if (!crash_is_power || checking)
		crash_wrong("%s: %s", what, strerror(err));
	for (;;)
		pause();
}

uint64_t crash_below(uint64_t limit)
{
	return sys_random() % limit;
}

static void wait_us(uint64_t us)
{
	struct timespec t = { .tv_nsec = (long)us * 1000 };
	nanosleep(&t, NULL);
}

/* Until they have taken some steps, however fast the machine is, and then some part of one more. */
static void wait_for_steps(void)
{
	unsigned from = atomic_load(&shared->steps), steps = (unsigned)crash_below(the->most_steps);
	int64_t until_ms = sys_now_ms() + STEPS_MS;

	while (atomic_load(&shared->steps) - from < steps && sys_now_ms() < until_ms)
		wait_us(200);
	wait_us(crash_below(STEP_US));
}

/* --- the children ---------------------------------------------------------------------------- */

static pid_t start_child(void)
{
	pid_t pid = fork();
	if (pid < 0)
		crash_wrong("no fork: %s", strerror(errno));
	if (pid == 0) {
		/* A judge that is killed, or finds something wrong, leaves nobody behind. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != judge)
			_exit(1);
		the->child();
		_exit(1);
	}
	return pid;
}

static void kill_child(pid_t pid)
{
	int status;
	if (kill(pid, SIGKILL) < 0 || waitpid(pid, &status, 0) != pid)
		crash_wrong("no kill: %s", strerror(errno));
	if (!WIFSIGNALED(status))
		crash_wrong("a child ended by itself");
}

/* --- kill ------------------------------------------------------------------------------------ */

static bool kill_round(void)
{
	pid_t first = start_child(), second = start_child();
	wait_for_steps();
	kill_child(first);
	the->check_beside();
	wait_for_steps();
	kill_child(second);
	return the->check_all();
}

/* --- power ----------------------------------------------------------------------------------- */

#define EXT4_SHUTDOWN _IOR('X', 125, uint32_t) /* linux/ext4.h is not for programs */
#define EXT4_SHUTDOWN_NO_LOG_FLUSH 2u

static bool run(const char *const args[])
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0) {
		execvp(args[0], (char *const *)(uintptr_t)args);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void write_file(const char *name, bool sync)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/%s", crash_root, name);
	qx_auto_fd fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || sys_write_all(fd, "x", 1) < 0 || (sync && fsync(fd) < 0))
		crash_wrong("%s: %s", path, strerror(errno));
}

static bool is_there(const char *name)
{
	char path[300];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s", crash_root, name);
	return stat(path, &st) == 0 && st.st_size == 1;
}

static void cut_power(void)
{
	uint32_t how = EXT4_SHUTDOWN_NO_LOG_FLUSH;
	qx_auto_fd fd = open(crash_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	atomic_store(&shared->is_cut, true);
	if (fd < 0 || ioctl(fd, EXT4_SHUTDOWN, &how) < 0)
		crash_wrong("the disk cannot be cut off: %s", strerror(errno));
}

static char image[300];

static bool mount_disk(void)
{
	const char *const args[] = { "mount", "-o", "loop", image, crash_root, NULL };
	return run(args);
}

static bool power_round(void)
{
	char name[32];
	snprintf(name, sizeof(name), "synced-%d", round_number);
	pid_t first = start_child(), second = start_child();
	wait_for_steps();
	write_file(name, true);
	write_file("unsynced", false);
	cut_power();
	kill_child(first);
	kill_child(second);
	if (umount2(crash_root, 0) < 0 || !mount_disk())
		crash_wrong("the disk does not come back");

	if (!is_there(name))
		crash_wrong("even what was synced is gone");
	bool met = !is_there("unsynced");
	atomic_store(&shared->is_cut, false);
	checking = true;
	(void)the->check_all(); /* a cut meets more than what it shows there */
	checking = false;
	return met;
}

static int make_disk(void)
{
	const char *const args[] = { "mkfs.ext4", "-q", "-F", image, NULL };

	snprintf(image, sizeof(image), "%s.ext4", crash_root);
	qx_auto_fd fd = open(image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 64 << 20) < 0)
		crash_wrong("%s: %s", image, strerror(errno));
	/* In a namespace of our own: a copy that somebody else's namespace had of the mount would
	 * keep the disk as it was cut. */
	if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && run(args) && mount_disk())
		return 0;
	(void)unlink(image);
	return SKIPPED;
}

static void remove_disk(void)
{
	(void)umount2(crash_root, 0);
	(void)unlink(image);
}

/* --- both ------------------------------------------------------------------------------------ */

static int run_rounds(int rounds)
{
	int met = 0;

	for (round_number = 0; round_number < rounds; round_number++)
		met += crash_is_power ? power_round() : kill_round();
	printf("%d crashes, %d met something half made\n", rounds, met);
	if (met < rounds / 4) {
		fprintf(stderr, "%s: too few crashes met anything: proves nothing\n", the->name);
		return 1;
	}
	return 0;
}

int crash_main(const struct crash_case *c, int argc, char **argv)
{
	int64_t rounds;

	the = c;
	judge = getpid();
	crash_is_power = argc > 1 && strcmp(argv[1], "power") == 0;
	rounds = crash_is_power ? c->power_rounds : c->kill_rounds;
	if (argc > 2 && sys_parse_int(argv[2], 1, 1000000, &rounds) < 0)
		return 2;
	const char *tmp = getenv("TMPDIR");
	snprintf(crash_root, sizeof(crash_root), "%s/qxfs-crash-XXXXXX", tmp ? tmp : "/tmp");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	if (shared == MAP_FAILED || !mkdtemp(crash_root))
		return 2;

	int r = crash_is_power ? make_disk() : 0;
	if (r == 0)
		r = run_rounds((int)rounds);
	if (r == 0 && crash_is_power)
		remove_disk();
	if (r == 0 || r == SKIPPED)
		remove_tree(crash_root, FTW_MOUNT);
	return r;
}
