/* demo.c: a sandbox account, mounted.
 *
 * Cache and state lie in a folder of their own below TMPDIR, which goes when the mount ends. Its
 * "lock" is held while the daemon lives, so that the next demo can tell what a killed one left
 * behind. The process that was called makes the folder, and takes it away if the start fails: a
 * daemon that Ctrl-C ends before it mounted cannot.
 */
#include "demo.h"

#include "mountpoint.h"
#include "sandbox.h"
#include "say.h"
#include "wiring.h"

#include <qxfs/base/buf.h>
#include <qxfs/base/sys.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP_PREFIX "qxfs-demo-"
#define NFTW_FDS 16

struct demo {
	struct options options;
	char *mountpoint;
	char *sandbox; /* the program */
	const char *tmpdir;
	char temp[PATH_MAX];
	int lock_fd;
};

/* --- the folder for cache and state --- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	(void)remove(path); /* what stays, the next demo tries again */
	return 0;
}

static void remove_tree(const char *path)
{
	(void)nftw(path, remove_one, NFTW_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* A folder of ours whose lock nobody holds was left by a demo that was killed. */
static void sweep_one(const char *path)
{
	struct stat st;

	qx_auto_fd dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != geteuid())
		return;
	qx_auto_fd lock = openat(dir, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (lock >= 0 && sys_lock_fd(lock, true) == 0)
		remove_tree(path);
}

static void sweep(const char *tmpdir)
{
	char path[PATH_MAX];
	const struct dirent *entry;

	DIR *dir = opendir(tmpdir);
	while (dir && (entry = readdir(dir)) != NULL) {
		int len = snprintf(path, sizeof(path), "%s/%s", tmpdir, entry->d_name);
		if (strncmp(entry->d_name, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0 && len > 0 &&
		    (size_t)len < sizeof(path))
			sweep_one(path);
	}
	if (dir)
		closedir(dir);
}

/* The lock gets its name when it is held: no sweep sees it free. */
static int take_lock(const char *temp, int *ret)
{
	qx_auto_fd dir = open(temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	qx_auto_fd lock = openat(dir, "lock.new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (lock < 0)
		return -errno;
	int r = sys_lock_fd(lock, true);
	if (r < 0)
		return r;
	if (renameat(dir, "lock.new", dir, "lock") < 0)
		return -errno;
	*ret = sys_steal_fd(&lock);
	return 0;
}

static int make_temp(struct demo *d, struct qx_fail *fail)
{
	int len = snprintf(d->temp, sizeof(d->temp), "%s/" TEMP_PREFIX "XXXXXX", d->tmpdir);
	if (len < 0 || (size_t)len >= sizeof(d->temp) || !mkdtemp(d->temp)) {
		int err = errno;
		d->temp[0] = '\0';
		fail_set(fail, err, "no folder can be made in %s: %s", d->tmpdir, strerror(err));
		fail_remedy(fail, "set TMPDIR to a folder that you can write to");
		return -err;
	}
	return mountpoint_apart(d->mountpoint, "the demo's cache", d->temp, fail);
}

static char *below_temp(const struct demo *d, const char *name)
{
	char *path;
	return asprintf(&path, "%s/%s", d->temp, name) < 0 ? NULL : path;
}

/* --- in the process that keeps the mount --- */

static int serve(struct daemon *daemon, struct demo *d, struct credentials *credentials)
{
	struct qx_fail fail = { 0 };
	struct places places = { 0 };
	qx_auto_free char *cache = below_temp(d, "cache");
	qx_auto_free char *state = below_temp(d, "state");
	const struct wiring wiring = {
		.options = &d->options,
		.credentials = credentials,
		.places = &places,
		.mountpoint = d->mountpoint,
	};

	if (!cache || !state) {
		say("there is no memory left");
		return STATUS_REFUSED;
	}
	int r = places_find(d->options.cache_dir ? d->options.cache_dir : cache,
	                    d->options.state_dir ? d->options.state_dir : state, &places, &fail);
	free(places.usual); /* it is nobody's but this demo's */
	places.usual = NULL;
	int status = r < 0 ? (int)say_fail(&fail) : wiring_run(daemon, &wiring);
	places_done(&places);
	return status;
}

static int run(struct daemon *daemon, void *arg)
{
	struct demo *d = arg;
	struct qx_fail fail = { 0 };
	struct sandbox sandbox = { 0 };
	struct credentials credentials = { 0 };
	int status;

	int r = take_lock(d->temp, &d->lock_fd);
	if (r < 0) {
		fail_set(&fail, -r, "%s cannot be used: %s", d->temp, strerror(-r));
	} else {
		qx_auto_free char *log = below_temp(d, "sandbox.log");
		r = log ? sandbox_start(d->sandbox, log, &sandbox, &credentials, &fail)
		        : fail_set(&fail, ENOMEM, "there is no memory left");
	}
	status = r < 0 ? (int)say_fail(&fail) : serve(daemon, d, &credentials);

	credentials_done(&credentials);
	sandbox_stop(&sandbox);
	remove_tree(d->temp);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	return status;
}

/* --- in the process that was called --- */

/* The folder of some survey, for an example that can be copied; -ENOENT. */
static int find_survey(const char *mountpoint, char name[NAME_MAX + 1])
{
	char path[PATH_MAX];
	const struct dirent *entry;

	(void)snprintf(path, sizeof(path), "%s/surveys", mountpoint); /* cut: not found */
	DIR *dir = opendir(path);
	name[0] = '\0';
	while (dir && !name[0] && (entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, "SV_", 3) == 0)
			(void)snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return name[0] ? 0 : -ENOENT;
}

static void greet(void *arg)
{
	const struct demo *d = arg;
	const char *at = d->mountpoint;
	char survey[NAME_MAX + 1] = "by-name/*";

	/* In the foreground this process serves the mount, and must not wait for itself. */
	if (!d->options.foreground && find_survey(at, survey) < 0)
		(void)snprintf(survey, sizeof(survey), "by-name/*");
	printf("A sandbox account is mounted at %s: made-up surveys, no network.\n\n"
	       "Try:\n"
	       "  ls -l %s/surveys/by-name\n"
	       "  head -n 5 %s/surveys/%s/responses.csv\n"
	       "  cat %s/STATUS.txt\n\n"
	       "To end it:\n"
	       "  %s umount %s\n",
	       at, at, at, survey, at, program_invocation_name, at);
	(void)fflush(stdout); /* nobody listens: the mount is there nevertheless */
}

static void drop(void *arg)
{
	(void)arg; /* the token is the child's own */
}

/* ~/qualtrics-demo */
static char *default_dir(void)
{
	const char *home = getenv("HOME");
	char *path;

	if (!home || home[0] != '/') {
		const struct passwd *user = getpwuid(geteuid());
		home = user ? user->pw_dir : NULL;
	}
	return !home || asprintf(&path, "%s/qualtrics-demo", home) < 0 ? NULL : path;
}

static int prepare(struct demo *d, struct qx_fail *fail)
{
	const char *tmpdir = getenv("TMPDIR");

	d->tmpdir = tmpdir && tmpdir[0] == '/' ? tmpdir : "/tmp";
	if (!d->options.mountpoint)
		d->options.mountpoint = default_dir();
	if (!d->options.mountpoint)
		return fail_set(fail, ENOENT, "no home folder is known: qxfs demo DIR");
	if (mkdir(d->options.mountpoint, 0755) < 0 && errno != EEXIST) {
		fail_set(fail, errno, "the folder %s cannot be made: %s", d->options.mountpoint,
		         strerror(errno));
		fail_remedy(fail, "name another one: qxfs demo DIR");
		return -fail->err;
	}

	int r = mountpoint_can_mount(d->options.allow_other, fail);
	if (r == 0)
		r = sandbox_find(&d->sandbox, fail);
	if (r == 0)
		r = mountpoint_prepare(d->options.mountpoint, &d->mountpoint, fail);
	if (r == 0) {
		sweep(d->tmpdir);
		r = make_temp(d, fail);
	}
	return r;
}

int command_demo(int argc, char *const argv[])
{
	struct demo demo = { .lock_fd = -1 };
	struct qx_fail fail = { 0 };

	credentials_wipe_environment(); /* a real token has nothing to do with this */
	int r = options_parse(argc, argv, true, NULL, &demo.options, &fail);
	if (r == 0 && (demo.options.help || demo.options.version || demo.options.print_tree ||
	               demo.options.print_parameters))
		r = fail_set(&fail, EINVAL,
		             "qxfs demo [-f] [-d] [-o OPTIONS] [DIR]; 'qxfs --help' "
		             "tells more");
	if (r == 0)
		r = prepare(&demo, &fail);

	const struct daemon_plan plan = {
		.foreground = demo.options.foreground,
		.mountpoint = demo.mountpoint,
		.run = run,
		.greet = greet,
		.drop = drop,
		.arg = &demo,
	};
	int status = r < 0 ? (int)say_fail(&fail) : daemon_run(&plan);
	if (status != STATUS_OK && demo.temp[0]) {
		sweep_one(demo.temp);
		(void)rmdir(demo.temp); /* nothing is in it if the daemon never came to lock it */
	}
	options_done(&demo.options);
	free(demo.mountpoint);
	free(demo.sandbox);
	return status;
}
