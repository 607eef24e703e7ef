/* audit.c: who read what. */
#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

struct audit {
	int fd; /* -1: syslog */
	atomic_bool failed;
};

int audit_new(const char *where, struct audit **ret)
{
	bool to_file = where && strcmp(where, "syslog") != 0;

	*ret = NULL;
	if (!where)
		return 0;
	struct audit *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->fd = to_file ? open(where, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)
	                : -1;
	if (to_file && a->fd < 0) {
		int err = errno;
		free(a);
		return -err;
	}
	*ret = a;
	return 0;
}

void audit_free(struct audit *a)
{
	if (!a)
		return;
	sys_close_cleanup(&a->fd);
	free(a);
}

static void send(struct audit *a, const struct buf *text)
{
	if (a->fd < 0) {
		syslog(LOG_AUTHPRIV | LOG_INFO, "qxfs audit: %.*s", (int)text->len - 1,
		       buf_text(text));
		return;
	}
	if (write(a->fd, buf_text(text), text->len) == (ssize_t)text->len)
		atomic_store(&a->failed, false);
	else if (!atomic_exchange(&a->failed, true))
		log_error("audit", "the audit cannot be written: %s", strerror(errno));
}

void audit_put(struct audit *a, const struct audit_line *line)
{
	struct buf path = { 0 }, out = { 0 };
	char when[24], name[GENERATION_NAME];

	if (!a)
		return;
	if (!line->path)
		node_subject(line->row, line->arg, &path);
	buf_addf(&out, "{\"time\":\"%s\"", sys_format_time(sys_wall_s(), when));
	buf_add_member(&out, "what", line->what);
	buf_addf(&out, ",\"uid\":%u", (unsigned)line->who->uid);
	if (line->who->pid)
		buf_addf(&out, ",\"pid\":%d", (int)line->who->pid);
	if (line->who->program[0])
		buf_add_member(&out, "program", line->who->program);
	buf_add_member(&out, "path", line->path ? line->path : buf_text(&path));
	if (line->gen) {
		generation_name(line->gen, name);
		buf_add_member(&out, "generation", name);
	}
	if (line->bytes > 0)
		buf_addf(&out, ",\"bytes\":%llu", (unsigned long long)line->bytes);
	buf_add_member(&out, "outcome", line->outcome);
	buf_add_str(&out, "}\n");
	if (!buf_failed(&out))
		send(a, &out);
	buf_done(&path);
	buf_done(&out);
}
