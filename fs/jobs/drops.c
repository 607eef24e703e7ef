/* drops.c: names, open files, verdicts.
 *
 *     OPEN for writing ─► WRITE … ─► FLUSH: bytes and verdict are on disk ─► RELEASE of the last
 * writer │                                                    │ decides the state └ the first
 * change: WRITING again, another submission ┘
 *
 * A file that is written in order is judged and summed while it comes; any other is read once more
 * at the flush. */
#include "drop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#define JOURNAL_ROOM (1u << 20)
#define ROOM_STEP (1u << 20)

/* --- open files --------------------------------------------------------------------------------
 */

/* drops.lock held. */
static struct drop *find(const struct drops *d, int64_t id)
{
	struct drop *x = d->open;
	while (x && x->id != id)
		x = x->next;
	return x;
}

struct drop *drop_get(struct drops *d, int64_t id)
{
	struct drop *fresh = calloc(1, sizeof(*fresh));

	pthread_mutex_lock(&d->lock);
	struct drop *x = find(d, id);
	if (!x && fresh) {
		x = fresh;
		fresh = NULL;
		x->drops = d;
		x->id = id;
		pthread_mutex_init(&x->lock, NULL);
		x->next = d->open;
		d->open = x;
	}
	if (x)
		x->refs++;
	pthread_mutex_unlock(&d->lock);
	free(fresh);
	return x;
}

void drop_put(struct drop *x)
{
	struct drops *d = x->drops;

	pthread_mutex_lock(&d->lock);
	bool last = --x->refs == 0;
	struct drop **link = &d->open;
	while (last && *link != x)
		link = &(*link)->next;
	if (last)
		*link = x->next;
	pthread_mutex_unlock(&d->lock);
	if (!last)
		return;
	drop_forget_judge(x);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

bool drop_has_writers(struct drop *x)
{
	pthread_mutex_lock(&x->drops->lock);
	bool has = x->writers > 0;
	pthread_mutex_unlock(&x->drops->lock);
	return has;
}

bool drops_is_written(struct drops *d, int64_t id)
{
	pthread_mutex_lock(&d->lock);
	const struct drop *x = find(d, id);
	bool written = x && x->writers > 0;
	pthread_mutex_unlock(&d->lock);
	return written;
}

/* One that reads has an fd of its own, one that writes shares the drop's. */
static int handle_new(struct drops *d, int64_t id, int flags, const struct drop_caller *who,
                      struct drop_handle **ret)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;
	struct drop_handle *h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->opener = who->process;
	h->fd = journal_spool(d->config.journal, id, writes ? O_RDWR : O_RDONLY);
	int r = h->fd < 0 ? h->fd : 0;
	if (r == 0 && writes) {
		h->drop = drop_get(d, id);
		r = h->drop ? 0 : -ENOMEM;
	}
	if (r < 0) {
		if (h->fd >= 0)
			close(h->fd);
		free(h);
		return r;
	}
	if (writes) {
		pthread_mutex_lock(&d->lock);
		h->drop->writers++;
		pthread_mutex_unlock(&d->lock);
	}
	*ret = h;
	return 0;
}

int drop_handle_fd(const struct drop_handle *h)
{
	return h->fd;
}

int drops_create(struct drops *d, const struct drop_folder *folder, const char *name, mode_t mode,
                 const struct drop_caller *who, struct entry *e, struct drop_handle **ret_h)
{
	enum drop_name is = drop_name_of(folder->target, name);

	if (is == NAME_OURS || folder->place == PLACE_DONE)
		return -EPERM;
	if (strlen(name) > (is == NAME_IMPORT ? DROP_NAME_MAX : ENTRY_NAME - 1))
		return -ENAMETOOLONG;
	memset(e, 0, sizeof(*e));
	memcpy(e->folder, folder->folder, sizeof(e->folder));
	memcpy(e->name, name, strlen(name) + 1);
	e->state = is == NAME_IMPORT ? ENTRY_WRITING : ENTRY_SCRATCH;
	e->pushed = folder->place == PLACE_SEND;
	e->mode = mode & 0777;
	e->uid = who->uid;
	e->gid = who->gid;
	int r = journal_create(d->config.journal, e);
	if (r == 0)
		r = handle_new(d, e->id, O_RDWR, who, ret_h);
	if (r == 0)
		drop_is_new(*ret_h);
	return r;
}

/* The first change since it was last judged: lock held. */
static int begin_change(struct drop *x, int fd)
{
	struct journal *j = x->drops->config.journal;
	struct drop_folder folder;
	struct entry e;

	x->touched = true;
	if (x->armed)
		return 0;
	int r = journal_get(j, x->id, &e);
	if (r == 0 && e.state == ENTRY_SCRATCH && drop_folder_parse(e.folder, &folder) == 0 &&
	    drop_name_of(folder.target, e.name) == NAME_IMPORT)
		r = journal_rename(j, x->id, e.folder, e.name, ENTRY_WRITING, false, false);
	else if (r == 0)
		r = journal_rewrite(j, x->id);
	if (r < 0 && r != -ENOENT) /* removed while it is open: a file without a name */
		return r;
	x->armed = true;
	drop_begin(x, fd);
	return 0;
}

static int truncate_locked(struct drop *x, int fd, uint64_t size)
{
	int r = begin_change(x, fd);
	if (r < 0)
		return r;
	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
	x->dirty = true;
	if (size <= x->lost_at)
		x->lost_err = 0;
	drop_cut(x, size);
	return 0;
}

int drops_open(struct drops *d, int64_t id, int flags, const struct drop_caller *who,
               struct drop_handle **ret_h)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;
	struct drop_folder folder;
	struct entry e;

	int r = journal_get(d->config.journal, id, &e);
	if (r < 0)
		return r;
	r = drop_folder_parse(e.folder, &folder);
	if (r < 0)
		return r;
	if (writes && folder.place == PLACE_DONE)
		return -EPERM;
	if (writes && entry_state_row(e.state)->busy)
		return -EBUSY;
	r = handle_new(d, id, flags, who, ret_h);
	if (r < 0 || !writes || !(flags & O_TRUNC))
		return r;
	struct drop *x = (*ret_h)->drop;
	pthread_mutex_lock(&x->lock);
	r = truncate_locked(x, (*ret_h)->fd, 0);
	pthread_mutex_unlock(&x->lock);
	if (r < 0)
		drops_release(*ret_h);
	return r;
}

int drops_truncate(struct drops *d, int64_t id, uint64_t size)
{
	struct drop_caller nobody = { 0 };
	struct drop_handle *h;

	int r = drops_open(d, id, O_RDWR, &nobody, &h);
	if (r < 0)
		return r;
	pthread_mutex_lock(&h->drop->lock);
	r = truncate_locked(h->drop, h->fd, size);
	pthread_mutex_unlock(&h->drop->lock);
	/* With a writer besides, it is that one's: who closes the file hears the verdict. */
	pthread_mutex_lock(&d->lock);
	bool alone = h->drop->writers == 1;
	pthread_mutex_unlock(&d->lock);
	if (r == 0 && alone)
		(void)drops_flush(h, &nobody); /* the report has the verdict */
	drops_release(h);
	return r;
}

/* *ret_at: as far as it came. */
static int write_all_at(int fd, const char *bytes, size_t len, uint64_t at, uint64_t *ret_at)
{
	int r = 0;

	while (len > 0 && r == 0) {
		ssize_t n = pwrite(fd, bytes, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? -errno : -EIO;
			break;
		}
		bytes += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	*ret_at = at;
	return r;
}

/* The last of a disk is the journal's: it has to say what became of the file. */
static int take_room(struct drop *x, int fd, size_t len)
{
	struct statvfs disk;

	if (x->room < len && fstatvfs(fd, &disk) == 0) {
		uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
		if (free_bytes < JOURNAL_ROOM + len)
			return -ENOSPC;
		free_bytes -= JOURNAL_ROOM;
		x->room = free_bytes < ROOM_STEP ? free_bytes : ROOM_STEP;
	}
	x->room -= x->room < len ? x->room : len;
	return 0;
}

/* A program that goes on after a failed write, and closes the file, has left a part out: that is
 * not to be sent, until the missing bytes come after all. */
static void note_written(struct drop *x, int err, uint64_t from, uint64_t to)
{
	x->dirty = true;
	if (err < 0 && (!x->lost_err || to < x->lost_at)) {
		x->lost_err = err;
		x->lost_at = to;
	} else if (err == 0 && from <= x->lost_at && x->lost_at < to) {
		x->lost_err = 0;
	}
}

int drops_write(struct drop_handle *h, const void *bytes, size_t len, uint64_t at)
{
	struct drop *x = h->drop;
	if (!x)
		return -EBADF;
	pthread_mutex_lock(&x->lock);
	uint64_t end = at;
	int r = begin_change(x, h->fd);
	if (r == 0) {
		r = take_room(x, h->fd, len);
		if (r == 0)
			r = write_all_at(h->fd, bytes, len, at, &end);
		note_written(x, r, at, end);
	}
	if (r == 0)
		drop_feed(x, bytes, len, at);
	else
		drop_cut(x, UINT64_MAX); /* what is there now has to be read */
	pthread_mutex_unlock(&x->lock);
	return r;
}

int drops_fsync(struct drop_handle *h)
{
	return fsync(h->fd) < 0 ? -errno : 0;
}

int drops_flush(struct drop_handle *h, const struct drop_caller *who)
{
	struct drop *x = h->drop;
	if (!x)
		return 0;
	bool opener = !who->process || !h->opener || who->process == h->opener;
	pthread_mutex_lock(&x->lock);
	int r = 0, err = 0;
	if (x->dirty) {
		x->killed = who->killed;
		r = drop_settle(x, h->fd, opener && !who->killed);
		err = x->verdict.err;
	}
	pthread_mutex_unlock(&x->lock);
	if (r < 0)
		return r; /* the disk's: everybody hears it */
	return opener ? -err : 0;
}

void drops_release(struct drop_handle *h)
{
	struct drop *x = h->drop;
	bool last = false;

	if (x) {
		struct drops *d = x->drops;
		pthread_mutex_lock(&x->lock);
		pthread_mutex_lock(&d->lock);
		last = --x->writers == 0;
		pthread_mutex_unlock(&d->lock);
		if (last && x->touched)
			drop_decide(x, h->fd);
		pthread_mutex_unlock(&x->lock);
		drop_put(x);
		if (last && d->config.changed)
			d->config.changed(d->config.arg);
	}
	close(h->fd);
	free(h);
}

int drops_new(const struct drops_config *config, struct drops **ret)
{
	struct drops *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->config = *config;
	d->context = (struct import_context){
		.target_name = "",
		.charset = config->charset,
		.allow_resubscribe = config->allow_resubscribe,
	};
	pthread_mutex_init(&d->lock, NULL);
	*ret = d;
	return 0;
}

void drops_free(struct drops *d)
{
	if (!d)
		return;
	for (struct undecided *u = d->undecided, *next; u; u = next) {
		next = u->next;
		free(u);
	}
	pthread_mutex_destroy(&d->lock);
	free(d);
}
