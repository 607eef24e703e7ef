/* events.c: a ring of lines, and who is told of new ones. */
#include <qxfs/base/events.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/sys.h>

static const struct event_row rows[] = {
	[EVENT_MOUNTED] = { "mounted", 0 },
	[EVENT_EXPORT_BEGUN] = { "export-begun", 0 },
	[EVENT_EXPORT_ENDED] = { "export-ended", 0 },
	[EVENT_EXPORT_FAILED] = { "export-failed", 3 },
	[EVENT_FILE_FAILED] = { "file-failed", 0 },
	[EVENT_IMPORT_QUEUED] = { "import-queued", 0 },
	[EVENT_IMPORT_HELD] = { "import-held", 1 },
	[EVENT_IMPORT_SENDING] = { "import-sending", 0 },
	[EVENT_IMPORT_IMPORTING] = { "import-importing", 0 },
	[EVENT_IMPORT_DONE] = { "import-done", 0 },
	[EVENT_IMPORT_PARTLY] = { "import-partly", 1 },
	[EVENT_IMPORT_REFUSED] = { "import-refused", 1 },
	[EVENT_IMPORT_FAILED] = { "import-failed", 1 },
	[EVENT_IMPORT_UNCERTAIN] = { "import-uncertain", 1 },
	[EVENT_IMPORT_SAME] = { "import-same", 0 },
	[EVENT_IMPORT_CHECKED] = { "import-checked", 0 },
	[EVENT_TOKEN_REFUSED] = { "token-refused", 1 },
	[EVENT_TOKEN_ACCEPTED] = { "token-accepted", 0 },
	[EVENT_NETWORK_LOST] = { "network-lost", 0 },
	[EVENT_NETWORK_BACK] = { "network-back", 0 },
	[EVENT_WAIT_LONG] = { "wait-long", 0 },
	[EVENT_WAIT_OVER] = { "wait-over", 0 },
	[EVENT_WAIT_FAILED] = { "wait-failed", 0 },
	[EVENT_WAIT_LEFT] = { "wait-left", 0 },
	[EVENT_SENDER_TAKEN] = { "sender-taken", 0 },
};
static_assert(countof(rows) == EVENTS_, "every kind has its row");

const struct event_row *event_row(enum event_kind kind)
{
	return &rows[kind];
}

struct events {
	pthread_mutex_t lock;
	pthread_cond_t quiet; /* calling fell to 0 */
	char *ring;           /* guarded by lock: EVENTS_BYTES */
	uint64_t first, end;  /* guarded by lock: bytes ever dropped, ever written */
	int64_t changed_s;    /* guarded by lock */
	unsigned calling;     /* guarded by lock: threads that call listeners */
	struct events_listener *listeners[EVENTS_LISTENERS]; /* guarded by lock */
};

struct events *events_new(void)
{
	struct events *e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->ring = malloc(EVENTS_BYTES);
	if (!e->ring) {
		free(e);
		return NULL;
	}
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->quiet, NULL);
	return e;
}

void events_free(struct events *e)
{
	if (!e)
		return;
	pthread_cond_destroy(&e->quiet);
	pthread_mutex_destroy(&e->lock);
	free(e->ring);
	free(e);
}

/* --- lines ----------------------------------------------------------------------------------- */

static void make_line(const struct event *event, struct buf *line)
{
	char when[24];

	buf_addf(line, "%s\t%s\t", sys_format_time(event->when_s, when), rows[event->kind].name);
	buf_add_plain(line, event->subject[0] ? event->subject : "-");
	buf_add_str(line, "\t");
	buf_add_plain(line, event->words);
	buf_add_str(line, "\n");
}

/* Lock held. A line is never longer than the ring: its fields have their sizes. */
static void put_line(struct events *e, const struct buf *line)
{
	static_assert(EVENT_SUBJECT + EVENT_WORDS + 200 < EVENTS_BYTES, "a line fits");

	while (e->end + line->len - e->first > EVENTS_BYTES)
		while (e->ring[e->first++ % EVENTS_BYTES] != '\n')
			;
	for (size_t i = 0; i < line->len; i++)
		e->ring[e->end++ % EVENTS_BYTES] = line->data[i];
}

size_t events_read(struct events *e, uint64_t *pos, char *out, size_t size)
{
	size_t n = 0;

	pthread_mutex_lock(&e->lock);
	if (*pos < e->first)
		*pos = e->first;
	for (uint64_t at = *pos; n < size && at < e->end; at++)
		out[n++] = e->ring[at % EVENTS_BYTES];
	pthread_mutex_unlock(&e->lock);
	return n;
}

void events_size(struct events *e, uint64_t *ret_bytes, int64_t *ret_changed_s)
{
	pthread_mutex_lock(&e->lock);
	*ret_bytes = e->end;
	*ret_changed_s = e->changed_s;
	pthread_mutex_unlock(&e->lock);
}

/* --- telling --------------------------------------------------------------------------------- */

/* While `calling` says so, events_unlisten waits. */
static void call_listeners(struct events *e, struct events_listener *const to[EVENTS_LISTENERS],
                           const struct event *event)
{
	for (int i = 0; i < EVENTS_LISTENERS; i++)
		if (to[i])
			to[i]->fn(to[i], event);
	pthread_mutex_lock(&e->lock);
	if (--e->calling == 0)
		pthread_cond_broadcast(&e->quiet);
	pthread_mutex_unlock(&e->lock);
}

void events_tell(struct events *e, const struct event *event)
{
	struct events_listener *to[EVENTS_LISTENERS];
	struct event now = *event;
	struct buf line = { 0 };

	if (!e)
		return;
	if (!now.when_s)
		now.when_s = sys_wall_s();
	make_line(&now, &line);
	pthread_mutex_lock(&e->lock);
	if (!buf_failed(&line)) /* else it goes unseen: there is no memory to say so, either */
		put_line(e, &line);
	e->changed_s = now.when_s;
	memcpy(to, e->listeners, sizeof(to));
	e->calling++;
	pthread_mutex_unlock(&e->lock);
	buf_done(&line);
	call_listeners(e, to, &now);
}

void events_say(struct events *e, enum event_kind kind, const char *subject, const char *words)
{
	struct event event = { .kind = kind };

	strncpy(event.subject, subject, sizeof(event.subject) - 1);
	strncpy(event.words, words, sizeof(event.words) - 1);
	events_tell(e, &event);
}

int events_listen(struct events *e, struct events_listener *l)
{
	int i = 0;

	pthread_mutex_lock(&e->lock);
	while (i < EVENTS_LISTENERS && e->listeners[i])
		i++;
	if (i < EVENTS_LISTENERS)
		e->listeners[i] = l;
	pthread_mutex_unlock(&e->lock);
	return i < EVENTS_LISTENERS ? 0 : -ENOSPC;
}

void events_unlisten(struct events *e, struct events_listener *l)
{
	pthread_mutex_lock(&e->lock);
	for (int i = 0; i < EVENTS_LISTENERS; i++)
		if (e->listeners[i] == l)
			e->listeners[i] = NULL;
	while (e->calling > 0)
		pthread_cond_wait(&e->quiet, &e->lock);
	pthread_mutex_unlock(&e->lock);
}

/* --- for programs ---------------------------------------------------------------------------- */

void event_json(const struct event *event, struct buf *out)
{
	const struct qx_fail *f = &event->fail;
	char when[24];

	buf_addf(out, "{\"when\":\"%s\"", sys_format_time(event->when_s, when));
	buf_add_member(out, "event", rows[event->kind].name);
	buf_add_member(out, "path", event->subject);
	buf_add_member(out, "words", event->words);
	buf_addf(out, ",\"times\":%d", event->times ? event->times : 1);
	if (f->err) {
		buf_add_member(out, "errno", strerrorname_np(f->err));
		buf_addf(out, ",\"http\":%d", f->http);
		buf_add_member(out, "code", f->code);
		buf_add_member(out, "request_id", f->request_id);
		buf_add_member(out, "remedy", f->remedy);
	}
	buf_add_str(out, "}\n");
}
