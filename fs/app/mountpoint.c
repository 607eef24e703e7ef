/* mountpoint.c: the folder that is mounted on. */
#include "mountpoint.h"

#include "child.h"
#include "mounts.h"
#include "say.h"

#include <qxfs/base/buf.h>
#include <qxfs/base/sys.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELPER "fusermount3"
#define HELPER_WORDS_MAX 200
#define PATIENCE_MS 5000
#define STACKED_MAX 16 /* dead mounts on top of each other */

/* --- the setuid helper of ordinary users --- */

static bool has_helper(void)
{
	const char *path = getenv("PATH");
	qx_auto_free char *dirs = strdup(path ? path : "/usr/bin:/bin");
	char *rest = dirs;
	char *dir;

	/* libfuse looks there first. */
	if (access("/usr/bin/" HELPER, X_OK) == 0)
		return true;
	while (dirs && (dir = strsep(&rest, ":")) != NULL) {
		struct buf name = { 0 };
		buf_addf(&name, "%s/" HELPER, dir);
		bool found = access(buf_text(&name), X_OK) == 0;
		buf_done(&name);
		if (found)
			return true;
	}
	return false;
}

/* What the helper says before it ends, on one line. */
static void read_words(int fd, char words[HELPER_WORDS_MAX])
{
	size_t len = 0;
	char byte;

	while (read(fd, &byte, 1) == 1) {
		if (len + 1 < HELPER_WORDS_MAX)
			words[len++] = byte == '\n' ? ' ' : byte;
	}
	while (len > 0 && words[len - 1] == ' ')
		len--;
	words[len] = '\0';
}

static int stays(const char *mountpoint, int err, const char *words, struct qx_fail *fail)
{
	int r = fail_set(fail, err, "%s cannot be unmounted: %s", mountpoint, words);
	qx_auto_free char *word = sys_shell_word(mountpoint);
	fail_remedy(fail, "this takes it away also while it is used: sudo umount -l %s", word);
	return r;
}

/* Runs it; 0 when it succeeded, -EIO when it failed, with its words. */
static int run_helper(char *const argv[], char words[HELPER_WORDS_MAX])
{
	posix_spawn_file_actions_t files;
	int ends[2];
	pid_t pid;
	int status = 0;

	words[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	int r = -posix_spawn_file_actions_init(&files);
	if (r == 0) {
		r = -posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
		if (r == 0)
			r = -posix_spawn_file_actions_adddup2(&files, ends[1], 1);
		if (r == 0)
			r = -posix_spawn_file_actions_adddup2(&files, ends[1], 2);
		if (r == 0)
			r = -posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
		(void)posix_spawn_file_actions_destroy(&files); /* cannot fail */
	}
	close(ends[1]);
	if (r == 0) {
		read_words(ends[0], words);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		r = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
	}
	close(ends[0]);
	return r;
}

/* --- taking a mount away --- */

/* Not stat: the kernel may still know the attributes of the folder. */
static bool says_dead(const char *mountpoint)
{
	struct statfs fs;
	return statfs(mountpoint, &fs) < 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

static void looking(int out_fd, const void *mountpoint)
{
	if (says_dead(mountpoint))
		(void)sys_write_all(out_fd, "", 1);
}

bool mountpoint_is_dead(const char *mountpoint)
{
	struct child child;
	char dead;

	/* A daemon that hangs is not dead, and would take us along. */
	if (child_begin(&child, looking, mountpoint) < 0)
		return says_dead(mountpoint);
	struct pollfd end = { .fd = child.fd, .events = POLLIN };
	while (poll(&end, 1, PATIENCE_MS) < 0 && errno == EINTR)
		;
	bool is = (end.revents & POLLIN) && read(child.fd, &dead, 1) == 1;
	child_end(&child);
	return is;
}

static int busy(const char *mountpoint, struct qx_fail *fail)
{
	int r = fail_set(fail, EBUSY,
	                 "%s is still in use: a program has a file open in it, or a shell "
	                 "stands in it",
	                 mountpoint);
	qx_auto_free char *word = sys_shell_word(mountpoint);
	fail_remedy(fail, "Close it and try again; this names it: fuser -vm %s", word);
	return r;
}

int mountpoint_detach(const char *mountpoint, bool lazily, struct qx_fail *fail)
{
	char words[HELPER_WORDS_MAX];
	char helper[] = HELPER;
	char take_away[] = "-u";
	char as_lazy[] = "-z";
	char end_of_flags[] = "--";
	qx_auto_free char *point = strdup(mountpoint);
	char *argv[6] = { helper, take_away };
	int n = 2;

	if (geteuid() == 0) {
		if (umount2(mountpoint, UMOUNT_NOFOLLOW | (lazily ? MNT_DETACH : 0)) == 0)
			return 0;
		if (errno == EBUSY)
			return busy(mountpoint, fail);
		return stays(mountpoint, errno, strerror(errno), fail);
	}
	if (!point)
		return fail_set(fail, ENOMEM, "there is no memory left");
	if (lazily)
		argv[n++] = as_lazy;
	argv[n++] = end_of_flags;
	argv[n++] = point;

	int r = run_helper(argv, words);
	if (r == 0)
		return 0;
	if (r == -ENOENT) {
		r = fail_set(fail, ENOENT, "%s cannot be unmounted: there is no " HELPER, point);
		fail_remedy(fail, "sudo apt install fuse3");
		return r;
	}
	if (strstr(words, "busy"))
		return busy(mountpoint, fail);
	if (strstr(words, "not found in")) { /* of the mounts that are this user's */
		qx_auto_free char *word = sys_shell_word(point);
		r = fail_set(fail, EPERM, "%s was mounted by another user", point);
		fail_remedy(fail, "sudo qxfs umount %s", word);
		return r;
	}
	return stays(mountpoint, -r, *words ? words : strerror(-r), fail);
}

/* --- before mounting --- */

/* Other qxfs mounts at or around the path. -EAGAIN: a dead one was taken away, look again. */
static int check_mounts(const struct mounts *mounts, const char *path, struct qx_fail *fail)
{
	const struct mount *holding = mounts_holding(mounts, path);
	int r;

	if (!mount_is_qxfs(holding))
		return 0;
	if (strcmp(holding->point, path) != 0) {
		r = fail_set(fail, EINVAL, "%s lies inside the qxfs mount at %s", path,
		             holding->point);
		fail_remedy(fail, "Choose a folder outside of it");
		return r;
	}
	if (!mountpoint_is_dead(path)) {
		r = fail_set(fail, EBUSY, "%s is a qxfs mount already (%s)", path, holding->source);
		qx_auto_free char *word = sys_shell_word(path);
		fail_remedy(fail, "to end it: qxfs umount %s", word);
		return r;
	}
	r = mountpoint_detach(path, true, fail);
	if (r == 0)
		say("%s was left behind by a qxfs that was killed; it has been cleared", path);
	return r < 0 ? r : -EAGAIN;
}

static int unusable(const char *path, int err, const char *words, struct qx_fail *fail)
{
	int r = fail_set(fail, err, "the mount point %s %s", path, words);
	fail_remedy(fail, "choose an empty folder of your own, as ~/qualtrics");
	return r;
}

static int unreachable(const char *path, int err, struct qx_fail *fail)
{
	char words[100];
	(void)snprintf(words, sizeof(words), "cannot be reached: %s", strerror(err));
	return unusable(path, err, words, fail);
}

static int resolve_once(const char *given, char **ret, struct qx_fail *fail)
{
	struct mounts mounts;
	char *path = NULL;

	int r = mounts_read(&mounts);
	if (r < 0)
		return fail_set(fail, -r, "/proc/self/mountinfo cannot be read: %s", strerror(-r));
	r = mounts_resolve(&mounts, given, &path);
	if (r < 0)
		r = unreachable(given, -r, fail);
	else
		r = check_mounts(&mounts, path, fail);
	mounts_done(&mounts);
	if (r < 0) {
		free(path);
		return r;
	}
	*ret = path;
	return 0;
}

/* As fusermount3 judges: the folder is ours, or we may write to it and nobody keeps us from
 * renaming. */
static bool is_ours(const char *path, const struct stat *st)
{
	if (geteuid() == 0 || st->st_uid == geteuid())
		return true;
	return access(path, W_OK) == 0 && !(st->st_mode & S_ISVTX);
}

static int check_folder(const char *path, struct qx_fail *fail)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0) {
		int err = errno;
		if (err == ENOENT) {
			r = fail_set(fail, err, "there is no folder %s", path);
			qx_auto_free char *word = sys_shell_word(path);
			fail_remedy(fail, "mkdir -p %s", word);
			return r;
		}
		return unreachable(path, err, fail);
	}
	if (!S_ISDIR(st.st_mode))
		return unusable(path, ENOTDIR, "is not a folder", fail);
	if (strcmp(path, "/") == 0)
		return unusable(path, EINVAL, "cannot be the root of the machine", fail);
	if (!is_ours(path, &st)) {
		r = fail_set(fail, EPERM, "the mount point %s belongs to somebody else", path);
		fail_remedy(fail, "Choose a folder of your own, as ~/qualtrics");
		return r;
	}
	return 0;
}

/* Not forbidden, but rarely meant. */
static void tell_if_not_empty(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	if (n > 2)
		say("note: %s is not empty; what is in it cannot be seen while the mount lasts",
		    path);
}

int mountpoint_prepare(const char *given, char **ret, struct qx_fail *fail)
{
	char *path = NULL;
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < STACKED_MAX; i++)
		r = resolve_once(given, &path, fail);
	if (r == -EAGAIN)
		return stays(given, EBUSY, "many dead mounts lie on top of each other", fail);
	if (r < 0)
		return r;
	r = check_folder(path, fail);
	if (r < 0) {
		free(path);
		return r;
	}
	tell_if_not_empty(path);
	*ret = path;
	return 0;
}

int mountpoint_apart(const char *mountpoint, const char *what, const char *folder,
                     struct qx_fail *fail)
{
	struct mounts none = { 0 };
	qx_auto_free char *real = NULL;

	/* Links matter here, mounts do not: the folder may not exist yet. */
	int r = mounts_resolve(&none, folder, &real);
	if (r < 0)
		return fail_set(fail, -r, "%s %s cannot be found: %s", what, folder, strerror(-r));
	if (!mounts_is_below(real, mountpoint) && !mounts_is_below(mountpoint, real))
		return 0;
	r = fail_set(fail, EINVAL, "%s (%s) and the mount point (%s) lie in each other", what,
	             folder, mountpoint);
	fail_remedy(fail, "Choose another mount point");
	return r;
}

static bool fuse_conf_allows_other(void)
{
	struct buf text = { 0 };
	bool allows = false;

	if (sys_read_file_at(AT_FDCWD, "/etc/fuse.conf", 65536, &text) == 0 && text.data) {
		char *rest = text.data;
		char *line;
		while ((line = strsep(&rest, "\n")) != NULL)
			allows = allows || strncmp(line, "user_allow_other", 16) == 0;
	}
	buf_done(&text);
	return allows;
}

int mountpoint_can_mount(bool allow_other, struct qx_fail *fail)
{
	int r = 0;

	if (access("/dev/fuse", F_OK) < 0) {
		r = fail_set(fail, ENOENT, "this machine has no /dev/fuse");
		fail_remedy(fail, "sudo modprobe fuse; a container must be started with "
		                  "--device /dev/fuse --cap-add SYS_ADMIN");
	} else if (access("/dev/fuse", R_OK | W_OK) < 0) {
		r = fail_set(fail, errno, "/dev/fuse may not be opened: %s", strerror(errno));
		fail_remedy(fail, "sudo chmod 666 /dev/fuse");
	} else if (geteuid() != 0 && !has_helper()) {
		r = fail_set(fail, ENOENT,
		             "there is no " HELPER ", which mounts for ordinary users");
		fail_remedy(fail, "sudo apt install fuse3");
	} else if (geteuid() != 0 && allow_other && !fuse_conf_allows_other()) {
		r = fail_set(fail, EPERM, "allow_other is not permitted to ordinary users here");
		fail_remedy(fail, "Add the line 'user_allow_other' to /etc/fuse.conf");
	}
	return r;
}
