/* wiring.c: one mount from its parts.
 *
 * Built in this order, each part knowing only those before it; a part that cannot be made ends the
 * start, and what was made so far is taken down as after a whole life.
 *
 *   events   what happened, told by all below
 *   account  whose token it is          known/ in the state folder, else asked
 *   client   the service                api/
 *   dirs, cache, journal                store/
 *   tree     what exists, and its jobs  tree/, jobs/
 *   session  the kernel                 front/
 */
#include "wiring.h"

#include "account.h"
#include "desktop.h"
#include "limits_file.h"
#include "on_event.h"
#include "say.h"

#include <qxfs/base/events.h>
#include <qxfs/base/log.h>
#include <qxfs/base/secret.h>
#include <qxfs/base/sys.h>
#include <qxfs/front/session.h>
#include <qxfs/store/cache.h>
#include <qxfs/store/dirs.h>
#include <qxfs/store/journal.h>
#include <qxfs/tree/setup.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOPIC "mount"
#define REQUESTS_AT_ONCE 30
#define JOBS_AT_ONCE 15
#define BRAND_PER_MINUTE 3000

struct parts {
	struct events *events;
	struct on_event *on_event; /* NULL: no command is to be run */
	struct desktop *desktop;   /* NULL: there is none, or nothing is to be told */
	struct account *account;
	struct client *client;
	struct dirs *dirs;
	struct cache *cache;
	struct journal *journal; /* NULL: damaged */
	struct qx_fail journal_fail;
	struct tree *tree;
	struct session *session;
};

static double share_of(const struct options *o)
{
	return (double)o->share_permille / 1000;
}

/* --- up --- */

static int build_client(const struct wiring *w, struct parts *p, struct qx_fail *fail)
{
	struct client_config config = {
		.limits = {
			.requests = REQUESTS_AT_ONCE,
			.jobs = JOBS_AT_ONCE,
			.brand_per_minute = BRAND_PER_MINUTE,
			.share = share_of(w->options),
		},
		.events = p->events,
	};
	int r = credentials_give(w->credentials, &config, fail);
	if (r == 0)
		r = account_new(w->places->state, &config, &p->account, fail);
	if (r == 0) {
		config.base = *account_base(p->account);
		config.doubted = account_is_doubted(p->account);
		r = client_new(&config, &p->client);
		if (r < 0)
			fail_set(fail, -r, "the network cannot be used: %s", strerror(-r));
	}
	if (r < 0) {
		secret_free(config.token);
		secret_free(config.oauth.secret);
		return r;
	}
	account_follow(p->account, p->client);
	account_watch(p->account, p->client);
	if (account_is_known(p->account))
		account_check(p->account, p->client);
	else
		r = account_ask(p->account, p->client, fail);
	return r;
}

/* Where every mount of this user on this machine finds it, whatever state_dir= says. */
static int open_limits(const struct places *places, const char *account, int state_fd)
{
	qx_auto_free char *path = NULL;
	qx_auto_fd folder = -1;

	if (places->usual && asprintf(&path, "%s/%s", places->usual, account) < 0)
		path = NULL;
	if (path)
		folder = sys_open_private_dir(path);
	return limits_file_open(folder >= 0 ? folder : state_fd);
}

static void share_limits(const struct wiring *w, struct parts *p)
{
	int fd = open_limits(w->places, account_id(p->account), dirs_state_fd(p->dirs));

	if (fd >= 0)
		client_share(p->client, fd);
	else
		log_warn(TOPIC, "the account's limits are not shared with its other mounts: %s",
		         strerror(-fd));
}

static int build_store(const struct wiring *w, struct parts *p, struct qx_fail *fail)
{
	const struct cache_config config = {
		.max_bytes = w->options->cache_size,
		.max_export = w->options->max_export,
		.keep_s = w->options->keep_s,
	};
	struct buf text = { 0 };

	int r = dirs_open(w->places->cache, w->places->state, account_id(p->account), &p->dirs,
	                  fail);
	if (r < 0)
		return r;
	/* For people who wonder whose folder it is. */
	account_describe(p->account, &text);
	(void)dirs_state_write(p->dirs, "account.json", buf_text(&text), text.len);
	buf_done(&text);
	share_limits(w, p);
	r = cache_new(p->dirs, &config, &p->cache, fail);
	if (r < 0)
		return r;
	/* What was read can be read without it; nothing is imported then, and STATUS.txt says so.
	 */
	if (journal_open(p->dirs, &p->journal, &p->journal_fail) < 0)
		log_error(TOPIC, "%s. %s", p->journal_fail.why, p->journal_fail.remedy);
	else
		journal_tell(p->journal, p->events);
	return 0;
}

/* The lists of the last mount do for a start; without any there is nothing to show. */
static int tell_state(const char *words, int r, struct qx_fail *fail)
{
	fail_set(fail, -r, "%s: %s", words, strerror(-r));
	fail_remedy(fail, "Look at the disk of the state folder, or name another one with -o "
	                  "state_dir=DIR");
	return r;
}

static int fill_lists(struct parts *p, struct qx_fail *fail)
{
	int r = tree_load_lists(p->tree);
	if (r == 0) {
		tree_refresh_lists(p->tree);
		return 0;
	}
	if (r != -ENOENT)
		return tell_state("the lists of the last mount cannot be read", r, fail);
	return tree_fetch_lists(p->tree, stderr, fail);
}

/* An open that takes longer than the kernel allows would end the mount for everybody. */
static int64_t open_wait_s(const struct options *o)
{
	int64_t longest_s = session_longest_wait_s();

	if (longest_s == 0 || (o->open_wait_s > 0 && o->open_wait_s <= longest_s))
		return o->open_wait_s;
	log_warn(TOPIC,
	         "opening a file waits %lld s at most (open_wait=): the kernel ends mounts that "
	         "take "
	         "longer, see fs.fuse.max_request_timeout",
	         (long long)longest_s);
	return longest_s;
}

/* The last of `ro` and `rw` counts. */
static bool is_read_only(const struct options *o)
{
	bool ro = false;

	for (const char *at = buf_text(&o->kernel); at; at = strchr(at, ',')) {
		at += *at == ',';
		size_t n = strcspn(at, ",");
		if (n == 2 && at[0] == 'r' && (at[1] == 'o' || at[1] == 'w'))
			ro = at[1] == 'o';
	}
	return ro;
}

static int build_tree(const struct wiring *w, struct parts *p, struct qx_fail *fail)
{
	const struct options *o = w->options;
	struct tree_config config = {
		.uid = (uid_t)o->uid,
		.owner = geteuid(),
		.gid = (gid_t)o->gid,
		.umask = (mode_t)o->umask,
		.timezone = o->timezone,
		.csv_bom = o->csv_bom,
		.fresh_s = o->fresh_s,
		.max_stale_s = o->strict ? 0 : o->max_stale_s,
		.refresh = (enum refresh_how)o->refresh,
		.open_wait_s = open_wait_s(o),
		.tell_wait_s = desktop_wait_s(o->notify_s),
		.export_budget = o->export_budget,
		.crawlers = o->crawlers,
		.prefetch = (unsigned)o->prefetch,
		.share = share_of(o),
		.api = o->api,
		.audit = o->audit,
		.only = o->only,
		.hide = (unsigned)o->hide,
		.split_at = o->split_at,
		.job_timeout_s = o->job_timeout_s,
		.legacy = (enum legacy_contacts)o->legacy,
		.client = p->client,
		.cache = p->cache,
		.dirs = p->dirs,
		.journal = p->journal,
		.events = p->events,
		.journal_fail = p->journal_fail,
		.hold = (enum hold_when)o->hold,
		.allow_resubscribe = o->allow_resubscribe,
		.read_only = is_read_only(o),
		.import_charset = o->import_charset,
		.import_delay_s = o->import_delay_s,
		.keep_imports_s = o->keep_imports_s,
		.cache_dir = w->places->cache,
		.state_dir = w->places->state,
	};

	(void)snprintf(config.account, sizeof(config.account), "%s", account_id(p->account));
	(void)snprintf(config.user, sizeof(config.user), "%s", account_user(p->account));
	(void)snprintf(config.host, sizeof(config.host), "%s", w->credentials->base.host);
	int r = tree_new(&config, &p->tree);
	if (r < 0 && o->audit) {
		fail_set(fail, -r, "the tree cannot be made, or audit=%s cannot be written: %s",
		         o->audit, strerror(-r));
		fail_remedy(fail,
		            "audit= names a file in a folder that you may write to, or syslog");
		return r;
	}
	if (r < 0)
		return tell_state("the tree cannot be made", r, fail);
	return fill_lists(p, fail);
}

static int build_session(const struct wiring *w, struct parts *p, struct qx_fail *fail)
{
	char source[sizeof(w->credentials->base.host) + 8];
	struct session_config config = {
		.tree = p->tree,
		.events = p->events,
		.mountpoint = w->mountpoint,
		.mount_options = buf_text(&w->options->kernel),
		.source = source,
		.allow_other = w->options->allow_other,
		.debug = w->options->debug,
	};

	(void)snprintf(source, sizeof(source), "qxfs:%s", w->credentials->base.host);
	daemon_catch_signals();
	int r = session_new(&config, &p->session, fail);
	if (r < 0)
		return r;
	daemon_watch(p->session);
	r = session_start(p->session);
	if (r < 0)
		return fail_set(fail, -r, "the mount cannot be served: %s", strerror(-r));
	return 0;
}

static int build(const struct wiring *w, struct parts *p, struct qx_fail *fail)
{
	p->events = events_new();
	int r = p->events ? on_event_new(p->events, w->on_event, &p->on_event) : -ENOMEM;
	if (r == 0)
		r = desktop_new(p->events, w->options->notify_s, &p->desktop);
	if (r < 0)
		return fail_set(fail, -r, "what happens cannot be noted: %s", strerror(-r));
	r = build_client(w, p, fail);
	if (r == 0)
		r = build_store(w, p, fail);
	if (r == 0)
		r = build_tree(w, p, fail);
	if (r == 0)
		r = build_session(w, p, fail);
	return r;
}

/* --- down: nothing new, nobody left waiting, then part by part --- */

static void take_down(struct parts *p)
{
	if (p->session)
		session_stop(p->session);
	if (p->tree)
		tree_stop(p->tree);
	if (p->session)
		session_close(p->session);
	if (p->tree)
		tree_drain(p->tree);
	if (p->client)
		client_stop(p->client);
	daemon_watch(NULL);
	session_free(p->session);
	tree_free(p->tree);
	account_free(p->account);
	journal_free(p->journal);
	cache_free(p->cache);
	dirs_free(p->dirs);
	client_free(p->client);
	on_event_free(p->on_event);
	desktop_free(p->desktop);
	events_free(p->events);
}

int wiring_run(struct daemon *d, const struct wiring *w)
{
	struct parts parts = { 0 };
	struct qx_fail fail = { 0 };
	int status = STATUS_OK;

	log_setup((enum log_level)w->options->log, !w->options->foreground);
	if (build(w, &parts, &fail) < 0) {
		status = say_fail(&fail);
	} else {
		if (!w->options->foreground) /* there the greeting says it */
			log_info(TOPIC, "%s is mounted at %s", w->credentials->base.host,
			         w->mountpoint);
		events_say(parts.events, EVENT_MOUNTED, "", w->mountpoint);
		daemon_ready(d);
		session_wait(parts.session);
		daemon_stopping(d);
	}
	take_down(&parts);
	if (status == STATUS_OK)
		log_info(TOPIC, "%s is unmounted", w->mountpoint);
	return status;
}
