/* journal_mounts.c: which mounts live.
 *
 *   mounts/<16 hex>   locked by its mount as long as that lives; the lock goes with the process
 *
 * It is locked before it gets its name, so a file there without a lock is a dead mount's. */
#include "journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"

#define FOLDER "mounts"

int mounts_join(struct journal *j)
{
	char temp[40];

	j->mounts_fd = sys_open_private_dir_at(dirs_state_fd(j->dirs), FOLDER);
	if (j->mounts_fd < 0)
		return j->mounts_fd;
	(void)snprintf(j->mount, sizeof(j->mount), "%016llx", (unsigned long long)sys_random());
	(void)snprintf(temp, sizeof(temp), ".tmp-%s", j->mount);
	j->mount_fd = openat(j->mounts_fd, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	                     0600);
	if (j->mount_fd < 0)
		return -errno;

	int r = sys_lock_fd(j->mount_fd, true);
	if (r == 0 && renameat(j->mounts_fd, temp, j->mounts_fd, j->mount) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(j->mounts_fd, temp, 0); /* the first failure is the one to tell */
	return r;
}

void mounts_leave(struct journal *j)
{
	if (j->mount_fd >= 0)
		(void)unlinkat(j->mounts_fd, j->mount, 0); /* else the next mount tidies it */
	sys_close_cleanup(&j->mount_fd);
	sys_close_cleanup(&j->mounts_fd);
}

static bool is_mount(const char *name)
{
	return strlen(name) == MOUNT_SIZE - 1 && strspn(name, "0123456789abcdef") == MOUNT_SIZE - 1;
}

bool mounts_is_alive(const struct journal *j, const char *mount)
{
	if (strcmp(mount, j->mount) == 0)
		return true;
	if (!is_mount(mount))
		return false;
	qx_auto_fd fd = openat(j->mounts_fd, mount, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT;
	/* Shared: two that look at once do not take each other for the owner. */
	return sys_lock_fd(fd, false) < 0;
}

void mounts_tidy(const struct journal *j)
{
	struct folder f = { 0 };

	folder_remove_temps(j->mounts_fd, ".");
	if (folder_read(j->mounts_fd, ".", &f) < 0)
		return;
	for (size_t i = 0; i < f.count; i++)
		if (is_mount(f.names[i]) && !mounts_is_alive(j, f.names[i]))
			(void)unlinkat(j->mounts_fd, f.names[i], 0); /* the next one tries again */
	folder_done(&f);
}
