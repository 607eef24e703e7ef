/* crash_journal.c kill|power [ROUNDS]: two mounts write, submit, send and remove imports until a
 * crash meets them.
 *
 * Then: whatever was acknowledged is there with its bytes, once, in a state that the table allows
 * (after a power cut: whatever was acknowledged as durable); what is whole has the bytes of its
 * digest; no part reached the service twice, and what the journal says of a part is what the
 * service saw. power needs root and mkfs.ext4, else it is skipped (77).
 *
 * The test fails as well if the crashes met nothing: then it would prove nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <qxfs/store/journal.h>

#include "crash.h"

#define FILES (1u << 18)
#define PARTS 2
#define LEN_MAX 30000
#define IMPORT "mailinglists/CG_1/import"
#define BIT(state) (1u << ENTRY_##state)
#define ALL ((1u << ENTRY_STATES_) - 1)

/* How far a file came, as its calls returned. */
enum level { NOTHING, CREATED, FLUSHED, QUEUED, DONE, REMOVED };
enum doing { IDLE, REWRITING, REMOVING };

/* What the children tell, and what outlives them. */
struct file {
	atomic_uint level;
	atomic_uint doing;       /* begun, and not yet returned */
	atomic_uint version;     /* of the bytes that were flushed last */
	atomic_uint sent[PARTS]; /* as the service counts */
};
struct shared {
	struct file files[FILES];
	atomic_uint next;
	atomic_uint submitted, sent, uncertain;
};
static struct shared *shared;

static void reach(unsigned n, enum level level)
{
	unsigned was = atomic_load(&shared->files[n].level);
	while (was < level && !atomic_compare_exchange_weak(&shared->files[n].level, &was, level))
		;
}

static void file_name(char out[ENTRY_NAME], unsigned n, bool scratch)
{
	snprintf(out, ENTRY_NAME, scratch ? "t%07u" : "f%07u.csv", n);
}

/* "f0000012.csv", "t0000012", also with " (2)" in done/ */
static unsigned file_of(const char *name)
{
	return (unsigned)strtoul(name + 1, NULL, 10);
}

static size_t len_of(unsigned n, unsigned version)
{
	return (n * 2654435761u + version * 40503u) % LEN_MAX;
}

static void fill(unsigned char *bytes, unsigned n, unsigned version)
{
	for (size_t i = 0, len = len_of(n, version); i < len; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 253 + n * 31 + version * 101);
}

static void digest_of(char out[DIGEST_HEX], unsigned version)
{
	snprintf(out, DIGEST_HEX, "version %u", version);
}

/* --- a mount --------------------------------------------------------------------------------- */

struct mount {
	struct dirs *dirs;
	struct journal *journal;
};

static struct mount open_mount(void)
{
	char cache_parent[300], state_parent[300];
	struct mount m = { 0 };
	struct qx_fail fail = { 0 };

	snprintf(cache_parent, sizeof(cache_parent), "%s/cache", crash_root);
	snprintf(state_parent, sizeof(state_parent), "%s/state", crash_root);
	if (dirs_open(cache_parent, state_parent, "a", &m.dirs, &fail) < 0 ||
	    journal_open(m.dirs, &m.journal, &fail) < 0)
		crash_stop(fail.why, fail.err);
	return m;
}

static void close_mount(struct mount *m)
{
	journal_free(m->journal);
	dirs_free(m->dirs);
}

/* What another child may have done in between is no error. */
static bool went(const char *what, int r)
{
	crash_step();
	if (crash_is_cut() || (r < 0 && r != -EBUSY && r != -ENOENT))
		crash_stop(what, -r);
	return r >= 0;
}

/* --- a program that writes ------------------------------------------------------------------- */

static bool write_version(struct journal *j, int64_t id, unsigned n, unsigned version)
{
	static unsigned char bytes[LEN_MAX];
	char digest[DIGEST_HEX];
	size_t len = len_of(n, version);

	fill(bytes, n, version);
	qx_auto_fd fd = journal_spool(j, id, O_RDWR);
	if (!went("no spool", fd))
		return false;
	if (ftruncate(fd, crash_below(2) ? 0 : (off_t)len) < 0 || sys_write_all(fd, bytes, len) < 0)
		crash_stop("no write", errno);
	if (crash_below(8) == 0)
		return false; /* the program dies */
	digest_of(digest, version);
	if (!went("no flush", journal_flushed(j, id, len, digest, true)))
		return false;
	atomic_store(&shared->files[n].version, version);
	atomic_store(&shared->files[n].doing, IDLE);
	reach(n, FLUSHED);
	return true;
}

static bool submit(struct journal *j, const struct entry *e, unsigned n)
{
	char name[ENTRY_NAME];
	int r;

	file_name(name, n, false);
	if (e->state == ENTRY_SCRATCH)
		r = journal_rename(j, e->id, IMPORT, name, ENTRY_QUEUED, true, crash_below(2));
	else
		r = journal_move_state(j, e->id, BIT(WRITING), ENTRY_QUEUED, NULL, NULL,
		                       crash_below(2));
	if (!went("not submitted", r))
		return false;
	reach(n, QUEUED);
	atomic_fetch_add(&shared->submitted, 1);
	return true;
}

static void remove_file(struct journal *j, int64_t id, unsigned n)
{
	atomic_store(&shared->files[n].doing, REMOVING);
	if (went("not removed", journal_remove(j, id)))
		reach(n, REMOVED);
}

static void write_one(struct journal *j)
{
	unsigned n = atomic_fetch_add(&shared->next, 1) + 1;
	struct entry e = { .folder = IMPORT, .mode = 0644 };

	if (n >= FILES)
		crash_wrong("more files than there is room for");
	e.state = crash_below(2) ? ENTRY_SCRATCH : ENTRY_WRITING;
	file_name(e.name, n, e.state == ENTRY_SCRATCH);
	if (!went("not created", journal_create(j, &e)))
		crash_wrong("file %u is there already", n);
	reach(n, CREATED);
	if (!write_version(j, e.id, n, 1))
		return;
	if (crash_below(3) == 0) {
		atomic_store(&shared->files[n].doing, REWRITING);
		if (!went("not rewritten", journal_rewrite(j, e.id)) ||
		    !write_version(j, e.id, n, 2))
			return;
	}
	if (crash_below(16) != 0 && !submit(j, &e, n))
		return;
	if (crash_below(8) == 0)
		remove_file(j, e.id, n);
}

/* --- the sender ------------------------------------------------------------------------------ */

/* Whatever happens here has happened: the service's memory has no crash. */
static void service_takes(unsigned n, uint32_t part)
{
	atomic_fetch_add(&shared->files[n].sent[part], 1);
	atomic_fetch_add(&shared->sent, 1);
}

static bool make_parts(struct journal *j, const struct entry *e)
{
	struct part parts[PARTS] = { 0 };

	for (uint32_t i = 0; i < PARTS; i++) {
		parts[i].n = i;
		parts[i].rows = 1;
		parts[i].first_row = i + 1;
	}
	return went("no parts", journal_set_parts(j, e->id, NULL, parts, PARTS, NULL));
}

/* false: it is not to be gone on with. */
static bool send_part(struct journal *j, const struct entry *e, struct part *p, unsigned n)
{
	if (p->state == PART_WAITING) {
		p->state = PART_SENDING;
		if (!went("not sending", journal_part(j, e->id, p, ENTRY_SENDING, NULL, NULL)))
			return false;
		service_takes(n, p->n);
		p->state = PART_IMPORTING;
		snprintf(p->job, sizeof(p->job), "job-%u-%u", n, p->n);
		if (!went("not importing", journal_part(j, e->id, p, ENTRY_IMPORTING, NULL, NULL)))
			return false;
	}
	if (p->state == PART_IMPORTING) {
		p->state = PART_DONE;
		return went("no end", journal_part(j, e->id, p, ENTRY_IMPORTING, NULL, NULL));
	}
	return p->state == PART_DONE;
}

static void finish(struct journal *j, const struct entry *e, enum entry_state state, unsigned n)
{
	struct entry over = *e;
	struct buf text = { 0 };

	over.state = state;
	buf_addf(&text, "file %u", n);
	if (went("not finished", journal_finish(j, &over, &text))) {
		if (state == ENTRY_DONE)
			reach(n, DONE);
		else
			atomic_fetch_add(&shared->uncertain, 1);
	}
	buf_done(&text);
}

static void send_one(struct journal *j, const struct entry *e)
{
	unsigned n = file_of(e->name);
	struct part *parts = NULL;
	size_t count = 0;

	if (e->parts == 0 && !make_parts(j, e))
		return;
	if (!went("no parts", journal_parts(j, e->id, &parts, &count)))
		return;
	if (count != PARTS)
		crash_wrong("file %u: %zu parts", n, count);
	for (size_t i = 0; i < count; i++) {
		if (parts[i].state == PART_SENDING) { /* nobody knows: never again */
			parts[i].state = PART_UNCERTAIN;
			if (went("not uncertain",
			         journal_part(j, e->id, &parts[i], ENTRY_SENDING, NULL, NULL)))
				finish(j, e, ENTRY_UNCERTAIN, n);
			goto out;
		}
		if (!send_part(j, e, &parts[i], n))
			goto out;
	}
	finish(j, e, ENTRY_DONE, n);
	if (crash_below(4) == 0)
		remove_file(j, e->id, n);
out:
	free(parts);
}

static void send_some(struct journal *j)
{
	struct entry *work = NULL;
	size_t count = 0;

	if (journal_sender_take(j) < 0)
		return;
	if (crash_below(8) == 0) {
		went("not adopted", journal_adopt(j));
		went("not swept", journal_sweep(j, 1000));
	}
	if (!went("no work", journal_work(j, &work, &count)))
		return;
	for (size_t i = 0; i < count && i < 4; i++)
		send_one(j, &work[i]);
	free(work);
	if (crash_below(4) == 0)
		journal_sender_give(j);
}

static void child(void)
{
	struct mount m = open_mount();
	for (;;) {
		write_one(m.journal);
		if (crash_below(2) == 0)
			send_some(m.journal);
	}
}

/* --- the judge ------------------------------------------------------------------------------- */

static unsigned char present[FILES];

static void check_bytes(struct journal *j, const struct entry *e, unsigned n, unsigned version)
{
	static unsigned char got[LEN_MAX + 1], want[LEN_MAX];
	size_t len = len_of(n, version);

	qx_auto_fd fd = journal_spool(j, e->id, O_RDONLY);
	if (fd < 0)
		crash_wrong("file %u (%s): no bytes: %s", n, e->name, strerror(-fd));
	fill(want, n, version);
	if (e->size != len || pread(fd, got, sizeof(got), 0) != (ssize_t)len ||
	    memcmp(got, want, len) != 0)
		crash_wrong("file %u (%s), version %u: wrong bytes", n, e->name, version);
}

/* The journal against the service. */
static void check_parts(struct journal *j, const struct entry *e, unsigned n)
{
	/* least and most that the service has seen of a part in each state */
	static const unsigned seen[PART_STATES_][2] = {
		[PART_WAITING] = { 0, 0 }, [PART_SENDING] = { 0, 1 }, [PART_IMPORTING] = { 1, 1 },
		[PART_DONE] = { 1, 1 },    [PART_FAILED] = { 0, 1 },  [PART_UNCERTAIN] = { 0, 1 },
	};
	struct part *parts = NULL;
	size_t count = 0;

	if (journal_parts(j, e->id, &parts, &count) < 0)
		crash_wrong("file %u: its parts cannot be read", n);
	for (size_t i = 0; i < PARTS; i++) {
		unsigned sent = atomic_load(&shared->files[n].sent[i]);
		enum part_state s = i < count ? parts[i].state : PART_WAITING;
		if (sent < seen[s][0] || sent > seen[s][1])
			crash_wrong("file %u (%s, %s), part %zu: state %u, sent %u times", n,
			            e->name, entry_state_row(e->state)->word, i, s, sent);
		if (e->state == ENTRY_DONE && s != PART_DONE)
			crash_wrong("file %u: done without part %zu", n, i);
	}
	free(parts);
}

/* It was on its way to the disk when the power was cut, and its file was not there yet. */
static bool is_lost(const struct entry *e)
{
	return crash_is_power && e->state == ENTRY_FAILED &&
	       atomic_load(&shared->files[file_of(e->name)].level) < FLUSHED;
}

static void check_entry(struct journal *j, const struct entry *e)
{
	unsigned n = file_of(e->name), version = 0;
	const struct file *f = &shared->files[n];
	unsigned flushed = atomic_load(&f->version); /* 0: a crash came before anybody could tell */
	enum level level = (enum level)atomic_load(&f->level);
	const unsigned expected = BIT(SCRATCH) | BIT(HELD) | BIT(QUEUED) | BIT(SENDING) |
	                          BIT(IMPORTING) | BIT(DONE) | BIT(UNCERTAIN);

	if (present[n]++)
		crash_wrong("file %u is there twice", n);
	if (level == REMOVED)
		crash_wrong("file %u (%s) was removed and is back", n, e->name);
	if (!(expected >> e->state & 1) && !is_lost(e))
		crash_wrong("file %u is %s: %s", n, entry_state_row(e->state)->word, e->why);
	if (e->whole && (sscanf(e->digest, "version %u", &version) != 1 || version < 1))
		crash_wrong("file %u is whole without a digest", n);
	if (e->whole)
		check_bytes(j, e, n, version);
	if (flushed > 0 && atomic_load(&f->doing) == IDLE && (!e->whole || version != flushed))
		crash_wrong("file %u was flushed and is %s, version %u", n,
		            e->whole ? "whole" : "not whole", version);
	if (level >= QUEUED && (e->state == ENTRY_SCRATCH || e->state == ENTRY_HELD))
		crash_wrong("file %u was submitted and is %s", n, entry_state_row(e->state)->word);
	if (level == DONE && e->state != ENTRY_DONE)
		crash_wrong("file %u was done and is %s", n, entry_state_row(e->state)->word);
	check_parts(j, e, n);
}

static unsigned spool_files(const struct mount *m)
{
	unsigned n = 0;
	int fd = openat(dirs_state_fd(m->dirs), "spool", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	while (dir && (e = readdir(dir)))
		n += e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

struct gathered {
	struct entry *entries;
	size_t n, cap;
};

static bool gather(void *arg, const struct entry *e)
{
	struct gathered *g = arg;
	if (g->n == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 256;
		g->entries = reallocarray(g->entries, g->cap, sizeof(*e));
		if (!g->entries)
			crash_wrong("out of memory");
	}
	g->entries[g->n++] = *e;
	return true;
}

static void gather_all(struct journal *j, struct gathered *g)
{
	int r = journal_each(j, ALL, gather, g);
	if (r < 0)
		crash_wrong("the journal cannot be read: %s", strerror(-r));
}

/* Whatever was created survives a kill; a power cut only what was flushed. */
static void check_missing(unsigned to)
{
	enum level least = crash_is_power ? FLUSHED : CREATED;

	for (unsigned n = 1; n <= to && n < FILES; n++) {
		enum level level = (enum level)atomic_load(&shared->files[n].level);
		for (size_t i = 0; i < PARTS; i++)
			if (atomic_load(&shared->files[n].sent[i]) > 1)
				crash_wrong("file %u, part %zu: sent twice", n, i);
		if (level >= least && level < REMOVED && !present[n] &&
		    atomic_load(&shared->files[n].doing) != REMOVING)
			crash_wrong("file %u came to level %u and is gone", n, level);
	}
}

/* The other mount goes on: nothing is missing, and nothing is in the way. */
static void check_beside(void)
{
	struct gathered g = { 0 };
	unsigned to = atomic_load(&shared->next);
	unsigned char *levels = malloc(to + 1);
	if (!levels)
		crash_wrong("out of memory");

	for (unsigned n = 1; n <= to; n++) /* before: what comes later need not be seen */
		levels[n] = (unsigned char)atomic_load(&shared->files[n].level);
	struct mount m = open_mount();
	gather_all(m.journal, &g);
	memset(present, 0, sizeof(present));
	for (size_t i = 0; i < g.n; i++)
		if (present[file_of(g.entries[i].name)]++)
			crash_wrong("file %s is there twice", g.entries[i].name);
	for (unsigned n = 1; n <= to; n++)
		if (levels[n] >= CREATED && levels[n] < REMOVED && !present[n] &&
		    atomic_load(&shared->files[n].doing) != REMOVING)
			crash_wrong("file %u came to level %u and is gone", n, levels[n]);
	free(levels);
	free(g.entries);
	close_mount(&m);
}

/* What was begun and did not return is settled by removing it; so is most of the rest. */
static void clear(struct journal *j, const struct gathered *g)
{
	for (size_t i = 0; i < g->n; i++) {
		unsigned n = file_of(g->entries[i].name);
		if (atomic_load(&shared->files[n].doing) != IDLE || crash_below(4) != 0)
			remove_file(j, g->entries[i].id, n);
	}
	for (unsigned n = 1; n <= atomic_load(&shared->next) && n < FILES; n++)
		if (atomic_load(&shared->files[n].doing) != IDLE || !present[n])
			reach(n, REMOVED);
}

/* Nobody lives: what they left is adopted, swept, and looked at. */
static bool check_all(void)
{
	struct gathered g = { 0 };
	struct entry *work = NULL;
	size_t n_work = 0, hidden = 0, lost = 0;
	struct mount m = open_mount();
	struct journal *j = m.journal;

	if (journal_sender_take(j) < 0)
		crash_wrong("the dead still send");
	int adopted = journal_adopt(j);
	if (adopted < 0 || journal_sweep(j, 1000) < 0 || journal_work(j, &work, &n_work) < 0)
		crash_wrong("what is left cannot be adopted");
	bool met = adopted > 0;
	gather_all(j, &g);
	memset(present, 0, sizeof(present));
	for (size_t i = 0; i < g.n; i++) {
		check_entry(j, &g.entries[i]);
		lost += is_lost(&g.entries[i]);
	}
	for (size_t i = 0; i < n_work; i++) {
		met |= entry_state_row(work[i].state)->busy;
		hidden += work[i].hidden;
		check_parts(j, &work[i], file_of(work[i].name));
	}
	check_missing(atomic_load(&shared->next));
	if (spool_files(&m) != g.n + hidden - lost)
		crash_wrong("%u spool files for %zu entries", spool_files(&m), g.n + hidden - lost);
	clear(j, &g);
	free(work);
	free(g.entries);
	close_mount(&m);
	return met;
}

static const struct crash_case journal_case = {
	.name = "crash_journal",
	.kill_rounds = 250,
	.power_rounds = 40,
	.most_steps = 60,
	.child = child,
	.check_beside = check_beside,
	.check_all = check_all,
};

int main(int argc, char **argv)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	if (shared == MAP_FAILED)
		return 2;
	int r = crash_main(&journal_case, argc, argv);
	printf("%u files, %u submitted, %u parts sent, %u uncertain\n", atomic_load(&shared->next),
	       atomic_load(&shared->submitted), atomic_load(&shared->sent),
	       atomic_load(&shared->uncertain));
	return r;
}
