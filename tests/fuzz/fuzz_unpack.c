/* fuzz_unpack.c: bytes from the network, taken for an archive.
 *
 * Each input is tried as it is, and as a list of changes (where, what) to a good archive, which
 * stands below: so no corpus of archives is needed. Whatever comes, unpack_run ends, and what it
 * calls good is what stands in the output: the length and CRC-32 that it tells, within the limit.
 */
#include <qxfs/store/unpack.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <zlib.h>

#define MAX_BYTES (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int give_room(void *arg, uint64_t upto)
{
	uint64_t *room = arg;
	if (upto <= *room || upto > MAX_BYTES)
		abort(); /* asked twice for the same, or for too much */
	*room = upto;
	return 0;
}

static void check_output(int fd, const struct unpacked *sum)
{
	static unsigned char bytes[MAX_BYTES + 1];
	ssize_t n = pread(fd, bytes, sizeof(bytes), 0);
	if (n < 0 || (uint64_t)n != sum->length || crc32_z(0, bytes, (size_t)n) != sum->crc)
		abort();
}

static void check_failure(int r, const struct qx_fail *fail)
{
	if (r > 0 || fail->err != -r || !fail->why[0])
		abort();
}

static int try_archive(const unsigned char *data, size_t size)
{
	struct follow follow;
	struct unpacked sum = { 0 };
	struct qx_fail fail = { 0 };
	uint64_t room = 0;
	struct unpack_job job = {
		.follow = &follow,
		.raw_fd = memfd_create("raw", MFD_CLOEXEC),
		.out_fd = memfd_create("out", MFD_CLOEXEC),
		.max_bytes = MAX_BYTES,
		.rows = (enum text_rows)(size % 4),
		.room = give_room,
		.arg = &room,
	};

	if (job.raw_fd < 0 || job.out_fd < 0 || sys_write_all(job.raw_fd, data, size) < 0)
		abort();
	follow_init(&follow);
	follow_grow(&follow, size);
	follow_end(&follow, true);
	int r = unpack_run(&job, &sum, &fail);
	if (r == 0)
		check_output(job.out_fd, &sum);
	else
		check_failure(r, &fail);
	follow_done(&follow);
	close(job.raw_fd);
	close(job.out_fd);
	return r;
}

/* "a,b\r\n" as the service packs it: local header without sizes, the bytes, their descriptor, the
 * directory, its end. */
static const unsigned char seed[] = {
	0x50, 0x4b, 0x03, 0x04, 0x14, 0x00, 0x08, 0x08, 0x08, 0x00, 0xd6, 0x05, 0x05, 0x5b,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00,
	0x00, 0x00, 0x61, 0x4b, 0xd4, 0x49, 0xe2, 0xe5, 0x02, 0x00, 0x50, 0x4b, 0x07, 0x08,
	0x7b, 0x31, 0xbc, 0x96, 0x07, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x50, 0x4b,
	0x01, 0x02, 0x14, 0x00, 0x14, 0x00, 0x08, 0x08, 0x08, 0x00, 0xd6, 0x05, 0x05, 0x5b,
	0x7b, 0x31, 0xbc, 0x96, 0x07, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x01, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x61, 0x50, 0x4b, 0x05, 0x06, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01,
	0x00, 0x2f, 0x00, 0x00, 0x00, 0x36, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static void try_changed(const uint8_t *data, size_t size)
{
	unsigned char bytes[sizeof(seed)];
	memcpy(bytes, seed, sizeof(seed));
	for (size_t i = 0; i + 1 < size; i += 2)
		bytes[data[i] % sizeof(seed)] ^= data[i + 1];
	(void)try_archive(bytes, sizeof(bytes));
}

/* Once: the good one is good, and cut anywhere it is not. */
static void try_seed(void)
{
	for (size_t len = 0; len <= sizeof(seed); len++)
		if ((try_archive(seed, len) == 0) != (len == sizeof(seed)))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	if (!begun)
		try_seed();
	begun = true;
	(void)try_archive(data, size);
	try_changed(data, size);
	return 0;
}
