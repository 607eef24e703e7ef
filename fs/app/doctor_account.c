/* doctor_account.c: qxfs doctor: whose account it would be, and whether the service gives it. */
#include "doctor.h"

#include "child.h"

#include <qxfs/api/client.h>
#include <qxfs/base/secret.h>
#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ASK_BOUND_MS 10000
#define READ_MS 20000 /* whoami.json through a mount */
#define AHEAD_S 60    /* that a clock may be wrong */

/* --- what is set --- */

/* cache_dir=, state_dir=, token_file= and allow_other of the profile. */
static int take_options(struct doctor *d, struct qx_fail *fail)
{
	int r = d->profile.options
	                ? options_parse(0, NULL, true, d->profile.options, &d->options, fail)
	                : 0;
	if (r == 0)
		r = places_find(d->options.cache_dir, d->options.state_dir, &d->places, fail);
	return r;
}

void doctor_config(struct doctor *d)
{
	qx_auto_free char *path = profile_path();
	struct qx_fail fail = { 0 };

	int r = profile_read(d->profile_name, &d->profile, &fail);
	if (r == 0)
		r = take_options(d, &fail);
	if (r < 0)
		doctor_tell_fail(d, LEVEL_FAULT, &fail);
	else if (!path || access(path, F_OK) < 0)
		doctor_tell(d, LEVEL_OK, "there is no file of profiles; qxfs login makes it");
	else
		doctor_tell(d, LEVEL_OK, "%s is yours alone, and %s", path,
		            d->profile.found ? "understood" : "has no profile 'default'");
}

static bool is_anything_set(const struct doctor *d)
{
	const char *host = getenv("QUALTRICS_BASE_URL");
	return d->profile.found || d->options.token_file || credentials_in_environment() ||
	       (host && *host);
}

void doctor_token(struct doctor *d)
{
	const char *variable = credentials_in_environment();
	struct qx_fail fail = { 0 };

	if (d->mount) {
		doctor_tell(d, LEVEL_OK, "the mount has its own");
	} else if (!is_anything_set(d)) {
		fail_set(&fail, ENOENT, "no account is set up yet");
		fail_remedy(&fail, "qxfs login asks for host and token; qxfs demo needs neither");
		doctor_tell_fail(d, LEVEL_WARNING, &fail);
	} else if (credentials_read(&d->profile, d->options.token_file, &d->credentials, &fail) <
	           0) {
		doctor_tell_fail(d, LEVEL_FAULT, &fail);
	} else {
		d->token_from = d->options.token_file ? "token_file="
		                : variable            ? variable
		                                      : "the profile";
		doctor_tell(d, LEVEL_OK, "one is set by %s, for %s", d->token_from,
		            d->credentials.base.host);
	}
}

/* --- the service --- */

struct asking {
	struct call call;
	int done_fd;
	char moved[300]; /* the network thread's until the call is done */
};

static void on_done(struct call *call)
{
	const struct asking *a = call->arg;
	(void)eventfd_write(a->done_fd, 1);
}

static void on_moved(void *arg, const char *new_origin)
{
	struct asking *a = arg;
	(void)snprintf(a->moved, sizeof(a->moved), "%s", new_origin);
}

static void ask_whoami(struct doctor *d, struct client *client, struct asking *a)
{
	struct client_view view;
	eventfd_t ignored;
	int64_t begun_ms = sys_now_ms();

	a->call = (struct call){ .ep = EP_WHOAMI,
		                 .class = CLASS_PERSON,
		                 .uid = geteuid(),
		                 .bound_ms = ASK_BOUND_MS,
		                 .sink_fd = -1,
		                 .on_done = on_done,
		                 .arg = a };
	client_on_moved(client, on_moved, a);
	client_start(client, &a->call);
	while (eventfd_read(a->done_fd, &ignored) < 0 && errno == EINTR)
		;
	d->took_ms = sys_now_ms() - begun_ms;
	client_view(client, &view);
	d->dated = view.dated;
	d->ahead_s = view.ahead_s;
}

static void tell_whoami(struct doctor *d, struct asking *a)
{
	const char *user = a->call.answer ? json_str(a->call.answer, "result.userId") : NULL;
	const char *host = d->credentials.base.host;

	d->answered = a->call.fail.err == 0;
	if (!d->answered)
		doctor_tell_fail(d, LEVEL_FAULT, &a->call.fail);
	else
		doctor_tell(d, LEVEL_OK, "%s answers: the %s is %s's", host,
		            d->credentials.client_id ? "OAuth client" : "token",
		            user ? user : "nobody");
	if (a->moved[0]) {
		struct qx_fail fail;
		fail_set(&fail, EREMCHG, "%s says that the account lives at %s", host, a->moved);
		fail_remedy(&fail, "mounts go there by themselves; 'qxfs login' with that host, or "
		                   "QUALTRICS_BASE_URL, saves them the way");
		doctor_tell_fail(d, LEVEL_WARNING, &fail);
	}
}

static void ask_service(struct doctor *d)
{
	struct asking a = { .done_fd = eventfd(0, EFD_CLOEXEC) };
	struct client *client = NULL;
	struct qx_fail fail = { 0 };
	struct client_config config = {
		.limits = { .requests = 1, .jobs = 1, .brand_per_minute = 60, .share = 1 },
	};

	int r = credentials_give(&d->credentials, &config, &fail);
	if (r == 0)
		r = a.done_fd >= 0 ? client_new(&config, &client) : -EMFILE;
	if (r < 0) {
		secret_free(config.token);
		secret_free(config.oauth.secret);
		doctor_tell(d, LEVEL_FAULT, "the network cannot be used: %s", strerror(-r));
	} else {
		ask_whoami(d, client, &a);
		tell_whoami(d, &a);
		call_clear(&a.call);
		client_stop(client);
		client_free(client);
	}
	if (a.done_fd >= 0)
		close(a.done_fd);
}

static void tell_of_mount(struct doctor *d)
{
	const char *host = json_str(d->status, "host");
	struct qx_fail fail;

	host = host ? host : "the service";
	d->dated = json_int(d->status, "clock_ahead_s", &d->ahead_s);
	d->answered = !json_bool_or(d->status, "token_refused", false) &&
	              json_bool_or(d->status, "reachable", true);
	if (d->answered) {
		doctor_tell(d, LEVEL_OK, "%s answered the mount last", host);
	} else if (json_bool_or(d->status, "token_refused", false)) {
		fail_set(&fail, EACCES, "%s refuses the mount's token", host);
		fail_remedy(&fail,
		            "make a new one under Account Settings > Qualtrics IDs, qxfs login, "
		            "and mount again");
		doctor_tell_fail(d, LEVEL_FAULT, &fail);
	} else {
		fail_set(&fail, ENETUNREACH, "%s cannot be reached by the mount", host);
		fail_remedy(&fail,
		            "check the network and its proxy; what was opened before can still be "
		            "read");
		doctor_tell_fail(d, LEVEL_FAULT, &fail);
	}
}

void doctor_service(struct doctor *d)
{
	if (d->status)
		tell_of_mount(d);
	else if (d->mount)
		doctor_tell(d, LEVEL_UNKNOWN, "not asked: the mount does not answer");
	else if (!d->token_from)
		doctor_tell(d, LEVEL_UNKNOWN, "not asked: there is no token");
	else
		ask_service(d);
}

void doctor_clock(struct doctor *d)
{
	struct qx_fail fail;
	long long off = d->ahead_s < 0 ? -d->ahead_s : d->ahead_s;

	if (!d->dated) {
		doctor_tell(d, LEVEL_UNKNOWN, "not known: the service has told no time");
	} else if (off <= AHEAD_S) {
		doctor_tell(d, LEVEL_OK, "within %lld s of the service's", off < 1 ? 1 : off);
	} else {
		fail_set(&fail, ETIME, "this machine's clock is %lld s %s the service's", off,
		         d->ahead_s < 0 ? "behind" : "ahead of");
		fail_remedy(&fail,
		            "sudo timedatectl set-ntp true; until then files count as fresh for "
		            "too long or too short, and dates in STATUS.txt are wrong");
		doctor_tell_fail(d, LEVEL_WARNING, &fail);
	}
}

void doctor_limits(struct doctor *d)
{
	int64_t requests = 0, requests_max = 0, jobs = 0, jobs_max = 0, refused = 0;
	struct qx_fail fail;

	if (!d->status) {
		doctor_tell(d, LEVEL_UNKNOWN, "not in use: no mount was named that answers");
		return;
	}
	(void)json_int(d->status, "limits.requests", &requests);
	(void)json_int(d->status, "limits.requests_max", &requests_max);
	(void)json_int(d->status, "limits.jobs", &jobs);
	(void)json_int(d->status, "limits.jobs_max", &jobs_max);
	(void)json_int(d->status, "limits.refused_429", &refused);
	fail_set(&fail, 0, "%lld of %lld requests and %lld of %lld exports are under way",
	         (long long)requests, (long long)requests_max, (long long)jobs,
	         (long long)jobs_max);
	if (refused > 0) {
		fail_set(&fail, EBUSY, "the service has refused %lld call%s as too many (429)",
		         (long long)refused, refused == 1 ? "" : "s");
		fail_remedy(&fail, "others use the account too: mount with a smaller share=, as "
		                   "share=0.5");
	}
	doctor_tell_fail(d, refused > 0 ? LEVEL_WARNING : LEVEL_OK, &fail);
}

/* --- a read --- */

/* In a process of its own, which can be ended while it waits. Bytes, or negative errno. */
static int64_t read_all(const char *path)
{
	char piece[16384];
	int64_t all = 0;
	ssize_t n;

	qx_auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		all += n;
	return n < 0 ? -errno : all;
}

static void reading(int out_fd, const void *path)
{
	int64_t got = read_all(path);
	(void)sys_write_all(out_fd, &got, sizeof(got));
}

static int64_t read_in_child(const char *path)
{
	int64_t got = -ETIMEDOUT;
	struct child child;

	int r = child_begin(&child, reading, path);
	if (r < 0)
		return r;
	struct pollfd end = { .fd = child.fd, .events = POLLIN };
	if (poll(&end, 1, READ_MS) == 1 && read(child.fd, &got, sizeof(got)) != sizeof(got))
		got = -EIO;
	child_end(&child);
	return got;
}

static void read_through(struct doctor *d)
{
	struct buf path = { 0 };
	struct qx_fail fail;
	int64_t begun_ms = sys_now_ms();

	buf_addf(&path, "%s/whoami.json", d->mount->point);
	int64_t got = read_in_child(buf_text(&path));
	if (got > 0) {
		doctor_tell(d, LEVEL_OK, "%s: %lld bytes in %lld ms", buf_text(&path),
		            (long long)got, (long long)(sys_now_ms() - begun_ms));
	} else {
		fail_set(&fail, EIO, "%s cannot be read: %s", buf_text(&path),
		         got ? strerror((int)-got) : "it is empty");
		qx_auto_free char *word = sys_shell_word(buf_text(&path));
		fail_remedy(&fail, "qxfs why %s", word);
		doctor_tell_fail(d, LEVEL_FAULT, &fail);
	}
	buf_done(&path);
}

void doctor_read(struct doctor *d)
{
	if (d->status)
		read_through(d);
	else if (d->answered)
		doctor_tell(d, LEVEL_OK, "the user's own record came in %lld ms",
		            (long long)d->took_ms);
	else
		doctor_tell(d, LEVEL_UNKNOWN, "not tried: nothing answers");
}
