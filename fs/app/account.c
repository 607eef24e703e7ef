/* account.c: whose token it is, and what is remembered of it between mounts. */
#include "account.h"

#include "behind.h"
#include "say.h"

#include <qxfs/base/buf.h>
#include <qxfs/base/hash.h>
#include <qxfs/base/json.h>
#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TOPIC "account"
#define KNOWN_MAX 16384 /* bytes of a known file */
#define NAME_SIZE 128   /* of brands and users */
#define ASK_BOUND_MS 10000
#define DAY_MS 86400000
#define PATIENCE_S 2 /* then the person is told what is waited for */

struct account {
	int known_fd; /* the folder known/ */
	char known_name[HASH_HEX_SIZE];
	struct base_url configured;
	struct base_url base;
	bool oauth; /* an OAuth client's, not an API token's */
	char id[HASH_HEX_SIZE];
	char brand[NAME_SIZE], user[NAME_SIZE];

	pthread_mutex_t lock;       /* account.lock, a leaf (rank 5) */
	pthread_mutex_t write_lock; /* one writer of the known file; taken before `lock` */
	bool known;            /* guarded by lock: written by main, read by the network thread */
	struct base_url moved; /* guarded by lock; "" until the service names another host */
	bool refused;          /* guarded by lock: the token was, when it was last used */
	struct behind writer;  /* of the known file, for the network thread */
	bool checking;         /* guarded by lock: `check` is the client's, until its on_done */
	struct call check;
	struct client *watched; /* set before the first call */
	bool told;              /* network thread: that it is refused; not again and again */
};

bool account_is_known(const struct account *a)
{
	return a->id[0] != '\0';
}

const struct base_url *account_base(const struct account *a)
{
	return &a->base;
}

const char *account_id(const struct account *a)
{
	return a->id;
}

const char *account_user(const struct account *a)
{
	return a->user;
}

/* --- the known file --- */

static bool is_hash(const char *text)
{
	return text && strlen(text) == HASH_HEX_SIZE - 1 &&
	       strspn(text, "0123456789abcdef") == HASH_HEX_SIZE - 1;
}

/* Where the service moved the account to: only from one of its own hosts to another. */
static bool is_service_host(const struct base_url *base)
{
	static const char domain[] = ".qualtrics.com";
	size_t len = strlen(base->host);

	return strncmp(base->origin, "https://", 8) == 0 && len > sizeof(domain) &&
	       strcmp(base->host + len - (sizeof(domain) - 1), domain) == 0;
}

static void read_moved(struct account *a, const char *origin)
{
	struct qx_fail ignored;
	struct base_url moved;

	if (origin && *origin && url_parse_base(origin, &moved, &ignored) == 0 &&
	    is_service_host(&moved) && is_service_host(&a->configured))
		a->base = moved;
}

/* A file that is damaged, or another's, is as good as none. */
static void read_known(struct account *a)
{
	struct buf text = { 0 };
	struct json *known = NULL;

	int r = sys_read_file_at(a->known_fd, a->known_name, KNOWN_MAX, &text);
	if (r == 0)
		r = json_parse(buf_text(&text), text.len, &known);
	buf_done(&text);
	if (r < 0)
		return;

	const char *id = json_str(known, "account");
	const char *host = json_str(known, "host");
	const char *brand = json_str(known, "brand");
	const char *user = json_str(known, "user");
	if (is_hash(id) && host && strcmp(host, a->configured.host) == 0 && brand && user) {
		(void)snprintf(a->id, sizeof(a->id), "%s", id);          /* 32 digits */
		(void)snprintf(a->brand, sizeof(a->brand), "%s", brand); /* was cut when it came */
		(void)snprintf(a->user, sizeof(a->user), "%s", user);
		a->known = true;
		a->refused = json_bool_or(known, "refused", false);
		read_moved(a, json_str(known, "origin"));
	}
	json_free(known);
}

/* Of the account; what concerns only its token is written in the known file alone. */
static void describe(struct account *a, bool token_too, struct buf *out)
{
	char origin[sizeof(a->moved.origin)];

	pthread_mutex_lock(&a->lock);
	bool refused = token_too && a->refused;
	memcpy(origin, a->moved.origin[0] ? a->moved.origin : a->base.origin, sizeof(origin));
	pthread_mutex_unlock(&a->lock);

	buf_add_str(out, "{\"account\": ");
	buf_add_json(out, a->id);
	buf_add_str(out, ", \"host\": ");
	buf_add_json(out, a->configured.host);
	buf_add_str(out, ", \"brand\": ");
	buf_add_json(out, a->brand);
	buf_add_str(out, ", \"user\": ");
	buf_add_json(out, a->user);
	buf_add_str(out, ", \"origin\": ");
	buf_add_json(out, strcmp(origin, a->configured.origin) == 0 ? "" : origin);
	buf_add_str(out, refused ? ", \"refused\": true}\n" : "}\n");
}

void account_describe(struct account *a, struct buf *out)
{
	describe(a, false, out);
}

/* Only the next start is slower without it. */
static void write_known(struct account *a)
{
	struct buf text = { 0 };

	pthread_mutex_lock(&a->write_lock);
	describe(a, true, &text);
	int r = buf_failed(&text)
	                ? -ENOMEM
	                : sys_write_file_at(a->known_fd, a->known_name, buf_text(&text), text.len);
	pthread_mutex_unlock(&a->write_lock);
	buf_done(&text);
	if (r < 0)
		log_warn(TOPIC, "the account cannot be remembered: %s", strerror(-r));
}

/* --- what the client tells --- */

static void write_behind(void *arg)
{
	write_known(arg);
}

/* On the network thread, which must not wait for the disk. What is not known yet is written when it
 * is. */
static void remember(struct account *a)
{
	pthread_mutex_lock(&a->lock);
	bool known = a->known;
	pthread_mutex_unlock(&a->lock);
	if (known)
		behind_run(&a->writer);
}

/* The service names another host. */
static void on_moved(void *arg, const char *new_origin)
{
	struct account *a = arg;
	struct qx_fail ignored;
	struct base_url moved;

	if (url_parse_base(new_origin, &moved, &ignored) < 0)
		return;
	log_info(TOPIC, "%s names %s as this account's host", a->configured.host, moved.host);
	pthread_mutex_lock(&a->lock);
	a->moved = moved;
	pthread_mutex_unlock(&a->lock);
	remember(a);
}

/* What a refused token may not read it may not read without network either, nor the next mount. */
static void on_token(void *arg, bool refused)
{
	struct account *a = arg;

	pthread_mutex_lock(&a->lock);
	bool news = a->refused != refused;
	a->refused = refused;
	pthread_mutex_unlock(&a->lock);
	if (news)
		remember(a);
}

bool account_is_doubted(struct account *a)
{
	pthread_mutex_lock(&a->lock);
	bool doubted = a->refused;
	pthread_mutex_unlock(&a->lock);
	return doubted;
}

bool account_moved(struct account *a, struct base_url *ret)
{
	pthread_mutex_lock(&a->lock);
	*ret = a->moved;
	pthread_mutex_unlock(&a->lock);
	return ret->origin[0] != '\0';
}

void account_follow(struct account *a, struct client *c)
{
	client_on_moved(c, on_moved, a);
	client_on_token(c, on_token, a);
}

/* --- whoami --- */

static int take_answer(struct account *a, const struct json *answer, struct qx_fail *fail)
{
	const char *brand = json_str(answer, "result.brandId");
	const char *user = json_str(answer, "result.userId");

	if (!brand || !*brand || !user || !*user) {
		fail_set(fail, EBADMSG, "%s does not say whose token it is", a->configured.host);
		fail_remedy(fail,
		            "Check the host: Account Settings > Qualtrics IDs names your data "
		            "centre");
		return -EBADMSG;
	}

	hash_hex(a->id, (const char *const[]){ a->configured.host, brand, user, NULL });
	(void)snprintf(a->brand, sizeof(a->brand), "%s", brand); /* for people; the hash is not cut
	                                                          */
	(void)snprintf(a->user, sizeof(a->user), "%s", user);
	pthread_mutex_lock(&a->lock);
	a->known = true;
	a->refused = false;
	pthread_mutex_unlock(&a->lock);
	return 0;
}

/* What the service itself said, behind our words for it. */
static const char *said(const struct qx_fail *f)
{
	const char *colon = strstr(f->why, ": ");
	return colon && strncmp(colon, ": HTTP ", 7) != 0 ? colon : "";
}

/* The service's refusal in the words of somebody who has just typed `qxfs`. */
static void reword(const struct account *a, struct qx_fail *fail)
{
	const struct qx_fail f = *fail;
	const char *host = a->configured.host;

	if (a->oauth && f.http == 401) {
		fail_set(fail, EACCES, "%s: %s", host, f.why);
		fail_remedy(fail, "%s", f.remedy);
	} else if (f.http == 401 || f.http == 403) {
		fail_set(fail, EACCES, "the token was refused by %s (%d%s%s%s)", host, f.http,
		         f.code[0] ? ", " : "", f.code, said(&f));
		fail_remedy(fail, "Make a new one under Account Settings > Qualtrics IDs and set "
		                  "QUALTRICS_API_TOKEN, or put it in the token_file");
	} else if (f.unreachable) {
		fail_remedy(fail, "Check the network, and QUALTRICS_BASE_URL: Account Settings > "
		                  "Qualtrics IDs names your data centre");
	} else if (f.http == 404) {
		fail_set(fail, f.err, "%s answers, but not as the Qualtrics API does", host);
		fail_remedy(fail,
		            "Check QUALTRICS_BASE_URL: Account Settings > Qualtrics IDs names "
		            "your data centre");
	}
	fail->http = f.http;
	fail->unreachable = f.unreachable;
	memcpy(fail->code, f.code, sizeof(fail->code));
	memcpy(fail->request_id, f.request_id, sizeof(fail->request_id));
}

struct wait {
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done; /* guarded by lock */
};

static void on_asked(struct call *call)
{
	struct wait *w = call->arg;

	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->over); /* under the lock: the waiter frees it */
	pthread_mutex_unlock(&w->lock);
}

static void wait_for_answer(struct wait *w, const char *host)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&w->lock);
	while (!w->done && pthread_cond_timedwait(&w->over, &w->lock, &until) == 0)
		;
	bool told = !w->done;
	pthread_mutex_unlock(&w->lock);

	if (told)
		say("waiting for %s …", host);
	pthread_mutex_lock(&w->lock);
	while (!w->done)
		pthread_cond_wait(&w->over, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

int account_ask(struct account *a, struct client *c, struct qx_fail *fail)
{
	struct wait w = { .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_condattr_t monotonic;
	struct call call = {
		.ep = EP_WHOAMI,
		.class = CLASS_PERSON,
		.uid = geteuid(),
		.bound_ms = ASK_BOUND_MS,
		.sink_fd = -1,
		.on_done = on_asked,
		.arg = &w,
	};

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w.over, &monotonic);
	client_start(c, &call);
	wait_for_answer(&w, a->configured.host);
	pthread_cond_destroy(&w.over);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_destroy(&w.lock);

	int r = 0;
	if (call.fail.err != 0) {
		*fail = call.fail;
		reword(a, fail);
		r = -fail->err;
	} else {
		r = take_answer(a, call.answer, fail);
	}
	call_clear(&call);
	if (r == 0)
		write_known(a);
	return r;
}

static void warn_of(const struct account *a, const struct qx_fail *f)
{
	if (a->oauth && f->http == 401)
		log_warn(TOPIC, "%s: %s. %s", a->configured.host, f->why, f->remedy);
	else
		log_warn(TOPIC,
		         "the token was refused by %s (%d %s): make a new one under Account "
		         "Settings > Qualtrics IDs, then mount again",
		         a->configured.host, f->http, f->code);
}

/* On the network thread. */
static void on_checked(struct call *call)
{
	struct account *a = call->arg;
	const char *user = call->answer ? json_str(call->answer, "result.userId") : NULL;
	bool refused = call->fail.http == 401 || call->fail.http == 403;

	if (refused && !a->told)
		warn_of(a, &call->fail);
	else if (!refused && call->fail.err != 0 && call->fail.err != ECANCELED)
		log_info(TOPIC, "%s was not reached: %s", a->configured.host, call->fail.why);
	else if (call->fail.err == 0 && (!user || strncmp(user, a->user, NAME_SIZE - 1) != 0))
		log_warn(TOPIC, "%s says that the token is another user's now", a->configured.host);
	a->told = refused || (a->told && call->fail.err != 0);
	call_clear(call);
	pthread_mutex_lock(&a->lock);
	a->checking = false;
	pthread_mutex_unlock(&a->lock);
}

void account_check(struct account *a, struct client *c)
{
	pthread_mutex_lock(&a->lock);
	bool is_asked = a->checking;
	a->checking = true;
	pthread_mutex_unlock(&a->lock);
	if (is_asked)
		return;
	a->check = (struct call){
		.ep = EP_WHOAMI,
		.class = CLASS_BACKGROUND,
		.uid = geteuid(),
		.sink_fd = -1,
		.on_done = on_checked,
		.arg = a,
	};
	client_start(c, &a->check);
}

static void on_quiet(void *arg)
{
	struct account *a = arg;
	account_check(a, a->watched);
}

void account_watch(struct account *a, struct client *c)
{
	a->watched = c;
	client_on_quiet(c, DAY_MS, on_quiet, a);
}

/* --- life --- */

static int open_known(const char *state_parent, struct qx_fail *fail)
{
	struct buf path = { 0 };

	buf_addf(&path, "%s/known", state_parent);
	int fd = buf_failed(&path) ? -ENOMEM : sys_open_private_dir(buf_text(&path));
	if (fd == -EPERM) {
		fail_set(fail, EPERM, "other users may look into %s, or own it", buf_text(&path));
		qx_auto_free char *word = sys_shell_word(buf_text(&path));
		fail_remedy(fail, "chmod 700 %s", word);
	} else if (fd < 0) {
		fail_set(fail, -fd, "the folder %s cannot be used: %s", buf_text(&path),
		         strerror(-fd));
		fail_remedy(fail, "choose another place with -o state_dir=DIR");
	}
	buf_done(&path);
	return fd;
}

static void name_known(const struct client_config *c, char out[HASH_HEX_SIZE])
{
	if (c->oauth.secret)
		hash_hex(out, (const char *const[]){ "known-oauth", c->base.host, c->oauth.id,
		                                     secret_reveal(c->oauth.secret), NULL });
	else
		hash_hex(out, (const char *const[]){ "known", c->base.host, secret_reveal(c->token),
		                                     NULL });
}

int account_new(const char *state_parent, const struct client_config *config, struct account **ret,
                struct qx_fail *fail)
{
	int fd = open_known(state_parent, fail);
	if (fd < 0)
		return fd;

	struct account *a = calloc(1, sizeof(*a));
	if (!a) {
		close(fd);
		return fail_set(fail, ENOMEM, "there is no memory left");
	}
	a->known_fd = fd;
	a->configured = config->base;
	a->base = config->base;
	a->oauth = config->oauth.secret != NULL;
	pthread_mutex_init(&a->lock, NULL);
	pthread_mutex_init(&a->write_lock, NULL);
	behind_init(&a->writer, write_behind, a);
	name_known(config, a->known_name);
	read_known(a);
	*ret = a;
	return 0;
}

void account_free(struct account *a)
{
	if (!a)
		return;
	behind_done(&a->writer);
	close(a->known_fd);
	pthread_mutex_destroy(&a->lock);
	pthread_mutex_destroy(&a->write_lock);
	free(a);
}
