/* fuzz_split.c: bytes of a part, taken for rows.
 *
 * Whatever comes, split_add ends; what it calls good may come again and adds nothing; and what it
 * says of the file, length and CRC-32, is so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <qxfs/store/cache.h>
#include <qxfs/store/dirs.h>

#include "../../fs/jobs/split_rows.h"
#include "../unit/tree_removal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BYTES (1024 * 1024)

static char folder[] = "/tmp/qxfs-fuzz-split-XXXXXX";
static struct dirs *dirs;
static struct cache *cache;
static struct draft *draft;

static void remove_folder(void)
{
	draft_free(draft);
	cache_free(cache);
	dirs_free(dirs);
	(void)remove_tree(folder, 0);
}

static void begin(void)
{
	struct cache_config config = { .max_bytes = 1 << 30 };
	struct qx_fail fail;
	char state_folder[64], cache_folder[64];

	if (!mkdtemp(folder))
		abort();
	(void)snprintf(state_folder, sizeof(state_folder), "%s/s", folder);
	(void)snprintf(cache_folder, sizeof(cache_folder), "%s/c", folder);
	if (dirs_open(cache_folder, state_folder, "a", &dirs, &fail) < 0 ||
	    cache_new(dirs, &config, &cache, &fail) < 0 ||
	    cache_draft_new(cache, "key", &draft) < 0)
		abort();
	(void)atexit(remove_folder);
}

static int room(void *arg, uint64_t upto)
{
	return draft_reserve(arg, draft_data_fd(arg), upto);
}

static int add(struct split_text *t, int fd, size_t size)
{
	struct qx_fail fail = { 0 };
	uint32_t crc;

	int r = split_add(t, fd, size, &fail);
	if (r > 0 || fail.err != -r || (r < 0 && !fail.why[0]))
		abort();
	if (r == 0 && (draft_crc(draft, t->out.length, &crc) < 0 || crc != t->out.crc))
		abort();
	return r;
}

static void try_rows(enum text_rows rows_as, int fd, size_t size)
{
	static struct split_dates dates;
	struct split_text t = {
		.rows_as = rows_as,
		.out = { .fd = draft_data_fd(draft),
		         .max_bytes = MAX_BYTES,
		         .too_large = "it is",
		         .room = room,
		         .arg = draft },
		.ids.cache = cache,
	};
	struct qx_fail fail = { 0 };

	if (draft_rewind(draft, true) < 0)
		abort();
	if (add(&t, fd, size) == 0) {
		uint64_t length = t.out.length;
		int64_t rows = t.rows;
		if (length > size || add(&t, fd, size) < 0 || t.out.length != length ||
		    t.rows != rows)
			abort();
	}
	(void)split_read_dates(&t, fd, size, &dates, &fail);
	split_text_clear(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!dirs)
		begin();
	int fd = memfd_create("part", MFD_CLOEXEC);
	if (fd < 0 || sys_write_all(fd, data, size) < 0)
		abort();
	try_rows(ROWS_CSV, fd, size);
	try_rows(ROWS_TSV, fd, size);
	try_rows(ROWS_LINES, fd, size);
	close(fd);
	return 0;
}
