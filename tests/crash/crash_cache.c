/* crash_cache.c kill|power [ROUNDS]: two processes publish into one cache until a crash meets them.
 *
 * kill: SIGKILL at any moment. After the first one whatever is found must be whole and right; once
 * both are dead, also nothing that was acknowledged may be missing, and nothing half made be left.
 * power: what holds after a power cut, see crash.h. Needs root and mkfs.ext4, else it is skipped
 * (77).
 *
 * The test fails as well if the crashes met nothing: then it would prove nothing. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <qxfs/store/cache.h>
#include <zlib.h>

#include "crash.h"

#define KEYS 6
#define LEN_MAX (150 * 1024)

/* What both children tell, and what outlives them. */
struct shared {
	atomic_uint next[KEYS];  /* changed under the key's lock */
	atomic_uint acked[KEYS]; /* published: may never be missing again */
	atomic_uint published, appended;
};

static struct shared *shared;
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

	snprintf(cache_parent, sizeof(cache_parent), "%s/cache", crash_root);
	snprintf(state_parent, sizeof(state_parent), "%s/state", crash_root);
	if (dirs_open(cache_parent, state_parent, "a", &m.dirs, &fail) < 0 ||
	    cache_new(m.dirs, &config, &m.cache, &fail) < 0)
		crash_stop(fail.why, fail.err);
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
		size_t n = 1 + crash_below(64 * 1024);
		if (n > len - at)
			n = len - at;
		if (draft_reserve(d, fd, at + n) < 0 || pwrite(fd, bytes + at, n, (off_t)at) < 0)
			crash_stop("no write", errno);
		at += n;
	}
}

#define HEADING 100 /* of what is to be appended: stands before it in the draft */

/* Bytes behind those that are there, in the same file. -ENOENT: there are none. */
static int append(struct mount *m, struct draft *d, const char *key, unsigned char *bytes,
                  struct gen_facts *facts, struct generation **ret)
{
	struct generation *old = cache_find(m->cache, key);
	if (!old || old->length + 1 >= LEN_MAX) {
		generation_unref(old);
		return -ENOENT;
	}
	size_t len = old->length + 1 + crash_below(LEN_MAX - old->length - 1);
	facts->exported_s = old->facts.exported_s;
	fill(bytes, len, (unsigned)facts->counts[0], (unsigned)facts->exported_s);
	memmove(bytes + HEADING, bytes + old->length, len - old->length);
	size_t end = HEADING + len - old->length;
	write_pieces(d, draft_data_fd(d), bytes, end);
	int r = draft_append(d, old, HEADING, end, facts, ret);
	if (r < 0 || (*ret)->length != len || strcmp((*ret)->data_name, old->data_name) != 0)
		crash_stop("not appended", -r);
	generation_unref(old);
	atomic_fetch_add(&shared->appended, 1);
	return 0;
}

static void make_one(struct mount *m, unsigned char *bytes)
{
	char key[32];
	struct draft *d = NULL;
	struct generation *g = NULL; /* its took_ms: which one; exported_s: which bytes */
	unsigned k = (unsigned)crash_below(KEYS);

	crash_step();
	key_name(key, k);
	int r = cache_draft_new(m->cache, key, &d);
	if (r == -EBUSY)
		return;
	if (r < 0)
		crash_stop("no draft", -r);

	unsigned seq = atomic_fetch_add(&shared->next[k], 1) + 1;
	size_t len = crash_below(LEN_MAX);
	struct gen_facts facts = {
		.took_ms = seq, .exported_s = seq, .counts = { k }, .mtime_s = 5
	};
	if (crash_below(2) == 0 && append(m, d, key, bytes, &facts, &g) == 0) {
		atomic_store(&shared->acked[k], seq);
		generation_unref(g);
		draft_free(d);
		return;
	}
	fill(bytes, len, k, seq);
	write_pieces(d, draft_raw_fd(d), bytes, len / 4);
	if (crash_below(8) == 0 && draft_rewind(d, true) < 0)
		crash_stop("no rewind", errno);
	write_pieces(d, draft_data_fd(d), bytes, len);
	if (crash_below(8) != 0) {
		r = draft_publish(d, len, (uint32_t)crc32_z(0, bytes, len), &facts, &g);
		if (r < 0 || crash_is_cut())
			crash_stop("not published", -r);
		atomic_store(&shared->acked[k], seq);
		atomic_fetch_add(&shared->published, 1);
		if (crash_below(3) == 0)
			(void)cache_renew(m->cache, g, (int64_t)crash_below(3) + 5);
	}
	generation_unref(g);
	draft_free(d);
}

static void publish_for_ever(void)
{
	unsigned char *bytes = malloc(LEN_MAX + HEADING);
	struct mount m = open_mount();
	while (bytes)
		make_one(&m, bytes);
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
	snprintf(path, sizeof(path), "%s/cache", crash_root);
	nftw(path, count_one, 16, FTW_PHYS);
}

static void check_bytes(int fd, const struct generation *g, unsigned k)
{
	static unsigned char got[LEN_MAX], want[LEN_MAX];
	unsigned seq = (unsigned)g->facts.took_ms;

	if (g->length > LEN_MAX || g->facts.counts[0] != k)
		crash_wrong("key %u: foreign facts", k);
	if (pread(fd, got, g->length, 0) != (ssize_t)g->length)
		crash_wrong("key %u, seq %u: cut", k, seq);
	fill(want, g->length, k, (unsigned)g->facts.exported_s);
	if (memcmp(got, want, g->length) != 0)
		crash_wrong("key %u, seq %u: wrong bytes", k, seq);
}

static void check_key(struct mount *m, unsigned k, bool all_dead)
{
	char key[32];
	unsigned acked = atomic_load(&shared->acked[k]);

	key_name(key, k);
	struct generation *g = cache_find(m->cache, key);
	int fd = g ? cache_open(m->cache, g) : -ENOENT;
	if (fd < 0 && fd != -ENOENT)
		crash_wrong("key %u: cannot be opened: %s", k, strerror(-fd));
	if (fd < 0 && all_dead && acked > 0)
		crash_wrong("key %u: seq %u was published and is gone", k, acked);
	if (fd >= 0 && (unsigned)g->facts.took_ms < acked)
		crash_wrong("key %u: seq %u came back after %u", k, (unsigned)g->facts.took_ms,
		            acked);
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
			crash_wrong("%u drafts, %u data files for %u facts are left", raws, datas,
			            facts_files);
	}
	for (unsigned k = 0; k < KEYS; k++)
		check_key(&m, k, all_dead);
	close_mount(&m);
}

static void check_beside(void)
{
	check_all(false);
}

static bool check_dead(void)
{
	count_files();
	bool met = raws > 0 || datas != facts_files;
	check_all(true);
	return met;
}

static const struct crash_case cache_case = {
	.name = "crash_cache",
	.kill_rounds = 250,
	.power_rounds = 40,
	.most_steps = 8,
	.child = publish_for_ever,
	.check_beside = check_beside,
	.check_all = check_dead,
};

int main(int argc, char **argv)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	if (shared == MAP_FAILED)
		return 2;
	int r = crash_main(&cache_case, argc, argv);
	printf("%u published, %u appended\n", atomic_load(&shared->published),
	       atomic_load(&shared->appended));
	return r;
}
