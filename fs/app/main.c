/* qxfs: a Qualtrics account as a folder tree.
 *
 * The map of the source. A request goes from top to bottom; each room includes only the doors
 * (include/qxfs/ROOM/) of those below it, and tests/lint/layers.py sees to that.
 *
 *   fs/app/     the program: this file
 *     options, values            the command line as tables
 *     credentials, places        token and host; where cache and state live
 *     keyring                    the desktop's keyring, asked by a child process
 *     desktop                    long waits told on the desktop, by a child process
 *     mounts, mountpoint         what is mounted where; the folder that is mounted on
 *     daemon, manager            the fork, the wait until the mount answers, signals; systemd
 *     account, wiring            whose token it is; one mount from its parts, up and down
 *     commands, ask, report      status, why, umount: questions to a running mount
 *     paint                      colours on a terminal
 *     import_commands            wait, send, discard
 *     doctor, doctor_account     what may be wrong here, as a table of checks
 *     login                      asks for a token, checks it, writes it into a profile
 *     demo, sandbox              a made-up account to try it with
 *     say                        sentences for the person who started it
 *   fs/front/   the kernel's protocol: operations, parked requests, notifications, control
 *   fs/tree/    what exists: the table of nodes, names, attributes, listings, texts made here
 *   fs/jobs/    what takes time: exports, documents, lists, as state machines
 *   fs/api/     the Qualtrics service: the table of endpoints, limits, retries, the network thread
 *   fs/store/   what lasts: generations in the cache, unpacking, the account's folders
 *   fs/base/    buffers, JSON, clocks, threads, the log
 *
 * A reader's OPEN of a cold file: front/ops_files.c -> front/park.c and tree/opens.c ->
 * jobs/exports.c -> api/client.c -> api/http.c, the download followed by store/unpack.c and
 * published by store/draft.c; back by callbacks to the parked request, which is answered with the
 * file.
 */
#include "commands.h"
#include "credentials.h"
#include "daemon.h"
#include "demo.h"
#include "desktop_service.h"
#include "login.h"
#include "mountpoint.h"
#include "options.h"
#include "places.h"
#include "say.h"
#include "wiring.h"

#include <qxfs/base/nearest.h>
#include <qxfs/base/sys.h>
#include <qxfs/tree/setup.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *name;
	const char *arguments;
	const char *help;
	int (*run)(int argc, char *const argv[]);
} commands[] = {
	{ "demo", "[DIR]", "mount a made-up account (default ~/qualtrics-demo)", command_demo },
	{ "login", "[--oauth] [--keyring] [--file] [PROFILE]",
	  "ask for host and token, check them and keep them as a profile", command_login },
	{ "status", "[-w] [--json] [--check] [DIR]",
	  "what runs, waits and failed; of one mount or of all", command_status },
	{ "why", "PATH", "what happened to this file, and what to do", command_why },
	{ "doctor", "[--json] [DIR|PROFILE]",
	  "is all well here? fuse, folders, token, network, clock, a read", command_doctor },
	{ "fetch", "PATH...", "have these files on this disk; waits, and shows how far it is",
	  command_fetch },
	{ "refresh", "PATH...", "the next open of these files asks for all of them anew",
	  command_refresh },
	{ "forget", "PATH...", "remove from this disk what is cached of these", command_forget },
	{ "wait", "PATH...", "until these imports are over; the status says how", command_wait },
	{ "send", "PATH...", "send what is held, has failed or is uncertain", command_send },
	{ "discard", "PATH...", "drop what was to be imported", command_discard },
	{ "umount", "DIR", "end a mount", command_umount },
};

static const char *command_at(size_t i)
{
	return i < countof(commands) ? commands[i].name : NULL;
}

static int print_help(void)
{
	printf("Usage: qxfs [-f] [-d] [-o OPTIONS] [PROFILE] MOUNTPOINT\n"
	       "\n"
	       "Mounts a Qualtrics account as a folder tree. A mount point has a slash or is a "
	       "folder\n"
	       "that exists. The account is named by the environment, or by a profile, a section "
	       "of\n"
	       "~/.config/qxfs/config (host; token, token_file, token_command, or client_id and\n"
	       "client_secret; on_event; options):\n"
	       "\n"
	       "Environment:\n"
	       "  QUALTRICS_BASE_URL      your data centre, as fra1.qualtrics.com\n"
	       "  QUALTRICS_API_TOKEN     the API token; also QUALTRICS_API_KEY, and token_file=\n"
	       "\n"
	       "Commands:\n");
	for (size_t i = 0; i < countof(commands); i++)
		printf("  %s %-*s  %s\n", commands[i].name, 21 - (int)strlen(commands[i].name),
		       commands[i].arguments, commands[i].help);
	printf("\nFlags:\n");
	options_print_flags(stdout);
	printf("\nMount options (-o NAME=VALUE):\n");
	options_print_mount(stdout);
	printf("\nThe manual: man qxfs\n");
	return fflush(stdout) == 0 ? STATUS_OK : STATUS_REFUSED;
}

/* --- mounting --- */

struct mounting {
	struct options options;
	struct profile profile;
	struct credentials credentials;
	struct places places;
	char *mountpoint;
};

static int run(struct daemon *d, void *arg)
{
	struct mounting *m = arg;
	const struct wiring wiring = {
		.options = &m->options,
		.credentials = &m->credentials,
		.places = &m->places,
		.mountpoint = m->mountpoint,
		.on_event = m->profile.on_event,
	};

	return wiring_run(d, &wiring);
}

static void greet(void *arg)
{
	const struct mounting *m = arg;

	/* A script knows it from the status. */
	if (m->options.foreground || isatty(STDERR_FILENO))
		say("%s is mounted at %s", m->credentials.base.host, m->mountpoint);
}

static void drop(void *arg)
{
	struct mounting *m = arg;
	const struct base_url base = m->credentials.base;

	credentials_done(&m->credentials);
	profile_done(&m->profile);
	m->credentials.base = base; /* for the greeting */
}

/* What people try first, and no command is near. */
static const struct {
	const char *word;
	const char *instead;
} meant[] = {
	{ "help", "qxfs --help" },
	{ "version", "qxfs --version" },
	{ "mount", "qxfs [-o OPTIONS] MOUNTPOINT" },
	{ "unmount", "qxfs umount DIR" },
};

/* "A mount point has a slash or is a folder that exists": all else was meant otherwise. */
static int check_word(const char *word, struct qx_fail *fail)
{
	struct stat st;
	const char *near = nearest(word, command_at);

	if (!*word || *word == '-' || strchr(word, '/') || strcmp(word, ".") == 0 ||
	    strcmp(word, "..") == 0)
		return 0;
	if (stat(word, &st) == 0 || errno != ENOENT) /* dead, or another user's: it exists */
		return 0;
	for (size_t i = 0; i < countof(meant); i++) {
		if (strcmp(word, meant[i].word) == 0)
			return fail_set(fail, EINVAL, "there is no command '%s'; this does it: %s",
			                word, meant[i].instead);
	}
	int r = fail_set(fail, EINVAL, "'%s' is neither a command nor a folder%s%s%s", word,
	                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	if (!near)
		fail_remedy(fail, "a mount point has a slash, as ./%s", word);
	return r;
}

static int prepare(struct mounting *m, struct qx_fail *fail)
{
	const struct options *o = &m->options;

	int r = check_word(o->mountpoint, fail);
	if (r == 0)
		r = credentials_read(&m->profile, o->token_file, &m->credentials, fail);
	if (r == 0)
		r = places_find(o->cache_dir, o->state_dir, &m->places, fail);
	if (r == 0)
		r = mountpoint_can_mount(o->allow_other, fail);
	if (r == 0)
		r = mountpoint_prepare(o->mountpoint, &m->mountpoint, fail);
	if (r == 0)
		r = mountpoint_apart(m->mountpoint, "the cache", m->places.cache, fail);
	if (r == 0)
		r = mountpoint_apart(m->mountpoint, "the state folder", m->places.state, fail);
	return r;
}

static int mount_account(struct mounting *m)
{
	struct qx_fail fail = { 0 };

	if (prepare(m, &fail) < 0)
		return (int)say_fail(&fail);
	const struct daemon_plan plan = {
		.foreground = m->options.foreground,
		.mountpoint = m->mountpoint,
		.run = run,
		.greet = greet,
		.drop = drop,
		.arg = m,
	};
	return daemon_run(&plan);
}

static bool resembles_command(const char *word)
{
	bool is_meant = nearest(word, command_at) != NULL;

	for (size_t i = 0; i < countof(meant); i++)
		is_meant = is_meant || strcmp(word, meant[i].word) == 0;
	return is_meant;
}

/* Its options come first: what the command line says counts more. */
static int read_profile(int argc, char *const argv[], struct mounting *m, struct qx_fail *fail)
{
	const char *name = m->options.profile;

	if (!m->options.mountpoint) /* somebody asks for help */
		return 0;
	int r = profile_read(name, &m->profile, fail);
	if (r == -ENOENT && name && resembles_command(name))
		(void)check_word(name, fail);
	if (r < 0 || !m->profile.options)
		return r;
	options_done(&m->options);
	return options_parse(argc, argv, false, m->profile.options, &m->options, fail);
}

static int mount_or_tell(int argc, char *const argv[])
{
	struct mounting m = { 0 };
	struct qx_fail fail = { 0 };
	int status = STATUS_OK;

	/* First: a command that is not one has arguments that are none either. */
	bool may_be_profile = argc > 1 && strchr(argv[1], '/');
	if ((!may_be_profile && check_word(argv[0], &fail) < 0) ||
	    options_parse(argc, argv, false, NULL, &m.options, &fail) < 0 ||
	    read_profile(argc, argv, &m, &fail) < 0) {
		status = (int)say_fail(&fail);
	} else if (m.options.help) {
		status = print_help();
	} else if (m.options.version) {
		printf("qxfs %s\n", QXFS_VERSION);
	} else if (m.options.print_tree) {
		tree_print_rows(stdout);
	} else if (m.options.print_parameters) {
		tree_print_parameters(stdout);
	} else {
		status = mount_account(&m);
	}
	options_done(&m.options);
	profile_done(&m.profile);
	credentials_done(&m.credentials);
	places_done(&m.places);
	free(m.mountpoint);
	return status;
}

/* --- main --- */

/* A descriptor of ours must never take the place of a standard stream that was closed. */
static void fill_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

int main(int argc, char *argv[])
{
	fill_standard_streams();
	if (argc < 2) {
		say("a mount point is wanted: qxfs [-o OPTIONS] [PROFILE] MOUNTPOINT; 'qxfs demo' "
		    "needs no "
		    "account, 'qxfs --help' tells more");
		return STATUS_REFUSED;
	}
	if (strcmp(argv[1], DESKTOP_WORD) == 0)
		return desktop_serve();
	for (size_t i = 0; i < countof(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0))
			return print_help();
		if (commands[i].run != command_demo && commands[i].run != command_login &&
		    commands[i].run != command_doctor)
			credentials_wipe_environment();
		return commands[i].run(argc - 2, argv + 2);
	}
	/* The token is in our memory from the first moment: no core dump, no look from outside. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	int status = mount_or_tell(argc - 1, argv + 1);
	(void)prctl(PR_SET_DUMPABLE, 1); /* for leak checkers: it is wiped */
	return status;
}
