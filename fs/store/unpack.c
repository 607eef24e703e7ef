/* unpack.c: follows a growing download, unpacks it, then verifies it whole.
 *
 *   the network thread             a disk worker
 *   writes raw_fd, follow_grow --> read_more: waits, reads -> libarchive -> CRC, out_fd
 *   follow_end(whole) -----------> verify: libzip reads the central directory
 *
 * libarchive reads a cut archive without complaint, because the central directory at the end is not
 * needed to unpack; libzip cannot follow a growing file. So one unpacks and the other judges. */
#include <qxfs/store/unpack.h>

#include <qxfs/store/sink.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <qxfs/base/sys.h>
#include <zip.h>
#include <zlib.h>

#include "bom.h"
#include "count.h"
#include "join.h"
#include "utf16.h"

#define PIECE (256 * 1024)
/* Behind its entries an archive has a directory of them and a comment: 4 × 64 kB for one. */
#define TAIL_MAX (1024 * 1024)
#define FILES_MAX 1000 /* of 1,000,000 rows each */

/* --- what came instead of an archive --------------------------------------------------------- */

static ssize_t read_at(int fd, void *out, size_t len, uint64_t at)
{
	ssize_t n;
	do
		n = pread(fd, out, len, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int lost_bytes(struct qx_fail *fail)
{
	return fail_set(fail, EIO,
	                "the downloaded file on the cache's disk is not as it was written");
}

static int cancelled(struct qx_fail *fail)
{
	return fail_set(fail, ECANCELED, "the download failed");
}

static int refuse(struct qx_fail *fail, const char *what)
{
	return fail_set(fail, EBADMSG, "the archive is damaged or of a kind that is not known: %s",
	                what);
}

static int no_archive(const char *head, struct qx_fail *fail)
{
	const char *p = head + strspn(head, "\xef\xbb\xbf \t\r\n"); /* a BOM and white space */

	if (*p == '<') {
		fail_set(fail, EBADMSG, "what came is no archive, it looks like a web page");
		fail_remedy(fail,
		            "a proxy or a login page may stand in between: open the account's "
		            "address in a browser");
	} else if (*p == '{' || *p == '[') {
		fail_set(fail, EBADMSG, "what came is no archive, it looks like a JSON answer");
	} else {
		fail_set(fail, EBADMSG, "what came is no ZIP archive");
	}
	return -EBADMSG;
}

#define LOCAL_HEADER "PK\3\4"
#define NO_ENTRY "PK\5\6" /* the end of a directory that lists nothing */
#define METHOD_AT 8       /* in a local header, two bytes, little end first */
#define METHOD_END 10

/* The kind of packing stands in the first entry's header, and is judged before libarchive begins:
 * LZMA, PPMd and zstd take as much memory as the archive tells them to. */
static int check_first_header(const char head[METHOD_END], struct qx_fail *fail)
{
	unsigned method =
		(unsigned char)head[METHOD_AT] | (unsigned)(unsigned char)head[METHOD_AT + 1] << 8;

	if (memcmp(head, NO_ENTRY, 4) == 0)
		return fail_set(fail, EBADMSG, "the archive holds no file");
	if (memcmp(head, LOCAL_HEADER, 4) != 0)
		return refuse(fail, "it does not begin with a file");
	if (method != ZIP_CM_DEFLATE && method != ZIP_CM_STORE)
		return refuse(fail, "it is not packed by deflate");
	return 0;
}

/* Looks at the first bytes, so that a web page is called a web page. */
static int check_head(const struct unpack_job *job, struct qx_fail *fail)
{
	char head[33] = "";
	uint64_t written;

	int r = follow_wait(job->follow, METHOD_END - 1, &written);
	if (r < 0)
		return cancelled(fail);
	if (written == 0)
		return fail_set(fail, EBADMSG, "what came is no archive, it is empty");

	size_t want = written < sizeof(head) - 1 ? (size_t)written : sizeof(head) - 1;
	if (read_at(job->raw_fd, head, want, 0) != (ssize_t)want)
		return lost_bytes(fail);
	if (head[0] != 'P' || head[1] != 'K')
		return no_archive(head, fail);
	return check_first_header(head, fail);
}

/* --- unpacking ------------------------------------------------------------------------------- */

struct stream {
	const struct unpack_job *job;
	struct archive *archive;
	uint64_t at;            /* bytes that libarchive was given */
	int err;                /* why no more can be given: -ECANCELED, -EIO; 0: no such thing */
	struct unpacked came;   /* the present entry's bytes: what its directory must tell */
	struct unpacked *files; /* of those that have ended */
	size_t n_files;
	struct sink out;       /* of them all */
	struct utf16 *utf16;   /* NULL: they are written as they come */
	struct join join;      /* in use if the job allows several */
	struct bom bom;        /* in use if the job wants one */
	struct row_count rows; /* of all that is written */
	struct qx_fail *fail;  /* of write_piece */
	unsigned char piece[PIECE];
};

static la_ssize_t read_more(struct archive *a, void *arg, const void **ret)
{
	struct stream *s = arg;
	uint64_t written;

	s->err = follow_wait(s->job->follow, s->at, &written);
	if (s->err == 0 && written > s->at) {
		size_t want = written - s->at < PIECE ? (size_t)(written - s->at) : PIECE;
		ssize_t n = read_at(s->job->raw_fd, s->piece, want, s->at);
		if (n > 0) {
			*ret = s->piece;
			s->at += (uint64_t)n;
			return n;
		}
		s->err = -EIO; /* shorter than its writer said */
	}
	if (s->err == 0)
		return 0; /* the end */
	archive_set_error(a, -s->err, "no more bytes");
	return -1;
}

/* libarchive has complained: with words for why. */
static int complain(const struct stream *s, struct qx_fail *fail)
{
	const char *words = archive_error_string(s->archive);

	if (s->err == -ECANCELED)
		return cancelled(fail);
	if (s->err < 0)
		return lost_bytes(fail);
	if (archive_errno(s->archive) == ENOMEM)
		return fail_set(fail, ENOMEM, "out of memory");
	return fail_set(fail, EBADMSG, "the archive is damaged: %s", words ? words : "unknown");
}

static int write_piece(void *arg, const void *bytes, size_t len)
{
	struct stream *s = arg;
	count_feed(&s->rows, bytes, len);
	return sink_write(&s->out, bytes, len, s->fail);
}

static int write_joined(void *arg, const void *bytes, size_t len)
{
	struct stream *s = arg;
	return s->job->bom ? bom_feed(&s->bom, bytes, len) : write_piece(s, bytes, len);
}

static int tell_join(struct stream *s, int r)
{
	return r == -EBADMSG && !s->fail->err ? refuse(s->fail, "its files do not belong together")
	                                      : r;
}

static int write_text(void *arg, const void *bytes, size_t len)
{
	struct stream *s = arg;
	if (s->job->rows == ROWS_NONE)
		return write_joined(s, bytes, len);
	return tell_join(s, join_feed(&s->join, bytes, len));
}

/* A piece of the entry. */
static int take_piece(struct stream *s, const void *bytes, size_t len)
{
	s->came.crc = (uint32_t)crc32_z(s->came.crc, bytes, len);
	s->came.length += len;
	if (!s->utf16)
		return write_text(s, bytes, len);
	int r = utf16_feed(s->utf16, bytes, len);
	if (r == -EBADMSG && !s->fail->err)
		return fail_set(s->fail, EBADMSG, "its text is no whole UTF-16");
	return r;
}

static int end_entry(struct stream *s)
{
	int r = s->utf16 ? utf16_end(s->utf16) : 0;
	if (r == -EBADMSG && !s->fail->err)
		return fail_set(s->fail, EBADMSG, "its text ends inside a character");
	return r == 0 && s->job->rows != ROWS_NONE ? tell_join(s, join_end(&s->join)) : r;
}

static int note_file(struct stream *s)
{
	struct unpacked *files = reallocarray(s->files, s->n_files + 1, sizeof(*files));

	if (!files)
		return fail_set(s->fail, ENOMEM, "out of memory");
	s->files = files;
	s->files[s->n_files++] = s->came;
	return 0;
}

static int copy_entry(struct stream *s, struct qx_fail *fail)
{
	for (;;) {
		const void *bytes;
		size_t len;
		la_int64_t offset;

		int r = archive_read_data_block(s->archive, &bytes, &len, &offset);
		if (r == ARCHIVE_EOF)
			return end_entry(s);
		if (r != ARCHIVE_OK)
			return complain(s, fail);
		if (len == 0)
			continue;
		if ((uint64_t)offset != s->came.length) /* holes are for other formats */
			return fail_set(fail, EBADMSG, "the archive is damaged: bytes are missing");
		r = take_piece(s, bytes, len);
		if (r < 0)
			return r;
	}
}

/* A name that the locale cannot express is no damage: names are never used. */
static bool is_only_its_name(struct archive *a, int r)
{
	const char *words = archive_error_string(a);
	return r == ARCHIVE_WARN && words && strncmp(words, "Pathname", strlen("Pathname")) == 0;
}

static int check_entry(struct stream *s, struct archive_entry *entry, struct qx_fail *fail)
{
	if (archive_entry_filetype(entry) != AE_IFREG)
		return fail_set(fail, EBADMSG, "the archive holds a folder or a link, not a file");
	if (archive_entry_is_encrypted(entry))
		return fail_set(fail, EBADMSG, "the archive is encrypted");
	if (archive_entry_size_is_set(entry) &&
	    (uint64_t)archive_entry_size(entry) > s->job->max_bytes)
		return fail_set(fail, EFBIG, "it unpacks to more than %llu bytes (max_export=)",
		                (unsigned long long)s->job->max_bytes);
	return 0;
}

/* LZMA, PPMd and zstd take as much memory as the archive tells them to; of the first entry
 * check_first_header has said so. */
static int check_packing(struct stream *s, struct qx_fail *fail)
{
	const char *name = archive_format_name(s->archive);

	if (name && !strstr(name, "(deflation)") && !strstr(name, "(uncompressed)"))
		return refuse(fail, "it is not packed by deflate");
	return 0;
}

static int too_many(struct stream *s, struct qx_fail *fail)
{
	int r = fail_set(fail, EBADMSG, "the archive holds more than one file");
	if (s->job->rows == ROWS_NONE)
		fail_remedy(fail,
		            "Over 1,000,000 rows come in several files, which are joined for CSV, "
		            "TSV and ndjson: open one of these, or a span of it in dates/.");
	return r;
}

/* A new entry, perhaps. 1: there is one; 0: the end. */
static int next_entry(struct stream *s, struct qx_fail *fail)
{
	struct archive_entry *entry;

	int r = archive_read_next_header(s->archive, &entry);
	if (r == ARCHIVE_EOF)
		return s->n_files ? 0 : fail_set(fail, EBADMSG, "the archive holds no file");
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return complain(s, fail);
	if (s->n_files == (s->job->rows == ROWS_NONE ? 1 : FILES_MAX))
		return too_many(s, fail);
	if (r != ARCHIVE_OK && !is_only_its_name(s->archive, r))
		return complain(s, fail);
	r = check_entry(s, entry, fail);
	if (r == 0)
		r = check_packing(s, fail);
	return r < 0 ? r : 1;
}

static int begin_entry(struct stream *s)
{
	s->came = (struct unpacked){ 0 };
	utf16_free(s->utf16);
	s->utf16 = s->job->utf16 ? utf16_new(write_text, s) : NULL;
	return s->job->utf16 && !s->utf16 ? fail_set(s->fail, ENOMEM, "out of memory") : 0;
}

static int copy_entries(struct stream *s, struct qx_fail *fail)
{
	int r;

	while ((r = next_entry(s, fail)) > 0) {
		r = begin_entry(s);
		if (r == 0)
			r = copy_entry(s, fail);
		if (r == 0)
			r = note_file(s);
		if (r < 0)
			return r;
	}
	return r == 0 && s->job->bom ? bom_end(&s->bom) : r;
}

static int unpack_stream(struct stream *s, struct qx_fail *fail)
{
	s->archive = archive_read_new();
	if (!s->archive)
		return fail_set(fail, ENOMEM, "out of memory");

	int r = 0;
	if (archive_read_support_format_zip_streamable(s->archive) != ARCHIVE_OK ||
	    archive_read_open(s->archive, s, NULL, read_more, NULL) != ARCHIVE_OK)
		r = complain(s, fail);
	if (r == 0)
		r = copy_entries(s, fail);
	archive_read_free(s->archive);
	return r;
}

/* --- verifying ------------------------------------------------------------------------------- */

#define MODE_SHIFT 16 /* a Unix archiver keeps st_mode in the upper half of the attributes */

static bool is_regular(zip_t *zip, zip_uint64_t i)
{
	zip_uint8_t system = 0;
	zip_uint32_t attributes = 0;

	const char *name = zip_get_name(zip, i, ZIP_FL_ENC_RAW);
	if (!name || (*name && name[strlen(name) - 1] == '/'))
		return false;
	if (zip_file_get_external_attributes(zip, i, 0, &system, &attributes) < 0)
		return false;
	mode_t kind = (mode_t)(attributes >> MODE_SHIFT) & S_IFMT;
	return system != ZIP_OPSYS_UNIX || kind == 0 || kind == S_IFREG;
}

static int check_file(zip_t *zip, zip_uint64_t i, const struct unpacked *came, struct qx_fail *fail)
{
	const zip_uint64_t needed =
		ZIP_STAT_SIZE | ZIP_STAT_CRC | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
	zip_stat_t st;

	if (zip_stat_index(zip, i, 0, &st) < 0 || (st.valid & needed) != needed)
		return refuse(fail, "its directory cannot be read");
	if (st.comp_method != ZIP_CM_DEFLATE && st.comp_method != ZIP_CM_STORE)
		return refuse(fail, "it is not packed by deflate");
	if (st.encryption_method != ZIP_EM_NONE)
		return refuse(fail, "it is encrypted");
	if (!is_regular(zip, i))
		return refuse(fail, "it holds a folder or a link");
	if (st.size != came->length)
		return refuse(fail, "it tells another size than it unpacks to");
	if (st.crc != came->crc)
		return refuse(fail, "it tells another checksum than it unpacks to");
	return 0;
}

static int check_zip(zip_t *zip, const struct stream *s, struct qx_fail *fail)
{
	int r = 0;

	if (zip_get_num_entries(zip, 0) != (zip_int64_t)s->n_files)
		return refuse(fail, s->n_files == 1 ? "its directory does not list one file"
		                                    : "its directory does not list its files");
	for (size_t i = 0; r == 0 && i < s->n_files; i++)
		r = check_file(zip, i, &s->files[i], fail);
	return r;
}

/* libzip has no errno: its own code, and words. */
static int explain_zip(int code, struct qx_fail *fail)
{
	zip_error_t error;

	zip_error_init_with_code(&error, code);
	int r = code == ZIP_ER_MEMORY ? fail_set(fail, ENOMEM, "out of memory")
	                              : refuse(fail, zip_error_strerror(&error));
	zip_error_fini(&error);
	return r;
}

static int verify(const struct stream *s, struct qx_fail *fail)
{
	const struct unpack_job *job = s->job;
	int code = 0;

	/* libzip closes the fd that it is given. It moves the offset, which nobody else uses. */
	int fd = fcntl(job->raw_fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return fail_set(fail, errno, "the download cannot be read: %s", strerror(errno));
	zip_t *zip = zip_fdopen(fd, ZIP_RDONLY | ZIP_CHECKCONS, &code);
	if (!zip) {
		close(fd);
		return explain_zip(code, fail);
	}
	int r = check_zip(zip, s, fail);
	zip_discard(zip);
	return r;
}

/* All bytes are there: is the file what the network wrote, and no longer than its entry needs? The
 * second keeps libzip from building a directory of millions in memory. */
static int check_length(const struct stream *s, struct qx_fail *fail)
{
	uint64_t written;
	struct stat st;

	if (follow_wait(s->job->follow, UINT64_MAX, &written) < 0)
		return cancelled(fail);
	if (fstat(s->job->raw_fd, &st) < 0 || (uint64_t)st.st_size != written)
		return lost_bytes(fail);
	if (written - s->at > TAIL_MAX)
		return refuse(fail, "much follows its only file");
	return 0;
}

int unpack_run(const struct unpack_job *job, struct unpacked *ret, struct qx_fail *fail)
{
	fail_clear(fail);
	int r = check_head(job, fail);
	if (r < 0)
		return r;
	struct stream *s = calloc(1, sizeof(*s));
	if (!s)
		return fail_set(fail, ENOMEM, "out of memory");
	s->job = job;
	s->fail = fail;
	s->out = (struct sink){ .fd = job->out_fd,
		                .max_bytes = job->max_bytes,
		                .too_large = "it unpacks to",
		                .room = job->room,
		                .arg = job->arg };
	s->rows.as = job->rows;
	s->bom = (struct bom){ .sink = write_piece, .arg = s };
	s->join = (struct join){ .rows_as = job->rows, .sink = write_joined, .arg = s };
	r = unpack_stream(s, fail);
	if (r == 0)
		r = check_length(s, fail);
	if (r == 0)
		r = verify(s, fail);
	if (r == 0)
		*ret = (struct unpacked){ .length = s->out.length,
			                  .crc = s->out.crc,
			                  .rows = count_rows(&s->rows) };
	utf16_free(s->utf16);
	join_done(&s->join);
	free(s->files);
	free(s);
	return r;
}
