/* render_file.c: NAME BASE SCHEMA|- ZONE SCRATCH OUT: makes one of the files of render.h, for
 * check_render.py and for measuring. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/sys.h>
#include <qxfs/jobs/render.h>

static int open_input(const char *path, uint64_t *ret_len)
{
	struct stat st;
	int fd = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	*ret_len = fd >= 0 && fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	return fd;
}

int main(int argc, char *argv[])
{
	const struct render_row *row = argc == 7 ? render_find(argv[1]) : NULL;
	struct render_input in = { .scratch = argc == 7 ? argv[5] : NULL,
		                   .exported_s = 1600000000 };
	struct zone *zone = NULL;
	struct qx_fail fail;
	uint64_t len = 0;

	if (!row || zone_new(argv[4], &zone) < 0) {
		(void)fprintf(stderr, "render_file NAME BASE SCHEMA|- ZONE SCRATCH OUT\n");
		return 2;
	}
	in.zone = zone;
	in.base_fd = open_input(argv[2], &in.base_len);
	in.schema_fd = open_input(argv[3], &in.schema_len);
	int out = open(argv[6], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r = render(row, &in, out, &len, &fail);
	zone_free(zone);
	if (r < 0)
		(void)fprintf(stderr, "%s (%s) %s\n", fail.why, strerror(-r), fail.remedy);
	return r < 0;
}
