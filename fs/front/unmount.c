/* unmount.c: what libfuse leaves undone. */
#include "unmount.h"

#include <qxfs/base/log.h>

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

unsigned mounted_minor(const char *mountpoint)
{
	struct statx stx;

	if (statx(AT_FDCWD, mountpoint, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &stx) < 0 ||
	    stx.stx_dev_major != 0) /* filesystems without a device have major number 0 */
		return 0;
	return stx.stx_dev_minor;
}

/* As libfuse does it for users, who may not unmount by themselves. */
static int ask_fusermount(const char *mountpoint)
{
	char program[] = "fusermount3", quiet[] = "-q", lazy[] = "-z", unmount[] = "-u",
	     end[] = "--";
	char *path = strdup(mountpoint);
	char *argv[] = { program, unmount, quiet, lazy, end, path, NULL };
	pid_t pid;
	int status;

	int err = path ? posix_spawnp(&pid, program, NULL, NULL, argv, environ) : ENOMEM;
	free(path);
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

void unmount_rest(const char *mountpoint, unsigned minor)
{
	if (minor == 0 || mounted_minor(mountpoint) != minor)
		return;

	int err = umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
	if (err == -EPERM)
		err = ask_fusermount(mountpoint);
	if (err < 0)
		log_warn("front", "a dead mount stays behind at %s: %s", mountpoint,
		         strerror(-err));
}
