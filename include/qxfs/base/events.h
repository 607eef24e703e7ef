/* events.h: what happened, in order: lines for .qxfs/events, and whoever else is told.
 *
 * A fixed number of bytes of lines is kept; the oldest lines make room for new ones. A place in
 * them is counted from the first byte ever written, so it stays right when lines go.
 *
 * An event names paths and ids, never people, never a credential: what the service or an import
 * says of its rows does not belong in its words.
 *
 * Threads: any, holding no lock but where said. Guard: events.lock, a leaf (rank 5); listeners are
 * called without it.
 */
#ifndef QXFS_BASE_EVENTS_H
#define QXFS_BASE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/fail.h>

#define EVENTS_BYTES (256 * 1024) /* of lines kept */
#define EVENTS_LISTENERS 4
#define EVENT_SUBJECT 640
#define EVENT_WORDS 400
#define EVENT_NAME 256

enum event_kind {
	EVENT_MOUNTED,
	EVENT_EXPORT_BEGUN,
	EVENT_EXPORT_ENDED,
	EVENT_EXPORT_FAILED,
	EVENT_FILE_FAILED, /* a document, pages, what is made from others */
	EVENT_IMPORT_QUEUED,
	EVENT_IMPORT_HELD,
	EVENT_IMPORT_SENDING,
	EVENT_IMPORT_IMPORTING,
	EVENT_IMPORT_DONE,
	EVENT_IMPORT_PARTLY,
	EVENT_IMPORT_REFUSED,
	EVENT_IMPORT_FAILED,
	EVENT_IMPORT_UNCERTAIN,
	EVENT_IMPORT_SAME,
	EVENT_IMPORT_CHECKED,
	EVENT_TOKEN_REFUSED,
	EVENT_TOKEN_ACCEPTED,
	EVENT_NETWORK_LOST,
	EVENT_NETWORK_BACK,
	EVENT_WAIT_LONG, /* who mounted has waited for a file for notify= */
	EVENT_WAIT_OVER,
	EVENT_WAIT_FAILED,
	EVENT_WAIT_LEFT,    /* he has given up, the job goes on */
	EVENT_SENDER_TAKEN, /* this mount sends the imports now */
	EVENTS_
};

/* The one table of what each kind is for. */
struct event_row {
	const char *name; /* in the lines, and for on_event= */
	int command_from; /* on_event= is run when it happens so often in a row; 0: never */
};
const struct event_row *event_row(enum event_kind kind);

struct event {
	enum event_kind kind;
	int64_t when_s;              /* calendar; 0: now */
	int times;                   /* so often in a row; 0: once */
	char subject[EVENT_SUBJECT]; /* a path in the mount, a host; "": the mount */
	char words[EVENT_WORDS];     /* one sentence, may be empty */
	struct qx_fail fail;         /* of a failure, for programs; err 0: none */
	char name[EVENT_NAME];       /* of waits: what people call the survey, as it came; "" */
	int64_t expected_s;          /* of wait-long: how long it took the last time; 0: unknown */
};

struct events;
struct events *events_new(void); /* NULL: no memory */
void events_free(struct events *e);

/* Writes the line, then tells who listens, from inside the call. `e` NULL: nobody wants to know. */
void events_tell(struct events *e, const struct event *event);
/* The same of a kind that needs no more. */
void events_say(struct events *e, enum event_kind kind, const char *subject, const char *words);

/* Copies what was written from *pos on, as much as fits; if it is not kept any more, *pos becomes
 * the beginning of the oldest line that is. 0: there is nothing yet. */
size_t events_read(struct events *e, uint64_t *pos, char *out, size_t size);
/* How many bytes were ever written, and when the last of them (calendar; 0: none was). */
void events_size(struct events *e, uint64_t *ret_bytes, int64_t *ret_changed_s);

struct events_listener {
	void (*fn)(struct events_listener *l, const struct event *event); /* may only enqueue */
};
/* -ENOSPC: there are EVENTS_LISTENERS. */
int events_listen(struct events *e, struct events_listener *l);
/* When it returns, `l` is not being called and will not be. Not from inside a listener. */
void events_unlisten(struct events *e, struct events_listener *l);

/* The event as a JSON object in one line. */
void event_json(const struct event *event, struct buf *out);

#endif
