/* limits_file.c: its name, and those of others that nobody uses any more. What is in it, and its
 * locks, are the client's (api/shared.c). */
#include "limits_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qxfs/base/sys.h>

#define NAME "limits"
#define LEFT_S (30 * 86400) /* who uses it writes it */

/* Of this kind, an earlier build's "limits" among them. */
static bool is_one(const char *name)
{
	return strcmp(name, NAME) == 0 || strncmp(name, NAME "-", strlen(NAME "-")) == 0;
}

/* The lock is on all of it: a mount, of whatever machine, holds some byte as long as it lives. */
static bool is_left(int folder_fd, const char *name)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;
	qx_auto_fd fd = openat(folder_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       sys_wall_s() - st.st_mtim.tv_sec > LEFT_S && fcntl(fd, F_OFD_SETLK, &all) == 0;
}

static void sweep(int folder_fd, const char *ours)
{
	int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return; /* another mount sweeps */
	}
	for (const struct dirent *e; (e = readdir(dir));)
		if (is_one(e->d_name) && strcmp(e->d_name, ours) != 0 &&
		    is_left(folder_fd, e->d_name))
			(void)unlinkat(folder_fd, e->d_name, 0);
	closedir(dir);
}

int limits_file_open(int folder_fd)
{
	char boot[SYS_BOOT_ID], name[sizeof(NAME) + SYS_BOOT_ID];

	sys_boot_id(boot);
	(void)snprintf(name, sizeof(name), NAME "-%s", boot);
	int fd = openat(folder_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	sweep(folder_fd, name);
	return fd;
}
