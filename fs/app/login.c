/* login.c: qxfs login. */
#include "login.h"

#include "account.h"
#include "commands.h"
#include "credentials.h"
#include "keyring.h"
#include "places.h"
#include "profile.h"
#include "say.h"

#include <qxfs/base/log.h>
#include <qxfs/base/sys.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

#define LINE_BYTES 4608

/* --- a line from a person --- */

static const int enders[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static volatile sig_atomic_t ended_by;

static void on_end(int sig)
{
	ended_by = sig;
}

/* Bytes one by one: what follows the line is the next question's. -EINTR: a signal; -ENODATA: there
 * is no line. */
static int read_line(char line[LINE_BYTES])
{
	size_t len = 0;
	ssize_t n = 0;

	while (!ended_by && len < LINE_BYTES - 1) {
		n = read(STDIN_FILENO, line + len, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || line[len] == '\n')
			break;
		len++;
	}
	line[len] = '\0';
	if (ended_by)
		return -EINTR;
	if (len == LINE_BYTES - 1)
		return -EFBIG;
	return n < 0 ? -errno : n == 0 && len == 0 ? -ENODATA : strlen(line) != len ? -EINVAL : 0;
}

/* A signal must find the terminal as it was; a stopped program would leave it silent. */
static int read_silently(const char *question, char line[LINE_BYTES])
{
	struct sigaction end = { .sa_handler = on_end }, ignore = { .sa_handler = SIG_IGN };
	struct sigaction before[countof(enders)], stop_before;
	struct termios loud, silent;

	if (tcgetattr(STDIN_FILENO, &loud) < 0) /* not a terminal */
		return read_line(line);
	for (size_t i = 0; i < countof(enders); i++)
		(void)sigaction(enders[i], &end, &before[i]);
	(void)sigaction(SIGTSTP, &ignore, &stop_before);
	silent = loud;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	/* The question comes when nothing is shown any longer. */
	int r = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0 ? -errno : 0;
	if (r == 0) {
		fputs(question, stderr);
		r = read_line(line);
		fputc('\n', stderr);
	}
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &loud);
	(void)sigaction(SIGTSTP, &stop_before, NULL);
	for (size_t i = 0; i < countof(enders); i++)
		(void)sigaction(enders[i], &before[i], NULL);
	return r;
}

static int tell_unread(int r, const char *what, struct qx_fail *fail)
{
	if (r == -EINTR)
		return fail_set(fail, EINTR, "nothing was kept");
	if (r == -ENODATA)
		return fail_set(fail, EINVAL, "no %s was given", what);
	if (r == -EINVAL || r == -EFBIG)
		return fail_set(fail, EINVAL, "what was typed is no %s", what);
	return fail_set(fail, -r, "standard input: %s", strerror(-r));
}

static int ask_host(const char *known, bool oauth, struct base_url *ret, struct qx_fail *fail)
{
	char line[LINE_BYTES];

	if (isatty(STDIN_FILENO)) {
		fputs(oauth ? "In Qualtrics, Account Settings > Qualtrics IDs shows the data "
		              "centre "
		              "(\"Datacenter ID\") in the\nbox User; its OAuth Client Manager "
		              "makes "
		              "clients, and shows a secret once.\n"
		            : "In Qualtrics, Account Settings > Qualtrics IDs shows both: the data "
		              "centre (\"Datacenter ID\") in\nthe box User, the token in the box "
		              "API. (An OAuth client instead: qxfs login --oauth)\n",
		      stderr);
		fprintf(stderr, "Data centre, as fra1.qualtrics.com%s%s%s: ", known ? " [" : "",
		        known ? known : "", known ? "]" : "");
	}
	int r = read_line(line);
	if (r < 0)
		return tell_unread(r, "data centre", fail);

	r = credentials_parse_host(line, ret, fail);
	if (r == -ENOENT)
		r = known ? url_parse_base(known, ret, fail)
		          : tell_unread(-ENODATA, "data centre", fail);
	return r;
}

static int ask_token(char **ret, struct qx_fail *fail)
{
	char line[LINE_BYTES];

	int r = read_silently("API token (not shown): ", line);
	r = r < 0 ? tell_unread(r, "API token", fail)
	          : credentials_take_token(line, "what was typed", ret, fail);
	explicit_bzero(line, sizeof(line));
	return r;
}

static int ask_shown(const char *question, const char *what, bool may_lack, char line[LINE_BYTES],
                     struct qx_fail *fail)
{
	if (isatty(STDIN_FILENO))
		fputs(question, stderr);
	int r = read_line(line);
	if (r == -ENODATA && may_lack)
		return 0;
	return r < 0 ? tell_unread(r, what, fail) : 0;
}

static int ask_client(struct credentials *ret, struct qx_fail *fail)
{
	char id[LINE_BYTES], secret[LINE_BYTES], scope[LINE_BYTES];

	int r = ask_shown("OAuth client id: ", "OAuth client id", false, id, fail);
	if (r < 0)
		return r;
	r = read_silently("OAuth client secret (not shown): ", secret);
	r = r < 0 ? tell_unread(r, "OAuth client secret", fail)
	          : credentials_take_client(id, secret, "what was typed", ret, fail);
	explicit_bzero(secret, sizeof(secret));
	if (r == 0)
		r = ask_shown("Scopes, as the client has them (Enter: none are named): ", "scope",
		              true, scope, fail);
	if (r < 0)
		return r;
	scope[strcspn(scope, "\r")] = '\0';
	if (scope[0]) {
		ret->scope = strdup(scope);
		r = ret->scope ? 0 : fail_set(fail, ENOMEM, "there is no memory left");
	}
	return r;
}

/* --- whose it is --- */

struct login {
	const char *profile;
	struct profile before;
	struct places places;
	struct credentials given;
	bool oauth;
	bool in_keyring, in_file; /* where it was said to be kept; in_keyring also if one is there
	                           */
	char user[128];
};

/* The token is needed again afterwards. */
static int make_config(const struct login *l, struct client_config *ret, struct qx_fail *fail)
{
	struct credentials copy = l->given;

	copy.token = strdup(l->given.token);
	int r = copy.token ? credentials_give(&copy, ret, fail)
	                   : fail_set(fail, ENOMEM, "there is no memory left");
	free(copy.token); /* wiped by then */
	return r;
}

/* *ret_moved: the host that the service names instead; its origin is "" without one. */
static int ask_service(struct login *l, struct base_url *ret_moved, struct qx_fail *fail)
{
	struct client *client = NULL;
	struct account *account = NULL;
	struct client_config config = {
		.limits = { .requests = 1, .jobs = 1, .brand_per_minute = 60, .share = 1 },
	};

	ret_moved->origin[0] = '\0';
	int r = make_config(l, &config, fail);
	if (r == 0)
		r = account_new(l->places.state, &config, &account, fail);
	if (r == 0) {
		r = client_new(&config, &client);
		if (r < 0)
			fail_set(fail, -r, "the network cannot be used: %s", strerror(-r));
	}
	if (r < 0) {
		secret_free(config.token);
		secret_free(config.oauth.secret);
	} else {
		account_follow(account, client);
		r = account_ask(account, client, fail);
		client_stop(client);
		(void)account_moved(account, ret_moved);
		(void)snprintf(l->user, sizeof(l->user), "%s", account_user(account));
	}
	account_free(account);
	client_free(client);
	return r;
}

/* As it is written into a profile. */
static const char *host_of(const struct base_url *base)
{
	return strncmp(base->origin, "https://", 8) == 0 ? base->origin + 8 : base->origin;
}

/* A host names the folders of cache and imports: that of a profile in use is kept, and its mounts
 * follow the notice. */
static bool is_in_use(const struct login *l)
{
	struct base_url old;
	struct qx_fail ignored;

	return l->before.host && url_parse_base(l->before.host, &old, &ignored) == 0 &&
	       strcmp(old.origin, l->given.base.origin) == 0;
}

static int check(struct login *l, struct qx_fail *fail)
{
	struct base_url moved = { 0 };

	int r = ask_service(l, &moved, fail);
	if (r < 0 || !moved.origin[0] || is_in_use(l))
		return r;
	say("%s says that the account lives at %s; that is kept", l->given.base.host, moved.host);
	l->given.base = moved;
	return ask_service(l, &moved, fail);
}

/* --- the command --- */

/* What is superfluous may be a token: it is not repeated. */
static int take_words(int argc, char *const argv[], struct login *l, struct qx_fail *fail)
{
	const struct flag flags[] = { { "--oauth", &l->oauth },
		                      { "--keyring", &l->in_keyring },
		                      { "--file", &l->in_file },
		                      { 0 } };
	const char **ret = &l->profile;

	for (; argc > 0 && strncmp(argv[0], "--", 2) == 0; argc--, argv++) {
		bool known = take_flag(argv[0], flags);
		if (!known || (l->in_keyring && l->in_file)) {
			fail_set(fail, EINVAL,
			         known ? "it is one of --keyring and --file"
			               : "login knows no such flag");
			fail_remedy(fail, "qxfs login [--oauth] [--keyring|--file] [PROFILE]");
			return -EINVAL;
		}
	}
	*ret = argc > 0 ? argv[0] : PROFILE_DEFAULT;
	if (argc > 1) {
		fail_set(fail, EINVAL, "login takes the name of one profile, and nothing else");
		fail_remedy(fail, "host and token are asked for: what stands in a command can be "
		                  "seen by other users");
		return -EINVAL;
	}
	if (profile_is_name(*ret))
		return 0;
	fail_set(fail, EINVAL, "this is no name for a profile");
	fail_remedy(fail, "it may have letters, digits, '.', '_' and '-', up to 32: qxfs login "
	                  "work");
	return -EINVAL;
}

static int keep(const struct login *l, char **ret_path, struct qx_fail *fail)
{
	const struct keyring_item item = {
		.profile = l->profile,
		.host = l->given.base.origin,
		.client = l->oauth,
	};
	char *secret = l->in_keyring ? NULL : l->given.token;
	char host[sizeof(l->given.base.origin)];
	struct profile given = {
		/* nothing of it is its own */
		.host = host,
		.token = l->oauth ? NULL : secret,
		.client_id = l->given.client_id,
		.client_secret = l->oauth ? secret : NULL,
		.scope = l->given.scope,
	};

	(void)snprintf(host, sizeof(host), "%s", host_of(&l->given.base));
	int r = l->in_keyring ? keyring_keep(&item, l->given.token, fail) : 0;
	if (r == 0)
		r = profile_write(l->profile, &given, ret_path, fail);
	if (r == 0) /* only now: what it has besides is of no use any more */
		keyring_forget(l->profile, l->in_keyring ? &item : NULL);
	return r;
}

/* Without a word about it the keyring is taken if there is one that is open. */
static int choose_place(struct login *l, struct qx_fail *fail)
{
	struct qx_fail none;

	if (l->in_file)
		return 0;
	if (l->in_keyring)
		return keyring_probe(fail);
	int r = keyring_probe(&none);
	l->in_keyring = r == 0;
	if (r == -EACCES)
		say("the keyring is locked: it will be kept in a file");
	return 0;
}

static int log_in(struct login *l, char **ret_path, struct qx_fail *fail)
{
	/* -ENOENT: it is made here. What else is wrong with the file is told before any question.
	 */
	int r = profile_read(l->profile, &l->before, fail);
	if (r == -ENOENT)
		r = 0;
	if (r == 0)
		r = choose_place(l, fail);
	if (r == 0)
		r = places_find(NULL, NULL, &l->places, fail);
	if (r == 0)
		r = ask_host(l->before.host, l->oauth, &l->given.base, fail);
	if (r == 0)
		r = l->oauth ? ask_client(&l->given, fail) : ask_token(&l->given.token, fail);
	if (r == 0)
		r = check(l, fail);
	return r == 0 ? keep(l, ret_path, fail) : r;
}

static void tell_kept(const struct login *l, const char *path, const char *winner)
{
	bool is_default = strcmp(l->profile, PROFILE_DEFAULT) == 0;

	say("the %s is %s's at %s; it is kept in %s%s, profile %s. To mount: qxfs %s%s"
	    "~/qualtrics",
	    l->oauth ? "OAuth client" : "token", l->user, l->given.base.host,
	    l->in_keyring ? "the keyring, its host in " : "", path, l->profile,
	    is_default ? "" : l->profile, is_default ? "" : " ");
	if (winner)
		say("%s is set in this shell and wins over the profile; 'unset %s' ends that",
		    winner, winner);
}

int command_login(int argc, char *const argv[])
{
	struct login l = { 0 };
	struct qx_fail fail = { 0 };
	char *path = NULL;
	int status = STATUS_OK;
	const char *winner = credentials_in_environment();

	credentials_wipe_environment();
	(void)prctl(PR_SET_DUMPABLE, 0);
	log_setup(LOG_LEVEL_WARN, false);
	int r = take_words(argc, argv, &l, &fail);
	if (r == 0)
		r = log_in(&l, &path, &fail);
	if (r < 0)
		status = say_fail(&fail);
	else
		tell_kept(&l, path, winner);
	if (ended_by)
		status = STATUS_INTERRUPTED + ended_by;
	credentials_done(&l.given);
	free(path);
	profile_done(&l.before);
	places_done(&l.places);
	(void)prctl(PR_SET_DUMPABLE, 1); /* for leak checkers: it is wiped */
	return status;
}
