/* doctor.c: qxfs doctor: the table of checks, what it prints, and what it looks at on this machine.
 */
#include "doctor.h"

#include "ask.h"
#include "commands.h"
#include "mountpoint.h"
#include "paint.h"
#include "say.h"

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TIMEOUT_FILE "/proc/sys/fs/fuse/max_request_timeout"
#define FULL_BYTES (64 << 20)   /* less: next to no export fits */
#define NARROW_BYTES (1L << 30) /* less, or 5 % of the disk: soon */

/* --- what is printed --- */

static const char *const levels[] = {
	[LEVEL_OK] = "ok",
	[LEVEL_UNKNOWN] = "-",
	[LEVEL_WARNING] = "warning",
	[LEVEL_FAULT] = "fault",
};

void doctor_tell_fail(struct doctor *d, enum level level, const struct qx_fail *fail)
{
	d->any_fault = d->any_fault || level == LEVEL_FAULT;
	if (d->json) {
		buf_addf(&d->out, "%s{\"check\":\"%s\",\"level\":\"%s\",\"found\":",
		         d->out.len ? ",\n " : "[", d->row, levels[level]);
		buf_add_json(&d->out, fail->why);
		buf_add_str(&d->out, ",\"remedy\":");
		buf_add_json(&d->out, fail->remedy);
		buf_add_str(&d->out, "}");
		return;
	}
	buf_addf(&d->out, "%-8s %-9s ", levels[level], d->row);
	say_clean(&d->out, fail->why);
	if (fail->remedy[0]) {
		buf_addf(&d->out, "\n%*swhat to do: ", 19, "");
		say_clean(&d->out, fail->remedy);
	}
	buf_add_str(&d->out, "\n");
}

void doctor_tell(struct doctor *d, enum level level, const char *format, ...)
{
	struct qx_fail fail;
	char words[sizeof(fail.why)];

	va_list args;
	va_start(args, format);
	(void)vsnprintf(words, sizeof(words), format, args); /* cut is fine */
	va_end(args);
	fail_set(&fail, 0, "%s", words);
	doctor_tell_fail(d, level, &fail);
}

/* --- the machine --- */

static void look_at_fuse(struct doctor *d)
{
	struct qx_fail fail = { 0 };

	if (mountpoint_can_mount(false, &fail) < 0)
		doctor_tell_fail(d, LEVEL_FAULT, &fail);
	else
		doctor_tell(d, LEVEL_OK, "/dev/fuse can be opened%s",
		            geteuid() == 0 ? "" : ", and fusermount3 is there");
}

static void look_at_sharing(struct doctor *d)
{
	struct qx_fail fail = { 0 };

	if (geteuid() == 0)
		doctor_tell(d, LEVEL_OK, "root may use allow_other");
	else if (mountpoint_can_mount(true, &fail) == 0)
		doctor_tell(d, LEVEL_OK, "/etc/fuse.conf permits allow_other");
	else if (fail.err != EPERM)
		doctor_tell(d, LEVEL_UNKNOWN, "not looked at: nothing can be mounted");
	else if (d->options.allow_other)
		doctor_tell_fail(d, LEVEL_FAULT, &fail);
	else
		doctor_tell(d, LEVEL_OK,
		            "only you see your mounts; allow_other would want the line "
		            "'user_allow_other' in /etc/fuse.conf");
}

static void look_at_timeout(struct doctor *d)
{
	struct buf text = { 0 };
	struct qx_fail fail;
	int64_t s = 0;

	if (sys_read_file_at(AT_FDCWD, TIMEOUT_FILE, 64, &text) == 0 && text.len > 0) {
		text.data[strcspn(text.data, "\n")] = '\0';
		(void)sys_parse_int(text.data, 0, INT32_MAX, &s);
	}
	buf_done(&text);
	if (s == 0) {
		doctor_tell(d, LEVEL_OK, "the kernel lets an open wait as long as it takes");
		return;
	}
	fail_set(&fail, ETIMEDOUT,
	         "the kernel lets no open wait longer than %lld s (fs.fuse.max_request_timeout): a "
	         "longer one fails with ETIMEDOUT, and its export goes on",
	         (long long)s);
	fail_remedy(&fail, "sudo sysctl fs.fuse.max_request_timeout=0, then mount again");
	doctor_tell_fail(d, LEVEL_WARNING, &fail);
}

/* --- folders --- */

static void look_at_folder(struct doctor *d, const char *path, const char *option)
{
	qx_auto_free char *word = sys_shell_word(path);
	struct qx_fail fail = { 0 };
	struct stat st;

	int err = stat(path, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
	if (err == ENOENT) {
		doctor_tell(d, LEVEL_OK, "%s is made by the first mount", path);
		return;
	}
	if (err) {
		fail_set(&fail, err, "%s is no folder that can be used: %s", path,
		         err == ENOTDIR ? "it is something else" : strerror(err));
		fail_remedy(&fail, "remove it, or choose another place with -o %s=DIR", option);
	} else if (st.st_uid != geteuid()) {
		fail_set(&fail, EPERM, "%s belongs to another user", path);
		fail_remedy(&fail, "sudo chown -R %u %s", geteuid(), word);
	} else if (st.st_mode & 077) {
		fail_set(&fail, EPERM, "other users may look into %s (mode %04o)", path,
		         st.st_mode & 07777);
		fail_remedy(&fail, "chmod 700 %s", word);
	} else if (access(path, R_OK | W_OK | X_OK) < 0) {
		fail_set(&fail, errno, "%s cannot be written: %s", path, strerror(errno));
		fail_remedy(&fail, "chmod 700 %s, or -o %s=DIR on a disk that can be written", word,
		            option);
	}
	if (fail.err)
		doctor_tell_fail(d, LEVEL_FAULT, &fail);
	else
		doctor_tell(d, LEVEL_OK, "%s is yours alone", path);
}

/* The mount's own, or where the next one would look; NULL after a line that says why not. */
static const char *folder(struct doctor *d, const char *of_mount, const char *of_next)
{
	const char *path = d->status ? json_str(d->status, of_mount) : of_next;

	if (!path || !*path) {
		doctor_tell(d, LEVEL_UNKNOWN, "not looked at: a line above says why");
		return NULL;
	}
	return path;
}

static void look_at_cache(struct doctor *d)
{
	const char *path = folder(d, "folders.cache", d->places.cache);
	if (path)
		look_at_folder(d, path, "cache_dir");
}

static void look_at_state(struct doctor *d)
{
	const char *path = folder(d, "folders.state", d->places.state);
	if (path)
		look_at_folder(d, path, "state_dir");
}

/* Of what will be made: the nearest folder above that is there. */
static int disk_of(const char *path, struct statvfs *ret)
{
	qx_auto_free char *above = strdup(path);
	char *slash;

	while (above && statvfs(above, ret) < 0) {
		if (errno != ENOENT || !(slash = strrchr(above, '/')))
			return -errno;
		slash[slash == above] = '\0';
	}
	return above ? 0 : -ENOMEM;
}

static void look_at_disk(struct doctor *d)
{
	const char *path = folder(d, "folders.cache", d->places.cache);
	struct qx_fail fail;
	struct statvfs fs;

	int r = path ? disk_of(path, &fs) : -ENOENT;
	if (!path)
		return;
	if (r < 0) {
		doctor_tell(d, LEVEL_UNKNOWN, "the disk of %s does not tell: %s", path,
		            strerror(-r));
		return;
	}
	uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;
	int percent = fs.f_blocks ? (int)(100.0 * (double)fs.f_bavail / (double)fs.f_blocks) : 0;
	enum level level = left < FULL_BYTES                    ? LEVEL_FAULT
	                   : left < NARROW_BYTES || percent < 5 ? LEVEL_WARNING
	                                                        : LEVEL_OK;
	fail_set(&fail, level == LEVEL_OK ? 0 : ENOSPC, "%s: %llu MB free, %d %% of its disk", path,
	         (unsigned long long)(left / 1000000), percent);
	if (level != LEVEL_OK)
		fail_remedy(&fail, "qxfs forget DIR removes what is cached; cache_size= bounds it, "
		                   "cache_dir= puts it on another disk");
	doctor_tell_fail(d, level, &fail);
}

/* --- mounts --- */

static void look_at_mount(struct doctor *d, const struct mount *one)
{
	struct buf answer = { 0 };
	struct json *parsed = NULL;
	struct qx_fail fail = { 0 };

	int r = ask(one->point, CONTROL_STATUS, "", &answer, &parsed, &fail);
	if (r == 0)
		doctor_tell(d, LEVEL_OK, "%s answers", one->point);
	else
		doctor_tell_fail(d, r == -EACCES && one != d->mount ? LEVEL_UNKNOWN : LEVEL_FAULT,
		                 &fail);
	if (r == 0 && one == d->mount) {
		d->status = parsed;
		parsed = NULL;
	}
	json_free(parsed);
	buf_done(&answer);
}

static void look_at_mounts(struct doctor *d)
{
	struct qx_fail fail;
	bool any = false;

	for (size_t i = 0; i < d->mounts.n; i++) {
		const struct mount *one = &d->mounts.list[i];
		if (!mounts_shows(&d->mounts, one) || (d->dir && one != d->mount))
			continue;
		any = true;
		look_at_mount(d, one);
	}
	if (!any && d->dir) {
		qx_auto_free char *word = sys_shell_word(d->dir);
		fail_set(&fail, EINVAL, "nothing of qxfs is mounted at %s", d->dir);
		fail_remedy(&fail, "qxfs %s", word);
		doctor_tell_fail(d, LEVEL_WARNING, &fail);
	} else if (!any) {
		doctor_tell(d, LEVEL_OK, "there are none on this machine");
	}
}

/* --- all of it --- */

static const struct {
	const char *name;
	void (*look)(struct doctor *d);
} checks[] = {
	{ "fuse", look_at_fuse },       { "timeout", look_at_timeout },
	{ "mounts", look_at_mounts }, /* before what a mount is asked */
	{ "config", doctor_config },  /* before what its options decide */
	{ "sharing", look_at_sharing }, { "cache", look_at_cache },
	{ "state", look_at_state },     { "disk", look_at_disk },
	{ "token", doctor_token },      { "service", doctor_service },
	{ "clock", doctor_clock },      { "limits", doctor_limits },
	{ "read", doctor_read },
};

/* A folder, or the name of a profile. */
static bool take_named(struct doctor *d, const char *given)
{
	struct stat st;
	int r = mounts_read(&d->mounts);

	if (r == 0 && given && !strchr(given, '/') && profile_is_name(given) &&
	    stat(given, &st) < 0 && errno == ENOENT) {
		d->profile_name = given;
		return true;
	}
	if (r == 0 && given)
		r = mounts_resolve(&d->mounts, given, &d->dir);
	if (r < 0) {
		say("%s cannot be found: %s", given ? given : "/proc/self/mountinfo", strerror(-r));
		return false;
	}
	d->mount = d->dir ? mounts_holding(&d->mounts, d->dir) : NULL;
	if (!mount_is_qxfs(d->mount))
		d->mount = NULL;
	return true;
}

static void doctor_done(struct doctor *d)
{
	json_free(d->status);
	mounts_done(&d->mounts);
	profile_done(&d->profile);
	options_done(&d->options);
	places_done(&d->places);
	credentials_done(&d->credentials);
	free(d->dir);
	buf_done(&d->out);
}

int command_doctor(int argc, char *const argv[])
{
	struct doctor d = { 0 };
	const struct flag flags[] = { { "--json", &d.json }, { NULL, NULL } };
	const char *given;
	int status = STATUS_REFUSED;

	(void)prctl(PR_SET_DUMPABLE, 0); /* a token is read */
	log_setup(LOG_LEVEL_ERROR, false);
	if (take_arguments(argc, argv, flags, &given) && take_named(&d, given)) {
		for (size_t i = 0; i < countof(checks); i++) {
			d.row = checks[i].name;
			checks[i].look(&d);
		}
		buf_add_str(&d.out, d.json ? "]\n" : "");
		if (!d.json && paint_wanted(STDOUT_FILENO))
			paint(&d.out);
		status = print(&d.out);
		if (status == STATUS_OK && d.any_fault)
			status = STATUS_REFUSED;
	}
	credentials_wipe_environment();
	doctor_done(&d);
	(void)prctl(PR_SET_DUMPABLE, 1); /* for leak checkers: it is wiped */
	return status;
}
