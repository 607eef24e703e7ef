/* credentials.c: whose account, and where. */
#include "credentials.h"

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

int credentials_take_token(char *text, const char *where, char **ret, struct qx_fail *fail)
{
	const char *start = skip_blanks(text);
	size_t len = strlen(start);
	int r = 0;

	while (len > 0 && strchr(BLANKS, start[len - 1]))
		len--;
	if (len == 0) {
		r = fail_set(fail, EINVAL, "%s holds no API token", where);
		fail_remedy(fail, WHERE_TOKENS_ARE);
	} else if (len > TOKEN_MAX) {
		r = fail_set(fail, EINVAL, "%s holds something far too long for an API token",
		             where);
	}
	for (size_t i = 0; r == 0 && i < len; i++) {
		if (start[i] <= ' ' || start[i] > '~') {
			r = fail_set(fail, EINVAL,
			             "the API token in %s has a blank, a line break or "
			             "another character inside that no token has",
			             where);
			fail_remedy(fail, "Copy it again, alone; " WHERE_TOKENS_ARE);
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

/* --- the file --- */

static int read_file(const char *path, char **ret, struct qx_fail *fail)
{
	char text[TOKEN_MAX + 512]; /* room for white space around it */
	size_t len = 0;
	ssize_t n = 0;

	qx_auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_set(fail, errno, "the token file %s cannot be read: %s", path,
		                strerror(errno));
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
		r = fail_set(fail, errno, "the token file %s cannot be read: %s", path,
		             strerror(errno));
	else if (memchr(text, '\0', len))
		r = fail_set(fail, EINVAL, "the token file %s is not a text file", path);
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

static bool has_token(const struct profile *p)
{
	return p && (p->token || p->token_file || p->token_command);
}

static int token_of_profile(const struct profile *p, char **ret, struct qx_fail *fail)
{
	char *text = NULL;
	int r = 0;

	if (p->token_file)
		return read_file(p->token_file, ret, fail);
	if (p->token_command)
		r = profile_run_command(p->token_command, &text, fail);
	else
		text = strdup(p->token);
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
		r = fail_set(fail, ENOENT, "the profile has a token and no host");
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
		r = own ? token_of_profile(profile, &found.token, fail) : no_token(fail);
	credentials_wipe_environment();
	if (r == 0)
		*ret = found;
	return r;
}

void credentials_done(struct credentials *c)
{
	secret_free_text(c->token);
	*c = (struct credentials){ 0 };
}
