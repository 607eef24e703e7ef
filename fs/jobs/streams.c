/* streams.c: snapshots of long lists: who shares which, and what readers see of one. */
#include "recipe.h"
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#define AHEAD_IDS 250 /* so far a page is asked for before a reader needs it */
#define AHEAD_PAGES 4 /* more are not asked for while no reader is heard of */
#define KEPT_MAX 16   /* newest snapshots of so many folders */

/* --- life; the caller holds streams_lock ----------------------------------------------------- */

static bool is_unused(const struct stream *s)
{
	return !s->kept && !s->readers && !s->running;
}

static void stream_free(struct stream *s)
{
	seen_done(&s->seen);
	spill_unref(s->ids);
	recipe_done(&s->recipe);
	circle_done(&s->pages);
	free(s->page_url);
	free(s);
}

static void unkeep(struct stream *s)
{
	struct stream **link = &s->jobs->streams;
	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	s->kept = false;
}

/* What is unused now, for stream_free without the lock: it, and what it held. */
struct stream *stream_take_unused(struct stream *s)
{
	struct stream *unused = NULL;

	while (s && is_unused(s)) {
		struct stream *former = s->former;
		s->next = unused;
		unused = s;
		s = former;
		if (s)
			s->readers--;
	}
	return unused;
}

void stream_free_all(struct stream *unused)
{
	while (unused) {
		struct stream *s = unused;
		unused = s->next;
		stream_free(s);
	}
}

/* --- readers --------------------------------------------------------------------------------- */

static struct stream *stream_new(struct jobs *j, const struct recipe *recipe)
{
	struct stream *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	if (recipe_copy(recipe, &s->recipe) < 0) {
		free(s);
		return NULL;
	}
	s->jobs = j;
	s->seen.cache = j->config.cache;
	s->poke.fn = stream_poked;
	return s;
}

/* Lock held, as in the next ones. */
static struct stream *find(struct jobs *j, const char *key)
{
	struct stream *s = j->streams;
	while (s && strcmp(s->recipe.key, key) != 0)
		s = s->next;
	return s;
}

/* By the calendar, as a file. What has not been asked for yet is as new as can be. */
static bool is_fresh(const struct stream *s)
{
	int64_t now_s = sys_wall_s();

	if (s->stale)
		return jobs_old_may_rest(s->jobs, s->stale_ms);
	if (s->err && s->final)
		return false;
	return !s->begun_s ||
	       (s->begun_s <= now_s + 5 && now_s - s->begun_s < s->jobs->config.fresh_s);
}

static struct stream *whole_of(struct stream *s)
{
	return s->complete ? s : s->former;
}

/* The oldest that nobody reads, when there are too many. */
static struct stream *drop_oldest(struct jobs *j)
{
	struct stream *oldest = NULL;
	int n = 0;

	for (struct stream *s = j->streams; s; s = s->next) {
		n++;
		if (!s->readers && !s->running)
			oldest = s;
	}
	if (n <= KEPT_MAX || !oldest)
		return NULL;
	unkeep(oldest);
	return stream_take_unused(oldest);
}

/* `s` takes the place of the one that is not fresh any more. */
static struct stream *replace(struct jobs *j, struct stream *old, struct stream *s)
{
	s->next = j->streams;
	j->streams = s;
	s->kept = true;
	if (!old)
		return drop_oldest(j);
	s->former = whole_of(old);
	if (s->former)
		s->former->readers++;
	unkeep(old);
	return stream_take_unused(old);
}

int stream_open(struct jobs *j, const struct recipe *recipe, struct stream **ret)
{
	struct stream *fresh = stream_new(j, recipe), *unused = fresh;
	if (!fresh)
		return -ENOMEM;

	pthread_mutex_lock(&j->streams_lock);
	struct stream *s = find(j, recipe->key);
	if (!s || !is_fresh(s)) {
		unused = replace(j, s, fresh);
		s = fresh;
	}
	s->readers++;
	pthread_mutex_unlock(&j->streams_lock);
	stream_free_all(unused);
	*ret = s;
	return 0;
}

void stream_close(struct stream *s)
{
	struct jobs *j = s->jobs;

	pthread_mutex_lock(&j->streams_lock);
	s->readers--;
	struct stream *unused = stream_take_unused(s);
	pthread_mutex_unlock(&j->streams_lock);
	stream_free_all(unused);
}

/* Lock held. */
bool stream_wants_ahead(const struct stream *s)
{
	return !s->complete && !s->err && !s->stale && s->readers && s->asked &&
	       s->ahead < AHEAD_PAGES && s->n < s->asked + AHEAD_IDS;
}

/* Lock held. A reader has come to this place. */
static void hear(struct stream *s, uint64_t at)
{
	if (at >= s->asked)
		s->asked = at + 1;
	s->ahead = 0;
	if (!s->running && stream_wants_ahead(s))
		s->running = worker_post(s->jobs->worker, &s->poke);
}

/* Lock held: what stream_read says of a place. */
int stream_judge(const struct stream *s, uint64_t at)
{
	const struct stream *from = s->stale ? s->former : s;

	if (at < from->n)
		return 0;
	if (from->complete)
		return -ENOENT;
	return s->err && s->final ? -s->err : -EAGAIN;
}

int stream_read(struct stream *s, uint64_t at, char ret_id[STREAM_ID_BYTES])
{
	int fd = -1;

	pthread_mutex_lock(&s->jobs->streams_lock);
	int r = stream_judge(s, at);
	if (r == 0)
		fd = spill_fd(s->stale ? s->former->ids : s->ids);
	hear(s, at);
	pthread_mutex_unlock(&s->jobs->streams_lock);
	if (r < 0)
		return r;
	ssize_t got = pread(fd, ret_id, STREAM_ID_BYTES, (off_t)(at * STREAM_ID_BYTES));
	if (got < 0)
		return -errno;
	return got == STREAM_ID_BYTES && !ret_id[STREAM_ID_BYTES - 1] ? 0 : -EIO;
}

void streams_free(struct jobs *j)
{
	while (j->streams) {
		struct stream *s = j->streams;
		unkeep(s);
		stream_free_all(stream_take_unused(s));
	}
}
