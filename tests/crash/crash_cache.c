/* crash_cache.c kill|power [ROUNDS]: two processes publish into one cache until a crash meets them.
 *
 * kill: SIGKILL at any moment. After the first one whatever is found must be whole and right; once
 * both are dead, also nothing that was acknowledged may be missing, and nothing half made be left.
 * power: a small ext4 of our own is shut down without its log being written, as by a power cut, and
 * mounted again; then the same holds. Needs root and mkfs.ext4, else it is skipped (77).
 *
 * The test fails as well if the crashes met nothing: then it would prove nothing. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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
#include <qxfs/store/cache.h>
#include <zlib.h>

#define KEYS 6
#define LEN_MAX (150 * 1024)
#define KILL_ROUNDS 250
#define POWER_ROUNDS 40
#define SKIPPED 77

/* What both children tell, and what outlives them. */
struct shared {
	atomic_uint next[KEYS];  /* changed under the key's lock */
	atomic_uint acked[KEYS]; /* published: may never be missing again */
	atomic_uint published;
};

static struct shared *shared;
static char root[256];
static pid_t judge;
static int round_number;
static bool cutting; /* power: the disk's errors are what we made ourselves */

__attribute__((format(printf, 1, 2), noreturn)) static void wrong(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "crash_cache: round %d: ", round_number);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\ncrash_cache: the folder is kept: %s\n", root);
	va_end(args);
	_exit(1);
}

/* In a child: the disk answers with errors once it has been cut off. */
static void stop_or_wrong(const char *what, int err)
{
	if (!cutting)
		wrong("%s: %s", what, strerror(err));
	for (;;)
		pause();
}

static uint64_t below(uint64_t limit)
{
	return sys_random() % limit;
}

static void wait_up_to_us(uint64_t limit)
{
	struct timespec t = { .tv_nsec = (long)below(limit) * 1000 };
	nanosleep(&t, NULL);
}

static void key_name(char key[32], unsigned k)
{
	snprintf(key, 32, "account/SV_%u/responses.csv", k);
}

static void fill(unsigned char *bytes, size_t len, unsigned k, unsigned seq)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 253 + seq * 31 + k * 101);
}

/* --- a mount --------------------------------------------------------------------------------- */

struct mount {
	struct dirs *dirs;
	struct cache *cache;
};

static struct mount open_mount(void)
{
	char cache_parent[300], state_parent[300];
	struct mount m = { 0 };
	struct qx_fail fail = { 0 };
	const struct cache_config config = { .max_bytes = 1 << 30 };

	snprintf(cache_parent, sizeof(cache_parent), "%s/cache", root);
	snprintf(state_parent, sizeof(state_parent), "%s/state", root);
	if (dirs_open(cache_parent, state_parent, "a", &m.dirs, &fail) < 0 ||
	    cache_new(m.dirs, &config, &m.cache, &fail) < 0)
		stop_or_wrong(fail.why, fail.err);
	return m;
}

static void close_mount(struct mount *m)
{
	cache_free(m->cache);
	dirs_free(m->dirs);
}

/* --- the child ------------------------------------------------------------------------------- */

static void write_pieces(struct draft *d, int fd, const unsigned char *bytes, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = 1 + below(64 * 1024);
		if (n > len - at)
			n = len - at;
		if (draft_reserve(d, fd, at + n) < 0 || pwrite(fd, bytes + at, n, (off_t)at) < 0)
			stop_or_wrong("no write", errno);
		at += n;
	}
}

static void make_one(struct mount *m, unsigned char *bytes)
{
	char key[32];
	struct draft *d = NULL;
	struct generation *g = NULL;
	unsigned k = (unsigned)below(KEYS);

	key_name(key, k);
	int r = cache_draft_new(m->cache, key, &d);
	if (r == -EBUSY)
		return;
	if (r < 0)
		stop_or_wrong("no draft", -r);

	unsigned seq = atomic_fetch_add(&shared->next[k], 1) + 1;
	size_t len = below(LEN_MAX);
	struct gen_facts facts = { .took_ms = seq, .counts = { k }, .mtime_s = 5 };
	fill(bytes, len, k, seq);
	write_pieces(d, draft_raw_fd(d), bytes, len / 4);
	if (below(8) == 0 && draft_rewind(d) < 0)
		stop_or_wrong("no rewind", errno);
	write_pieces(d, draft_data_fd(d), bytes, len);
	if (below(8) != 0) {
		r = draft_publish(d, len, (uint32_t)crc32_z(0, bytes, len), &facts, &g);
		if (r < 0)
			stop_or_wrong("not published", -r);
		atomic_store(&shared->acked[k], seq);
		atomic_fetch_add(&shared->published, 1);
		if (below(3) == 0)
			(void)cache_renew(m->cache, g, (int64_t)below(3) + 5);
	}
	generation_unref(g);
	draft_free(d);
}

__attribute__((noreturn)) static void publish_for_ever(void)
{
	unsigned char *bytes = malloc(LEN_MAX);
	struct mount m = open_mount();
	while (bytes)
		make_one(&m, bytes);
	_exit(1);
}

static pid_t start_child(void)
{
	pid_t pid = fork();
	if (pid < 0)
		wrong("no fork: %s", strerror(errno));
	if (pid == 0) {
		/* A judge that is killed, or finds something wrong, leaves nobody behind. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != judge)
			_exit(1);
		publish_for_ever();
	}
	return pid;
}

static void kill_child(pid_t pid)
{
	int status;
	if (kill(pid, SIGKILL) < 0 || waitpid(pid, &status, 0) != pid)
		wrong("no kill: %s", strerror(errno));
	if (!WIFSIGNALED(status))
		wrong("a child ended by itself");
}

/* --- the judge ------------------------------------------------------------------------------- */

static unsigned raws, datas, facts_files;

static int count_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	const char *name = path + ftw->base;
	const char *dot = strrchr(name, '.');
	if (kind == FTW_F && dot) {
		raws += strcmp(dot, ".raw") == 0;
		datas += strcmp(dot, ".data") == 0;
		facts_files += strcmp(dot, ".facts") == 0;
	}
	return 0;
}

static void count_files(void)
{
	char path[300];
	raws = datas = facts_files = 0;
	snprintf(path, sizeof(path), "%s/cache", root);
	nftw(path, count_one, 16, FTW_PHYS);
}

static void check_bytes(int fd, const struct generation *g, unsigned k)
{
	static unsigned char got[LEN_MAX], want[LEN_MAX];
	unsigned seq = (unsigned)g->facts.took_ms;

	if (g->length > LEN_MAX || g->facts.counts[0] != k)
		wrong("key %u: foreign facts", k);
	if (pread(fd, got, g->length, 0) != (ssize_t)g->length)
		wrong("key %u, seq %u: cut", k, seq);
	fill(want, g->length, k, seq);
	if (memcmp(got, want, g->length) != 0)
		wrong("key %u, seq %u: wrong bytes", k, seq);
}

static void check_key(struct mount *m, unsigned k, bool all_dead)
{
	char key[32];
	unsigned acked = atomic_load(&shared->acked[k]);

	key_name(key, k);
	struct generation *g = cache_find(m->cache, key);
	int fd = g ? cache_open(m->cache, g) : -ENOENT;
	if (fd < 0 && fd != -ENOENT)
		wrong("key %u: cannot be opened: %s", k, strerror(-fd));
	if (fd < 0 && all_dead && acked > 0)
		wrong("key %u: seq %u was published and is gone", k, acked);
	if (fd >= 0 && (unsigned)g->facts.took_ms < acked)
		wrong("key %u: seq %u came back after %u", k, (unsigned)g->facts.took_ms, acked);
	if (fd >= 0) {
		check_bytes(fd, g, k);
		close(fd);
	}
	generation_unref(g);
}

static void check_all(bool all_dead)
{
	struct mount m = open_mount();
	if (all_dead) {
		count_files();
		if (raws > 0 || datas != facts_files)
			wrong("%u drafts, %u data files for %u facts are left", raws, datas,
			      facts_files);
	}
	for (unsigned k = 0; k < KEYS; k++)
		check_key(&m, k, all_dead);
	close_mount(&m);
}

/* --- kill ------------------------------------------------------------------------------------ */

static void kill_round(int *met)
{
	pid_t first = start_child(), second = start_child();
	wait_up_to_us(25000);
	kill_child(first);
	check_all(false);
	wait_up_to_us(10000);
	kill_child(second);
	count_files();
	*met += raws > 0 || datas != facts_files;
	check_all(true);
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
	snprintf(path, sizeof(path), "%s/%s", root, name);
	qx_auto_fd fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || sys_write_all(fd, "x", 1) < 0 || (sync && fsync(fd) < 0))
		wrong("%s: %s", path, strerror(errno));
}

static bool is_there(const char *name)
{
	char path[300];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s", root, name);
	return stat(path, &st) == 0 && st.st_size == 1;
}

static void cut_power(void)
{
	uint32_t how = EXT4_SHUTDOWN_NO_LOG_FLUSH;
	qx_auto_fd fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, EXT4_SHUTDOWN, &how) < 0)
		wrong("the disk cannot be cut off: %s", strerror(errno));
}

static char image[300];

static bool mount_disk(void)
{
	const char *const args[] = { "mount", "-o", "loop", image, root, NULL };
	return run(args);
}

static void power_round(int *met)
{
	char name[32];
	snprintf(name, sizeof(name), "synced-%d", round_number);
	pid_t first = start_child(), second = start_child();
	wait_up_to_us(60000);
	write_file(name, true);
	write_file("unsynced", false);
	cut_power();
	kill_child(first);
	kill_child(second);
	if (umount2(root, 0) < 0 || !mount_disk())
		wrong("the disk does not come back");

	if (!is_there(name))
		wrong("even what was synced is gone");
	*met += !is_there("unsynced");
	cutting = false; /* no more errors are expected */
	check_all(true);
	cutting = true;
}

static int make_disk(void)
{
	const char *const args[] = { "mkfs.ext4", "-q", "-F", image, NULL };

	snprintf(image, sizeof(image), "%s.ext4", root);
	qx_auto_fd fd = open(image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 64 << 20) < 0)
		wrong("%s: %s", image, strerror(errno));
	if (geteuid() == 0 && run(args) && mount_disk())
		return 0;
	(void)unlink(image);
	return SKIPPED;
}

static void remove_disk(void)
{
	(void)umount2(root, 0);
	(void)unlink(image);
}

/* --- both ------------------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int run_rounds(int rounds, void (*one)(int *met))
{
	int met = 0;

	for (round_number = 0; round_number < rounds; round_number++)
		one(&met);
	printf("%d crashes: %u published, %d met something half made\n", rounds,
	       atomic_load(&shared->published), met);
	if (met < rounds / 4) {
		fprintf(stderr, "crash_cache: too few crashes met anything: proves nothing\n");
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int64_t rounds;

	judge = getpid();
	cutting = argc > 1 && strcmp(argv[1], "power") == 0;
	rounds = cutting ? POWER_ROUNDS : KILL_ROUNDS;
	if (argc > 2 && sys_parse_int(argv[2], 1, 1000000, &rounds) < 0)
		return 2;
	const char *tmp = getenv("TMPDIR");
	snprintf(root, sizeof(root), "%s/qxfs-crash-XXXXXX", tmp ? tmp : "/tmp");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	if (shared == MAP_FAILED || !mkdtemp(root))
		return 2;

	int r = cutting ? make_disk() : 0;
	if (r == 0)
		r = run_rounds((int)rounds, cutting ? power_round : kill_round);
	if (r == 0 && cutting)
		remove_disk();
	if (r == 0 || r == SKIPPED)
		nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	return r;
}
