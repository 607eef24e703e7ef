/* manager.c: what systemd wants to hear. */
#include "manager.h"

#include <qxfs/base/buf.h>
#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOPIC "mount"
#define VARIABLE "NOTIFY_SOCKET"
#define SENTENCE_MAX 1024

void manager_find(struct manager *m)
{
	const char *name = getenv(VARIABLE);
	size_t len = name ? strlen(name) : 0;

	*m = (struct manager){ .address = { .sun_family = AF_UNIX } };
	if (len > 1 && len < sizeof(m->address.sun_path) && strchr("/@", name[0])) {
		memcpy(m->address.sun_path, name, len);
		if (name[0] == '@') /* abstract: its name counts without an end */
			m->address.sun_path[0] = '\0';
		m->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
		                        (name[0] == '/'));
	} else if (len > 0) {
		log_warn(TOPIC, VARIABLE "=%s is no socket that can be used", name);
	}
	(void)unsetenv(VARIABLE); /* fails for a name with '=' only */
}

void manager_tell(const struct manager *m, const char *state, const char *format, ...)
{
	char sentence[SENTENCE_MAX];
	struct buf text = { 0 };

	if (m->length == 0)
		return;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, args); /* cut is fine */
	va_end(args);
	/* A line is an assignment: a mount point's line break must not begin another. */
	for (char *at = sentence; (at = strchr(at, '\n')) != NULL;)
		*at = '?';

	buf_addf(&text, "%s\nSTATUS=%s\n", state, sentence);
	qx_auto_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, buf_text(&text), text.len, MSG_NOSIGNAL,
	                     (const struct sockaddr *)&m->address, m->length) < 0)
		log_warn(TOPIC, "systemd was not told %s: %s", state, strerror(errno));
	buf_done(&text);
}
