/* patience.c: how long the kernel lets a request wait. */
#include "patience.h"

#include <qxfs/base/buf.h>
#include <qxfs/base/sys.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define MARGIN_S 5

/* 0: none; older kernels have no such file. */
static int64_t limit_s(const char *dir, const char *name)
{
	char path[300];
	struct buf text = { 0 };
	int64_t s = 0;

	(void)snprintf(path, sizeof(path), "%.200s/%s", dir, name);
	if (sys_read_file_at(AT_FDCWD, path, 64, &text) == 0 && text.len > 0) {
		text.data[strcspn(text.data, "\n")] = '\0';
		(void)sys_parse_int(text.data, 0, INT32_MAX, &s); /* what is no number is no limit
		                                                   */
	}
	buf_done(&text);
	return s;
}

int64_t patience_read(const char *dir)
{
	int64_t max_s = limit_s(dir, "max_request_timeout");
	int64_t s = limit_s(dir, "default_request_timeout");

	/* We ask for no timeout of our own, so the maximum is also the default. */
	if (s == 0 || (max_s > 0 && max_s < s))
		s = max_s;
	if (s == 0)
		return 0;
	return s > 2 * MARGIN_S ? s - MARGIN_S : (s + 1) / 2;
}
