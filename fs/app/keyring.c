/* keyring.c: questions to the keyring, each asked by a child process that answers with a line: a
 * letter, then what was found. */
#include "keyring.h"

#include "child.h"
#include "keyring_service.h"
#include "line.h"

#include <qxfs/base/secret.h>
#include <qxfs/base/sys.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 30000

static void answer(int fd, const void *arg)
{
	const struct keyring_question *q = arg;
	char *found = NULL;
	char letter = (char)keyring_ask(q, &found);
	(void)sys_write_all(fd, &letter, 1); /* a parent that is gone needs nothing */
	if (found)
		(void)sys_write_all(fd, found, strlen(found));
	secret_free_text(found);
}

/* The letter and what was found, "" if nothing; line is to be wiped. -errno. */
static int ask(const struct keyring_question *q, char line[LINE_SIZE])
{
	struct child child;

	line[0] = '\0';
	int r = child_begin(&child, answer, q);
	if (r < 0)
		return r;
	r = line_read(child.fd, line, sys_now_ms() + PATIENCE_MS);
	child_end(&child);
	return r;
}

static int tell(const struct keyring_question *q, int letter, struct qx_fail *fail)
{
	const struct keyring_item *i = &q->item;
	bool finds = q->verb == KEYRING_FIND;
	const char *kind = i->client ? "OAuth client secret" : "API token";
	char before[160] = "";

	if (finds)
		(void)snprintf(before, sizeof(before),
		               "there is no %s: profile '%s' has none, and ", kind, i->profile);
	switch (letter) {
	case KEYRING_MISSING:
		fail_set(fail, ENOENT, "%sthe keyring has none for it at %s", before, i->host);
		fail_remedy(fail, "'qxfs login%s %s' asks for it", i->client ? " --oauth" : "",
		            i->profile);
		break;
	case KEYRING_LOCKED:
		fail_set(fail, EACCES, "%sthe keyring is locked", before);
		fail_remedy(fail, finds ? "Unlock it (log in to the desktop, or open Passwords and "
		                          "Keys), then mount again"
		                        : "Unlock it, or keep the secret in a file: qxfs login "
		                          "--file");
		break;
	case KEYRING_WITHOUT:
		fail_set(fail, ENOSYS, "%sthis qxfs was built without keyrings", before);
		fail_remedy(fail, "Keep it in a file: qxfs login --file%s%s", finds ? " " : "",
		            finds ? i->profile : "");
		break;
	default:
		fail_set(fail, ENOTCONN, "%sno keyring answers here", before);
		fail_remedy(fail,
		            "Start qxfs in the desktop session that has it, or keep the secret in "
		            "a file: qxfs login --file%s%s",
		            finds ? " " : "", finds ? i->profile : "");
	}
	return -fail->err;
}

/* *ret: what was found, if it is wanted. */
static int ask_and_tell(const struct keyring_question *q, char **ret, struct qx_fail *fail)
{
	char line[LINE_SIZE];

	int r = ask(q, line);
	int letter = r < 0 ? KEYRING_AWAY : line[0];
	r = letter == KEYRING_DONE ? 0 : tell(q, letter, fail);
	if (r == 0 && ret) {
		*ret = strdup(line + 1);
		r = *ret ? 0 : fail_set(fail, ENOMEM, "there is no memory left");
	}
	explicit_bzero(line, sizeof(line));
	return r;
}

int keyring_probe(struct qx_fail *fail)
{
	const struct keyring_question q = { .verb = KEYRING_PROBE };
	return ask_and_tell(&q, NULL, fail);
}

int keyring_find(const struct keyring_item *item, char **ret, struct qx_fail *fail)
{
	const struct keyring_question q = { .verb = KEYRING_FIND, .item = *item };
	return ask_and_tell(&q, ret, fail);
}

int keyring_keep(const struct keyring_item *item, const char *secret, struct qx_fail *fail)
{
	const struct keyring_question q = { KEYRING_KEEP, *item, secret };
	return ask_and_tell(&q, NULL, fail);
}

void keyring_forget(const char *profile, const struct keyring_item *but)
{
	struct keyring_question q = { .verb = KEYRING_FORGET };
	if (but)
		q.item = *but;
	q.item.profile = profile;
	struct qx_fail ignored; /* it is cleared away, where that can be */
	(void)ask_and_tell(&q, NULL, &ignored);
}
