/* drop_judge.c: names, and what is thought of a file's bytes. */
#include "drop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define PIECE 65536
#define AT_ONCE_MS 1000 /* what is not judged while it comes is judged for so long at the flush */

/* --- names -------------------------------------------------------------------------------------
 */

static const struct {
	const char *tail;
	enum drop_place place;
} places[] = {
	{ "/import", PLACE_IMPORT },
	{ "/import/send", PLACE_SEND },
	{ "/import/done", PLACE_DONE },
	{ "/check", PLACE_CHECK },
};

static const struct {
	const char *head;
	enum import_target target;
} targets[] = {
	{ "mailinglists/ML_", TARGET_OLD_LIST }, { "mailinglists/", TARGET_LIST },
	{ "directories/", TARGET_DIRECTORY },    { "surveys/SV_", TARGET_SURVEY },
	{ "surveys/", TARGET_SURVEYS },
};

static bool ends_in(const char *text, const char *tail)
{
	size_t n = strlen(text), m = strlen(tail);
	return n > m && strcasecmp(text + n - m, tail) == 0;
}

static bool begins_with(const char *text, const char *head)
{
	return strncmp(text, head, strlen(head)) == 0;
}

int drop_folder_parse(const char *path, struct drop_folder *ret)
{
	size_t p = 0, t = 0;

	while (p < countof(places) && !ends_in(path, places[p].tail))
		p++;
	while (t < countof(targets) && !begins_with(path, targets[t].head))
		t++;
	if (p == countof(places) || t == countof(targets) || strlen(path) >= sizeof(ret->folder))
		return -EINVAL;
	ret->place = places[p].place;
	ret->target = targets[t].target;
	const char *id = strchr(path, '/') + 1; /* every target's head has one */
	size_t n = ret->target == TARGET_SURVEYS ? 0 : strcspn(id, "/");
	if (n >= sizeof(ret->id) || (n == 0 && ret->target != TARGET_SURVEYS))
		return -EINVAL;
	memcpy(ret->id, id, n);
	ret->id[n] = '\0';
	memcpy(ret->folder, path, strlen(path) + 1);
	if (ret->place == PLACE_SEND)
		*strrchr(ret->folder, '/') = '\0';
	return 0;
}

enum drop_name drop_name_of(enum import_target target, const char *name)
{
	if (ends_in(name, ".report.txt") || ends_in(name, ".result.json") ||
	    ends_in(name, ".rejected.csv") || strcasecmp(name, "TEMPLATE.csv") == 0)
		return NAME_OURS;
	if (name[0] == '.' || name[0] == '~')
		return NAME_SCRATCH;
	return import_kind(target, name) || import_advice(target, name) ? NAME_IMPORT
	                                                                : NAME_SCRATCH;
}

/* --- judging -----------------------------------------------------------------------------------
 */

/* A document of a kind that nothing here reads. */
static void refuse_kind(enum import_target target, const char *name, struct verdict *ret)
{
	const char *advice = import_advice(target, name);

	ret->err = EINVAL;
	(void)snprintf(ret->why, sizeof(ret->why), "a file of this kind cannot be imported here");
	(void)snprintf(ret->next, sizeof(ret->next), "%s", advice ? advice : "");
}

static int say_later(struct verdict *ret)
{
	buf_add_str(&ret->report, "It is large: it is looked at before it is sent, and what is "
	                          "found will be told here.\n");
	return buf_failed(&ret->report) ? -ENOMEM : 0;
}

/* Summed as a whole, and judged (NULL: by nobody) as far as people wait: *ret_late. */
static int read_all(int fd, struct digest *sum, struct judge *judge, bool *ret_late)
{
	int64_t until_ms = sys_now_ms() + AT_ONCE_MS;
	qx_auto_free char *piece = malloc(PIECE);
	ssize_t n = piece ? 1 : 0;

	*ret_late = false;
	for (uint64_t at = 0; n > 0; at += (uint64_t)n) {
		n = pread(fd, piece, PIECE, (off_t)at);
		if (n < 0)
			return -errno;
		digest_add(sum, piece, (size_t)n);
		if (judge && !*ret_late && judge_feed(judge, piece, (size_t)n) == 0)
			*ret_late = sys_now_ms() >= until_ms;
	}
	return piece ? 0 : -ENOMEM;
}

int drop_judge_file(const struct drops *d, const struct drop_folder *folder, const char *name,
                    int fd, struct verdict *ret, char digest[DIGEST_HEX_SIZE])
{
	const struct import_kind *kind = import_kind(folder->target, name);
	struct digest *sum = digest_new();
	struct judge *judge = NULL;
	bool late = false;

	memset(ret, 0, sizeof(*ret));
	int r = !sum ? -ENOMEM : kind ? judge_new(kind, &d->context, &judge) : 0;
	if (r == 0)
		r = read_all(fd, sum, judge, &late);
	if (r == 0)
		r = digest_hex(sum, digest);
	if (r == 0 && late)
		r = say_later(ret);
	else if (r == 0 && kind)
		r = judge_end(judge, ret);
	else if (r == 0)
		refuse_kind(folder->target, name, ret);
	judge_free(judge);
	digest_free(sum);
	return r;
}

/* --- while it is written -----------------------------------------------------------------------
 */

void drop_forget_judge(struct drop *x)
{
	judge_free(x->judge);
	digest_free(x->digest);
	x->judge = NULL;
	x->digest = NULL;
	x->in_order = false;
	x->fed = 0;
	verdict_done(&x->verdict);
	x->judged = false;
}

/* From the first byte of an empty file on. Without a judge it is read at the flush. */
static void start_over(struct drop *x)
{
	struct drop_folder folder;
	struct entry e;

	drop_forget_judge(x);
	if (journal_get(x->drops->config.journal, x->id, &e) < 0 ||
	    drop_folder_parse(e.folder, &folder) < 0 || e.state == ENTRY_SCRATCH)
		return;
	const struct import_kind *kind = import_kind(folder.target, e.name);
	if (!kind || judge_new(kind, &x->drops->context, &x->judge) < 0)
		return;
	x->digest = digest_new();
	x->in_order = x->digest != NULL;
}

void drop_is_new(struct drop_handle *h)
{
	pthread_mutex_lock(&h->drop->lock);
	h->drop->armed = h->drop->touched = true;
	start_over(h->drop);
	pthread_mutex_unlock(&h->drop->lock);
}

void drop_begin(struct drop *x, int fd)
{
	struct stat st;

	x->judged = false;
	/* What was appended to a file that was judged while it came goes on being judged so, but
	 * its verdict has been taken. */
	drop_forget_judge(x);
	if (fstat(fd, &st) == 0 && st.st_size == 0)
		start_over(x);
}

void drop_feed(struct drop *x, const void *bytes, size_t len, uint64_t at)
{
	if (!x->in_order)
		return;
	if (at != x->fed) {
		x->in_order = false;
		return;
	}
	digest_add(x->digest, bytes, len);
	(void)judge_feed(x->judge, bytes, len); /* a verdict that stands stays */
	x->fed += len;
}

void drop_cut(struct drop *x, uint64_t size)
{
	if (size == 0)
		start_over(x);
	else if (size != x->fed)
		x->in_order = false;
}

/* --- the flush ---------------------------------------------------------------------------------
 */

static int take_verdict(struct drop *x, const struct drop_folder *folder, const struct entry *e,
                        int fd, uint64_t size, char digest[DIGEST_HEX_SIZE])
{
	verdict_done(&x->verdict);
	x->judged = true;
	if (x->in_order && x->fed == size) {
		x->in_order = false; /* a judge has one end */
		int r = digest_hex(x->digest, digest);
		return r < 0 ? r : judge_end(x->judge, &x->verdict);
	}
	return drop_judge_file(x->drops, folder, e->name, fd, &x->verdict, digest);
}

int drop_settle(struct drop *x, int fd, bool whole)
{
	struct journal *j = x->drops->config.journal;
	char digest[DIGEST_HEX_SIZE];
	struct drop_folder folder;
	struct entry e;
	struct stat st;

	int r = journal_get(j, x->id, &e);
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == -ENOENT || (r == 0 && (e.state == ENTRY_SCRATCH || st.st_size == 0))) {
		x->dirty = false;
		verdict_done(&x->verdict);
		return 0;
	}
	if (r == 0)
		r = drop_folder_parse(e.folder, &folder);
	if (r == 0)
		r = take_verdict(x, &folder, &e, fd, (uint64_t)st.st_size, digest);
	if (r == 0)
		r = journal_set_report(j, x->id, &x->verdict.report);
	if (r == 0)
		r = journal_flushed(j, x->id, (uint64_t)st.st_size, digest, whole && !x->lost_err);
	if (r == 0)
		r = x->lost_err;
	if (r < 0)
		return r;
	/* Who looks before the last writer is gone finds the reason too. */
	if (x->verdict.err)
		r = journal_move_state(j, x->id, 1u << ENTRY_WRITING, ENTRY_WRITING, x->verdict.why,
		                       x->verdict.next, false);
	x->dirty = x->armed = false;
	return r;
}

/* --- the state ---------------------------------------------------------------------------------
 */

static enum entry_state same_or(const struct drops *d, const struct entry *e, const char **why,
                                const char **next, enum entry_state otherwise, char *text,
                                size_t size)
{
	struct entry other;
	char date[24];

	if (e->pushed ||
	    journal_same(d->config.journal, e->folder, e->name, e->digest, e->id, &other) < 0)
		return otherwise;
	(void)snprintf(text, size, "the same bytes were given under this name at %s; that one %s",
	               sys_format_time(other.created_s, date),
	               entry_state_row(other.state)->phrase);
	*why = text;
	*next = "Nothing is to be done; `qxfs send` sends it all the same.";
	return ENTRY_SAME;
}

/* However it is with `hold=`: nothing is sent twice because nobody knew. */
static bool is_in_doubt(const struct drops *d, const struct entry *e, const char **why,
                        const char **next, char *text, size_t size)
{
	char date[24];
	int64_t when_s;

	if (journal_doubt(d->config.journal, e->folder, e->name, e->digest, &when_s) < 0)
		return false;
	(void)snprintf(text, size,
	               "the same bytes were given under this name before, and some or all of them "
	               "may have been imported at %s",
	               sys_format_time(when_s, date));
	*why = text;
	*next = "Look in the account; if they are to be sent again: `qxfs send` this file, or move "
		"it into import/send/.";
	return true;
}

enum entry_state drop_state_for(const struct drops *d, const struct drop_folder *folder,
                                const struct entry *e, const struct verdict *v, const char **why,
                                const char **next)
{
	static _Thread_local char text[ENTRY_WHY];
	const char *held = d->config.hold == HOLD_NEVER ? "" : v->held;

	*why = v->err ? v->why : NULL;
	*next = v->err ? v->next : NULL;
	if (v->err)
		return ENTRY_REFUSED;
	if (folder->place == PLACE_CHECK)
		return ENTRY_CHECKED;
	enum entry_state state = same_or(d, e, why, next, ENTRY_QUEUED, text, sizeof(text));
	if (state == ENTRY_SAME || e->pushed)
		return state;
	if (is_in_doubt(d, e, why, next, text, sizeof(text)))
		return ENTRY_HELD;
	if (d->config.hold == HOLD_ALWAYS && !held[0])
		held = "every import waits for a word here (hold=always)";
	if (!held[0])
		return ENTRY_QUEUED;
	*why = held;
	*next = "If it is right, send it: `qxfs send` this file, or move it into import/send/.";
	return ENTRY_HELD;
}

static void decide_later(struct drop *x, enum entry_state state, const char *why, const char *tip)
{
	struct undecided *u = calloc(1, sizeof(*u));
	if (!u)
		return; /* the next mount finds that nobody writes it */
	u->id = x->id;
	u->state = state;
	(void)snprintf(u->why, sizeof(u->why), "%s", why ? why : "");
	(void)snprintf(u->tip, sizeof(u->tip), "%s", tip ? tip : "");
	pthread_mutex_lock(&x->drops->lock);
	u->next = x->drops->undecided;
	x->drops->undecided = u;
	pthread_mutex_unlock(&x->drops->lock);
}

/* The same as before, unless somebody writes it again. */
static int decide_again(struct drops *d, const struct undecided *u)
{
	struct journal *j = d->config.journal;
	struct entry e;

	int r = journal_get(j, u->id, &e);
	if (r < 0 || e.state != ENTRY_WRITING || drops_is_written(d, u->id))
		return r == -ENOENT ? 0 : r;
	if (u->state == ENTRY_SCRATCH)
		return journal_rename(j, u->id, e.folder, e.name, ENTRY_SCRATCH, false, false);
	return journal_move_state(j, u->id, 1u << ENTRY_WRITING, u->state, u->why, u->tip, false);
}

int drops_decide_late(struct drops *d)
{
	pthread_mutex_lock(&d->lock);
	struct undecided *all = d->undecided, *next;
	d->undecided = NULL;
	pthread_mutex_unlock(&d->lock);

	for (struct undecided *u = all; u; u = next) {
		next = u->next;
		int r = decide_again(d, u);
		if (r == 0 || r == -ENOENT) {
			free(u);
			continue;
		}
		pthread_mutex_lock(&d->lock);
		u->next = d->undecided;
		d->undecided = u;
		pthread_mutex_unlock(&d->lock);
	}
	pthread_mutex_lock(&d->lock);
	bool left = d->undecided != NULL;
	pthread_mutex_unlock(&d->lock);
	return left ? -EAGAIN : 0;
}

void drop_decide(struct drop *x, int fd)
{
	struct journal *j = x->drops->config.journal;
	const char *why = NULL, *next = NULL;
	char words[ENTRY_WHY];
	enum entry_state state = ENTRY_SCRATCH;
	struct drop_folder folder;
	struct entry e;
	struct stat st;

	x->touched = false;
	int r = journal_get(j, x->id, &e);
	if (r < 0 || e.state == ENTRY_SCRATCH || drop_folder_parse(e.folder, &folder) < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size > 0) {
		/* Who ends the last writer marks it whole, unless a killed program left a part. */
		r = x->killed || (!x->dirty && e.whole && x->judged) ? 0 : drop_settle(x, fd, true);
		if (r == 0)
			r = journal_get(j, x->id, &e);
		state = drop_state_for(x->drops, &folder, &e, &x->verdict, &why, &next);
		if (r < 0) {
			(void)snprintf(words, sizeof(words),
			               "its bytes could not be stored, so a part is missing: %s",
			               strerror(-r));
			state = ENTRY_HELD;
			why = words;
			next = "Make room on the disk of the state folder, then copy it again.";
		} else if (x->killed) {
			state = ENTRY_HELD;
			why = "the program that wrote it was ended, so a part may be missing";
			next = "Copy it again; or, if it is whole, `qxfs send` it.";
		}
	}
	/* An empty file is nobody's submission yet. */
	if (state == ENTRY_SCRATCH)
		r = journal_rename(j, x->id, e.folder, e.name, ENTRY_SCRATCH, false, false);
	else
		r = journal_move_state(j, x->id, 1u << ENTRY_WRITING, state, why, next, false);
	if (r < 0 && r != -ENOENT) {
		log_warn("import", "entry %lld: %s", (long long)x->id, strerror(-r));
		decide_later(x, state, why, next);
	}
	x->armed = false;
	drop_forget_judge(x);
}
