/* desktop_service.c: libnotify. Runs in a process of its own, which ends with the mount: what GLib
 * allocates is not freed, and a service that does not answer holds up nobody else. */
#include "desktop_service.h"

#include <errno.h>
#include <libnotify/notify.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

bool desktop_is_built(void)
{
	return true;
}

/* What servers without markup show as it stands. Asked anew while nobody has answered. */
static bool reads_markup(void)
{
	static int known = -1;

	if (known < 0) {
		GList *caps = notify_get_server_caps();
		if (!caps)
			return true;
		known = 0;
		for (GList *at = caps; at; at = at->next)
			known = known || g_strcmp0(at->data, "body-markup") == 0;
	}
	return known;
}

static void show(NotifyNotification **at, const struct desktop_note *note)
{
	g_autofree char *body =
		reads_markup() ? g_markup_escape_text(note->body, -1) : g_strdup(note->body);
	const char *icon = note->failed ? "dialog-warning" : "dialog-information";

	if (*at) /* keeps its number: the server puts it in the former one's place */
		notify_notification_update(*at, note->title, body, icon);
	else
		*at = notify_notification_new(note->title, body, icon);
	notify_notification_set_timeout(*at, NOTIFY_EXPIRES_DEFAULT);
	/* nobody is there to be told of a failure */
	(void)notify_notification_show(*at, NULL);
}

static void take(NotifyNotification **at, const struct desktop_note *note)
{
	if (note->verb != DESKTOP_CLOSE)
		show(at, note);
	else if (*at)
		(void)notify_notification_close(*at, NULL); /* likewise */
	if (note->verb != DESKTOP_SHOW)
		g_clear_object(at);
}

int desktop_serve(void)
{
	static NotifyNotification *shown[DESKTOP_SLOTS];
	struct desktop_note note;
	pid_t mount = getppid();

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a mount that crashes closes nothing that hangs */
	if (mount == 1 || getppid() != mount || !notify_init("qxfs"))
		_exit(1);
	for (;;) {
		ssize_t got = recv(STDIN_FILENO, &note, sizeof(note), 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got != (ssize_t)sizeof(note) || note.slot >= DESKTOP_SLOTS)
			_exit(got != 0);
		take(&shown[note.slot], &note);
	}
}
