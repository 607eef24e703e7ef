/* sink.c: see sink.h. */
#include <qxfs/store/sink.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

int sink_write(struct sink *s, const void *bytes, size_t len, struct qx_fail *fail)
{
	const unsigned char *p = bytes;

	if (len > s->max_bytes || s->length > s->max_bytes - len)
		return fail_set(fail, EFBIG, "%s more than %llu bytes (max_export=)", s->too_large,
		                (unsigned long long)s->max_bytes);
	int r = s->room(s->arg, s->length + len);
	if (r < 0)
		return fail_set(fail, -r, "no room in the cache: %s", strerror(-r));

	s->crc = (uint32_t)crc32_z(s->crc, p, len);
	while (len > 0) {
		ssize_t n = pwrite(s->fd, p, len, (off_t)s->length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_set(fail, errno == EDQUOT ? ENOSPC : errno,
			                "the cache cannot be written: %s", strerror(errno));
		p += n;
		len -= (size_t)n;
		s->length += (uint64_t)n;
	}
	return 0;
}
