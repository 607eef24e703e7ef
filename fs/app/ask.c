/* ask.c: a question to the daemon of a mount. */
#include "ask.h"

#include "child.h"
#include "spot.h"

#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ANSWER_MAX (64u << 20)
#define PATIENCE_MS 10000
#define TRIES 5 /* an answer that changes between two pieces is asked for again */

/* --- in the process that asks --- */

static int read_pieces(int fd, struct control *c, struct buf *out)
{
	uint32_t total = 0;

	buf_clear(out);
	do {
		c->version = CONTROL_VERSION;
		c->offset = (uint32_t)out->len;
		if (ioctl(fd, CONTROL_IOCTL, c) < 0)
			return -errno;
		if (c->len > sizeof(c->piece) || c->total > ANSWER_MAX)
			return -EBADMSG;
		if (out->len > 0 && c->total != total)
			return -EAGAIN;
		total = c->total;
		buf_add(out, c->piece, c->len);
	} while (c->len > 0 && out->len < total);
	return buf_failed(out) ? -ENOMEM : out->len == total ? 0 : -EAGAIN;
}

static int read_answer(const char *mountpoint, enum control_verb verb, const char *path,
                       struct buf *out)
{
	struct control *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	qx_auto_fd fd = open(mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	c->verb = verb;
	if (r == 0 && strlen(path) >= sizeof(c->path))
		r = -ENAMETOOLONG;
	if (r == 0)
		memcpy(c->path, path, strlen(path));
	for (int i = 0; r == 0 && i < TRIES; i++) {
		struct json *whole = NULL;
		r = read_pieces(fd, c, out);
		if (r == 0 && json_parse(buf_text(out), out->len, &whole) < 0)
			r = -EAGAIN;
		json_free(whole);
		if (r != -EAGAIN)
			break;
		r = i + 1 < TRIES ? 0 : -EBADMSG;
	}
	free(c);
	return r;
}

struct question {
	const char *mountpoint, *path;
	enum control_verb verb;
};

/* Sends an error number, then the answer. */
static void asking(int out_fd, const void *arg)
{
	const struct question *q = arg;
	struct buf answer = { 0 };

	int r = read_answer(q->mountpoint, q->verb, q->path, &answer);
	if (sys_write_all(out_fd, &r, sizeof(r)) == 0 && r == 0)
		(void)sys_write_all(out_fd, buf_text(&answer), answer.len); /* cut: seen there */
	buf_done(&answer);
}

/* --- in the process that waits --- */

/* Everything until the other end closes. */
static int read_all(int fd, struct buf *out)
{
	int64_t until_ms = sys_now_ms() + PATIENCE_MS;
	char piece[16384];

	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		int64_t left_ms = until_ms - sys_now_ms();
		int n = left_ms > 0 ? poll(&pfd, 1, (int)left_ms) : 0;
		if (n == 0)
			return -ETIMEDOUT;
		ssize_t got = n < 0 ? -1 : read(fd, piece, sizeof(piece));
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return 0;
		if (got > 0)
			buf_add(out, piece, (size_t)got);
	}
}

static int ask_in_child(const char *mountpoint, enum control_verb verb, const char *path,
                        struct buf *out)
{
	const struct question q = { mountpoint, path, verb };
	struct buf bytes = { 0 };
	struct child child;
	int r = child_begin(&child, asking, &q);

	if (r < 0)
		return r;
	int told = read_all(child.fd, &bytes);
	child_end(&child);
	if (told < 0 || buf_failed(&bytes) || bytes.len < sizeof(r)) {
		buf_done(&bytes);
		return told < 0 ? told : -EIO;
	}
	memcpy(&r, bytes.data, sizeof(r));
	if (r == 0)
		buf_add(out, bytes.data + sizeof(r), bytes.len - sizeof(r));
	buf_done(&bytes);
	return r;
}

/* Who hangs takes everybody along who looks into the mount; this frees them, whatever hangs. */
static void tell_abort(const char *mountpoint, struct qx_fail *fail)
{
	struct mounts mounts = { 0 };
	const struct mount *mount =
		mounts_read(&mounts) < 0 ? NULL : mounts_holding(&mounts, mountpoint);

	if (mount_is_qxfs(mount))
		fail_remedy(
			fail,
			"its log tells more: journalctl -t qxfs; this ends it, also when nothing "
			"else does: echo 1 | sudo tee /sys/fs/fuse/connections/%d/abort",
			mount->connection);
	mounts_done(&mounts);
}

static int explain(const char *mountpoint, int r, struct qx_fail *fail)
{
	qx_auto_free char *word = sys_shell_word(mountpoint);

	switch (r) {
	case -ENOTCONN:
	case -ECONNABORTED:
		fail_set(fail, ENOTCONN, "the qxfs that served %s is gone", mountpoint);
		fail_remedy(fail, "mount there again, or clear it: qxfs umount %s", word);
		return -ENOTCONN;
	case -EACCES:
	case -EPERM:
		fail_set(fail, EACCES, "%s was mounted by another user", mountpoint);
		fail_remedy(fail, "only that user may ask (and root, under allow_other)");
		return -EACCES;
	case -ETIMEDOUT:
		fail_set(fail, ETIMEDOUT, "the qxfs that serves %s does not answer", mountpoint);
		tell_abort(mountpoint, fail);
		return r;
	case -EPROTONOSUPPORT:
		fail_set(fail, -r, "%s is served by another version of qxfs", mountpoint);
		fail_remedy(fail, "mount it again with this one");
		return r;
	default:
		fail_set(fail, -r, "%s cannot be asked: %s", mountpoint, strerror(-r));
		fail_remedy(fail, "its log tells more: journalctl -t qxfs");
		return r;
	}
}

int ask(const char *mountpoint, enum control_verb verb, const char *path, struct buf *answer,
        struct json **ret_parsed, struct qx_fail *fail)
{
	struct buf text = { 0 };
	struct json *parsed = NULL;

	int r = ask_in_child(mountpoint, verb, path, &text);
	if (r == 0)
		r = json_parse(buf_text(&text), text.len, &parsed);
	if (r < 0) {
		buf_done(&text);
		return explain(mountpoint, r, fail);
	}
	buf_add(answer, buf_text(&text), text.len);
	buf_done(&text);
	*ret_parsed = parsed;
	return 0;
}

int ask_about(const char *given, enum control_verb verb, struct json **ret_parsed, char **ret_point,
              struct qx_fail *fail)
{
	struct buf answer = { 0 };
	struct spot spot;

	int r = find_spot(given, &spot, fail);
	if (r == 0)
		r = ask(spot.mount->point, verb, spot.below, &answer, ret_parsed, fail);
	if (r == 0 && ret_point)
		*ret_point = strdup(spot.mount->point);
	buf_done(&answer);
	spot_done(&spot);
	return r;
}
