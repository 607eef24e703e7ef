/* xlsx_close.c: the end of a workbook.
 *
 * Closing, libxlsxwriter copies each sheet's rows into one more temporary file and that into the
 * ZIP. It looks at the ZIP's errors only, so a disk that is full for a moment makes a workbook that
 * is whole for every reader but lacks rows. Hence: how long the rows are is noted before, and the
 * workbook is read back. When the ZIP fails, libxlsxwriter forgets two open files; they are found
 * by the scratch folder in their names, for it is this rendering's own. */
#include "xlsx.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <qxfs/store/zip.h>

#define ZIP64_FROM 3000000000u /* below 4 GB, as is what stands around the rows */
#define ROWS_BEGIN "<sheetData>"
#define ROWS_END "</sheetData>"
#define SHEET_END "</worksheet>"
#define TAIL 1024 /* bytes behind the rows that are kept; there are fewer */

/* --- reading back ---------------------------------------------------------------------------- */

struct checker {
	const struct xlsx *x;
	unsigned seen;   /* sheets */
	size_t matched;  /* of ROWS_BEGIN; all of it: the rows go on */
	uint64_t behind; /* bytes since then */
	char last;
	char tail[2 * TAIL + 1];
	size_t tail_len;
	uint64_t total;
};

static void keep_tail(struct checker *c, const char *bytes, size_t len)
{
	if (len > TAIL) {
		bytes += len - TAIL;
		len = TAIL;
	}
	if (c->tail_len + len > 2 * TAIL) {
		memmove(c->tail, c->tail + c->tail_len - TAIL, TAIL);
		c->tail_len = TAIL;
	}
	memcpy(c->tail + c->tail_len, bytes, len);
	c->tail_len += len;
	c->tail[c->tail_len] = '\0';
}

/* Rows hold no '<' of their own, so the first begins them and the last ends them. */
static void find_rows(struct checker *c, const char *bytes, size_t len)
{
	size_t i = 0;

	for (; i < len && c->matched < strlen(ROWS_BEGIN); i++)
		if (bytes[i] == ROWS_BEGIN[c->matched])
			c->matched++;
		else
			c->matched = bytes[i] == '<';
	c->behind += len - i;
}

static int judge_sheet(const struct checker *c, uint64_t size)
{
	const char *end = strstr(c->tail, ROWS_END);
	size_t len = strlen(SHEET_END);

	if (!end || c->tail_len < len || strcmp(c->tail + c->tail_len - len, SHEET_END) != 0)
		return -EIO;
	uint64_t rows = c->behind - (c->tail_len - (size_t)(end - c->tail));
	return rows == size ? 0 : -EIO;
}

static int check_piece(void *arg, const char *name, const char *bytes, size_t len)
{
	struct checker *c = arg;
	char sheet[64];
	int r = render_go_on(c->x->in);

	if (r < 0)
		return r;
	if (len > 0) {
		c->total += len;
		c->last = bytes[len - 1];
		find_rows(c, bytes, len);
		keep_tail(c, bytes, len);
		return 0;
	}
	if (c->total == 0 || !strchr(">\n", c->last)) /* each is one element; the theme has a line
	                                                 end */
		r = -EIO;
	(void)snprintf(sheet, sizeof(sheet), "xl/worksheets/sheet%u.xml", c->seen + 1);
	if (c->seen < c->x->count && strcmp(name, sheet) == 0 && r == 0)
		r = judge_sheet(c, c->x->sizes[c->seen++]);
	*c = (struct checker){ .x = c->x, .seen = c->seen };
	return r;
}

static int check(const struct xlsx *x, int fd)
{
	struct checker c = { .x = x };
	int r = zip_read(fd, check_piece, &c);
	if (r == 0 && c.seen != x->count)
		r = -EIO;
	return r == -EBADMSG ? -EIO : r;
}

/* --- files that were forgotten --------------------------------------------------------------- */

/* A number below /proc/self/fd that stands for a file in this folder; else -1. */
static int fd_below(const char *number, const char *folder)
{
	char link[64], path[PATH_MAX];

	if (!isdigit((unsigned char)number[0]))
		return -1;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%.16s", number);
	ssize_t len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return -1;
	path[len] = '\0';
	size_t n = strlen(folder);
	int64_t fd = -1;
	if (strncmp(path, folder, n) != 0 || path[n] != '/' ||
	    sys_parse_int(number, 0, INT_MAX, &fd) < 0)
		return -1;
	return (int)fd;
}

static void let_go_of_forgotten(const char *scratch)
{
	char folder[PATH_MAX];
	DIR *all = realpath(scratch, folder) ? opendir("/proc/self/fd") : NULL;

	if (!all)
		return;
	qx_auto_fd null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (const struct dirent *e; null >= 0 && (e = readdir(all));) {
		int fd = fd_below(e->d_name, folder);
		if (fd >= 0)
			(void)dup3(null, fd, O_CLOEXEC);
	}
	closedir(all);
}

/* --- the end --------------------------------------------------------------------------------- */

/* The last rows reach their temporary files, and how long these are. */
static int note_sizes(struct xlsx *x)
{
	for (unsigned i = 0; i < x->count; i++) {
		lxw_worksheet *sheet = x->sheets[i];
		lxw_worksheet_write_single_row(sheet);
		if (fflush(sheet->file) != 0 || ferror(sheet->file))
			return -ENOSPC;
		off_t size = ftello(sheet->file);
		if (size < 0)
			return -errno;
		x->sizes[i] = (uint64_t)size;
		if (x->sizes[i] > ZIP64_FROM)
			x->book->options.use_zip64 = LXW_TRUE;
	}
	return 0;
}

/* The largest sheet is copied once more, and the ZIP is made beside it. */
static int look_at_space(const struct xlsx *x)
{
	struct statvfs disk;
	uint64_t largest = 0, all = 0;

	for (unsigned i = 0; i < x->count; i++) {
		largest = x->sizes[i] > largest ? x->sizes[i] : largest;
		all += x->sizes[i];
	}
	if (statvfs(x->in->scratch, &disk) < 0)
		return 0;
	return (uint64_t)disk.f_bavail * disk.f_frsize < largest + all / 4 ? -ENOSPC : 0;
}

static int copy_out(struct xlsx *x)
{
	qx_auto_fd fd = open(x->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	off_t len = lseek(fd, 0, SEEK_END);
	if (len < 0)
		return -errno;
	int r = check(x, fd);
	return r < 0 ? r : out_copy(x->out, fd, 0, (uint64_t)len);
}

int xlsx_close(struct xlsx *x)
{
	int r = note_sizes(x);
	if (r == 0)
		r = look_at_space(x);
	if (r == 0)
		r = render_go_on(x->in);
	if (r < 0) {
		xlsx_drop(x);
		return r;
	}
	errno = 0;
	lxw_error e = workbook_close(x->book); /* and frees it */
	x->book = NULL;
	if (e == LXW_NO_ERROR)
		r = copy_out(x);
	else if (e == LXW_ERROR_MEMORY_MALLOC_FAILED)
		r = -ENOMEM;
	else
		r = errno == ENOSPC || errno == EDQUOT ? -ENOSPC : -EIO;
	xlsx_drop(x);
	return r;
}

void xlsx_drop(struct xlsx *x)
{
	for (unsigned i = 0; x->book && i < x->count; i++) { /* freeing leaves these open */
		(void)fclose(x->sheets[i]->optimize_tmpfile);
		x->sheets[i]->optimize_tmpfile = x->sheets[i]->file = NULL;
	}
	if (x->book)
		lxw_workbook_free(x->book);
	x->book = NULL;
	let_go_of_forgotten(x->in->scratch);
	(void)unlink(x->path);
}
