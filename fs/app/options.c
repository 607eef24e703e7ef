/* options.c: the command line as two tables. */
#include "options.h"

#include "values.h"

#include <qxfs/base/nearest.h>
#include <qxfs/base/sys.h>
#include <qxfs/tree/config.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define YEAR_S (366LL * 86400)
#define HELP_COLUMN 23
#define WORD_MAX 64

/* --- the tables --- */

static const struct {
	char letter;
	const char *word;
	const char *help;
	size_t where; /* a bool of struct options */
} flags[] = {
	{ 'f', NULL, "stay in the foreground, log to standard error",
	  offsetof(struct options, foreground) },
	{ 'd', NULL, "as -f, with log=debug and every request of the kernel",
	  offsetof(struct options, debug) },
	{ 'h', "--help", "print this text", offsetof(struct options, help) },
	{ 'V', "--version", "print the version", offsetof(struct options, version) },
	{ 0, "--print-tree", "print what a mount holds, a line for each kind of path",
	  offsetof(struct options, print_tree) },
	{ 0, "--print-parameters", "print what may stand in dates/ and with/ of a survey",
	  offsetof(struct options, print_parameters) },
};

struct option_row {
	const char *name;
	const char *argument; /* what --help calls the value; NULL: takes none */
	const char *standard; /* the default, as one would write it; NULL: none */
	enum value_kind kind;
	size_t where; /* of its field in struct options */
	int64_t min, max;
	const char *help;
};

#define FIELD(field) offsetof(struct options, field)
static const struct option_row rows[] = {
	{ "fresh", "SECONDS", "300", VALUE_NUMBER, FIELD(fresh_s), 0, YEAR_S,
	  "how long a file counts as current" },
	{ "max_stale", "SPAN", "7d", VALUE_SPAN, FIELD(max_stale_s), 0, 10 * YEAR_S,
	  "how old what is served without network may be" },
	{ "strict", NULL, NULL, VALUE_NONE, FIELD(strict), 0, 0,
	  "without network serve only what is fresh, as max_stale=0" },
	{ "refresh", "HOW", "append", VALUE_REFRESH, FIELD(refresh), 0, 0,
	  "of changed surveys: append: only what is new, where that is safe; full: all" },
	{ "open_wait", "SECONDS", "0", VALUE_NUMBER, FIELD(open_wait_s), 0, YEAR_S,
	  "how long opening a file may wait; 0: as long as it takes" },
	{ "prefetch", "NUMBER", "0", VALUE_COUNT, FIELD(prefetch), 0, PREFETCH_MAX,
	  "so many of the exports opened last are refreshed before they are opened again" },
	{ "notify", "SPAN", NULL, VALUE_SPAN, FIELD(notify_s), 0, 86400,
	  "a wait of so long is told on your desktop; 0: none (default: 10, for root 0)" },
	{ "export_budget", "NUMBER", "300", VALUE_COUNT, FIELD(export_budget), 0, INT32_MAX,
	  "first exports that one session may begin within ten minutes; 0: any number" },
	{ "crawlers", "NAMES", NULL, VALUE_NAMES, FIELD(crawlers), 0, 0,
	  "programs that begin no export, as NAME:NAME (default: the usual indexers)" },
	{ "share", "PART", "0.8", VALUE_SHARE, FIELD(share_permille), 10, 1000,
	  "the part of the account's calls per minute to use, 0.01 to 1" },
	{ "job_timeout", "SECONDS", "10800", VALUE_NUMBER, FIELD(job_timeout_s), 1, YEAR_S,
	  "an export that does not move for so long has failed" },
	{ "cache_dir", "DIR", NULL, VALUE_PATH, FIELD(cache_dir), 0, 0,
	  "where exports are kept, instead of ~/.cache/qxfs" },
	{ "state_dir", "DIR", NULL, VALUE_PATH, FIELD(state_dir), 0, 0,
	  "where lists are remembered, instead of ~/.local/state/qxfs" },
	{ "cache_size", "SIZE", "0", VALUE_SIZE, FIELD(cache_size), 0, INT64_MAX,
	  "how large the cache may grow, as 50G; 0: half of the free disk" },
	{ "keep", "SPAN", "30d", VALUE_SPAN, FIELD(keep_s), 1, 10 * YEAR_S,
	  "how long the cache keeps what nobody opens" },
	{ "max_export", "SIZE", "20G", VALUE_SIZE, FIELD(max_export), 1, INT64_MAX,
	  "the largest export, inflated" },
	{ "split_at", "SIZE", "1800000000", VALUE_SIZE, FIELD(split_at), 1, INT64_MAX,
	  "what the service exports at once; a larger export is asked for in parts" },
	{ "token_file", "FILE", NULL, VALUE_PATH, FIELD(token_file), 0, 0,
	  "read the API token from a file that only you can read" },
	{ "timezone", "ZONE", NULL, VALUE_ZONE, FIELD(timezone), 0, 0,
	  "of days in dates/ and of dates in xlsx (default: the machine's)" },
	{ "csv_bom", NULL, NULL, VALUE_NONE, FIELD(csv_bom), 0, 0,
	  "a BOM before CSV files, for Excel's double click" },
	{ "legacy_contacts", "WHEN", "auto", VALUE_LEGACY, FIELD(legacy), 0, 0,
	  "mailing lists of accounts without XM Directory: auto, on or off" },
	{ "hold", "WHEN", "suspicious", VALUE_HOLD, FIELD(hold), 0, 0,
	  "imports that wait for a word: suspicious ones, always, never" },
	{ "import_delay", "SECONDS", "5", VALUE_NUMBER, FIELD(import_delay_s), 0, YEAR_S,
	  "how long nothing must have changed before an import is sent" },
	{ "keep_imports", "SPAN", "7d", VALUE_SPAN, FIELD(keep_imports_s), 0, 10 * YEAR_S,
	  "how long what has been imported stays in import/done" },
	{ "import_charset", "NAME", NULL, VALUE_CHARSET, FIELD(import_charset), 0, 0,
	  "what files to import are written in (default UTF-8; UTF-16 is known by itself)" },
	{ "allow_resubscribe", NULL, NULL, VALUE_NONE, FIELD(allow_resubscribe), 0, 0,
	  "let an import undo that a contact has opted out" },
	{ "only", "SV_a:SV_b", NULL, VALUE_SURVEYS, FIELD(only), 0, 0,
	  "these surveys, by their ids, and no others" },
	{ "hide", "WHAT:WHAT", NULL, VALUE_HIDE, FIELD(hide), 0, 0,
	  "leave out directory, mailinglists, excel, imports" },
	{ "audit", "FILE", NULL, VALUE_AUDIT, FIELD(audit), 0, 0,
	  "a line for each open, given file and import: a file, or syslog" },
	{ "api", NULL, NULL, VALUE_NONE, FIELD(api), 0, 0,
	  "offer any GET of the API below .qxfs/api" },
	{ "allow_other", NULL, NULL, VALUE_NONE, FIELD(allow_other), 0, 0,
	  "let other users of this machine in, as umask= permits" },
	{ "uid", "USER", NULL, VALUE_USER, FIELD(uid), 0, UINT32_MAX - 1,
	  "whose the files are (default: who mounts)" },
	{ "gid", "GROUP", NULL, VALUE_GROUP, FIELD(gid), 0, UINT32_MAX - 1,
	  "the files' group (default: that of who mounts)" },
	{ "umask", "OCTAL", NULL, VALUE_OCTAL, FIELD(umask), 0, 0777,
	  "permissions taken away (default 022, with allow_other 077)" },
	{ "log", "LEVEL", "info", VALUE_LEVEL, FIELD(log), 0, 0, "debug, info, warn or error" },
	{ "ro", NULL, NULL, VALUE_KERNEL, 0, 0, 0, "read-only for the kernel too" },
	{ "rw", NULL, NULL, VALUE_KERNEL, 0, 0, 0, "the opposite of ro" },
	{ "nosuid", NULL, NULL, VALUE_KERNEL, 0, 0, 0, "always on" },
	{ "nodev", NULL, NULL, VALUE_KERNEL, 0, 0, 0, "always on" },
	{ "noexec", NULL, NULL, VALUE_KERNEL, 0, 0, 0, "nothing in the mount can be run" },
	{ "noatime", NULL, NULL, VALUE_KERNEL, 0, 0, 0, "as everywhere; changes nothing here" },
};

/* --- what was probably meant --- */

static const char *mount_option_at(size_t i)
{
	return i < countof(rows) ? rows[i].name : NULL;
}

static const char *flag_at(size_t i)
{
	return i < countof(flags) ? flags[i].word ? flags[i].word : "-f" : NULL;
}

/* --- -o --- */

static void *field_of(struct options *o, size_t where)
{
	return (char *)o + where;
}

static int unknown_option(const char *name, struct qx_fail *fail)
{
	const char *near = nearest(name, mount_option_at);

	if (near)
		return fail_set(fail, EINVAL, "there is no mount option '%s'; did you mean '%s'?",
		                name, near);
	return fail_set(fail, EINVAL, "there is no mount option '%s'; 'qxfs --help' lists them",
	                name);
}

static int refuse_value(const struct option_row *row, const char *value, struct qx_fail *fail)
{
	char hint[VALUE_HINT_BYTES];

	value_hint(row->kind, value, hint);
	return fail_set(fail, EINVAL, "%s=%s is not understood: %s is wanted%s", row->name, value,
	                value_wanted(row->kind), hint);
}

static int set_option(struct options *o, const struct option_row *row, const char *value,
                      struct qx_fail *fail)
{
	if (!row->argument && value)
		return fail_set(fail, EINVAL, "the mount option '%s' takes no value", row->name);
	if (row->argument && !value)
		return fail_set(fail, EINVAL, "the mount option '%s' lacks its value: %s=%s",
		                row->name, row->name, row->argument);

	if (row->kind == VALUE_NONE) {
		*(bool *)field_of(o, row->where) = true;
		return 0;
	}
	if (row->kind == VALUE_KERNEL) {
		buf_addf(&o->kernel, ",%s", row->name);
		return 0;
	}
	int r = value_parse(row->kind, value, row->min, row->max, field_of(o, row->where));
	if (r == -ERANGE && (row->kind == VALUE_NUMBER || row->kind == VALUE_COUNT))
		return fail_set(fail, EINVAL, "%s=%s is out of range: it may be %lld to %lld",
		                row->name, value, (long long)row->min, (long long)row->max);
	if (r == -ERANGE && row->kind == VALUE_SIZE)
		return fail_set(fail, EINVAL, "%s=%s is out of range: it is too %s", row->name,
		                value, value[strspn(value, "0KMGTkmgt")] ? "large" : "small");
	return r < 0 ? refuse_value(row, value, fail) : 0;
}

static int parse_option(struct options *o, char *text, struct qx_fail *fail)
{
	char *value = strchr(text, '=');
	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < countof(rows); i++) {
		if (strcmp(text, rows[i].name) == 0)
			return set_option(o, &rows[i], value, fail);
	}
	return unknown_option(text, fail);
}

/* "a,b=c": separated by commas; a backslash keeps the character behind it. */
static int parse_list(struct options *o, const char *list, struct qx_fail *fail)
{
	struct buf one = { 0 };
	int r = 0;

	for (bool at_end = false; r == 0 && !at_end; list++) {
		at_end = *list == '\0';
		if (*list == '\\' && list[1]) {
			buf_add(&one, ++list, 1);
		} else if (!at_end && *list != ',') {
			buf_add(&one, list, 1);
		} else if (one.len > 0 && !buf_failed(&one)) {
			r = parse_option(o, one.data, fail);
			buf_clear(&one);
		}
	}
	if (buf_failed(&one))
		r = fail_set(fail, ENOMEM, "there is no memory left");
	buf_done(&one);
	return r;
}

/* --- the arguments --- */

static int unknown_flag(const char *argument, struct qx_fail *fail)
{
	const char *near = argument[1] == '-' ? nearest(argument, flag_at) : NULL;

	if (near)
		return fail_set(fail, EINVAL, "there is no flag '%s'; did you mean '%s'?", argument,
		                near);
	return fail_set(fail, EINVAL, "there is no flag '%s'; 'qxfs --help' lists them", argument);
}

static int parse_word(struct options *o, const char *word, struct qx_fail *fail)
{
	for (size_t i = 0; i < countof(flags); i++) {
		if (flags[i].word && strcmp(word, flags[i].word) == 0) {
			*(bool *)field_of(o, flags[i].where) = true;
			return 0;
		}
	}
	return unknown_flag(word, fail);
}

/* "-fo OPTIONS": letters behind one dash; *ret_used: the next argument was the value of -o. */
static int parse_letters(struct options *o, const char *argument, const char *next, bool *ret_used,
                         struct qx_fail *fail)
{
	for (const char *letter = argument + 1; *letter; letter++) {
		if (*letter == 'o') {
			const char *list = letter[1] ? letter + 1 : next;
			*ret_used = !letter[1];
			if (!list)
				return fail_set(fail, EINVAL,
				                "-o lacks its options: -o NAME=VALUE,NAME");
			return parse_list(o, list, fail);
		}
		size_t i = 0;
		while (i < countof(flags) && flags[i].letter != *letter)
			i++;
		if (i == countof(flags))
			return unknown_flag(argument, fail);
		*(bool *)field_of(o, flags[i].where) = true;
	}
	return 0;
}

static int take_mountpoint(struct options *o, const char *argument, struct qx_fail *fail)
{
	if (!*argument)
		return fail_set(fail, EINVAL, "the mount point is an empty word");
	/* "A mount point has a slash": what has none before it is a profile. */
	if (o->mountpoint && !o->profile && !strchr(o->mountpoint, '/')) {
		o->profile = o->mountpoint;
		o->mountpoint = NULL;
	}
	if (o->mountpoint)
		return fail_set(fail, EINVAL, "one mount point is wanted, not '%s' and '%s' too",
		                o->mountpoint, argument);
	o->mountpoint = strdup(argument);
	return o->mountpoint ? 0 : fail_set(fail, ENOMEM, "there is no memory left");
}

static int set_defaults(struct options *o, struct qx_fail *fail)
{
	o->uid = geteuid();
	o->gid = getegid();
	o->umask = -1;
	o->notify_s = -1;
	buf_add_str(&o->kernel, "nosuid,nodev");
	for (size_t i = 0; i < countof(rows); i++) {
		int r = rows[i].standard ? set_option(o, &rows[i], rows[i].standard, fail) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int options_parse(int argc, char *const argv[], bool mountpoint_optional, const char *before,
                  struct options *o, struct qx_fail *fail)
{
	bool only_paths = false;
	int r = set_defaults(o, fail);

	if (r == 0 && before)
		r = parse_list(o, before, fail);

	for (int i = 0; r == 0 && i < argc; i++) {
		bool used = false;
		if (only_paths || argv[i][0] != '-' || !argv[i][1])
			r = take_mountpoint(o, argv[i], fail);
		else if (strcmp(argv[i], "--") == 0)
			only_paths = true;
		else if (argv[i][1] == '-')
			r = parse_word(o, argv[i], fail);
		else
			r = parse_letters(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used,
			                  fail);
		i += used;
	}
	if (r == 0 && buf_failed(&o->kernel))
		r = fail_set(fail, ENOMEM, "there is no memory left");
	if (r < 0)
		return r;

	if (o->debug) {
		o->foreground = true;
		o->log = LOG_LEVEL_DEBUG;
	}
	if (o->umask < 0)
		o->umask = o->allow_other ? 077 : 022;
	if (!o->mountpoint && !mountpoint_optional && !o->help && !o->version && !o->print_tree &&
	    !o->print_parameters)
		return fail_set(fail, EINVAL,
		                "a mount point is wanted: qxfs [-o OPTIONS] [PROFILE] MOUNTPOINT");
	return 0;
}

void options_done(struct options *o)
{
	free(o->cache_dir);
	free(o->state_dir);
	free(o->token_file);
	free(o->import_charset);
	free(o->crawlers);
	free(o->only);
	free(o->audit);
	free(o->timezone);
	free(o->mountpoint);
	free(o->profile);
	buf_done(&o->kernel);
	*o = (struct options){ 0 };
}

/* --- help --- */

void options_print_flags(FILE *out)
{
	for (size_t i = 0; i < countof(flags); i++) {
		char left[WORD_MAX];
		const char letter[] = { '-', flags[i].letter, '\0' };

		(void)snprintf(left, sizeof(left), "%s%s%s", flags[i].letter ? letter : "",
		               flags[i].letter && flags[i].word ? ", " : "",
		               flags[i].word ? flags[i].word : "");
		fprintf(out, "  %-*s %s\n", HELP_COLUMN, left, flags[i].help);
	}
	fprintf(out, "  %-*s %s\n", HELP_COLUMN, "-o OPTIONS", "mount options, see below");
}

void options_print_mount(FILE *out)
{
	for (size_t i = 0; i < countof(rows); i++) {
		char left[WORD_MAX];

		(void)snprintf(left, sizeof(left), "%s%s%s", rows[i].name,
		               rows[i].argument ? "=" : "",
		               rows[i].argument ? rows[i].argument : "");
		fprintf(out, "  %-*s %s", HELP_COLUMN, left, rows[i].help);
		if (rows[i].standard)
			fprintf(out, " (default %s)", rows[i].standard);
		fputc('\n', out);
	}
}
