/* session.c: the life of a mount: mounted, served, ended in order. */
#include <qxfs/front/session.h>

#include <qxfs/base/buf.h>
#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>
#include <qxfs/base/worker.h>

#include <errno.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop.h"
#include "notify.h"
#include "ops.h"
#include "park.h"
#include "patience.h"
#include "pollers.h"
#include "unmount.h"

#define DISK_WORKERS 2 /* of import folders: what they do is short, but for an fsync */

struct session {
	struct front front;
	struct fuse_session *fuse;
	struct loop *loop;   /* NULL: not started, or ended */
	int stop;            /* eventfd: session_stop was called, or the connection has ended */
	char *mountpoint;    /* NULL: not mounted */
	unsigned connection; /* the minor number of st_dev */
};

/* What libfuse says. */

/* The line this thread's libfuse is writing, in pieces; whole, it stays for the words of a mount
 * that failed. */
static _Thread_local struct {
	char text[200];
	bool whole;
} said;

static void log_of_libfuse(enum fuse_log_level level, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static void log_of_libfuse(enum fuse_log_level level, const char *format, va_list args)
{
	size_t used = said.whole ? 0 : strlen(said.text);

	if (vsnprintf(said.text + used, sizeof(said.text) - used, format, args) < 0)
		return;
	size_t len = strcspn(said.text, "\n");
	said.whole = said.text[len] == '\n' || len == sizeof(said.text) - 1;
	if (!said.whole)
		return;
	said.text[len] = '\0';
	log_line(level <= FUSE_LOG_ERR       ? LOG_LEVEL_ERROR
	         : level <= FUSE_LOG_WARNING ? LOG_LEVEL_WARN
	                                     : LOG_LEVEL_DEBUG,
	         "libfuse", "%s", said.text);
}

int64_t session_longest_wait_s(void)
{
	return patience_read("/proc/sys/fs/fuse");
}

/* Mounting. */

/* One string for -o; a comma in the source is escaped. */
static char *mount_options(const struct session_config *config)
{
	char *options = NULL;
	char *source = NULL;

	bool ok = asprintf(&source, "fsname=%s", config->source ? config->source : "qxfs") >= 0;
	if (!ok)
		return NULL;
	if (config->mount_options && *config->mount_options)
		ok = fuse_opt_add_opt(&options, config->mount_options) == 0;
	if (config->allow_other)
		ok = ok && fuse_opt_add_opt(&options, "allow_other") == 0;
	if (config->debug)
		ok = ok && fuse_opt_add_opt(&options, "debug") == 0;
	ok = ok && fuse_opt_add_opt(&options, "default_permissions,subtype=qxfs") == 0;
	ok = ok && fuse_opt_add_opt_escaped(&options, source) == 0;
	free(source);
	if (ok)
		return options;
	free(options);
	return NULL;
}

static int new_fuse(struct session *s, const struct session_config *config, struct qx_fail *fail)
{
	qx_auto_free char *options = mount_options(config);
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);

	if (!options || fuse_opt_add_arg(&args, "qxfs") < 0 || fuse_opt_add_arg(&args, "-o") < 0 ||
	    fuse_opt_add_arg(&args, options) < 0) {
		fuse_opt_free_args(&args);
		return fail_set(fail, ENOMEM, "No memory to mount.");
	}
	said.text[0] = '\0';
	s->fuse = fuse_session_new(&args, &ops_table, sizeof(ops_table), &s->front);
	fuse_opt_free_args(&args);
	if (s->fuse)
		return 0;
	return fail_set(fail, EINVAL, "The mount options were refused%s%s", *said.text ? ": " : ".",
	                said.text);
}

static int mount_it(struct session *s, const struct session_config *config, struct qx_fail *fail)
{
	s->mountpoint = strdup(config->mountpoint);
	if (!s->mountpoint)
		return fail_set(fail, ENOMEM, "No memory to mount.");

	said.text[0] = '\0';
	errno = 0;
	if (fuse_session_mount(s->fuse, s->mountpoint) < 0) {
		int err = errno ? errno : EPERM;
		free(s->mountpoint);
		s->mountpoint = NULL;
		return fail_set(fail, err, "%s could not be mounted%s%s", config->mountpoint,
		                *said.text ? ": " : ".", said.text);
	}
	s->connection = mounted_minor(s->mountpoint);
	return 0;
}

static int make_parts(struct session *s, struct tree *tree, struct events *events)
{
	s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int err = s->stop < 0 ? -errno : notifier_new(s->fuse, &s->front.notifier);
	if (err == 0)
		err = lot_new(tree, s->front.notifier, &s->front.lot);
	if (err == 0)
		err = pollers_new(events, s->front.notifier, &s->front.pollers);
	if (err == 0)
		err = pool_new("inbox", DISK_WORKERS, &s->front.disk);
	return err;
}

int session_new(const struct session_config *config, struct session **ret, struct qx_fail *fail)
{
	struct session *s = calloc(1, sizeof(*s));
	if (!s)
		return fail_set(fail, ENOMEM, "No memory to mount.");
	s->stop = -1;
	s->front.tree = config->tree;

	fuse_set_log_func(log_of_libfuse);

	int err = new_fuse(s, config, fail);
	if (err == 0) {
		err = make_parts(s, config->tree, config->events);
		if (err < 0)
			fail_set(fail, -err, "The threads of the mount could not be started.");
	}
	if (err == 0) /* last: what fails before leaves no mount behind */
		err = mount_it(s, config, fail);
	if (err < 0) {
		session_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

/* Serving. */

int session_start(struct session *s)
{
	return loop_start(s->fuse, s->stop, &s->loop);
}

void session_wait(struct session *s)
{
	struct pollfd stop = { .fd = s->stop, .events = POLLIN };

	while (poll(&stop, 1, -1) < 0 && errno == EINTR)
		;
}

void session_stop(struct session *s)
{
	int saved = errno;
	uint64_t one = 1;
	ssize_t ignored = write(s->stop, &one, sizeof(one)); /* fails only when it is full */
	(void)ignored;
	errno = saved;
}

unsigned session_connection(const struct session *s)
{
	return s->connection;
}

/* Unmounted by somebody else: libfuse then touches no mount point, it only tidies up. */
static bool connection_is_gone(struct fuse_session *fuse)
{
	struct pollfd device = { .fd = fuse_session_fd(fuse) };

	return poll(&device, 1, 0) == 1 && device.revents & POLLERR;
}

/* Ending. The workers serve until every wait is over, so that whatever the end takes, nobody hangs
 * in a `stat`, and until the notifier has ended: the kernel wants a folder's lock for its notice,
 * and that may be held by a LOOKUP that waits for a worker. Only then the device is closed.
 *
 * What `umount -l` took away is not there to be unmounted, but another mount may be. */
void session_close(struct session *s)
{
	if (s->front.lot)
		lot_close(s->front.lot);
	if (s->front.pollers)
		pollers_stop(s->front.pollers);
	if (s->front.notifier)
		notifier_stop(s->front.notifier);
	loop_stop(s->loop);
	s->loop = NULL;
	if (s->front.disk)
		pool_stop(s->front.disk); /* answers what it has */
	if (!s->mountpoint)
		return;

	if (mounted_minor(s->mountpoint) == s->connection || connection_is_gone(s->fuse))
		fuse_session_unmount(s->fuse);
	unmount_rest(s->mountpoint, s->connection);
	free(s->mountpoint);
	s->mountpoint = NULL;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	session_close(s);
	lot_free(s->front.lot);
	pollers_free(s->front.pollers);
	notifier_free(s->front.notifier);
	pool_free(s->front.disk);
	if (s->fuse)
		fuse_session_destroy(s->fuse);
	if (s->stop >= 0)
		(void)close(s->stop);
	free(s);
}
