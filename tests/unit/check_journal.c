/* check_journal.c: what was taken is there, in one state, whatever fails, dies or is damaged.
 *
 * Each test has a folder of its own. The system calls that write are replaced by ones that can be
 * watched and made to fail; SQLite's library calls them too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <qxfs/store/journal.h>
#include <sqlite3.h>

#include "tree_removal.h"

#define ACCOUNT "abc"
#define IMPORT "mailinglists/CG_1/import"
#define CHECK "mailinglists/CG_1/check"
#define DONE_FOLDER IMPORT "/done"
#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER_DIGEST "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BIT(state) (1u << ENTRY_##state)
#define ANY ((1u << ENTRY_STATES_) - 1)

/* --- system calls that are watched ----------------------------------------------------------- */

static char watched[64][40];
static size_t watched_count;
static bool watching;
static atomic_int full_at;     /* this call that takes room, counted from 1, fails; 0: none */
static atomic_int full_calls;  /* how many there were */
static const char *sync_fails; /* the next fsync of a file whose name ends so fails, NULL: none */

static void fd_name(int fd, char out[40])
{
	char link[40], path[512];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	const char *slash = strrchr(path, '/');
	snprintf(out, 40, "%.39s", slash ? slash + 1 : path);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);
	return len >= n && strcmp(text + len - n, end) == 0;
}

/* It is told, but not waited for: nobody cuts the power here. */
static int watch_sync(int fd)
{
	char name[40];
	if (!watching && !sync_fails)
		return 0;
	fd_name(fd, name);
	if (watching && watched_count < countof(watched))
		memcpy(watched[watched_count++], name, sizeof(name));
	if (sync_fails && ends_with(name, sync_fails)) {
		sync_fails = NULL;
		errno = EIO;
		return -1;
	}
	return 0;
}

int fsync(int fd)
{
	return watch_sync(fd);
}

int fdatasync(int fd)
{
	return watch_sync(fd);
}

static bool is_full(void)
{
	if (atomic_load(&full_at) == 0 || atomic_fetch_add(&full_calls, 1) + 1 != full_at)
		return false;
	errno = ENOSPC;
	return true;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return is_full() ? -1 : syscall(SYS_pwrite64, fd, bytes, len, at);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	return is_full() ? -1 : syscall(SYS_write, fd, bytes, len);
}

int openat(int dir, const char *name, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	mode_t mode = (flags & O_CREAT) ? va_arg(args, mode_t) : 0;
	va_end(args);
	if ((flags & O_CREAT) && is_full())
		return -1;
	return (int)syscall(SYS_openat, dir, name, flags, mode);
}

static int64_t later_s; /* so much later it seems to be */

time_t time(time_t *ret)
{
	struct timespec now;
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
	now.tv_sec += later_s;
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

static bool sleeps; /* else waiting takes no time */
static atomic_llong slept_ms;

/* SQLite waits with one of these, and counts what it has asked for. */
int usleep(useconds_t us)
{
	const struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
	atomic_fetch_add(&slept_ms, us / 1000);
	return sleeps ? (int)syscall(SYS_nanosleep, &t, NULL) : 0;
}

int nanosleep(const struct timespec *t, struct timespec *left)
{
	atomic_fetch_add(&slept_ms, t->tv_sec * 1000 + t->tv_nsec / 1000000);
	return sleeps ? (int)syscall(SYS_nanosleep, t, left) : 0;
}

static size_t synced(const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < watched_count; i++)
		n += ends_with(watched[i], name);
	return n;
}

static void begin_watching(void)
{
	watched_count = 0;
	watching = true;
}

/* --- a folder for each test ------------------------------------------------------------------ */

static char root[256];

struct mount {
	struct dirs *dirs;
	struct journal *journal;
};

static int try_mount(struct mount *m, struct qx_fail *fail)
{
	char cache_parent[300], state_parent[300];

	*m = (struct mount){ 0 };
	snprintf(cache_parent, sizeof(cache_parent), "%s/cache", root);
	snprintf(state_parent, sizeof(state_parent), "%s/state", root);
	assert_int_equal(dirs_open(cache_parent, state_parent, ACCOUNT, &m->dirs, fail), 0);
	return journal_open(m->dirs, &m->journal, fail);
}

static void close_mount(struct mount *m)
{
	journal_free(m->journal);
	dirs_free(m->dirs);
}

static struct mount open_mount(void)
{
	struct mount m;
	struct qx_fail fail = { 0 };
	if (try_mount(&m, &fail) < 0)
		fail_msg("%s", fail.why);
	return m;
}

/* For tests of one mount. */
static struct mount the;
static struct journal *j;

static void reopen(void)
{
	if (the.dirs)
		close_mount(&the);
	the = open_mount();
	j = the.journal;
}

static int set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");
	(void)state;
	sleeps = true;
	snprintf(root, sizeof(root), "%s/qxfs-journal-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(root))
		return -1;
	reopen();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	watching = false;
	sync_fails = NULL;
	atomic_store(&full_at, 0);
	later_s = 0;
	if (the.dirs)
		close_mount(&the);
	the = (struct mount){ 0 };
	remove_tree(root, 0);
	return 0;
}

static const char *path_of(const char *name)
{
	static char path[2][400];
	static int turn;
	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/state/" ACCOUNT "/%s", root, name);
	return path[turn];
}

static const char *spool_of(int64_t id, const char *suffix)
{
	char name[60];
	snprintf(name, sizeof(name), "spool/%lld%s", (long long)id, suffix);
	return path_of(name);
}

static bool is_there(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

static struct buf read_file(const char *path)
{
	struct buf b = { 0 };
	assert_int_equal(sys_read_file_at(AT_FDCWD, path, 64 << 20, &b), 0);
	return b;
}

static void write_file(const char *path, const void *bytes, size_t len)
{
	qx_auto_fd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, bytes, len), 0);
}

/* Says something to the file itself, as no qxfs does. */
static void sql(const char *text)
{
	sqlite3 *db = NULL;
	char *words = NULL;
	assert_int_equal(sqlite3_open(path_of("journal.db"), &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 2000);
	if (sqlite3_exec(db, text, NULL, NULL, &words) != SQLITE_OK)
		fail_msg("%s: %s", text, words);
	sqlite3_close(db);
}

/* --- entries --------------------------------------------------------------------------------- */

static struct entry new_entry_of(struct journal *of, const char *folder, const char *name,
                                 enum entry_state state)
{
	struct entry e = { .state = state, .mode = 0640, .uid = 7, .gid = 8 };
	snprintf(e.folder, sizeof(e.folder), "%s", folder);
	snprintf(e.name, sizeof(e.name), "%s", name);
	assert_int_equal(journal_create(of, &e), 0);
	return e;
}

static struct entry new_entry(const char *name)
{
	return new_entry_of(j, IMPORT, name, ENTRY_WRITING);
}

static struct entry new_scratch(const char *name)
{
	return new_entry_of(j, IMPORT, name, ENTRY_SCRATCH);
}

static void put_bytes(int64_t id, const char *bytes)
{
	qx_auto_fd fd = journal_spool(j, id, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(sys_write_all(fd, bytes, strlen(bytes)), 0);
}

static void assert_bytes(int64_t id, const char *want)
{
	char got[100] = "";
	qx_auto_fd fd = journal_spool(j, id, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, got, sizeof(got) - 1), (ssize_t)strlen(want));
	assert_string_equal(got, want);
}

static void flush(int64_t id, const char *digest)
{
	struct stat st;
	qx_auto_fd fd = journal_spool(j, id, O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(journal_flushed(j, id, (uint64_t)st.st_size, digest, true), 0);
}

static struct entry get(int64_t id)
{
	struct entry e;
	assert_int_equal(journal_get(j, id, &e), 0);
	return e;
}

static int move(int64_t id, enum entry_state to)
{
	return journal_move_state(j, id, ANY, to, NULL, NULL, false);
}

static int rename_to(int64_t id, const char *folder, const char *name, enum entry_state state,
                     bool new_uuid)
{
	return journal_rename(j, id, folder, name, state, new_uuid, false);
}

static int finish(int64_t id, enum entry_state state)
{
	struct entry e = get(id);
	e.state = state;
	return journal_finish(j, &e, NULL);
}

/* A submission of these bytes that is queued. */
static struct entry queued(const char *name, const char *digest)
{
	struct entry e = new_entry(name);
	put_bytes(e.id, digest);
	flush(e.id, digest);
	assert_int_equal(move(e.id, ENTRY_QUEUED), 0);
	return get(e.id);
}

/* The way of an entry into a state. */
static struct entry in_state(const char *name, enum entry_state state)
{
	struct entry e = state == ENTRY_SCRATCH ? new_scratch(name) : new_entry(name);
	bool sent = state == ENTRY_SENDING || state == ENTRY_IMPORTING ||
	            state == ENTRY_UNCERTAIN || state == ENTRY_DONE || state == ENTRY_PARTLY;

	put_bytes(e.id, "bytes");
	assert_int_equal(journal_sender_take(j), 0);
	if (sent) {
		assert_int_equal(move(e.id, ENTRY_QUEUED), 0);
		assert_int_equal(move(e.id, ENTRY_SENDING), 0);
	}
	if (state == ENTRY_DONE || state == ENTRY_PARTLY)
		assert_int_equal(finish(e.id, state), 0);
	else if (state != ENTRY_SCRATCH && state != ENTRY_WRITING && state != ENTRY_SENDING)
		assert_int_equal(move(e.id, state), 0);
	e = get(e.id);
	assert_int_equal(e.state, state);
	return e;
}

/* --- the tables ------------------------------------------------------------------------------ */

/* From the drawing of entry.h and DESIGN.md 4, written down once more: s scratch, w writing, q
 * queued, h held, S sending, I importing, d done, p partly, r refused, f failed, u uncertain, m
 * same, c checked. */
static const char letters[] = "swqhSIdprfumc";
static const char *const may[] = {
	[ENTRY_SCRATCH] = "",   [ENTRY_WRITING] = "wqhrmcf", [ENTRY_QUEUED] = "qhSrmcdf",
	[ENTRY_HELD] = "hqrmf", [ENTRY_SENDING] = "SqIdpfu", [ENTRY_IMPORTING] = "ISdpfu",
	[ENTRY_DONE] = "",      [ENTRY_PARTLY] = "",         [ENTRY_REFUSED] = "",
	[ENTRY_FAILED] = "q",   [ENTRY_UNCERTAIN] = "q",     [ENTRY_SAME] = "q",
	[ENTRY_CHECKED] = "",
};
#define MAY_ANEW "swqhrmc"
static const char *const words[] = { "scratch", "writing",   "queued",    "held",
	                             "sending", "importing", "done",      "done with refusals",
	                             "refused", "failed",    "uncertain", "same",
	                             "checked" };

static bool is_busy(int state)
{
	return state == ENTRY_SENDING || state == ENTRY_IMPORTING;
}

static void test_the_tables_of_states(void **state)
{
	(void)state;
	for (int from = 0; from < ENTRY_STATES_; from++) {
		const struct entry_state_row *row = entry_state_row((enum entry_state)from);
		assert_string_equal(row->word, words[from]);
		assert_true(strlen(row->phrase) > 5);
		assert_int_equal(row->busy, is_busy(from));
		assert_int_equal(row->over, strchr("hdprfumc", letters[from]) != NULL);
		for (int to = 0; to < ENTRY_STATES_; to++) {
			enum entry_state a = (enum entry_state)from, b = (enum entry_state)to;
			assert_int_equal(entry_state_may(a, b),
			                 strchr(may[from], letters[to]) != NULL);
			assert_int_equal(entry_state_may_anew(a, b),
			                 !is_busy(from) &&
			                         (from == to || strchr(MAY_ANEW, letters[to])));
		}
	}
}

static void test_every_move_is_as_the_table_says(void **state)
{
	char name[40];
	(void)state;
	for (int from = 0; from < ENTRY_STATES_; from++) {
		for (int to = 0; to < ENTRY_STATES_; to++) {
			snprintf(name, sizeof(name), "m%d-%d.csv", from, to);
			struct entry e = in_state(name, (enum entry_state)from);
			bool legal = strchr(may[from], letters[to]) && to != ENTRY_DONE &&
			             to != ENTRY_PARTLY;
			assert_int_equal(move(e.id, (enum entry_state)to), legal ? 0 : -EINVAL);
			struct entry now = get(e.id);
			assert_int_equal(now.state, legal ? to : from);
			assert_int_equal(now.done_s != 0, entry_state_row(now.state)->over);
		}
	}
	assert_int_equal(move(1, ENTRY_STATES_), -EINVAL);
}

static void test_every_rename_is_as_the_table_says(void **state)
{
	char name[40], other[50];
	(void)state;
	for (int from = 0; from < ENTRY_STATES_; from++) {
		for (int to = 0; to < ENTRY_STATES_; to++) {
			snprintf(name, sizeof(name), "r%d-%d.csv", from, to);
			snprintf(other, sizeof(other), "to-%s", name);
			struct entry e = in_state(name, (enum entry_state)from);
			int want = is_busy(from)                                 ? -EBUSY
			           : from == to || strchr(MAY_ANEW, letters[to]) ? 0
			                                                         : -EINVAL;
			assert_int_equal(rename_to(e.id, CHECK, other, (enum entry_state)to, false),
			                 want);
			struct entry now = get(e.id);
			assert_int_equal(now.state, want == 0 ? to : from);
			assert_string_equal(now.name, want == 0 ? other : e.name);
			assert_int_equal(now.uuid[0] != 0, now.state != ENTRY_SCRATCH);
		}
	}
	assert_int_equal(rename_to(1, CHECK, "x", ENTRY_STATES_, false), -EINVAL);
}

static void test_every_finish_is_as_the_table_says(void **state)
{
	char name[40];
	(void)state;
	for (int from = 0; from < ENTRY_STATES_; from++) {
		for (int to = 0; to < ENTRY_STATES_; to++) {
			snprintf(name, sizeof(name), "f%d-%d.csv", from, to);
			struct entry e = in_state(name, (enum entry_state)from);
			bool legal = strchr(may[from], letters[to]) &&
			             entry_state_row((enum entry_state)to)->over;
			assert_int_equal(finish(e.id, (enum entry_state)to), legal ? 0 : -EINVAL);
			assert_int_equal(get(e.id).state, legal ? to : from);
		}
	}
}

static void test_a_move_wants_one_of_the_states_given(void **state)
{
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	assert_int_equal(journal_move_state(j, e.id, BIT(HELD) | BIT(WRITING), ENTRY_QUEUED, NULL,
	                                    NULL, true),
	                 -EBUSY);
	assert_int_equal(journal_move_state(j, e.id, BIT(QUEUED), ENTRY_HELD, "why", "next", true),
	                 0);
	e = get(e.id);
	assert_string_equal(e.why, "why");
	assert_string_equal(e.next, "next");
	assert_int_equal(move(e.id, ENTRY_QUEUED), 0);
	assert_string_equal(get(e.id).why, "");
	assert_int_equal(move(99, ENTRY_QUEUED), -ENOENT);
}

static void test_words_are_cut_at_a_character(void **state)
{
	char long_words[900];
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	for (size_t i = 0; i + 2 < sizeof(long_words); i += 2)
		memcpy(long_words + i, "\xc3\xa4", 3);
	assert_int_equal(
		journal_move_state(j, e.id, ANY, ENTRY_HELD, long_words, long_words, false), 0);
	e = get(e.id);
	assert_int_equal(strlen(e.why), ENTRY_WHY - 2);
	assert_int_equal(strlen(e.next), ENTRY_WHY - 2);
	assert_true(strncmp(e.why, long_words, strlen(e.why)) == 0);
}

/* --- create, find, list ---------------------------------------------------------------------- */

static bool is_uuid_4(const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
	for (size_t i = 0; i < sizeof(form); i++) {
		const char *set = form[i] == 'x'   ? "0123456789abcdef"
		                  : form[i] == 'y' ? "89ab"
		                                   : NULL;
		if (set ? !text[i] || !strchr(set, text[i]) : text[i] != form[i])
			return false;
	}
	return true;
}

static void test_what_is_created_is_found(void **state)
{
	(void)state;
	int64_t before = time(NULL);
	struct entry e = { .state = ENTRY_WRITING,
		           .folder = IMPORT,
		           .name = "a.csv",
		           .pushed = true,
		           .mode = 0640,
		           .uid = 7,
		           .gid = 8 };
	struct entry found, by_id;
	assert_int_equal(journal_create(j, &e), 0);
	assert_int_equal(journal_find(j, IMPORT, "a.csv", &found), 0);
	assert_int_equal(journal_get(j, e.id, &by_id), 0);
	assert_memory_equal(&found.id, &e.id, sizeof(e.id));
	assert_string_equal(found.folder, IMPORT);
	assert_string_equal(found.name, "a.csv");
	assert_string_equal(found.uuid, e.uuid);
	assert_string_equal(by_id.uuid, e.uuid);
	assert_true(is_uuid_4(e.uuid));
	assert_true(found.pushed && !found.whole && !found.hidden && !found.sent_before);
	assert_int_equal(found.mode, 0640);
	assert_int_equal(found.uid, 7);
	assert_int_equal(found.gid, 8);
	assert_true(found.created_s >= before && found.changed_s >= before);
	assert_true(found.mtime_ns / 1000000000 >= before);
	assert_int_equal(found.done_s, 0);
	assert_string_equal(found.digest, "");
	assert_bytes(e.id, "");
	assert_int_equal(journal_find(j, IMPORT, "b.csv", &found), -ENOENT);
	assert_int_equal(journal_find(j, CHECK, "a.csv", &found), -ENOENT);
	assert_int_equal(journal_get(j, e.id + 1, &found), -ENOENT);

	struct entry again = e;
	assert_int_equal(journal_create(j, &again), -EEXIST);
	struct entry second = new_entry("b.csv");
	assert_true(second.id > e.id);
	assert_string_not_equal(second.uuid, e.uuid);
	assert_string_equal(new_scratch("c").uuid, "");
}

static void test_uuids_differ(void **state)
{
	char seen[200][UUID_SIZE], name[20];
	(void)state;
	for (size_t i = 0; i < countof(seen); i++) {
		snprintf(name, sizeof(name), "%zu.csv", i);
		struct entry e = new_entry(name);
		assert_true(is_uuid_4(e.uuid));
		memcpy(seen[i], e.uuid, UUID_SIZE);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(seen[k], e.uuid);
	}
}

static void test_no_names_of_files_are_refused(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "/" };
	(void)state;
	struct entry e = { .state = ENTRY_WRITING, .folder = IMPORT };
	for (size_t i = 0; i < countof(bad); i++) {
		snprintf(e.name, sizeof(e.name), "%s", bad[i]);
		assert_int_equal(journal_create(j, &e), -EINVAL);
	}
	memset(e.name, 'x', sizeof(e.name));
	assert_int_equal(journal_create(j, &e), -ENAMETOOLONG);
	e.name[255] = '\0';
	assert_int_equal(journal_create(j, &e), 0);
	assert_int_equal(strlen(get(e.id).name), 255);
	char longer[300] = "";
	memset(longer, 'x', 256);
	assert_int_equal(rename_to(e.id, IMPORT, longer, ENTRY_WRITING, false), -ENAMETOOLONG);
	assert_int_equal(rename_to(e.id, longer, "a", ENTRY_WRITING, false), -ENAMETOOLONG);
	assert_int_equal(rename_to(e.id, IMPORT, "..", ENTRY_WRITING, false), -EINVAL);
	assert_int_equal(rename_to(e.id, "", "a", ENTRY_WRITING, false), -EINVAL);
	struct entry queued_at_once = { .state = ENTRY_QUEUED, .folder = IMPORT, .name = "q" };
	assert_int_equal(journal_create(j, &queued_at_once), -EINVAL);
}

static void test_hostile_names_come_back_as_they_were(void **state)
{
	static const char *const names[] = { "'; DROP TABLE entry; --",
		                             "\xff\xfe",
		                             "\xed\xa0\x80",
		                             "a\nb\tc\x01",
		                             "%s%n",
		                             "*",
		                             "\xe2\x80\xae" };
	struct entry found;
	(void)state;
	for (size_t i = 0; i < countof(names); i++) {
		struct entry e = new_entry(names[i]);
		assert_int_equal(journal_find(j, IMPORT, names[i], &found), 0);
		assert_int_equal(found.id, e.id);
		assert_string_equal(found.name, names[i]);
	}
}

static void test_a_list_comes_in_pages_by_name(void **state)
{
	struct entry page[8];
	char name[20], after[ENTRY_NAME] = "";
	int seen = 0, n;
	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "%02d.csv", i * 7 % 20);
		new_entry(name);
	}
	new_entry_of(j, CHECK, "05.csv", ENTRY_WRITING);
	while ((n = journal_list(j, IMPORT, after, page, 8)) > 0) {
		for (int i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "%02d.csv", seen++);
			assert_string_equal(page[i].name, name);
			assert_string_equal(page[i].folder, IMPORT);
		}
		memcpy(after, page[n - 1].name, sizeof(after));
	}
	assert_int_equal(n, 0);
	assert_int_equal(seen, 20);
}

struct gathered {
	int64_t ids[200];
	size_t n, end;
};

static bool gather(void *arg, const struct entry *e)
{
	struct gathered *g = arg;
	struct entry found; /* no lock is held */
	assert_int_equal(journal_get(j, e->id, &found), 0);
	assert_int_equal(journal_mark(j, e->id, NULL, NULL), 0);
	assert_true(g->n < countof(g->ids));
	g->ids[g->n++] = e->id;
	return g->n != g->end;
}

static void test_each_gives_those_in_the_states(void **state)
{
	char name[20];
	struct gathered g = { 0 }, few = { .end = 3 }, none = { 0 };
	(void)state;
	for (int i = 0; i < 150; i++) {
		snprintf(name, sizeof(name), "%d.csv", i);
		struct entry e = new_entry(name);
		if (i % 3)
			assert_int_equal(move(e.id, i % 3 == 1 ? ENTRY_HELD : ENTRY_QUEUED), 0);
	}
	assert_int_equal(journal_each(j, BIT(HELD) | BIT(QUEUED), gather, &g), 0);
	assert_int_equal(g.n, 100);
	for (size_t i = 1; i < g.n; i++)
		assert_true(g.ids[i - 1] < g.ids[i]);
	for (size_t i = 0; i < g.n; i++)
		assert_int_not_equal(get(g.ids[i]).state, ENTRY_WRITING);
	assert_int_equal(journal_each(j, BIT(WRITING), gather, &few), 0);
	assert_int_equal(few.n, 3);
	assert_int_equal(journal_each(j, BIT(DONE), gather, &none), 0);
	assert_int_equal(none.n, 0);
}

static void test_only_its_owner_may_read_it(void **state)
{
	static const char *const names[] = { "journal.db", "journal.db-wal",   "journal.db-shm",
		                             "spool/1",    "spool/1.rejected", "sender.lock" };
	struct stat st;
	(void)state;
	umask(0);
	struct entry e = new_entry("a.csv");
	int fd = journal_rejected(j, e.id, O_CREAT | O_RDWR | O_TRUNC);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(journal_sender_take(j), 0);
	umask(022);
	for (size_t i = 0; i < countof(names); i++) {
		assert_int_equal(stat(path_of(names[i]), &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	assert_int_equal(stat(path_of("spool"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(path_of("mounts"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

/* --- bytes ----------------------------------------------------------------------------------- */

static void test_a_flush_is_durable(void **state)
{
	(void)state;
	struct entry warm = new_entry("warm.csv");
	flush(warm.id, DIGEST);

	begin_watching();
	struct entry e = new_entry("a.csv");
	assert_int_equal(watched_count, 0);
	put_bytes(e.id, "a,b\r\n1,2\r\n");
	assert_int_equal(journal_flushed(j, e.id, 10, DIGEST, true), 0);
	assert_int_equal(watched_count, 3);
	char id[20];
	snprintf(id, sizeof(id), "%lld", (long long)e.id);
	assert_string_equal(watched[0], id);
	assert_string_equal(watched[1], "spool");
	assert_string_equal(watched[2], "journal.db-wal");

	begin_watching();
	assert_int_equal(journal_flushed(j, e.id, 10, NULL, false), 0);
	assert_int_equal(watched_count, 2); /* the folder knows it */
	e = get(e.id);
	assert_int_equal(e.size, 10);
	assert_string_equal(e.digest, DIGEST);
	assert_true(e.whole); /* until it is written again */

	reopen();
	assert_bytes(e.id, "a,b\r\n1,2\r\n");
	assert_int_equal(get(e.id).size, 10);
}

static void test_only_what_is_written_is_flushed(void **state)
{
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	assert_int_equal(journal_flushed(j, e.id, 1, OTHER_DIGEST, true), -EBUSY);
	assert_string_equal(get(e.id).digest, DIGEST);
	assert_int_equal(journal_flushed(j, 99, 1, DIGEST, true), -ENOENT);
	struct entry scratch = new_scratch("tmp");
	flush(scratch.id, DIGEST);
	assert_true(get(scratch.id).whole);
	assert_int_equal(journal_flushed(j, scratch.id, 1, DIGEST "0", true), -EINVAL);
}

static void test_a_flush_without_a_digest_and_not_whole(void **state)
{
	(void)state;
	struct entry e = new_entry("a.csv");
	assert_int_equal(journal_flushed(j, e.id, 0, NULL, false), 0);
	e = get(e.id);
	assert_false(e.whole);
	assert_string_equal(e.digest, "");
	assert_int_equal(e.state, ENTRY_WRITING);
	flush(e.id, DIGEST);
	assert_int_equal(journal_flushed(j, e.id, 0, "", false), 0);
	assert_string_equal(get(e.id).digest, "");
}

static void test_a_failed_fsync_is_never_believed_again(void **state)
{
	(void)state;
	struct entry e = new_entry("a.csv");
	char id[20];
	snprintf(id, sizeof(id), "%lld", (long long)e.id);
	put_bytes(e.id, "bytes");
	sync_fails = id;
	assert_int_equal(journal_flushed(j, e.id, 5, DIGEST, true), -EIO);
	assert_false(get(e.id).whole);
	assert_int_equal(journal_flushed(j, e.id, 5, DIGEST, true), -EIO);
	assert_int_equal(journal_rewrite(j, e.id), 0); /* its bytes are still those */
	assert_int_equal(journal_flushed(j, e.id, 5, DIGEST, true), -EIO);
	assert_int_equal(move(e.id, ENTRY_QUEUED), -EIO);
	assert_int_equal(rename_to(e.id, IMPORT, "b.csv", ENTRY_QUEUED, false), -EIO);
	assert_int_equal(get(e.id).state, ENTRY_WRITING);

	assert_int_equal(truncate(spool_of(e.id, ""), 0), 0);
	assert_int_equal(journal_rewrite(j, e.id), 0);
	put_bytes(e.id, "bytes");
	flush(e.id, DIGEST);
	assert_true(get(e.id).whole);
}

static void test_a_failed_fsync_of_the_folder_is_an_error(void **state)
{
	(void)state;
	struct entry e = new_entry("a.csv");
	sync_fails = "spool";
	assert_int_equal(journal_flushed(j, e.id, 0, DIGEST, true), -EIO);
	assert_false(get(e.id).whole);
	begin_watching();
	flush(e.id, DIGEST);
	assert_int_equal(synced("spool"), 1); /* it is still to come */
}

static void test_a_failed_fsync_of_the_log_is_made_good(void **state)
{
	(void)state;
	struct entry e = new_entry("a.csv");
	flush(e.id, DIGEST);
	sync_fails = "journal.db-wal";
	assert_int_equal(move(e.id, ENTRY_HELD), 0); /* not durable: it does not ask */
	assert_int_equal(journal_move_state(j, e.id, ANY, ENTRY_QUEUED, NULL, NULL, true), -EIO);
	assert_null(sync_fails);
	assert_int_equal(get(e.id).state, ENTRY_HELD);

	/* The log's pages are taken for written now: only the file itself can be trusted. */
	begin_watching();
	assert_int_equal(journal_move_state(j, e.id, ANY, ENTRY_QUEUED, NULL, NULL, true), 0);
	assert_true(synced("journal.db") > 0);
	begin_watching();
	assert_int_equal(journal_move_state(j, e.id, ANY, ENTRY_HELD, NULL, NULL, true), 0);
	assert_int_equal(synced("journal.db"), 0);
}

static void test_what_leaves_the_writers_is_durable(void **state)
{
	(void)state;
	struct entry e = new_entry("a.csv"), scratch = new_scratch("tmp");
	begin_watching();
	assert_int_equal(journal_move_state(j, e.id, ANY, ENTRY_REFUSED, "empty", NULL, true), 0);
	assert_int_equal(synced("spool"), 1);
	assert_int_equal(watched_count, 3);
	begin_watching();
	assert_int_equal(rename_to(scratch.id, IMPORT, "b.csv", ENTRY_QUEUED, true), 0);
	assert_int_equal(synced("spool"), 1);
	assert_int_equal(synced("journal.db-wal"), 1);
}

static void test_what_is_written_again_is_another_submission(void **state)
{
	const struct part parts[] = { { .n = 0, .rows = 3, .first_row = 1, .to = 9 } };
	struct buf text = { 0 }, report = { 0 };
	struct part *left = NULL;
	size_t n = 9;
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	buf_add_str(&text, "text");
	assert_int_equal(journal_set_parts(j, e.id, NULL, parts, 1, NULL), 0);
	assert_int_equal(journal_set_report(j, e.id, &text), 0);
	close(journal_rejected(j, e.id, O_CREAT | O_RDWR | O_TRUNC));
	assert_int_equal(journal_move_state(j, e.id, ANY, ENTRY_HELD, "why", "next", true), 0);
	const bool yes = true;
	assert_int_equal(journal_mark(j, e.id, &yes, &yes), 0);

	begin_watching();
	assert_int_equal(journal_rewrite(j, e.id), 0);
	assert_int_equal(synced("journal.db-wal"), 1); /* or a power cut leaves an old digest */
	struct entry again = get(e.id);
	assert_int_equal(again.state, ENTRY_WRITING);
	assert_string_not_equal(again.uuid, e.uuid);
	assert_true(is_uuid_4(again.uuid));
	assert_true(!again.whole && again.pushed && !again.sent_before);
	assert_string_equal(again.digest, "");
	assert_string_equal(again.why, "");
	assert_string_equal(again.next, "");
	assert_int_equal(again.done_s, 0);
	assert_int_equal(again.parts, 0);
	assert_int_equal(again.rows, 0);
	assert_int_equal(journal_parts(j, e.id, &left, &n), 0);
	assert_int_equal(n, 0);
	free(left);
	assert_int_equal(journal_report(j, e.id, &report), 0);
	assert_int_equal(report.len, 0);
	assert_false(is_there(spool_of(e.id, ".rejected")));
	assert_bytes(e.id, DIGEST); /* its bytes are the writer's */

	begin_watching();
	assert_int_equal(journal_rewrite(j, e.id), 0);
	assert_int_equal(watched_count, 0); /* there was nothing durable to belie */
	buf_done(&text);
}

static void test_what_is_being_sent_is_not_written(void **state)
{
	(void)state;
	struct entry e = in_state("a.csv", ENTRY_SENDING);
	assert_int_equal(journal_rewrite(j, e.id), -EBUSY);
	assert_int_equal(journal_spool(j, e.id, O_RDWR), -EBUSY);
	assert_string_equal(get(e.id).uuid, e.uuid);
	assert_bytes(e.id, "bytes");
	assert_int_equal(journal_rewrite(j, 99), -ENOENT);
	struct entry scratch = new_scratch("tmp");
	assert_int_equal(journal_rewrite(j, scratch.id), 0);
	assert_int_equal(get(scratch.id).state, ENTRY_SCRATCH);
	assert_string_equal(get(scratch.id).uuid, "");
}

static void test_the_fds(void **state)
{
	(void)state;
	struct entry e = new_entry("a.csv");
	assert_int_equal(journal_spool(j, e.id, O_RDWR | O_TRUNC), -EINVAL);
	assert_int_equal(journal_spool(j, e.id, O_WRONLY), -EINVAL);
	assert_int_equal(journal_spool(j, 99, O_RDONLY), -ENOENT);
	assert_int_equal(journal_rejected(j, e.id, O_RDONLY), -ENOENT);
	assert_int_equal(journal_rejected(j, 99, O_CREAT | O_RDWR | O_TRUNC), -ENOENT);
	assert_int_equal(journal_rejected(j, e.id, O_RDWR | O_EXCL), -EINVAL);
	assert_false(is_there(spool_of(99, ".rejected")));
	assert_int_equal(unlink(spool_of(e.id, "")), 0);
	assert_int_equal(journal_spool(j, e.id, O_RDONLY), -EIO);
	assert_int_equal(symlink("/etc/passwd", spool_of(e.id, "")), 0);
	assert_int_equal(journal_spool(j, e.id, O_RDONLY), -ELOOP);
}

static void test_attributes(void **state)
{
	const mode_t mode = 0600;
	const uid_t uid = 4000000000u;
	const gid_t gid = 5;
	const int64_t when = -1500000000, later = 1234567890123456789;
	struct stat st;
	(void)state;
	struct entry e = new_entry("a.csv");
	put_bytes(e.id, "x");
	assert_int_equal(journal_set_attr(j, e.id, &mode, NULL, NULL, NULL), 0);
	assert_int_equal(get(e.id).mode, 0600);
	assert_int_equal(get(e.id).uid, 7);
	assert_int_equal(journal_set_attr(j, e.id, NULL, &uid, &gid, &when), 0);
	e = get(e.id);
	assert_int_equal(e.uid, uid);
	assert_int_equal(e.gid, 5);
	assert_true(e.mtime_ns == when);
	assert_int_equal(stat(spool_of(e.id, ""), &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, -2);
	assert_int_equal(st.st_mtim.tv_nsec, 500000000);
	assert_int_equal(journal_set_attr(j, e.id, NULL, NULL, NULL, &later), 0);
	flush(e.id, DIGEST);
	assert_true(get(e.id).mtime_ns == later); /* cp -p sets it before it closes */
	put_bytes(e.id, "y");
	flush(e.id, DIGEST);
	assert_true(get(e.id).mtime_ns > later);
	assert_int_equal(journal_set_attr(j, 99, &mode, NULL, NULL, NULL), -ENOENT);
}

static void test_texts_and_marks(void **state)
{
	struct buf a = { 0 }, b = { 0 }, report = { 0 };
	const bool yes = true, no = false;
	(void)state;
	struct entry e = new_entry("a.csv");
	assert_int_equal(journal_report(j, e.id, &report), 0);
	assert_int_equal(report.len, 0);
	buf_add(&a, "a\0b", 3);
	buf_add_str(&b, "before");
	assert_int_equal(journal_set_report(j, e.id, &b), 0);
	assert_int_equal(journal_set_report(j, e.id, &a), 0);
	assert_int_equal(journal_report(j, e.id, &report), 0);
	assert_int_equal(report.len, 3);
	assert_memory_equal(report.data, "a\0b", 3);
	assert_int_equal(journal_set_report(j, 99, &a), -ENOENT);
	assert_int_equal(journal_report(j, 99, &report), -ENOENT);

	assert_int_equal(journal_mark(j, e.id, &yes, NULL), 0);
	assert_int_equal(journal_mark(j, e.id, NULL, &yes), 0);
	assert_true(get(e.id).pushed && get(e.id).sent_before);
	assert_int_equal(journal_mark(j, e.id, NULL, &no), 0);
	assert_true(get(e.id).pushed && !get(e.id).sent_before);
	assert_int_equal(journal_mark(j, 99, &yes, NULL), -ENOENT);
	buf_done(&a);
	buf_done(&b);
	buf_done(&report);
}

/* --- names ----------------------------------------------------------------------------------- */

static void test_a_rename_replaces(void **state)
{
	struct entry found;
	(void)state;
	struct entry old = queued("a.csv", DIGEST), e = new_scratch("a.csv.tmp");
	close(journal_rejected(j, old.id, O_CREAT | O_RDWR | O_TRUNC));
	put_bytes(e.id, "new");
	flush(e.id, OTHER_DIGEST);
	assert_int_equal(journal_rename(j, e.id, IMPORT, "a.csv", ENTRY_QUEUED, true, true),
	                 -EEXIST);
	assert_int_equal(get(e.id).state, ENTRY_SCRATCH);
	begin_watching();
	assert_int_equal(rename_to(e.id, IMPORT, "a.csv", ENTRY_QUEUED, true), 0);
	assert_int_equal(watched_count, 1);
	assert_string_equal(watched[0], "journal.db-wal");
	assert_int_equal(journal_find(j, IMPORT, "a.csv", &found), 0);
	assert_int_equal(found.id, e.id);
	assert_true(is_uuid_4(found.uuid));
	assert_bytes(e.id, "new");
	assert_int_equal(journal_get(j, old.id, &found), -ENOENT);
	assert_false(is_there(spool_of(old.id, "")));
	assert_false(is_there(spool_of(old.id, ".rejected")));
	assert_int_equal(journal_find(j, IMPORT, "a.csv.tmp", &found), -ENOENT);
	assert_int_equal(rename_to(99, IMPORT, "x", ENTRY_QUEUED, false), -ENOENT);
}

static void test_a_rename_to_itself(void **state)
{
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	assert_int_equal(journal_rename(j, e.id, IMPORT, "a.csv", ENTRY_QUEUED, false, true), 0);
	assert_bytes(e.id, DIGEST);
	assert_string_equal(get(e.id).uuid, e.uuid);
}

static void test_what_is_being_sent_is_not_replaced(void **state)
{
	(void)state;
	struct entry sent = in_state("a.csv", ENTRY_IMPORTING), e = new_scratch("tmp");
	assert_int_equal(rename_to(e.id, IMPORT, "a.csv", ENTRY_QUEUED, true), -EBUSY);
	assert_int_equal(get(sent.id).state, ENTRY_IMPORTING);
	assert_string_equal(get(e.id).name, "tmp");
	assert_bytes(sent.id, "bytes");
}

static void test_a_move_keeps_or_renews_the_submission(void **state)
{
	const struct part part = { .n = 0, .rows = 3, .first_row = 1 };
	struct buf text = { 0 }, report = { 0 };
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	buf_add_str(&text, "text");
	assert_int_equal(journal_set_parts(j, e.id, NULL, &part, 1, NULL), 0);
	assert_int_equal(journal_set_report(j, e.id, &text), 0);
	close(journal_rejected(j, e.id, O_CREAT | O_RDWR | O_TRUNC));
	assert_int_equal(journal_move_state(j, e.id, ANY, ENTRY_HELD, "looks odd", "send it", true),
	                 0);

	assert_int_equal(rename_to(e.id, IMPORT, "b.csv", ENTRY_HELD, false), 0);
	struct entry b = get(e.id);
	assert_string_equal(b.uuid, e.uuid);
	assert_string_equal(b.why, "looks odd");
	assert_int_equal(b.parts, 1);
	assert_true(is_there(spool_of(e.id, ".rejected")));

	assert_int_equal(rename_to(e.id, CHECK, "b.csv", ENTRY_QUEUED, true), 0);
	struct entry c = get(e.id);
	assert_string_not_equal(c.uuid, e.uuid);
	assert_string_equal(c.why, "");
	assert_int_equal(c.parts, 0);
	assert_string_equal(c.digest, DIGEST); /* the bytes are the same */
	assert_true(c.whole);
	assert_int_equal(journal_report(j, e.id, &report), 0);
	assert_int_equal(report.len, 0);
	assert_false(is_there(spool_of(e.id, ".rejected")));

	assert_int_equal(rename_to(e.id, CHECK, "tmp", ENTRY_SCRATCH, false), 0);
	assert_string_equal(get(e.id).uuid, ""); /* withdrawn */
	buf_done(&text);
}

static void test_remove(void **state)
{
	struct entry found;
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	close(journal_rejected(j, e.id, O_CREAT | O_RDWR | O_TRUNC));
	qx_auto_fd fd = journal_spool(j, e.id, O_RDONLY);
	begin_watching();
	assert_int_equal(journal_remove(j, e.id), 0);
	assert_int_equal(synced("journal.db-wal"), 1);
	assert_int_equal(journal_get(j, e.id, &found), -ENOENT);
	assert_false(is_there(spool_of(e.id, "")));
	assert_false(is_there(spool_of(e.id, ".rejected")));
	char first;
	assert_int_equal(read(fd, &first, 1), 1); /* what is open stays readable */
	assert_int_equal(journal_remove(j, e.id), -ENOENT);
	struct entry next = new_entry("a.csv");
	assert_true(next.id > e.id); /* an id never comes again */
}

static void test_of_what_is_being_sent_only_the_name_is_removed(void **state)
{
	struct entry found, page[4], *work = NULL;
	struct gathered g = { 0 };
	size_t n = 0;
	(void)state;
	struct entry e = in_state("a.csv", ENTRY_SENDING);
	assert_int_equal(journal_remove(j, e.id), 0);
	assert_int_equal(journal_remove(j, e.id), -ENOENT);
	assert_int_equal(journal_find(j, IMPORT, "a.csv", &found), -ENOENT);
	assert_int_equal(journal_list(j, IMPORT, "", page, 4), 0);
	assert_int_equal(journal_each(j, ANY, gather, &g), 0);
	assert_int_equal(g.n, 0);
	assert_int_equal(rename_to(e.id, IMPORT, "b.csv", ENTRY_QUEUED, false), -ENOENT);
	assert_int_equal(journal_last(j, IMPORT, "a.csv", &found), 0); /* it is still under way */
	assert_int_equal(found.id, e.id);
	struct entry second = new_entry("a.csv"); /* its name is free */

	assert_true(get(e.id).hidden);
	assert_int_equal(journal_work(j, &work, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(work[0].id, e.id);
	free(work);
	assert_int_equal(move(e.id, ENTRY_IMPORTING), 0);
	assert_bytes(e.id, "bytes");
	assert_int_equal(finish(e.id, ENTRY_DONE), 0);
	assert_int_equal(journal_get(j, e.id, &found), -ENOENT);
	assert_false(is_there(spool_of(e.id, "")));
	assert_int_equal(journal_list(j, DONE_FOLDER, "", page, 4), 0);
	assert_int_equal(get(second.id).state, ENTRY_WRITING);
}

static void test_a_removed_one_goes_when_it_is_over(void **state)
{
	static const enum entry_state ends[] = { ENTRY_FAILED, ENTRY_UNCERTAIN, ENTRY_QUEUED };
	char name[20];
	struct entry found;
	(void)state;
	for (size_t i = 0; i < countof(ends); i++) {
		snprintf(name, sizeof(name), "%zu.csv", i);
		struct entry e = in_state(name, ENTRY_SENDING);
		assert_int_equal(journal_remove(j, e.id), 0);
		assert_int_equal(move(e.id, ends[i]), 0);
		assert_int_equal(journal_get(j, e.id, &found), -ENOENT);
		assert_false(is_there(spool_of(e.id, "")));
	}
}

static void test_a_removed_one_that_was_sent_in_part_is_sent_to_its_end(void **state)
{
	struct part parts[2] = { { .n = 0, .rows = 1 }, { .n = 1, .rows = 1 } };
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	assert_int_equal(journal_sender_take(j), 0);
	assert_int_equal(journal_set_parts(j, e.id, NULL, parts, 2, NULL), 0);
	parts[0].state = PART_SENDING;
	assert_int_equal(journal_part(j, e.id, &parts[0], ENTRY_SENDING, NULL, NULL), 0);
	assert_int_equal(journal_remove(j, e.id), 0);
	parts[0].state = PART_DONE;
	assert_int_equal(journal_part(j, e.id, &parts[0], ENTRY_SENDING, NULL, NULL), 0);
	assert_int_equal(move(e.id, ENTRY_QUEUED), 0);
	assert_true(get(e.id).hidden);
	assert_bytes(e.id, DIGEST);
	struct entry found;
	assert_int_equal(finish(e.id, ENTRY_DONE), 0);
	assert_int_equal(journal_get(j, e.id, &found), -ENOENT);
}

/* --- identity -------------------------------------------------------------------------------- */

static int same(const char *digest, int64_t not_id, struct entry *ret)
{
	return journal_same(j, IMPORT, "a.csv", digest, not_id, ret);
}

/* The sender takes it up, and it ends so. */
static void end(int64_t id, enum entry_state state)
{
	assert_int_equal(journal_sender_take(j), 0);
	assert_int_equal(move(id, ENTRY_SENDING), 0);
	assert_int_equal(finish(id, state), 0);
}

static void test_the_same_bytes_are_known_while_they_are_queued_running_or_done(void **state)
{
	struct entry found;
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	for (int step = 0; step < 4; step++) {
		assert_int_equal(same(DIGEST, 0, &found), 0);
		assert_int_equal(found.id, e.id);
		assert_int_equal(same(DIGEST, e.id, &found), -ENOENT);
		assert_int_equal(same(OTHER_DIGEST, 0, &found), -ENOENT);
		assert_int_equal(same("", 0, &found), -ENOENT);
		assert_int_equal(journal_same(j, IMPORT, "b.csv", DIGEST, 0, &found), -ENOENT);
		assert_int_equal(journal_same(j, CHECK, "a.csv", DIGEST, 0, &found), -ENOENT);
		if (step == 0)
			assert_int_equal(move(e.id, ENTRY_SENDING), 0);
		if (step == 1)
			assert_int_equal(move(e.id, ENTRY_IMPORTING), 0);
		if (step == 2) {
			assert_int_equal(journal_sender_take(j), 0);
			assert_int_equal(finish(e.id, ENTRY_PARTLY), 0);
		}
	}
	assert_string_equal(found.folder, DONE_FOLDER);
}

static void test_what_was_not_sent_is_not_the_same(void **state)
{
	static const enum entry_state states[] = { ENTRY_WRITING, ENTRY_HELD,      ENTRY_REFUSED,
		                                   ENTRY_FAILED,  ENTRY_UNCERTAIN, ENTRY_SAME };
	struct entry found;
	(void)state;
	for (size_t i = 0; i < countof(states); i++) {
		struct entry e = in_state("a.csv", states[i]);
		assert_int_equal(same(DIGEST, 0, &found), -ENOENT);
		assert_int_equal(journal_remove(j, e.id), 0);
	}
}

static void test_other_bytes_in_between_make_it_new(void **state)
{
	struct entry found;
	(void)state;
	struct entry first = queued("a.csv", DIGEST);
	end(first.id, ENTRY_DONE);
	struct entry again = queued("a.csv", DIGEST);
	assert_int_equal(move(again.id, ENTRY_SAME), 0);
	assert_int_equal(same(DIGEST, 0, &found), 0); /* a SAME one is not a submission of its own
	                                               */
	assert_int_equal(found.id, first.id);
	assert_int_equal(journal_remove(j, again.id), 0);

	struct entry second = queued("a.csv", OTHER_DIGEST);
	end(second.id, ENTRY_DONE);
	assert_string_equal(get(second.id).name, "a (2).csv");
	assert_int_equal(same(OTHER_DIGEST, 0, &found), 0);
	assert_int_equal(found.id, second.id);
	assert_int_equal(same(DIGEST, 0, &found), -ENOENT); /* the target has the others now */
}

static void test_what_may_have_been_sent_in_between_makes_it_new(void **state)
{
	const struct part part = { .n = 0, .state = PART_DONE };
	struct entry found;
	(void)state;
	struct entry first = queued("a.csv", DIGEST);
	end(first.id, ENTRY_DONE);
	struct entry failed = queued("a.csv", OTHER_DIGEST);
	end(failed.id, ENTRY_FAILED);
	assert_int_equal(same(DIGEST, 0, &found), 0); /* nothing of that arrived */
	assert_int_equal(journal_remove(j, failed.id), 0);
	failed = queued("a.csv", OTHER_DIGEST);
	assert_int_equal(journal_set_parts(j, failed.id, NULL, &part, 1, NULL), 0);
	end(failed.id, ENTRY_FAILED);
	assert_int_equal(same(DIGEST, 0, &found), -ENOENT);
}

static void test_what_left_done_is_not_the_same_any_more(void **state)
{
	struct entry found;
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	end(e.id, ENTRY_DONE);
	assert_int_equal(rename_to(e.id, DONE_FOLDER, "kept.csv", ENTRY_DONE, false), 0);
	assert_int_equal(same(DIGEST, 0, &found), 0);
	assert_int_equal(journal_last(j, IMPORT, "a.csv", &found), 0);
	assert_int_equal(found.id, e.id);
	assert_int_equal(journal_last(j, DONE_FOLDER, "kept.csv", &found), 0);
	assert_int_equal(found.id, e.id);
	assert_int_equal(rename_to(e.id, IMPORT, "a.csv.bak", ENTRY_SCRATCH, false), 0);
	assert_int_equal(same(DIGEST, 0, &found), -ENOENT);

	e = queued("a.csv", DIGEST);
	end(e.id, ENTRY_DONE);
	assert_int_equal(journal_remove(j, e.id), 0);
	assert_int_equal(same(DIGEST, 0, &found), -ENOENT);
	assert_int_equal(journal_last(j, IMPORT, "a.csv", &found), -ENOENT);

	e = queued("a.csv", DIGEST);
	assert_int_equal(move(e.id, ENTRY_SENDING), 0);
	assert_int_equal(journal_remove(j, e.id), 0);
	assert_int_equal(same(DIGEST, 0, &found), -ENOENT); /* its name was removed */
}

static void test_the_last_submission_of_a_name(void **state)
{
	struct entry found;
	(void)state;
	assert_int_equal(journal_last(j, IMPORT, "a.csv", &found), -ENOENT);
	new_scratch("a.csv");
	assert_int_equal(journal_last(j, IMPORT, "a.csv", &found), -ENOENT); /* it is none */
	assert_int_equal(journal_find(j, IMPORT, "a.csv", &found), 0);
	assert_int_equal(journal_remove(j, found.id), 0);

	struct entry first = queued("a.csv", DIGEST);
	end(first.id, ENTRY_DONE);
	struct entry second = queued("a.csv", OTHER_DIGEST);
	assert_int_equal(journal_last(j, IMPORT, "a.csv", &found), 0);
	assert_int_equal(found.id, second.id);
	end(second.id, ENTRY_DONE);
	assert_int_equal(journal_last(j, IMPORT, "a.csv", &found), 0);
	assert_int_equal(found.id, second.id);
	assert_int_equal(journal_last(j, DONE_FOLDER, "a.csv", &found), 0);
	assert_int_equal(found.id, first.id);
	assert_int_equal(journal_last(j, DONE_FOLDER, "a (2).csv", &found), 0);
	assert_int_equal(found.id, second.id);

	/* An older entry that is written again is the later submission. */
	struct entry older = new_entry("b.csv"), newer = queued("c.csv", DIGEST);
	assert_int_equal(move(newer.id, ENTRY_HELD), 0);
	assert_int_equal(rename_to(newer.id, IMPORT, "d.csv", ENTRY_HELD, false), 0);
	assert_int_equal(journal_last(j, IMPORT, "c.csv", &found), -ENOENT);
	assert_int_equal(journal_last(j, IMPORT, "d.csv", &found), 0);
	flush(older.id, DIGEST);
	assert_int_equal(journal_last(j, IMPORT, "b.csv", &found), 0);
	assert_int_equal(found.id, older.id);
}

/* --- sending --------------------------------------------------------------------------------- */

static void test_one_mount_sends(void **state)
{
	(void)state;
	struct mount other = open_mount();
	assert_int_equal(journal_sender_take(j), 0);
	assert_int_equal(journal_sender_take(j), 0);
	assert_int_equal(journal_sender_take(other.journal), -EAGAIN);

	struct entry e = queued("a.csv", DIGEST);
	struct part part = { .n = 0 };
	assert_int_equal(journal_set_parts(j, e.id, NULL, &part, 1, NULL), 0);
	part.state = PART_SENDING;
	assert_int_equal(journal_part(other.journal, e.id, &part, ENTRY_SENDING, NULL, NULL),
	                 -EPERM);
	e.state = ENTRY_FAILED;
	assert_int_equal(journal_finish(other.journal, &e, NULL), -EPERM);

	journal_sender_give(j);
	journal_sender_give(j);
	assert_int_equal(journal_sender_take(other.journal), 0);
	assert_int_equal(journal_sender_take(j), -EAGAIN);
	close_mount(&other);
	assert_int_equal(journal_sender_take(j), 0);
}

static void test_work_comes_in_the_order_of_becoming_whole(void **state)
{
	struct entry *work = NULL;
	size_t n = 0;
	(void)state;
	struct entry a = new_entry("a.csv"), b = new_entry("b.csv"), c = new_entry("c.csv"),
		     d = new_entry("d.csv"), e = new_entry("e.csv");
	flush(c.id, DIGEST);
	flush(a.id, DIGEST);
	flush(d.id, DIGEST);
	assert_int_equal(move(a.id, ENTRY_QUEUED), 0);
	assert_int_equal(move(b.id, ENTRY_QUEUED), 0); /* whole by this */
	assert_int_equal(move(d.id, ENTRY_HELD), 0);
	assert_int_equal(move(c.id, ENTRY_QUEUED), 0);
	assert_int_equal(move(c.id, ENTRY_SENDING), 0);
	assert_int_equal(move(c.id, ENTRY_IMPORTING), 0);
	assert_int_equal(move(a.id, ENTRY_SENDING), 0);
	(void)e;
	assert_int_equal(journal_work(j, &work, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(work[0].id, c.id);
	assert_int_equal(work[1].id, a.id);
	assert_int_equal(work[2].id, b.id);
	assert_true(work[2].whole);
	free(work);
}

static void test_every_part_moves_as_the_table_says(void **state)
{
	/* w waiting, s sending, i importing, d done, f failed, u uncertain */
	static const char names[] = "wsidfu";
	static const char *const next[] = { "wsf", "swidfu", "idfu", "d", "ws", "ws" };
	char name[20];
	(void)state;
	assert_int_equal(journal_sender_take(j), 0);
	for (int from = 0; from < PART_STATES_; from++) {
		for (int to = 0; to < PART_STATES_; to++) {
			struct part p = { .n = 0, .state = (enum part_state)from }, *now = NULL;
			size_t n;
			bool legal = strchr(next[from], names[to]) != NULL;
			assert_int_equal(part_state_may((enum part_state)from, (enum part_state)to),
			                 legal);
			snprintf(name, sizeof(name), "%d-%d.csv", from, to);
			struct entry e = in_state(name, ENTRY_SENDING);
			assert_int_equal(journal_set_parts(j, e.id, NULL, &p, 1, NULL), 0);
			p.state = (enum part_state)to;
			assert_int_equal(journal_part(j, e.id, &p, ENTRY_SENDING, NULL, NULL),
			                 legal ? 0 : -EINVAL);
			assert_int_equal(journal_parts(j, e.id, &now, &n), 0);
			assert_int_equal(n, 1);
			assert_int_equal(now[0].state, legal ? to : from);
			free(now);
		}
	}
}

static void test_parts_are_kept(void **state)
{
	const struct part parts[] = {
		{ .n = 0, .first_row = 1, .rows = 10, .from = 0, .to = 100, .uuid = "mine" },
		{ .n = 1, .first_row = 11, .rows = 5, .from = 100, .to = 150 },
	};
	struct part *now = NULL, p;
	size_t n = 0;
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	assert_int_equal(journal_sender_take(j), 0);
	begin_watching();
	assert_int_equal(journal_set_parts(j, e.id, NULL, parts, 2, NULL), 0);
	assert_int_equal(synced("journal.db-wal"), 1);
	assert_int_equal(journal_parts(j, e.id, &now, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(now[0].uuid, "mine");
	assert_true(is_uuid_4(now[1].uuid));
	assert_int_equal(now[1].first_row, 11);
	assert_int_equal(now[1].rows, 5);
	assert_int_equal(now[1].from, 100);
	assert_int_equal(now[1].to, 150);
	assert_int_equal(get(e.id).rows, 15);
	assert_int_equal(get(e.id).parts, 2);

	p = now[1];
	free(now);
	char uuid[UUID_SIZE];
	memcpy(uuid, p.uuid, sizeof(uuid));
	p.state = PART_SENDING;
	p.uuid[0] = '\0'; /* as it is */
	begin_watching();
	assert_int_equal(journal_part(j, e.id, &p, ENTRY_SENDING, "sends", "wait"), 0);
	assert_int_equal(synced("journal.db-wal"), 1);
	assert_string_equal(get(e.id).why, "sends");
	assert_string_equal(get(e.id).next, "wait");
	p.state = PART_IMPORTING;
	snprintf(p.job, sizeof(p.job), "PGRS_1");
	snprintf(p.request_id, sizeof(p.request_id), "req");
	assert_int_equal(journal_part(j, e.id, &p, ENTRY_IMPORTING, NULL, NULL), 0);
	reopen();
	assert_int_equal(journal_sender_take(j), 0);
	assert_int_equal(get(e.id).state, ENTRY_IMPORTING);
	assert_string_equal(get(e.id).why, "");
	assert_int_equal(journal_parts(j, e.id, &now, &n), 0);
	assert_string_equal(now[1].uuid, uuid);
	assert_string_equal(now[1].job, "PGRS_1");
	assert_string_equal(now[1].request_id, "req");
	assert_int_equal(now[1].state, PART_IMPORTING);
	assert_int_equal(now[0].state, PART_WAITING);

	p = now[1];
	p.state = PART_DONE;
	p.added = 3;
	p.updated = 1;
	p.refused = UINT64_MAX; /* the service says what it likes */
	assert_int_equal(journal_part(j, e.id, &p, ENTRY_SENDING, NULL, NULL), 0);
	struct entry done = get(e.id);
	assert_int_equal(done.parts_done, 1);
	assert_int_equal(done.added, 3);
	assert_int_equal(done.updated, 1);
	assert_true(done.refused == INT64_MAX);
	assert_int_equal(done.rows, 15);
	free(now);
}

static void test_parts_that_make_no_sense_are_refused(void **state)
{
	struct part two[2] = { { .n = 0, .uuid = "a" }, { .n = 1, .uuid = "a" } };
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	assert_int_equal(journal_sender_take(j), 0);
	assert_int_equal(journal_set_parts(j, e.id, NULL, two, 2, NULL), -EEXIST); /* one key, twice
	                                                                            */
	assert_int_equal(get(e.id).parts, 0);
	two[1].uuid[0] = '\0';
	two[1].n = 2;
	assert_int_equal(journal_set_parts(j, e.id, NULL, two, 2, NULL), -EINVAL);
	two[1].n = 1;
	two[1].from = 9;
	assert_int_equal(journal_set_parts(j, e.id, NULL, two, 2, NULL), -EINVAL);
	two[1].from = 0;
	two[1].state = PART_STATES_;
	assert_int_equal(journal_set_parts(j, e.id, NULL, two, 2, NULL), -EINVAL);
	two[1].state = PART_WAITING;
	assert_int_equal(journal_set_parts(j, 99, NULL, two, 2, NULL), -ENOENT);
	assert_int_equal(journal_set_parts(j, e.id, NULL, two, 2, NULL), 0);
	assert_int_equal(journal_set_parts(j, e.id, NULL, two, 2, NULL), 0); /* nothing was sent yet
	                                                                      */

	struct part p = { .n = 2, .state = PART_SENDING };
	assert_int_equal(journal_part(j, e.id, &p, ENTRY_SENDING, NULL, NULL), -ENOENT);
	p.n = 1;
	assert_int_equal(journal_part(j, 99, &p, ENTRY_SENDING, NULL, NULL), -ENOENT);
	assert_int_equal(journal_part(j, e.id, &p, ENTRY_QUEUED, NULL, NULL), -EINVAL);
	assert_int_equal(journal_part(j, e.id, &p, ENTRY_IMPORTING, NULL, NULL), -EINVAL);
	assert_int_equal(journal_part(j, e.id, &p, ENTRY_DONE, NULL, NULL), -EINVAL);
	assert_int_equal(journal_part(j, e.id, &p, ENTRY_STATES_, NULL, NULL), -EINVAL);
	assert_int_equal(get(e.id).state, ENTRY_QUEUED);
	struct part *now = NULL;
	size_t n;
	assert_int_equal(journal_parts(j, e.id, &now, &n), 0);
	assert_int_equal(now[1].state, PART_WAITING);
	free(now);
	assert_int_equal(journal_parts(j, 99, &now, &n), -ENOENT);

	assert_int_equal(journal_part(j, e.id, &p, ENTRY_SENDING, NULL, NULL), 0);
	assert_int_equal(journal_set_parts(j, e.id, NULL, two, 2, NULL), -EBUSY); /* its key is out
	                                                                           */
	p.state = PART_FAILED;
	assert_int_equal(journal_part(j, e.id, &p, ENTRY_FAILED, NULL, NULL), 0);
	assert_int_equal(journal_set_parts(j, e.id, NULL, two, 1, NULL), 0);
	assert_int_equal(get(e.id).parts, 1);
}

/* The sender has read bytes that somebody writes again, or has renamed, meanwhile. */
static void test_the_sender_concludes_only_what_it_has_read(void **state)
{
	const struct part part = { .n = 0, .rows = 3, .first_row = 1 };
	struct buf report = { 0 }, told = { 0 };
	(void)state;
	struct entry read = queued("a.csv", DIGEST);
	buf_add_str(&report, "of the old bytes");
	assert_int_equal(journal_sender_take(j), 0);

	assert_int_equal(journal_rewrite(j, read.id), 0);
	assert_int_equal(journal_set_parts(j, read.id, read.uuid, &part, 1, &report), -ESTALE);
	assert_int_equal(journal_conclude(j, read.id, read.uuid, ENTRY_REFUSED, "w", "n"), -ESTALE);
	assert_int_equal(get(read.id).state, ENTRY_WRITING);

	assert_int_equal(journal_flushed(j, read.id, 5, DIGEST, true), 0);
	assert_int_equal(journal_move_state(j, read.id, ANY, ENTRY_QUEUED, NULL, NULL, true), 0);
	assert_int_equal(journal_set_parts(j, read.id, read.uuid, &part, 1, &report), -ESTALE);
	assert_int_equal(journal_conclude(j, read.id, read.uuid, ENTRY_HELD, "w", "n"), -ESTALE);
	struct entry now = get(read.id);
	assert_int_equal(now.state, ENTRY_QUEUED);
	assert_int_equal(now.parts, 0);

	assert_int_equal(journal_set_parts(j, now.id, now.uuid, &part, 1, &report), 0);
	assert_int_equal(journal_report(j, now.id, &told), 0);
	assert_string_equal(buf_text(&told), "of the old bytes");
	assert_int_equal(journal_conclude(j, now.id, now.uuid, ENTRY_QUEUED, "w", "n"), 0);
	struct part out = part;
	out.state = PART_SENDING;
	assert_int_equal(journal_part(j, now.id, &out, ENTRY_SENDING, NULL, NULL), 0);
	assert_int_equal(journal_conclude(j, now.id, now.uuid, ENTRY_QUEUED, "w", "n"), -ESTALE);
	out.state = PART_WAITING;
	assert_int_equal(journal_part(j, now.id, &out, ENTRY_QUEUED, NULL, NULL), 0);
	assert_int_equal(journal_conclude(j, now.id, now.uuid, ENTRY_HELD, "w", "n"), 0);
	assert_int_equal(journal_conclude(j, now.id, now.uuid, ENTRY_HELD, "w", "n"), -ESTALE);
	assert_int_equal(journal_conclude(j, 99, now.uuid, ENTRY_HELD, "w", "n"), -ENOENT);
	buf_done(&report);
	buf_done(&told);
}

static struct entry uncertain(const char *name)
{
	struct part part = { .n = 0, .rows = 3, .first_row = 1 };
	struct entry e = queued(name, DIGEST);

	assert_int_equal(journal_set_parts(j, e.id, e.uuid, &part, 1, NULL), 0);
	part.state = PART_SENDING;
	assert_int_equal(journal_part(j, e.id, &part, ENTRY_SENDING, NULL, NULL), 0);
	part.state = PART_UNCERTAIN;
	assert_int_equal(journal_part(j, e.id, &part, ENTRY_UNCERTAIN, NULL, NULL), 0);
	return e;
}

/* Whoever copies again what is uncertain seldom knows that it is. */
static void test_a_doubt_outlives_its_entry(void **state)
{
	int64_t when_s;
	(void)state;
	assert_int_equal(journal_sender_take(j), 0);
	struct entry a = uncertain("a.csv"), b = uncertain("b.csv"), c = uncertain("c.csv");
	struct entry d = uncertain("d.csv"), other = queued("other", DIGEST);
	assert_int_equal(journal_doubt(j, IMPORT, "a.csv", DIGEST, &when_s), -ENOENT);

	assert_int_equal(journal_rewrite(j, a.id), 0);
	assert_int_equal(journal_doubt(j, IMPORT, "a.csv", DIGEST, &when_s), 0);
	assert_true(when_s > 0);
	assert_int_equal(journal_doubt(j, IMPORT, "a.csv", OTHER_DIGEST, &when_s), -ENOENT);
	assert_int_equal(journal_rename(j, other.id, IMPORT, "b.csv", ENTRY_WRITING, true, false),
	                 0);
	assert_int_equal(journal_doubt(j, IMPORT, "b.csv", DIGEST, &when_s), 0);
	assert_int_equal(journal_get(j, b.id, &b), -ENOENT);
	assert_int_equal(journal_rename(j, c.id, IMPORT, "C.csv", ENTRY_WRITING, true, false), 0);
	assert_int_equal(journal_doubt(j, IMPORT, "c.csv", DIGEST, &when_s), 0);
	assert_int_equal(journal_doubt(j, IMPORT, "C.csv", DIGEST, &when_s), 0);
	assert_int_equal(journal_remove(j, d.id), 0); /* a person's word */
	assert_int_equal(journal_doubt(j, IMPORT, "d.csv", DIGEST, &when_s), -ENOENT);

	assert_int_equal(journal_flushed(j, a.id, 5, DIGEST, true), 0);
	assert_int_equal(journal_move_state(j, a.id, ANY, ENTRY_QUEUED, NULL, NULL, true), 0);
	a = get(a.id);
	a.state = ENTRY_DONE;
	assert_int_equal(journal_finish(j, &a, NULL), 0);
	assert_int_equal(journal_doubt(j, IMPORT, "a.csv", DIGEST, &when_s), -ENOENT);

	assert_int_equal(journal_sweep(j, 3600), 0);
	assert_int_equal(journal_doubt(j, IMPORT, "b.csv", DIGEST, &when_s), 0);
	assert_int_equal(journal_sweep(j, 0), 1); /* the done one */
	assert_int_equal(journal_doubt(j, IMPORT, "b.csv", DIGEST, &when_s), -ENOENT);
}

static void test_the_end(void **state)
{
	struct buf report = { 0 }, got_report = { 0 };
	(void)state;
	assert_int_equal(journal_sender_take(j), 0);
	struct entry e = queued("a.csv", DIGEST), found;
	assert_int_equal(move(e.id, ENTRY_SENDING), 0);
	close(journal_rejected(j, e.id, O_CREAT | O_RDWR | O_TRUNC));
	buf_add_str(&report, "3 rows");
	e.state = ENTRY_PARTLY;
	e.rows = 3;
	e.added = 1;
	e.updated = 1;
	e.refused = 1;
	snprintf(e.why, sizeof(e.why), "one row was refused");
	snprintf(e.next, sizeof(e.next), "mend it");
	begin_watching();
	assert_int_equal(journal_finish(j, &e, &report), 0);
	assert_int_equal(synced(".rejected"), 1);
	assert_int_equal(synced("journal.db-wal"), 1);
	assert_int_equal(journal_find(j, IMPORT, "a.csv", &found), -ENOENT);
	assert_int_equal(journal_find(j, DONE_FOLDER, "a.csv", &found), 0);
	assert_int_equal(found.id, e.id);
	assert_int_equal(found.state, ENTRY_PARTLY);
	assert_int_equal(found.rows, 3);
	assert_int_equal(found.added, 1);
	assert_int_equal(found.updated, 1);
	assert_int_equal(found.refused, 1);
	assert_true(found.done_s >= e.created_s);
	assert_string_equal(found.why, "one row was refused");
	assert_string_equal(found.next, "mend it");
	assert_string_equal(found.uuid, e.uuid);
	assert_int_equal(journal_report(j, e.id, &got_report), 0);
	assert_string_equal(buf_text(&got_report), "3 rows");
	assert_bytes(e.id, DIGEST);
	assert_int_equal(journal_finish(j, &found, NULL), -EINVAL); /* once */
	found.id = 99;
	assert_int_equal(journal_finish(j, &found, NULL), -ENOENT);
	found.state = ENTRY_QUEUED;
	assert_int_equal(journal_finish(j, &found, NULL), -EINVAL);

	struct entry failed = queued("b.csv", DIGEST);
	assert_int_equal(move(failed.id, ENTRY_SENDING), 0);
	assert_int_equal(finish(failed.id, ENTRY_FAILED), 0);
	assert_string_equal(get(failed.id).folder, IMPORT); /* it stays where it can be seen */
	buf_done(&report);
	buf_done(&got_report);
}

static void end_as(const char *name, const char *want)
{
	struct entry e = queued(name, DIGEST);
	end(e.id, ENTRY_DONE);
	e = get(e.id);
	assert_string_equal(e.folder, DONE_FOLDER);
	assert_string_equal(e.name, want);
}

static void test_done_names_are_numbered(void **state)
{
	char name[ENTRY_NAME + 8], want[ENTRY_NAME + 8];
	(void)state;
	end_as("a.csv", "a.csv");
	end_as("a.csv", "a (2).csv");
	end_as("a.csv", "a (3).csv");
	end_as("a (2).csv", "a (2) (2).csv");
	end_as("noext", "noext");
	end_as("noext", "noext (2)");
	end_as(".dot", ".dot");
	end_as(".dot", ".dot (2)");
	end_as("a.b.csv", "a.b.csv");
	end_as("a.b.csv", "a.b (2).csv");

	memset(name, 'x', 255);
	memcpy(name + 251, ".csv", 5);
	end_as(name, name);
	memcpy(want, name, sizeof(name));
	memcpy(want + 247, " (2).csv", 9);
	end_as(name, want);

	for (size_t i = 0; i < 126; i++) /* two bytes each: not cut in the middle */
		memcpy(name + 2 * i, "\xc3\xa4", 3);
	memcpy(name + 251, ".csv", 5);
	name[250] = 'y';
	end_as(name, name);
	memcpy(want, name, sizeof(name));
	memcpy(want + 246, " (2).csv", 9);
	end_as(name, want);

	memset(name, 'x', 255);
	name[1] = '.'; /* an extension of 253 bytes is none */
	name[255] = '\0';
	end_as(name, name);
	memcpy(want, name, sizeof(name));
	memcpy(want + 251, " (2)", 5);
	end_as(name, want);
}

static void test_what_is_checked_stays_in_check(void **state)
{
	(void)state;
	assert_int_equal(journal_sender_take(j), 0);
	struct entry e = new_entry_of(j, CHECK, "a.csv", ENTRY_WRITING);
	flush(e.id, DIGEST);
	assert_int_equal(move(e.id, ENTRY_QUEUED), 0);
	assert_int_equal(finish(e.id, ENTRY_CHECKED), 0);
	assert_string_equal(get(e.id).folder, CHECK);
	assert_true(get(e.id).done_s > 0);
}

static void test_old_done_ones_vanish(void **state)
{
	struct entry found;
	(void)state;
	struct entry done = in_state("a.csv", ENTRY_DONE), partly = in_state("b.csv", ENTRY_PARTLY),
		     failed = in_state("c.csv", ENTRY_FAILED), held = in_state("d.csv", ENTRY_HELD);
	close(journal_rejected(j, partly.id, O_CREAT | O_RDWR | O_TRUNC));
	assert_int_equal(journal_sweep(j, 100), 0);
	int64_t due_s;
	assert_int_equal(journal_sweep_due(j, 100, &due_s), 0);
	assert_int_equal(due_s, get(done.id).done_s + 100);
	assert_int_equal(journal_sweep_due(j, -1, &due_s), 0);
	assert_true(due_s == INT64_MAX);
	later_s = 99;
	assert_int_equal(journal_sweep(j, 100), 0);
	later_s = 102;
	assert_int_equal(journal_sweep(j, -1), 0); /* for ever */
	assert_int_equal(journal_sweep(j, 100), 2);
	assert_int_equal(journal_sweep_due(j, 100, &due_s), 0);
	assert_true(due_s == INT64_MAX);
	assert_int_equal(journal_get(j, done.id, &found), -ENOENT);
	assert_int_equal(journal_get(j, partly.id, &found), -ENOENT);
	assert_false(is_there(spool_of(done.id, "")));
	assert_false(is_there(spool_of(partly.id, ".rejected")));
	get(failed.id);
	get(held.id);
}

static void test_many_old_ones_vanish(void **state)
{
	char name[20];
	struct entry page[1];
	(void)state;
	for (int i = 0; i < 250; i++) {
		snprintf(name, sizeof(name), "%d.csv", i);
		in_state(name, ENTRY_DONE);
	}
	later_s = 10;
	assert_int_equal(journal_sweep(j, 5), 250);
	assert_int_equal(journal_list(j, DONE_FOLDER, "", page, 1), 0);
}

static void test_spool_files_of_nobody_are_swept(void **state)
{
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	close(journal_rejected(j, e.id, O_CREAT | O_RDWR | O_TRUNC));
	write_file(spool_of(e.id + 1, ""), "x", 1);
	write_file(spool_of(e.id + 7, ".rejected"), "x", 1);
	write_file(path_of("spool/notes.txt"), "x", 1);
	write_file(path_of("spool/007"), "x", 1);
	assert_int_equal(journal_sweep(j, 100), 0);
	assert_false(is_there(spool_of(e.id + 1, "")));
	assert_false(is_there(spool_of(e.id + 7, ".rejected")));
	assert_true(is_there(path_of("spool/notes.txt"))); /* not ours */
	assert_true(is_there(path_of("spool/007")));
	assert_true(is_there(spool_of(e.id, ".rejected")));
	assert_bytes(e.id, DIGEST);
}

static void test_a_spool_file_of_nobody_does_not_get_into_a_new_entry(void **state)
{
	(void)state;
	struct entry e = new_entry("a.csv");
	write_file(spool_of(e.id + 1, ""), "somebody's", 10);
	write_file(spool_of(e.id + 1, ".rejected"), "somebody's", 10);
	struct entry next = new_entry("b.csv");
	assert_int_equal(next.id, e.id + 1);
	assert_bytes(next.id, "");
	assert_int_equal(journal_rejected(j, next.id, O_RDONLY), -ENOENT);
}

/* --- several mounts -------------------------------------------------------------------------- */

static pid_t fork_mount(void (*act)(struct journal *))
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	struct mount m;
	struct qx_fail fail = { 0 };
	if (try_mount(&m, &fail) < 0)
		_exit(3);
	act(m.journal);
	_exit(0); /* without a word, as if it were killed */
}

static void die_after(void (*act)(struct journal *))
{
	int status = -1;
	/* SQLite does not like to be carried over a fork. */
	close_mount(&the);
	the = (struct mount){ 0 };
	pid_t pid = fork_mount(act);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	reopen();
}

static int write_some(struct journal *of, const char *name, enum entry_state state, bool whole,
                      bool flushed)
{
	struct entry e = { .state = state, .folder = IMPORT };
	snprintf(e.name, sizeof(e.name), "%s", name);
	if (journal_create(of, &e) < 0)
		return -1;
	int fd = journal_spool(of, e.id, O_RDWR);
	if (sys_write_all(fd, "bytes", 5) < 0)
		return -1;
	close(fd);
	return flushed ? journal_flushed(of, e.id, 5, DIGEST, whole) : 0;
}

static void write_and_die(struct journal *of)
{
	struct entry e;
	if (write_some(of, "whole.csv", ENTRY_WRITING, true, true) < 0 ||
	    write_some(of, "half.csv", ENTRY_WRITING, false, true) < 0 ||
	    write_some(of, "unflushed.csv", ENTRY_WRITING, false, false) < 0 ||
	    write_some(of, "scratch", ENTRY_SCRATCH, true, true) < 0 ||
	    write_some(of, "queued.csv", ENTRY_WRITING, true, true) < 0 ||
	    write_some(of, "more.csv", ENTRY_WRITING, true, true) < 0 ||
	    journal_find(of, IMPORT, "queued.csv", &e) < 0 ||
	    journal_move_state(of, e.id, ANY, ENTRY_QUEUED, NULL, NULL, false) < 0 ||
	    journal_sender_take(of) < 0)
		_exit(4);
}

static struct entry find(const char *name)
{
	struct entry e;
	assert_int_equal(journal_find(j, IMPORT, name, &e), 0);
	return e;
}

static size_t mounts_there(void)
{
	size_t n = 0;
	FILE *names;
	char command[500];
	snprintf(command, sizeof(command), "ls -A %s", path_of("mounts"));
	names = popen(command, "r");
	assert_non_null(names);
	while (fgets(command, sizeof(command), names))
		n++;
	pclose(names);
	return n;
}

static void test_what_a_dead_mount_wrote_is_adopted(void **state)
{
	(void)state;
	die_after(write_and_die);
	assert_int_equal(mounts_there(), 2); /* its and ours */
	assert_int_equal(journal_sender_take(j), 0);
	write_file(spool_of(find("more.csv").id, ""), "bytes and more", 14);
	assert_int_equal(journal_adopt(j), 4);
	assert_int_equal(mounts_there(), 1);
	assert_int_equal(find("whole.csv").state, ENTRY_QUEUED);
	assert_string_equal(find("whole.csv").digest, DIGEST);
	assert_int_equal(find("queued.csv").state, ENTRY_QUEUED);
	assert_int_equal(find("scratch").state, ENTRY_SCRATCH);
	static const char *const held[] = { "half.csv", "unflushed.csv", "more.csv" };
	for (size_t i = 0; i < countof(held); i++) {
		struct entry e = find(held[i]);
		assert_int_equal(e.state, ENTRY_HELD);
		assert_true(strlen(e.why) > 10 && strlen(e.next) > 10);
		assert_int_equal(e.size, i == 2 ? 14 : 5);
		assert_string_equal(e.digest, "");
		assert_true(is_uuid_4(e.uuid));
	}
	assert_int_equal(journal_adopt(j), 0);
}

static void test_what_a_living_mount_writes_is_left_to_it(void **state)
{
	(void)state;
	struct mount other = open_mount();
	struct entry theirs = new_entry_of(other.journal, IMPORT, "theirs.csv", ENTRY_WRITING);
	struct entry ours = new_entry("ours.csv");
	assert_int_equal(journal_sender_take(j), 0);
	assert_int_equal(journal_adopt(j), 0);
	assert_int_equal(get(theirs.id).state, ENTRY_WRITING);
	assert_int_equal(get(ours.id).state, ENTRY_WRITING);
	assert_int_equal(mounts_there(), 2);
	assert_int_equal(journal_rewrite(j, theirs.id), -EBUSY);
	close_mount(&other);
	assert_int_equal(mounts_there(), 1);
	assert_int_equal(journal_rewrite(j, theirs.id), 0); /* now it is ours */
	assert_int_equal(journal_adopt(j), 0);
	reopen();
	assert_int_equal(journal_adopt(j), 2);
	assert_int_equal(get(theirs.id).state, ENTRY_HELD);
}

static void test_entries_whose_bytes_are_gone(void **state)
{
	static const enum entry_state lost[] = { ENTRY_WRITING, ENTRY_QUEUED, ENTRY_HELD },
				      kept[] = { ENTRY_SENDING, ENTRY_DONE, ENTRY_UNCERTAIN };
	char name[20];
	struct entry found;
	(void)state;
	for (size_t i = 0; i < countof(lost); i++) {
		snprintf(name, sizeof(name), "lost%zu", i);
		assert_int_equal(unlink(spool_of(in_state(name, lost[i]).id, "")), 0);
		snprintf(name, sizeof(name), "kept%zu", i);
		assert_int_equal(unlink(spool_of(in_state(name, kept[i]).id, "")), 0);
	}
	struct entry scratch = new_scratch("tmp"), sound = queued("sound.csv", DIGEST);
	assert_int_equal(unlink(spool_of(scratch.id, "")), 0);
	assert_int_equal(journal_sender_take(j), 0);
	assert_int_equal(journal_adopt(j), 4);
	for (size_t i = 0; i < countof(lost); i++) {
		snprintf(name, sizeof(name), "lost%zu", i);
		struct entry e = find(name);
		assert_int_equal(e.state, ENTRY_FAILED);
		assert_true(strlen(e.why) > 10 && strlen(e.next) > 10);
	}
	assert_int_equal(find("kept0").state, ENTRY_SENDING);
	assert_int_equal(find("kept2").state, ENTRY_UNCERTAIN);
	assert_int_equal(journal_find(j, DONE_FOLDER, "kept1", &found), 0);
	assert_int_equal(found.state, ENTRY_DONE);
	assert_int_equal(journal_get(j, scratch.id, &found), -ENOENT);
	assert_int_equal(get(sound.id).state, ENTRY_QUEUED);
	assert_int_equal(journal_adopt(j), 0);
}

static void test_every_mount_sees_every_change(void **state)
{
	struct entry found;
	(void)state;
	struct mount other = open_mount();
	struct entry e = new_entry("a.csv");
	assert_int_equal(journal_get(other.journal, e.id, &found), 0);
	assert_int_equal(journal_remove(other.journal, e.id), 0);
	assert_int_equal(journal_get(j, e.id, &found), -ENOENT);
	close_mount(&other);
}

static void test_a_journal_that_another_holds_for_too_long(void **state)
{
	sqlite3 *db = NULL;
	struct entry e = { .state = ENTRY_WRITING, .folder = IMPORT, .name = "a.csv" }, found;
	(void)state;
	assert_int_equal(sqlite3_open(path_of("journal.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(journal_find(j, IMPORT, "a.csv", &found), -ENOENT); /* reading goes on */
	sleeps = false;
	atomic_store(&slept_ms, 0);
	assert_int_equal(journal_create(j, &e), -EAGAIN);
	assert_in_range(atomic_load(&slept_ms), 9000, 11000);
	sqlite3_close(db);
	assert_int_equal(journal_create(j, &e), 0);
}

#define CROWD 4
#define CROWD_TURNS 60

struct crowd {
	struct journal *journal;
	int number;
	atomic_int *left;
};

static void *crowd_writes(void *arg)
{
	const struct crowd *c = arg;
	for (int i = 0; i < CROWD_TURNS; i++) {
		struct entry e = { .state = ENTRY_WRITING, .folder = IMPORT };
		snprintf(e.name, sizeof(e.name), "%d-%d.csv", c->number, i);
		assert_int_equal(journal_create(c->journal, &e), 0);
		assert_int_equal(journal_flushed(c->journal, e.id, 0, DIGEST, true), 0);
		assert_int_equal(journal_move_state(c->journal, e.id, BIT(WRITING), ENTRY_QUEUED,
		                                    NULL, NULL, i % 2),
		                 0);
		if (i % 4 == 0)
			assert_int_equal(journal_remove(c->journal, e.id), 0);
	}
	atomic_fetch_sub(c->left, 1);
	return NULL;
}

static void *crowd_reads(void *arg)
{
	const struct crowd *c = arg;
	struct entry page[16], found;
	while (atomic_load(c->left) > 0) {
		int n = journal_list(c->journal, IMPORT, "", page, 16);
		assert_true(n >= 0);
		for (int i = 0; i < n; i++) {
			int r = journal_get(c->journal, page[i].id, &found);
			assert_true(r == 0 || r == -ENOENT);
		}
	}
	return NULL;
}

static void test_threads_of_two_mounts_at_once(void **state)
{
	pthread_t writers[CROWD], readers[2];
	struct crowd c[CROWD];
	atomic_int left = CROWD;
	struct entry *work = NULL;
	size_t n = 0;
	(void)state;
	struct mount other = open_mount();
	for (int i = 0; i < CROWD; i++) {
		c[i] = (struct crowd){ i % 2 ? j : other.journal, i, &left };
		assert_int_equal(pthread_create(&writers[i], NULL, crowd_writes, &c[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, crowd_reads, &c[i]), 0);
	for (int i = 0; i < CROWD; i++)
		pthread_join(writers[i], NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	close_mount(&other);
	assert_int_equal(journal_work(j, &work, &n), 0);
	assert_int_equal(n, CROWD * CROWD_TURNS * 3 / 4);
	free(work);
	assert_int_equal(journal_sweep(j, 0), 0);
}

/* --- damage ---------------------------------------------------------------------------------- */

/* What lies in the state's folder of the database; an empty log is as good as none. */
struct files {
	struct buf db, wal;
};

static struct files take_files(void)
{
	struct files f = { 0 };
	f.db = read_file(path_of("journal.db"));
	if (is_there(path_of("journal.db-wal")))
		f.wal = read_file(path_of("journal.db-wal"));
	return f;
}

static void assert_same_files(struct files *f)
{
	struct files now = take_files();
	assert_int_equal(now.db.len, f->db.len);
	assert_memory_equal(now.db.data, f->db.data, f->db.len);
	assert_int_equal(now.wal.len, f->wal.len);
	if (f->wal.len)
		assert_memory_equal(now.wal.data, f->wal.data, f->wal.len);
	buf_done(&now.db);
	buf_done(&now.wal);
	buf_done(&f->db);
	buf_done(&f->wal);
}

static void close_the(void)
{
	close_mount(&the);
	the = (struct mount){ 0 };
}

static void assert_refused(int err, const char *word, const char *remedy)
{
	struct mount m;
	struct qx_fail fail = { 0 };
	assert_int_equal(try_mount(&m, &fail), err);
	assert_null(m.journal);
	close_mount(&m);
	assert_int_equal(fail.err, -err);
	assert_non_null(strstr(fail.why, "/state/" ACCOUNT "/journal.db"));
	if (!strstr(fail.why, word) || !strstr(fail.remedy, remedy))
		fail_msg("%s; %s", fail.why, fail.remedy);
}

static void assert_damaged(void)
{
	assert_refused(-EBADMSG, "damaged", "spool");
}

static void fill_some(void)
{
	char name[ENTRY_NAME];
	for (int i = 0; i < 40; i++) {
		memset(name, 'n', 200);
		snprintf(name + 200, sizeof(name) - 200, "%d.csv", i);
		in_state(name, i % 2 ? ENTRY_QUEUED : ENTRY_DONE);
	}
}

static void overwrite(const char *path, off_t at, const void *bytes, size_t len)
{
	qx_auto_fd fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(syscall(SYS_pwrite64, fd, bytes, len, at), (long)len);
}

static void test_a_damaged_page_stops_all_and_changes_nothing(void **state)
{
	static const char garbage[64] = "garbage garbage garbage garbage garbage garbage garbage";
	(void)state;
	fill_some();
	close_the();
	struct buf good = read_file(path_of("journal.db"));
	size_t pages = good.len / 4096;
	assert_true(pages > 10);
	for (size_t i = 0; i < pages; i++) {
		overwrite(path_of("journal.db"), (off_t)(i * 4096), garbage, sizeof(garbage));
		struct files f = take_files();
		assert_damaged();
		assert_same_files(&f);
		assert_true(is_there(spool_of(1, "")));
		write_file(path_of("journal.db"), good.data, good.len);
	}
	reopen();
	assert_int_equal(get(2).state, ENTRY_QUEUED);
	buf_done(&good);
}

static void test_a_short_empty_or_foreign_file_is_damage(void **state)
{
	(void)state;
	fill_some();
	close_the();
	struct buf good = read_file(path_of("journal.db"));
	const size_t lengths[] = { 0, 1, 100, 4095, 4096, good.len / 2, good.len - 4096 };
	for (size_t i = 0; i < countof(lengths); i++) {
		write_file(path_of("journal.db"), good.data, lengths[i]);
		struct files f = take_files();
		assert_damaged();
		assert_same_files(&f);
	}
	write_file(path_of("journal.db"), "-----BEGIN", 10);
	assert_damaged();
	assert_int_equal(unlink(path_of("journal.db")), 0);
	sql("CREATE TABLE somebody (x); INSERT INTO somebody VALUES (1)");
	assert_int_equal(chmod(path_of("journal.db"), 0600), 0);
	assert_damaged();
	assert_true(is_there(spool_of(1, "")));
	buf_done(&good);
}

static void test_a_state_that_does_not_exist_is_damage(void **state)
{
	(void)state;
	struct entry e = queued("a.csv", DIGEST), found;
	struct qx_fail fail = { 0 };
	sql("PRAGMA ignore_check_constraints = ON; UPDATE entry SET state = 77");
	assert_int_equal(journal_trouble(j, &fail), 0);
	assert_int_equal(journal_get(j, e.id, &found), -EBADMSG);
	assert_int_equal(journal_trouble(j, &fail), -EBADMSG);
	close_the();
	assert_damaged();
}

/* Damages the file behind its back: what is not in memory is read from it. */
static struct files damage_in_use(void)
{
	static char garbage[4096];
	fill_some();
	sql("PRAGMA wal_checkpoint(TRUNCATE)");
	memset(garbage, 0x5a, sizeof(garbage));
	struct buf now = read_file(path_of("journal.db"));
	for (size_t at = 4096; at < now.len; at += 4096)
		overwrite(path_of("journal.db"), (off_t)at, garbage, sizeof(garbage));
	buf_done(&now);
	/* A change by another makes every connection forget what it has read. The first page is
	 * sound, so this one gets through. */
	sql("PRAGMA application_id = 0x71786673");
	return take_files();
}

static void test_damage_that_is_met_later_stops_all_and_changes_nothing(void **state)
{
	struct entry e = { .state = ENTRY_WRITING, .folder = IMPORT, .name = "late" }, page[4];
	struct part part = { .n = 0 }, *parts;
	struct entry *work;
	struct buf b = { 0 };
	struct gathered g = { 0 };
	struct qx_fail fail = { 0 };
	const bool yes = true;
	const mode_t mode = 0600;
	size_t n;
	(void)state;
	struct files f = damage_in_use();
	assert_int_equal(journal_find(j, IMPORT, "late", &e), -EBADMSG);
	assert_int_equal(journal_trouble(j, &fail), -EBADMSG);
	assert_non_null(strstr(fail.why, "damaged"));
	assert_non_null(strstr(fail.remedy, "spool"));
	assert_non_null(strstr(fail.remedy, "journal.db"));

	assert_int_equal(journal_get(j, 1, &e), -EBADMSG);
	assert_int_equal(journal_list(j, IMPORT, "", page, 4), -EBADMSG);
	assert_int_equal(journal_each(j, ANY, gather, &g), -EBADMSG);
	assert_int_equal(journal_same(j, IMPORT, "late", DIGEST, 0, &e), -EBADMSG);
	assert_int_equal(journal_last(j, IMPORT, "late", &e), -EBADMSG);
	assert_int_equal(journal_report(j, 1, &b), -EBADMSG);
	assert_int_equal(journal_parts(j, 1, &parts, &n), -EBADMSG);
	assert_int_equal(journal_create(j, &e), -EBADMSG);
	assert_int_equal(journal_spool(j, 1, O_RDONLY), -EBADMSG);
	assert_int_equal(journal_rejected(j, 1, O_CREAT | O_RDWR | O_TRUNC), -EBADMSG);
	assert_int_equal(journal_rewrite(j, 1), -EBADMSG);
	assert_int_equal(journal_flushed(j, 1, 1, DIGEST, true), -EBADMSG);
	assert_int_equal(move(1, ENTRY_HELD), -EBADMSG);
	assert_int_equal(journal_set_attr(j, 1, &mode, NULL, NULL, NULL), -EBADMSG);
	assert_int_equal(journal_mark(j, 1, &yes, NULL), -EBADMSG);
	assert_int_equal(journal_set_report(j, 1, &b), -EBADMSG);
	assert_int_equal(rename_to(1, IMPORT, "x", ENTRY_QUEUED, false), -EBADMSG);
	assert_int_equal(journal_remove(j, 1), -EBADMSG);
	assert_int_equal(journal_adopt(j), -EBADMSG);
	assert_int_equal(journal_work(j, &work, &n), -EBADMSG);
	assert_int_equal(journal_set_parts(j, 1, NULL, &part, 1, NULL), -EBADMSG);
	assert_int_equal(journal_part(j, 1, &part, ENTRY_QUEUED, NULL, NULL), -EBADMSG);
	e.state = ENTRY_FAILED;
	assert_int_equal(journal_finish(j, &e, NULL), -EBADMSG);
	assert_int_equal(journal_sweep(j, 0), -EBADMSG);
	journal_sender_give(j);
	assert_int_equal(journal_sender_take(j), -EBADMSG);
	close_the();
	assert_same_files(&f);
	assert_true(is_there(spool_of(1, "")));
}

static void test_damage_that_is_met_by_writing(void **state)
{
	struct entry e = { .state = ENTRY_WRITING, .folder = IMPORT, .name = "late" };
	struct qx_fail fail = { 0 };
	(void)state;
	struct files f = damage_in_use();
	assert_int_equal(journal_create(j, &e), -EBADMSG);
	assert_int_equal(journal_trouble(j, &fail), -EBADMSG);
	close_the();
	assert_same_files(&f);
}

static void test_a_newer_version_is_refused(void **state)
{
	(void)state;
	queued("a.csv", DIGEST);
	close_the();
	sql("PRAGMA user_version = 3");
	struct files f = take_files();
	assert_refused(-EPROTO, "newer qxfs", "install");
	assert_same_files(&f);
	sql("PRAGMA user_version = 2");
	reopen();
	assert_int_equal(find("a.csv").state, ENTRY_QUEUED);
}

/* The tables as they were before parts told what they made. */
static void test_an_older_version_is_brought_up(void **state)
{
	struct part part = { .n = 0, .rows = 1, .first_row = 1, .to = 5 }, *parts = NULL;
	struct buf report = { 0 };
	size_t n = 0;
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	buf_add_str(&report, "3 rows");
	assert_int_equal(journal_set_parts(j, e.id, NULL, &part, 1, &report), 0);
	close_the();
	sql("ALTER TABLE part DROP COLUMN made; ALTER TABLE texts ADD COLUMN result BLOB;"
	    "UPDATE texts SET result = x'7b7d'; PRAGMA user_version = 1");
	reopen();
	buf_clear(&report);
	assert_int_equal(journal_report(j, e.id, &report), 0);
	assert_string_equal(buf_text(&report), "3 rows");
	assert_int_equal(journal_parts(j, e.id, &parts, &n), 0);
	assert_int_equal(n, 1);
	assert_string_equal(parts[0].made, "");
	(void)snprintf(parts[0].made, sizeof(parts[0].made), "SV_1");
	assert_int_equal(journal_set_parts(j, e.id, NULL, parts, 1, NULL), 0);
	free(parts);
	assert_int_equal(journal_parts(j, e.id, &parts, &n), 0);
	assert_string_equal(parts[0].made, "SV_1");
	free(parts);
	buf_done(&report);
}

static void test_a_journal_that_is_not_private_is_refused(void **state)
{
	(void)state;
	close_the();
	assert_int_equal(chmod(path_of("journal.db"), 0640), 0);
	assert_refused(-EPERM, "not only yours", "chmod 600");
	assert_int_equal(chmod(path_of("journal.db"), 0600), 0);
	assert_int_equal(rename(path_of("journal.db"), path_of("elsewhere")), 0);
	assert_int_equal(symlink("elsewhere", path_of("journal.db")), 0);
	assert_refused(-EPERM, "not only yours", "");
}

static void test_a_new_journal_leaves_the_files_of_a_lost_one(void **state)
{
	(void)state;
	struct entry e = queued("a.csv", DIGEST);
	close_the();
	assert_int_equal(rename(path_of("journal.db"), path_of("broken.db")), 0);
	write_file(path_of("journal.db-wal"), "log", 3); /* moved away in part */
	assert_damaged();
	assert_true(is_there(path_of("journal.db-wal")));
	assert_int_equal(unlink(path_of("journal.db-wal")), 0);

	reopen();
	struct entry next = new_entry("b.csv");
	assert_true(next.id > e.id);
	assert_int_equal(journal_sweep(j, 0), 0);
	struct buf old = read_file(spool_of(e.id, ""));
	assert_string_equal(buf_text(&old), DIGEST);
	buf_done(&old);
	assert_bytes(next.id, "");
}

static void test_a_full_disk_while_it_is_made_leaves_none_or_a_whole_one(void **state)
{
	char cache_parent[300], state_parent[300];
	struct qx_fail fail = { 0 };
	bool met = true;
	(void)state;
	close_the();
	snprintf(cache_parent, sizeof(cache_parent), "%s/cache", root);
	snprintf(state_parent, sizeof(state_parent), "%s/state", root);
	for (int n = 1; met; n++) {
		struct mount m = { 0 };
		assert_int_equal(unlink(path_of("journal.db")), 0);
		atomic_store(&full_calls, 0);
		atomic_store(&full_at, n);
		int r = dirs_open(cache_parent, state_parent, ACCOUNT, &m.dirs, &fail);
		if (r == 0)
			r = journal_open(m.dirs, &m.journal, &fail);
		met = atomic_load(&full_calls) >= n;
		atomic_store(&full_at, 0);
		close_mount(&m);
		assert_true(r == 0 || r == -ENOSPC);
		reopen();
		new_entry("a.csv");
		close_the();
		assert_true(met || n > 10);
	}
}

/* --- a full disk ----------------------------------------------------------------------------- */

struct step {
	const char *name;
	int (*act)(struct entry *e);
	enum entry_state from;
};

static int act_create(struct entry *e)
{
	struct entry made = { .state = ENTRY_WRITING, .folder = IMPORT, .name = "new.csv" };
	(void)e;
	return journal_create(j, &made);
}

static int act_flush(struct entry *e)
{
	return journal_flushed(j, e->id, 5, DIGEST, true);
}

static int act_rewrite(struct entry *e)
{
	return journal_rewrite(j, e->id);
}

static int act_move(struct entry *e)
{
	return journal_move_state(j, e->id, ANY, ENTRY_HELD, "why", NULL, true);
}

static int act_rename(struct entry *e)
{
	return rename_to(e->id, CHECK, "target.csv", ENTRY_QUEUED, true);
}

static int act_remove(struct entry *e)
{
	return journal_remove(j, e->id);
}

static int act_parts(struct entry *e)
{
	const struct part parts[2] = { { .n = 0 }, { .n = 1 } };
	return journal_set_parts(j, e->id, NULL, parts, 2, NULL);
}

static int act_part(struct entry *e)
{
	const struct part part = { .n = 0, .state = PART_SENDING };
	return journal_part(j, e->id, &part, ENTRY_SENDING, NULL, NULL);
}

static int act_finish(struct entry *e)
{
	struct buf text = { 0 };
	buf_add_str(&text, "text");
	e->state = ENTRY_DONE;
	int r = journal_finish(j, e, &text);
	buf_done(&text);
	return r;
}

static int act_texts(struct entry *e)
{
	struct buf text = { 0 };
	for (int i = 0; i < 2000; i++)
		buf_add_str(&text, "text ");
	int r = journal_set_report(j, e->id, &text);
	buf_done(&text);
	return r;
}

static int act_adopt(struct entry *e)
{
	(void)e;
	int r = journal_adopt(j);
	return r < 0 ? r : 0;
}

static int act_sweep(struct entry *e)
{
	(void)e;
	int r = journal_sweep(j, 0);
	return r < 0 ? r : 0;
}

static const struct step steps[] = {
	{ "create", act_create, ENTRY_WRITING },  { "flush", act_flush, ENTRY_WRITING },
	{ "rewrite", act_rewrite, ENTRY_HELD },   { "move", act_move, ENTRY_WRITING },
	{ "rename", act_rename, ENTRY_HELD },     { "remove", act_remove, ENTRY_QUEUED },
	{ "set parts", act_parts, ENTRY_QUEUED }, { "part", act_part, ENTRY_QUEUED },
	{ "finish", act_finish, ENTRY_SENDING },  { "texts", act_texts, ENTRY_QUEUED },
	{ "adopt", act_adopt, ENTRY_QUEUED },     { "sweep", act_sweep, ENTRY_DONE },
};

static size_t entries_in_all(void)
{
	struct gathered g = { 0 };
	assert_int_equal(journal_each(j, ANY, gather, &g), 0);
	return g.n;
}

/* One step with its n-th call that takes room failing; false: it had fewer. */
static bool step_when_full(const struct step *s, int n)
{
	char name[40];
	const struct part part = { .n = 0 };
	struct entry now;

	snprintf(name, sizeof(name), "%s-%d.csv", s->name, n);
	struct entry e = in_state(name, s->from);
	if (s->act == act_part)
		assert_int_equal(journal_set_parts(j, e.id, NULL, &part, 1, NULL), 0);
	if (s->act == act_adopt)
		assert_int_equal(unlink(spool_of(e.id, "")), 0);
	e = get(e.id);
	size_t before = entries_in_all();
	atomic_store(&full_calls, 0);
	atomic_store(&full_at, n);
	int r = s->act(&e);
	bool met = atomic_load(&full_calls) >= n;
	atomic_store(&full_at, 0);
	if (r == 0 && !met)
		return false;
	if (r < 0) { /* nothing has changed; and then it goes through */
		assert_int_equal(r, -ENOSPC);
		assert_int_equal(entries_in_all(), before);
		assert_int_equal(journal_get(j, e.id, &now), 0);
		assert_int_equal(now.state, s->from);
		assert_string_equal(now.name, s->from == ENTRY_DONE ? e.name : name);
		assert_int_equal(now.parts, s->act == act_part);
		assert_int_equal(now.whole, s->from != ENTRY_WRITING && s->from != ENTRY_HELD);
		r = s->act(&e);
	}
	assert_int_equal(r, 0);
	struct entry gone;
	if (journal_find(j, IMPORT, "new.csv", &gone) == 0)
		assert_int_equal(journal_remove(j, gone.id), 0);
	return true;
}

static void test_a_full_disk_breaks_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(steps); i++) {
		int n = 1;
		while (step_when_full(&steps[i], n))
			n++;
		if (n < 2)
			fail_msg("%s takes no room", steps[i].name);
	}
	size_t before = entries_in_all();
	reopen(); /* and it holds together */
	assert_int_equal(entries_in_all(), before);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_the_tables_of_states),
		ROW(test_every_move_is_as_the_table_says),
		ROW(test_every_rename_is_as_the_table_says),
		ROW(test_every_finish_is_as_the_table_says),
		ROW(test_a_move_wants_one_of_the_states_given),
		ROW(test_words_are_cut_at_a_character),
		ROW(test_what_is_created_is_found),
		ROW(test_uuids_differ),
		ROW(test_no_names_of_files_are_refused),
		ROW(test_hostile_names_come_back_as_they_were),
		ROW(test_a_list_comes_in_pages_by_name),
		ROW(test_each_gives_those_in_the_states),
		ROW(test_only_its_owner_may_read_it),
		ROW(test_a_flush_is_durable),
		ROW(test_only_what_is_written_is_flushed),
		ROW(test_a_flush_without_a_digest_and_not_whole),
		ROW(test_a_failed_fsync_is_never_believed_again),
		ROW(test_a_failed_fsync_of_the_folder_is_an_error),
		ROW(test_a_failed_fsync_of_the_log_is_made_good),
		ROW(test_what_leaves_the_writers_is_durable),
		ROW(test_what_is_written_again_is_another_submission),
		ROW(test_what_is_being_sent_is_not_written),
		ROW(test_the_fds),
		ROW(test_attributes),
		ROW(test_texts_and_marks),
		ROW(test_a_rename_replaces),
		ROW(test_a_rename_to_itself),
		ROW(test_what_is_being_sent_is_not_replaced),
		ROW(test_a_move_keeps_or_renews_the_submission),
		ROW(test_remove),
		ROW(test_of_what_is_being_sent_only_the_name_is_removed),
		ROW(test_a_removed_one_goes_when_it_is_over),
		ROW(test_a_removed_one_that_was_sent_in_part_is_sent_to_its_end),
		ROW(test_the_same_bytes_are_known_while_they_are_queued_running_or_done),
		ROW(test_what_was_not_sent_is_not_the_same),
		ROW(test_other_bytes_in_between_make_it_new),
		ROW(test_what_may_have_been_sent_in_between_makes_it_new),
		ROW(test_what_left_done_is_not_the_same_any_more),
		ROW(test_the_last_submission_of_a_name),
		ROW(test_one_mount_sends),
		ROW(test_work_comes_in_the_order_of_becoming_whole),
		ROW(test_every_part_moves_as_the_table_says),
		ROW(test_parts_are_kept),
		ROW(test_parts_that_make_no_sense_are_refused),
		ROW(test_a_doubt_outlives_its_entry),
		ROW(test_the_sender_concludes_only_what_it_has_read),
		ROW(test_the_end),
		ROW(test_done_names_are_numbered),
		ROW(test_what_is_checked_stays_in_check),
		ROW(test_old_done_ones_vanish),
		ROW(test_many_old_ones_vanish),
		ROW(test_spool_files_of_nobody_are_swept),
		ROW(test_a_spool_file_of_nobody_does_not_get_into_a_new_entry),
		ROW(test_what_a_dead_mount_wrote_is_adopted),
		ROW(test_what_a_living_mount_writes_is_left_to_it),
		ROW(test_entries_whose_bytes_are_gone),
		ROW(test_every_mount_sees_every_change),
		ROW(test_a_journal_that_another_holds_for_too_long),
		ROW(test_threads_of_two_mounts_at_once),
		ROW(test_a_damaged_page_stops_all_and_changes_nothing),
		ROW(test_a_short_empty_or_foreign_file_is_damage),
		ROW(test_a_state_that_does_not_exist_is_damage),
		ROW(test_damage_that_is_met_later_stops_all_and_changes_nothing),
		ROW(test_damage_that_is_met_by_writing),
		ROW(test_a_newer_version_is_refused),
		ROW(test_an_older_version_is_brought_up),
		ROW(test_a_journal_that_is_not_private_is_refused),
		ROW(test_a_new_journal_leaves_the_files_of_a_lost_one),
		ROW(test_a_full_disk_while_it_is_made_leaves_none_or_a_whole_one),
		ROW(test_a_full_disk_breaks_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
