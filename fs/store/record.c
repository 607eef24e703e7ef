/* record.c: draft/HASH.job: what the draft of a key waits for at the service.
 *
 * It is written and removed under the key's KEY_MAKER. A maker that dies leaves it; whoever gets
 * the key next finds it. Sweeps of drafts leave it alone: its name is longer than a stem. No rename
 * and no fsync: one that was cut off is no record, and costs only the job. */
#include <qxfs/store/cache.h>

#include "cache_private.h"
#include "draft_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#include "folder.h"

#define RECORD_SUFFIX ".job"

static const char *record_name(char name[FOLDER_NAME_SIZE], const char *hash)
{
	(void)snprintf(name, FOLDER_NAME_SIZE, "%s" RECORD_SUFFIX, hash);
	return name;
}

static bool is_record_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == HASH_HEX_SIZE - 1 &&
	       strcmp(name + HASH_HEX_SIZE - 1, RECORD_SUFFIX) == 0;
}

int draft_record(struct draft *d, const char *text, size_t len)
{
	char name[FOLDER_NAME_SIZE];

	if (len > RECORD_MAX)
		return -EFBIG;
	qx_auto_fd fd = openat(d->cache->draft_fd, record_name(name, d->hash),
	                       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	d->recorded = true; /* also a part of it goes with the draft */
	return sys_write_all(fd, text, len);
}

int draft_recall(struct draft *d, struct buf *out)
{
	char name[FOLDER_NAME_SIZE];

	int r = sys_read_file_at(d->cache->draft_fd, record_name(name, d->hash), RECORD_MAX, out);
	d->recorded = r != -ENOENT; /* what cannot be read goes, too */
	return r;
}

void draft_keep_record(struct draft *d)
{
	d->recorded = false;
}

void record_drop(struct draft *d)
{
	char name[FOLDER_NAME_SIZE];

	if (d->recorded)
		(void)unlinkat(d->cache->draft_fd, record_name(name, d->hash), 0);
	d->recorded = false;
}

void cache_records(struct cache *c, void (*fn)(void *arg, const char *text, size_t len), void *arg)
{
	struct folder names = { 0 };
	struct buf text = { 0 };

	if (folder_read(c->draft_fd, ".", &names) < 0)
		return; /* nobody follows them then, which costs only themselves */
	for (size_t i = 0; i < names.count; i++) {
		if (!is_record_name(names.names[i]))
			continue;
		buf_clear(&text);
		if (sys_read_file_at(c->draft_fd, names.names[i], RECORD_MAX, &text) == 0)
			fn(arg, buf_text(&text), text.len);
	}
	buf_done(&text);
	folder_done(&names);
}
