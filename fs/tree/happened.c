/* happened.c: .qxfs/events, read while it grows. Its lines are base/events'. */
#include "opens.h"

#include "listing.h"

#include <errno.h>

int open_events(struct tree *t, struct node *n, struct tree_handle **ret)
{
	if (!t->config.events)
		return -ENOENT;
	pthread_mutex_lock(&t->lock);
	struct handle *h = handle_new(t, n);
	pthread_mutex_unlock(&t->lock);
	if (!h)
		return -ENOMEM;
	h->pub.keep_cache = false;
	h->pub.is_live = true;
	h->pub.is_events = true;
	*ret = &h->pub;
	return 0;
}

/* Two reads of one handle at once are two readers' business: each gets whole bytes. */
size_t tree_read_events(struct tree *t, struct tree_handle *pub, uint64_t at, char *out,
                        size_t size)
{
	struct handle *h = (struct handle *)pub;
	uint64_t skipped = atomic_load(&h->skipped), wanted = at + skipped, pos = wanted;

	size_t n = events_read(t->config.events, &pos, out, size);
	atomic_store(&h->skipped, skipped + (pos - wanted));
	atomic_store(&h->seen, pos + n);
	return n;
}

bool tree_has_events(struct tree *t, const struct tree_handle *pub)
{
	const struct handle *h = (const struct handle *)pub;
	uint64_t bytes;
	int64_t changed_s;

	events_size(t->config.events, &bytes, &changed_s);
	return bytes > atomic_load(&h->seen);
}
