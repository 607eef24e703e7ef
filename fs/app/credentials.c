/* credentials.c: whose account, and where. */
#include "credentials.h"

#include "keyring.h"
#include "private.h"

#include <qxfs/base/secret.h>
#include <qxfs/base/sys.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_MAX 4096 /* a token has 40 characters; an OAuth one may have some thousand */
#define BLANKS " \t\r\n"
#define HOST_NAME "QUALTRICS_BASE_URL"
#define WHERE_TOKENS_ARE "Account Settings > Qualtrics IDs > API in Qualtrics shows it"
#define WHERE_CLIENTS_ARE \
	"Account Settings > Qualtrics IDs > OAuth Client Manager in Qualtrics has it"

static const char *const token_names[] = { "QUALTRICS_API_TOKEN", "QUALTRICS_API_KEY" };

/* --- the environment --- */

static void wipe_variable(const char *name)
{
	size_t len = strlen(name);

	/* Every one of that name: getenv shows only the first. */
	for (char **entry = environ; entry && *entry; entry++) {
		if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=')
			explicit_bzero(*entry + len + 1, strlen(*entry + len + 1));
	}
	(void)unsetenv(name); /* fails for a name with '=' only */
}

void credentials_wipe_environment(void)
{
	for (size_t i = 0; i < countof(token_names); i++)
		wipe_variable(token_names[i]);
}

/* --- what a token looks like --- */

/* Also the mark that Windows' editors put in front of a text. */
static const char *skip_blanks(const char *text)
{
	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	return text + strspn(text, BLANKS);
}

/* What is taken, and where a person finds it. */
struct kind {
	const char *a; /* "an API token" */
	const char *where;
};

static const struct kind token_kind = { "API token", WHERE_TOKENS_ARE };
static const struct kind id_kind = { "OAuth client id", WHERE_CLIENTS_ARE };
static const struct kind secret_kind = { "OAuth client secret", WHERE_CLIENTS_ARE };

static int take(char *text, const struct kind *kind, const char *where, char **ret,
                struct qx_fail *fail)
{
	const char *start = skip_blanks(text);
	size_t len = strlen(start);
	int r = 0;

	while (len > 0 && strchr(BLANKS, start[len - 1]))
		len--;
	if (len == 0) {
		r = fail_set(fail, EINVAL, "%s holds no %s", where, kind->a);
		fail_remedy(fail, "%s", kind->where);
	} else if (len > TOKEN_MAX) {
		r = fail_set(fail, EINVAL, "%s holds something far too long for an %s", where,
		             kind->a);
		fail_remedy(fail, "%s", kind->where);
	}
	for (size_t i = 0; r == 0 && i < len; i++) {
		if (start[i] <= ' ' || start[i] > '~') {
			r = fail_set(fail, EINVAL,
			             "the %s in %s has a blank, a line break or another character "
			             "inside that none has",
			             kind->a, where);
			fail_remedy(fail, "Copy it again, alone; %s", kind->where);
		}
	}
	if (r == 0) {
		*ret = strndup(start, len);
		if (!*ret)
			r = fail_set(fail, ENOMEM, "there is no memory left");
	}
	explicit_bzero(text, strlen(text));
	return r;
}

int credentials_take_token(char *text, const char *where, char **ret, struct qx_fail *fail)
{
	return take(text, &token_kind, where, ret, fail);
}

int credentials_take_client(char *id, char *secret, const char *where, struct credentials *ret,
                            struct qx_fail *fail)
{
	char *own = NULL;

	int r = take(id, &id_kind, where, &own, fail);
	if (r == 0 && strchr(own, ':')) { /* HTTP Basic ends it there */
		r = fail_set(fail, EINVAL, "the OAuth client id in %s has a ':'", where);
		fail_remedy(fail, "%s", WHERE_CLIENTS_ARE);
	}
	if (r == 0)
		r = take(secret, &secret_kind, where, &ret->token, fail);
	if (r < 0) {
		explicit_bzero(secret, strlen(secret));
		free(own);
		return r;
	}
	ret->client_id = own;
	return 0;
}

/* --- the file --- */

static int no_use(const char *path, int err, struct qx_fail *fail)
{
	int r = fail_set(fail, err, "the token file %s cannot be read: %s", path,
	                 err == EINVAL ? "it is not a text file" : strerror(err));
	fail_remedy(fail,
	            "token_file= names a file of yours with the token alone in it, mode 0600");
	return r;
}

static int read_file(const char *path, char **ret, struct qx_fail *fail)
{
	char text[TOKEN_MAX + 512]; /* room for white space around it */
	size_t len = 0;
	ssize_t n = 0;

	qx_auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return no_use(path, errno, fail);
	int r = private_check(fd, "the token file ", path, true, fail);
	if (r < 0)
		return r;

	while (len < sizeof(text) - 1) {
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	if (n < 0)
		r = no_use(path, errno, fail);
	else if (memchr(text, '\0', len))
		r = no_use(path, EINVAL, fail);
	else
		r = credentials_take_token(text, path, ret, fail);
	explicit_bzero(text, sizeof(text));
	return r;
}

/* --- the first found wins --- */

static char *token_of_environment(const char **ret_name)
{
	for (size_t i = 0; i < countof(token_names); i++) {
		char *text = getenv(token_names[i]);
		*ret_name = token_names[i];
		if (text && *text)
			return text;
	}
	return NULL;
}

/* Of a profile with a host the keyring may have what the file has not. */
static bool has_token(const struct profile *p)
{
	return p && (p->token || p->token_file || p->token_command || p->client_id ||
	             (p->found && p->host));
}

static int secret_of_keyring(const struct profile *p, const struct base_url *base, char **ret,
                             struct qx_fail *fail)
{
	const struct keyring_item item = {
		.profile = p->name,
		.host = base->origin,
		.client = p->client_id != NULL,
	};
	return keyring_find(&item, ret, fail);
}

static int client_of_profile(const struct profile *p, struct credentials *ret, struct qx_fail *fail)
{
	char *id = strdup(p->client_id), *secret = NULL;
	int r = 0;

	if (p->client_secret)
		secret = strdup(p->client_secret);
	else
		r = secret_of_keyring(p, &ret->base, &secret, fail);
	if (r == 0)
		r = id && secret ? credentials_take_client(id, secret, "the profile", ret, fail)
		                 : fail_set(fail, ENOMEM, "there is no memory left");

	ret->scope = r == 0 && p->scope && *p->scope ? strdup(p->scope) : NULL;
	secret_free_text(secret);
	free(id);
	return r;
}

static int token_of_profile(const struct profile *p, struct credentials *found,
                            struct qx_fail *fail)
{
	char **ret = &found->token, *text = NULL;
	int r = 0;

	if (p->client_id)
		return client_of_profile(p, found, fail);
	if (p->token_file)
		return read_file(p->token_file, ret, fail);
	if (p->token_command)
		r = profile_run_command(p->token_command, &text, fail);
	else if (p->token)
		text = strdup(p->token);
	else
		r = secret_of_keyring(p, &found->base, &text, fail);
	if (r == 0)
		r = text ? credentials_take_token(text, "the profile", ret, fail)
		         : fail_set(fail, ENOMEM, "there is no memory left");
	secret_free_text(text);
	return r;
}

static int no_token(struct qx_fail *fail)
{
	int r = fail_set(fail, ENOENT,
	                 "there is no API token: neither %s nor -o token_file=FILE is set, nor "
	                 "has the profile one",
	                 token_names[0]);
	fail_remedy(fail,
	            WHERE_TOKENS_ARE ", and 'qxfs login' asks for it; 'qxfs demo' needs none");
	return r;
}

int credentials_parse_host(const char *text, struct base_url *ret, struct qx_fail *fail)
{
	qx_auto_free char *host = strdup(skip_blanks(text));

	if (!host)
		return fail_set(fail, ENOMEM, "there is no memory left");
	for (size_t len = strlen(host); len > 0 && strchr(BLANKS, host[len - 1]); len--)
		host[len - 1] = '\0';
	return *host ? url_parse_base(host, ret, fail) : -ENOENT;
}

/* `from`: the setting's name. */
static int parse_base(const char *text, const char *from, struct base_url *ret,
                      struct qx_fail *fail)
{
	struct qx_fail why;

	int r = credentials_parse_host(text, ret, &why);
	if (r < 0 && r != -ENOENT) {
		fail_set(fail, why.err, "%s: %s", from, why.why);
		fail_remedy(fail, "%s", why.remedy);
	}
	return r;
}

/* own: the token is the profile's, which never goes to another host than the profile names. */
static int read_base(const struct profile *profile, bool own, struct base_url *ret,
                     struct qx_fail *fail)
{
	const char *text = own ? NULL : getenv(HOST_NAME);
	int r = text ? parse_base(text, HOST_NAME, ret, fail) : -ENOENT;

	if (r != -ENOENT)
		return r;
	if (profile && profile->host)
		r = parse_base(profile->host, "the profile's host", ret, fail);
	if (r != -ENOENT)
		return r;
	if (own) {
		r = fail_set(fail, ENOENT, "the profile has a %s and no host",
		             profile->client_id ? "client_id" : "token");
		fail_remedy(fail,
		            "Write host = fra1.qualtrics.com, or what your data centre is, into "
		            "it: Account Settings > Qualtrics IDs shows it");
		return r;
	}
	r = fail_set(fail, ENOENT, HOST_NAME " is not set");
	fail_remedy(fail, "'qxfs login' asks for your account, once; or name your data centre, as "
	                  "in 'export " HOST_NAME
	                  "=fra1.qualtrics.com': Account Settings > Qualtrics IDs shows it");
	return r;
}

const char *credentials_in_environment(void)
{
	const char *name = NULL;
	return token_of_environment(&name) ? name : NULL;
}

int credentials_read(const struct profile *profile, const char *token_file, struct credentials *ret,
                     struct qx_fail *fail)
{
	struct credentials found = { 0 };
	const char *name = NULL;
	char *text = token_of_environment(&name);
	bool own = !token_file && !text && has_token(profile);

	int r = read_base(profile, own, &found.base, fail);
	if (r < 0)
		;
	else if (token_file)
		r = read_file(token_file, &found.token, fail);
	else if (text)
		r = credentials_take_token(text, name, &found.token, fail);
	else
		r = own ? token_of_profile(profile, &found, fail) : no_token(fail);
	credentials_wipe_environment();
	if (r == 0)
		*ret = found;
	else
		credentials_done(&found);
	return r;
}

int credentials_give(const struct credentials *c, struct client_config *ret, struct qx_fail *fail)
{
	struct secret *secret = secret_new(c->token);

	if (!secret)
		return fail_set(fail, ENOMEM, "there is no memory left");
	ret->base = c->base;
	if (c->client_id)
		ret->oauth = (struct oauth_client){ c->client_id, secret, c->scope };
	else
		ret->token = secret;
	return 0;
}

void credentials_done(struct credentials *c)
{
	secret_free_text(c->token);
	free(c->client_id);
	free(c->scope);
	*c = (struct credentials){ 0 };
}
