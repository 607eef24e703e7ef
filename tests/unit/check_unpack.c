/* check_unpack.c: what unpack_run makes of whole, growing, damaged and hostile downloads.
 *
 * Honest archives are the recorded form of API.md 3.3 (data descriptor, zero sizes in the local
 * header) and are made here byte by byte, so that every field can be a lie. */
#include <qxfs/store/unpack.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <qxfs/base/buf.h>
#include <qxfs/base/sys.h>
#include <zip.h>
#include <zlib.h>

#define MB (1024 * 1024)

/* --- archives, byte by byte ------------------------------------------------------------------ */

struct entry {
	const char *name;
	const char *bytes;
	size_t len;
	unsigned method;      /* 0 stored, 8 deflate */
	bool streamed;        /* sizes and CRC in a descriptor, as the service does */
	bool zip64;           /* its sizes in 64 bits */
	unsigned more_flags;  /* 1: encrypted */
	uint32_t attributes;  /* of a Unix archiver, when not 0 */
	uint64_t told_size;   /* a lie; 0: the truth */
	uint32_t crc_xor;     /* a lie, by this difference */
	unsigned told_method; /* a lie, when not 0 */
};

static void put(struct buf *b, uint64_t n, int bytes)
{
	for (; bytes > 0; bytes--, n >>= 8) {
		unsigned char byte = (unsigned char)n;
		buf_add(b, &byte, 1);
	}
}

static void add_deflated(struct buf *b, const void *bytes, size_t len)
{
	z_stream z = { 0 };
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	size_t bound = deflateBound(&z, len);
	unsigned char *out = malloc(bound);
	assert_non_null(out);
	z.next_in = (unsigned char *)(uintptr_t)bytes;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)bound;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_add(b, out, bound - z.avail_out);
	deflateEnd(&z);
	free(out);
}

struct layout {
	uint64_t at, packed, size;
	uint32_t crc;
	unsigned flags, method;
};

static void add_entry(struct buf *b, const struct entry *e, struct layout *l)
{
	struct buf packed = { 0 };
	if (e->method == 8)
		add_deflated(&packed, e->bytes, e->len);
	else
		buf_add(&packed, e->bytes, e->len);
	l->at = b->len;
	l->packed = packed.len;
	l->size = e->told_size ? e->told_size : e->len;
	l->crc = (uint32_t)crc32(0, (const unsigned char *)e->bytes, (uInt)e->len) ^ e->crc_xor;
	l->flags = 0x800u | (e->streamed ? 8u : 0) | e->more_flags;
	l->method = e->told_method ? e->told_method : e->method;

	uint64_t header_sizes[2] = { e->streamed ? 0 : l->packed, e->streamed ? 0 : l->size };
	put(b, 0x04034b50, 4);
	put(b, e->zip64 ? 45 : 20, 2);
	put(b, l->flags, 2);
	put(b, l->method, 2);
	put(b, 0x5b0505d6, 4); /* time and date */
	put(b, e->streamed ? 0 : l->crc, 4);
	put(b, e->zip64 ? 0xffffffff : header_sizes[0], 4);
	put(b, e->zip64 ? 0xffffffff : header_sizes[1], 4);
	put(b, strlen(e->name), 2);
	put(b, e->zip64 ? 20 : 0, 2);
	buf_add_str(b, e->name);
	if (e->zip64) {
		put(b, 1, 2);
		put(b, 16, 2);
		put(b, header_sizes[1], 8);
		put(b, header_sizes[0], 8);
	}
	buf_add(b, packed.data ? packed.data : "", packed.len);
	if (e->streamed) {
		put(b, 0x08074b50, 4);
		put(b, l->crc, 4);
		put(b, l->packed, e->zip64 ? 8 : 4);
		put(b, l->size, e->zip64 ? 8 : 4);
	}
	buf_done(&packed);
}

static void add_to_directory(struct buf *b, const struct entry *e, const struct layout *l)
{
	put(b, 0x02014b50, 4);
	put(b, e->attributes ? 0x0314 : 0x0014, 2); /* made by Unix or DOS */
	put(b, e->zip64 ? 45 : 20, 2);
	put(b, l->flags, 2);
	put(b, l->method, 2);
	put(b, 0x5b0505d6, 4);
	put(b, l->crc, 4);
	put(b, e->zip64 ? 0xffffffff : l->packed, 4);
	put(b, e->zip64 ? 0xffffffff : l->size, 4);
	put(b, strlen(e->name), 2);
	put(b, e->zip64 ? 20 : 0, 2);
	put(b, 0, 2 + 2 + 2); /* comment, disk, internal attributes */
	put(b, e->attributes, 4);
	put(b, l->at, 4);
	buf_add_str(b, e->name);
	if (e->zip64) {
		put(b, 1, 2);
		put(b, 16, 2);
		put(b, l->size, 8);
		put(b, l->packed, 8);
	}
}

static void add_end(struct buf *b, size_t directory, size_t listed)
{
	size_t end = b->len;
	put(b, 0x06054b50, 4);
	put(b, 0, 4);
	put(b, listed, 2);
	put(b, listed, 2);
	put(b, end - directory, 4);
	put(b, directory, 4);
	put(b, 0, 2);
}

/* `listed` of the `count` entries stand in the directory. */
static struct buf make_zip(const struct entry *entries, size_t count, size_t listed)
{
	struct buf b = { 0 };
	struct layout layouts[4];

	assert_in_range(count, 0, 4);
	for (size_t i = 0; i < count; i++)
		add_entry(&b, &entries[i], &layouts[i]);
	size_t directory = b.len;
	for (size_t i = 0; i < listed; i++)
		add_to_directory(&b, &entries[i], &layouts[i]);
	add_end(&b, directory, listed);
	assert_false(buf_failed(&b));
	return b;
}

static const char csv[] =
	"\xef\xbb\xbf"
	"StartDate,EndDate,Status,Q1\r\n\"Start Date\",\"End Date\",\"a \"\"b\"\"\nc\",x\r\n"
	"2026-01-01 00:00:00,2026-01-01 00:00:01,0,1\r\n2026-01-01 00:00:00,,0,no end";

static struct entry honest(void)
{
	return (struct entry){
		.name = "Umfrage \xc3\xbc \xe4\xb8\xad.csv",
		.bytes = csv,
		.len = sizeof(csv) - 1,
		.method = 8,
		.streamed = true,
	};
}

static struct buf make_small(void)
{
	struct entry e = honest();
	return make_zip(&e, 1, 1);
}

/* --- running it ------------------------------------------------------------------------------ */

struct run {
	struct follow follow;
	struct unpack_job job;
	struct unpacked sum;
	struct qx_fail fail;
	uint64_t room_asked;
	int room_answer;
	int result;
};

static int give_room(void *arg, uint64_t upto)
{
	struct run *run = arg;
	struct stat st;
	assert_int_equal(fstat(run->job.out_fd, &st), 0);
	assert_true((uint64_t)st.st_size < upto); /* asked before the bytes are written */
	assert_true(upto > run->room_asked);
	run->room_asked = upto;
	return run->room_answer;
}

static void begin(struct run *run)
{
	*run = (struct run){ 0 };
	follow_init(&run->follow);
	run->job = (struct unpack_job){
		.follow = &run->follow,
		.raw_fd = memfd_create("raw", MFD_CLOEXEC),
		.out_fd = memfd_create("out", MFD_CLOEXEC),
		.max_bytes = 64 * MB,
		.room = give_room,
		.arg = run,
	};
	assert_true(run->job.raw_fd >= 0 && run->job.out_fd >= 0);
}

static void end(struct run *run)
{
	follow_done(&run->follow);
	close(run->job.raw_fd);
	close(run->job.out_fd);
}

static int go(struct run *run)
{
	run->result = unpack_run(&run->job, &run->sum, &run->fail);
	if (run->result < 0) {
		assert_int_equal(run->fail.err, -run->result);
		assert_true(run->fail.why[0]);
		assert_int_equal(run->sum.length, 0);
	}
	return run->result;
}

static void write_raw(struct run *run, const void *bytes, size_t len)
{
	assert_int_equal(pwrite(run->job.raw_fd, bytes, len, 0), (ssize_t)len);
	follow_grow(&run->follow, len);
	follow_end(&run->follow, true);
}

/* Runs it over these bytes; the caller looks at the run and ends it. */
static int run_over(struct run *run, const void *bytes, size_t len)
{
	begin(run);
	write_raw(run, bytes, len);
	return go(run);
}

static bool gave(const struct run *run, const void *bytes, size_t len)
{
	char *got = malloc(len + 1);
	assert_non_null(got);
	bool same = run->sum.length == len &&
	            pread(run->job.out_fd, got, len + 1, 0) == (ssize_t)len &&
	            memcmp(got, bytes, len) == 0 &&
	            run->sum.crc == (uint32_t)crc32(0, bytes, (uInt)len);
	free(got);
	return same;
}

static void expect_csv(const void *bytes, size_t len)
{
	struct run run;
	int r = run_over(&run, bytes, len);
	if (r < 0)
		print_error("%s\n", run.fail.why);
	assert_int_equal(r, 0);
	assert_true(gave(&run, csv, sizeof(csv) - 1));
	assert_int_equal(run.room_asked, sizeof(csv) - 1);
	end(&run);
}

static void expect_refused(const void *bytes, size_t len, int err, const char *why)
{
	struct run run;
	assert_int_equal(run_over(&run, bytes, len), -err);
	if (!strstr(run.fail.why, why))
		fail_msg("\"%s\" is not in \"%s\"", why, run.fail.why);
	end(&run);
}

static void expect_entry_refused(const struct entry *e, int err, const char *why)
{
	struct buf zip = make_zip(e, 1, 1);
	expect_refused(zip.data, zip.len, err, why);
	buf_done(&zip);
}

/* --- honest ones ----------------------------------------------------------------------------- */

static void test_an_archive_as_the_service_makes_it(void **state)
{
	(void)state;
	struct buf zip = make_small();
	expect_csv(zip.data, zip.len);
	buf_done(&zip);
}

static void test_every_honest_form(void **state)
{
	(void)state;
	for (int form = 0; form < 8; form++) {
		struct entry e = honest();
		e.method = form & 1 ? 8 : 0;
		e.streamed = form & 2;
		e.zip64 = form & 4;
		struct buf zip = make_zip(&e, 1, 1);
		expect_csv(zip.data, zip.len);
		buf_done(&zip);
	}
}

/* What is told and summed is what is served, what is verified is what came. */
static void test_a_bom_counts_in_what_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *bytes, *expected;
	} rows[] = {
		{ "a,b\r\n", "\xef\xbb\xbf"
		             "a,b\r\n" },
		{ csv, csv },
		{ "", "\xef\xbb\xbf" },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct entry e = honest();
		struct run run;
		e.bytes = rows[i].bytes;
		e.len = strlen(rows[i].bytes);
		struct buf zip = make_zip(&e, 1, 1);
		begin(&run);
		run.job.bom = true;
		write_raw(&run, zip.data, zip.len);
		assert_int_equal(go(&run), 0);
		assert_true(gave(&run, rows[i].expected, strlen(rows[i].expected)));
		end(&run);
		buf_done(&zip);
	}
}

static void test_an_archive_by_libzip(void **state)
{
	(void)state;
	zip_error_t error;
	zip_source_t *to = zip_source_buffer_create(NULL, 0, 0, NULL);
	zip_t *zip = zip_open_from_source(to, ZIP_TRUNCATE, &error);
	assert_non_null(zip);
	zip_source_keep(to);
	assert_true(zip_file_add(zip, "x.csv", zip_source_buffer(zip, csv, sizeof(csv) - 1, 0),
	                         ZIP_FL_ENC_UTF_8) >= 0);
	assert_int_equal(zip_close(zip), 0);

	char bytes[4096];
	assert_int_equal(zip_source_open(to), 0);
	zip_int64_t len = zip_source_read(to, bytes, sizeof(bytes));
	zip_source_close(to);
	zip_source_free(to);
	expect_csv(bytes, (size_t)len);
}

static void test_an_empty_file_is_a_file(void **state)
{
	(void)state;
	for (unsigned form = 0; form < 4; form++) {
		struct entry e = honest();
		e.len = 0;
		e.method = form & 1 ? 8 : 0;
		e.streamed = form & 2;
		struct buf zip = make_zip(&e, 1, 1);
		struct run run;
		assert_int_equal(run_over(&run, zip.data, zip.len), 0);
		assert_true(gave(&run, "", 0));
		end(&run);
		buf_done(&zip);
	}
}

static void test_names_lead_nowhere(void **state)
{
	static const char *const names[] = {
		"../../etc/x.csv", "/etc/x.csv", "C:\\x.csv", "..", "-", "a\nb"
	};
	(void)state;
	for (size_t i = 0; i < countof(names); i++) {
		struct entry e = honest();
		e.name = names[i];
		struct buf zip = make_zip(&e, 1, 1);
		expect_csv(zip.data, zip.len);
		buf_done(&zip);
	}
}

/* --- growing --------------------------------------------------------------------------------- */

struct drip {
	struct run *run;
	const char *bytes;
	size_t len, piece;
	bool whole;
};

static void *drip(void *arg)
{
	const struct drip *d = arg;
	for (size_t at = 0; at < d->len;) {
		size_t n = d->len - at < d->piece ? d->len - at : d->piece;
		if (pwrite(d->run->job.raw_fd, d->bytes + at, n, (off_t)at) != (ssize_t)n)
			break;
		at += n;
		follow_grow(&d->run->follow, at);
		if (at % 64 < d->piece)
			usleep(100); /* lets the reader catch up now and then */
	}
	follow_end(&d->run->follow, d->whole);
	return NULL;
}

static int run_dripping(struct run *run, const struct buf *zip, size_t len, size_t piece,
                        bool whole)
{
	pthread_t thread;

	begin(run);
	struct drip d = { run, zip->data, len, piece, whole };
	assert_int_equal(pthread_create(&thread, NULL, drip, &d), 0);
	int r = go(run);
	pthread_join(thread, NULL);
	return r;
}

static void test_a_download_that_grows_in_pieces(void **state)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 29, 64, 1000 };
	(void)state;
	struct buf zip = make_small();
	for (size_t i = 0; i < countof(pieces); i++) {
		struct run run;
		assert_int_equal(run_dripping(&run, &zip, zip.len, pieces[i], true), 0);
		assert_true(gave(&run, csv, sizeof(csv) - 1));
		end(&run);
	}
	buf_done(&zip);
}

static void test_a_download_that_fails_anywhere_is_cancelled(void **state)
{
	(void)state;
	struct buf zip = make_small();
	for (size_t len = 0; len <= zip.len; len += 13) {
		struct run run;
		assert_int_equal(run_dripping(&run, &zip, len, 64, false), -ECANCELED);
		end(&run);
	}
	buf_done(&zip);
}

static void test_a_download_that_begins_anew_is_cancelled(void **state)
{
	(void)state;
	struct buf zip = make_small();
	struct run run;
	begin(&run);
	follow_grow(&run.follow, 100);
	write_raw(&run, zip.data, 50);
	assert_int_equal(go(&run), -ECANCELED);
	end(&run);
	buf_done(&zip);
}

/* Whatever stands in the file behind what was told to be written is not read. */
static void test_only_told_bytes_are_read(void **state)
{
	(void)state;
	struct buf zip = make_small();
	struct run run;
	begin(&run);
	assert_int_equal(pwrite(run.job.raw_fd, zip.data, zip.len, 0), (ssize_t)zip.len);
	follow_grow(&run.follow, zip.len - 10);
	follow_end(&run.follow, true);
	assert_true(go(&run) < 0);
	end(&run);
	buf_done(&zip);
}

static void *end_later(void *arg)
{
	struct run *run = arg;
	usleep(50000);
	follow_end(&run->follow, false);
	return NULL;
}

/* libarchive needs nothing behind the entry; success needs all. */
static void test_success_waits_for_the_last_byte(void **state)
{
	(void)state;
	struct buf zip = make_small();
	struct run run;
	pthread_t thread;
	begin(&run);
	assert_int_equal(pwrite(run.job.raw_fd, zip.data, zip.len, 0), (ssize_t)zip.len);
	follow_grow(&run.follow, zip.len);
	assert_int_equal(pthread_create(&thread, NULL, end_later, &run), 0);
	assert_int_equal(go(&run), -ECANCELED);
	pthread_join(thread, NULL);
	end(&run);
	buf_done(&zip);
}

/* --- damaged --------------------------------------------------------------------------------- */

static void test_every_prefix_is_refused(void **state)
{
	(void)state;
	struct buf zip = make_small();
	for (size_t len = 0; len < zip.len; len++) {
		struct run run;
		int r = run_over(&run, zip.data, len);
		if (r != -EBADMSG)
			fail_msg("the first %zu bytes of %zu: %d", len, zip.len, r);
		end(&run);
	}
	buf_done(&zip);
}

static void test_every_flipped_bit_is_refused_or_harmless(void **state)
{
	(void)state;
	struct buf zip = make_small();
	size_t refused = 0;
	for (size_t bit = 0; bit < zip.len * 8; bit++) {
		struct run run;
		zip.data[bit / 8] = (char)(zip.data[bit / 8] ^ (1 << bit % 8));
		int r = run_over(&run, zip.data, zip.len);
		if (r == 0 && !gave(&run, csv, sizeof(csv) - 1))
			fail_msg("bit %zu of byte %zu: wrong bytes", bit % 8, bit / 8);
		refused += r < 0;
		end(&run);
		zip.data[bit / 8] = (char)(zip.data[bit / 8] ^ (1 << bit % 8));
	}
	assert_true(refused > zip.len * 4); /* it did bite */
	buf_done(&zip);
}

static void test_bytes_behind_the_end_are_refused(void **state)
{
	(void)state;
	struct buf zip = make_small();
	buf_add(&zip, "more", 4);
	expect_refused(zip.data, zip.len, EBADMSG, "");
	buf_done(&zip);
}

static void test_two_archives_in_one_file_are_refused(void **state)
{
	(void)state;
	struct entry other = honest();
	other.len -= 7;
	struct buf zip = make_small();
	struct buf second = make_zip(&other, 1, 1);
	buf_add(&zip, second.data, second.len);
	expect_refused(zip.data, zip.len, EBADMSG, "");
	buf_done(&second);
	buf_done(&zip);
}

/* A directory of millions, which libzip would build in memory. */
static void test_a_long_tail_is_refused(void **state)
{
	(void)state;
	struct entry e = honest();
	struct layout l;
	struct buf zip = { 0 };
	add_entry(&zip, &e, &l);
	while (zip.len < 2 * MB)
		add_to_directory(&zip, &e, &l);
	expect_refused(zip.data, zip.len, EBADMSG, "follows");
	buf_done(&zip);
}

/* --- hostile --------------------------------------------------------------------------------- */

static void test_lies_about_size_and_checksum_are_refused(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		struct entry e = honest();
		e.method = form & 1 ? 8 : 0;
		e.streamed = form & 2;
		e.crc_xor = 1;
		expect_entry_refused(&e, EBADMSG, "");
		e.crc_xor = 0;
		e.told_size = e.len + 1;
		expect_entry_refused(&e, EBADMSG, "");
		e.told_size = e.len - 1;
		expect_entry_refused(&e, EBADMSG, "");
	}
}

/* Only the directory lies, so only libzip can tell. */
static void test_a_lie_in_the_directory_is_refused(void **state)
{
	static const struct {
		size_t offset; /* in the directory's entry */
		const char *why;
	} lies[] = { { 16, "checksum" }, { 24, "size" }, { 10, "" }, { 8, "" } };
	(void)state;
	for (size_t i = 0; i < countof(lies); i++) {
		struct buf zip = make_small();
		const char *entry = memmem(zip.data, zip.len, "PK\1\2", 4);
		zip.data[(size_t)(entry - zip.data) + lies[i].offset] ^= 1;
		expect_refused(zip.data, zip.len, EBADMSG, lies[i].why);
		buf_done(&zip);
	}
}

static void test_two_entries_are_refused(void **state)
{
	(void)state;
	struct entry two[2] = { honest(), honest() };
	two[1].name = "b.csv";
	for (size_t listed = 1; listed <= 2; listed++) {
		struct buf zip = make_zip(two, 2, listed);
		expect_refused(zip.data, zip.len, EBADMSG, "more than one");
		buf_done(&zip);
	}
}

/* The second one stands in the directory only, and shares the first one's bytes. */
static void test_two_names_for_one_entry_are_refused(void **state)
{
	(void)state;
	struct entry e = honest();
	struct layout l;
	struct buf zip = { 0 };
	add_entry(&zip, &e, &l);
	size_t directory = zip.len;
	add_to_directory(&zip, &e, &l);
	add_to_directory(&zip, &e, &l);
	add_end(&zip, directory, 2);
	expect_refused(zip.data, zip.len, EBADMSG, "");
	buf_done(&zip);
}

/* The second one stands inside the first one's bytes, where no reader of the stream looks. */
static void test_an_entry_inside_an_entry_is_refused(void **state)
{
	(void)state;
	struct entry inner = honest(), outer = honest();
	struct layout inner_layout, outer_layout;
	struct buf inside = { 0 }, zip = { 0 };
	inner.streamed = outer.streamed = false;
	inner.name = "b.csv";
	add_entry(&inside, &inner, &inner_layout);
	outer.bytes = inside.data;
	outer.len = inside.len;
	outer.method = 0;
	add_entry(&zip, &outer, &outer_layout);
	inner_layout.at = zip.len - inside.len;
	size_t directory = zip.len;
	add_to_directory(&zip, &outer, &outer_layout);
	add_to_directory(&zip, &inner, &inner_layout);
	add_end(&zip, directory, 2);
	expect_refused(zip.data, zip.len, EBADMSG, "one file");
	buf_done(&inside);
	buf_done(&zip);
}

static void test_no_entry_is_refused(void **state)
{
	(void)state;
	struct buf zip = make_zip(NULL, 0, 0);
	expect_refused(zip.data, zip.len, EBADMSG, "");
	buf_done(&zip);
}

static void test_an_entry_that_no_directory_lists_is_refused(void **state)
{
	(void)state;
	struct entry e = honest();
	struct buf zip = make_zip(&e, 1, 0);
	expect_refused(zip.data, zip.len, EBADMSG, "");
	buf_done(&zip);
}

/* Before the rest of it has come. */
static void expect_refused_early(const struct entry *e)
{
	struct buf zip = make_zip(e, 1, 1);
	struct run run;
	pthread_t thread;
	begin(&run);
	assert_int_equal(pwrite(run.job.raw_fd, zip.data, zip.len, 0), (ssize_t)zip.len);
	follow_grow(&run.follow, zip.len);
	assert_int_equal(pthread_create(&thread, NULL, end_later, &run), 0);
	assert_int_equal(go(&run), -EBADMSG);
	pthread_join(thread, NULL);
	end(&run);
	buf_done(&zip);
}

static void test_a_folder_or_link_is_refused(void **state)
{
	(void)state;
	struct entry folder = honest();
	folder.name = "folder/";
	expect_refused_early(&folder);
	folder.len = 0;
	folder.method = 0;
	expect_entry_refused(&folder, EBADMSG, "folder");
	struct entry link = honest();
	link.attributes = (uint32_t)(S_IFLNK | 0777) << 16;
	expect_entry_refused(&link, EBADMSG, "link");
	struct entry file = honest();
	file.attributes = (uint32_t)(S_IFREG | 0644) << 16;
	struct buf zip = make_zip(&file, 1, 1);
	expect_csv(zip.data, zip.len);
	buf_done(&zip);
}

static void test_an_encrypted_entry_is_refused(void **state)
{
	(void)state;
	struct entry e = honest();
	e.more_flags = 1;
	expect_entry_refused(&e, EBADMSG, "encrypted");
	e.streamed = false;
	expect_entry_refused(&e, EBADMSG, "encrypted");
}

static void test_other_packings_are_refused(void **state)
{
	(void)state;
	static const unsigned methods[] = { 9, 12, 14, 93, 95, 98, 99 };
	for (size_t i = 0; i < countof(methods); i++) {
		struct entry e = honest();
		e.told_method = methods[i];
		expect_entry_refused(&e, EBADMSG, "");
	}
	static const unsigned char bzip2[] = {
		/* printf 'a,b\n1,2\n' | bzip2 */
		0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0xbf, 0x87,
		0x40, 0x7f, 0x00, 0x00, 0x03, 0x59, 0x00, 0x00, 0x10, 0x00, 0x04, 0x30,
		0x00, 0x30, 0x00, 0x20, 0x00, 0x30, 0xc0, 0x08, 0x69, 0xb2, 0x88, 0x23,
		0x27, 0x8b, 0xb9, 0x22, 0x9c, 0x28, 0x48, 0x5f, 0xc3, 0xa0, 0x3f, 0x80,
	};
	/* All that is told of it is true, so only the kind of packing can be refused. */
	static const unsigned char plain[] = "a,b\n1,2\n";
	struct entry e = honest();
	e.bytes = (const char *)bzip2;
	e.len = sizeof(bzip2);
	e.method = 0;
	e.streamed = false;
	e.told_method = 12;
	e.told_size = sizeof(plain) - 1;
	e.crc_xor = (uint32_t)(crc32(0, bzip2, sizeof(bzip2)) ^ crc32(0, plain, sizeof(plain) - 1));
	expect_entry_refused(&e, EBADMSG, "deflate");
	/* LZMA, PPMd and zstd take as much memory as the archive tells them to, so their bytes must
	 * not even be begun; nor those of an archive that hides behind something else. */
	struct buf zip = make_zip(&e, 1, 1), hidden = { 0 };
	struct run run;
	assert_int_equal(run_over(&run, zip.data, zip.len), -EBADMSG);
	assert_int_equal(run.room_asked, 0);
	end(&run);
	put(&hidden, 0x08074b50, 4);
	buf_add(&hidden, zip.data, zip.len);
	assert_int_equal(run_over(&run, hidden.data, hidden.len), -EBADMSG);
	assert_int_equal(run.room_asked, 0);
	end(&run);
	buf_done(&hidden);
	buf_done(&zip);
}

static void test_a_bomb_stops_at_the_limit(void **state)
{
	(void)state;
	char *zeros = calloc(1, 32 * MB);
	assert_non_null(zeros);
	struct entry e = honest();
	e.bytes = zeros;
	e.len = 32 * MB;
	for (int form = 0; form < 2; form++) {
		e.streamed = form;
		struct buf zip = make_zip(&e, 1, 1);
		assert_true(zip.len < 64 * 1024);
		struct run run;
		begin(&run);
		run.job.max_bytes = 3 * MB + 5;
		write_raw(&run, zip.data, zip.len);
		assert_int_equal(go(&run), -EFBIG);
		struct stat st;
		fstat(run.job.out_fd, &st);
		assert_true((uint64_t)st.st_size <= run.job.max_bytes);
		assert_true(run.room_asked <= run.job.max_bytes);
		end(&run);

		begin(&run); /* and the limit itself is allowed */
		run.job.max_bytes = e.len;
		write_raw(&run, zip.data, zip.len);
		assert_int_equal(go(&run), 0);
		assert_int_equal(run.sum.length, e.len);
		end(&run);
		buf_done(&zip);
	}
	free(zeros);
}

static void test_what_is_no_archive_is_called_by_its_name(void **state)
{
	static const struct {
		const char *bytes, *why;
	} answers[] = {
		{ "", "empty" },
		{ "<!DOCTYPE html><html><body>Log in</body></html>", "web page" },
		{ "\xef\xbb\xbf\r\n <html>", "web page" },
		{ "<", "web page" },
		{ "{\"meta\":{\"httpStatus\":\"500\"}}", "JSON" },
		{ "{}", "JSON" },
		{ "  [1]", "JSON" },
		{ "StartDate,EndDate\r\n", "no ZIP" },
		{ "P", "no ZIP" },
	};
	(void)state;
	for (size_t i = 0; i < countof(answers); i++)
		expect_refused(answers[i].bytes, strlen(answers[i].bytes), EBADMSG, answers[i].why);
}

/* --- the disk -------------------------------------------------------------------------------- */

static void test_no_room_is_told(void **state)
{
	(void)state;
	struct buf zip = make_small();
	struct run run;
	begin(&run);
	run.room_answer = -ENOSPC;
	write_raw(&run, zip.data, zip.len);
	assert_int_equal(go(&run), -ENOSPC);
	end(&run);
	buf_done(&zip);
}

static void test_a_disk_that_refuses_is_told(void **state)
{
	(void)state;
	struct buf zip = make_small();
	struct run run;
	begin(&run);
	write_raw(&run, zip.data, zip.len);
	close(run.job.out_fd);
	run.job.out_fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	assert_int_equal(go(&run), -ENOSPC);
	end(&run);
	buf_done(&zip);
}

static void test_a_download_that_shrank_on_disk_is_told(void **state)
{
	(void)state;
	struct buf zip = make_small();
	for (size_t len = 0; len < zip.len; len += 17) {
		struct run run;
		begin(&run);
		write_raw(&run, zip.data, zip.len);
		assert_int_equal(ftruncate(run.job.raw_fd, (off_t)len), 0);
		assert_int_equal(go(&run), -EIO);
		end(&run);
	}
	buf_done(&zip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_archive_as_the_service_makes_it),
		cmocka_unit_test(test_every_honest_form),
		cmocka_unit_test(test_a_bom_counts_in_what_is_told),
		cmocka_unit_test(test_an_archive_by_libzip),
		cmocka_unit_test(test_an_empty_file_is_a_file),
		cmocka_unit_test(test_names_lead_nowhere),
		cmocka_unit_test(test_a_download_that_grows_in_pieces),
		cmocka_unit_test(test_a_download_that_fails_anywhere_is_cancelled),
		cmocka_unit_test(test_a_download_that_begins_anew_is_cancelled),
		cmocka_unit_test(test_only_told_bytes_are_read),
		cmocka_unit_test(test_success_waits_for_the_last_byte),
		cmocka_unit_test(test_every_prefix_is_refused),
		cmocka_unit_test(test_every_flipped_bit_is_refused_or_harmless),
		cmocka_unit_test(test_bytes_behind_the_end_are_refused),
		cmocka_unit_test(test_two_archives_in_one_file_are_refused),
		cmocka_unit_test(test_a_long_tail_is_refused),
		cmocka_unit_test(test_lies_about_size_and_checksum_are_refused),
		cmocka_unit_test(test_a_lie_in_the_directory_is_refused),
		cmocka_unit_test(test_two_entries_are_refused),
		cmocka_unit_test(test_two_names_for_one_entry_are_refused),
		cmocka_unit_test(test_an_entry_inside_an_entry_is_refused),
		cmocka_unit_test(test_no_entry_is_refused),
		cmocka_unit_test(test_an_entry_that_no_directory_lists_is_refused),
		cmocka_unit_test(test_a_folder_or_link_is_refused),
		cmocka_unit_test(test_an_encrypted_entry_is_refused),
		cmocka_unit_test(test_other_packings_are_refused),
		cmocka_unit_test(test_a_bomb_stops_at_the_limit),
		cmocka_unit_test(test_what_is_no_archive_is_called_by_its_name),
		cmocka_unit_test(test_no_room_is_told),
		cmocka_unit_test(test_a_disk_that_refuses_is_told),
		cmocka_unit_test(test_a_download_that_shrank_on_disk_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
