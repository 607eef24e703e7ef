/* private.c: a file that holds a credential is its owner's alone. */
#include "private.h"

#include <qxfs/base/sys.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int private_check(int fd, const char *kind, const char *path, bool or_pipe, struct qx_fail *fail)
{
	struct stat st;
	int r = 0;
	qx_auto_free char *word = sys_shell_word(path);

	if (fstat(fd, &st) < 0)
		return fail_set(fail, errno, "%s%s cannot be read: %s", kind, path,
		                strerror(errno));
	if (!S_ISREG(st.st_mode) && !(or_pipe && S_ISFIFO(st.st_mode))) {
		r = fail_set(fail, EINVAL, "%s%s is not a file", kind, path);
	} else if (st.st_uid != geteuid()) {
		r = fail_set(fail, EPERM, "%s%s belongs to another user", kind, path);
		fail_remedy(fail, "sudo chown %u %s && chmod 600 %s", geteuid(), word, word);
	} else if (st.st_mode & 077) {
		r = fail_set(fail, EPERM, "%s%s can be used by other users (mode %04o)", kind, path,
		             st.st_mode & 07777);
		fail_remedy(fail, "chmod 600 %s", word);
	}
	return r;
}
