/* zip.c: reads back a ZIP file that was made here; libzip checks sizes and CRCs as it reads. */
#include <qxfs/store/zip.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <zip.h>

#define PIECE (64 * 1024)

static int read_entry(zip_t *zip, zip_uint64_t index, char *piece, zip_piece_fn *fn, void *arg)
{
	const char *name = zip_get_name(zip, index, ZIP_FL_ENC_RAW);
	zip_file_t *file = name ? zip_fopen_index(zip, index, 0) : NULL;
	zip_int64_t n = 1;
	int r = file ? 0 : -EBADMSG;

	while (r == 0 && n > 0) {
		n = zip_fread(file, piece, PIECE);
		r = n < 0 ? -EBADMSG : fn(arg, name, piece, (size_t)n);
	}
	if (file && zip_fclose(file) != 0 && r == 0) /* a wrong CRC may only show here */
		r = -EBADMSG;
	return r;
}

int zip_read(int fd, zip_piece_fn *fn, void *arg)
{
	int code = 0;
	int r = 0;

	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* libzip closes what it gets */
	if (copy < 0)
		return -errno;
	zip_t *zip = zip_fdopen(copy, ZIP_RDONLY | ZIP_CHECKCONS, &code);
	if (!zip) {
		(void)close(copy);
		return code == ZIP_ER_MEMORY ? -ENOMEM : -EBADMSG;
	}
	char *piece = malloc(PIECE);
	zip_int64_t count = zip_get_num_entries(zip, 0);
	if (!piece)
		r = -ENOMEM;
	for (zip_int64_t i = 0; i < count && r == 0; i++)
		r = read_entry(zip, (zip_uint64_t)i, piece, fn, arg);
	free(piece);
	zip_discard(zip);
	return r;
}
