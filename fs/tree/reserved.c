/* reserved.c: the names in the order in which they were reserved, and an index by their hash. */
#include "reserved.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <qxfs/base/hash.h>
#include <qxfs/jobs/lists.h>

#define KEY_BYTES 1024 /* a folded name may be three times as long as the name */
#define SLOTS_MIN 64

struct entry {
	char *key;
	char *id;
	bool borne; /* by its id, now */
};

struct reserved {
	struct entry *entries;
	size_t n, room;
	size_t *slots; /* index of the entry + 1; 0: free. At most half of them are taken */
	size_t n_slots;
	bool news;
};

struct reserved *reserved_new(void)
{
	return calloc(1, sizeof(struct reserved));
}

void reserved_free(struct reserved *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++) {
		free(r->entries[i].key);
		free(r->entries[i].id);
	}
	free(r->entries);
	free(r->slots);
	free(r);
}

/* The names are the service's, but a slow list is all that hostile ones achieve. */
static size_t hash_of(const char *key)
{
	uint64_t h = hash_quick(key, strlen(key));
	return (size_t)(h ^ h >> 32);
}

/* Where the key is, or would be. */
static size_t *slot_of(const struct reserved *r, const char *key)
{
	size_t at = hash_of(key) & (r->n_slots - 1);

	while (r->slots[at] && strcmp(r->entries[r->slots[at] - 1].key, key) != 0)
		at = (at + 1) & (r->n_slots - 1);
	return &r->slots[at];
}

static struct entry *find(const struct reserved *r, const char *key)
{
	const size_t *slot = r->n_slots ? slot_of(r, key) : NULL;
	return slot && *slot ? &r->entries[*slot - 1] : NULL;
}

static int grow(struct reserved *r)
{
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : SLOTS_MIN / 2;
		struct entry *more = realloc(r->entries, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		r->entries = more;
		r->room = room;
	}
	if (2 * (r->n + 1) <= r->n_slots)
		return 0;
	size_t n_slots = r->n_slots ? 2 * r->n_slots : SLOTS_MIN;
	size_t *slots = calloc(n_slots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(r->slots);
	r->slots = slots;
	r->n_slots = n_slots;
	for (size_t i = 0; i < r->n; i++)
		*slot_of(r, r->entries[i].key) = i + 1;
	return 0;
}

/* A key that is not there yet. */
static struct entry *append(struct reserved *r, const char *key, const char *id)
{
	struct entry made = { .key = strdup(key), .id = strdup(id) };

	if (!made.key || !made.id || grow(r) < 0) {
		free(made.key);
		free(made.id);
		return NULL;
	}
	*slot_of(r, key) = r->n + 1;
	r->entries[r->n] = made;
	return &r->entries[r->n++];
}

const char *reserved_owner(const struct reserved *r, const char *key)
{
	const struct entry *e = find(r, key);
	return e ? e->id : NULL;
}

int reserved_bear(struct reserved *r, const char *key, const char *id)
{
	struct entry *e = find(r, key);

	if (!e) {
		e = append(r, key, id);
		r->news = true;
	}
	if (!e)
		return -ENOMEM;
	if (strcmp(e->id, id) == 0)
		e->borne = true;
	return 0;
}

static int read_line(struct reserved *r, const char *line, size_t len)
{
	char key[KEY_BYTES], id[LIST_OF_BYTES];
	const char *blank = memchr(line, ' ', len);
	size_t id_len = blank ? (size_t)(blank - line) : len;
	size_t key_len = blank ? len - id_len - 1 : 0;

	if (id_len >= sizeof(id) || key_len == 0 || key_len >= sizeof(key) ||
	    memchr(line, '\0', len))
		return 0;
	memcpy(id, line, id_len);
	id[id_len] = '\0';
	memcpy(key, blank + 1, key_len);
	key[key_len] = '\0';
	if (!id_is_sound(id) || find(r, key))
		return 0;
	return append(r, key, id) ? 0 : -ENOMEM;
}

int reserved_read(struct reserved *r, const char *text, size_t len)
{
	int err = 0;

	for (size_t at = 0, n; err == 0 && at < len; at += n + 1) {
		const char *stop = memchr(text + at, '\n', len - at);
		n = stop ? (size_t)(stop - text) - at : len - at;
		err = read_line(r, text + at, n);
	}
	return err;
}

int reserved_add(struct reserved *r, const struct reserved *from, bool bearers)
{
	int err = 0;

	r->news = r->news || from->news;

	for (size_t i = 0; err == 0 && i < from->n; i++) {
		const struct entry *e = &from->entries[i];
		if (!find(r, e->key))
			err = append(r, e->key, e->id) ? 0 : -ENOMEM;
		if (err == 0 && bearers && e->borne)
			err = reserved_bear(r, e->key, e->id);
	}
	return err;
}

bool reserved_has_news(const struct reserved *r)
{
	return r->news;
}

void reserved_write(const struct reserved *r, struct buf *out)
{
	size_t spare = 0;

	for (size_t i = 0; i < r->n; i++)
		spare += !r->entries[i].borne;
	for (size_t i = 0; i < r->n; i++) {
		const struct entry *e = &r->entries[i];
		bool drop = !e->borne && spare > RESERVED_SPARE;
		spare -= drop;
		if (!drop)
			buf_addf(out, "%s %s\n", e->id, e->key);
	}
}
